"""Whole recordings, one a step (khorram2017)."""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from serkit.errors import SerkitError


class Recordings(keras.utils.PyDataset):
    """Whole recordings, one a batch, with a target for every frame (khorram2017, 6.1).

    An item is ``(inputs, targets)`` of shapes (1, T, dims) and (1, T, 1), or ``inputs`` alone to predict. Nothing is
    padded. Where recordings differ in length, the first two batches do, so that Keras on TensorFlow, which looks at two
    to learn which dimensions vary, compiles once; JAX compiles once a length.

    Args:
        read: ``read(id)`` gives a recording's inputs, (T, dims).
        ids: the recordings.
        targets: id -> (T,), a value a frame; None to predict.
        seed: a new order every epoch, the same for the same seed; None keeps the order of `ids`.

    Raises:
        SerkitError: no recordings, or one without targets or with another number of targets than frames.
    """

    def __init__(
        self,
        read: Callable[[str], np.ndarray],
        ids: Sequence[str],
        targets: dict[str, np.ndarray] | None = None,
        seed: int | None = None,
    ):
        super().__init__()
        if not len(ids):
            raise SerkitError("there are no recordings to make batches of: the partition is empty")
        missing = [name for name in ids if targets is not None and name not in targets]
        if missing:
            raise SerkitError(f"{missing[0]!r} has no annotation ({len(missing)} recordings): leave it out")
        self.read, self.ids, self.targets, self.seed = read, list(ids), targets, seed
        self.epoch = 0
        self._arrange()

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, number: int):
        """Batch `number` of this epoch: inputs, or (inputs, targets)."""
        name = self.order[number]
        inputs = np.asarray(self.read(name), np.float32)[None]
        if self.targets is None:
            return inputs
        targets = np.asarray(self.targets[name], np.float32)[None, :, None]
        if targets.shape[1] != inputs.shape[1]:
            raise SerkitError(f"{name!r} has {inputs.shape[1]} frames and {targets.shape[1]} targets")
        return inputs, targets

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        self.epoch += 1
        self._arrange()

    def _arrange(self) -> None:
        order = list(self.ids)
        if self.seed is not None:
            order = [order[n] for n in np.random.default_rng([self.seed, self.epoch]).permutation(len(order))]
            lengths = [0 if self.targets is None else len(self.targets[name]) for name in order]
            other = next((number for number, length in enumerate(lengths) if length != lengths[0]), None)
            if other is not None:
                order[1], order[other] = order[other], order[1]
        self.order = order
