"""Losses for continuous emotion: one minus the concordance correlation coefficient (khorram2017, sections 3 and 6.1).

    CCC = 2 cov(y, p) / (var(y) + var(p) + (mean(y) - mean(p))^2)

for labels y and predictions p, with variances divided by n. It is 1 only where the predictions equal the labels, 0
where they are unrelated or constant, and -1 at the least. The paper optimises it directly, on one whole recording a
step; with several in a batch it can be taken for each recording or once over all of them.
"""

from typing import Any

import keras
from keras import ops

from serkit.errors import SerkitError, one_of

OVER = ("batch", "recording")


@keras.saving.register_keras_serializable("serkit")
def ccc_loss(
    y_true: Any, y_pred: Any, sample_weight: Any = None, over: str = "recording", epsilon: float = 1e-8
) -> Any:
    """1 - CCC; usable as ``loss=ccc_loss`` where no frame is padding (otherwise `CCCLoss`).

    Args:
        y_true: labels, (B, T) or (B, T, D) for D dimensions such as valence and activation.
        y_pred: predictions, of the same shape; a last axis of one value may be there or not.
        sample_weight: (B,), (B, T) or (B, T, 1); zero for padding.
        over: "recording" takes means and variances over each recording, "batch" over all frames of the batch.
        epsilon: added to the denominator: constant labels with equal constant predictions have a CCC of 0.

    Returns:
        (B,) for recordings or a scalar for the batch, the mean over the D dimensions. A recording without weight has
        a loss of 1.

    Raises:
        SerkitError: shapes that do not belong together, or another `over`.
    """
    axes = (0, 1) if one_of(over, OVER, "over") == "batch" else 1
    y_true, y_pred, weight = _aligned(y_true, y_pred, sample_weight)
    weight = ops.divide_no_nan(weight, ops.sum(weight, axis=axes, keepdims=True))
    mean_true = ops.sum(weight * y_true, axis=axes, keepdims=True)
    mean_pred = ops.sum(weight * y_pred, axis=axes, keepdims=True)
    variances = ops.sum(weight * (ops.square(y_true - mean_true) + ops.square(y_pred - mean_pred)), axis=axes)
    covariance = ops.sum(weight * (y_true - mean_true) * (y_pred - mean_pred), axis=axes)
    distance = ops.sum(ops.square(mean_true - mean_pred), axis=axes)  # a sum over one value
    return 1 - ops.mean(2 * covariance / (variances + distance + epsilon), axis=-1)


@keras.saving.register_keras_serializable("serkit")
class CCCLoss(keras.losses.Loss):
    """1 - CCC as a loss that leaves out padding.

    Padded frames are those of weight zero: ``model.fit(..., sample_weight=valid)`` with valid of shape (B, T); a mask
    that layers hand on does not reach this loss. For ``over="recording"`` the loss of a batch is the mean of its
    recordings', each counting with its largest weight; recordings of different lengths count alike.

    Args:
        over: see `ccc_loss`; a batch of one recording, as in the paper, is the same either way.
        epsilon: see `ccc_loss`.
        name: of the loss.

    Raises:
        SerkitError: another `over`.

    >>> import numpy as np
    >>> labels = np.array([[0.0, 1.0, 2.0, 0.0]])
    >>> round(float(CCCLoss()(labels, labels + 1, sample_weight=np.array([[1.0, 1.0, 1.0, 0.0]]))), 4)
    0.4286
    """

    def __init__(self, over: str = "recording", epsilon: float = 1e-8, name: str = "ccc_loss"):
        super().__init__(name=name)
        self.over = one_of(over, OVER, "over")
        self.epsilon = epsilon

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of a batch, a scalar; see `ccc_loss` for the shapes."""
        y_true, y_pred, weight = _aligned(y_true, y_pred, sample_weight)
        losses = ccc_loss(y_true, y_pred, weight, self.over, self.epsilon)
        if self.over == "batch":
            return losses
        counts = ops.max(weight, axis=(1, 2))
        return ops.divide_no_nan(ops.sum(counts * losses), ops.sum(counts))

    def get_config(self) -> dict:
        """The settings."""
        return {"over": self.over, "epsilon": self.epsilon, "name": self.name}


def _aligned(y_true: Any, y_pred: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Labels and predictions as (B, T, D) and weights as (B, T, 1), at least in single precision."""
    y_pred = ops.convert_to_tensor(y_pred)
    dtype = keras.backend.result_type(y_pred.dtype, "float32")
    y_pred, y_true = ops.cast(y_pred, dtype), ops.cast(ops.convert_to_tensor(y_true), dtype)
    shapes = f"labels {tuple(y_true.shape)} and predictions {tuple(y_pred.shape)}"
    y_true, y_pred = (y[..., None] if len(y.shape) == 2 else y for y in (y_true, y_pred))
    if len(y_true.shape) != 3 or len(y_pred.shape) != 3 or _differ(y_true.shape, y_pred.shape):
        raise SerkitError(f"the CCC loss takes two equal shapes, (B, T) or (B, T, D); got {shapes}")
    weight = ops.ones_like(y_true[..., :1])
    if sample_weight is None:
        return y_true, y_pred, weight
    given = ops.cast(ops.convert_to_tensor(sample_weight), dtype)
    given = ops.reshape(given, (*ops.shape(given), *[1] * (3 - len(given.shape))))
    if _differ(given.shape, weight.shape, one=True):
        raise SerkitError(f"the CCC loss takes weights of shape (B,), (B, T) or (B, T, 1); got {tuple(given.shape)}")
    weight = weight * given
    # Padding may hold anything, even values that are not numbers.
    return ops.where(weight > 0, y_true, 0), ops.where(weight > 0, y_pred, 0), weight


def _differ(first: tuple, second: tuple, one: bool = False) -> bool:
    """Whether two shapes cannot be equal; with `one`, a length of 1 in the first fits any."""
    lengths = zip(first, second, strict=True)
    return any(None not in (a, b) and a != b and not (one and a == 1) for a, b in lengths)
