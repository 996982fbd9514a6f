"""Measured beside published: nothing is called comparable that is not."""

import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from serkit import audio, metrics, papers, report, study
from serkit.errors import SerkitError

PAPER_SETTINGS = {
    **papers.profile_values(papers.find("li2018"), "paper"),
    "seeds": 3,
    "corpus": "iemocap",
    "root": "/x",
}


def corpus(name="iemocap", miniature=False, errors=0, redistributable=False):
    return SimpleNamespace(
        name=name,
        miniature=miniature,
        title=name,
        complete=not errors and not miniature,
        check=lambda: pd.DataFrame({"level": ["error"] * errors + ["note"]}),
        redistributable=redistributable,
    )


def results(tmp_path, found=None, **changed):
    return report.Results("li2018", found or corpus(), {**PAPER_SETTINGS, "out": str(tmp_path), **changed})


def predicted_by(random, model, skill, speakers, seeds=2, classes=("neutral", "happy")):
    rows = []
    for seed in range(seeds):
        for number in range(speakers):
            true = random.choice(classes, 40)
            rows.append(
                pd.DataFrame(
                    {
                        "model": model,
                        "fold": f"s{number}",
                        "speaker": f"s{number}",
                        "seed": seed,
                        "label": true,
                        "predicted": np.where(random.random(40) < skill, true, classes[1]),
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


@pytest.fixture
def predictions(random):
    return pd.concat(
        [predicted_by(random, "CNN_TF_GAP", 0.5, 3), predicted_by(random, "CNN_TF_Att.pooling", 0.9, 3)],
        ignore_index=True,
    )


@pytest.fixture
def ten_speakers(random):
    return pd.concat(
        [predicted_by(random, "CNN_TF_GAP", 0.5, 10), predicted_by(random, "CNN_TF_Att.pooling", 0.9, 10)],
        ignore_index=True,
    )


def saved(tmp_path, name):
    return pd.read_csv(tmp_path / "tables" / f"{name}.csv")


def test_every_published_number_has_a_row(tmp_path, predictions):
    shown = results(tmp_path).claims(report.measured_scores(predictions, 1))
    claims = saved(tmp_path, "claims")
    assert len(claims) == len(papers.table("li2018", 1))
    assert list(claims.columns) == report.CLAIM_COLUMNS
    assert (claims["paper"] == "li2018").all()
    by_row = claims.set_index(["row", "metric"])
    gap = predictions[predictions["model"] == "CNN_TF_GAP"]
    pooled = [100 * (one["label"] == one["predicted"]).mean() for _, one in gap.groupby("seed")]
    assert by_row.loc[("CNN_TF_GAP", "WA"), "measured"] == pytest.approx(np.mean(pooled), abs=0.005)
    assert by_row.loc[("CNN_TF_GAP", "WA"), "runs"] == 6
    assert by_row.loc[("CNN_TF_GAP", "WA"), "comparable"]
    assert by_row.loc[("CNN_TF_GAP", "WA"), "published"] == 71.35
    assert np.isnan(by_row.loc[("CNN_TF_GAP", "WA"), "low"]), "three speakers"
    assert np.isnan(by_row.loc[("DNN-ELM", "WA"), "measured"])
    assert by_row.loc[("DNN-ELM", "WA"), "why_not"] == "earlier work, published only"
    assert by_row.loc[("CNN_TF_Bilinear", "WA"), "why_not"] == "not measured here"
    assert not by_row.loc[["DNN-ELM", "CNN_TF_Bilinear"], "comparable"].any()
    assert shown["row"].tolist()[:4] == ["CNN_TF_GAP"] * 2 + ["CNN_TF_Att.pooling"] * 2, "measured ones first"
    assert "CNN_TF_Bilinear" not in set(shown["row"]), "neither measured nor cited"
    assert shown.iloc[4:]["why_not"].eq("earlier work, published only").all()


def test_claims_have_intervals(tmp_path, ten_speakers):
    claims = results(tmp_path).claims(report.measured_scores(ten_speakers, 1))
    measured = claims[claims["measured"].notna()]
    assert (measured["low"] < measured["measured"]).all()
    assert (measured["measured"] < measured["high"]).all()


def test_a_measured_table_may_lack_intervals(tmp_path):
    counted = pd.DataFrame({"table": [1], "row": ["CNN_TF_GAP"], "metric": ["WA"], "measured": [70.0]})
    (row,) = results(tmp_path).claims(counted).query("measured == 70").to_dict("records")
    assert np.isnan(row["low"])
    assert row["runs"] == 0


@pytest.mark.parametrize(
    ("given", "changed", "full", "short"),
    [
        (corpus(miniature=True), {}, "synthetic miniature of iemocap, not the corpus", "synthetic miniature"),
        (corpus("ravdess"), {}, "corpus ravdess; the paper's is iemocap", "corpus"),
        (corpus(errors=1), {}, "this copy is not the whole corpus, or it fails its check", "incomplete copy"),
        (corpus(), {"batch_size": 9}, "batch_size = 9; the paper says 64", "batch_size = 9 (paper: 64)"),
        (
            corpus(),
            {"fold_limit": 2},
            "fold_limit = 2; the paper says all ten folds",
            "fold_limit = 2 (paper: all ten folds)",
        ),
    ],
)
def test_each_difference_makes_it_not_comparable(tmp_path, predictions, given, changed, full, short):
    result = results(tmp_path, given, **changed)
    assert result.why_not == (full,)
    assert f"* {full}" in result.banner()
    assert "**Not comparable**" in result.banner()
    claims = result.claims(report.measured_scores(predictions, 1))
    assert not claims["comparable"].any()
    assert claims.loc[claims["measured"].notna(), "why_not"].iloc[0] == short
    assert saved(tmp_path, "reasons")["in_full"].tolist() == [full]


def stub(monkeypatch, *differences):
    monkeypatch.setattr(papers, "differences", lambda *_: list(differences))


def test_what_the_paper_says_is_told_apart_from_what_our_profile_says(tmp_path, monkeypatch, predictions):
    stub(
        monkeypatch,
        papers.Difference("patience", 3, 15, "ours"),
        papers.Difference("epochs", 14, 50, "paper"),
        papers.Difference("shapes", [1, 2, 3, 4, 5, 6], [1], "paper"),
    )
    result = results(tmp_path)
    assert result.why_not[:2] == (
        "patience = 3; our paper profile says 15, the paper is silent",
        "epochs = 14; the paper says 50",
    )
    claims = result.claims(report.measured_scores(predictions, 1))
    short = "epochs = 14 (paper: 50); shapes = 1, 2, 3, 4, 5, 6 (paper: 1); patience = 3 (paper profile: 15)"
    assert claims["why_not"].iloc[0] == short, "what the paper states comes first"
    kinds = saved(tmp_path, "reasons").set_index("reason")["kind"].to_dict()
    silent, stated = "the paper is silent", "the paper states another value"
    assert kinds == {"patience": silent, "epochs": stated, "shapes": stated}


def test_what_the_paper_says_is_quoted_in_words(tmp_path, monkeypatch, predictions):
    """No code of ours stands as a quotation, and what cannot be followed is no silence."""
    stub(
        monkeypatch,
        papers.Difference("fold_limit", 1, 0, "paper", said="every fold"),
        papers.Difference("classes", ["a"], [""], "paper", said="four classes"),
        papers.Difference("style", "improvised", "", "paper"),
        papers.Difference("merge", [""], ["excited=happy"], "paper"),
        papers.Difference("top", 4000.0, 8000.0, "ours", said="0 to 11 kHz"),
    )
    result = results(tmp_path)
    assert result.why_not == (
        "fold_limit = 1; the paper says every fold",
        "classes = a; the paper says four classes",
        "style = improvised; the paper has none",
        "merge = none; the paper says excited=happy",
        "top = 4000.0; our paper profile says 8000.0, the paper says 0 to 11 kHz",
    )
    short = result.claims(report.measured_scores(predictions, 1))["why_not"].iloc[0]
    assert short.startswith("fold_limit = 1 (paper: every fold); classes = a (paper: four classes); ")
    kinds = saved(tmp_path, "reasons")["kind"].tolist()
    assert kinds == ["the paper states another value"] * 4 + ["cannot be followed as it stands"]


def test_long_values_are_cut_in_short_reasons(tmp_path, monkeypatch, predictions):
    stub(monkeypatch, papers.Difference("crop_widths", [32] * 4, list(range(100, 120)), "paper"))
    result = results(tmp_path)
    short = result.claims(report.measured_scores(predictions, 1))["why_not"].iloc[0]
    assert short == "crop_widths = 32, 32, 32, 32 (paper: 100, 101, 102, 103 ...)"
    assert "118, 119" in result.why_not[0], "whole once"
    assert report._cut("ten folds, one speaker left out in each") == "ten folds, one ..."
    assert report._cut("x" * 30) == "x" * 20 + " ..."


def test_many_reasons_are_short_in_the_table_and_whole_once(tmp_path, monkeypatch, predictions):
    stub(monkeypatch, *(papers.Difference(f"setting_{number}", 1, 2, "paper") for number in range(9)))
    result = results(tmp_path, corpus("ravdess"))
    short = result.claims(report.measured_scores(predictions, 1))["why_not"].iloc[0]
    assert short.startswith("corpus; setting_0 = 1 (paper: 2); ")
    assert short.endswith("; and 5 more settings")
    assert len(saved(tmp_path, "reasons")) == 10
    assert all(f"setting_{number} = 1; the paper says 2" in result.banner() for number in range(9))


def test_a_setting_counts_only_where_it_matters(tmp_path, monkeypatch, predictions):
    stub(
        monkeypatch,
        papers.Difference("filter_epochs", 8, 50, "paper", ("figure 2",)),
        papers.Difference("attention_pool", "mean", "sum", "ours", ("row CNN_TF_Att.pooling",)),
    )
    result = results(tmp_path)
    result.not_comparable("half of the folds: the others are not done", affects=["table 7"])
    claims = result.claims(report.measured_scores(predictions, 1)).set_index(["row", "metric"])
    assert claims.loc[("CNN_TF_GAP", "WA"), "comparable"], "Figure 2 does not matter for Table 1"
    assert claims.loc[("CNN_TF_GAP", "WA"), "why_not"] == ""
    assert not claims.loc[("CNN_TF_Att.pooling", "WA"), "comparable"]
    assert claims.loc[("CNN_TF_Att.pooling", "WA"), "why_not"] == "attention_pool = mean (paper profile: sum)"
    banner = result.banner()
    assert "but not everywhere" in banner
    assert "(only figure 2)" in banner
    assert "* half of the folds: the others are not done (only table 7)" in banner


def test_choices_of_ours_are_counted(tmp_path, predictions):
    """For each row those on which it depends: li2018's choices of filter shapes bear on Figure 2 alone."""
    result = results(tmp_path)
    claims = result.claims(report.measured_scores(predictions, 1))
    assert claims.loc[claims["measured"].notna(), "choices"].eq(3).all()
    depends_on = saved(tmp_path, "claims").set_index("row").loc["CNN_TF_GAP", "depends_on"].iloc[0].split(", ")
    assert {"pool_after", "gamma", "epochs"} <= set(depends_on)
    assert not {"filter_heights", "seeds", "workers"} & set(depends_on)
    ours = [name for name in depends_on if result.paper.parameters[name].source == "ours"]
    assert ours == ["trim", "pool_after", "gamma"]
    banner = result.banner()
    assert "iemocap, complete, with 3 choices of ours where the paper is silent." in banner
    assert "every setting as published" not in banner


def test_rows_may_depend_on_different_numbers_of_choices(tmp_path):
    settings = {**papers.profile_values(papers.find("khorram2017"), "paper"), "out": str(tmp_path)}
    banner = report.Results("khorram2017", corpus("recola"), settings).banner()
    found = re.search(r"with (\d+) to (\d+) choices of ours where the paper is silent, depending on the row", banner)
    ours = sum(one.source == "ours" for one in papers.find("khorram2017").parameters.values())
    assert 0 < int(found[1]) < int(found[2]) < ours, "Figure 1's are among all of them"


def test_a_reason_may_be_of_one_metric(tmp_path, monkeypatch, predictions):
    stub(monkeypatch, papers.Difference("epochs", 1, 50, "paper", ("metric UA",)))
    result = results(tmp_path)
    result.not_comparable("half of the test", affects=["table 1 row CNN_TF_GAP metric WA"])
    claims = result.claims(report.measured_scores(predictions, 1)).set_index(["row", "metric"])
    found = claims.loc[claims["measured"].notna(), "comparable"].to_dict()
    assert found == {
        ("CNN_TF_GAP", "WA"): False, ("CNN_TF_GAP", "UA"): False,
        ("CNN_TF_Att.pooling", "WA"): True, ("CNN_TF_Att.pooling", "UA"): False,
    }  # fmt: skip


def test_a_reason_given_again_is_there_once(tmp_path):
    result = results(tmp_path)
    for _ in range(2):  # a cell that is run again
        result.not_comparable("half of the folds: the others are not done", affects=["table 7"])
        result.not_comparable("the actors are others")
    assert result.why_not == ("half of the folds: the others are not done", "the actors are others")


def test_a_setting_changed_after_the_beginning_is_refused(tmp_path, predictions):
    now = {**PAPER_SETTINGS, "out": str(tmp_path)}
    result = report.Results("li2018", corpus(), dict(now), current=lambda: now)
    now |= {"workers": 7, "out": "/elsewhere", "profile": "mine"}
    measured = report.measured_scores(predictions, 1)
    result.claims(measured)
    now["epochs"] = 2
    for refused in (
        lambda: result.claims(measured),
        lambda: result.comparisons(predictions, [PAIR]),
        lambda: result.scores(predictions),
        result.findings,
    ):
        with pytest.raises(
            SerkitError, match=r"^epochs was 50 when the notebook began and is 2 now: run the cell with b"
        ):
            refused()
    now["epochs"] = 50
    result.findings()


def zhao(tmp_path, name, **given):
    settings = {**papers.profile_values(papers.find("zhao2018"), "paper"), "out": str(tmp_path), "seeds": 1}
    return report.Results("zhao2018", corpus(name), settings, **given)


def test_a_paper_may_have_several_corpora(tmp_path):
    assert papers.find("zhao2018").own == ("iemocap", "cheavd")
    assert papers.find("li2018").own == ("iemocap",)
    assert zhao(tmp_path, "iemocap").why_not == zhao(tmp_path, "cheavd").why_not == ()
    assert zhao(tmp_path, "ravdess").why_not == ("corpus ravdess; the paper's is iemocap and cheavd",)


def test_a_note_stands_beside_the_corpus(tmp_path):
    result = zhao(tmp_path, "cheavd", note="labels are a proxy")
    assert result.label == "cheavd, labels are a proxy"
    assert result.why_not == (), "a note alone is no reason"
    figure, _ = plt.subplots()
    result.figure("noted", figure)
    assert "zhao2018 on cheavd, labels are a proxy" in [text.get_text() for text in figure.texts]
    plt.close(figure)
    assert zhao(tmp_path, "cheavd").label == "cheavd"


def test_further_reasons_make_it_not_comparable(tmp_path, predictions):
    reasons = ["valence by proxy: it is guessed from the words", "the actors are others"]
    result = report.Results(
        "li2018", corpus(), {**PAPER_SETTINGS, "out": str(tmp_path), "batch_size": 49}, "a proxy", iter(reasons)
    )
    assert result.why_not == ("batch_size = 49; the paper says 64", *reasons)
    assert "**Not comparable** with the paper's numbers (iemocap, a proxy)" in result.banner()
    assert all(f"* {reason}" in result.banner() for reason in reasons)
    claims = result.claims(report.measured_scores(predictions, 1))
    assert not claims["comparable"].any()
    assert set(claims.loc[claims["measured"].notna(), "why_not"]) == {
        "valence by proxy; the actors are others; batch_size = 49 (paper: 64)"
    }
    alone = report.Results("li2018", corpus(), {**PAPER_SETTINGS, "out": str(tmp_path)}, reasons=reasons[:1])
    assert not alone.claims(report.measured_scores(predictions, 1))["comparable"].any()


def test_where_and_how_often_does_not_matter(tmp_path):
    result = results(tmp_path, seeds=7, workers=4, scheduler="tcp://x", profile="mine")
    assert result.why_not == ()
    assert "**Comparable**" in result.banner()


def test_score_table(predictions):
    table = report.score_table(predictions).set_index("model")
    row = table.loc["CNN_TF_Att.pooling"]
    assert np.isnan(row["UA low"])
    assert row["why"] == "3 speakers, fewer than 8"
    assert row["speakers"] == 3
    assert row["UA floor"] == 50
    assert row["folds"] == 3
    assert row["seeds"] == 2
    part = predictions[predictions["model"] == "CNN_TF_Att.pooling"]
    happy = part[part["label"] == "happy"]
    assert row["recall happy"] == pytest.approx(100 * (happy["predicted"] == "happy").mean(), abs=0.01)


def test_figures_name_the_corpus_and_are_the_same_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("SERKIT_PDF", "1")
    result = results(tmp_path, corpus(miniature=True))
    content = []
    for _ in range(2):
        figure, axis = plt.subplots()
        axis.plot([1, 2])
        result.figure("line", figure)
        assert "li2018 on iemocap miniature (synthetic speech)" in [text.get_text() for text in figure.texts]
        content.append([(tmp_path / "figures" / name).read_bytes() for name in ("line.png", "line.pdf")])
    assert content[0] == content[1]


@pytest.mark.parametrize("value", [None, "0", ""])
def test_a_pdf_is_written_when_asked_for(tmp_path, monkeypatch, value):
    monkeypatch.delenv("SERKIT_PDF", raising=False)
    if value is not None:
        monkeypatch.setenv("SERKIT_PDF", value)
    results(tmp_path).figure("line", plt.figure())
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["line.png"]


def test_what_a_notebook_shows_is_the_file(tmp_path, monkeypatch):
    """Drawn once, and closed: the notebook would draw an open figure again at the end of the cell."""
    shown, figure = [], plt.figure(figsize=(4, 3))
    monkeypatch.setattr("IPython.get_ipython", object)
    monkeypatch.setattr("IPython.display.display", shown.append)
    results(tmp_path).figure("line", figure)
    (image,) = shown
    assert image.data == (tmp_path / "figures" / "line.png").read_bytes()
    wide = plt.imread(tmp_path / "figures" / "line.png").shape[1]
    assert image.width == wide * 100 // 150, "as large as at 100 points an inch"
    assert not plt.fignum_exists(figure.number)


def test_other_measures_and_folds_that_are_repetitions(predictions):
    measures = {"MAF": metrics.macro_f1}
    found = report.measured_scores(predictions, 2, measures, pooled=False).set_index("row").loc["CNN_TF_GAP"]
    gap = predictions[predictions["model"] == "CNN_TF_GAP"]
    by_fold = [100 * metrics.macro_f1(one["label"], one["predicted"]) for _, one in gap.groupby(["seed", "fold"])]
    assert found["metric"] == "MAF"
    assert found["table"] == 2
    assert found["runs"] == 6
    assert found["measured"] == pytest.approx(np.mean(by_fold), abs=0.005)
    assert found["sd"] == pytest.approx(np.std(by_fold, ddof=1), abs=0.005)
    row = report.score_table(predictions, measures).set_index("model").loc["CNN_TF_GAP"]
    assert row["MAF fold mean"] == pytest.approx(np.mean(by_fold), abs=0.005)
    assert found["measured"] != pytest.approx(row["MAF pooled"], abs=0.005)
    assert not any(name.startswith("WA") for name in row.index)


def test_each_run_has_its_own_scores(predictions):
    found = report.fold_scores(predictions, {"WA": metrics.wa, "MAF": metrics.macro_f1})
    assert list(found.columns) == ["model", "fold", "seed", "WA", "MAF"]
    parts = predictions.groupby(["model", "fold", "seed"], sort=False)
    assert found[["model", "fold", "seed"]].to_numpy().tolist() == [list(run) for run, _ in parts], "in their order"
    for name, metric in (("WA", metrics.wa), ("MAF", metrics.macro_f1)):
        expected = [100 * metric(part["label"], part["predicted"]) for _, part in parts]
        assert found[name].tolist() == pytest.approx(expected, abs=0.005)


def test_a_run_is_what_it_is_said_to_be(predictions):
    right = predictions.assign(dataset="other", predicted=predictions["label"])
    both = pd.concat([predictions.assign(dataset="one"), right], ignore_index=True)
    found = report.fold_scores(both, by=("dataset", "model", "fold", "seed"))
    assert list(found.columns) == ["dataset", "model", "fold", "seed", "WA", "UA"]
    assert len(found) == 2 * 12
    assert (found.loc[found["dataset"] == "other", ["WA", "UA"]] == 100).all(axis=None)
    assert found.loc[found["dataset"] == "one", "WA"].mean() < 95


def test_the_table_names_pooled_and_fold_means(tmp_path, ten_speakers):
    table = results(tmp_path).scores(ten_speakers).set_index("model")
    assert len(saved(tmp_path, "scores")) == 2
    row = table.loc["CNN_TF_GAP"]
    assert row["UA low"] < row["UA pooled"] < row["UA high"]
    assert row["why"] == ""
    assert {"WA pooled", "WA fold mean", "WA fold sd", "WA floor"} <= set(table.columns)
    assert (row["folds"], row["seeds"], row["speakers"], row["utterances"]) == (10, 2, 10, 400)
    by_mean = report.score_table(ten_speakers, pooled=False).set_index("model").loc["CNN_TF_GAP"]
    assert (by_mean["UA low"] + by_mean["UA high"]) / 2 == pytest.approx(by_mean["UA fold mean"], abs=0.01)


def test_groups_lead_the_table(ten_speakers):
    both = pd.concat([ten_speakers.assign(dataset="one"), ten_speakers.assign(dataset="two")])
    table = report.score_table(both, by=["dataset"])
    assert table[["dataset", "model"]].to_numpy().tolist() == [
        [dataset, model] for dataset in ("one", "two") for model in ("CNN_TF_GAP", "CNN_TF_Att.pooling")
    ]


def test_numbers_that_are_no_percentages(random):
    values = random.normal(size=(9, 200))
    frames = pd.DataFrame({"model": "Dilated", "seed": 0, "fold": "all", "speaker": np.repeat(range(9), 200)})
    frames = frames.assign(label=values.ravel(), predicted=values.ravel() + random.normal(size=1800))
    (row,) = report.measured_scores(frames, 1, {"dev CCC": metrics.ccc}, percent=False).to_dict("records")
    assert row["measured"] == pytest.approx(metrics.ccc(frames["label"], frames["predicted"]), abs=1e-4)
    assert -1 <= row["low"] < row["measured"] < row["high"] <= 1


PAIR = ("CNN_TF_Att.pooling", "CNN_TF_GAP")


def test_comparisons_have_a_verdict(tmp_path, ten_speakers):
    result = results(tmp_path)
    shown = result.comparisons(ten_speakers, [PAIR, ("CNN_TF_Bilinear", "CNN_TF_GAP")])
    table = saved(tmp_path, "comparisons")
    assert list(table.columns) == report.COMPARISON_COLUMNS
    assert len(shown) == len(table) == 2, "WA and UA of the models that were run"
    row = table.set_index("metric").loc["WA"]
    claims = result.claims(report.measured_scores(ten_speakers, 1)).set_index(["row", "metric"])["measured"]
    assert row["measured"] == pytest.approx(claims[PAIR[0], "WA"] - claims[PAIR[1], "WA"], abs=0.011)
    assert row["published"] == pytest.approx(71.75 - 71.35)
    assert row["verdict"] == "holds"
    assert row["p"] == pytest.approx(2 / 2**10, abs=1e-4), "every speaker, one of 1024 exchanges and its mirror image"
    assert (row["speakers"], row["seeds"], row["unit"]) == (10, 2, "points")


def test_the_seeds_of_both_models_are_told_where_one_has_fewer(tmp_path, ten_speakers):
    """A baseline has one; a network's are not hidden behind it."""
    fewer = ten_speakers[(ten_speakers["model"] != PAIR[1]) | (ten_speakers["seed"] == ten_speakers["seed"].min())]
    result = results(tmp_path)
    result.comparisons(fewer, [PAIR], {"WA": metrics.wa})
    assert saved(tmp_path, "comparisons")["seeds"].tolist() == ["2 and 1"]
    assert "; 10 speakers, 2 and 1 seeds." in result.findings().data


def test_where_runs_failed_whole_folds_are_compared(tmp_path, ten_speakers, monkeypatch):
    folds = sorted(ten_speakers["fold"].unique())
    of_first = ten_speakers["model"] == PAIR[0]
    lost = ten_speakers[~(of_first & (ten_speakers["fold"] == folds[0]) & (ten_speakers["seed"] == 1))]
    lost = lost[~((lost["model"] == PAIR[1]) & (lost["fold"] == folds[1]))]
    with pytest.raises(SerkitError, match="different speakers: compare them on the same folds"):
        results(tmp_path).comparisons(lost, [PAIR])
    gone = pd.DataFrame({"run": ["x"], "error": ["y"], "record": ["z"]})
    monkeypatch.setattr(study, "missing", lambda _: gone)
    results(tmp_path).comparisons(lost, [PAIR], {"WA": metrics.wa})
    found = saved(tmp_path, "comparisons").iloc[0]
    assert found["speakers"] == 10 - ten_speakers.loc[ten_speakers["fold"].isin(folds[:2]), "speaker"].nunique()
    results(tmp_path).comparisons(ten_speakers.drop(columns="fold"), [PAIR], {"WA": metrics.wa})
    assert saved(tmp_path, "comparisons")["speakers"].tolist() == [10]
    results(tmp_path).comparisons(ten_speakers[of_first == (ten_speakers["fold"] == folds[0])], [PAIR])
    assert saved(tmp_path, "comparisons").empty


def test_the_opposite_and_too_few_speakers(tmp_path, ten_speakers, predictions):
    turned = ten_speakers.replace({"model": {PAIR[0]: PAIR[1], PAIR[1]: PAIR[0]}})
    found = results(tmp_path).comparisons(turned, [PAIR]).set_index("metric")
    assert found.loc["UA", "verdict"] == "does not hold"
    found = results(tmp_path).comparisons(predictions, [PAIR]).set_index("metric")
    assert found.loc["UA", "verdict"] == "undecided"
    assert found.loc["UA", "why"] == "3 speakers, fewer than 8"
    assert np.isnan(found.loc["UA", ["low", "high", "p"]].astype(float)).all()


def test_comparisons_are_comparable_or_not(tmp_path, monkeypatch, ten_speakers):
    """As claims are: what bears on either of the two models counts."""
    differs = papers.Difference("attention_pool", "mean", "sum", "paper", ("row CNN_TF_Att.pooling metric UA",))
    stub(monkeypatch, differs)
    result = results(tmp_path)
    result.comparisons(ten_speakers, [PAIR])
    table = saved(tmp_path, "comparisons").set_index("metric")
    assert table["comparable"].to_dict() == {"WA": True, "UA": False}
    assert table.loc["UA", "why_not"] == "attention_pool = mean (paper: sum)"
    assert table["made_by"].eq("paper").all()
    wa, ua = [line for line in result.findings().data.splitlines() if "better than" in line]
    assert wa.endswith("2 seeds.")
    assert ua.endswith("; not comparable: attention_pool = mean (paper: sum).")


def test_comparisons_of_ours_are_marked(tmp_path, ten_speakers):
    result = results(tmp_path)
    result.comparisons(ten_speakers, [PAIR], {"WA": metrics.wa}, made_by="ours")
    assert "Nothing that the paper compares was compared.\n\nNot in the paper:" in result.findings().data
    result.comparisons(ten_speakers, [PAIR[::-1]], {"WA": metrics.wa})
    ours, paper = saved(tmp_path, "comparisons").to_dict("records")
    assert (ours["made_by"], ours["comparable"], ours["why_not"]) == ("ours", False, "the paper does not compare them")
    assert (paper["made_by"], paper["comparable"]) == ("paper", True)
    text = result.findings().data
    assert text.index("* CNN_TF_GAP better") < text.index("Not in the paper:") < text.index("* CNN_TF_Att.pooling")
    with pytest.raises(SerkitError, match="unknown maker of a comparison 'us'"):
        result.comparisons(ten_speakers, [PAIR], made_by="us")


def test_numbers_of_earlier_work_are_marked(tmp_path, ten_speakers):
    """The paper prints another group's number; ours is of a network that we made."""
    own = ten_speakers.replace({"model": {PAIR[1]: "DNN-ELM"}})
    result = results(tmp_path)
    result.comparisons(own, [(PAIR[0], "DNN-ELM")], {"WA": metrics.wa})
    (row,) = saved(tmp_path, "comparisons").to_dict("records")
    assert (row["made_by"], row["comparable"], row["why_not"]) == ("paper, cited", False, "earlier work's number")
    assert "; one of the paper's two numbers is earlier work's." in result.findings().data


def test_comparisons_add_up_and_findings_name_them(tmp_path, ten_speakers):
    result = results(tmp_path, seeds=1, batch_size=9)
    assert "Nothing was compared." in result.findings().data
    for _ in range(2):  # a cell that is run again
        result.comparisons(ten_speakers, [PAIR], {"WA": metrics.wa})
        result.comparisons(ten_speakers, [PAIR], {"UA": metrics.ua})
    table = saved(tmp_path, "comparisons")
    assert table["metric"].tolist() == ["WA", "UA"]
    assert table["unit"].tolist() == ["points", "points"]
    assert table["published"].iloc[1] == pytest.approx(68.06 - 67.54, abs=0.005)
    text = result.findings().data
    lines = [line for line in text.splitlines() if line.startswith("* ")]
    assert len(lines) == 2
    assert lines[0].startswith("* CNN_TF_Att.pooling better than CNN_TF_GAP, WA: **holds**. Paper +0.4 points, here +")
    assert lines[0].endswith("10 speakers, 2 seeds.")
    assert "**Not comparable**" in text


def test_less_is_better_where_no_number_is_printed(tmp_path, random):
    values = random.normal(size=900)
    frames = pd.DataFrame({"seed": 0, "fold": "all", "speaker": np.repeat(range(9), 100), "label": values})
    both = pd.concat(
        frames.assign(model=model, predicted=values + noise * random.normal(size=900))
        for model, noise in (("Dilated", 0.1), ("Down/Up", 0.5))
    )
    settings = {**papers.profile_values(papers.find("khorram2017"), "paper"), "out": str(tmp_path)}
    result = report.Results("khorram2017", corpus("recola"), settings)
    measures = {"distance": metrics.rmse, "likeness": metrics.ccc}
    found = result.comparisons(both, [("Dilated", "Down/Up")], measures, percent=False).set_index("metric")
    assert found["verdict"].tolist() == ["holds", "holds"]
    assert found.loc["distance", "measured"] < 0 < found.loc["likeness", "measured"] < 1
    assert found["published"].isna().all()
    assert "Paper not printed" in result.findings().data


def test_rows_of_other_names_and_repeated_folds(tmp_path, ten_speakers):
    own = ten_speakers.replace({"model": {PAIR[0]: "ours"}})
    found = results(tmp_path).comparisons(
        own, [("ours", PAIR[1])], {"UA": metrics.ua}, rows={"ours": PAIR[0]}, pooled=False
    )
    assert found["published"].item() == pytest.approx(68.06 - 67.54)
    means = report.measured_scores(own, 1, {"UA": metrics.ua}, pooled=False).set_index("row")["measured"]
    assert found["measured"].item() == pytest.approx(means["ours"] - means[PAIR[1]], abs=0.011)


def test_confusions_are_tables_and_one_figure(tmp_path, predictions):
    named = predictions.replace({"model": {"CNN_TF_GAP": "Down/Up"}})
    result = results(tmp_path)
    result.confusions(named, ["happy", "neutral"])
    counts = saved(tmp_path, "confusion_Down_Up")
    assert counts["true"].tolist() == ["happy", "neutral"]
    assert counts[["happy", "neutral"]].to_numpy().sum() == (named["model"] == "Down/Up").sum()
    assert (tmp_path / "figures" / "confusion.png").is_file()
    result.confusions(named, ["happy", "neutral"], ["Down/Up", "not run"], name="one")
    assert not (tmp_path / "tables" / "one_CNN_TF_Att.pooling.csv").exists()
    plt.close("all")


def test_a_papers_own_matrix_stands_beside_the_best_one(tmp_path, monkeypatch):
    """All models have their tables; the title of the best says that it was found by the predictions it shows."""
    drawn, answers = [], {"own": ["a", "b", "b", "b"], "other": ["a", "a", "b", "a"], "third": ["b", "b", "a", "a"]}
    made = [pd.DataFrame({"model": model, "label": list("aabb"), "predicted": said}) for model, said in answers.items()]
    monkeypatch.setattr(report.plots, "confusions", lambda matrices: drawn.append(list(matrices)) or plt.figure())
    for more in ([], [made[2].assign(model="best", predicted=list("aabb"))]):
        results(tmp_path).confusions(pd.concat([*made, *more]), ["a", "b"], own="own")
    found = "highest UA of {} models,\nfound by these predictions"
    assert drawn == [[f"own\n{found.format(3)}"], ["own", f"best\n{found.format(4)}"]]
    assert {path.stem for path in (tmp_path / "tables").glob("confusion_*")} == {
        f"confusion_{name}" for name in [*answers, "best"]
    }
    plt.close("all")


def test_gated_speech_is_not_played(tmp_path):
    audio.write(tmp_path / "a.wav", np.sin(np.arange(32000.0)).astype("float32"), 16000)
    row = pd.Series({"id": "a", "path": str(tmp_path / "a.wav")})
    assert results(tmp_path).listen(row) is None
    player = results(tmp_path, corpus(redistributable=True)).listen
    whole, part = len(player(row).data), len(player(row, seconds=0.5).data)
    assert part < whole / 3
    assert len(player(row, seconds=9).data) == whole, "longer than the file"


def test_prediction_table():
    table = pd.DataFrame({"id": ["u", "v", "w"], "speaker": ["s", "t", "s"], "label": ["a", "b", "a"], "text": "x"})
    scores = np.array([[0.2, 0.8], [0.9, 0.1]])
    found = report.prediction_table(["w", "v"], table, ["a", "b"], scores)
    assert found.columns.tolist() == ["id", "speaker", "label", "predicted", "a", "b"]
    assert found[["id", "speaker", "label", "predicted"]].to_numpy().tolist() == [
        ["w", "s", "a", "b"],
        ["v", "t", "b", "a"],
    ]
    np.testing.assert_array_equal(found[["a", "b"]], scores)
    pd.testing.assert_frame_equal(report.prediction_table(["w", "v"], table.set_index("id"), ["a", "b"], scores), found)
    with pytest.raises(SerkitError, match=r"scores have shape \(2, 2\)"):
        report.prediction_table(["w"], table, ["a", "b"], scores)
    with pytest.raises(SerkitError, match="'z' is not in the table"):
        report.prediction_table(["z", "v"], table, ["a", "b"], scores)


def test_ratings_have_no_recalls(random):
    rated = pd.DataFrame({"model": "BasicCNN", "speaker": np.repeat(range(9), 20), "label": random.uniform(1, 5, 180)})
    rated = rated.assign(predicted=rated["label"] + random.normal(size=180))
    table = report.score_table(rated, {"rho": metrics.pearson}, percent=False)
    assert not any(name.startswith("recall") for name in table.columns)
    assert table["rho pooled"].item() == pytest.approx(metrics.pearson(rated["label"], rated["predicted"]), abs=1e-4)
    assert (table["folds"].item(), table["seeds"].item(), table["rho floor"].item()) == (1, 1, 0)


def test_no_code_of_ours_is_quoted_as_the_papers_words():
    for paper in papers.PAPERS.values():
        for parameter in paper.parameters.values():
            value = parameter.values.get("paper")
            if parameter.source == "paper" and value in ("", [""], [], 0) and value is not False:
                assert parameter.said, f"{paper.key}: {parameter.name} = {value!r}"
