"""The khorram2017 notebook, executed in the smoke profile: what its tables, figures and files hold."""

import dataclasses

import keras
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from notebook_checks import (
    check_figures,
    check_folds,
    check_outputs,
    check_solutions,
    check_that_models_answer,
    check_that_results_say_miniature,
    check_trajectories,
    definitions,
    execute_and_solve,
    run_cell,
    table,
    undrawn,
)

import serkit.layers  # noqa: F401  (before a model with them is read)
from serkit import audio, corpora, metrics, notebooks, papers, plots, splits
from serkit.corpora import miniatures, trajectories
from serkit.errors import SerkitError
from serkit.report import Results

MODELS = ["BLSTM", "Dilated", "Down/Up"]
DIMENSIONS = ["arousal", "valence"]
FRAMES = 200  # of 8 s


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return execute_and_solve("khorram2017", profile="smoke", out=tmp_path_factory.mktemp("results"))


def test_the_solutions(folder):
    check_solutions(folder)


@pytest.fixture(scope="module")
def speech():
    return corpora.load("recola", miniatures.ensure("recola"))


@pytest.fixture(scope="module")
def labels(speech):
    table = speech.trajectories()
    return table.assign(frame=table.groupby("id").cumcount())


def runs_of(folder, dimension, model):
    """The predictions of one network, by seed."""
    runs = table(folder, "runs").query("dimension == @dimension and model == @model")
    return [pd.read_csv(folder / "runs" / key / "predictions.csv", dtype={"id": str}) for key in runs["key"]]


def test_results_say_miniature(folder):
    check_that_results_say_miniature(folder, "khorram2017", "recola")
    check_trajectories(folder)


def test_a_model_alone_says_what_its_run_said(folder):
    check_that_models_answer(folder, "recola", 6, rows=FRAMES)


def test_who_is_on_which_side_is_written_down(folder):
    check_folds(folder)


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
        assert not {"filter_lengths", "filter_epochs", "timed_steps", "timed_frames", "seeds", "models"} & set(
            depends_on
        )
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
    assert lengths["length (s)"].tolist() == [0.08, 0.64, 0.08, 0.64]
    kept = table(folder, "downsampling")
    assert kept["n"].tolist() == [2, 4, 8, 16, 32, 64] * 2
    assert kept.loc[kept["n"] <= 16, "CCC"].gt(0.95).all()
    for _, part in kept.groupby("dimension"):
        assert part["CCC"].iloc[-1] < part["CCC"].iloc[0]


def test_training_times_compare_networks_of_like_size(folder):
    times = table(folder, "training_times")
    assert times["weights"].iloc[1] == pytest.approx(times["weights"].iloc[0], rel=0.15)
    assert times["s an epoch"].gt(0).all()
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
    assert own.loc[("Down/Up (valence)", "Dilated (valence)"), "published"] == pytest.approx(0.592 - 0.538)
    assert len(own) == 6
    assert compared["speakers"].eq(9).all()
    scores = table(folder, "scores").set_index(["dimension", "model"])["CCC"]
    difference = scores["valence", "Down/Up"] - scores["valence", "Dilated"]
    assert own.loc[("Down/Up (valence)", "Dilated (valence)"), "measured"] == pytest.approx(difference, abs=2e-4)
    lines = compared["worse"].str.startswith("linear, shifted, 5 s mean (")
    assert lines.sum() == 4
    assert compared["made_by"].tolist() == ["ours" if line else "paper" for line in lines]


def judged_frames(side, random):
    """Two networks and a line, both dimensions, three runs each, ten speakers, with labels."""
    truth = random.normal(0, 0.3, (10, 40))
    rows = []
    for model, noise in (("Dilated", 0.4), ("Down/Up", 0.2), ("linear, shifted, 5 s mean", 0.6)):
        for seed in range(3 if noise < 0.5 else 1):
            for number, label in enumerate(truth):
                part = {"id": f"{side}_{number}", "speaker": f"s{number}", "frame": range(40), "label": label}
                part |= {"predicted": label + random.normal(0, noise, 40), "model": model, "seed": seed, "side": side}
                rows += [pd.DataFrame(part | {"dimension": dimension}) for dimension in DIMENSIONS]
    return pd.concat(rows, ignore_index=True)


@pytest.mark.parametrize("side", ["dev", "test"])
def test_comparisons_are_of_what_the_claims_are_of(side, random, speech, tmp_path):
    """Development: the mean of the runs' CCC; test: the CCC of their mean prediction (6.1)."""
    judged = judged_frames(side, random)
    settings = notebooks.parameters(papers.find("khorram2017")) | {"out": str(tmp_path)}
    results = Results("khorram2017", speech, settings)
    speakers = dict(zip(judged["id"], judged["speaker"], strict=True))
    space = {"judged": judged, "results": results, "RATE": 25, "MODELS": dict.fromkeys(MODELS), "SPEAKER": speakers}
    space = definitions("khorram2017", "BASELINES", **space)
    run_cell("khorram2017", "smooth_rows, compared = ", space)
    compared = pd.read_csv(tmp_path / "tables" / "comparisons.csv").query("metric == @side + ' CCC' and table == 1")
    by_model = {}
    for model, part in judged[judged["dimension"] == "arousal"].groupby("model"):
        runs = [metrics.ccc(one["label"], one["predicted"]) for _, one in part.groupby("seed")]
        mean = part.groupby(["id", "frame"])[["label", "predicted"]].mean()
        by_model[model] = np.mean(runs) if side == "dev" else metrics.ccc(mean["label"], mean["predicted"])
    found = compared.set_index(["better", "worse"])["measured"]
    expected = by_model["Down/Up"] - by_model["Dilated"]
    assert found["Down/Up (arousal)", "Dilated (arousal)"] == pytest.approx(expected, abs=1e-4)
    expected = by_model["Dilated"] - by_model["linear, shifted, 5 s mean"]
    assert found["Dilated (arousal)", "linear, shifted, 5 s mean (arousal)"] == pytest.approx(expected, abs=1e-4)


def test_the_number_of_runs_bears_on_the_test_alone():
    """A test prediction is the mean of five (6.1); a development row is repeated as often as one likes."""
    paper = papers.find("khorram2017")
    settings = papers.profile_values(paper, "paper") | {"seeds": 1}
    (difference,) = papers.differences(paper, settings)
    assert (difference.name, difference.published, difference.source) == ("seeds", 5, "paper")
    assert difference.affects == ("metric test RMSE", "metric test CCC")


@pytest.mark.parametrize(
    ("dimensions", "widths", "same"),
    [
        (["valence"], [128], True),
        (["valence", "arousal"], [128, 32], True),
        (["arousal"], [32], True),
        (["arousal", "valence"], [128, 32], False),
        (["valence"], [32], False),
        (["interest"], [32], False),
    ],
)
def test_widths_are_those_of_the_dimensions_that_are_run(dimensions, widths, same):
    paper = papers.find("khorram2017")
    settings = papers.profile_values(paper, "paper") | {"dimensions": dimensions, "down_widths": widths}
    assert [one.name for one in papers.differences(paper, settings)] == ["down_widths"] * (not same)


def test_where_the_blstm_is_better_in_print():
    """Of "outperform BLSTMs" (6.2): all of it is valence."""
    space = definitions("khorram2017")
    run_cell("khorram2017", "better_in_print = ", space)
    assert space["better_in_print"] == [
        "table 2, Dilated, dev RMSE", "table 2, Dilated, test RMSE", "table 2, Dilated, test CCC",
        "table 2, Down/Up, test RMSE",
    ]  # fmt: skip


def test_no_delay_is_negative(folder):
    """A correlation with what has not been said yet is chance, and longer with eight seconds of speech."""
    assert table(folder, "delay")["delay (s)"].ge(0).all()


def test_no_delay_where_nothing_correlates(random, tmp_path, speech):
    """One dimension follows loudness by two seconds, the other follows nothing."""
    loud = {f"r{n}": np.convolve(random.normal(size=1000), np.ones(25) / 25, "same") for n in range(8)}
    labels = {name: np.roll(one, 50).astype("float32") for name, one in loud.items()}
    noise = {name: np.convolve(random.normal(size=1000), np.ones(250), "same").astype("float32") for name in loud}
    settings = notebooks.parameters(papers.find("khorram2017")) | {"out": str(tmp_path)}
    space = definitions(
        "khorram2017", "moved", RATE=25.0, T=dict.fromkeys(loud, 1000), LABELS={"arousal": labels, "valence": noise},
        fold=splits.Fold("one", tuple(loud), (), ()), results=Results("khorram2017", speech, settings),
        read=lambda name: np.repeat(loud[name][:, None], 2, axis=1),
    )  # fmt: skip
    run_cell("khorram2017", "lags = ", space)
    delays = pd.read_csv(tmp_path / "tables" / "delay.csv").query("cue == 'loudness'").set_index("dimension")
    assert delays.loc["arousal", "delay (s)"] == pytest.approx(2)
    assert np.isnan(delays.loc["valence", "delay (s)"])
    assert np.isfinite(delays.loc["valence", "correlation"])


@pytest.mark.parametrize(
    ("given", "title", "above"),
    [
        ({}, "the first 4 of 8 layers, filter length 3", "further layers, and a 1 x 1 convolution: T x 1"),
        ({"kernel": 5, "depth": 4}, "4 layers, filter length 5", "a 1 x 1 convolution: T x 1"),
        ({"kernel": 4, "depth": 3}, "3 layers, filter length 4", "a 1 x 1 convolution: T x 1"),
        ({"kernel": 1, "depth": 1}, "1 layers, filter length 1", "a 1 x 1 convolution: T x 1"),
    ],
)
def test_the_drawing_of_the_dilated_network_follows_its_parameters(given, title, above):
    space = definitions("khorram2017", "draw_dilated", "frames_seen", D=160, **given)
    figure, ((axis,),) = plots.axes()
    space["draw_dilated"](axis)
    assert axis.get_title() == f"Dilated: {title}"
    assert above in [text.get_text() for text in axis.texts]
    drawn = min(space["depth"], 4)
    into_the_top = [line for line in axis.lines if line.get_ydata()[1] == drawn]
    assert len(into_the_top) == space["kernel"]
    seen = definitions("khorram2017", "frames_seen", **{**given, "depth": drawn})["frames_seen"]("Dilated", 0)
    frames = [line.get_xdata()[0] for line in axis.lines]
    assert (min(frames), max(frames)) == seen
    plt.close(figure)


def test_the_drawing_of_down_up_follows_its_parameters():
    space = definitions("khorram2017", "draw_down_up", D=160, factor=2, up_kernel=5, down_layers=3)
    figure, ((axis,),) = plots.axes()
    space["draw_down_up"](axis)
    texts = [text.get_text() for text in axis.texts]
    assert texts[:2] == ["input: 8 x 160", "convolution, largest of 2: 4 x 16"]
    assert texts[-2] == "transposed convolution of 5, stride 2: 8 x 16"
    assert axis.get_title() == "Down/Up: a block of 8 frames"
    plt.close(figure)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seconds": 0.01}, r"^seconds = 0.01 is too little to train on: give 2 or more, or 0 for whole recordings"),
        ({"models": ["BLSTM", "BLSTM"]}, "^BLSTM, BLSTM: one of them is named twice"),
        ({"dimensions": ["valence", "valence"]}, "^valence, valence: one of them is named twice"),
        ({"down_widths": [8]}, "^down_widths has 1 numbers for 2 dimensions"),
        ({"activation": "rleu"}, "^unknown activation 'rleu'"),
        ({"models": ["Dilatd"]}, r"^unknown model 'Dilatd' \(did you mean 'Dilated'\?\)"),
    ],
)
def test_values_that_no_run_can_use_are_refused_with_the_data(given, message, speech):
    with pytest.raises(SerkitError, match=message):
        run_cell("khorram2017", "outside := ", definitions("khorram2017", speech=speech, **given))


@pytest.mark.parametrize(
    "given",
    [
        {"epochs": 0}, {"seeds": 0}, {"seconds": -1.0}, {"kernel": 0}, {"depth": 0}, {"depth": 30}, {"factor": 1},
        {"down_widths": [8, 0]}, {"lstm_units": []}, {"learning_rate": 0.0}, {"l2": -0.1}, {"models": []},
        {"dimensions": []}, {"filter_lengths": [0]}, {"filter_epochs": 0}, {"filter_seeds": 0}, {"timed_steps": 0},
        {"patience": 0}, {"dither": -1.0}, {"workers": 0},
    ],
)  # fmt: skip
def test_values_out_of_bounds_are_refused_before_anything_runs(given):
    (name,) = given
    with pytest.raises(SerkitError, match=f"^parameter {name}"):
        notebooks.resolve(papers.find("khorram2017"), "smoke", given)


def test_baselines_and_smoothness(folder):
    scores = table(folder, "scores").set_index(["dimension", "model"])["CCC"]
    assert {name for _, name in scores.index} - set(MODELS) == {
        "linear, single frames", "linear, shifted labels", "linear, shifted, window", "linear, shifted, 5 s mean",
    }  # fmt: skip
    used = table(folder, "shifts").set_index(["model", "dimension"])
    shifts, windows = used["shift (s)"], used["window (s)"]
    lines = ("linear, shifted labels", "linear, shifted, window", "linear, shifted, 5 s mean")
    assert windows["linear, shifted, window"].isin([1, 2, 4, 8]).all()
    assert (windows.drop("linear, shifted, window", level=0) == 0.04).all(), "single frames"
    assert shifts.index.tolist() == [(model, dimension) for dimension in DIMENSIONS for model in lines]
    assert shifts.between(0, 6).all()
    smoothness = table(folder, "smoothness").set_index("model")
    assert smoothness.loc["gold standard"].lt(1).all()
    assert smoothness.index[0] == "gold standard"
    networks = smoothness.loc[["Dilated", "Down/Up"]]
    assert (networks > smoothness.loc["linear, shifted, 5 s mean"]).all(axis=None)


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
    assert "1 recordings are in no partition, and are left out: P17" in capsys.readouterr().out
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


def test_a_partition_without_development_is_refused(speech):
    """Without a test side the development columns are left to measure; without development nothing ends training."""
    table = speech.utterances
    for missing, refused in (("test", False), ("dev", True), ("train", True)):
        part = dataclasses.replace(speech, utterances=table[table["partition"] != missing])
        space = definitions("khorram2017", speech=part)
        if refused:
            with pytest.raises(SerkitError, match=f"^no recording is in the partition {missing!r}"):
                run_cell("khorram2017", "outside := ", space)
        else:
            run_cell("khorram2017", "outside := ", space)
            assert space["fold"].test == ()


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
    with undrawn():
        folder = notebooks.execute("khorram2017", "continuous", root, "smoke", out, seconds=0.0, **given)
    scores = table(folder, "scores").set_index(["model", "side"])
    lines = ("linear, single frames", "linear, shifted labels", "linear, shifted, window", "linear, shifted, 5 s mean")
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
