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
    assert found["WA"] == 0.5
    assert found["UA"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["WA fold mean"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["UA fold mean"] == pytest.approx((0.5 + 0) / 2)
    assert found["WA fold sd"] == pytest.approx(np.std([2 / 3, 0], ddof=1))
    assert found["floor WA"] == 0.75
    assert found["floor UA"] == 0.5
    assert found["folds"] == 2
    assert np.isnan(metrics.scores(table[:3])["UA fold sd"])


def test_the_interval_resamples_speakers(random):
    """Utterances of a speaker are alike here, so the interval is that of 6 speakers, not of 600 utterances."""
    right = np.repeat([True, True, True, False, False, False], 100)
    table = pd.DataFrame(
        {
            "speaker": np.repeat(list("uvwxyz"), 100),
            "label": ["a", "b"] * 300,
            "predicted": np.where(right, ["a", "b"] * 300, "c"),
        }
    )
    low, high = metrics.speaker_interval(table, metrics.wa)
    assert low == pytest.approx(1 / 6, abs=0.05)
    assert high == pytest.approx(5 / 6, abs=0.05)
    assert metrics.speaker_interval(table, metrics.wa) == (low, high)


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
    assert found["MAF"] == pytest.approx(reference.f1_score(true, called, average="macro"))
    assert found["MAF fold mean"] == pytest.approx(np.mean(by_fold))
    assert found["MAF fold sd"] == pytest.approx(np.std(by_fold, ddof=1))
    assert found["floor MAF"] == pytest.approx(reference.f1_score(true, np.full(200, "a"), average="macro"))
    assert "WA" not in found


def test_relative_improvement(random):
    """Half as good again for every speaker: the interval is that of one number. Two kinds of speakers widen it."""
    speakers = np.repeat(list("uvwxyz"), 60)
    true = np.tile(["a", "b"], 180)
    place = np.tile(np.arange(60), 6)
    table = pd.DataFrame({"speaker": speakers, "label": true})
    old = table.assign(predicted=np.where(place < 40, true, "c"))
    new = table.assign(predicted=true)
    assert metrics.relative_improvement(new, old, metrics.wa) == pytest.approx((0.5, 0.5, 0.5))
    some = table.assign(predicted=np.where((place < 40) | (speakers < "x"), true, "c")).sample(frac=1, random_state=1)
    value, low, high = metrics.relative_improvement(some, old, metrics.wa)
    assert value == pytest.approx(0.25)
    assert low == pytest.approx(1 / 12, abs=0.03)
    assert high == pytest.approx(5 / 12, abs=0.03)


def test_relative_improvement_that_cannot_be():
    table = pd.DataFrame({"speaker": ["u", "v"], "label": ["a", "b"], "predicted": ["a", "b"]})
    assert np.isnan(metrics.relative_improvement(table, table.assign(predicted="c"), metrics.wa)).all()
    with pytest.raises(SerkitError, match="tested on different speakers"):
        metrics.relative_improvement(table, table[:1])


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


def test_one_speaker_has_no_interval():
    predictions = pd.DataFrame({"speaker": "a", "label": ["x", "y", "x"], "predicted": ["x", "y", "y"]})
    assert np.isnan(metrics.speaker_interval(predictions)).all()
    change, low, high = metrics.relative_improvement(predictions, predictions.assign(predicted="x"), metrics.wa)
    assert change == pytest.approx(0)
    assert np.isnan(low)
    assert np.isnan(high)
    two = pd.concat([predictions, predictions.assign(speaker="b")])
    assert np.isfinite(metrics.speaker_interval(two)).all()
