"""Pieces of stored features, and whole utterances, as batches."""

import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from serkit import audio, corpora, notebooks, papers, splits
from serkit.batches import Pieces, Recordings, Sequences, standardise
from serkit.errors import SerkitError
from serkit.features import Features, extract, short_term_36

RATE = 16000
RAVDESS = Path(__file__).parents[2] / "shared" / "data" / "ravdess" / "flac16k"


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


def test_standardised_by_training_data_alone(random):
    training, new = random.normal(3, 2, (500, 4)), random.normal(3, 2, (20, 4))
    training[:, 2] = 1e-7
    training[0, 3], new[0, 3] = 3e5, -1e9
    found = standardise(training, training, limit=1e9)
    np.testing.assert_allclose(found[:, [0, 1, 3]].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(found[:, [0, 1, 3]].std(axis=0), 1, atol=1e-4)
    assert not found[:, 2].any()
    found = standardise(new, training)
    np.testing.assert_allclose(found[:, 0], (new[:, 0] - training[:, 0].mean()) / training[:, 0].std(), rtol=1e-5)
    assert found[0].tolist()[2:] == [0, -10]
    np.testing.assert_array_equal(found[:5], standardise(new[:5], training))


def test_standardise_refuses_what_is_no_number():
    with pytest.raises(SerkitError, match="not a finite number"):
        standardise(np.array([[np.nan]]), np.ones((2, 1)))
    with pytest.raises(SerkitError, match="no training data"):
        standardise(np.ones((2, 1)), np.ones((0, 1)))


@pytest.fixture
def ids():
    return [f"u{number}" for number in range(40)]


@pytest.fixture
def spoken(tmp_path, random, ids):
    """Frame t of utterance u is (u, t, 0); utterances have 2 to 300 frames."""
    frames = np.round(np.geomspace(2, 300, len(ids))).astype(int)
    return stored_as(
        tmp_path, ids, [np.stack([np.full(n, u), np.arange(n), np.zeros(n)], 1) for u, n in enumerate(frames)]
    )


def stored_as(folder, ids, arrays):
    frames = [len(values) for values in arrays]
    np.save(folder / "features.npy", np.concatenate(arrays).astype(np.float32))
    index = {"id": ids, "offset": np.cumsum([0, *frames[:-1]]), "frames": frames, "sha256": ""}
    pd.DataFrame(index).to_csv(folder / "index.csv", index=False)
    return Features(folder)


def test_utterances_are_whole_and_go_with_their_targets(spoken, ids):
    targets = {"emotion": np.arange(40), "speaker": np.arange(40) + 100}
    batches = Sequences(spoken, ids, targets, batch_size=8, seed=0)
    order = []
    for number in range(len(batches)):
        inputs, told = batches[number]
        assert inputs["frames"].dtype == np.float32
        for row, (emotion, speaker) in enumerate(zip(told["emotion"], told["speaker"], strict=True)):
            values, valid = inputs["frames"][row], inputs["valid"][row]
            assert speaker == emotion + 100
            assert valid.sum() == len(spoken[ids[emotion]])
            np.testing.assert_array_equal(values[valid], spoken[ids[emotion]])
            assert valid[: valid.sum()].all(), "padding stands at the end"
            assert not values[~valid].any()
            order.append(emotion)
    assert sorted(order) == list(range(40))
    assert order == batches.order.tolist()


def test_zero_frames_are_valid_where_there_is_speech(tmp_path):
    batches = Sequences(stored_as(tmp_path, ["u", "v"], [np.zeros((20, 3)), np.ones((30, 3))]), ["u", "v"])
    assert batches[0]["valid"].sum(axis=1).tolist() == [20, 30]


def test_sequences_of_an_epoch_are_the_seeds(spoken, ids):
    def orders(seed):
        batches, found = Sequences(spoken, ids, batch_size=4, seed=seed), []
        for _ in range(2):
            found.append(batches.order.tolist())
            batches.on_epoch_end()
        return found

    assert orders(1) == orders(1)
    assert orders(1)[0] != orders(1)[1]
    assert orders(1) != orders(2)
    assert orders(None)[0] == orders(None)[1]


def test_lengths_are_few_and_the_same_for_every_set(spoken, ids):
    lengths = {Sequences(spoken, [name]).lengths[0] for name in ids}
    assert lengths == set(Sequences(spoken, ids).lengths)
    every = Sequences(spoken, ids, batch_size=1)
    assert (every.lengths >= every.frames).all()
    ratio = (every.lengths / every.frames)[every.frames > Sequences.SHORTEST]
    assert ratio.max() < 1.15
    assert len(lengths) <= 32
    assert min(lengths) == Sequences.SHORTEST


@pytest.mark.parametrize("seed", [None, *range(6)])
def test_the_first_two_batches_differ_in_length(spoken, ids, seed):
    """Or Keras on TensorFlow takes the first one's length for everybody's."""
    batches = Sequences(spoken, ids, batch_size=2, seed=seed)
    assert batches[0]["frames"].shape[1] != batches[1]["frames"].shape[1]
    assert len(batches.order) == len(set(batches.order)) == 40


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="counts TensorFlow's traces")
def test_training_does_not_recompile_for_each_length(spoken, ids):
    traced = []

    class Watched(keras.layers.Layer):
        def call(self, inputs):
            traced.append(inputs.shape)
            return inputs

    frames, valid = keras.Input((None, 3), name="frames"), keras.Input((None,), dtype="bool", name="valid")
    pooled = keras.layers.GlobalAveragePooling1D()(Watched()(frames), mask=valid)
    model = keras.Model({"frames": frames, "valid": valid}, {"emotion": keras.layers.Dense(1, name="emotion")(pooled)})
    model.compile("sgd", "mse", jit_compile=False)
    batches = Sequences(spoken, ids, {"emotion": np.zeros(40)}, lambda values: values / 300, 2, seed=0)
    assert len({batches[number][0]["frames"].shape for number in range(len(batches))}) > 10
    traced.clear()
    model.fit(batches, epochs=1, verbose=0)
    once = len(traced)
    model.fit(batches, epochs=3, verbose=0)
    assert len(traced) == once <= 3


def test_less_than_a_fifth_is_padding(iemocap_miniature):
    """With the batches of the tao2018 notebook, on its miniature and on RAVDESS."""
    settings = notebooks.parameters(papers.find("tao2018"))
    utterances = corpora.load("iemocap", iemocap_miniature).select(["neutral", "happy", "angry", "sad"])
    stored = extract(utterances, short_term_36, {"hop": settings["hop"]})
    fold = splits.with_validation(splits.one_woman_one_man(utterances)[0], utterances, 0.1)
    for seed in range(3):
        batches = Sequences(stored, fold.train, batch_size=settings["batch_size"], seed=seed)
        assert batches.padding < 0.2
        padded = sum(batches[number]["valid"].size for number in range(len(batches)))
        assert batches.padding == pytest.approx(1 - batches.frames.sum() / padded)
    assert len(set(batches.lengths)) < 20


@pytest.mark.skipif(not RAVDESS.is_dir(), reason="RAVDESS is not here")
def test_less_than_a_fifth_is_padding_on_ravdess(tmp_path):
    utterances = corpora.load("ravdess", RAVDESS).select(["neutral", "happy", "angry", "sad"])
    frames = [(audio.info(path).duration - 0.025) // 0.010 + 1 for path in utterances["path"]]
    stored = stored_as(tmp_path, utterances["id"], [np.zeros((int(count), 1)) for count in frames])
    batches = Sequences(stored, utterances["id"], batch_size=32, seed=0)
    assert batches.padding < 0.2
    assert len(set(batches.lengths)) < 10


def test_sequences_that_cannot_be(tmp_path):
    bad = np.ones((4, 2))
    bad[2, 1] = np.nan
    found = stored_as(tmp_path, ["good", "bad", "none"], [np.ones((4, 2)), bad, np.ones((0, 2))])
    with pytest.raises(SerkitError, match="the subset is empty"):
        Sequences(found, [])
    with pytest.raises(SerkitError, match=r"no features are stored for 'x' \(1 utterances\)"):
        Sequences(found, ["good", "x"])
    with pytest.raises(SerkitError, match="2 targets of emotion for 1 utterances"):
        Sequences(found, ["good"], {"emotion": np.zeros(2)})
    for name in ("bad", "none"):
        with pytest.raises(SerkitError, match=f"features of '{name}' are empty or hold a value that is not a finite"):
            Sequences(found, ["good", name])


def recordings(lengths, seed=0, targets=True):
    values = {f"r{n}": np.full((length, 3), n, "float32") for n, length in enumerate(lengths)}
    truth = {name: one[:, 0] for name, one in values.items()}
    return Recordings(values.get, list(values), truth if targets else None, seed)


def test_recordings_come_whole_with_their_targets_in_another_order_each_epoch():
    batches = recordings([4, 7, 5, 6])
    orders = []
    for _ in range(2):
        found = [batches[number] for number in range(len(batches))]
        orders.append([int(inputs[0, 0, 0]) for inputs, _ in found])
        for inputs, target in found:
            assert inputs.shape == (1, {0: 4, 1: 7, 2: 5, 3: 6}[int(inputs[0, 0, 0])], 3)
            np.testing.assert_array_equal(inputs[..., :1], target)
        assert found[0][0].shape != found[1][0].shape
        batches.on_epoch_end()
    assert sorted(orders[0]) == sorted(orders[1]) == [0, 1, 2, 3]
    assert orders[0] != orders[1]
    assert recordings([4, 7, 5, 6]).order == recordings([4, 7, 5, 6]).order
    assert recordings([4, 7], seed=None, targets=False)[1].shape == (1, 7, 3)


@pytest.mark.parametrize("lengths", [[9] * 6, [9, 9, 9, 9, 12, 7]])
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX compiles once a length")
def test_training_on_recordings_compiles_once(lengths):
    compiled = []

    class Counting(keras.layers.Dense):
        def call(self, inputs):
            compiled.append(inputs.shape)
            return super().call(inputs)

    given = keras.Input((None, 3))
    model = keras.Model(given, Counting(1)(given))
    model.compile("sgd", "mse")
    compiled.clear()
    model.fit(recordings(lengths), epochs=1, verbose=0)
    once = len(compiled)
    model.fit(recordings(lengths), epochs=3, verbose=0)
    assert len(compiled) == once <= 2


def test_recordings_that_cannot_be():
    with pytest.raises(SerkitError, match="the partition is empty"):
        Recordings({}.get, [])
    with pytest.raises(SerkitError, match=r"'b' has no annotation \(1 recordings\)"):
        Recordings({}.get, ["a", "b"], {"a": np.zeros(3)})
    with pytest.raises(SerkitError, match="'a' has 4 frames and 3 targets"):
        Recordings({"a": np.zeros((4, 2))}.get, ["a"], {"a": np.zeros(3)})[0]
