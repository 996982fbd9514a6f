"""The tao2018 notebook, executed in the smoke profile: what its tables and figures hold."""

import json
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from notebook_checks import (
    check_figures,
    check_folds,
    check_outputs,
    check_scores,
    check_solutions,
    check_that_models_answer,
    check_that_results_say_miniature,
    check_that_runs_are_found_again,
    definitions,
    execute_and_solve,
    run_cell,
    table,
)
from sklearn import metrics as reference

from serkit import audio, corpora, features, layers, notebooks, papers, splits, training
from serkit.batches import Sequences
from serkit.errors import SerkitError
from serkit.features import Features
from serkit.fusion import LinearFusion

NETWORKS = ["conventional LSTM", "mean LSTM", "advanced LSTM", "DNN"]
CLASSES = ["neutral", "happy", "angry", "sad"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return execute_and_solve("tao2018", profile="smoke", out=tmp_path_factory.mktemp("results"))


def test_the_solutions(folder):
    check_solutions(folder)


def predictions(folder):
    """Of every network: validation and test."""
    runs = table(folder, "runs").set_index("model")["key"]
    return {model: pd.read_csv(folder / "runs" / runs[model] / "predictions.csv") for model in NETWORKS}


def test_results_say_miniature(folder):
    check_that_results_say_miniature(folder, "tao2018", "iemocap")
    check_scores(folder)


def test_a_model_alone_says_what_its_run_said(folder):
    check_that_models_answer(folder, "iemocap", 4)


def test_who_is_on_which_side_is_written_down(folder):
    check_folds(folder)


def test_every_published_number_is_measured_and_none_comparable(folder):
    claims = table(folder, "claims")
    assert len(claims) == len(papers.table("tao2018", 1)) + len(papers.table("tao2018", 2)) == 18
    assert claims["measured"].between(0, 100).all()
    assert not claims["comparable"].any()
    assert claims["why_not"].str.contains("miniature").all()
    reasons = table(folder, "reasons").set_index("reason")["in_full"]
    assert reasons["epochs"] == "epochs = 1; our paper profile says 200, the paper is silent"
    assert reasons["batch_size"] == "batch_size = 8; the paper says 32"
    assert claims["depends_on"].str.contains("epochs").all()
    assert not {"pairs", "timing", "models", "seeds"} & set(reasons.index), "a repetition is not another setting"
    assert not claims.loc[claims["row"] == "DNN", "depends_on"].str.contains("recurrent_units|hop").any()
    both = claims.pivot_table("measured", "metric", ["table", "row"])
    assert (both[1, "advanced LSTM"] == both[2, "RNN"]).all()


def test_scores_agree_with_the_stored_predictions(folder):
    claims = table(folder, "claims").set_index(["row", "metric"])["measured"]
    improvement = table(folder, "improvement").set_index(["model", "than", "metric"])
    found = {}
    for model, both in predictions(folder).items():
        np.testing.assert_allclose(np.exp(both[CLASSES]).sum(axis=1), 1, atol=1e-5)
        assert (both["predicted"] == both[CLASSES].idxmax(axis=1)).all()
        tested = both[both["side"] == "test"]
        true, predicted = tested["label"], tested["predicted"]
        found[model] = 100 * reference.f1_score(true, predicted, average="macro")
        assert claims[model, "MAF"] == pytest.approx(found[model], abs=0.01)
        precision = 100 * reference.precision_score(true, predicted, average="macro", zero_division=0)
        assert claims[model, "MAP"] == pytest.approx(precision, abs=0.01)
        assert claims[model, "Accuracy"] == pytest.approx(100 * (true == predicted).mean(), abs=0.01)
    for new, old in (("advanced LSTM", "conventional LSTM"), ("DNN", "advanced LSTM")):
        row = improvement.loc[(new, old, "MAF")]
        assert row["here (%)"] == pytest.approx(100 * (found[new] / found[old] - 1), abs=0.06)
    assert improvement.loc[("advanced LSTM", "conventional LSTM", "MAF"), "paper (%)"] == 5.5
    assert improvement["low"].isna().all(), "two speakers"


def test_comparisons_are_differences_of_claims_and_undecided_with_two_speakers(folder):
    measured = table(folder, "claims").set_index(["row", "metric"])["measured"]
    comparisons = table(folder, "comparisons")
    counts = comparisons["made_by"].value_counts()
    assert counts["paper"] == 3 * (2 + 3)
    assert counts["ours"] == 4 * (1 + 3), "with FoCal, and an SVM on own features; none on IS10 in this profile"
    with_svm = comparisons[comparisons["worse"] == "SVM on own features"]
    assert set(with_svm["better"]) == {"conventional LSTM", "mean LSTM", "advanced LSTM"}
    for row in comparisons[comparisons["made_by"] == "paper"].itertuples():
        difference = measured[row.better, row.metric] - measured[row.worse, row.metric]
        assert row.measured == pytest.approx(difference, abs=0.011)
    printed = comparisons.set_index(["better", "worse", "metric"])["published"]
    assert printed["advanced LSTM", "conventional LSTM", "MAF"] == 2.4
    assert printed["DNN", "advanced LSTM", "MAF"] == 10.7
    assert np.isnan(printed["RNN+DNN", "DNN with FoCal", "MAF"])
    assert (comparisons["verdict"] == "undecided").all()
    assert comparisons["why"].str.startswith("2 speakers, fewer than 8").all()
    assert comparisons[["low", "high", "p"]].isna().all(axis=None)
    assert "undecided" in (folder / "notebook.ipynb").read_text()


def test_test_speakers_are_one_woman_and_one_man_whom_nobody_knows(folder):
    (row,) = table(folder, "splits").to_dict("records")
    data = table(folder, "data")
    assert data[CLASSES].to_numpy().sum() == row["train"] + row["validation"] + row["test"] == 125
    assert row["validation"] / (row["train"] + row["validation"]) == pytest.approx(0.1, abs=0.03)
    for both in predictions(folder).values():
        tested, held_out = (set(both.loc[both["side"] == side, "speaker"]) for side in ("test", "validation"))
        assert " + ".join(sorted(tested, key=lambda name: name[-1])) == row["fold"]
        assert sorted(name[-1] for name in tested) == ["F", "M"]
        assert not tested & held_out
        assert (both["side"] == "test").sum() == row["test"]
        assert set(both.loc[both["side"] == "validation", "label"]) == set(CLASSES)


def test_the_fusion_saw_validation_scores_only(folder):
    sides = {}
    for side in ("validation", "test"):
        systems = [predictions(folder)[model] for model in ("advanced LSTM", "DNN")]
        sides[side] = [one[one["side"] == side].sort_values("id", ignore_index=True) for one in systems]
    scores = {side: [one[CLASSES].to_numpy() for one in tables] for side, tables in sides.items()}
    truth = splits.class_numbers(sides["validation"][0]["label"], CLASSES)
    fusion = LinearFusion(0.01).fit(scores["validation"], truth)
    fused = table(folder, "fusion").set_index("model")
    row = fused.loc["RNN+DNN"]
    assert [row["scale RNN"], row["scale DNN"]] == pytest.approx(fusion.scales.tolist(), abs=1e-3)
    assert [row[f"offset {name}"] for name in CLASSES] == pytest.approx(fusion.offsets.tolist(), abs=1e-3)
    predicted = np.array(CLASSES)[fusion.predict(scores["test"])]
    accuracy = table(folder, "claims").set_index(["row", "metric"])["measured"]["RNN+DNN", "Accuracy"]
    assert accuracy == pytest.approx(100 * np.mean(predicted == sides["test"][0]["label"]), abs=0.01)
    alone = LinearFusion(0.01).fit(scores["validation"][1:], truth)  # what FoCal does to the DNN alone
    assert fused.loc["DNN with FoCal", "scale DNN"] == pytest.approx(alone.scales[0], abs=1e-3)
    predicted = np.array(CLASSES)[alone.predict(scores["test"][1:])]
    accuracy = table(folder, "scores").set_index("model")["Accuracy pooled"]["DNN with FoCal"]
    assert accuracy == pytest.approx(100 * np.mean(predicted == sides["test"][0]["label"]), abs=0.01)


def test_baselines_stand_beside_the_networks(folder):
    scores = table(folder, "scores").set_index("model")
    assert set(scores["kind"]) == {"network", "baseline"}
    runs = table(folder, "baselines").set_index("model")
    names = ["majority class", "SVM on own features", "SVM on own features, by speaker"]
    assert runs.index.tolist() == scores.index[scores["kind"] == "baseline"].tolist() == names
    assert scores.loc["majority class", "UA pooled"] == 25
    tested = predictions(folder)["DNN"].query("side == 'test'")
    for name in names:
        stored = pd.read_csv(folder / "runs" / runs.loc[name, "key"] / "predictions.csv")
        assert sorted(stored["id"]) == sorted(tested["id"])
        expected = 100 * reference.balanced_accuracy_score(stored["label"], stored["predicted"])
        assert scores.loc[name, "UA pooled"] == pytest.approx(expected, abs=0.01)


def test_sizes(folder):
    """Of the paper: dense 36 x 256, 4 gates of (256 + 128 + 1) x 128 a direction, pooling 256, three branches."""
    sizes = table(folder, "sizes").set_index("model")["at the paper's sizes"]
    outputs = 257 * (4 + 8 + 2)
    conventional = 37 * 256 + 2 * 4 * 128 * (256 + 128 + 1) + 256 + 3 * 257 * 256 + outputs
    assert sizes["conventional LSTM"] == sizes["mean LSTM"] == conventional
    assert conventional == pytest.approx(600_000, rel=0.01)
    assert sizes["advanced LSTM"] - conventional == 256
    dense = 1583 * 4096 + 4097 * 4096 + 3 * 4097 * 2048 + 2049 * (4 + 8 + 2)
    assert sizes["DNN"] == dense
    assert sizes["DNN, features to tasks"] == dense + 3 * 1582 * 2048 == pytest.approx(58e6, rel=0.01)
    ratios = table(folder, "sizes").set_index("model")["times the RNN"]
    assert ratios[["DNN", "DNN, features to tasks"]].round().tolist() == [80, 96], "the paper: about 100"
    runs = table(folder, "runs").set_index("model")["weights"]
    assert table(folder, "sizes").set_index("model")["here"][NETWORKS].tolist() == runs[NETWORKS].tolist()


def test_attention_and_combination_weights(folder):
    attention = table(folder, "attention")
    assert len(attention) == table(folder, "splits")["test"].iloc[0]
    assert (
        (attention[["pauses", "attention_in_pauses"]] >= 0) & (attention[["pauses", "attention_in_pauses"]] <= 1)
    ).all(axis=None)
    assert attention["pauses"].mean() > 0.1, "the miniature's speakers pause"
    combination = table(folder, "combination")
    assert combination["frames back"].tolist() == [3, 1, 3, 1]
    means = combination.groupby("direction")["mean"].sum()
    np.testing.assert_allclose(means, 1, atol=1e-3)
    assert (combination["std"] > 0).all(), "W is learned, not the mean"


def test_what_is_pooled_decides(folder):
    pooled = table(folder, "pooled").set_index("pooled")
    assert pooled.index.tolist() == ["all frames", "speech alone", "pauses alone"]
    assert pooled["accuracy (%)"].between(0, 100).all()
    runs, attention = table(folder, "runs").set_index("model"), table(folder, "attention")
    stored = pd.read_csv(folder / "runs" / runs["key"]["advanced LSTM"] / "predictions.csv").set_index("id")
    assert set(attention["id"]) == set(stored.index[stored["side"] == "test"])
    if pooled.loc["all frames", "utterances"] == len(attention):
        right = (stored["predicted"] == stored["label"])[attention["id"]].mean()
        assert pooled.loc["all frames", "accuracy (%)"] == pytest.approx(100 * right, abs=0.1)


def test_the_toy_needs_memory_across_blocks(folder):
    accuracy = table(folder, "toy").set_index("model")["accuracy (chance 0.5)"]
    assert accuracy.index.tolist() == ["memory of five frames", *NETWORKS[:3]]
    assert accuracy["memory of five frames"] < 0.65
    assert (accuracy[NETWORKS[:3]] > 0.8).all()


def test_updates_and_the_losses_of_all_tasks_are_recorded(folder):
    runs = table(folder, "runs").set_index("model")
    batches = -(-table(folder, "splits")["train"].iloc[0] // 8)
    assert (runs["tested epoch"] == 1).all()
    assert (runs["updates"] == batches).all()
    for key in runs["key"]:
        history = pd.read_csv(folder / "runs" / key / "history.csv")
        for task in ("emotion", "speaker", "gender"):
            assert np.isfinite(history[[f"{task}_loss", f"val_{task}_loss", f"val_{task}_accuracy"]]).all(axis=None)


@pytest.mark.parametrize("unit", ["sentence", "speaker"])
def test_accuracy_that_cannot_be_right_is_not_drawn(unit):
    """Of validation speakers whom no network was trained on."""
    measures = ["emotion_loss", "val_emotion_loss", "val_emotion_accuracy"]
    measures += ["speaker_accuracy", "val_speaker_accuracy", "gender_accuracy", "val_gender_accuracy"]
    histories = pd.DataFrame({"model": "advanced LSTM", "epoch": [1, 2]} | dict.fromkeys(measures, 0.5))
    figures = {}
    results = SimpleNamespace(figure=figures.__setitem__)
    run_cell("tao2018", '"tasks"', definitions("tao2018", histories=histories, results=results, validation_unit=unit))
    drawn = [axis.get_ylabel() for axis in figures["tasks"].axes]
    assert "training accuracy, speaker" in drawn
    assert ("validation accuracy, speaker" in drawn) == (unit == "sentence")
    assert drawn[-2:] == ["training accuracy, gender", "validation accuracy, gender"]


def test_cost_and_lottery(folder):
    cost = table(folder, "cost")
    assert cost["model"].tolist() == [*NETWORKS[:3], "blocks, nothing combined"]
    assert (cost["ms a step"] > 0).all()
    assert cost["times the first"].iloc[0] == 1
    lottery = table(folder, "lottery").set_index("model")
    assert lottery.index.tolist() == [*NETWORKS, "DNN with FoCal", "RNN+DNN"]
    assert (lottery["count"] == 1).all()
    (pair,) = table(folder, "pairs").to_dict("records")
    gain = lottery["mean"]["advanced LSTM"] - lottery["mean"]["conventional LSTM"]
    assert pair["advanced LSTM - conventional LSTM"] == pytest.approx(gain, abs=0.11)


def test_figures_are_drawn(folder):
    names = {"attention", "classes", "combination", "confusion", "cost", "input", "learning", "lottery", "toy"}
    names |= {"network", "blocks", "tasks", "pairs", "confusion_fusion"}
    check_figures(folder, names)


def test_runs_are_recorded_and_not_repeated(folder):
    records = {path: json.loads(path.read_text()) for path in (folder / "runs").glob("*/run.json")}
    trained = [record for record in records.values() if "fold" in record["spec"] and "epochs" in record["settings"]]
    assert len(trained) == 4
    assert len(records) == 4 + 3 + 1  # and the baselines and the timed steps
    assert all(record["settings"]["epochs"] == 1 for record in trained)
    assert not any("pairs" in record["settings"] or "FOLDS" in str(record["data"]) for record in trained), (
        "more pairs do not make the first ones anew"
    )
    check_that_runs_are_found_again(folder, "tao2018")


def test_no_error_and_no_warning_in_the_notebook(folder):
    check_outputs(folder)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"split": "pair"},
            r"^tao2018: unknown split 'pair' \(did you mean 'pairs'\?\); valid: auto, folds, pairs",
        ),
        ({"models": ["mean LSTM"]}, r"^tao2018: models must hold 'advanced LSTM'"),
        ({"normalise": "speakers"}, r"^tao2018: unknown setting of normalise 'speakers' \(did you mean 'speaker'\?\)"),
    ],
)
def test_bad_input_inside_the_notebook_is_one_clear_message(tmp_path, given, message):
    with pytest.raises(SerkitError, match=message):
        notebooks.execute("tao2018", profile="smoke", out=tmp_path, **given)


def acted(readings=2):
    """Four actors say two sentences in each emotion, `readings` times."""
    rows = [
        {"id": f"{who}-{label}-{text}-{reading}", "speaker": who, "gender": who[0], "label": label, "text": text}
        for who in ("f1", "f2", "m1", "m2")
        for label in CLASSES
        for text in ("kids", "dogs")
        for reading in range(readings)
    ]
    return pd.DataFrame(rows)


def data_side(utterances, **values):
    """The notebook's division of `utterances`, with other values of its parameters."""
    names = ("divide", "with_held_out", "split_of", "other_split", "SPLIT", "SENTENCE", "WORDED")
    return definitions("tao2018", *names, utterances=utterances, speech=Speech(utterances), **values)


@pytest.mark.parametrize("unit", ["utterance", "sentence"])
def test_readings_of_a_sentence_are_validated_together_unless_as_published(unit):
    utterances = acted()
    space = data_side(utterances, validation_unit=unit, validation=0.25)
    twins = drawn = 0
    for seed in range(5):
        fold = space["with_held_out"]("f1 + m1", seed)
        assert fold.train
        assert fold.validation
        twins += len({name[:-2] for name in fold.train} & {name[:-2] for name in fold.validation})
        drawn += len(fold.validation)
    assert drawn == 5 * 8
    assert (twins > 0) == (unit == "utterance")


def test_folds_of_the_corpus_with_speakers_who_validate():
    utterances = acted().assign(fold=lambda rows: rows["speaker"].str[1])
    reason = "split by folds: the paper tests a woman and a man, drawn at random (5)"
    space = data_side(utterances, split="folds", validation=0.1, validation_unit="speaker")
    assert space["other_split"](space["speech"]) == [reason]
    assert [fold.name for fold in space["divide"](1)] == ["fold 1", "fold 2"]
    fold = space["with_held_out"]("fold 1", 0)
    assert {name[:2] for name in fold.test} == {"f1", "m1"}
    assert ({name[:2] for name in fold.validation}, {name[:2] for name in fold.train}) == ({"f2"}, {"m2"})
    assert space["with_held_out"]("fold 1", 5) == fold
    space = data_side(utterances, split="folds", validation=0.25)
    fold = space["with_held_out"]("fold 1", 0)
    assert {name[:2] for name in fold.validation} == {name[:2] for name in fold.train} == {"f2", "m2"}


def test_seeds_draw_other_validation_utterances_and_runs_draw_the_same():
    space = data_side(acted())
    draws = [space["with_held_out"]("f1 + m1", seed).validation for seed in (0, 1, 2, 0)]
    assert len(set(draws)) == 3
    assert draws[0] == draws[3]


def test_a_partition_of_the_users_own_is_honoured():
    sides = {"f1": "train", "m1": "train", "f2": "dev", "m2": "test"}
    utterances = acted().assign(partition=lambda rows: rows["speaker"].map(sides))
    paper = papers.find("tao2018")
    assert {papers.profile_values(paper, profile)["split"] for profile in ("smoke", "paper")} == {"auto"}
    for split in ("auto", "partition"):
        space = data_side(utterances, split=split)
        (reason,) = space["other_split"](space["speech"])
        assert reason == "split by partition: the paper tests a woman and a man, drawn at random (5)"
        (fold,) = space["divide"](2)
        assert space["with_held_out"](fold.name, 7) == fold
        assert {name[:2] for name in fold.validation} == {"f2"}
        assert {name[:2] for name in fold.test} == {"m2"}
    for space in (data_side(utterances, split="pairs"), data_side(acted(), split="auto")):
        assert len(space["divide"](2)) == 2
        assert space["other_split"](space["speech"]) == []


def test_without_a_test_part_the_development_part_is_tested_and_chooses_nothing():
    sides = {"f1": "train", "m1": "train", "f2": "dev", "m2": "dev"}
    utterances = acted().assign(partition=lambda rows: rows["speaker"].map(sides))
    space = data_side(utterances, validation=0.25)
    (fold,) = space["divide"](2)
    fold = space["with_held_out"](fold.name, 0)
    assert {name[:2] for name in fold.test} == {"f2", "m2"}
    assert {name[:2] for name in fold.validation} == {name[:2] for name in fold.train} == {"f1", "m1"}
    with pytest.raises(SerkitError, match="'dev'"):
        data_side(utterances.assign(partition="train"))["divide"](2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"split": "partition"}, "^iemocap has no partition of its own: set split to pairs, sessions or auto"),
        ({"validation_unit": "speaker"}, "^validation_unit = speaker is for split = folds"),
        ({"baseline_features": ["IS9"]}, "^unknown kind of features of a baseline 'IS9'"),
        ({"normalise_is10": "utterance"}, "^unknown setting of normalise_is10 'utterance'"),
        ({"models": ["advanced LTSM"]}, r"^unknown model 'advanced LTSM' \(did you mean 'advanced LSTM'\?\)"),
        ({"models": ["blocks, nothing combined"]}, "^unknown model 'blocks, nothing combined'"),
        ({"harmonic": "correct"}, r"^unknown setting of harmonic 'correct' \(did you mean 'corrected'\?\)"),
        ({"task_weights": [1.0, 0.3, 0.6, 0.1]}, "^task_weights has one weight each for emotion, speaker and gender"),
    ],
)
def test_settings_are_checked_before_anything_is_computed(given, message):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notebooks, "begin", lambda *_, **__: (Speech(acted()), None))
        with pytest.raises(SerkitError, match=message):
            run_cell("tao2018", "notebooks.begin", definitions("tao2018", **given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pairs": -1}, "pairs is 0 or more; got -1"),
        ({"steps": [0]}, r"steps \(frames\), each item, is 1 or more; got \[0\]"),
        ({"steps": []}, "steps needs 1 item"),
        ({"task_weights": [1.0]}, "task_weights needs 3 item"),
        ({"validation": 0.0}, "validation is from 0.01 to 0.9; got 0.0"),
        ({"dropout": 1.5}, "dropout is from 0.0 to 0.95; got 1.5"),
        ({"epochs": -1}, "epochs is 1 or more; got -1"),
    ],
)
def test_values_that_no_run_can_use_are_refused(given, message):
    with pytest.raises(SerkitError, match=message):
        notebooks.resolve(papers.find("tao2018"), "quick", given)


class Speech:
    """As much of a corpus as the data cell looks at."""

    name, complete = "iemocap", True
    has_partition = corpora.Corpus.has_partition

    def __init__(self, utterances):
        self.utterances = utterances

    def select(self, labels, style=""):
        assert style in ("", "improvised")
        return self.utterances[self.utterances["label"].isin(labels)]


class Tables:
    """As much of the results as a cell needs."""

    def __init__(self):
        self.tables = {}

    def table(self, name, values):
        self.tables[name] = values
        return values

    def folds(self, values):
        self.tables["folds"] = values


@pytest.mark.parametrize(
    ("complete", "classes", "style", "asserted"),
    [
        (True, CLASSES, "", True),
        (False, CLASSES, "", False),
        (True, CLASSES[:2], "", False),
        (True, CLASSES, "improvised", False),
    ],
)
def test_published_counts_are_asserted_of_the_published_subset_alone(complete, classes, style, asserted):
    speech = Speech(acted())
    speech.complete = complete
    paper = papers.profile_values(papers.find("tao2018"), "paper")
    given = {"speech": speech, "results": Tables(), "classes": classes, "style": style, "PAPER": paper}
    space = definitions("tao2018", "split_of", **given)
    if asserted:
        with pytest.raises(AssertionError, match="4490 utterances, this one 64"):
            run_cell("tao2018", "has 4490 utterances", space)
    else:
        run_cell("tao2018", "has 4490 utterances", space)
        assert space["results"].tables["splits"]["test speakers"].tolist() == [2, 2]


@pytest.mark.parametrize("normalise", ["training", "speaker"])
def test_frames_are_normalised_by_training_or_speaker(normalise, tmp_path, random):
    utterances = acted(1)
    arrays = {name: random.normal(50, 7, (random.integers(5, 40), 3)) for name in utterances["id"]}
    arrays = {name: values * [1, 2, 0] + (100 if name[0] == "m" else 0) for name, values in arrays.items()}
    lengths = [len(values) for values in arrays.values()]
    np.save(tmp_path / "features.npy", np.concatenate(list(arrays.values())).astype(np.float32))
    index = {"id": list(arrays), "offset": np.cumsum([0, *lengths])[:-1], "frames": lengths}
    pd.DataFrame(index).to_csv(tmp_path / "index.csv", index=False)
    truth = utterances.set_index("id")[["speaker", "gender", "label"]]
    space = definitions("tao2018", "Normalised", frames=Features(tmp_path), TRUTH=truth, D=3, normalise=normalise)
    train = [name for name in arrays if name[1] == "1"]
    normalised = space["Normalised"](train)
    owners = [train] if normalise == "training" else [[one for one in arrays if one[:2] == who] for who in ("f2", "m2")]
    for names in owners:
        whole = np.concatenate([normalised[name] for name in names])
        np.testing.assert_allclose(whole.mean(axis=0), 0, atol=1e-3)
        np.testing.assert_allclose(whole.std(axis=0)[:2], 1, atol=1e-3)
    assert len(Sequences(normalised, train, None, None, 4)[0]["frames"]) == 4
    levels = [
        np.concatenate([normalised[one] for one in arrays if one[:2] == who])[:, 0].mean() for who in ("f2", "m2")
    ]
    assert (levels[1] - levels[0] > 1) == (normalise == "training"), (
        "loudness stays, or each speaker's own is taken off"
    )


def test_a_fusion_that_turns_a_system_round_says_so(random):
    utterances = acted(3)
    truth = utterances.set_index("id")[["speaker", "gender", "label"]]
    right = np.eye(4)[pd.Categorical(utterances["label"], CLASSES).codes]
    parts = []
    for model, sign in (("advanced LSTM", -1), ("DNN", 1)):
        scores = sign * right + random.normal(0, 0.5, right.shape)
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        side = np.where(utterances["speaker"] == "f1", "test", "validation")
        parts.append(
            truth.reset_index().assign(
                model=model, fold="f", seed=0, side=side, **dict(zip(CLASSES, logs.T, strict=True))
            )
        )
    shown = []
    space = definitions("tao2018", networks=pd.concat(parts), TRUTH=truth, results=Tables())
    space["display"] = shown.append
    run_cell("tao2018", "LinearFusion(fusion_penalty)", space)
    (scales,) = [one for _, one in space["results"].tables.items()]
    assert scales.set_index("model")["scale RNN"]["RNN+DNN"] < 0
    (warning,) = shown
    assert warning.data.startswith("**1 of 1 fusions give the RNN a scale below 0**")


def test_models_without_attention_take_the_mean():
    """With equal weights the pooling of equation 1 is the mean, masked frames left out."""
    names = ("rnn", "branches", "TASKS", "MEAN", "RECURRENT", "advanced_lstm", "mean_lstm", "conventional_lstm")
    space = definitions("tao2018", *names, "advanced_gru", "uncombined_lstm", D=4)
    training.seed_everything(0)
    network = space["rnn"]("advanced LSTM, mean pooling", 3, 6, 5)
    frames, valid = np.random.default_rng(0).normal(size=(2, 12, 4)), np.arange(12) < np.array([[12], [7]])
    inside = keras.Model(network.input, [network.get_layer("recurrent").output, network.get_layer("pooling").output])
    states, pooled = inside.predict({"frames": frames.astype("float32"), "valid": valid}, verbose=0)
    np.testing.assert_allclose(pooled[1], states[1, :7].mean(axis=0), atol=1e-6)
    weighted = space["rnn"]("advanced LSTM", 3, 6, 5)
    assert weighted.count_params() == network.count_params() + 2 * 5


def small_network():
    """The notebook's, small: steps 5, 3 and 1, so that three frames fill no block."""
    frames, valid = keras.Input((None, 4), name="frames"), keras.Input((None,), dtype="bool", name="valid")
    hidden = keras.layers.Bidirectional(layers.AdvancedLSTM(3, dropout=0.5, return_sequences=True))(frames, mask=valid)
    pooled = layers.WeightedPooling()(hidden, mask=valid)
    scores = {"emotion": keras.layers.Dense(2, name="emotion")(pooled)}
    network = keras.Model({"frames": frames, "valid": valid}, scores)
    network.compile("adam", {"emotion": keras.losses.SparseCategoricalCrossentropy(from_logits=True)})
    return network


def test_odd_sequences_train_without_nan(tmp_path, random):
    """Three frames, one frame, and an utterance whose features never change: z-normalised they are all zero."""
    lengths = {"three": 3, "one": 1, "silent": 40, "long": 50, "longer": 70}
    arrays = {name: random.normal(size=(length, 4)) for name, length in lengths.items()}
    arrays["silent"][:] = -99
    np.save(tmp_path / "features.npy", np.concatenate(list(arrays.values())).astype(np.float32))
    index = {"id": list(lengths), "offset": np.cumsum([0, *lengths.values()])[:-1], "frames": list(lengths.values())}
    pd.DataFrame(index).to_csv(tmp_path / "index.csv", index=False)
    targets = {"emotion": np.array([0, 1, 0, 1, 0])}
    batches = Sequences(Features(tmp_path), list(lengths), targets, features.z_normalise, batch_size=2, seed=0)
    training.seed_everything(0)
    network = small_network()
    history = training.fit(network, batches, 2)
    assert np.isfinite(history["loss"]).all()
    assert all(np.isfinite(weights).all() for weights in network.get_weights())


def test_recordings_that_have_no_features_are_refused_by_name(tmp_path, random):
    signals = {"silent": np.zeros(16000), "short": random.normal(0, 0.1, 1000)}
    for name, signal in signals.items():
        audio.write(tmp_path / f"{name}.wav", signal, 16000)
    utterances = pd.DataFrame({"id": list(signals), "path": [str(tmp_path / f"{name}.wav") for name in signals]})
    for front_end, count in ((features.short_term_36, 1), (features.is10, 2)):
        with pytest.raises(SerkitError, match=f"{count} of 2 utterances cannot be used") as error:
            features.extract(utterances, front_end, directory=tmp_path, workers=1)
        assert "silent.wav is digital silence throughout" in str(error.value)
        assert ("short: the signal has 1000 samples" in str(error.value)) == (count == 2)
    assert not list(Path(tmp_path).glob("is10-*/features.npy"))


def test_sources_say_what_the_paper_says():
    """It says nothing of silence, and of the fusion the program's name alone."""
    parameters = papers.find("tao2018").parameters
    assert {parameters[name].source for name in ("trim", "fusion_penalty", "keep", "learning_rate")} == {"ours"}
    assert parameters["fusion_penalty"].said.startswith("FoCal")
    assert parameters["split"].source == "repetition", "what `auto` came to is a reason of its own"
