"""Pieces of stored features as batches."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from serkit import audio
from serkit.batches import Pieces
from serkit.errors import SerkitError
from serkit.features import Features, extract

RATE = 16000


def numbered(signal, sample_rate):
    """Frame t of utterance u is (u, t): its samples all hold u / 10."""
    frames = len(signal) // 160
    return np.stack([np.full(frames, round(10 * signal[0])), np.arange(frames)], axis=1)


@pytest.fixture
def stored(tmp_path):
    rows = []
    for number, seconds in ((1, 0.3), (2, 1.0), (3, 0.05)):
        path = tmp_path / f"u{number}.wav"
        audio.write(path, np.full(int(seconds * RATE), number / 10), RATE)
        rows.append({"id": f"u{number}", "path": str(path)})
    return extract(pd.DataFrame(rows), numbered, directory=tmp_path / "store", workers=1)


@pytest.fixture
def pieces():
    return pd.DataFrame({"id": ["u1", "u2", "u2", "u3"], "start": [0, 0, 80, 0]})


def test_pieces_are_the_frames_asked_for_and_zeros_after_the_end(stored, pieces):
    batches = Pieces(stored, pieces, length=20, batch_size=3)
    assert len(batches) == 2
    first, second = batches[0], batches[1]
    assert first.shape == (3, 20, 2)
    assert first.dtype == np.float32
    assert second.shape == (1, 20, 2)
    np.testing.assert_array_equal(first[:, :, 0], np.repeat([[1], [2], [2]], 20, axis=1))
    np.testing.assert_array_equal(first[:, 0, 1], [0, 0, 80])
    np.testing.assert_array_equal(second[0, :, 0], [3] * 5 + [0] * 15)  # nothing of a neighbour


def test_targets_go_with_their_pieces_in_any_order(stored, pieces):
    batches = Pieces(stored, pieces, 20, targets=np.array([10, 20, 21, 30]), batch_size=2, seed=1)
    seen = []
    for number in range(len(batches)):
        inputs, targets = batches[number]
        seen += [
            (int(piece[0, 0]), int(piece[0, 1]), int(target)) for piece, target in zip(inputs, targets, strict=True)
        ]
    assert sorted(seen) == [(1, 0, 10), (2, 0, 20), (2, 80, 21), (3, 0, 30)]


def test_the_order_changes_every_epoch_and_is_the_seeds(stored):
    pieces = pd.DataFrame({"id": "u2", "start": np.arange(60)})
    orders = {}
    for seed in (1, 1, 2):
        batches = Pieces(stored, pieces, 20, batch_size=60, seed=seed)
        found = []
        for _ in range(2):
            found.append(tuple(batches[0][:, 0, 1].astype(int)))
            batches.on_epoch_end()
        assert orders.setdefault(seed, found) == found
        assert found[0] != found[1]
    assert orders[1] != orders[2]
    assert Pieces(stored, pieces, 20, batch_size=60)[0][:, 0, 1].tolist() == list(range(60))


def test_the_transform_sees_the_batch(stored, pieces):
    batches = Pieces(stored, pieces, 20, transform=lambda batch: batch[:, ::2, :1] + 1, batch_size=4)
    assert batches[0].shape == (4, 10, 1)
    assert batches[0][0, 0, 0] == 2


def test_errors(stored, pieces):
    with pytest.raises(SerkitError, match="the subset is empty"):
        Pieces(stored, pieces[:0], 20)
    with pytest.raises(SerkitError, match=r"no features are stored for 'x' \(1 pieces\)"):
        Pieces(stored, pd.DataFrame({"id": ["u1", "x"], "start": [0, 0]}), 20)
    with pytest.raises(SerkitError, match="3 targets for 4 pieces"):
        Pieces(stored, pieces, 20, targets=np.zeros(3))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_corpus(tmp_path):
    """Every piece of a 600 MB store is read; what the process itself allocates stays at a few batches."""
    frames, dims = 1_500_000, 100
    np.lib.format.open_memmap(tmp_path / "features.npy", mode="w+", dtype=np.float32, shape=(frames, dims)).flush()
    pd.DataFrame({"id": ["u"], "offset": [0], "frames": [frames], "sha256": [""]}).to_csv(
        tmp_path / "index.csv", index=False
    )
    pieces = pd.DataFrame({"id": "u", "start": np.arange(0, frames, 1000)})
    batches = Pieces(Features(tmp_path), pieces, 1000, batch_size=50)  # 20 MB a batch

    def own_memory():
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024

    before = own_memory()
    highest = max(own_memory() for number in range(len(batches)) if batches[number].size)
    assert highest - before < 100
