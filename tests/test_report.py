"""Measured beside published: nothing is called comparable that is not."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from serkit import metrics, papers, report

PAPER_SETTINGS = {
    **papers.profile_values(papers.find("li2018"), "paper"),
    "seeds": 3,
    "corpus": "iemocap",
    "root": "/x",
}


def corpus(name="iemocap", miniature=False, errors=0):
    problems = pd.DataFrame({"level": ["error"] * errors + ["note"]})
    return SimpleNamespace(name=name, miniature=miniature, title=name, check=lambda: problems)


def results(tmp_path, found=None, **changed):
    return report.Results("li2018", found or corpus(), {**PAPER_SETTINGS, "out": str(tmp_path), **changed})


@pytest.fixture
def predictions(random):
    rows = []
    for model, skill in (("CNN_TF_GAP", 0.5), ("CNN_TF_Att.pooling", 0.9)):
        for seed in (0, 1):
            for fold in range(3):
                true = random.choice(["neutral", "happy"], 40)
                called = np.where(random.random(40) < skill, true, "happy")
                rows.append(
                    pd.DataFrame(
                        {
                            "model": model,
                            "fold": f"s{fold}",
                            "speaker": f"s{fold}",
                            "seed": seed,
                            "label": true,
                            "predicted": called,
                        }
                    )
                )
    return pd.concat(rows, ignore_index=True)


def test_every_published_number_has_a_row(tmp_path, predictions):
    claims = results(tmp_path).claims(report.measured_scores(predictions, 1))
    assert len(claims) == len(papers.table("li2018", 1))
    assert list(claims.columns) == report.CLAIM_COLUMNS
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "tables" / "claims.csv", keep_default_na=False).astype(str),
        claims.astype(object).fillna("").astype(str),
    )
    by_row = claims.set_index(["row", "metric"])
    gap = predictions[predictions["model"] == "CNN_TF_GAP"]
    pooled = [100 * (one["label"] == one["predicted"]).mean() for _, one in gap.groupby("seed")]
    assert by_row.loc[("CNN_TF_GAP", "WA"), "measured"] == pytest.approx(np.mean(pooled), abs=0.005)
    assert by_row.loc[("CNN_TF_GAP", "WA"), "runs"] == 6
    assert by_row.loc[("CNN_TF_GAP", "WA"), "comparable"]
    assert by_row.loc[("CNN_TF_GAP", "WA"), "published"] == 71.35
    assert np.isnan(by_row.loc[("DNN-ELM", "WA"), "measured"])
    assert by_row.loc[("DNN-ELM", "WA"), "why_not"] == "earlier work, published only"
    assert by_row.loc[("CNN_TF_Bilinear", "WA"), "why_not"] == "not measured here"
    assert not by_row.loc[["DNN-ELM", "CNN_TF_Bilinear"], "comparable"].any()


@pytest.mark.parametrize(
    ("found", "changed", "reason"),
    [
        (corpus(miniature=True), {}, "synthetic miniature of iemocap, not the corpus"),
        (corpus("ravdess"), {}, "corpus ravdess; the paper's is iemocap"),
        (corpus(errors=1), {}, "this copy of the corpus fails its check"),
        (corpus(), {"epochs": 49}, "epochs = 49 (paper: 50)"),
        (corpus(), {"fold_limit": 2}, "fold_limit = 2 (paper: 0)"),
    ],
)
def test_each_difference_makes_it_not_comparable(tmp_path, predictions, found, changed, reason):
    result = results(tmp_path, found, **changed)
    assert result.why_not == [reason]
    assert reason in result.banner()
    claims = result.claims(report.measured_scores(predictions, 1))
    assert not claims["comparable"].any()
    assert reason in claims.loc[claims["measured"].notna(), "why_not"].iloc[0]


def zhao(tmp_path, name, **given):
    settings = {**papers.profile_values(papers.find("zhao2018"), "paper"), "out": str(tmp_path), "seeds": 1}
    return report.Results("zhao2018", corpus(name), settings, **given)


def test_a_paper_may_have_several_corpora(tmp_path):
    assert papers.find("zhao2018").own == ("iemocap", "cheavd")
    assert papers.find("li2018").own == ("iemocap",)
    assert zhao(tmp_path, "iemocap").why_not == zhao(tmp_path, "cheavd").why_not == []
    assert zhao(tmp_path, "ravdess").why_not == ["corpus ravdess; the paper's is iemocap and cheavd"]


def test_a_note_stands_beside_the_corpus(tmp_path):
    result = zhao(tmp_path, "cheavd", note="labels are a proxy")
    assert result.label == "cheavd, labels are a proxy"
    assert result.why_not == [], "a note alone is no reason"
    figure, _ = plt.subplots()
    result.figure("noted", figure)
    assert "zhao2018 on cheavd, labels are a proxy" in [text.get_text() for text in figure.texts]
    plt.close(figure)
    assert zhao(tmp_path, "cheavd").label == "cheavd"


def test_further_reasons_make_it_not_comparable(tmp_path, predictions):
    reasons = ["valence is guessed from the words", "the actors are others"]
    result = report.Results(
        "li2018", corpus(), {**PAPER_SETTINGS, "out": str(tmp_path), "epochs": 49}, "a proxy", iter(reasons)
    )
    assert result.why_not == ["epochs = 49 (paper: 50)", *reasons]
    assert "**Not comparable** with the paper's numbers (iemocap, a proxy)" in result.banner()
    assert all(f"* {reason}" in result.banner() for reason in reasons)
    claims = result.claims(report.measured_scores(predictions, 1))
    assert not claims["comparable"].any()
    assert set(claims.loc[claims["measured"].notna(), "why_not"]) == {"; ".join(result.why_not)}
    alone = report.Results("li2018", corpus(), {**PAPER_SETTINGS, "out": str(tmp_path)}, reasons=reasons[:1])
    assert not alone.claims(report.measured_scores(predictions, 1))["comparable"].any()


def test_where_and_how_often_does_not_matter(tmp_path):
    result = results(tmp_path, seeds=7, workers=4, scheduler="tcp://x", profile="mine")
    assert result.why_not == []
    assert "**Comparable**" in result.banner()


def test_score_table(predictions):
    table = report.score_table(predictions).set_index("model")
    row = table.loc["CNN_TF_Att.pooling"]
    assert row["UA low"] <= row["UA"] + 5
    assert row["UA high"] >= row["UA"] - 5
    assert row["floor UA"] == 50
    assert row["folds"] == 3
    assert row["seeds"] == 2
    part = predictions[predictions["model"] == "CNN_TF_Att.pooling"]
    happy = part[part["label"] == "happy"]
    assert row["recall happy"] == pytest.approx(100 * (happy["predicted"] == "happy").mean(), abs=0.01)


def test_figures_name_the_corpus_and_are_the_same_twice(tmp_path):
    result = results(tmp_path, corpus(miniature=True))
    content = []
    for _ in range(2):
        figure, axis = plt.subplots()
        axis.plot([1, 2])
        result.figure("line", figure)
        assert "li2018 on iemocap miniature (synthetic speech)" in [text.get_text() for text in figure.texts]
        plt.close(figure)
        content.append([(tmp_path / "figures" / name).read_bytes() for name in ("line.png", "line.pdf")])
    assert content[0] == content[1]


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
    assert row["MAF low"] <= row["MAF"] <= row["MAF high"]
    assert not {"WA", "floor WA"} & set(row.index)


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
