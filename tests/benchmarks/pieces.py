"""How long does a batch of `Pieces` take, beside the same pieces cut one by one, and beside what li2018 makes of it?

``OMP_NUM_THREADS=1 python tests/benchmarks/pieces.py [length dims batch]``; the default is li2018's paper profile. The
loop cuts the same pieces from the same memory map and must give the same batch. A fifth of the pieces are of
utterances that end before them. Batches of both alternate, so that other work on the machine falls on both alike; of
each pair the ratio is taken, and of the ratios the median.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from serkit.batches import Pieces
from serkit.features import Features
from serkit.features.normalisation import scale
from serkit.features.spectrogram import mulaw

UTTERANCES, ROUNDS = 300, 60


def store(folder, length, dims, random):
    """Magnitudes as `features.extract` leaves them, and a piece an utterance, many times over."""
    frames = np.where(random.random(UTTERANCES) < 0.2, length // 2, random.integers(length, 2 * length, UTTERANCES))
    names = [f"u{number:03d}" for number in range(UTTERANCES)]
    np.save(folder / "features.npy", random.random((frames.sum(), dims), dtype=np.float32))
    pd.DataFrame({"id": names, "offset": np.cumsum([0, *frames[:-1]]), "frames": frames}).to_csv(
        folder / "index.csv", index=False
    )
    chosen = random.integers(0, UTTERANCES, 20 * UTTERANCES)
    starts = (random.random(len(chosen)) * np.maximum(frames[chosen] - length, 0)).astype(int)
    return Features(folder), pd.DataFrame({"id": np.asarray(names)[chosen], "start": starts})


def one_by_one(batches, number):
    """Batch `number`, each piece cut by itself."""
    values = batches.features.values
    chosen = batches.order[number * batches.batch_size : (number + 1) * batches.batch_size]
    batch = np.zeros((len(chosen), batches.length, values.shape[1]), np.float32)
    for row, piece in enumerate(chosen):
        begin, end = batches.begins[piece], batches.ends[piece]
        batch[row, : end - begin] = values[begin:end]
    return batch


def network_input(batch):
    """What li2018 does with a batch: each piece scaled to [-1, 1], companded, frequency first."""
    return np.ascontiguousarray(mulaw(scale(batch, -1.0, axes=(1, 2))).swapaxes(1, 2)[..., None])


def seconds_of(work, *arguments):
    """CPU seconds, and what it gives."""
    began = time.process_time()
    given = work(*arguments)
    return time.process_time() - began, given


def main(length=200, dims=400, batch=64):
    """Print milliseconds a batch of both, their ratio, and milliseconds of li2018's transform."""
    with tempfile.TemporaryDirectory() as folder:
        features, pieces = store(Path(folder), length, dims, np.random.default_rng(0))
        batches = Pieces(features, pieces, length, batch_size=batch, seed=0)
        times = []
        for turn in range(ROUNDS):
            number = turn % (len(batches) - 1)
            ours, found = seconds_of(batches.__getitem__, number)
            plain, due = seconds_of(one_by_one, batches, number)
            np.testing.assert_array_equal(found, due)
            times.append((ours, plain, seconds_of(network_input, found)[0]))
        ours, plain, transform = 1000 * np.median(times, axis=0)
        ratio = np.median([one / other for other, one, _ in times])
    print(f"{batch} pieces of {length} x {dims}, {ROUNDS} rounds, in a memory map")
    print(f"Pieces              {ours:8.2f} ms a batch")
    print(f"cut one by one      {plain:8.2f} ms a batch")
    print(f"ratio               {ratio:8.2f}")
    print(f"li2018's transform  {transform:8.2f} ms a batch")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
