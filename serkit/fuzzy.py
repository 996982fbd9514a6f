"""Fuzzy targets: ratings between two classes, and how answers to them are scored (chang2017, 4 and 5).

Conventions: ratings, and `expected_value`, are on the scale 1 to `classes`; targets are distributions of shape
(N, classes), column 0 for rating 1; a `predicted` class is a column's number, from 0, as argmax gives it. Where a
function takes targets, it takes `accepted` classes (booleans) just as well.

Ratings are never rounded: the mean of two raters is often a half, and `numpy.round` takes 2.5 to 2 but 3.5 to 4, which
would halve the middle class of IEMOCAP.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from serkit.errors import SerkitError

POOLS = ((0, 1), (2,), (3, 4))  # negative, neutral, positive (chang2017, 5)
TOLERANCE = 1e-6  # of two masses that are equal: targets are float32
EVEN = 1e-3  # greatest error of a class's share in `oversampling`, as a part of the share
ROUNDS = 20_000  # of `oversampling`: a case that can be solved at all takes a hundred, at the edge thousands


def fuzzy_targets(values, classes: int = 5) -> np.ndarray:
    """Share each rating between the two whole numbers next to it (chang2017, 4).

    The paper gives the rule for halves: 4.5 is half 4, half 5. Membership here is linear in between, so that the
    expected value of a target is the rating itself: the thirds of three raters give 4.33 = 2/3 of 4 and 1/3 of 5, the
    quarters of four raters 2.25 = 3/4 of 2 and 1/4 of 3.

    Args:
        values: ratings, shape (N,); what lies outside 1 to `classes` is set to the end (IEMOCAP has four valences
            of 5.5).
        classes: greatest rating.

    Returns:
        float32 of shape (N, classes); rows sum to 1.

    Raises:
        SerkitError: a rating is not a finite number.

    >>> fuzzy_targets([4.5, 2.25, 5.5]).tolist()
    [[0.0, 0.0, 0.0, 0.5, 0.5], [0.0, 0.75, 0.25, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]]
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1:
        raise SerkitError(f"ratings are a list, shape (N,); got shape {values.shape}")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise SerkitError(
            f"{len(bad)} of {len(values)} ratings are not finite numbers, the first is at position {bad[0]}: leave "
            "those utterances out"
        )
    distance = np.abs(values.clip(1, classes)[:, None] - np.arange(1, classes + 1))
    return (1 - distance).clip(0).astype(np.float32)


def expected_value(probabilities) -> np.ndarray:
    """Turn distributions back into ratings: v = sum of i p_i for i = 1 ... classes (chang2017, 5).

    Args:
        probabilities: shape (N, classes).

    Returns:
        float64 of shape (N,), in 1 to classes.

    >>> expected_value([[0.0, 0.5, 0.5, 0.0, 0.0]])
    array([2.5])
    """
    probabilities = np.asarray(probabilities, np.float64)
    return probabilities @ np.arange(1, probabilities.shape[-1] + 1)


def accepted(targets) -> np.ndarray:
    """Say which classes are right answers: that of the greatest mass, both where two share it (chang2017, 5).

    Returns:
        Booleans of shape (N, classes), one or more true in a row.

    Raises:
        SerkitError: no targets, or a row without mass.

    >>> accepted(fuzzy_targets([4.5, 4.33])).astype(int).tolist()
    [[0, 0, 0, 1, 1], [0, 0, 0, 1, 0]]
    """
    targets = np.asarray(targets, np.float64)
    if targets.ndim != 2 or not targets.size:
        raise SerkitError(f"targets have shape (N, classes); got {targets.shape}")
    greatest = targets.max(axis=1, keepdims=True)
    if not (greatest > 0).all():
        raise SerkitError(f"the target at position {np.flatnonzero(~(greatest > 0))[0]} has no mass on any class")
    return targets >= greatest - TOLERANCE


def _counted_as(targets, predicted) -> np.ndarray:
    """Say in which true class each answer is counted: the rule that all scores here rest on.

    A right answer counts once, in the class that was predicted, also where another would have been accepted. A wrong
    one counts in the accepted class; of a tie, half in each.

    Args:
        targets: shape (N, classes).
        predicted: the class of each answer, shape (N,).

    Returns:
        float64 of shape (N, classes); rows sum to 1.

    Raises:
        SerkitError: another number of answers than targets, or an answer that is no class.

    >>> _counted_as(fuzzy_targets([4.5, 4.5]), [4, 1]).tolist()
    [[0.0, 0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.5, 0.5]]
    """
    right = accepted(targets)
    answers = _one_hot(predicted, right)
    counts = np.where((right & answers).any(axis=1, keepdims=True), answers, right)
    return counts / counts.sum(axis=1, keepdims=True)


def fuzzy_confusion(targets, predicted, names: Sequence[str] | None = None) -> pd.DataFrame:
    """Counts, true classes in rows and predicted ones in columns; see `_counted_as`.

    Args:
        targets: shape (N, classes).
        predicted: the class of each answer, shape (N,).
        names: of the classes; default 1 ... classes.

    Returns:
        (classes, classes), some counts halves; their sum is N.

    Raises:
        SerkitError: as `_counted_as`, or another number of names than classes.
    """
    counts = _counted_as(targets, predicted)
    named = range(1, counts.shape[1] + 1) if names is None else names
    if len(named) != counts.shape[1]:
        raise SerkitError(f"{len(named)} names for {counts.shape[1]} classes: give one a class")
    table = counts.T @ _one_hot(predicted, counts)
    return pd.DataFrame(table, pd.Index(named, name="true"), pd.Index(named, name="predicted"))


def fuzzy_wa(targets, predicted) -> float:
    """Weighted accuracy: the share of answers that are accepted.

    >>> fuzzy_wa(fuzzy_targets([4.5, 4.5, 4.5, 1.0]), [3, 4, 0, 0])
    0.75
    """
    right = accepted(targets)
    return float(np.mean((right & _one_hot(predicted, right)).any(axis=1)))


def fuzzy_ua(targets, predicted) -> float:
    """Unweighted accuracy: the mean recall of `fuzzy_confusion`'s rows (chang2017, Table 2).

    A class without an answer in its row has no recall and is left out. How many count for a class depends on the
    answers, as a tie counts for the class predicted; always predicting one class still scores 1 / classes.

    >>> fuzzy_ua(fuzzy_targets([4.5, 4.5, 4.0, 1.0]), [3, 0, 3, 0])  # rows 4: 2 of 2.5; 5: 0 of 0.5; 1: 1 of 1
    0.6
    """
    table = fuzzy_confusion(targets, predicted).to_numpy()
    counts = table.sum(axis=1)
    return float(np.mean((np.diag(table) / np.where(counts > 0, counts, 1))[counts > 0]))


def pool_classes(targets, predicted, groups: Sequence[Sequence[int]] = POOLS) -> tuple[np.ndarray, np.ndarray]:
    """Pool the results of five classes to three: 1 and 2 negative, 3 neutral, 4 and 5 positive (chang2017, 5).

    The paper pools results: what is pooled is the predicted class, not the probabilities. A tie of 2 and 3 accepts
    negative and neutral, one of 1 and 2 only negative.

    Args:
        targets: shape (N, classes).
        predicted: the class of each answer, shape (N,).
        groups: the classes of each new class; every class in one of them.

    Returns:
        What is accepted, booleans of shape (N, groups), and the answers, shape (N,): pass them to the other functions.

    Raises:
        SerkitError: a class that is in no group or in two, or as `_counted_as`.

    >>> right, answers = pool_classes(fuzzy_targets([2.5, 4.5]), [0, 4])
    >>> right.astype(int).tolist(), answers.tolist()
    ([[1, 1, 0], [0, 0, 1]], [0, 2])
    """
    right = accepted(targets)
    answers = _one_hot(predicted, right)
    if sorted(number for group in groups for number in group) != list(range(right.shape[1])):
        raise SerkitError(f"groups {groups} do not hold each of the {right.shape[1]} classes once")
    pooled = np.stack([right[:, list(group)].any(axis=1) for group in groups], axis=1)
    return pooled, np.stack([answers[:, list(group)].any(axis=1) for group in groups], axis=1).argmax(axis=1)


def oversampling(targets, evenness: float = 1.0) -> np.ndarray:
    """How often to draw each utterance so that no class is rare (chang2017, 4: "more even").

    The share of a class is asked to be proportional to mass^(1 - evenness). Of all probabilities that give these
    shares, those nearest to uniform are returned (in relative entropy): an utterance is drawn in proportion to the
    product of w_k^target_k over the classes, and generalised iterative scaling finds the class weights w. A fuzzy
    utterance draws all its classes at once, which is why dividing by the frequency of a class alone would not do.

    Where a class only occurs beside another (4.5 but never 5), what would upset the balance is hardly drawn at all;
    choose a smaller evenness then.

    Args:
        targets: of the training utterances, shape (N, classes).
        evenness: 1 makes the expected mass of every class that occurs equal, 0 leaves the classes as found.

    Returns:
        Probabilities, float64 of shape (N,), that sum to 1.

    Raises:
        SerkitError: evenness outside 0 to 1, or no drawing reaches the shares within 0.1 %: a class always has less
            of its utterances than the one beside it.

    >>> oversampling(fuzzy_targets([1, 1, 1, 2], classes=2)).round(6).tolist()
    [0.166667, 0.166667, 0.166667, 0.5]
    """
    if not 0 <= evenness <= 1:
        raise SerkitError(f"evenness is between 0 (as found) and 1 (even); got {evenness}")
    targets = np.asarray(targets, np.float64)
    accepted(targets)  # its errors
    kinds, kind, counts = np.unique(targets, axis=0, return_inverse=True, return_counts=True)  # a few dozen
    kind = kind.reshape(-1)  # NumPy 2.0.0 keeps the axis
    occurs = np.flatnonzero(counts @ kinds)
    kinds = kinds[:, occurs] / kinds.sum(axis=1, keepdims=True)
    wanted = (counts @ kinds) ** (1 - evenness)
    wanted /= wanted.sum()
    log_weights = np.zeros(len(occurs))
    for _ in range(ROUNDS):
        exponents = kinds @ log_weights
        drawn = counts * np.exp(exponents - exponents.max())
        drawn /= drawn.sum()
        share = drawn @ kinds
        if np.abs(share / wanted - 1).max() < EVEN / 10:
            break
        log_weights += np.log(wanted / share.clip(1e-9))  # a class may vanish where there is no solution
    if np.abs(share / wanted - 1).max() > EVEN:
        worst = (share / wanted).argmin()
        raise SerkitError(
            f"class {occurs[worst] + 1} cannot be drawn as often as evenness {evenness:g} asks for "
            f"({share[worst]:.3f} of all instead of {wanted[worst]:.3f}): its utterances belong more to the classes "
            "beside it; choose a smaller evenness"
        )
    return (drawn / counts)[kind]


def _one_hot(predicted, like: np.ndarray) -> np.ndarray:
    """Answers as booleans in the shape of the targets."""
    predicted, (number, classes) = np.asarray(predicted), like.shape
    if predicted.shape != (number,):
        raise SerkitError(f"there are {number} targets but answers of shape {predicted.shape}: give one class each")
    if strangers := set(predicted.tolist()) - set(range(classes)):
        raise SerkitError(f"answers {sorted(strangers)} are no classes; valid: 0 to {classes - 1}")
    return predicted[:, None] == np.arange(classes)
