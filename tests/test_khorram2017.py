"""The khorram2017 notebook, executed in the smoke profile: what its tables, figures and files hold."""

import keras
import numpy as np
import pandas as pd
import pytest
from notebook_checks import check_figures, check_outputs, check_that_results_say_miniature, table

import serkit.layers  # noqa: F401  (before a model with them is read)
from serkit import audio, corpora, metrics, notebooks, papers
from serkit.corpora import annotations, miniature
from serkit.errors import SerkitError

MODELS = ["BLSTM", "Dilated", "Down/Up"]
DIMENSIONS = ["arousal", "valence"]
FRAMES = 200  # of 8 s


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return notebooks.execute("khorram2017", profile="smoke", out=tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def labels():
    table = corpora.load("recola", miniature.ensure("recola")).annotations()
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
    assert measured["why_not"].str.contains(r"epochs = 1 \(paper profile: 100\)").all()


def test_scores_agree_with_the_stored_predictions(folder, labels):
    scores = table(folder, "scores").set_index(["dimension", "model"])
    assert scores["side"].eq("dev").all()
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
    assert table(folder, "human")["CCC between raters"].between(0.2, 0.95).all()
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
    assert times["seconds an epoch of 9 x 7501 frames"].gt(0).all()


def test_predictions_to_submit_are_those_of_the_runs(folder):
    files = list((folder / "submission").rglob("*.arff"))
    assert len(files) == 3 * 2 * 18
    path = folder / "submission" / "Down-Up" / "valence" / "test_4.arff"
    read, problems = annotations.read_arff(path)
    assert not problems
    (predicted,) = runs_of(folder, "valence", "Down/Up")
    np.testing.assert_allclose(read["value"], predicted.query("id == 'test_4'")["prediction"], atol=1e-6)
    assert "@attribute Prediction numeric" in path.read_text()


def test_figures_are_drawn(folder):
    names = {
        "figure1_filter_length", "figure4_downsampling", "figure5_trajectories", "input", "learning", "reach", "scores",
        "spectrum", "toy", "trajectories",
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
        rows.append({"path": f"{number}.wav", "annotation": f"{number}.csv", "partition": partition})
    pd.DataFrame(rows).to_csv(tmp_path / "recordings.csv", index=False)
    given = {"dimensions": ["interest"], "down_widths": [4], "models": ["Down/Up"], "filter_lengths": [2], "seeds": 2}
    root, out = str(tmp_path / "recordings.csv"), tmp_path / "out"
    folder = notebooks.execute("khorram2017", "continuous", root, "smoke", out, seconds=0.0, **given)
    scores = table(folder, "scores").set_index(["model", "side"])
    assert scores.index.tolist() == [
        ("linear, single frames", "dev"), ("linear, single frames", "test"), ("Down/Up", "dev"), ("Down/Up", "test"),
    ]  # fmt: skip
    both = [one[one["id"] == "3"]["prediction"].to_numpy() for one in runs_of(folder, "interest", "Down/Up")]
    assert [len(one) for one in both] == [81, 81]
    truth = np.sin(0.1 * np.arange(81) + 3)
    found = scores.loc[("Down/Up", "test")]
    assert found["CCC of the mean prediction"] == pytest.approx(metrics.ccc(truth, np.mean(both, axis=0)), abs=1e-4)
    assert found["CCC"] == pytest.approx(np.mean([metrics.ccc(truth, one) for one in both]), abs=1e-4)
    assert not table(folder, "claims")["measured"].notna().any()  # the paper has no such dimension
