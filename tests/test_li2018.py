"""The li2018 notebook, executed in the smoke profile: what its tables and figures hold."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from notebook_checks import (
    check_a_failed_run,
    check_figures,
    check_folds,
    check_outputs,
    check_scores,
    check_solutions,
    check_that_models_answer,
    check_that_results_say_miniature,
    check_that_runs_are_found_again,
    check_the_plan,
    definitions,
    execute_and_solve,
    files_in,
    run_cell,
    table,
    undrawn,
)

from serkit import corpora, features, notebooks, papers, planning, verifying
from serkit.corpora import miniatures
from serkit.errors import SerkitError

MODELS = ["CNN_TF_GAP", "CNN_TF_Bilinear", "CNN_TF_Att.pooling"]
CLASSES = ["neutral", "happy", "sad", "angry"]


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A plan made before anything was done, and the folder of all results."""
    out = tmp_path_factory.mktemp("results")
    path = notebooks.plan("li2018", tmp_path_factory.mktemp("plan") / "plan.jsonl", profile="smoke", out=out)
    assert not list(out.iterdir())
    return planning.read(path), out


@pytest.fixture(scope="module")
def folder(planned):
    return execute_and_solve("li2018", profile="smoke", out=planned[1])


def test_the_solutions(folder):
    check_solutions(folder)


def test_the_plan(planned, folder, tmp_path):
    check_the_plan(folder, "li2018", planned[0], tmp_path / "plan.jsonl")


def test_a_run_that_fails_costs_itself(folder, tmp_path):
    check_a_failed_run(folder, tmp_path, "li2018", "iemocap", "CNN_TF_GAP")


def test_stored_runs_come_out_again(folder, tmp_path):
    before, path = files_in(folder), tmp_path / "plan.jsonl"
    with undrawn():
        notebooks.plan("li2018", path, profile="smoke", out=folder.parents[1], verify=3)
    records = verifying.read(path)
    assert {one["what"] for one in records} == {"baselines", "Table 1", "Figure 2"}
    assert all(one["bytes"] and one["rows"] > 10 for one in records), verifying.table(records)
    assert files_in(folder) == before


def test_results_say_miniature(folder):
    check_that_results_say_miniature(folder, "li2018", "iemocap")
    check_scores(folder)


def test_a_model_alone_says_what_its_run_said(folder):
    check_that_models_answer(folder, "iemocap", 3)


def test_who_is_on_which_side_is_written_down(folder):
    check_folds(folder)


def test_claims(folder):
    claims = table(folder, "claims")
    assert len(claims) == len(papers.table("li2018", 1))
    measured = claims[claims["measured"].notna()]
    assert sorted(measured["row"].unique()) == sorted(MODELS)
    assert measured["measured"].between(0, 100).all()
    assert not claims["comparable"].any()
    assert measured["why_not"].str.contains("miniature").all()
    assert not measured["why_not"].str.contains("filter_").any()  # Figure 2's settings bear on Figure 2
    assert measured["depends_on"].str.contains(r"\bepochs\b").all()
    assert not measured["depends_on"].str.contains("filter_").any()
    assert "epochs = 1; the paper says 50" in table(folder, "reasons")["in_full"].tolist()


def test_scores_agree_with_the_stored_predictions(folder):
    scores = table(folder, "scores").set_index("model")
    runs = table(folder, "runs")
    assert scores.index[scores["kind"] == "network"].tolist() == runs["model"].tolist()
    for run in runs.itertuples():
        predictions = pd.read_csv(folder / "runs" / run.key / "predictions.csv")
        assert (predictions[CLASSES].sum(axis=1) - 1).abs().max() > 1e-3  # scores before the softmax (2.4)
        assert (predictions["predicted"] == predictions[CLASSES].idxmax(axis=1)).all()
        wa = 100 * (predictions["label"] == predictions["predicted"]).mean()
        recalls = [100 * (part["predicted"] == name).mean() for name, part in predictions.groupby("label")]
        assert scores.loc[run.model, "WA pooled"] == pytest.approx(wa, abs=0.01)
        assert scores.loc[run.model, "UA pooled"] == pytest.approx(sum(recalls) / 4, abs=0.01)
        matrix = table(folder, f"confusion_{run.model}").set_index("true")
        assert matrix.to_numpy().sum() == len(predictions) == 60  # one fold of two: five of ten speakers


def test_test_speakers_are_not_trained_on(folder):
    data = table(folder, "data")
    assert len(data) == 10
    assert data[CLASSES].to_numpy().sum() == 120
    key = table(folder, "runs")["key"].iloc[0]
    tested = set(pd.read_csv(folder / "runs" / key / "predictions.csv")["speaker"])
    assert len(tested) == 5
    assert tested < set(data["speaker"])


def test_sizes(folder):
    """At 20 Hz and 20 ms 8 filters of 5 x 1 and 8 of 1 x 4; 4 weights a batch-normalised channel; the heads."""
    trunk = 8 * 5 + 8 * 4 + 16 + 4 * 16
    for before, filters in ((16, 32), (32, 48), (48, 64), (64, 80)):
        trunk += 9 * before * filters + filters + 4 * filters
    heads = {"CNN_TF_GAP": 81 * 4, "CNN_TF_Bilinear": 6401 * 4, "CNN_TF_Att.pooling": 81 * 5}
    sizes = table(folder, "sizes").set_index("model")
    for model, head in heads.items():
        assert sizes.loc[model, "weights"] == trunk + head
        assert sizes.loc[model, "of these in the head"] == head


def test_filter_shapes(folder):
    shapes = table(folder, "filter_shapes")
    assert shapes["shape"].tolist() == ["40 Hz x 20 ms", "200 Hz x 20 ms", "20 Hz x 160 ms"]
    assert shapes["height (Hz)"].tolist() == [40, 200, 20]
    assert shapes["width (ms)"].tolist() == [20, 20, 160]
    assert shapes["bins x frames"].tolist() == ["2 x 1", "10 x 1", "1 x 8"]
    assert shapes["WA pooled"].between(0, 100).all()


def figure_2(cells, **values):
    """Run the cells of Figure 2, which train nothing; returns what they save, by name."""
    saved = {}
    values["results"] = SimpleNamespace(folder=Path(), table=saved.__setitem__, figure=saved.__setitem__)
    space = definitions("li2018", "in_bins", **values) | {"FOLDS": []}
    space["study"] = SimpleNamespace(Study=lambda *_: None, grid=lambda **_: [], named=dict)
    for mark in cells:
        run_cell("li2018", mark, space)
    return saved


def test_without_filter_shapes_there_is_no_figure_2():
    given = {"filter_heights": "", "filter_widths": ""}
    values = notebooks.resolve(papers.find("li2018"), "quick", given)
    cells = ("def first_layer_only", "figure2_filter_shapes")
    assert not figure_2(cells, **{name: values[name] for name in given})


def test_figure_2_says_what_its_shapes_are_on_the_grid():
    scores = {"WA pooled": 40.0, "WA floor": 30.0} | {f"recall {name}": 25.0 for name in CLASSES}
    shapes = pd.DataFrame([{"height (Hz)": 100.0, "width (ms)": 20.0}, {"height (Hz)": 20.0, "width (ms)": 100.0}])
    given = {"filter_heights": [100.0], "narrow": 25.0, "low": 12.5}
    for widths in ([100.0], []):
        saved = figure_2(["figure2_filter_shapes"], shapes=shapes.assign(**scores), filter_widths=widths, **given)
        labels = [axis.get_xlabel() for axis in saved["figure2_filter_shapes"].axes]
        both = ["height of the filters (Hz), at width 25 ms", "width of the filters (ms), at height 12.5 Hz"]
        assert labels == both[: 1 + len(widths)]


def test_figures_are_drawn(folder):
    names = {"architecture", "attention_maps", "classes", "companding", "confusion", "figure2_filter_shapes", "input"}
    names |= {"learning", "toy"}  # no spread of a single fold
    check_figures(folder, names)


def test_runs_are_recorded_and_not_repeated(folder):
    records = {path: json.loads(path.read_text()) for path in (folder / "runs").glob("*/run.json")}
    assert len(records) == 6 + 3  # three models and three filter shapes on one fold, and the baselines
    for record in [one for one in records.values() if "epochs" in str(one["settings"])]:
        assert record["settings"]["epochs" if "CNN" in record["spec"]["model"] else "filter_epochs"] == 1
        assert record["versions"]["keras"]
        assert record["seconds"] > 0
    check_that_runs_are_found_again(folder, "li2018", workers=1)


def test_no_error_and_no_warning_in_the_notebook(folder):
    check_outputs(folder)


def test_bad_input_inside_the_notebook_is_one_clear_message(tmp_path):
    with pytest.raises(SerkitError, match=r"^li2018: unknown label of iemocap 'joyful'; valid: angry"):
        notebooks.execute("li2018", profile="smoke", out=tmp_path, classes=["neutral", "joyful"])
    assert "SERKIT_PROGRESS" not in os.environ


def test_fit_shows_training_beside_test(folder):
    fit = table(folder, "fit").set_index("model")
    scores = table(folder, "scores").set_index("model")
    assert sorted(fit.index) == sorted(MODELS)
    for model in MODELS:
        history = pd.read_csv(next(_runs_of(folder, model)) / "history.csv").iloc[-1]
        assert fit.loc[model, "training accuracy of segments (%)"] == pytest.approx(100 * history["accuracy"], abs=0.01)
        assert history["cross_entropy"] < history["loss"]  # which holds the penalty too
        assert fit.loc[model, "test WA (%)"] == pytest.approx(scores.loc[model, "WA pooled"], abs=0.01)


def test_attention_is_never_spread_over_more_than_all_positions(folder):
    attended = table(folder, "attention")
    assert set(attended["class"]) <= set(CLASSES)
    assert attended["effective positions"].between(1, attended["positions"] + 0.1).all()


def test_comparisons_are_those_of_the_paper(folder):
    compared = table(folder, "comparisons").set_index(["better", "worse", "metric"])
    cell = ("CNN_TF_Att.pooling", "CNN_TF_GAP", "WA")
    assert compared.loc[cell, "published"] == pytest.approx(71.75 - 71.35)
    scores = table(folder, "scores").set_index("model")["WA pooled"]
    difference = scores["CNN_TF_Att.pooling"] - scores["CNN_TF_GAP"]
    assert compared.loc[cell, "measured"] == pytest.approx(difference, abs=0.02)
    ours = compared[compared["made_by"] == "ours"].reset_index()
    assert set(ours["worse"]) == {"SVM on own features"}
    assert ours["better"].unique().tolist() == MODELS
    assert (compared["verdict"] == "undecided").all()  # five speakers


def test_the_published_gain_is_nine_utterances():
    printed = papers.table("li2018", 1).set_index(["row", "metric"])["value"]
    gain = printed["CNN_TF_Att.pooling", "WA"] - printed["CNN_TF_GAP", "WA"]
    assert round(2280 * gain / 100) == 9


def test_excited_may_count_as_happy(tmp_path):
    speech = corpora.load("iemocap", miniatures.write("iemocap", tmp_path / "iemocap"))
    tables = {}
    space = definitions("li2018", "split_of", "own_split", merge=[" excited = happy "], speech=speech)
    results = SimpleNamespace(table=tables.__setitem__, folds=lambda *_, **__: None)
    run_cell("li2018", "def divide", space | {"results": results})
    counts = speech.utterances.loc[speech.utterances["style"] == "improvised", "label"].value_counts()
    assert counts["excited"] > 0
    assert tables["data"]["happy"].sum() == counts["happy"] + counts["excited"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"models": ["CNN_TF_GAP"]}, "^models must hold 'CNN_TF_Att.pooling'"),
        ({"models": ["CNN_TF_GAB"]}, r"^unknown model 'CNN_TF_GAB' \(did you mean 'CNN_TF_GAP'\?\)"),
        ({"average": "logit"}, r"^unknown average 'logit' \(did you mean 'logits'\?\)"),
        ({"gamma": "one"}, "^unknown gamma 'one'"),
        ({"frequency_filter": [100.0, 20.0, 5.0]}, "^a filter has a height in Hz and a width in ms; got"),
        ({"segment": 0.1, "hop": 0.02}, "^a segment of 0.1 s has 5 frames, 0.02 s apart: too few for 3 poolings"),
        (
            {"split": "fold"},
            r"^unknown split 'fold' \(did you mean 'folds'\?\); valid: auto, folds, partition, speakers",
        ),
        ({"scale_by": "utterance"}, "^unknown scale_by 'utterance'"),
        ({"baseline_features": ["IS9"]}, "^unknown kind of features of a baseline 'IS9'"),
        ({"test_hop": 0.001}, "^train_hop and test_hop are at least one frame, 0.02 s; got 1.0 and 0.001"),
    ],
)
def test_settings_are_checked_before_anything_is_computed(given, message):
    """In the very cell that begins: no feature is extracted and nothing is trained for a setting that cannot be run."""
    space = definitions("li2018", **given)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notebooks, "begin", lambda *_, **__: (None, None))
        with pytest.raises(SerkitError, match=message):
            run_cell("li2018", "notebooks.begin", space)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": 0}, "epochs is 1 or more; got 0"),
        ({"seeds": 0}, "seeds is 1 or more; got 0"),
        ({"hop": 0.0}, r"hop \(s\) is from 0.001 to 0.1; got 0.0"),
        ({"hop": 10.0}, r"hop \(s\) is from 0.001 to 0.1; got 10.0"),
        ({"segment": 0.0}, r"segment \(s\) is 0.1 or more; got 0.0"),
        ({"test_hop": 0.0}, r"test_hop \(s\) is 0.001 or more; got 0.0"),
        ({"fold_limit": -1}, "fold_limit is 0 or more; got -1"),
        ({"models": []}, "models needs 1 item"),
    ],
)
def test_values_that_no_run_can_use_are_refused(given, message):
    with pytest.raises(SerkitError, match=message):
        notebooks.resolve(papers.find("li2018"), "quick", given)


def divided(utterances, **values):
    """The notebook's folds of a corpus with these utterances."""
    speech = corpora.Corpus("own", Path(), utterances)
    space = definitions("li2018", "split_of", "own_split", "divide", speech=speech, utterances=utterances, **values)
    return space["own_split"](speech), space["divide"]()


def test_a_partition_of_the_users_own_is_honoured():
    """Its test part is tested, or else its development part; without a partition, speakers are left out."""
    rows = [
        {"id": f"{who}-{label}-{take}", "speaker": who, "gender": "f" if who in ("ann", "cyd") else "m", "label": label}
        for who in ("ann", "ben", "cyd", "dan") for label in ("sad", "happy") for take in range(2)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    sides = {"ann": "train", "ben": "train", "cyd": "dev", "dan": "test"}
    for given, tested in ((sides, "dan"), (sides | {"dan": None}, "cyd"), (sides | {"cyd": "train"}, "dan")):
        reasons, (fold,) = divided(table.assign(partition=table["speaker"].map(given)))
        assert reasons == ["the corpus' own split: the paper leaves each speaker out once (3.1)"]
        assert {name[:3] for name in fold.test} == {tested}
        assert {name[:3] for name in fold.train} == {who for who, side in given.items() if side == "train"}
    with pytest.raises(SerkitError, match="'dev'"):
        divided(table.assign(partition="train"))
    reasons, folds = divided(table, speaker_groups=0)
    assert reasons == []
    assert len(folds) == 4


def test_folds_of_the_corpus():
    rows = [
        {"id": f"{who}-{label}", "speaker": who, "gender": who[0], "label": label, "fold": fold}
        for who, fold in {"f1": "1", "m1": "1", "f2": "2", "m2": "2"}.items() for label in ("sad", "happy")
    ]  # fmt: skip
    reasons, folds = divided(pd.DataFrame(rows), split="folds")
    assert reasons == ["the corpus' own folds: the paper leaves each speaker out once (3.1)"]
    assert [sorted({name[:2] for name in fold.test}) for fold in folds] == [["f1", "m1"], ["f2", "m2"]]
    assert all(not fold.validation for fold in folds)
    with pytest.raises(SerkitError, match="has no partition of its own: set split to speakers, folds or auto"):
        divided(pd.DataFrame(rows), split="partition")


def test_baselines_stand_beside_the_networks(folder):
    scores, runs = table(folder, "scores").set_index("model"), table(folder, "baselines").set_index("model")
    names = ["majority class", "SVM on own features", "SVM on own features, by speaker"]
    assert runs.index.tolist() == scores.index[scores["kind"] == "baseline"].tolist() == names
    assert scores.loc["majority class", "UA pooled"] == 25
    for name in names:
        stored = pd.read_csv(folder / "runs" / runs.loc[name, "key"] / "predictions.csv")
        assert scores.loc[name, "WA pooled"] == pytest.approx(
            100 * (stored["label"] == stored["predicted"]).mean(), abs=0.01
        )
        assert len(stored) == 60


def test_scaled_by_speaker_each_voice_is_as_loud_as_another_and_utterances_are_not(tmp_path):
    arrays = {"a1": [1.0, 4.0], "a2": [2.0, 1.0], "b1": [40.0, 10.0]}
    np.save(tmp_path / "features.npy", np.concatenate(list(arrays.values())).astype(np.float32)[:, None])
    index = pd.DataFrame({"id": list(arrays), "offset": [0, 2, 4], "frames": 2})
    index.to_csv(tmp_path / "index.csv", index=False)
    utterances = pd.DataFrame({"id": list(arrays), "speaker": ["a", "a", "b"]})
    names = ("Levelled", "input_of", "source")
    given = {"stored": features.Features(tmp_path), "utterances": utterances, "scale_by": "speaker", "lowest": 0.0}
    space = definitions("li2018", *names, **given)
    assert space["source"]().values[:, 0].tolist() == [0.25, 1, 0.5, 0.25, 1, 0.25]
    loudest = space["input_of"](["b1"])(np.array([[[1.0]], [[0.5]]], np.float32))
    assert loudest[0] == 1
    assert 0.5 < loudest[1] < 1
    assert definitions("li2018", *names, **given | {"scale_by": "segment"})["source"]() is given["stored"]


def test_effective_positions_of_attention_are_noted(folder):
    runs = table(folder, "runs").set_index("model")["effective positions"]
    most = table(folder, "attention")["positions"].iloc[0]
    assert 1 <= runs["CNN_TF_Att.pooling"] <= most + 0.1
    assert runs[["CNN_TF_GAP", "CNN_TF_Bilinear"]].isna().all()


def _runs_of(folder, model):
    runs = table(folder, "runs")
    return (folder / "runs" / key for key in runs.loc[runs["model"] == model, "key"])


def test_what_the_paper_says_is_no_code():
    """Where a value would be no quotation: a list of nothing, a zero that means all."""
    parameters = papers.find("li2018").parameters
    for name in ("merge", "speaker_groups", "fold_limit", "filter_fold_limit"):
        assert parameters[name].source == "paper"
        assert parameters[name].said
