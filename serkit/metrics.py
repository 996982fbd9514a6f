"""Metrics of the papers.

Conventions: `y_true` comes first; labels are names or numbers; scores are between 0 and 1.

* WA, weighted accuracy, is overall accuracy: the share of utterances that are right.
* UA, unweighted accuracy, is the mean of the class recalls (also UAR, balanced accuracy). A class that
  `y_true` lacks has no recall and is left out of the mean.
* *Pooled* is computed once over the predictions of all folds together; *by fold* once a fold.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from serkit.errors import SerkitError


def wa(y_true, y_pred) -> float:
    """Weighted accuracy: right / all.

    >>> wa(["a", "a", "a", "b"], ["a", "a", "b", "b"])
    0.75
    """
    y_true, y_pred = _pair(y_true, y_pred)
    return float(np.mean(y_true == y_pred))


def ua(y_true, y_pred) -> float:
    """Unweighted accuracy: the mean over classes of right / all of that class.

    >>> ua(["a", "a", "a", "a", "b", "b"], ["a", "a", "a", "b", "b", "a"])
    0.625
    """
    return float(np.mean(list(recalls(y_true, y_pred).values())))


def recalls(y_true, y_pred) -> dict:
    """Recall of each class that `y_true` has, in sorted order.

    >>> recalls(["a", "a", "b"], ["a", "b", "b"])
    {'a': 0.5, 'b': 1.0}
    """
    y_true, y_pred = _pair(y_true, y_pred)
    return {_plain(name): float(np.mean(y_pred[y_true == name] == name)) for name in np.unique(y_true)}


def macro_precision(y_true, y_pred) -> float:
    """Mean over the classes of `y_true` of right / predicted as that class; 0 for a class that is never predicted.

    >>> macro_precision(["a", "a", "b", "b"], ["a", "a", "a", "b"])
    0.8333333333333333
    """
    y_true, y_pred = _pair(y_true, y_pred)
    return float(np.mean([_ratio(y_true[y_pred == name] == name) for name in np.unique(y_true)]))


def macro_f1(y_true, y_pred) -> float:
    """Mean over the classes of `y_true` of the harmonic mean of precision and recall.

    >>> round(macro_f1(["a", "a", "b", "b"], ["a", "a", "a", "b"]), 6)
    0.733333
    """
    y_true, y_pred = _pair(y_true, y_pred)
    scores = []
    for name in np.unique(y_true):
        both = np.sum((y_true == name) & (y_pred == name))
        scores.append(2 * both / (np.sum(y_true == name) + np.sum(y_pred == name)))
    return float(np.mean(scores))


def confusion(y_true, y_pred, classes: Sequence) -> pd.DataFrame:
    """Counts, true classes in rows and predicted ones in columns, in the order of `classes`.

    Raises:
        SerkitError: a label is not in `classes`.
    """
    y_true, y_pred = _pair(y_true, y_pred)
    strangers = sorted({*y_true.tolist(), *y_pred.tolist()} - set(classes))
    if strangers:
        raise SerkitError(f"labels {strangers} are not among the classes {list(classes)}")
    counts = [[int(np.sum((y_true == true) & (y_pred == predicted))) for predicted in classes] for true in classes]
    return pd.DataFrame(counts, pd.Index(classes, name="true"), pd.Index(classes, name="predicted"))


def rmse(y_true, y_pred) -> float:
    """Root of the mean squared error.

    >>> rmse([0.0, 0.0], [3.0, 4.0])
    3.5355339059327378
    """
    y_true, y_pred = _numbers(y_true, y_pred)
    return float(np.sqrt(np.mean((y_true - y_pred) ** 2)))


def pearson(y_true, y_pred) -> float:
    """Pearson's correlation; 0 when a side is constant.

    >>> pearson([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    1.0
    """
    y_true, y_pred = _numbers(y_true, y_pred)
    x, y = y_true - y_true.mean(), y_pred - y_pred.mean()
    spread = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / spread) if spread > 0 else 0.0


def ccc(y_true, y_pred) -> float:
    """Concordance correlation coefficient: 2 cov / (var + var + (mean - mean)^2), population moments.

    0 when both sides are constant and differ, 1 when they are equal.

    >>> round(ccc([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]), 6)
    0.571429
    """
    y_true, y_pred = _numbers(y_true, y_pred)
    covariance = np.mean((y_true - y_true.mean()) * (y_pred - y_pred.mean()))
    width = np.var(y_true) + np.var(y_pred) + (y_true.mean() - y_pred.mean()) ** 2
    return float(2 * covariance / width) if width > 0 else 1.0


def agreement(ratings) -> np.ndarray:
    """How well each rater agrees with the others: the mean of its CCC with each of them.

    Args:
        ratings: shape (frames, raters), two raters or more.

    Returns:
        Shape (raters,).

    >>> agreement([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]).tolist()
    [0.0, 0.0, -1.0]
    """
    ratings = np.asarray(ratings, np.float64)
    means, covariance = ratings.mean(axis=0), np.cov(ratings.T, ddof=0)
    variances = np.diag(covariance)
    width = variances + variances[:, None] + (means - means[:, None]) ** 2
    pairs = np.divide(2 * covariance, width, out=np.ones_like(width), where=width > 0)
    return (pairs.sum(axis=1) - 1) / (len(pairs) - 1)


def power_above(values, rate: float, frequency: float = 1.0) -> float:
    """Share of a trajectory's power above a frequency: how rough it is (khorram2017, 5.2: 95 % lies below 1 Hz).

    The mean is removed, and a Hann window keeps the ends from looking like a jump. 0 for a constant trajectory.

    Args:
        values: shape (frames,).
        rate: frames a second.
        frequency: in Hz.

    >>> t = np.arange(1000) / 25
    >>> round(power_above(np.sin(2 * np.pi * 0.5 * t) + 0.5 * np.sin(2 * np.pi * 3 * t), rate=25), 3)
    0.2
    """
    values = np.asarray(values, np.float64)
    power = np.abs(np.fft.rfft((values - values.mean()) * np.hanning(len(values)))) ** 2
    total = power.sum()
    return float(power[np.fft.rfftfreq(len(values), 1 / rate) > frequency].sum() / total) if total > 0 else 0.0


def trajectory_scores(predictions: pd.DataFrame) -> dict[str, float]:
    """CCC and RMSE of predicted trajectories, pooled as in khorram2017 and by recording.

    Args:
        predictions: one row a frame: id (the recording), true, predicted.

    Returns:
        CCC and RMSE over all frames together; CCC recording mean and CCC recording sd (sample standard deviation, NaN
        for one recording) of the recordings' own; and recordings, their number.
    """
    by_recording = np.array([ccc(part["true"], part["predicted"]) for _, part in predictions.groupby("id")])
    return {
        "CCC": ccc(predictions["true"], predictions["predicted"]),
        "RMSE": rmse(predictions["true"], predictions["predicted"]),
        "CCC recording mean": float(by_recording.mean()),
        "CCC recording sd": float(by_recording.std(ddof=1)) if len(by_recording) > 1 else np.nan,
        "recordings": len(by_recording),
    }


ACCURACIES = {"WA": wa, "UA": ua}


def scores(predictions: pd.DataFrame, measures: Mapping[str, Callable] = ACCURACIES) -> dict[str, float]:
    """Some measures of one model's predictions, pooled and by fold, and their floors.

    Args:
        predictions: one row a tested utterance, fold and seed: label (true), predicted, and fold and seed where
            there are several.
        measures: name -> ``metric(y_true, y_pred)``.

    Returns:
        For a measure WA: WA pooled (over the folds of a seed, then the mean over seeds); WA fold mean and WA fold sd
        (over all folds and seeds; the sample standard deviation, NaN for a single one); WA floor (predicting one
        class always: the commonest, or, where labels are numbers, the one that scores best). And
        folds, seeds, utterances (of one seed).
    """
    seeds = predictions["seed"] if "seed" in predictions else pd.Series(0, predictions.index)
    by_seed = [part for _, part in predictions.groupby(seeds)]
    folds = predictions["fold"] if "fold" in predictions else pd.Series(0, predictions.index)
    by_fold = [part for _, part in predictions.groupby([seeds, folds])]
    first = by_seed[0]
    constants = _constants(first)
    numbers = {}
    for name, metric in measures.items():
        pooled, single = (
            np.array([metric(part["label"], part["predicted"]) for part in parts]) for parts in (by_seed, by_fold)
        )
        numbers[f"{name} pooled"] = float(pooled.mean())
        numbers[f"{name} fold mean"] = float(single.mean())
        numbers[f"{name} fold sd"] = float(single.std(ddof=1)) if len(single) > 1 else np.nan
        numbers[f"{name} floor"] = max(metric(first["label"], constant) for constant in constants)
    return numbers | {"folds": folds.nunique(), "seeds": len(by_seed), "utterances": len(first)}


def _constants(predictions: pd.DataFrame) -> list[np.ndarray]:
    """Predictions that are the same for all."""
    labels = predictions["label"]
    values = [labels.mode().iloc[0]]
    if pd.api.types.is_float_dtype(labels):
        values = predictions["predicted"].unique()
        values = values if len(values) <= 20 else [labels.mean()]
    return [np.full(len(labels), value) for value in values]


def _pair(y_true, y_pred) -> tuple[np.ndarray, np.ndarray]:
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape or y_true.ndim != 1 or not len(y_true):
        raise SerkitError(f"y_true and y_pred are equally long lists; got shapes {y_true.shape} and {y_pred.shape}")
    return y_true, y_pred


def _numbers(y_true, y_pred) -> tuple[np.ndarray, np.ndarray]:
    y_true, y_pred = _pair(np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64))
    if not (np.isfinite(y_true).all() and np.isfinite(y_pred).all()):
        raise SerkitError("y_true or y_pred holds a value that is not a finite number")
    return y_true, y_pred


def _ratio(hits: np.ndarray) -> float:
    return float(np.mean(hits)) if len(hits) else 0.0


def _plain(name):
    return name.item() if isinstance(name, np.generic) else name
