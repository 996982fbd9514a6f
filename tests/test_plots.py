"""What the figures show, read back from the drawn artists."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from serkit import plots


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
        told = {tuple(text.get_position()[::-1]): text.get_text() for text in texts}
        share = 100 * counts.iloc[0, 1] / counts.iloc[0].sum()
        assert told[0, 1] == f"{share:.0f} %\n{counts.iloc[0, 1]}"
        assert [label.get_text() for label in axis.get_xticklabels()] == names
