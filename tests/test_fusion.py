import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize
from scipy.special import log_softmax

from serkit import fusion
from serkit.errors import SerkitError
from serkit.fusion import LinearFusion

SKEWED = np.array([0.1, 0.2, 0.3, 0.4])


def likelihoods(trials, seed=0, systems=3, classes=4, strength=1.5):
    """Log-likelihoods of independent Gaussian systems, whose sum is the best there is; and labels."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=trials)
    observed = strength * np.eye(classes)[labels] + random.normal(size=(systems, trials, classes))
    return strength * observed, labels


def textbook_cost(parameters, scores, labels, prior, offset_penalty=1e-6):
    """J written out with loops over classes, apart from the module."""
    systems, _, classes = scores.shape
    fused = sum(p * s for p, s in zip(parameters, scores, strict=False)) + parameters[systems:]
    posterior = log_softmax(fused + np.log(prior), axis=1)
    cost = sum(-prior[c] * posterior[labels == c, c].mean() for c in range(classes))
    return (cost + offset_penalty / 2 * (parameters[systems:] ** 2).sum()) / np.log(classes)


def test_gradient_agrees_with_finite_differences():
    scores, labels = likelihoods(50)
    weights = (SKEWED / np.bincount(labels))[labels]
    arguments = (scores, labels, weights, np.log(SKEWED), np.full(7, 0.3))
    point = np.random.default_rng(1).normal(size=7)
    numeric = approx_fprime(point, lambda p: fusion._cost_and_gradient(p, *arguments)[0], 1e-7)
    np.testing.assert_allclose(fusion._cost_and_gradient(point, *arguments)[1], numeric, atol=1e-5)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_optimum_is_the_one_found_from_a_random_start(seed):
    scores, labels = likelihoods(200)
    fitted = LinearFusion().fit(scores, labels, SKEWED)
    start = np.random.default_rng(seed).normal(size=7)
    found = minimize(textbook_cost, start, args=(scores, labels, SKEWED), method="BFGS", options={"gtol": 1e-7})
    offsets = found.x[3:] - found.x[3:].mean()  # the penalty is too weak to settle their mean by differences
    np.testing.assert_allclose(fitted.scales, found.x[:3], atol=1e-4)
    np.testing.assert_allclose(fitted.offsets, offsets, atol=1e-3)
    assert fitted.cost == pytest.approx(textbook_cost(found.x, scores, labels, SKEWED), abs=1e-5)


def test_recovers_what_was_done_to_the_scores():
    scores, labels = likelihoods(6000, strength=1.2)
    spoilt = [scores[0] / 2, scores[1] * 5, scores[2] + [0, 2, -2, 0]]
    fitted = LinearFusion().fit(spoilt, labels)
    np.testing.assert_allclose(fitted.scales, [2, 0.2, 1], rtol=0.08)
    np.testing.assert_allclose(fitted.offsets, [0, -2, 2, 0], atol=0.15)
    ideal = scores.sum(axis=0)
    agreement = (fitted.predict(spoilt) == ideal.argmax(axis=1)).mean()
    assert agreement > 0.98


def test_fusion_is_better_than_either_system():
    scores, labels = likelihoods(2000)
    fitted = LinearFusion().fit(scores[:2, :1000], labels[:1000])
    right = [(s[1000:].argmax(axis=1) == labels[1000:]).mean() for s in scores[:2]]
    assert (fitted.predict(scores[:2, 1000:]) == labels[1000:]).mean() > max(right) + 0.05


def test_order_of_trials_systems_and_classes_does_not_matter():
    scores, labels = likelihoods(300)
    base = LinearFusion().fit(scores, labels)
    random = np.random.default_rng(0)
    trials, systems, classes = random.permutation(300), np.array([2, 0, 1]), np.array([3, 1, 0, 2])
    moved = LinearFusion().fit(scores[systems][:, trials][:, :, classes], np.argsort(classes)[labels[trials]])
    np.testing.assert_allclose(moved.scales, base.scales[systems], atol=1e-6)
    np.testing.assert_allclose(moved.offsets, base.offsets[classes], atol=1e-6)
    assert moved.cost == pytest.approx(base.cost, abs=1e-12)


def test_a_constant_of_the_trial_does_not_matter():
    scores, labels = likelihoods(300)
    shifted = scores + np.random.default_rng(1).normal(size=(3, 300, 1))
    base, moved = LinearFusion().fit(scores, labels), LinearFusion().fit(shifted, labels)
    np.testing.assert_allclose(moved.scales, base.scales, atol=1e-6)
    np.testing.assert_array_equal(moved.predict(shifted), base.predict(scores))


def test_a_class_weighs_what_its_prior_says_and_not_its_count():
    scores, labels = likelihoods(300)
    again = np.flatnonzero(labels == 2).repeat(4)
    more = LinearFusion().fit(
        np.concatenate([scores, scores[:, again]], axis=1), np.concatenate([labels, labels[again]])
    )
    np.testing.assert_allclose(more.scales, LinearFusion().fit(scores, labels).scales, atol=1e-6)


def test_prior_decides_where_scores_say_nothing():
    scores, labels = np.zeros((2, 40, 4)), np.arange(40) % 4
    flat, skewed = LinearFusion().fit(scores, labels), LinearFusion().fit(scores, labels, SKEWED)
    assert flat.cost == pytest.approx(1)
    np.testing.assert_allclose(flat.offsets, 0, atol=1e-8)
    assert skewed.cost == pytest.approx(-(SKEWED * np.log(SKEWED)).sum() / np.log(4))
    np.testing.assert_array_equal(skewed.predict(scores), 3)
    np.testing.assert_allclose(skewed.predict_scores(scores), 0, atol=1e-6)


def test_scale_penalty_shrinks_the_scales():
    scores, labels = likelihoods(300)
    assert (LinearFusion(scale_penalty=1).fit(scores, labels).scales < LinearFusion().fit(scores, labels).scales).all()


@pytest.mark.parametrize("sizes", [(1000, 1, 1), (1e-4, 1e4, 1)])
def test_size_of_a_systems_scores_does_not_matter(sizes):
    scores, labels = likelihoods(300)
    base = LinearFusion().fit(scores, labels)
    sized = LinearFusion().fit([size * system for size, system in zip(sizes, scores, strict=True)], labels)
    np.testing.assert_allclose(sized.scales * sizes, base.scales, atol=1e-6)
    np.testing.assert_allclose(sized.offsets, base.offsets, atol=1e-6)


def test_separable_scores_converge():
    labels = np.arange(60) % 3
    fitted = LinearFusion().fit([-50 * (1 - np.eye(3)[labels])], labels)
    assert fitted.cost < 1e-6
    np.testing.assert_array_equal(fitted.predict([-50 * (1 - np.eye(3)[labels])]), labels)


GOOD = np.log(np.full((6, 3), 1 / 3))
LABELS = np.arange(6) % 3


@pytest.mark.parametrize(
    ("scores", "labels", "prior", "message"),
    [
        ([GOOD, GOOD[:5]], LABELS, None, r"got 2 of shape \(5, 3\) and \(6, 3\)"),
        (GOOD, LABELS, None, r"give \[scores\]"),
        ([], LABELS, None, "got 0 of shape none"),
        ([GOOD[:, :1]], LABELS, None, r"got 1 of shape \(6, 1\)"),
        ([GOOD, np.where(np.eye(6, 3), -np.inf, GOOD)], LABELS, None, "system 1 hold values that are not finite"),
        ([GOOD, np.exp(GOOD)], LABELS, None, "system 1 are probabilities: give their logarithms"),
        ([GOOD], LABELS[:5], None, r"expected 6 integer labels.*shape \(5,\)"),
        ([GOOD], LABELS.astype(float), None, "got an array of float64"),
        ([GOOD], LABELS + 1, None, "from 0 to 2; got 1 to 3"),
        ([GOOD], LABELS % 2, None, "no trial of class 2"),
        ([GOOD], LABELS, [0.5, 0.5], "3 positive numbers with sum 1"),
        ([GOOD], LABELS, [0.5, 0.5, 0], "3 positive numbers with sum 1"),
        ([GOOD], LABELS, [0.5, 0.5, 0.5], "3 positive numbers with sum 1"),
    ],
)
def test_bad_input(scores, labels, prior, message):
    with pytest.raises(SerkitError, match=message):
        LinearFusion().fit(scores, labels, prior)


def test_prediction_needs_a_fit_and_the_same_systems():
    with pytest.raises(SerkitError, match="call fit first"):
        LinearFusion().predict([GOOD])
    fitted = LinearFusion().fit([GOOD], LABELS)
    with pytest.raises(SerkitError, match="fitted on 1 systems and 3 classes; got scores of 2 systems and 3 classes"):
        fitted.predict([GOOD, GOOD])
    with pytest.raises(SerkitError, match="1 systems and 4 classes"):
        fitted.predict_scores([np.zeros((2, 4))])


def test_bad_penalties():
    with pytest.raises(SerkitError, match=r"offset_penalty more than 0; got 0\.0 and 0"):
        LinearFusion(offset_penalty=0)
