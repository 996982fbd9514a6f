"""Fusion of several classifiers by their scores, as in FoCal (tao2018, Section 5.2, and its reference 29).

System k gives trial t the score s_k(i, t) for class i: a log-likelihood, up to a constant of the trial.
The fused score is

    l(i, t) = sum_k scale_k s_k(i, t) + offset_i

with one scale a system and one offset a class: K + C numbers, so that little data is enough to fit
them. They minimise the cross-entropy of the posterior softmax_i(l(i, t) + ln prior_i), in which each
class weighs as much as its prior says, however many trials it has:

    J = 1 / ln C * (sum_t w_t * -ln posterior(true class of t)
                    + scale_penalty / 2 * sum_k scale_k^2 + offset_penalty / 2 * sum_i offset_i^2)
    w_t = prior_c / N_c for a trial of class c, of which there are N_c

J is convex. The decision is the class with the greatest l(i, t) + ln prior_i. Source: the function for
multi-class fusion in N. Brummer's FoCal toolkit 1.0.
"""

from collections.abc import Sequence

import numpy as np

from serkit.errors import SerkitError


class LinearFusion:
    """One scale a system and one offset a class, fitted by prior-weighted logistic regression.

    Fit it on scores of speech that the systems were not trained on (validation data): their scores on
    their own training data are too good, and so would be the fusion's opinion of them.

    Args:
        scale_penalty: weight of the squared scales; FoCal's default is none.
        offset_penalty: weight of the squared offsets. A constant added to all offsets changes nothing
            else; the least penalty keeps their mean at 0.

    Attributes:
        scales: (K,) one a system, once fitted.
        offsets: (C,) one a class, once fitted.
        prior: (C,) the class prior that it was fitted with.
        cost: the cross-entropy reached, over ln C and without penalties: with a flat prior 1 is what
            one gets by knowing nothing, 0 is perfect.

    >>> random = np.random.default_rng(0)
    >>> labels = np.arange(3000) % 3
    >>> informed, useless = random.normal(2 * np.eye(3)[labels]), random.normal(size=(3000, 3))
    >>> fusion = LinearFusion().fit([informed, useless], labels)
    >>> bool(fusion.scales[0] > 1.9), bool(abs(fusion.scales[1]) < 0.1)
    (True, True)
    """

    def __init__(self, scale_penalty: float = 0.0, offset_penalty: float = 1e-6):
        if not scale_penalty >= 0 or not offset_penalty > 0:
            raise SerkitError(
                "scale_penalty must be 0 or more and offset_penalty more than 0; "
                f"got {scale_penalty!r} and {offset_penalty!r}"
            )
        self.scale_penalty = scale_penalty
        self.offset_penalty = offset_penalty
        self.scales: np.ndarray | None = None

    def fit(
        self, scores: Sequence[np.ndarray] | np.ndarray, labels: np.ndarray, prior: np.ndarray | None = None
    ) -> "LinearFusion":
        """Find the scales and offsets with the least cost.

        Args:
            scores: K arrays of shape (N, C), or one of shape (K, N, C); for a neural network its
                log-softmax outputs.
            labels: (N,) the true classes, integers from 0 to C - 1; each class must occur.
            prior: (C,) probability of each class in use; None is 1 / C each, which aims at the mean of
                class recalls (UA). The classes' share of the data aims at accuracy (WA).

        Returns:
            This object.

        Raises:
            SerkitError: scores of different shapes, with infinite values (the log of a probability of
                0) or that are probabilities; labels that do not fit them; a class without a trial; a
                prior that is none; or no convergence.
        """
        from scipy.optimize import minimize

        scores = _check_scores(scores)
        systems, trials, classes = scores.shape
        labels = _check_labels(labels, trials, classes)
        prior = _check_prior(prior, classes)
        weights = (prior / np.bincount(labels, minlength=classes))[labels]
        # Systems whose scores differ much in size would stall the search, so it works on scores of size 1.
        sizes = (scores - scores.mean(axis=2, keepdims=True)).std(axis=(1, 2))
        sizes[sizes == 0] = 1
        penalties = np.concatenate([self.scale_penalty / sizes**2, np.full(classes, self.offset_penalty)])
        data = (scores / sizes[:, None, None], labels, weights, np.log(prior))
        found = minimize(
            _cost_and_gradient,
            np.zeros(systems + classes),
            args=(*data, penalties),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 10_000, "maxfun": 20_000, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 30},
        )
        if np.abs(found.jac).max() > 1e-5:
            raise SerkitError(f"the fusion did not converge ({found.message}): give a scale_penalty such as 1e-3")
        self.scales, self.offsets = found.x[:systems] / sizes, found.x[systems:]
        self.prior = prior
        self.cost = float(_cost_and_gradient(found.x, *data, np.zeros_like(penalties))[0])
        return self

    def predict_scores(self, scores: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """Fuse scores.

        Args:
            scores: as for `fit`, of any number of trials.

        Returns:
            (N, C) fused scores l, log-likelihoods up to a constant of the trial: without the prior.

        Raises:
            SerkitError: not fitted, or scores of another number of systems or classes.
        """
        if self.scales is None:
            raise SerkitError("the fusion has no scales yet: call fit first")
        scores = _check_scores(scores)
        expected = (len(self.scales), len(self.offsets))
        if (scores.shape[0], scores.shape[2]) != expected:
            raise SerkitError(
                f"fitted on {expected[0]} systems and {expected[1]} classes; got scores of {scores.shape[0]} "
                f"systems and {scores.shape[2]} classes: give the same ones in the same order"
            )
        return np.tensordot(self.scales, scores, axes=1) + self.offsets

    def predict(self, scores: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """Decide: (N,) the class with the greatest fused score plus log prior, from 0 to C - 1.

        Raises:
            SerkitError: as `predict_scores`.
        """
        return (self.predict_scores(scores) + np.log(self.prior)).argmax(axis=1)


def _cost_and_gradient(
    parameters: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    log_prior: np.ndarray,
    penalties: np.ndarray,
) -> tuple[float, np.ndarray]:
    """J and its gradient at `parameters`, the K scales followed by the C offsets."""
    systems, trials, classes = scores.shape
    scales, offsets = parameters[:systems], parameters[systems:]
    logits = np.tensordot(scales, scores, axes=1) + offsets + log_prior  # (N, C)
    logits -= logits.max(axis=1, keepdims=True)
    log_posterior = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    true = np.arange(trials), labels
    cost = -weights @ log_posterior[true] + penalties @ parameters**2 / 2

    residual = np.exp(log_posterior)  # becomes w_t (posterior - 1 for the true class)
    residual[true] -= 1
    residual *= weights[:, None]
    gradient = np.concatenate([np.tensordot(scores, residual, axes=2), residual.sum(axis=0)])
    gradient += penalties * parameters
    return cost / np.log(classes), gradient / np.log(classes)


def _check_scores(scores: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    arrays = [np.asarray(system, dtype=np.float64) for system in scores]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) != 1 or len(shapes[0]) != 2 or not shapes[0][0] or shapes[0][1] < 2:
        raise SerkitError(
            f"expected one array of shape (trials, classes) a system, all alike; got {len(arrays)} of shape "
            f"{' and '.join(map(str, shapes)) or 'none'}: for a single system give [scores]"
        )
    for number, array in enumerate(arrays):
        if not np.isfinite(array).all():
            raise SerkitError(
                f"the scores of system {number} hold values that are not finite: take log-softmax of the network's "
                "logits instead of the log of rounded probabilities"
            )
        if (array >= 0).all() and np.allclose(array.sum(axis=1), 1, atol=1e-3):
            raise SerkitError(f"the scores of system {number} are probabilities: give their logarithms")
    return np.stack(arrays)


def _check_labels(labels: np.ndarray, trials: int, classes: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.shape != (trials,) or labels.dtype.kind not in "iu":
        raise SerkitError(
            f"expected {trials} integer labels, one a trial; got an array of {labels.dtype} of shape {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise SerkitError(f"labels must be from 0 to {classes - 1}; got {labels.min()} to {labels.max()}")
    absent = np.setdiff1d(np.arange(classes), labels)
    if len(absent):
        raise SerkitError(
            f"no trial of class {', '.join(map(str, absent))}: every class must occur in the scores that a fusion is "
            "fitted on; use more data or leave the class out"
        )
    return labels


def _check_prior(prior: np.ndarray | None, classes: int) -> np.ndarray:
    if prior is None:
        return np.full(classes, 1 / classes)
    prior = np.asarray(prior, dtype=np.float64)
    if prior.shape != (classes,) or not (prior > 0).all() or not np.isclose(prior.sum(), 1):
        raise SerkitError(f"a prior is {classes} positive numbers with sum 1; got {prior.tolist()}")
    return prior
