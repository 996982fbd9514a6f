"""Batches of whole utterances of similar length, padded at their ends (tao2018, zhao2018)."""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from serkit.batches.stored import Stored, require_stored
from serkit.errors import SerkitError


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
        features: Stored,
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
        require_stored(features, self.ids)
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
