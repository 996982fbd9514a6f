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
