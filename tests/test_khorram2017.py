"""The khorram2017 notebook, executed in the smoke profile: what its tables, figures and files hold."""

import keras
import numpy as np
import pandas as pd
import pytest
from notebook_checks import (
    check_figures,
    check_outputs,
    check_that_results_say_miniature,
    definitions,
    run_cell,
    table,
)

import serkit.layers  # noqa: F401  (before a model with them is read)
from serkit import audio, corpora, metrics, notebooks, papers, splits
from serkit.corpora import miniatures, trajectories
from serkit.errors import SerkitError

MODELS = ["BLSTM", "Dilated", "Down/Up"]
DIMENSIONS = ["arousal", "valence"]
FRAMES = 200  # of 8 s


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return notebooks.execute("khorram2017", profile="smoke", out=tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def labels():
    table = corpora.load("recola", miniatures.ensure("recola")).trajectories()
    return table.assign(frame=table.groupby("id").cumcount())


def runs_of(folder, dimension, model):
    """The predictions of one network, by seed."""
    runs = table(folder, "runs").query("dimension == @dimension and model == @model")
    return [pd.read_csv(folder / "runs" / key / "predictions.csv", dtype={"id": str}) for key in runs["key"]]


def test_results_say_miniature(folder):
    check_that_results_say_miniature(folder, "khorram2017", "recola")


def test_claims(folder):
    claims = table(folder, "claims")
    assert len(claims) == sum(len(papers.table("khorram2017", number)) for number in (1, 2))
    measured = claims[claims["measured"].notna()]
    assert len(measured) == 12  # three networks, two dimensions, two measures
    assert sorted(measured["row"].unique()) == MODELS
    assert set(measured["metric"]) == {"dev CCC", "dev RMSE"}  # test labels are withheld
    assert measured.loc[measured["metric"] == "dev CCC", "measured"].between(-1, 1).all()
    assert not claims["comparable"].any()
    assert measured["why_not"].str.contains("miniature").all()
    for row in measured.itertuples():  # what a row does not depend on does not make it incomparable
        depends_on = row.depends_on.split(", ")
        assert {"seconds", "epochs"} <= set(depends_on)
        assert ("depth" in depends_on) == (row.row == "Dilated")
        assert ("down_widths" in depends_on) == (row.row == "Down/Up")
        assert ("lstm_units" in depends_on) == (row.row == "BLSTM")
        assert not {"filter_lengths", "filter_epochs", "timing", "seeds", "models"} & set(depends_on)
        assert "seconds = 8.0" in row.why_not, "four settings, and first what the paper states"
    reasons = table(folder, "reasons").set_index("reason")["in_full"]
    assert reasons["epochs"] == "epochs = 1; our paper profile says 100, the paper is silent"
    assert reasons["depth"] == "depth = 4; the paper says 10"
    dev = measured[measured["metric"] == "dev CCC"]
    assert (dev["low"] < dev["measured"]).all()
    assert (dev["measured"] < dev["high"]).all()


def test_scores_agree_with_the_stored_predictions(folder, labels):
    scores = table(folder, "scores").set_index(["dimension", "model"])
    assert scores["side"].eq("dev").all()
    assert scores["why no interval"].isna().all()
    for dimension in DIMENSIONS:
        for model in MODELS:
            (predicted,) = runs_of(folder, dimension, model)
            assert predicted.groupby("id").size().eq(FRAMES).all()
            assert predicted["id"].nunique() == 18  # development and test
            joined = predicted.merge(labels, on=["id", "frame"])
            assert joined["id"].str.startswith("dev").all()
            row = scores.loc[dimension, model]
            assert row["CCC"] == pytest.approx(metrics.ccc(joined[dimension], joined["prediction"]), abs=1e-4)
            assert row["RMSE"] == pytest.approx(metrics.rmse(joined[dimension], joined["prediction"]), abs=1e-4)
            by_recording = [metrics.ccc(one[dimension], one["prediction"]) for _, one in joined.groupby("id")]
            assert row["CCC recording mean"] == pytest.approx(np.mean(by_recording), abs=1e-4)
            rough = [metrics.power_above(one["prediction"], 25) for _, one in joined.groupby("id")]
            assert row["power above 1 Hz (%)"] == pytest.approx(100 * np.mean(rough), abs=1e-3)


def test_data_and_the_human_reference(folder, labels):
    data = table(folder, "data").set_index("partition")
    assert data["recordings"].to_dict() == {"train": 9, "dev": 9, "test": 9}
    assert data["annotated"].to_dict() == {"train": 9, "dev": 9, "test": 0}
    human = table(folder, "human")
    assert human["CCC between raters"].between(0.2, 0.95).all()
    assert (human["CCC of a rater with the others"] > human["CCC between raters"]).all()
    assert human["recordings"].eq(9).all()  # of development, as the networks' scores
    assert table(folder, "spectrum")["power below 1 Hz, mean (%)"].gt(95).all()


def test_sizes(folder):
    """Filters of 3 frames; 160 values in; 8 filters a layer; then the BLSTM of 4 units."""
    sizes = table(folder, "sizes").set_index("model")["weights"].groupby("model").first()
    assert sizes["Dilated"] == (3 * 160 * 8 + 8) + 3 * (3 * 8 * 8 + 8) + (8 + 1)
    assert sizes["Down/Up"] == (3 * 160 * 8 + 8) + 4 * (3 * 8 * 8 + 8) + 4 * (6 * 8 * 8 + 8) + (8 + 1)
    assert sizes["BLSTM"] == 2 * 4 * 4 * (160 + 4 + 1) + (8 + 1)


@pytest.mark.parametrize("model", MODELS[1:])
def test_any_length_goes_in_and_comes_out(folder, model):
    key = table(folder, "runs").query("model == @model")["key"].iloc[0]
    network = keras.saving.load_model(folder / "runs" / key / "model.keras", compile=False)
    for length in (1, 2, 80, 81, 82, 7501, 20000):
        assert network.predict_on_batch(np.zeros((1, length, 160), "float32")).shape == (1, length, 1)


def test_filter_lengths_and_downsampling(folder):
    lengths = table(folder, "filter_lengths")
    assert lengths["length"].tolist() == [2, 16, 2, 16]
    assert lengths["seconds"].tolist() == [0.08, 0.64, 0.08, 0.64]
    kept = table(folder, "downsampling")
    assert kept["n"].tolist() == [2, 4, 8, 16, 32, 64] * 2
    assert kept.loc[kept["n"] <= 16, "CCC"].gt(0.95).all()
    for _, part in kept.groupby("dimension"):
        assert part["CCC"].iloc[-1] < part["CCC"].iloc[0]


def test_training_times_compare_networks_of_like_size(folder):
    times = table(folder, "training_times")
    assert times["weights"].iloc[1] == pytest.approx(times["weights"].iloc[0], rel=0.15)
    assert times["seconds"].gt(0).all()
    assert len(times) == 3  # Down/Up too
    assert times["frames"].eq(50).all()  # what was timed, not what somebody multiplied it to


def test_the_filter_study_keeps_scores_and_no_predictions(folder):
    key = {path.parent.name for path in (folder / "runs").glob("*/predictions.csv")} - set(table(folder, "runs")["key"])
    assert len(key) == 4  # two lengths, two dimensions
    for name in key:
        kept = pd.read_csv(folder / "runs" / name / "predictions.csv")
        assert list(kept.columns) == ["id", "CCC"]
        assert len(kept) == 9


def test_histories_have_the_loss_without_its_penalty(folder):
    key = table(folder, "runs")["key"].iloc[0]
    history = pd.read_csv(folder / "runs" / key / "history.csv")
    np.testing.assert_allclose(history["ccc_loss"], history["loss"], atol=1e-5)  # l2 is 0 here
    space = definitions("khorram2017", "penalty", "convolution", "one_filter", "blstm", l2=0.5, D=4)
    assert len(space["one_filter"](3).losses) == 2  # filter and regression
    assert len(space["blstm"](None).losses) == 5  # two kernels in each direction, and the regression


def test_comparisons_of_the_paper_have_a_verdict(folder):
    compared = table(folder, "comparisons")
    assert set(compared["verdict"]) <= {"holds", "does not hold", "undecided"}
    own = compared[compared["published"].notna()].set_index(["better", "worse"])
    assert own.loc[("Down/Up, valence", "Dilated, valence"), "published"] == pytest.approx(0.592 - 0.538)
    assert len(own) == 6
    assert compared["speakers"].eq(9).all()
    scores = table(folder, "scores").set_index(["dimension", "model"])["CCC"]
    difference = scores["valence", "Down/Up"] - scores["valence", "Dilated"]
    assert own.loc[("Down/Up, valence", "Dilated, valence"), "measured"] == pytest.approx(difference, abs=2e-4)
    assert compared["worse"].str.startswith("linear, shifted, 5 s mean").sum() == 4


def test_baselines_and_smoothness(folder):
    scores = table(folder, "scores").set_index(["dimension", "model"])["CCC"]
    assert {name for _, name in scores.index} - set(MODELS) == {
        "linear, single frames", "linear, shifted labels", "linear, shifted, 5 s mean",
    }  # fmt: skip
    smoothness = table(folder, "smoothness").set_index("model")
    assert smoothness.loc["gold standard"].lt(1).all()
    assert smoothness.index[0] == "gold standard"
    assert smoothness.loc["Dilated", "valence"] > smoothness.loc["linear, shifted, 5 s mean", "valence"]


@pytest.mark.parametrize(("kernel", "up_kernel", "depth"), [(3, 6, 5), (5, 3, 4), (3, 5, 3), (4, 7, 3)])
def test_receptive_fields_are_those_of_the_networks(kernel, up_kernel, depth):
    """With weights of one and no curve, a prediction is not zero exactly where it sees the frame that is not zero."""
    names = ("penalty", "convolution", "dilated", "down_up", "frames_seen")
    settings = {"kernel": kernel, "up_kernel": up_kernel, "depth": depth, "activation": "linear", "down_layers": 3}
    space = definitions("khorram2017", *names, D=1, dilated_width=1, down_widths=[1, 1], **settings)
    for model, build in (("Dilated", space["dilated"]), ("Down/Up", space["down_up"])):
        network = build("arousal")
        network.set_weights([np.ones_like(one) if one.ndim > 1 else one for one in network.get_weights()])
        length = 27 * 16
        seen = (
            network.predict_on_batch(np.eye(length, dtype="float32")[:, :, None])[:, :, 0] > 0
        )  # (changed, predicted)
        for t in range(7 * 27, 8 * 27):
            where = np.flatnonzero(seen[:, t])
            assert (where[0], where[-1]) == space["frames_seen"](model, t)


def test_receptive_fields_of_the_paper():
    space = definitions("khorram2017", "frames_seen", depth=10)
    assert space["frames_seen"]("Dilated", 5000) == (5000 - 1023, 5000 + 1023)
    seen = [space["frames_seen"]("Down/Up", t) for t in range(8100, 8181)]
    counts = {last - first + 1 for first, last in seen}
    assert (min(counts), max(counts)) == (404, 485)


def test_moved_labels_and_their_way_back():
    moved = definitions("khorram2017", "moved")["moved"]
    values = np.arange(6.0)
    assert moved(values, 2).tolist() == [2, 3, 4, 5, 5, 5]
    assert moved(moved(values, 2), -2)[2:].tolist() == [2, 3, 4, 5]
    assert moved(values, 9).tolist() == [5] * 6


def test_the_exercise_of_the_past_can_be_done():
    space = definitions("khorram2017", "penalty", "convolution", D=1)
    layer = space["convolution"](2, dilation_rate=4, padding="causal", activation="linear")
    changed = np.zeros((1, 40, 1), "float32")
    changed[0, 20] = 1
    assert np.flatnonzero(np.abs(np.asarray(layer(changed))[0]).sum(axis=1)).tolist() == [20, 24, 28]


def test_raw_recola_with_participants_outside_the_partitions(tmp_path, random, capsys):
    """Recordings of other lengths than 7501 rows, few test participants, and one that is in no partition."""
    for number, name in enumerate(("P16", "P21", "P19", "P13", "P17")):
        rows = 251 + number
        audio.write(tmp_path / f"{name}.wav", random.normal(0, 0.1, rows * 640), 16000)
        for dimension in ("arousal", "valence"):
            path = tmp_path / "RECOLA-Annotation" / "emotional_behaviour" / dimension / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            time = 0.04 * np.arange(rows)
            rated = {f"F{n}": np.sin(time + number + n / 9).round(2) for n in range(6)}
            pd.DataFrame({"time": time.round(2), **rated}).to_csv(path, sep=";", index=False)
    speech = corpora.load("recola", tmp_path, strict=False)
    space = {**definitions("khorram2017", speech=speech, strict=False), "results": None}
    run_cell("khorram2017", "outside := ", space)
    assert "1 recordings are in no partition, or lack a file, and are left out: P17" in capsys.readouterr().out
    assert space["T"] == {"P13": 254, "P16": 251, "P19": 253, "P21": 252}
    assert space["fold"] == splits.by_partition(speech.recordings)
    assert set(space["LABELS"]["valence"]) == set(space["T"])
    assert definitions("khorram2017", "reasons", "note")["reasons"](speech)[0].startswith("raw release")


def test_predictions_to_submit_are_those_of_the_runs(folder):
    files = list((folder / "submission").rglob("*.arff"))
    assert len(files) == 3 * 2 * 18
    path = folder / "submission" / "Down-Up" / "valence" / "test_4.arff"
    read, problems = trajectories.read_arff(path)
    assert not problems
    (predicted,) = runs_of(folder, "valence", "Down/Up")
    np.testing.assert_allclose(read["value"], predicted.query("id == 'test_4'")["prediction"], atol=1e-6)
    assert "@attribute Prediction numeric" in path.read_text()


def test_figures_are_drawn(folder):
    names = {
        "ccc", "delay", "figure1_filter_length", "figure4_downsampling", "figure5_trajectories", "input", "learning",
        "networks", "reach", "scores", "spectrum", "toy", "trajectories", "transposed_convolution",
    }  # fmt: skip
    check_figures(folder, names)


def test_no_error_and_no_warning_in_the_notebook(folder):
    check_outputs(folder)


def test_bad_input_inside_the_notebook_is_one_clear_message(tmp_path):
    with pytest.raises(SerkitError, match=r"^khorram2017: unknown dimension of recola 'liking'; valid: arousal, val"):
        notebooks.execute("khorram2017", profile="smoke", out=tmp_path, dimensions=["liking"])


def test_own_recordings_with_test_labels_at_another_rate(tmp_path, random):
    """Ten labels a second, lengths that differ, a dimension of its own, and test labels, which are scored."""
    rows = []
    for number, partition in enumerate(["train", "train", "dev", "test"]):
        seconds = 5 + number
        audio.write(tmp_path / f"{number}.wav", random.normal(0, 0.1, seconds * 16000), 16000)
        time = np.round(0.1 * np.arange(seconds * 10 + 1), 1)
        values = pd.DataFrame({"time": time, "interest": np.sin(time + number)})
        values.to_csv(tmp_path / f"{number}.csv", index=False)
        row = {"path": f"{number}.wav", "annotation": f"{number}.csv", "partition": partition}
        rows.append(row | {"note": "proxy, delay added"})
    pd.DataFrame(rows).to_csv(tmp_path / "recordings.csv", index=False)
    given = {"dimensions": ["interest"], "down_widths": [4], "models": ["Down/Up"], "filter_lengths": [2], "seeds": 2}
    root, out = str(tmp_path / "recordings.csv"), tmp_path / "out"
    folder = notebooks.execute("khorram2017", "continuous", root, "smoke", out, seconds=0.0, **given)
    scores = table(folder, "scores").set_index(["model", "side"])
    lines = ("linear, single frames", "linear, shifted labels", "linear, shifted, 5 s mean")
    assert scores.index.tolist() == [(model, side) for model in (*lines, "Down/Up") for side in ("dev", "test")]
    assert "proxy, delay added" in table(folder, "reasons")["in_full"].tolist()
    assert "fewer than 8" in scores.loc[("Down/Up", "test"), "why no interval"]
    both = [one[one["id"] == "3"]["prediction"].to_numpy() for one in runs_of(folder, "interest", "Down/Up")]
    assert [len(one) for one in both] == [81, 81]
    truth = np.sin(0.1 * np.arange(81) + 3)
    found = scores.loc[("Down/Up", "test")]
    assert found["CCC of the mean prediction"] == pytest.approx(metrics.ccc(truth, np.mean(both, axis=0)), abs=1e-4)
    assert found["CCC"] == pytest.approx(np.mean([metrics.ccc(truth, one) for one in both]), abs=1e-4)
    assert not table(folder, "claims")["measured"].notna().any()  # the paper has no such dimension
