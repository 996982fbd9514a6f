"""Random crops of spectrograms, centred on speech (chang2017)."""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import keras
import numpy as np
import pandas as pd

from serkit.batches.stored import Stored, require_stored
from serkit.errors import SerkitError, one_of

SILENCE = -1.0  # of a log spectrogram

OVERRUN = 0.01  # share of regions that may begin after their utterance's end before the hop is taken to be wrong


def speech_regions(
    features: Stored,
    ids: Sequence[str],
    words: pd.DataFrame | None = None,
    hop: float = 0.016,
    threshold_db: float = 25.0,
    range_db: float = 80.0,
    longest: float = 0.5,
) -> pd.DataFrame:
    """Where somebody speaks: the words of a transcript, and by energy where there is none (chang2017, 4).

    The paper crops around words. For an utterance without any (two of IEMOCAP have no alignment, many corpora none at
    all), the stretches are taken whose frames' mean level is near that of the utterance's loudest frame. They are cut
    into equal pieces of a word's size, so that a long stretch is not drawn more rarely than a short one.

    Args:
        features: stored `serkit.features.log_spectrogram`.
        ids: the utterances.
        words: columns id, start and end, in seconds from the utterance's start, as from `Corpus.words`; None for none.
        hop: of the features, in seconds.
        threshold_db: how far below the loudest frame a frame's mean level may lie.
        range_db: of the features.
        longest: of the pieces of a stretch, in seconds.

    Returns:
        Columns id, start, end, and source, "words" or "energy"; at least one row an utterance.

    Raises:
        SerkitError: no features are stored for an utterance.
    """
    require_stored(features, ids)
    columns = ["id", "start", "end"]
    found = pd.DataFrame(columns=columns) if words is None else words.loc[words["id"].isin(list(ids)), columns]
    found = found.astype({"start": float, "end": float}).assign(source="words")
    spoken = set(found["id"])
    wordless = [name for name in ids if name not in spoken]
    if not wordless:
        return found.reset_index(drop=True)
    pieces = []
    for name in wordless:
        level = features[name].mean(axis=1) * (range_db / 2)  # [-1, 1] is range_db wide
        pieces.append(_stretches(level >= level.max() - threshold_db, max(round(longest / hop), 1)))
    begins, ends = (np.concatenate(values) * hop for values in zip(*pieces, strict=True))
    names = np.repeat(np.asarray(wordless, dtype=object), [len(values) for values, _ in pieces])
    heard = pd.DataFrame({"id": names, "start": begins, "end": ends, "source": "energy"})
    return pd.concat([found, heard], ignore_index=True) if len(found) else heard


def _stretches(speech: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Runs of true, in pieces of at most `longest` frames: first frames, and those after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], speech, [False]])))
    begins, lengths = edges[::2], edges[1::2] - edges[::2]
    pieces = -(-lengths // longest)
    number = np.arange(pieces.sum()) - np.repeat(pieces.cumsum() - pieces, pieces)  # of a piece in its run
    begins, lengths, pieces = (np.repeat(values, pieces) for values in (begins, lengths, pieces))
    return begins + number * lengths // pieces, begins + (number + 1) * lengths // pieces


class Crops(keras.utils.PyDataset):
    """Batches of crops around words, cut from stored log spectrograms (chang2017, 4).

    To draw a crop: an utterance, then one of its words, then a time within the word, each with equal probability; the
    time is the crop's centre line. Where the crop would pass the utterance's edge it is shifted inside; an utterance
    shorter than the crop is not shifted but filled up with silence (-1) on both sides, and the centre line stays.

    An item is a batch of images (B, height, width, 1), float32, lowest frequency first, or ``(images, targets)``. All
    batches have `batch_size` crops: what the last one lacks is drawn in addition. Crops are drawn anew every epoch
    from the seed and the epoch's number. An epoch is every utterance once, in random order; or, with probabilities,
    as many draws.

    To test, set `seed` to None: `each` crops an utterance, in the order of `ids`, at the middles of words that are
    evenly chosen; where there are fewer words than crops, at times evenly chosen within them. The last batch may be
    smaller. Average the scores with ``inspection.average_scores(crops.ids[crops.rows], scores)``.

    How loud a crop looks. A spectrogram in dB below the loudest moment of its recording is dark where the recording is
    long, and networks can tell a corpus of meetings from one of utterances by that alone. With `surroundings`, 0 dB is
    the greatest value within so many seconds around the crop's centre line (and within the crop), in recordings of any
    length. Extract the features with reference="full scale" and a range wide enough for quiet recordings then.

    A time t is taken to lie in frame t / hop, whose window begins, and is not centred, there: with the front end's own
    settings a crop sits 24 ms late.

    Args:
        features: stored `serkit.features.log_spectrogram`, (frames, height) an utterance.
        regions: columns id, start and end, in seconds from the utterance's start: words, or `speech_regions`.
        width: frames in a crop.
        batch_size: crops a batch.
        seed: of the draws; None to test. Crops of the same utterances and seed are the same: give a labelled and an
            unlabelled stream different ones.
        ids: the utterances, in the order of `targets` and `probabilities`; None for all that `regions` has.
        targets: name -> one value or row an utterance; None gives images alone.
        probabilities: of drawing each utterance, as from `serkit.fuzzy.oversampling`; None draws all alike.
        by: "utterance", as above; "region" draws every region once an epoch instead, so that a recording of an hour
            comes as often as it has words.
        each: crops of an utterance (or region) in an epoch.
        hop: of the features, in seconds.
        surroundings: seconds around a crop whose greatest value becomes 0 dB; None leaves values as they are stored.
        stored_db: range of the features, in dB; with `surroundings` only.
        range_db: what lies further below 0 dB is silence, and a place whose greatest value lies further below full
            scale is not made any louder; with `surroundings` only.

    Attributes:
        rows: place in `ids` of the utterance of each crop, in the order of this epoch.
        begins: first frame of each crop, counted from the utterance's start; negative where silence comes first.

    Raises:
        SerkitError: no utterances, an utterance without features or regions, another number of targets or
            probabilities than utterances, or regions that lie after the end of their utterances.
    """

    def __init__(
        self,
        features: Stored,
        regions: pd.DataFrame,
        width: int,
        batch_size: int = 64,
        seed: int | None = None,
        ids: Sequence[str] | None = None,
        targets: dict[str, np.ndarray] | None = None,
        probabilities: np.ndarray | None = None,
        by: Literal["utterance", "region"] = "utterance",
        each: int = 1,
        hop: float = 0.016,
        surroundings: float | None = None,
        stored_db: float = 160.0,
        range_db: float = 80.0,
    ):
        super().__init__()
        self.ids = np.asarray(regions["id"].unique() if ids is None else ids, dtype=object)
        if not len(self.ids):
            raise SerkitError("there are no utterances to crop: the subset is empty")
        if len(set(self.ids)) < len(self.ids):
            raise SerkitError("an utterance is listed twice: to draw it more often, use probabilities")
        require_stored(features, self.ids)
        self.targets = None if targets is None else {name: np.asarray(values) for name, values in targets.items()}
        for name, values in {**(self.targets or {}), "probability": probabilities}.items():
            if values is not None and len(values) != len(self.ids):
                raise SerkitError(f"{len(values)} values of {name} for {len(self.ids)} utterances")
        one_of(by, ("utterance", "region"), "unit to draw by")
        if (seed is None) + (by == "region") + (probabilities is not None) > 1:
            raise SerkitError("seed=None (to test), by='region' and probabilities exclude each other: choose one")
        if surroundings is not None and not surroundings > 0:
            raise SerkitError(f"surroundings of a crop are a positive number of seconds, or None; got {surroundings!r}")
        self.surroundings, self.stored_db, self.range_db = surroundings, stored_db, range_db
        self.features, self.width, self.batch_size, self.seed = features, width, batch_size, seed
        self.probabilities, self.by, self.each, self.hop = probabilities, by, each, hop
        self.offsets, self.frames = features.index.loc[self.ids, ["offset", "frames"]].to_numpy().T
        self._take_regions(regions)
        self.epoch = 0
        self._arrange()

    def __len__(self) -> int:
        return math.ceil(self.each * len(self.ids if self.by == "utterance" else self.starts) / self.batch_size)

    def __getitem__(self, number: int):
        """Batch `number` of this epoch: images, or (images, targets)."""
        if not 0 <= number < len(self):
            raise IndexError(f"batch {number} of {len(self)}")
        batch = slice(number * self.batch_size, (number + 1) * self.batch_size)
        rows, places = self.rows[batch], self.begins[batch, None] + np.arange(self.width)  # (B, width)
        ends = self.frames[rows, None]
        wanted = self.offsets[rows, None] + places.clip(0, ends - 1)
        frames = np.asarray(self.features.values).take(wanted, axis=0, mode="clip")  # (B, width, height)
        if self.surroundings is not None:
            frames = self._below_the_loudest(frames, rows, places)
        frames[(places < 0) | (places >= ends)] = SILENCE
        images = np.ascontiguousarray(frames.transpose(0, 2, 1))[..., None]
        if self.targets is None:
            return images
        return images, {name: values[rows] for name, values in self.targets.items()}

    def forever(self) -> Iterator:
        """Go on from epoch to epoch without end."""
        while True:
            for number in range(len(self)):
                yield self[number]
            self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Draw the crops of the next epoch."""
        self.epoch += 1
        self._arrange()

    def _below_the_loudest(self, frames: np.ndarray, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Crops (B, width, height) in dB below the greatest value around them, scaled to [-1, 1]."""
        around = max(round(self.surroundings / self.hop), self.width)
        ends = self.frames[rows, None]
        near = places[:, :1] + self.width // 2 - around // 2 + np.arange(around)
        near = self.offsets[rows, None] + near.clip(0, ends - 1)
        loudest = np.asarray(self.features.values).take(near, axis=0, mode="clip").max(axis=(1, 2), keepdims=True)
        decibels = (frames - 1) * (self.stored_db / 2)
        reference = np.maximum((loudest - 1) * (self.stored_db / 2), -self.range_db)
        return ((decibels - reference) * (2 / self.range_db) + 1).clip(SILENCE, 1).astype(np.float32)

    def _take_regions(self, regions: pd.DataFrame) -> None:
        """Sort the regions by utterance and time: those of row r are counts[r] from first[r] on."""
        rows = pd.Index(self.ids).get_indexer(regions["id"])
        order = np.lexsort([regions["start"], rows])
        kept = order[rows[order] >= 0]
        self.region_rows = rows[kept]
        self.starts, self.ends = regions[["start", "end"]].to_numpy(float)[kept].T
        self.counts = np.bincount(self.region_rows, minlength=len(self.ids))
        self.first = self.counts.cumsum() - self.counts
        without = self.ids[self.counts == 0]
        if len(without):
            raise SerkitError(f"no regions for {without[0]!r} ({len(without)} utterances): see speech_regions")
        names = self.ids[self.region_rows]
        if len(bad := np.flatnonzero(~((self.starts >= 0) & (self.ends >= self.starts)))):
            raise SerkitError(f"a region of {names[bad[0]]!r} goes from {self.starts[bad[0]]} to {self.ends[bad[0]]} s")
        late = np.flatnonzero(self.starts >= self.frames[self.region_rows] * self.hop)
        if len(late) > OVERRUN * len(names):
            raise SerkitError(
                f"{len(late)} of {len(names)} regions begin after the end of their utterances, first of "
                f"{names[late[0]]!r} at {self.starts[late[0]]:g} s: is the hop of the features {self.hop:g} s?"
            )

    def _arrange(self) -> None:
        if self.seed is None:
            self.rows, region, place = self._evenly()
        else:
            rng = np.random.default_rng([self.seed, self.epoch])
            total = len(self) * self.batch_size
            if self.by == "region":
                region = _permutations(rng, len(self.starts), total)
                self.rows = self.region_rows[region]
            else:
                self.rows = (
                    _permutations(rng, len(self.ids), total)
                    if self.probabilities is None
                    else rng.choice(len(self.ids), total, p=self.probabilities)
                )
                region = self.first[self.rows] + rng.integers(self.counts[self.rows])
            place = rng.random(total)
        times = self.starts[region] + place * (self.ends - self.starts)[region]
        frames = self.frames[self.rows]
        centres = np.floor(times / self.hop + 1e-6).astype(int).clip(0, frames - 1)
        begins = centres - self.width // 2
        self.begins = np.where(frames >= self.width, begins.clip(0, np.maximum(frames - self.width, 0)), begins)

    def _evenly(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, regions, and where in each region (0 to 1), for a test."""
        rows = np.repeat(np.arange(len(self.ids)), self.each)
        words = (np.tile(np.arange(self.each), len(self.ids)) + 0.5) * self.counts[rows] / self.each
        place = np.where(self.counts[rows] >= self.each, 0.5, words % 1)
        return rows, self.first[rows] + words.astype(int), place


def mixed(*sources: Crops) -> Iterator[np.ndarray]:
    """Batches without end, each of a batch from every source: unlabelled crops of several corpora (chang2017, 4).

    The sources' batch sizes are their shares.

    Args:
        sources: without targets, and with images of one size.

    Raises:
        SerkitError: a source with targets, or images of different sizes.
    """
    sizes = [(source.features.values.shape[1], source.width) for source in sources]
    if len(set(sizes)) > 1 or any(source.targets is not None for source in sources):
        raise SerkitError(f"only unlabelled images of one size can be mixed; got (height, width) {sizes}")

    def batches() -> Iterator[np.ndarray]:
        for parts in zip(*(source.forever() for source in sources), strict=True):
            yield np.concatenate(parts)

    return batches()


def _permutations(rng: np.random.Generator, count: int, total: int) -> np.ndarray:
    """As many permutations of `count` items as `total` draws take."""
    return np.concatenate([rng.permutation(count) for _ in range(-(-total // count))])[:total]
