"""Batches of equally long pieces of utterances (li2018), and where the pieces begin."""

import math
import os
from collections.abc import Callable

import keras
import numpy as np
import pandas as pd

from serkit import devices
from serkit.batches.stored import Stored, require_stored
from serkit.errors import SerkitError


def segment_starts(frames: int, length: int = 200, hop: int = 100) -> np.ndarray:
    """Where the segments of an utterance begin, in frames (li2018, 2.1).

    A segment starts every `hop` frames; one more is aligned with the utterance's end when speech would
    be left over, so that every frame is in a segment and none is padded. An utterance no longer than one
    segment is a single segment, which the batch fills with zeros at its end (digital silence): none is
    dropped.

    >>> segment_starts(200), segment_starts(430), segment_starts(90)
    (array([0]), array([  0, 100, 200, 230]), array([0]))
    """
    last = max(frames - length, 0)
    starts = np.arange(0, last + 1, hop)
    return starts if starts[-1] == last else np.append(starts, last)


class Pieces(keras.utils.PyDataset):
    """Batches of equally long pieces of utterances.

    Features stay on disk: a batch reads its own pieces through the memory map, so that memory does not
    grow with the corpus. What is left of a short utterance is filled with zeros at its end, before
    `transform`. Where Keras uses a GPU, several threads make batches ahead.

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
        features: Stored,
        pieces: pd.DataFrame,
        length: int,
        targets: np.ndarray | None = None,
        transform: Callable[[np.ndarray], np.ndarray] | None = None,
        batch_size: int = 64,
        seed: int | None = None,
    ):
        # A GPU takes a step sooner than one thread makes a batch; see tests/benchmarks/pieces.py.
        super().__init__(workers=min(8, os.cpu_count() or 1) if devices.accelerators() else 1)
        if not len(pieces):
            raise SerkitError("there are no pieces to make batches of: the subset is empty")
        require_stored(features, pieces["id"], "pieces")
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
        places = self.begins[chosen, None] + np.arange(self.length)  # (B, length)
        batch = np.asarray(self.features.values).take(places, axis=0, mode="clip")
        batch[places >= self.ends[chosen, None]] = 0
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
