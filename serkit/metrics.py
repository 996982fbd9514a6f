"""Metrics of the papers.

Conventions: `y_true` comes first; labels are names or numbers; scores are between 0 and 1.

* WA, weighted accuracy, is overall accuracy: the share of utterances that are right.
* UA, unweighted accuracy, is the mean of the class recalls (also UAR, balanced accuracy). A class that
  `y_true` lacks has no recall and is left out of the mean.
* *Pooled* is computed once over the predictions of all folds together; *by fold* once a fold.
"""

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
    """Mean over the classes of `y_true` of right / called so; 0 for a class that is never called.

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


def confusion(y_true, y_pred, classes: list) -> pd.DataFrame:
    """Counts, true classes in rows and predicted ones in columns, in the order of `classes`.

    Raises:
        SerkitError: a label is not in `classes`.
    """
    y_true, y_pred = _pair(y_true, y_pred)
    strangers = sorted({*y_true.tolist(), *y_pred.tolist()} - set(classes))
    if strangers:
        raise SerkitError(f"labels {strangers} are not among the classes {list(classes)}")
    counts = [[int(np.sum((y_true == true) & (y_pred == called))) for called in classes] for true in classes]
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


def scores(predictions: pd.DataFrame) -> dict[str, float]:
    """WA and UA, pooled and by fold, and the floor, of one model's predictions on all its folds.

    Args:
        predictions: one row a tested utterance: fold, label (true), predicted.

    Returns:
        WA, UA (pooled); WA fold mean, WA fold sd, UA fold mean, UA fold sd (sample standard deviation,
        NaN for one fold); floor WA, floor UA (always calling the commonest class); folds; utterances.
    """
    true, called = predictions["label"], predictions["predicted"]
    folds = [
        (wa(part["label"], part["predicted"]), ua(part["label"], part["predicted"]))
        for _, part in predictions.groupby("fold", sort=True)
    ]
    by_fold = np.array(folds)
    sd = by_fold.std(axis=0, ddof=1) if len(by_fold) > 1 else np.full(2, np.nan)
    return {
        "WA": wa(true, called),
        "UA": ua(true, called),
        "WA fold mean": float(by_fold[:, 0].mean()),
        "WA fold sd": float(sd[0]),
        "UA fold mean": float(by_fold[:, 1].mean()),
        "UA fold sd": float(sd[1]),
        "floor WA": float(true.value_counts(normalize=True).iloc[0]),
        "floor UA": 1 / true.nunique(),
        "folds": len(by_fold),
        "utterances": len(predictions),
    }


def speaker_interval(
    predictions: pd.DataFrame, metric=ua, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Confidence interval of a metric by resampling speakers, not utterances (cluster bootstrap).

    Utterances of a speaker are not independent, so the speaker is what is drawn, with replacement.

    Args:
        predictions: one row a tested utterance: speaker, label (true), predicted.
        metric: ``metric(y_true, y_pred)``.
        level: coverage.
        draws: number of bootstrap samples.
        seed: of the draws.

    Returns:
        The lower and the upper end.
    """
    random = np.random.default_rng(seed)
    true, called = predictions["label"].to_numpy(), predictions["predicted"].to_numpy()
    rows = list(predictions.groupby("speaker").indices.values())
    drawn = []
    for _ in range(draws):
        sample = np.concatenate([rows[number] for number in random.integers(len(rows), size=len(rows))])
        drawn.append(metric(true[sample], called[sample]))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


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
