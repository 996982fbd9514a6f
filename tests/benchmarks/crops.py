"""How many crops a second come from stored spectrograms? At width 128 and batch 128, beside a plain loop.

``OMP_NUM_THREADS=1 python tests/benchmarks/crops.py [width batch]``. The loop cuts the same crops one by one from the
same memory map, by places that are known beforehand, and must give the same images. A quarter of the utterances
are shorter than a crop. Batches of both alternate, so that other work on the machine falls on both alike; of each pair
the ratio is taken, and of the ratios the median.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from serkit.batches import Crops
from serkit.batches.crops import SILENCE
from serkit.features import Features

UTTERANCES, HEIGHT, HOP, ROUNDS = 400, 128, 0.016, 40


def store(folder, random):
    """Spectrograms as `features.extract` leaves them, and a word every half second."""
    frames = random.integers(40, 400, UTTERANCES)
    names = [f"u{number:03d}" for number in range(UTTERANCES)]
    offsets = np.cumsum([0, *frames[:-1]])
    np.save(folder / "features.npy", random.uniform(-1, 1, (frames.sum(), HEIGHT)).astype(np.float32))
    pd.DataFrame({"id": names, "offset": offsets, "frames": frames}).to_csv(folder / "index.csv", index=False)
    words = np.maximum((frames * HOP / 0.5).astype(int), 1)
    starts = np.concatenate([0.5 * np.arange(count) for count in words])
    regions = pd.DataFrame({"id": np.repeat(names, words), "start": starts, "end": starts + 0.4})
    return Features(folder), regions


def one_by_one(crops, number):
    """Batch `number` of `crops`, each crop cut by itself."""
    values, images = crops.features.values, []
    for place in range(number * crops.batch_size, (number + 1) * crops.batch_size):
        row, begin = crops.rows[place], crops.begins[place]
        offset, frames = crops.offsets[row], crops.frames[row]
        image = np.full((crops.width, HEIGHT), SILENCE, np.float32)
        first, last = max(begin, 0), min(begin + crops.width, frames)
        image[first - begin : last - begin] = values[offset + first : offset + last]
        images.append(image.T)
    return np.stack(images)[..., None]


def seconds_of(work):
    """CPU seconds."""
    began = time.process_time()
    work()
    return time.process_time() - began


def main(width=128, batch=128):
    """Print crops a second of both, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        features, regions = store(Path(folder), np.random.default_rng(0))
        crops = Crops(features, regions, width, batch, seed=0, hop=HOP)
        for number in range(len(crops)):
            np.testing.assert_array_equal(crops[number], one_by_one(crops, number))
        times = []
        for turn in range(ROUNDS):
            number = turn % len(crops)
            times.append((seconds_of(lambda n=number: crops[n]), seconds_of(lambda n=number: one_by_one(crops, n))))
        ours, plain = np.median(times, axis=0)
        drawing = seconds_of(crops.on_epoch_end) / (len(crops) * batch)
        ratio = np.median([one / other for other, one in times])
    print(f"width {width}, batch {batch}, {ROUNDS} rounds, {UTTERANCES} utterances in a memory map")
    print(
        f"Crops                {batch / ours:8.0f} crops a second, and {1e6 * drawing:.0f} us a crop to draw an epoch"
    )
    print(f"cut one by one       {batch / plain:8.0f} crops a second")
    print(f"ratio                {ratio:8.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
