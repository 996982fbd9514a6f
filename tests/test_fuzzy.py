"""Fuzzy targets, the scores that accept either side of a tie, and even drawing."""

import numpy as np
import pytest

from serkit.errors import SerkitError
from serkit.fuzzy import (
    _counted_as,
    accepted,
    expected_value,
    fuzzy_confusion,
    fuzzy_targets,
    fuzzy_ua,
    fuzzy_wa,
    oversampling,
    pool_classes,
)

# How many utterances of IEMOCAP have which valence.
VALENCES = {
    1: 126, 4 / 3: 18, 1.5: 925, 5 / 3: 79, 2: 2075, 7 / 3: 198, 2.5: 1935, 8 / 3: 170, 3: 1607, 10 / 3: 80, 3.5: 816,
    11 / 3: 62, 3.75: 1, 4: 1347, 4.25: 14, 13 / 3: 39, 4.5: 407, 14 / 3: 18, 4.75: 7, 5: 111, 5.5: 4,
}  # fmt: skip


@pytest.fixture
def valences():
    return np.repeat(list(VALENCES), list(VALENCES.values()))


def test_the_mass_of_iemocaps_valences(valences):
    targets = fuzzy_targets(valences)
    assert targets.shape == (10039, 5)
    assert targets.dtype == np.float32
    np.testing.assert_allclose(targets.sum(axis=0, dtype=float), [626.8, 3752.3, 3236.1, 2071.5, 352.2], atol=0.1)
    rounded = np.bincount(np.round(valences).clip(1, 5).astype(int))[1:]
    assert rounded.tolist() == [144, 5212, 1857, 2686, 140], "what the rule of halves is there to avoid"


def test_a_rating_is_shared_by_its_neighbours():
    expected = [[0, 0, 0, 0.5, 0.5], [0, 0, 0, 2 / 3, 1 / 3], [0, 0.75, 0.25, 0, 0], [0, 0, 1, 0, 0], [1, 0, 0, 0, 0]]
    np.testing.assert_allclose(fuzzy_targets([4.5, 13 / 3, 2.25, 3, 0.5]), expected, atol=1e-6)
    assert fuzzy_targets([2.5], classes=3).tolist() == [[0, 0.5, 0.5]]


def test_the_expected_value_is_the_rating(random):
    values = random.uniform(1, 5, 1000)
    np.testing.assert_allclose(expected_value(fuzzy_targets(values)), values, atol=1e-6)
    np.testing.assert_allclose(expected_value(np.full((1, 5), 0.2)), 3)


def test_only_an_exact_split_accepts_either():
    assert accepted(fuzzy_targets([1, 1.5, 2.49, 4.3333])).astype(int).tolist() == [
        [1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 1, 0],
    ]  # fmt: skip
    right = accepted(fuzzy_targets([2.5, 3.5]))
    np.testing.assert_array_equal(accepted(right), right)


def test_confusion_counts_a_right_tie_once_and_a_wrong_one_by_halves():
    targets = fuzzy_targets([4.5, 4.5, 4.5, 1, 2.25])
    predicted = [3, 4, 0, 0, 2]
    expected = np.zeros((5, 5))
    expected[3, 3] = expected[4, 4] = expected[0, 0] = expected[1, 2] = 1
    expected[3, 0] = expected[4, 0] = 0.5
    table = fuzzy_confusion(targets, predicted, ["--", "-", "0", "+", "++"])
    np.testing.assert_array_equal(table, expected)
    assert table.loc["++", "--"] == 0.5
    assert table.index.name == "true"
    assert fuzzy_wa(targets, predicted) == 3 / 5 == np.trace(expected) / expected.sum()
    assert fuzzy_ua(targets, predicted) == pytest.approx(np.mean([1, 0, 1 / 1.5, 1 / 1.5]))  # nothing is counted in 3


def test_scores_of_whole_ratings_are_the_usual_ones(random):
    from serkit import metrics

    true, predicted = random.integers(0, 5, 300), random.integers(0, 5, 300)
    targets = fuzzy_targets(true + 1)
    assert fuzzy_wa(targets, predicted) == pytest.approx(metrics.wa(true, predicted))
    assert fuzzy_ua(targets, predicted) == pytest.approx(metrics.ua(true, predicted))
    np.testing.assert_array_equal(
        fuzzy_confusion(targets, predicted), metrics.confusion(true, predicted, list(range(5)))
    )


@pytest.mark.parametrize("always", range(5))
def test_predicting_one_class_always_scores_a_fifth(valences, always):
    assert fuzzy_ua(fuzzy_targets(valences), np.full(len(valences), always)) == pytest.approx(0.2)


def test_three_classes_are_pooled_from_five():
    targets = fuzzy_targets([1.5, 2.5, 3.5, 4.5, 3.25])
    right, predicted = pool_classes(targets, [1, 0, 4, 2, 1])
    assert right.astype(int).tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1], [0, 1, 0]]
    assert predicted.tolist() == [0, 0, 2, 1, 0]
    table = fuzzy_confusion(right, predicted, ["negative", "neutral", "positive"])
    np.testing.assert_array_equal(table, [[2, 0, 0], [1, 0, 0], [0, 1, 1]])
    assert fuzzy_wa(right, predicted) == 3 / 5
    assert fuzzy_ua(right, predicted) == pytest.approx((1 + 0 + 0.5) / 3)


def test_pooling_makes_more_answers_right(valences, random):
    targets, predicted = fuzzy_targets(valences), random.integers(0, 5, len(valences))
    assert fuzzy_wa(*pool_classes(targets, predicted)) > fuzzy_wa(targets, predicted) + 0.05


def test_drawing_is_even_as_found_or_between(valences):
    targets = fuzzy_targets(valences).astype(float)
    shares = {evenness: oversampling(targets, evenness) @ targets for evenness in (0, 0.5, 1)}
    found = targets.mean(axis=0)
    np.testing.assert_allclose(shares[1], 0.2, rtol=1e-3)
    np.testing.assert_allclose(shares[0], found, rtol=1e-6)
    np.testing.assert_allclose(shares[0.5], found**0.5 / (found**0.5).sum(), rtol=1e-3)
    assert oversampling(targets).sum() == pytest.approx(1)
    np.testing.assert_allclose(oversampling(targets, 0), 1 / len(targets))
    assert 1 / (oversampling(targets) ** 2).sum() > len(targets) / 5, "a few utterances are not all that is drawn"


def test_drawing_is_even_where_a_class_is_only_beside_others_or_missing():
    targets = fuzzy_targets([1.5, 1.5, 2, 2, 2.5, 3, 3, 3.5, 4, 4.5]).astype(float)
    np.testing.assert_allclose(oversampling(targets) @ targets, 0.2, rtol=1e-3)
    targets = fuzzy_targets([2, 2, 2, 3, 4.5, 4, 5]).astype(float)
    np.testing.assert_allclose(oversampling(targets) @ targets, [0, 0.25, 0.25, 0.25, 0.25], rtol=1e-3)


def test_drawing_that_cannot_be_even():
    targets = fuzzy_targets([1, 2, 3, 4, 13 / 3])  # class 5 has a third of an utterance, class 4 the rest
    with pytest.raises(SerkitError, match=r"class 5 cannot be drawn as often as evenness 1 asks for \(0\.1"):
        oversampling(targets)
    assert (oversampling(targets, 0.2) > 0).all()


def test_bad_input():
    with pytest.raises(SerkitError, match="2 of 4 ratings are not finite numbers, the first is at position 1"):
        fuzzy_targets([1, np.nan, 2, np.nan])
    with pytest.raises(SerkitError, match=r"shape \(N,\); got shape \(1, 2\)"):
        fuzzy_targets([[1, 2]])
    targets = fuzzy_targets([1, 2])
    with pytest.raises(SerkitError, match="the target at position 1 has no mass"):
        accepted([[1, 0], [0, 0]])
    with pytest.raises(SerkitError, match="2 targets but answers of shape"):
        _counted_as(targets, [0])
    with pytest.raises(SerkitError, match=r"answers \[5\] are no classes; valid: 0 to 4"):
        fuzzy_wa(targets, [0, 5])
    with pytest.raises(SerkitError, match="3 names for 5 classes"):
        fuzzy_confusion(targets, [0, 1], ["a", "b", "c"])
    with pytest.raises(SerkitError, match="do not hold each of the 5 classes once"):
        pool_classes(targets, [0, 1], [(0, 1), (1, 2, 3, 4)])
    with pytest.raises(SerkitError, match=r"evenness is between 0 \(as found\) and 1"):
        oversampling(targets, 1.5)
