"""Normalisation: by the utterance itself, by the statistics of training data, or of a batch.

What learns from data (`standardise`, `Standardisation`, `PCAWhitening`) is given the training data by name: no other
row has a part in it.

PCA whitening (zhao2018, 4.2): the paper says that its 743 features "are whitened with PCA" and neither how they are
scaled nor how many components are kept. Their scales span ten orders of magnitude, so that without scaling four
components would be all; many columns follow linearly from others, so that whitening all 743 would divide by nothing but
rounding. Hence a z-norm first, and a floor below which a component is dropped.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from serkit.errors import SerkitError

ROWS = 4096  # taken at a time, so that memory does not grow with memory-mapped features

CONSTANT = 1e-12  # a column whose standard deviation is this fraction of its mean varies by rounding only


def z_normalise(values: np.ndarray) -> np.ndarray:
    """Give each column mean 0 and standard deviation 1 over the utterance (tao2018, 3).

    Args:
        values: features of one utterance, shape (frames, dims).

    Returns:
        float64 of the same shape. A column that never changes (the pitch of a whispered utterance)
        becomes 0.

    Raises:
        SerkitError: not a table of frames, no frame, or values that are not finite numbers.

    >>> z_normalise(np.array([[1.0, 5.0], [3.0, 5.0]]))
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or not len(values):
        raise SerkitError(f"expected features of shape (frames, dims) with a frame or more; got {values.shape}")
    if not np.isfinite(values).all():
        raise SerkitError("the features hold values that are not finite numbers: look at the signal they came from")
    constant = np.ptp(values, axis=0) == 0
    return np.where(constant, 0, values - values.mean(axis=0)) / np.where(constant, 1, values.std(axis=0))


def standardise(values: np.ndarray, training: np.ndarray, limit: float = 10.0) -> np.ndarray:
    """Give features mean 0 and standard deviation 1, by the statistics of training data alone.

    Args:
        values: shape (N, dims).
        training: shape (M, dims).
        limit: in standard deviations; what lies beyond is set to it. A feature that hardly varies in training can
            lie millions of them away in a new voice, and nothing else would then count.

    Returns:
        float32 of shape (N, dims); a feature that never varies in training is 0.

    Raises:
        SerkitError: no training data, or values that are not finite.

    >>> standardise(np.array([[3.0, 7.0], [99.0, 8.0]]), np.array([[1.0, 7.0], [3.0, 7.0]]))
    array([[ 1.,  0.],
           [10.,  0.]], dtype=float32)
    """
    values, training = np.asarray(values, np.float64), np.asarray(training, np.float64)
    if not len(training) or not (np.isfinite(training).all() and np.isfinite(values).all()):
        raise SerkitError("there are no training data, or a feature is not a finite number: look at the features")
    constant = np.ptp(training, axis=0) == 0
    scaled = (values - training.mean(axis=0)) / np.where(constant, 1, training.std(axis=0))
    return np.where(constant, 0, scaled.clip(-limit, limit)).astype(np.float32)


def scale(values: np.ndarray, lowest: float = -1.0, axes: tuple[int, ...] | None = None) -> np.ndarray:
    """Shift and stretch linearly so that the least value is `lowest` and the greatest 1 (li2018, 2.1).

    Args:
        values: any shape.
        lowest: -1 for the paper's range [-1, 1].
        axes: axes that share one scale; None is all of them. For a batch (B, frames, bins), (1, 2)
            scales each piece by itself.

    Returns:
        Values in [lowest, 1]; where all values are equal (silence) the result is `lowest`.

    >>> scale(np.array([0.0, 1.0, 4.0]))
    array([-1. , -0.5,  1. ])
    """
    least = values.min(axis=axes, keepdims=True)
    span = values.max(axis=axes, keepdims=True) - least
    return (values - least) * ((1 - lowest) / np.where(span > 0, span, 1)).astype(values.dtype) + lowest


class Standardisation:
    """Each column with mean 0 and deviation 1 over the rows it is fitted on: `PCAWhitening` without the components.

    It stands in for one, and is fitted and used in the same way.

    Args:
        clip: largest size of a value, in standard deviations of the training rows; 0 leaves all as they are.

    Attributes:
        mean: of each column, shape (dims,).
        scale: standard deviation of each column, 1 where it is constant, shape (dims,).
        eigenvalues: the variance of what comes out, 1 for each column, shape (dims,).

    >>> Standardisation().fit(np.array([[1.0, 5.0], [3.0, 5.0], [2.0, 5.0]])).transform(np.array([[4.0, 5.0]]))
    array([[2., 0.]])
    """

    def __init__(self, clip: float = 0.0):
        self.clip, self.mean, self.scale, self.eigenvalues = clip, None, None, None

    def fit(self, rows: np.ndarray | Iterable[np.ndarray]) -> "Standardisation":
        """Learn mean and scale from the training rows, reading them once.

        Args:
            rows: shape (rows, dims), or an iterable of such blocks, for example one an utterance.

        Raises:
            SerkitError: fewer than two rows, rows of unequal length, or values that are not finite numbers.
        """
        count, mean, scatter = _moments(_checked(_blocks(rows)))
        if count < 2:
            raise SerkitError("one row has no standard deviation: give two or more")
        deviation = np.sqrt(np.diag(scatter) / (count - 1))
        self.mean, self.scale = mean, np.where(deviation > CONSTANT * np.abs(mean), deviation, 1)
        self.eigenvalues = np.ones(len(mean))
        return self

    def learnt(self) -> dict[str, np.ndarray]:
        """What `fit` has found, for `take`."""
        return {name: getattr(self, name) for name in ("mean", "scale", "eigenvalues")}

    def take(self, learnt: dict[str, np.ndarray]) -> "Standardisation":
        """Be fitted as another one is that has `learnt` this."""
        self.mean, self.scale, self.eigenvalues = (learnt[name] for name in ("mean", "scale", "eigenvalues"))
        return self

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Scale rows, those fitted on or others, shape (rows, dims): float32 for float32 rows, otherwise float64.

        Raises:
            SerkitError: not fitted yet, another number of columns, or values that are not finite numbers.
        """
        if self.mean is None or np.ndim(rows) != 2 or np.shape(rows)[1] != len(self.mean):
            fitted = "not fitted yet" if self.mean is None else f"fitted on rows of {len(self.mean)} columns"
            raise SerkitError(f"{fitted}; got an array of shape {np.shape(rows)}")
        kind = np.float32 if rows.dtype == np.float32 else np.float64
        parts = [((block - self.mean) / self.scale).astype(kind) for block in _checked(_blocks(rows))]
        scaled = np.concatenate(parts) if parts else np.empty(rows.shape, kind)
        return scaled.clip(-self.clip, self.clip) if self.clip else scaled


class PCAWhitening:
    """Linear map that gives the rows it is fitted on mean 0 and unit covariance.

    y = (x - mean) / scale . components^T / sqrt(eigenvalues). Covariances divide by rows - 1. In the training rows
    a column that never changes has no part in the components.

    Args:
        components: how many to keep, those of largest variance; None keeps all above the floor.
        floor: the least eigenvalue of the correlation matrix that is kept, as a fraction of the largest.
            With 1e-9 the smallest deviation kept is 3e-5 of the largest, which is well above the rounding of
            features stored as float32.
        clip: largest size of a whitened value, in standard deviations of the training rows; 0 leaves all as they
            are. Components of little variance multiply whatever training did not hold: a new voice, a frame beside
            digital silence.

    Attributes:
        mean: of each column, shape (dims,).
        scale: standard deviation of each column, 1 where it is constant, shape (dims,).
        components: orthonormal directions of the scaled columns, by falling variance, shape (kept, dims). The
            entry of largest size in each is positive.
        eigenvalues: variance of the scaled columns along each component, shape (kept,).

    Raises:
        SerkitError: `components` is not a positive whole number, `floor` is not in (0, 1), or `clip` is negative.

    >>> rows = np.random.default_rng(0).normal(5, [1, 10, 100], (1000, 3))
    >>> np.cov(PCAWhitening().fit(rows).transform(rows).T).round(6) + 0.0
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """

    def __init__(self, components: int | None = None, floor: float = 1e-9, clip: float = 0.0):
        whole = isinstance(components, int | np.integer) and not isinstance(components, bool)
        if components is not None and not (whole and components > 0):
            raise SerkitError(f"components is a whole number, 1 or more, or None for all; got {components!r}")
        if not 0 < floor < 1:
            raise SerkitError(f"floor is a fraction of the largest eigenvalue, such as 1e-9; got {floor!r}")
        if not clip >= 0:
            raise SerkitError(f"clip is a number of standard deviations, or 0 for none; got {clip!r}")
        self.wanted, self.floor, self.clip = components, floor, clip
        self.mean = self.scale = self.components = self.eigenvalues = self._projection = None

    def fit(self, rows: np.ndarray | Iterable[np.ndarray]) -> "PCAWhitening":
        """Learn mean, scale and components from the training rows, reading them once.

        Args:
            rows: shape (rows, dims), memory-mapped or not; or an iterable of such blocks, for example one
                an utterance.

        Returns:
            This object.

        Raises:
            SerkitError: rows of unequal length or with values that are not finite numbers; fewer rows than
                can be whitened; columns that are all constant; more components wanted than stand above the floor.
        """
        count, mean, scatter = _moments(_checked(_blocks(rows)))
        needed = (len(mean) if self.wanted is None else self.wanted) + 1
        if count < needed:
            raise SerkitError(
                f"{count} rows are too few to whiten {needed - 1} components: give {needed} rows or more, or ask for "
                "fewer components"
            )
        deviation = np.sqrt(np.diag(scatter) / (count - 1))
        varies = deviation > CONSTANT * np.abs(mean)
        if not varies.any():
            raise SerkitError("no column of these rows ever changes: there is nothing to whiten")
        scale = np.where(varies, deviation, 1)
        correlation = np.where(np.outer(varies, varies), scatter / (count - 1) / np.outer(scale, scale), 0)
        eigenvalues, vectors = np.linalg.eigh(correlation)
        eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
        above = int((eigenvalues > self.floor * eigenvalues[0]).sum())
        if self.wanted is not None and self.wanted > above:
            raise SerkitError(
                f"only {above} of {len(mean)} components stand above the floor of {self.floor:g}: ask for {above} or "
                f"fewer than {self.wanted}, or lower the floor"
            )
        kept = above if self.wanted is None else self.wanted
        components = np.where(varies, vectors[:, :kept].T, 0)
        largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
        found = {"mean": mean, "scale": scale, "eigenvalues": eigenvalues[:kept].copy()}
        return self.take({**found, "components": components * np.sign(largest)})

    def learnt(self) -> dict[str, np.ndarray]:
        """What `fit` has found, for `take`."""
        return {name: getattr(self, name) for name in ("mean", "scale", "eigenvalues", "components")}

    def take(self, learnt: dict[str, np.ndarray]) -> "PCAWhitening":
        """Be fitted as another one is that has `learnt` this."""
        self.mean, self.scale, self.eigenvalues = (learnt[name] for name in ("mean", "scale", "eigenvalues"))
        self.components = learnt["components"]
        self._projection = (self.components / np.sqrt(self.eigenvalues)[:, None] / self.scale).T
        return self

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Whiten rows, those fitted on or others.

        Args:
            rows: shape (rows, dims).

        Returns:
            Shape (rows, kept): float32 for float32 rows, otherwise float64; computed in float64.

        Raises:
            SerkitError: not fitted yet, another number of columns, or values that are not finite numbers.
        """
        if self.mean is None or self.eigenvalues is None:
            raise SerkitError("this PCAWhitening has learnt nothing yet: call fit with the training rows first")
        rows = np.asanyarray(rows)
        if rows.ndim != 2 or rows.shape[1] != len(self.mean):
            raise SerkitError(f"fitted on rows of {len(self.mean)} columns; got an array of shape {rows.shape}")
        kind = np.float32 if rows.dtype == np.float32 else np.float64
        whitened = np.empty((len(rows), len(self.eigenvalues)), kind)
        begin = 0
        for block in _checked(_blocks(rows)):
            whitened[begin : begin + len(block)] = (block - self.mean) @ self._projection
            begin += len(block)
        return whitened.clip(-self.clip, self.clip, out=whitened) if self.clip else whitened


def _blocks(rows: np.ndarray | Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The rows in pieces of at most `ROWS`, small blocks put together."""
    if isinstance(rows, np.ndarray):
        rows = [rows]
    waiting, count, dims = [], 0, None
    for given in rows:
        block = np.asanyarray(given)
        if block.ndim != 2:
            raise SerkitError(f"expected blocks of shape (rows, dims); got one of shape {block.shape}")
        if dims not in (None, block.shape[1]):
            raise SerkitError(f"a block has {block.shape[1]} columns, those before it {dims}")
        dims = block.shape[1]
        for begin in range(0, len(block), ROWS):
            piece = block[begin : begin + ROWS]
            if count + len(piece) > ROWS:
                yield np.concatenate(waiting)
                waiting, count = [], 0
            waiting.append(piece)
            count += len(piece)
    if waiting:
        yield np.concatenate(waiting)


def _checked(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The blocks as float64, after a look for values that are not numbers."""
    before = 0
    for block in blocks:
        bad = np.argwhere(~np.isfinite(block))
        if len(bad):
            row, column = bad[0].tolist()
            raise SerkitError(
                f"row {before + row}, column {column} holds {block[row, column]}, which is not a finite number; "
                f"{len(bad)} such values in {len(block)} rows: look at the signals they came from"
            )
        before += len(block)
        yield block.astype(np.float64)


def _moments(blocks: Iterator[np.ndarray]) -> tuple[int, np.ndarray, np.ndarray]:
    """Number, mean and scatter matrix (sum of outer products about the mean) of all rows.

    Each block is centred on its own mean and then joined to those before it, so that no large numbers are
    subtracted (T. Chan, G. Golub, R. LeVeque: Algorithms for computing the sample variance. The American
    Statistician 37(3), 1983).
    """
    count, mean, scatter = 0, np.zeros(0), np.zeros((0, 0))
    for block in blocks:
        block_mean = block.mean(axis=0)
        centred = block - block_mean
        if not count:
            count, mean, scatter = len(block), block_mean, centred.T @ centred
            continue
        total, shift = count + len(block), block_mean - mean
        scatter += centred.T @ centred
        scatter += np.outer(shift, shift) * (count * len(block) / total)
        mean = mean + shift * (len(block) / total)
        count = total
    if not count:
        raise SerkitError("there are no rows to fit the whitening on")
    return count, mean, scatter
