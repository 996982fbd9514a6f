"""What the figures show, read back from the drawn artists."""

import io
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from serkit import features, plots
from serkit.errors import SerkitError


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_a_waveform_keeps_its_peaks(random):
    signal = random.uniform(-0.1, 0.1, 100_000)
    signal[50_000], signal[70_001] = 0.9, -0.8
    _, ((axis,),) = plots.axes()
    plots.waveform(axis, signal, 16000)
    drawn = axis.collections[0].get_paths()[0].vertices
    assert drawn[:, 1].max() == pytest.approx(0.9)
    assert drawn[:, 1].min() == pytest.approx(-0.8)
    assert drawn[drawn[:, 1].argmax(), 0] == pytest.approx(50_000 / 16000, abs=0.01)
    assert axis.get_xlim() == (0, 6.25)


@pytest.mark.parametrize("bands", ["linear", "mel"])
def test_a_tone_stands_at_its_frequency(bands):
    tone = np.sin(2 * np.pi * 2000 * np.arange(8000) / 16000)
    _, ((axis,),) = plots.axes()
    image = plots.spectrogram(axis, features.log_spectrogram(tone, 16000, bands=bands), 0.016, 8000, bands)
    axis.figure.canvas.draw()
    rows = image.get_array()
    drawn = 8 / 128 * (rows.mean(axis=1).argmax() + 0.5)
    ticks = {text.get_text(): text.get_position()[1] for text in axis.get_yticklabels()}
    assert ticks["2"] == pytest.approx(drawn, abs=8 / 128)
    assert (ticks["0"], ticks["8"]) == (0, pytest.approx(8))


def test_folds_and_the_papers_number():
    by_fold = pd.DataFrame({"model": ["a", "a", "b"], "MAF": [30.0, 50.0, 60.0]})
    figure = plots.fold_spread(by_fold, {"MAF": "MAF (%)"}, {"MAF": 20.0}, {"MAF": {"b": 55.0, "unknown": 1.0}})
    (axis,) = figure.axes
    points = [collection.get_offsets() for collection in axis.collections if hasattr(collection, "get_offsets")]
    heights = [values[:, 1].tolist() for values in map(np.asarray, points)]
    assert [30.0, 50.0] in heights
    assert [55.0] in heights
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["the paper", "majority class"]
    plain = plots.fold_spread(by_fold, {"MAF": "MAF (%)"}, {"MAF": 20.0})
    assert [text.get_text() for text in plain.axes[0].get_legend().get_texts()] == ["majority class"]


def test_pauses_are_shaded_where_they_are(random):
    times, weights = 0.05 + 0.1 * np.arange(10), random.uniform(0.02, 0.2, 10)
    quiet = np.array([1, 1, 0, 0, 0, 1, 0, 0, 0, 1], bool)  # at both ends, and one frame in between
    figure = plots.attention_over_time(random.normal(size=16000), 16000, times, weights, quiet)
    upper, lower = figure.axes
    for axis in (upper, lower):
        spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axis.patches]
        np.testing.assert_allclose(spans, [(0, 0.2), (0.5, 0.6), (0.9, 1.0)], atol=1e-9)
    assert upper.get_xlim() == lower.get_xlim() == (0, 1)
    (mean,) = lower.lines
    np.testing.assert_allclose(mean.get_ydata(), 1 / 10)
    drawn = lower.collections[0].get_paths()[0].vertices
    assert drawn[:, 1].max() == pytest.approx(weights.max())
    assert drawn[drawn[:, 1].argmax(), 0] == pytest.approx(times[weights.argmax()], abs=0.051)
    assert [text.get_text() for text in lower.get_legend().get_texts()] == ["mean pooling"]


def test_attention_over_an_utterance_without_pauses_or_of_one_frame():
    figure = plots.attention_over_time(np.ones(1600), 16000, np.array([0.05]), np.array([1.0]), np.array([False]))
    assert not figure.axes[0].patches
    figure = plots.attention_over_time(np.ones(1600), 16000, np.array([0.05]), np.array([1.0]), np.array([True]))
    (patch,) = figure.axes[1].patches
    assert (patch.get_x(), patch.get_width()) == pytest.approx((0, 0.1))


def test_counts_of_a_confusion_matrix_have_as_many_digits_as_they_need():
    """An utterance may be of two classes; a table of whole numbers may be of floats."""
    counts = pd.DataFrame([[225.0, 10 + 1 / 3], [0.5, 2000000.0]], ["a", "b"], ["a", "b"])
    texts = [text.get_text().split("\n")[1] for text in plots.confusions({"": counts}).axes[0].texts]
    assert texts == ["225", "10.3", "0.5", "2000000"]


@pytest.mark.parametrize("classes", [2, 4, 8])
def test_every_cell_of_a_confusion_matrix_has_room_for_its_text(classes, random):
    names = [f"surprised{number}" for number in range(classes)]
    matrices = {
        title: pd.DataFrame(random.integers(500, 2000, (classes, classes)), names, names) for title in ("one", "other")
    }
    figure = plots.confusions(matrices)
    figure.canvas.draw()
    for axis, (title, counts) in zip(figure.axes, matrices.items(), strict=True):
        assert axis.get_title() == title
        cell = axis.get_window_extent().width / classes
        assert cell > 0.45 * figure.dpi, "inches: more classes make a larger figure"
        texts = axis.texts
        assert len(texts) == classes**2
        assert max(text.get_window_extent().width for text in texts) < cell
        assert max(text.get_window_extent().height for text in texts) < cell
        shown = {tuple(text.get_position()[::-1]): text.get_text() for text in texts}
        share = 100 * counts.iloc[0, 1] / counts.iloc[0].sum()
        assert shown[0, 1] == f"{share:.0f} %\n{counts.iloc[0, 1]}"
        assert [label.get_text() for label in axis.get_xticklabels()] == names


def test_one_run_has_no_spread():
    by_fold = pd.DataFrame({"model": ["a", "b"], "UA": [30.0, 60.0]})
    figure = plots.fold_spread(by_fold, {"UA": "UA (%)"}, {"UA": 25.0})
    assert figure.get_suptitle() == "one run of each model: no spread to be seen"
    assert len(figure.axes[0].collections) == 2, "the points, and no line of a mean"
    several = plots.fold_spread(pd.concat([by_fold, by_fold.assign(UA=50.0)]), {"UA": "UA (%)"}, {"UA": 25.0})
    assert several.get_suptitle() == ""
    assert len(several.axes[0].collections) == 4, "the points and a mean of each model"


def history(model, seed, epochs, level):
    return pd.DataFrame({"model": model, "fold": "one", "seed": seed, "epoch": range(1, epochs + 1), "loss": level})


def test_the_mean_ends_where_the_first_run_ends():
    """The run that survives is the better one: its own line goes on, but the mean does not."""
    histories = pd.concat([history("a", 0, 3, 1.0), history("a", 1, 8, 0.2), history("b", 0, 5, 0.7)])
    (axis,) = plots.learning_curves(histories, {"loss": "loss (nats)"}).axes
    thick = {line.get_label(): line for line in axis.lines if line.get_linewidth() == 2}
    assert list(thick) == ["a (mean of 2 runs)", "b"]
    mean = thick["a (mean of 2 runs)"]
    assert mean.get_xdata().tolist() == [1, 2, 3]
    np.testing.assert_allclose(mean.get_ydata(), 0.6)
    thin = [line.get_xdata()[-1] for line in axis.lines if line.get_linewidth() == 0.7]
    assert thin == [3, 8, 5]
    dots = [line for line in axis.lines if line.get_marker() == "o" and len(line.get_xdata())]
    ends = [(line.get_xdata()[0], line.get_ydata()[0]) for line in dots]
    assert ends == [(3, 1.0), (8, 0.2), (5, 0.7)]


def test_many_runs_are_a_band_and_a_mean():
    """No line for each of eight; one that has ended counts with its last value, in the thin line and the band."""
    runs = [history("a", seed, 3 if seed < 2 else 8, float(seed)) for seed in range(8)]
    other = pd.concat([history(f"m{number}", 0, 4, 1.0) for number in range(8)])
    histories = pd.concat([*runs, other]).assign(rounds=lambda table: 10 * table["epoch"])
    measures = {"loss": "loss (nats)", "rounds": "rounds", "epoch": "epoch"}
    figure = plots.learning_curves(histories, measures, ("rounds", "updates"), columns=2)
    axis, *_, unused = figure.axes
    assert (axis.get_xlabel(), unused.get_visible()) == ("updates", False)
    own = [line for line in axis.lines if line.get_color() == plots.COLOURS[0] and line.get_marker() == "None"]
    own = [line for line in own if line.get_linestyle() == "-"]
    assert [(line.get_linewidth(), line.get_xdata().tolist()[-1]) for line in own] == [(0.8, 80), (2, 30)]
    np.testing.assert_allclose(own[0].get_ydata(), 3.5)
    edges = axis.collections[0].get_paths()[0].vertices
    assert (edges[:, 1].min(), edges[:, 1].max()) == (1.75, 5.25)
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[0] == "a (mean of 8 runs)"
    assert texts[-3:] == ["end of a run", "the middle half of a model's runs", texts[-1]]
    styles = {line.get_label(): (line.get_color(), line.get_linestyle()) for line in axis.lines}
    assert styles["m7"] == (plots.COLOURS[0], "--"), "the ninth model is no twin of the first"


def test_runs_that_cannot_be_apart():
    twice = pd.concat([history("a", 0, 3, 1.0), history("a", 0, 3, 2.0)])
    with pytest.raises(SerkitError, match="epochs occur twice where only model, fold, seed tell runs apart"):
        plots.learning_curves(twice, {"loss": "loss (nats)"})
    apart = pd.concat([history("a", 0, 3, 1.0).assign(dataset="x"), history("a", 0, 3, 2.0).assign(dataset="y")])
    plots.learning_curves(apart, {"loss": "loss (nats)"})


CLAIMS = pd.DataFrame(
    {
        "table": [1, 1, 1, 1, 2],
        "row": ["GAP", "attention", "GAP", "ELM", "other"],
        "metric": ["WA", "WA", "UA", "UA", "MAF"],
        "published": [70.0, 71.0, 66.0, 52.0, 55.0],
        "measured": [60.0, 62.0, 55.0, np.nan, 44.0],
        "low": [52.0, 53.0, np.nan, np.nan, np.nan],
        "high": [68.0, 72.0, np.nan, np.nan, np.nan],
        "comparable": [True, False, True, False, True],
    }
)


def test_published_beside_measured():
    figure = plots.published_beside_measured(CLAIMS)
    drawn = [axis for axis in figure.axes if axis.get_visible()]
    assert [axis.get_title() for axis in drawn] == ["table 1, WA", "table 1, UA", "table 2, MAF"]
    axis = drawn[0]
    assert [bar.get_width() for bar in axis.patches] == [70, 71, 60, 62]
    assert [bar.get_hatch() for bar in axis.patches] == [None, None, None, "///"], "not comparable"
    ends = [line.tolist() for line in axis.collections[0].get_segments()]
    assert [[point[0] for point in line] for line in ends] == [[52, 68], [53, 72]]
    assert not drawn[1].collections, "no interval"
    assert [label.get_text() for label in drawn[1].get_yticklabels()] == ["GAP"], "only what was measured"
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["published", "measured", "measured, not comparable", "95 % interval over speakers"]
    with pytest.raises(SerkitError, match="nothing was measured"):
        plots.published_beside_measured(CLAIMS[3:4])


NODES = {
    "in": (0, 0, "input\n(B, T, 36)"),
    "hidden": (3, 0, "a rather long name of a layer\n(B, T, 128)", "#cfe6f5"),
    "out": (6, 2, "scores"),
    "after": (8, 2, ""),
}


def test_boxes_are_inside_and_apart():
    figure, ((axis,),) = plots.axes(width=8)
    plots.boxes(
        axis, NODES, [("in", "hidden"), ("hidden", "out", "pooling"), ("in", "out", "", -0.3), ("out", "after")]
    )
    figure.canvas.draw()
    texts = {text.get_text(): text for text in axis.texts}
    frame = axis.get_window_extent()
    drawn = [texts[node[2] or " "].get_bbox_patch().get_window_extent() for node in NODES.values()]
    for box in drawn:
        assert frame.x0 - 1 <= box.x0
        assert box.x1 <= frame.x1 + 1
        assert frame.y0 - 1 <= box.y0
        assert box.y1 <= frame.y1 + 1
    assert not any(one.overlaps(other) for number, one in enumerate(drawn) for other in drawn[:number])
    arrows = [text for text in axis.texts if hasattr(text, "arrow_patch")]
    assert [(arrow.xyann, arrow.xy) for arrow in arrows] == [
        ((0, 0), (3, 0)),
        ((3, 0), (6, 2)),
        ((0, 0), (6, 2)),
        ((6, 2), (8, 2)),
    ]
    # An arrow goes from box to box, not from middle to middle.
    start, end = (axis.transData.transform(point)[0] for point in ((0, 0), (3, 0)))
    assert arrows[0].arrow_patch.get_window_extent().x0 > start + drawn[0].width / 2 - 2
    assert arrows[0].arrow_patch.get_window_extent().x1 < end - drawn[1].width / 2 + 2
    x, y = texts["pooling"].get_position()
    assert (x, y) == pytest.approx((4.5, 1)), "halfway"


@pytest.mark.parametrize("dpi", [50, 100, 150, 300])
def test_arrows_reach_from_box_to_box_at_any_resolution(dpi):
    """On the row through both middles, which the boxes' two lines of text leave free."""
    figure, ((axis,),) = plots.axes(width=6)
    text = "one\n\nother"
    plots.boxes(axis, {"in": (0, 0, text, "yellow"), "out": (4, 0, text, "yellow")}, [("in", "out", "pooling")])
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi, bbox_inches="tight")
    drawn.seek(0)
    image = plt.imread(drawn)[..., :3]
    yellow = (image[..., 2] < 0.1) & (image[..., 0] > 0.9)
    inside = np.flatnonzero(yellow.any(axis=0))
    gap = np.flatnonzero(np.diff(inside) > 0.2 * dpi)
    left, right = inside[gap[0]] + 1, inside[gap[0] + 1]  # where one box ends, and where the other begins
    rows = np.flatnonzero(yellow.any(axis=1))
    row, width = (rows[0] + rows[-1]) // 2, right - left
    line = image[row - 2 : row + 3, left:right].max(axis=-1).min(axis=0) < 0.75
    for part in (line[: width // 4], line[-width // 4 :]):
        assert (~part).sum() * 72 / dpi < 2, "points between an arrow and its box"
    middle = image[rows[0] : rows[-1] + 1, left + int(0.45 * width) : left + int(0.55 * width)].min(axis=-1)
    assert (middle < 0.3).sum() > 5, "the label's text"


def test_boxes_leave_room_for_the_arrows_between_them():
    """In the figure as it is asked for, the boxes would touch."""
    figure, ((axis,),) = plots.axes(width=4, height=2)
    nodes = {name: (number, 0, f"a box\ncalled {name}") for number, name in enumerate("abcd")}
    plots.boxes(axis, nodes, [("a", "b"), ("b", "c"), ("c", "d", "", 0.3)], fontsize=11)
    figure.canvas.draw()
    drawn = [text.get_bbox_patch().get_window_extent() for text in axis.texts[:4]]
    gaps = [right.x0 - left.x1 for left, right in pairwise(drawn)]
    assert min(gaps) * 72 / figure.dpi > 9, "points"
    assert figure.get_size_inches()[1] == 2, "no higher than before"


def test_an_arrow_to_nowhere():
    _, ((axis,),) = plots.axes()
    with pytest.raises(SerkitError, match="an arrow goes to or from 'outt', which is not among the nodes in, hidden"):
        plots.boxes(axis, NODES, [("in", "outt")])
