"""Intervals and comparisons over speakers.

What a result says is about speakers who were not in training, so speakers are what varies: utterances of one speaker
are alike, and an interval over utterances is far too narrow. Seeds are a second factor: all of them are used, never
the first alone.

* The **value** is the metric pooled over the folds of a seed, or of each fold (``pooled=False``), then the mean over
  seeds (and folds).
* The **interval** is value +- t * standard error. The error comes from the jackknife (the metric without each speaker
  in turn) and from the spread of seeds; the degrees of freedom follow Satterthwaite, with speakers of unequal size
  counting as fewer. Such 95 % intervals hold the true value about as often as they say with 10 or 24 speakers of
  unequal size, which the tests check by simulation; percentiles of a bootstrap over ten speakers do so too rarely. Two
  seeds are hardly enough to know what seeds do: where that is much, take five.
* The **p value** is that of a permutation test: were two models equally good, what a speaker contributes to the one's
  score (jackknife again) and to the other's might as well be exchanged. All exchanges are tried with up to 13
  speakers, otherwise 8192 random ones.

  Exchanging the predictions themselves, whole speakers at a time, tests something else under a score that is pooled
  and does not add up over speakers, such as CCC: that the two models' predictions are alike in every way. A mixture of
  two models whose predictions are shifted or scaled differently has a worse CCC than either, so that nearly all
  mixtures differ as much as the models do. In simulations with 9 speakers both tests found a difference between two
  models that err alike; one between two nearly constant models with different means was found by exchanged
  contributions and hardly ever by exchanged predictions. Of equally good models that err in different ways the former
  rejected about as many as their level says, the latter next to none.
* With fewer than eight speakers there is no interval and no p value: too few of them to know how they vary.

With one seed, the interval and the test are about the networks that were trained; whether other seeds would do the
same is not known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from serkit import metrics
from serkit.errors import SerkitError

MINIMUM_SPEAKERS = 8
_MOST = 2**13  # exchanges tried
EXACT_SPEAKERS = 26  # up to so many, `all_pairs` tries all exchanges
DRAWS = 2**17  # and of more speakers so many random ones
_LEAST_WIDTH = 1e-9
_LEVEL = 0.05
_LIMITS = {
    metrics.wa: (0, 1),
    metrics.ua: (0, 1),
    metrics.macro_f1: (0, 1),
    metrics.macro_precision: (0, 1),
    metrics.ccc: (-1, 1),
    metrics.pearson: (-1, 1),
    metrics.rmse: (0, np.inf),
}

_LEAST_FREEDOM = 3
_NO_LIMITS = (-np.inf, np.inf)


@dataclass(frozen=True)
class _Interval:
    """A confidence interval, in the metric's own unit.

    Attributes:
        low: its lower end; NaN where there is none.
        high: its upper end.
        speakers: how many distinct ones were tested.
        why: why there is no interval, or why it has no width; empty otherwise.
        value: of the metric, the mean over seeds.
        seeds: how many.
    """

    low: float
    high: float
    speakers: int
    why: str
    value: float
    seeds: int


@dataclass(frozen=True)
class Difference:
    """How much better a first model is than a second one, in the metric's own unit.

    Attributes:
        difference: the first one's metric minus the second one's, or their ratio minus 1.
        low: lower end of its interval; NaN where there is none.
        high: upper end.
        p: of the permutation test, two-sided.
        speakers: how many distinct ones were tested.
        why: why there is no interval, or why it has no width; empty otherwise.
        seeds: how many the first model has, and the second; what has none counts as one.
    """

    difference: float
    low: float
    high: float
    p: float
    speakers: int
    why: str
    seeds: tuple[int, int]


def interval(
    predictions: pd.DataFrame,
    metric: Callable = metrics.ua,
    level: float = 0.95,
    pooled: bool = True,
    columns: Sequence[str] = ("label", "predicted"),
) -> _Interval:
    """Confidence interval of a metric over speakers and seeds.

    Args:
        predictions: one row a tested utterance (or frame), seed and fold: speaker, the `columns`, and fold and seed
            where there are several.
        metric: ``metric(y_true, y_pred)``; more generally, takes the `columns` in their order.
        level: how often such intervals hold the true value.
        pooled: over the folds of a seed; False: the mean of the folds' own.
        columns: what `metric` takes.

    Raises:
        SerkitError: a column is missing or there are no predictions.
    """
    side = _Side(predictions, metric, columns, pooled)
    value, why = side.by_seed(np.ones((1, side.count)))[0], side.why
    low = high = np.nan
    if not why:
        low, high = _bounds(
            value.mean(), [side.contributions()], side.effective, level, _LIMITS.get(metric, _NO_LIMITS)
        )
    return _Interval(low, high, side.count, why or _flaw(low, high), float(value.mean()), len(value))


def paired_difference(
    first: pd.DataFrame,
    second: pd.DataFrame,
    metric: Callable = metrics.ua,
    level: float = 0.95,
    pooled: bool = True,
    relative: bool = False,
    columns: Sequence[str] = ("label", "predicted"),
) -> Difference:
    """Difference of two models that were tested on the same speakers, with interval and permutation test.

    Seeds need not be as many on both sides. Where both have the same seeds, those of one number are a pair.

    Args:
        first: predictions of one model, as `interval` takes them.
        second: those of the other one.
        metric: ``metric(y_true, y_pred)``.
        level: how often such intervals hold the true value.
        pooled: over the folds of a seed; False: the mean of the folds' own.
        relative: first / second - 1 instead of first - second: 0.055 is 5.5 % better. NaN where the second one is 0.
        columns: what `metric` takes.

    Raises:
        SerkitError: the two were not tested on the same speakers, folds or (where there is a column id) utterances.
    """
    both = pd.concat([first[list(columns)], second[list(columns)]]) if not first.empty and not second.empty else None
    one, other = (_Side(side, metric, columns, pooled, both) for side in (first, second))
    if one.speakers != other.speakers:
        raise SerkitError("the two models were tested on different speakers: compare them on the same folds")
    if set(one.folds) != set(other.folds):
        raise SerkitError("the two models were tested in different folds: compare them on the same ones")
    if "id" in first and "id" in second and (odd := set(first["id"]) ^ set(second["id"])):
        raise SerkitError(
            f"the two models were tested on different utterances: {len(odd)} are of one alone, such as {min(odd)!r}"
        )
    everyone = np.ones((1, one.count))
    by_seed = [side.by_seed(everyone)[0] for side in (one, other)]
    values, why = [scores.mean() for scores in by_seed], one.why
    difference = float(_compared(*values, relative))
    low = high = p = np.nan
    if not why and np.isfinite(difference):
        slopes = (1 / values[1], -values[0] / values[1] ** 2) if relative else (1.0, -1.0)
        parts = [slope * side.contributions() for slope, side in zip(slopes, (one, other), strict=True)]
        p = _permutation(*(part.mean(axis=1) for part in parts))
        if one.seed_names == other.seed_names:
            parts = [parts[0] + parts[1]]
        low, high = _bounds(difference, parts, min(one.effective, other.effective), level)
    seeds = len(by_seed[0]), len(by_seed[1])
    return Difference(difference, low, high, p, one.count, why or _flaw(low, high), seeds)


def verdict(published: float, measured: Difference) -> tuple[str, str]:
    """Whether a difference that a paper reports is found here.

    Args:
        published: the paper's difference; only its sign matters, and one that is not printed counts as positive.
        measured: ours.

    Returns:
        "holds" (ours has the same sign), "does not hold" (the opposite sign), or "undecided": its interval includes 0,
        or p is above 0.05. And why, where undecided or where the interval has no width.

    >>> verdict(2.1, Difference(0.03, 0.01, 0.05, 0.01, 10, "", (3, 3)))
    ('holds', '')
    >>> verdict(2.1, Difference(0.03, -0.01, 0.07, 0.2, 10, "", (3, 3)))
    ('undecided', 'the interval includes 0')
    >>> verdict(2.1, Difference(0.03, 0.01, 0.05, 0.62, 10, "", (3, 3)))
    ('undecided', 'p = 0.62')
    """
    if not np.isfinite(measured.low):
        return "undecided", measured.why
    if measured.low <= 0 <= measured.high:
        return "undecided", "the interval includes 0"
    if measured.p > _LEVEL:
        return "undecided", f"p = {measured.p:.2g}"
    expected = -1 if published < 0 else 1
    return ("holds" if np.sign(measured.difference) == expected else "does not hold"), measured.why


def all_pairs(
    models: dict[str, pd.DataFrame],
    metric: Callable = metrics.ua,
    level: float = 0.95,
    columns: Sequence[str] = ("label", "predicted"),
) -> pd.DataFrame:
    """Compare every two of several models, the better one first, and correct for their number.

    Differences and intervals are those of `paired_difference`, pooled over folds. So many pairs need smaller p values
    than its 8192 random exchanges can give: p is that of all exchanges, exactly, with up to 26 speakers, and of 131072
    random ones with more. Holm's correction (1979) keeps the chance of any false difference among all pairs at the
    level, whichever model is then looked at because it came out best.

    Args:
        models: name -> predictions, as `interval` takes them, of the same speakers and utterances.
        metric: ``metric(y_true, y_pred)``, the higher the better.
        level: how often such an interval holds the true value.
        columns: what `metric` takes.

    Returns:
        One row a pair: first, second, difference (0 or more), low, high, p, p Holm, verdict of "the first is better"
        ("holds" or "undecided", by the corrected p and the interval) and why it is undecided.

    Raises:
        SerkitError: as of `paired_difference`.
    """
    known = ["first", "second", "difference", "low", "high", "p", "p Holm", "verdict", "why"]
    if len(models) < 2:
        return pd.DataFrame(columns=known)
    both = pd.concat([table[list(columns)] for table in models.values()])
    sides = {name: _Side(table, metric, columns, True, both) for name, table in models.items()}
    if len({tuple(side.speakers) for side in sides.values()}) > 1:
        raise SerkitError("the models were tested on different speakers: compare them on the same folds")
    if all("id" in table for table in models.values()) and len({frozenset(one["id"]) for one in models.values()}) > 1:
        raise SerkitError("the models were tested on different utterances: take those that all have predicted")
    everyone = np.ones((1, next(iter(sides.values())).count))
    values = {name: float(side.by_seed(everyone)[0].mean()) for name, side in sides.items()}
    parts = {name: side.contributions() for name, side in sides.items()}
    order, rows = sorted(models, key=lambda name: -values[name]), []
    for first, second in combinations(order, 2):
        one, other = sides[first], sides[second]
        gaps = [parts[first], -parts[second]]
        gaps = [gaps[0] + gaps[1]] if one.seed_names == other.seed_names else gaps
        low, high = (
            (np.nan, np.nan)
            if one.why
            else _bounds(values[first] - values[second], gaps, min(one.effective, other.effective), level)
        )
        rows.append([first, second, values[first] - values[second], low, high])
    table = pd.DataFrame(rows, columns=known[:5])
    mean = {name: part.mean(axis=1) for name, part in parts.items()}
    gaps = np.stack([mean[first] - mean[second] for first, second in zip(table["first"], table["second"], strict=True)])
    table["p"] = _sign_flips(gaps) if np.isfinite(table["low"]).all() else np.nan
    table["p Holm"] = holm(table["p"].to_numpy())
    why = next(iter(sides.values())).why
    found = [
        verdict(1.0, Difference(row.difference, row.low, row.high, p, everyone.size, why, (1, 1)))
        for row, p in zip(table.itertuples(), table["p Holm"], strict=True)
    ]
    table[["verdict", "why"]] = [[said, reason.replace("p = ", "p Holm = ")] for said, reason in found]
    return table


class _Side:
    """One model's predictions, divided by run (a seed, or a fold of it) and speaker.

    For the known metrics each part becomes a few numbers that add up over speakers (counts of a confusion matrix, or
    moments); any other metric is computed from the rows.

    Args:
        predictions, metric, columns, pooled: as of `interval`.
        both: the columns of all the predictions that are compared, so that two sides have the same classes.
    """

    def __init__(self, predictions, metric, columns, pooled, both=None):
        if missing := [name for name in ("speaker", *columns) if name not in predictions]:
            raise SerkitError(f"predictions need the columns speaker, {', '.join(columns)}; {missing[0]} is missing")
        if predictions.empty:
            raise SerkitError("there are no predictions to score")
        if not pooled and "fold" not in predictions:
            raise SerkitError("pooled=False takes the mean over folds, and the predictions have no column fold")
        if predictions[list(columns)].isna().to_numpy().any():
            raise SerkitError(f"predictions lack some values of {', '.join(columns)}: score what has a label")
        codes, speakers = pd.factorize(predictions["speaker"], use_na_sentinel=False)
        order = sorted(range(len(speakers)), key=lambda number: str(speakers[number]))
        self.speakers, self.count = [str(speakers[number]) for number in order], len(speakers)
        self.why = "not every utterance names its speaker" if pd.isna(speakers).any() else ""
        if not self.why and self.count < MINIMUM_SPEAKERS:
            self.why = f"{self.count} speaker{'s' * (self.count != 1)}, fewer than {MINIMUM_SPEAKERS}"
        seeds = predictions["seed"].to_numpy() if "seed" in predictions else np.zeros(len(predictions), int)
        seed_names, of_seed = np.unique(seeds, return_inverse=True)
        fold_names, of_fold = np.array([""], dtype=object), 0
        if not pooled:
            of_fold, folds = pd.factorize(predictions["fold"], use_na_sentinel=False)
            fold_names, place = np.unique([str(fold) for fold in folds], return_inverse=True)
            of_fold = place[of_fold]
        # Runs are numbered by seed, then by fold: those that there are.
        runs, numbers = np.unique(of_seed * len(fold_names) + of_fold, return_inverse=True)
        self.seeds, self.folds = seed_names[runs // len(fold_names)], fold_names[runs % len(fold_names)]
        self.seed_names = seed_names.tolist()
        unit, shape = numbers * self.count + np.argsort(order)[codes], (len(runs), self.count)
        sizes = np.bincount(codes)
        self.effective = sizes.sum() ** 2 / (sizes**2).sum()  # as many equal speakers would say as much
        self.metric, self.values = metric, [predictions[name].to_numpy() for name in columns]
        self.parts: np.ndarray | None = None
        self.rows = np.empty(0, dtype=object)  # in place of parts
        reference = predictions[list(columns)] if both is None else both
        if metric in _OF_COUNTS and len(columns) == 2:
            self.parts, self.score = _counts(self.values, reference, unit, shape), _OF_COUNTS[metric]
        elif metric in _OF_MOMENTS and len(columns) == 2:
            self.parts, self.score = _moments(self.values, reference, unit, shape), _OF_MOMENTS[metric]
        else:
            ends = np.cumsum(np.bincount(unit, minlength=shape[0] * shape[1]))[:-1]
            self.rows = np.array([*np.split(np.argsort(unit, kind="stable"), ends), None], dtype=object)[:-1]
            self.rows = self.rows.reshape(shape)

    def by_run(self, weights: np.ndarray, runs=slice(None)) -> np.ndarray:
        """Scores of each run with some of the speakers: (draws, speakers) of 0 and 1 -> (draws, runs)."""
        if self.parts is not None:
            return self.score(np.tensordot(weights, self.parts[runs], axes=(1, 1)))
        return np.array([[self.of_rows(run[draw > 0]) for run in self.rows[runs]] for draw in weights])

    def of_rows(self, parts: Sequence[np.ndarray]) -> float:
        """Score of some rows, given part by part."""
        return self.of_values([np.concatenate([column[part] for part in parts] or [[]]) for column in self.values])

    def of_values(self, values: list[np.ndarray]) -> float:
        """Score of the columns' values; NaN of none."""
        return float(self.metric(*values)) if len(values[0]) else np.nan

    def by_seed(self, weights: np.ndarray) -> np.ndarray:
        """The mean over each seed's runs: (draws, speakers) -> (draws, seeds)."""
        scores = self.by_run(weights)
        return np.stack([_mean(scores[:, self.seeds == seed]) for seed in self.seed_names], axis=1)

    def contributions(self) -> np.ndarray:
        """What each speaker contributes to the score of each seed (jackknife pseudo-values): (speakers, seeds).

        Their mean over speakers is the score, but for a small bias.
        """
        without = self.by_seed(1.0 - np.eye(self.count))
        return self.count * self.by_seed(np.ones((1, self.count))) - (self.count - 1) * without


def _mean(scores: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is defined; NaN where nothing is."""
    defined = np.isfinite(scores)
    return np.where(defined, scores, 0).sum(axis=-1) / np.where(defined.any(axis=-1), defined.sum(axis=-1), np.nan)


def _flaw(low: float, high: float) -> str:
    """Why an interval is none, or has no width."""
    if not np.isfinite(low):
        return "the metric is not defined without one of the speakers"
    return "the score is the same without any one of the speakers" if high - low < _LEAST_WIDTH else ""


def _bounds(
    value: float, parts: list[np.ndarray], effective: float, level: float, limits: tuple[float, float] = _NO_LIMITS
) -> tuple[float, float]:
    """Ends of value +- t * standard error.

    Args:
        value: the middle.
        parts: contributions (speakers, seeds); several parts have the same speakers, but seeds of their own.
        effective: number of speakers, fewer where their sizes differ.
        level: of the interval.
        limits: the least and the greatest value that there can be.
    """
    from scipy import stats

    speakers = len(parts[0])
    by_speaker = np.sum([part.mean(axis=1) for part in parts], axis=0).var(ddof=1) / speakers
    variance, sources = by_speaker, [(by_speaker, effective - 1)]
    for part in parts:
        seeds = part.shape[1]
        if seeds > 1:
            by_seed = part.mean(axis=0).var(ddof=1) / seeds
            rest = part - part.mean(axis=0) - part.mean(axis=1, keepdims=True) + part.mean()
            interaction = (rest**2).sum() / ((speakers - 1) * (seeds - 1)) / (speakers * seeds)
            variance += max(by_seed - interaction, 0.0)  # `by_speaker` has the interaction already
            sources.append((by_seed, seeds - 1))
    if not np.isfinite(variance + value):
        return np.nan, np.nan
    half = 0.0
    if variance > 0:
        degrees = sum(one for one, _ in sources) ** 2 / sum(one**2 / degrees for one, degrees in sources)
        # Two seeds alone would have one degree of freedom and a t of 12.7, whatever they are.
        half = stats.t.ppf((1 + level) / 2, max(degrees, _LEAST_FREEDOM)) * np.sqrt(variance)
    return float(np.clip(value - half, *limits)), float(np.clip(value + half, *limits))


def _compared(first, second, relative: bool):
    if not relative:
        return first - second
    first, second = np.broadcast_arrays(np.asarray(first, float), second)
    return np.divide(first, second, out=np.full(first.shape, np.nan), where=second != 0) - 1


def _permutation(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p value of a mean difference: a speaker's contributions to it change sides or do not.

    Args:
        first: what each speaker contributes to the difference through the first model, shape (speakers,).
        second: through the second one, so that the difference is the mean of `first` + `second`.
    """
    from scipy import stats

    tested = stats.permutation_test(
        (first, -second),
        lambda one, other, axis: (one - other).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=_MOST,
        batch=1024,
        random_state=np.random.default_rng(0),
    )
    return float(tested.pvalue)


def _sign_flips(gaps: np.ndarray) -> np.ndarray:
    """Two-sided p values of mean differences: each speaker's own change sign or do not, (pairs, speakers) -> (pairs,).

    The same test as `_permutation`: two contributions that are exchanged are a difference whose sign changes. Its
    statistic is their sum, whatever the metric, so all signs of many speakers can be counted without going through
    them: each sum of one half of the speakers meets the sorted sums of the other half (Horowitz and Sahni 1974).
    """
    speakers = gaps.shape[1]
    limits = np.abs(gaps.sum(axis=1)) * (1 - 1e-12) - 1e-12
    if speakers > EXACT_SPEAKERS:
        signs = 1.0 - 2 * np.random.default_rng(0).integers(0, 2, (speakers, DRAWS - 1), np.int8)
        more = [np.count_nonzero(np.abs(gap @ signs) >= limit) for gap, limit in zip(gaps, limits, strict=True)]
        return (np.array(more) + 1) / DRAWS
    p = []
    for gap, limit in zip(gaps, limits, strict=True):
        one, other = (_signed_sums(half) for half in np.array_split(gap, 2))
        other.sort()
        above = len(other) - np.searchsorted(other, limit - one, side="left")
        below = np.searchsorted(other, -limit - one, side="right")
        p.append(min((above + below).sum() / 2**speakers, 1.0))
    return np.array(p)


def _signed_sums(values: np.ndarray) -> np.ndarray:
    """Sums of the values with all combinations of signs: (values,) -> (2 ** values,)."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's correction (1979) of several p values: the chance of any false finding stays at the level.

    The least one is multiplied by their number, the next one by one less, and so on; never falling again, at most 1.

    Args:
        p: shape (tests,).

    >>> holm(np.array([0.01, 0.5, 0.02]))
    array([0.03, 0.5 , 0.04])
    """
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return corrected


def _counts(values: list[np.ndarray], reference: pd.DataFrame, unit: np.ndarray, shape: tuple) -> np.ndarray:
    """Confusion matrices of each run and speaker, true classes in rows: (runs, speakers, classes, classes)."""
    classes = pd.Index(pd.unique(reference.to_numpy(object).ravel()))
    true, predicted = (classes.get_indexer(np.asarray(column, object)) for column in values)
    cells = (unit * len(classes) + true) * len(classes) + predicted
    size = (*shape, len(classes), len(classes))
    return np.bincount(cells, minlength=int(np.prod(size))).reshape(size).astype(float)


def _share(hits: np.ndarray, of: np.ndarray) -> np.ndarray:
    return np.divide(hits, of, out=np.zeros_like(hits), where=of > 0)


def _over_classes(scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean over the classes that are there."""
    return _mean(np.where(counts.sum(axis=-1) > 0, scores, np.nan))


def _right(counts: np.ndarray) -> np.ndarray:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _wa(counts: np.ndarray) -> np.ndarray:
    total = counts.sum(axis=(-2, -1))
    return np.where(total > 0, _share(_right(counts).sum(axis=-1), total), np.nan)


def _ua(counts: np.ndarray) -> np.ndarray:
    return _over_classes(_share(_right(counts), counts.sum(axis=-1)), counts)


def _macro_precision(counts: np.ndarray) -> np.ndarray:
    return _over_classes(_share(_right(counts), counts.sum(axis=-2)), counts)


def _macro_f1(counts: np.ndarray) -> np.ndarray:
    return _over_classes(_share(2 * _right(counts), counts.sum(axis=-1) + counts.sum(axis=-2)), counts)


def _moments(values: list[np.ndarray], reference: pd.DataFrame, unit: np.ndarray, shape: tuple) -> np.ndarray:
    """Sums of each run and speaker: (runs, speakers, 7); both columns are moved by one number, for precision."""
    middle = np.asarray(reference.iloc[:, 0], float).mean()
    true, predicted = (np.asarray(column, float) - middle for column in values)
    terms = (None, true, predicted, true**2, predicted**2, true * predicted, (true - predicted) ** 2)
    return np.stack([np.bincount(unit, term, int(np.prod(shape))).reshape(shape) for term in terms], axis=-1)


def _central(sums: np.ndarray) -> tuple[np.ndarray, ...]:
    """Difference of the means, both variances and the covariance; NaN of nothing."""
    count = np.where(sums[..., 0] > 0, sums[..., 0], np.nan)
    true, predicted, *squares = (sums[..., number] / count for number in range(1, 6))
    variances = [np.maximum(squares[0] - true**2, 0), np.maximum(squares[1] - predicted**2, 0)]
    variances = [np.where(one > 1e-14 * whole, one, 0) for one, whole in zip(variances, squares, strict=False)]
    return true - predicted, *variances, squares[2] - true * predicted


def _ccc(sums: np.ndarray) -> np.ndarray:
    apart, true, predicted, covariance = _central(sums)
    width = true + predicted + apart**2
    return np.where(np.isnan(apart), np.nan, np.divide(2 * covariance, width, out=np.ones_like(width), where=width > 0))


def _pearson(sums: np.ndarray) -> np.ndarray:
    apart, true, predicted, covariance = _central(sums)
    spread = np.sqrt(true * predicted)
    found = np.divide(covariance, spread, out=np.zeros_like(spread), where=spread > 0)
    return np.where(np.isnan(apart), np.nan, found)


def _rmse(sums: np.ndarray) -> np.ndarray:
    return np.sqrt(sums[..., 6] / np.where(sums[..., 0] > 0, sums[..., 0], np.nan))


_OF_COUNTS = {metrics.wa: _wa, metrics.ua: _ua, metrics.macro_f1: _macro_f1, metrics.macro_precision: _macro_precision}
_OF_MOMENTS = {metrics.ccc: _ccc, metrics.pearson: _pearson, metrics.rmse: _rmse}
