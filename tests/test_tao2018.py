"""The tao2018 notebook, executed in the smoke profile: what its tables and figures hold."""

import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from notebook_checks import (
    check_figures,
    check_outputs,
    check_that_results_say_miniature,
    check_that_runs_are_found_again,
    table,
)
from sklearn import metrics as reference

from serkit import audio, features, layers, notebooks, papers, splits, training
from serkit.batches import Sequences
from serkit.errors import SerkitError
from serkit.features import Features
from serkit.fusion import LinearFusion

NETWORKS = ["conventional LSTM", "mean LSTM", "advanced LSTM", "DNN"]
CLASSES = ["neutral", "happy", "angry", "sad"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return notebooks.execute("tao2018", profile="smoke", out=tmp_path_factory.mktemp("results"))


def predictions(folder):
    """Of every network: validation and test."""
    runs = table(folder, "runs").set_index("model")["key"]
    return {model: pd.read_csv(folder / "runs" / runs[model] / "predictions.csv") for model in NETWORKS}


def test_results_say_miniature(folder):
    check_that_results_say_miniature(folder, "tao2018", "iemocap")


def test_every_published_number_is_measured_and_none_comparable(folder):
    claims = table(folder, "claims")
    assert len(claims) == len(papers.table("tao2018", 1)) + len(papers.table("tao2018", 2)) == 18
    assert claims["measured"].between(0, 100).all()
    assert not claims["comparable"].any()
    assert claims["why_not"].str.contains("miniature").all()
    assert claims["why_not"].str.contains(r"epochs = 1 \(paper profile: 200\)").all()
    assert not claims["why_not"].str.contains("pairs|timing").any(), "a repetition is not another setting"
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
        true, called = tested["label"], tested["predicted"]
        found[model] = 100 * reference.f1_score(true, called, average="macro")
        assert claims[model, "MAF"] == pytest.approx(found[model], abs=0.01)
        precision = 100 * reference.precision_score(true, called, average="macro", zero_division=0)
        assert claims[model, "MAP"] == pytest.approx(precision, abs=0.01)
        assert claims[model, "Accuracy"] == pytest.approx(100 * (true == called).mean(), abs=0.01)
    for new, old in (("advanced LSTM", "conventional LSTM"), ("DNN", "advanced LSTM")):
        row = improvement.loc[(new, old, "MAF")]
        assert row["here (%)"] == pytest.approx(100 * (found[new] / found[old] - 1), abs=0.06)
        assert row["low (%)"] <= row["high (%)"]
    assert improvement.loc[("advanced LSTM", "conventional LSTM", "MAF"), "paper (%)"] == 5.5


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
    (row,) = table(folder, "fusion").to_dict("records")
    assert [row["scale RNN"], row["scale DNN"]] == pytest.approx(fusion.scales.tolist(), abs=1e-3)
    assert [row[f"offset {name}"] for name in CLASSES] == pytest.approx(fusion.offsets.tolist(), abs=1e-3)
    called = np.array(CLASSES)[fusion.predict(scores["test"])]
    accuracy = table(folder, "claims").set_index(["row", "metric"])["measured"]["RNN+DNN", "Accuracy"]
    assert accuracy == pytest.approx(100 * np.mean(called == sides["test"][0]["label"]), abs=0.01)


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


def test_cost_and_lottery(folder):
    cost = table(folder, "cost")
    assert cost["model"].tolist() == NETWORKS[:3]
    assert (cost["ms a step"] > 0).all()
    lottery = table(folder, "lottery").set_index("model")
    assert lottery.index.tolist() == [*NETWORKS, "RNN+DNN"]
    assert (lottery["count"] == 1).all()


def test_figures_are_drawn(folder):
    names = {"attention", "classes", "combination", "confusion", "cost", "input", "learning", "lottery", "toy"}
    check_figures(folder, names)


def test_runs_are_recorded_and_not_repeated(folder):
    records = {path: json.loads(path.read_text()) for path in (folder / "runs").glob("*/run.json")}
    trained = [record for record in records.values() if "fold" in record["spec"]]
    assert len(trained) == 4
    assert len(records) == 4 + 3  # and the timed steps
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
        ({"split": "pair"}, r"^tao2018: unknown split 'pair' \(did you mean 'pairs'\?\); valid: pairs, sessions"),
        ({"models": ["mean LSTM"]}, r"^tao2018: models must hold 'advanced LSTM'"),
    ],
)
def test_bad_input_inside_the_notebook_is_one_clear_message(tmp_path, given, message):
    with pytest.raises(SerkitError, match=message):
        notebooks.execute("tao2018", profile="smoke", out=tmp_path, **given)


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
