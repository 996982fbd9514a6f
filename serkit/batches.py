"""Batches for Keras, read straight from stored features."""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
import pandas as pd

from serkit.errors import SerkitError
from serkit.features.store import Features


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


class Pieces(keras.utils.PyDataset):
    """Batches of equally long pieces of utterances.

    Features stay on disk: a batch reads its own pieces through the memory map, so that memory does not
    grow with the corpus. What is left of a short utterance is filled with zeros at its end, before
    `transform`.

    Args:
        features: stored features, (frames, dims) an utterance.
        pieces: one row a piece, with columns id and start (in frames).
        length: frames in a piece.
        targets: one a piece, in the order of `pieces`; None to predict.
        transform: ``transform(batch)`` on (B, length, dims); its result is what the model gets.
        batch_size: pieces a batch; the last one may be smaller.
        seed: a new order every epoch, the same for the same seed; None keeps the order of `pieces`.

    Raises:
        SerkitError: no pieces, an id that the features lack, or another number of targets.
    """

    def __init__(
        self,
        features: Features,
        pieces: pd.DataFrame,
        length: int,
        targets: np.ndarray | None = None,
        transform: Callable[[np.ndarray], np.ndarray] | None = None,
        batch_size: int = 64,
        seed: int | None = None,
    ):
        super().__init__()
        if not len(pieces):
            raise SerkitError("there are no pieces to make batches of: the subset is empty")
        missing = pieces["id"][~pieces["id"].isin(features.index.index)]
        if len(missing):
            raise SerkitError(
                f"no features are stored for {missing.iloc[0]!r} ({len(missing)} pieces): extract them first"
            )
        if targets is not None and len(targets) != len(pieces):
            raise SerkitError(f"{len(targets)} targets for {len(pieces)} pieces")
        places = features.index.loc[pieces["id"], ["offset", "frames"]].to_numpy()
        starts = pieces["start"].to_numpy()
        self.features, self.length, self.batch_size, self.seed = features, length, batch_size, seed
        self.targets, self.transform = targets, transform
        self.begins = places[:, 0] + starts
        self.ends = np.minimum(self.begins + length, places.sum(axis=1))
        self.epoch = 0
        self._shuffle()

    def __len__(self) -> int:
        return math.ceil(len(self.begins) / self.batch_size)

    def __getitem__(self, number: int):
        """Batch `number` of this epoch: inputs, or (inputs, targets)."""
        chosen = self.order[number * self.batch_size : (number + 1) * self.batch_size]
        values = self.features.values
        batch = np.zeros((len(chosen), self.length, values.shape[1]), np.float32)
        for row, piece in enumerate(chosen):
            begin, end = self.begins[piece], self.ends[piece]
            batch[row, : end - begin] = values[begin:end]
        if self.transform is not None:
            batch = self.transform(batch)
        return batch if self.targets is None else (batch, self.targets[chosen])

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        self.epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        count = len(self.begins)
        self.order = (
            np.arange(count) if self.seed is None else np.random.default_rng([self.seed, self.epoch]).permutation(count)
        )


class Sequences(keras.utils.PyDataset):
    """Batches of whole utterances of like length, padded at their ends.

    An item is ``(inputs, targets)``, or ``inputs`` alone to predict. ``inputs["frames"]`` is (B, T, dims) float32,
    zero after an utterance's end; ``inputs["valid"]`` is (B, T), true where there is speech. A model must use the
    latter: a frame of zeros may just as well be a frame.

    T is rounded up to one of few lengths, each `ratio` times the last, the same for every data set: a backend that
    compiles for each shape does so a few dozen times at most. Utterances are put together by these lengths, so that
    little is padded; see `padding`.

    Args:
        features: stored features, (frames, dims) an utterance.
        ids: the utterances.
        targets: name -> one value an utterance, in the order of `ids`; None to predict.
        transform: ``transform(values)`` on one utterance's (frames, dims), such as a normalisation; it may change dims.
        batch_size: utterances a batch; one batch may be smaller.
        seed: another order and other neighbours every epoch, the same for the same seed; None orders by length.
        ratio: of a length to the one below.
        length: cut or pad every utterance to so many frames instead; 0 keeps them whole.

    Raises:
        SerkitError: no utterances, an id that the features lack, another number of targets, or an utterance without
            frames or with a value that is not a finite number.
    """

    SHORTEST = 16  # frames that any batch has

    def __init__(
        self,
        features: Features,
        ids: Sequence[str],
        targets: dict[str, np.ndarray] | None = None,
        transform: Callable[[np.ndarray], np.ndarray] | None = None,
        batch_size: int = 32,
        seed: int | None = None,
        ratio: float = 1.1,
        length: int = 0,
    ):
        super().__init__()
        self.ids = np.asarray(ids, dtype=object)
        if not len(self.ids):
            raise SerkitError("there are no utterances to make batches of: the subset is empty")
        missing = self.ids[~pd.Index(self.ids).isin(features.index.index)]
        if len(missing):
            raise SerkitError(
                f"no features are stored for {missing[0]!r} ({len(missing)} utterances): extract them first"
            )
        for name, values in (targets or {}).items():
            if len(values) != len(self.ids):
                raise SerkitError(f"{len(values)} targets of {name} for {len(self.ids)} utterances")
        for name in self.ids:
            if not len(features[name]) or not np.isfinite(features[name]).all():
                raise SerkitError(
                    f"the features of {name!r} are empty or hold a value that is not a finite number: leave the "
                    "utterance out, or extract its features again"
                )
        self.features, self.targets, self.transform = features, targets, transform
        self.batch_size, self.seed = batch_size, seed
        self.frames = features.index.loc[self.ids, "frames"].to_numpy()
        steps = np.ceil(np.log(np.maximum(self.frames / self.SHORTEST, 1)) / np.log(ratio) - 1e-9)
        self.lengths = np.ceil(self.SHORTEST * ratio**steps).astype(int)
        if length:
            self.frames, self.lengths = np.minimum(self.frames, length), np.full(len(self.ids), length)
        self.dims = self._read(0).shape[1]
        self.epoch = 0
        self._arrange()

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int):
        """Batch `number` of this epoch: inputs, or (inputs, targets)."""
        chosen = self.batches[number]
        shape = (len(chosen), self.lengths[chosen].max())
        frames = np.zeros((*shape, self.dims), np.float32)
        for row, place in enumerate(chosen):
            frames[row, : self.frames[place]] = self._read(place)
        inputs = {"frames": frames, "valid": np.arange(shape[1]) < self.frames[chosen, None]}
        if self.targets is None:
            return inputs
        return inputs, {name: values[chosen] for name, values in self.targets.items()}

    def _read(self, place: int) -> np.ndarray:
        values = self.features[self.ids[place]][: self.frames[place]]
        return values if self.transform is None else self.transform(values)

    @property
    def order(self) -> np.ndarray:
        """The utterances' places in `ids`, in the order of this epoch's batches."""
        return np.concatenate(self.batches)

    @property
    def padding(self) -> float:
        """Share of this epoch's frames that are padding."""
        return 1 - self.frames.sum() / sum(self.lengths[chosen].max() * len(chosen) for chosen in self.batches)

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        self.epoch += 1
        self._arrange()

    def _arrange(self) -> None:
        random = None if self.seed is None else np.random.default_rng([self.seed, self.epoch])
        places = np.arange(len(self.ids)) if random is None else random.permutation(len(self.ids))
        places = places[np.argsort(self.lengths[places], kind="stable")]
        batches = [places[first : first + self.batch_size] for first in range(0, len(places), self.batch_size)]
        if random is not None:
            batches = [batches[number] for number in random.permutation(len(batches))]
        # Keras on TensorFlow looks at two batches to learn which dimensions vary: let these two differ in length.
        lengths = [self.lengths[chosen].max() for chosen in batches]
        other = next((number for number, length in enumerate(lengths) if length != lengths[0]), None)
        if other is not None:
            batches[1], batches[other] = batches[other], batches[1]
        self.batches = batches


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
