"""Metrics against scikit-learn, literal numbers and perfect predictions."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from serkit import metrics
from serkit.errors import SerkitError


@pytest.fixture
def labels(random):
    true = random.choice(list("abcd"), 200, p=[0.5, 0.3, 0.15, 0.05])
    called = np.where(random.random(200) < 0.6, true, random.choice(list("abcd"), 200))
    return true, called


def test_equal_to_scikit_learn(labels):
    assert metrics.wa(*labels) == pytest.approx(reference.accuracy_score(*labels), abs=1e-12)
    assert metrics.ua(*labels) == pytest.approx(reference.balanced_accuracy_score(*labels), abs=1e-12)
    assert metrics.macro_f1(*labels) == pytest.approx(reference.f1_score(*labels, average="macro"), abs=1e-12)
    assert metrics.macro_precision(*labels) == pytest.approx(
        reference.precision_score(*labels, average="macro"), abs=1e-12
    )
    np.testing.assert_array_equal(metrics.confusion(*labels, list("abcd")), reference.confusion_matrix(*labels))


def test_perfect_is_one(labels):
    true = labels[0]
    for metric in (metrics.wa, metrics.ua, metrics.macro_f1, metrics.macro_precision):
        assert metric(true, true) == 1
    x = np.arange(5.0)
    assert metrics.ccc(x, x) == metrics.pearson(x, x) == 1
    assert metrics.rmse(x, x) == 0


def test_a_class_that_is_absent_is_left_out_of_ua():
    assert metrics.ua(["a", "a"], ["a", "c"]) == 0.5
    assert metrics.recalls(["a", "a"], ["a", "c"]) == {"a": 0.5}


def test_ccc_definition(random):
    for _ in range(200):
        n = random.integers(2, 50)
        x, y = random.normal(size=(2, n)) * random.uniform(0.1, 10, (2, 1)) + random.normal(size=(2, 1))
        expected = 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
        assert metrics.ccc(x, y) == pytest.approx(expected, abs=1e-12)
        assert metrics.pearson(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)


def test_constant_sequences():
    assert metrics.ccc([1.0, 1.0], [2.0, 2.0]) == 0
    assert metrics.ccc([1.0, 1.0], [1.0, 1.0]) == 1
    assert metrics.pearson([1.0, 1.0], [1.0, 2.0]) == 0


def test_pooled_and_by_fold_differ():
    table = pd.DataFrame(
        {"fold": ["1", "1", "1", "2"], "label": ["a", "a", "b", "a"], "predicted": ["a", "a", "a", "b"]}
    )
    found = metrics.scores(table)
    assert found["WA pooled"] == 0.5
    assert found["UA pooled"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["WA fold mean"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["UA fold mean"] == pytest.approx((0.5 + 0) / 2)
    assert found["WA fold sd"] == pytest.approx(np.std([2 / 3, 0], ddof=1))
    assert found["WA floor"] == 0.75
    assert found["UA floor"] == 0.5
    assert found["folds"] == 2
    assert found["seeds"] == 1
    assert found["utterances"] == 4
    assert np.isnan(metrics.scores(table[:3])["UA fold sd"])


def test_all_seeds_count():
    """Pooled: the mean over seeds. By fold: over all folds and seeds alike."""
    first = pd.DataFrame({"seed": 0, "fold": ["1", "1", "2", "2"], "label": list("abab"), "predicted": list("abab")})
    second = first.assign(seed=1, predicted=list("aaba"))
    found = metrics.scores(pd.concat([first, second]), {"WA": metrics.wa})
    assert found["WA pooled"] == pytest.approx((1 + 1 / 4) / 2)
    assert found["WA fold mean"] == pytest.approx(np.mean([1, 1, 0.5, 0]))
    assert found["WA fold sd"] == pytest.approx(np.std([1, 1, 0.5, 0], ddof=1))
    assert (found["folds"], found["seeds"], found["utterances"]) == (2, 2, 4)
    assert metrics.scores(first, {"WA": metrics.wa})["WA pooled"] == 1


def test_the_floor_of_ratings_is_the_best_constant():
    """Labels are means of raters and predictions are classes: the commonest rating need not be a class."""
    table = pd.DataFrame({"fold": "1", "label": [2.5, 2.5, 2.0, 1.0], "predicted": [2, 2, 1, 1]})
    near = {"near": lambda rating, predicted: float(np.mean(np.abs(rating - predicted) < 0.75))}
    assert metrics.scores(table, near)["near floor"] == 0.75


@pytest.mark.parametrize("pair", [(["a"], ["a", "b"]), ([], []), ([["a"]], [["a"]])])
def test_shapes_that_do_not_fit(pair):
    with pytest.raises(SerkitError, match="equally long lists"):
        metrics.wa(*pair)


def test_strangers_and_nan():
    with pytest.raises(SerkitError, match=r"labels \['x'\] are not among the classes"):
        metrics.confusion(["a"], ["x"], ["a", "b"])
    with pytest.raises(SerkitError, match="not a finite number"):
        metrics.ccc([1.0, np.nan], [1.0, 2.0])


def test_other_measures_have_folds_and_floors(labels):
    true, called = labels
    table = pd.DataFrame({"fold": np.repeat(["1", "2"], 100), "label": true, "predicted": called})
    found = metrics.scores(table, {"MAF": metrics.macro_f1})
    by_fold = [reference.f1_score(true[half], called[half], average="macro") for half in (slice(100), slice(100, 200))]
    assert found["MAF pooled"] == pytest.approx(reference.f1_score(true, called, average="macro"))
    assert found["MAF fold mean"] == pytest.approx(np.mean(by_fold))
    assert found["MAF fold sd"] == pytest.approx(np.std(by_fold, ddof=1))
    assert found["MAF floor"] == pytest.approx(reference.f1_score(true, np.full(200, "a"), average="macro"))
    assert not any(name.startswith("WA") for name in found)


def test_trajectories_pooled_and_by_recording(random):
    table = pd.DataFrame({"id": ["a"] * 20 + ["b"] * 30, "true": random.normal(size=50)})
    table["predicted"] = 0.5 * table["true"] + (table["id"] == "b")
    found = metrics.trajectory_scores(table)
    by_recording = [metrics.ccc(part["true"], part["predicted"]) for _, part in table.groupby("id")]
    assert found["CCC"] == metrics.ccc(table["true"], table["predicted"])
    assert found["RMSE"] == pytest.approx(np.sqrt(np.mean((table["true"] - table["predicted"]) ** 2)))
    assert found["CCC recording mean"] == pytest.approx(np.mean(by_recording))
    assert found["CCC recording sd"] == pytest.approx(np.std(by_recording, ddof=1))
    assert found["recordings"] == 2
    assert np.isnan(metrics.trajectory_scores(table[:20])["CCC recording sd"])


def test_power_above_a_frequency():
    time = np.arange(1500) / 25
    mixed = 3 + np.sin(2 * np.pi * 0.3 * time) + 2 * np.sin(2 * np.pi * 4 * time)
    assert metrics.power_above(mixed, rate=25) == pytest.approx(0.8, abs=0.001)
    assert metrics.power_above(mixed, rate=25, frequency=5) == pytest.approx(0, abs=1e-6)
    assert metrics.power_above(time, rate=25) < 1e-4  # a slope is slow, although its ends differ
    assert metrics.power_above(np.ones(100), rate=25) == 0
