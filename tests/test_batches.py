"""Pieces of stored features, and whole utterances, as batches."""

import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from serkit import audio, corpora, fuzzy, inspection, notebooks, papers, splits
from serkit.batches import Crops, Pieces, Recordings, Sequences, mixed, speech_regions
from serkit.errors import SerkitError
from serkit.features import Features, extract, log_spectrogram, short_term_36, standardise

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


def test_a_batch_is_what_a_loop_over_its_pieces_cuts(tmp_path, random):
    """Short utterances among long ones, one at the very end of the store, and a store shorter than a piece."""
    for frames in ([30, 7, 55, 1, 12], [4]):
        offsets, names = np.cumsum([0, *frames[:-1]]), [f"u{number}" for number in range(len(frames))]
        folder = tmp_path / str(len(frames))
        folder.mkdir()
        np.save(folder / "features.npy", random.normal(size=(sum(frames), 3)).astype(np.float32))
        pd.DataFrame({"id": names, "offset": offsets, "frames": frames}).to_csv(folder / "index.csv", index=False)
        rows = [(name, start) for name, count in zip(names, frames, strict=True) for start in range(0, count, 5)]
        pieces = pd.DataFrame(rows, columns=["id", "start"])
        features = Features(folder)
        batches = Pieces(features, pieces, length=20, batch_size=4, seed=3)
        found = np.concatenate([batches[number] for number in range(len(batches))])
        due = np.zeros((len(pieces), 20, 3), np.float32)
        for place, piece in enumerate(batches.order):
            values = features[pieces["id"][piece]][pieces["start"][piece] :][:20]
            due[place, : len(values)] = values
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, due)


def test_threads_that_feed_a_gpu_change_no_batch(stored, monkeypatch):
    pieces = pd.DataFrame({"id": "u2", "start": np.arange(60)})
    learned = []
    for gpus in ([], ["H200"]):
        monkeypatch.setattr("serkit.devices.accelerators", lambda gpus=gpus: gpus)
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((20, 2)), keras.layers.Flatten(), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(1e-5), "mse")
        batches = Pieces(stored, pieces, 20, np.arange(60.0), batch_size=8, seed=1)
        assert (batches.workers > 1) == bool(gpus)
        model.fit(batches, epochs=3, verbose=0)
        learned.append([*model.get_weights(), model.predict(Pieces(stored, pieces, 20, batch_size=8), verbose=0)])
    for one, other in zip(*learned, strict=True):
        np.testing.assert_array_equal(one, other)


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


def test_utterances_may_be_cut_or_filled_to_one_length(spoken, ids):
    batches = Sequences(spoken, ids, {"emotion": np.arange(40)}, batch_size=8, seed=0, length=50)
    assert set(batches.lengths) == {50}
    order = []
    for number in range(len(batches)):
        inputs, told = batches[number]
        assert inputs["frames"].shape == (8, 50, 3)
        for values, valid, place in zip(inputs["frames"], inputs["valid"], told["emotion"], strict=True):
            kept = spoken[ids[place]][:50]
            assert valid.tolist() == [True] * len(kept) + [False] * (50 - len(kept))
            np.testing.assert_array_equal(values[: len(kept)], kept)
            assert not values[len(kept) :].any()
            order.append(place)
    assert sorted(order) == list(range(40))
    frames = np.minimum([len(spoken[name]) for name in ids], 50)
    assert batches.frames.tolist() == frames.tolist()
    assert batches.padding == pytest.approx(1 - frames.sum() / (40 * 50))
    shorter = Sequences(spoken, ids[:3], length=5)  # below the shortest length that batches have else
    assert shorter[0]["frames"].shape == (3, 5, 3)


def test_a_transform_may_change_the_dims(spoken, ids):
    """It is given one utterance's frames and no padding, cut where all are cut; the store is as it was."""
    seen = []

    def doubled(values):
        seen.append(len(values))
        return np.concatenate([values, values + 1], axis=1)[:, :5]

    batches = Sequences(spoken, ids, None, doubled, batch_size=7, length=60)
    assert batches.dims == 5
    for number, chosen in enumerate(batches.batches):
        inputs = batches[number]
        assert inputs["frames"].shape == (len(chosen), 60, 5)
        for values, valid, place in zip(inputs["frames"], inputs["valid"], chosen, strict=True):
            kept = spoken[ids[place]][:60]
            np.testing.assert_array_equal(values[valid], np.concatenate([kept, kept + 1], axis=1)[:, :5])
            assert not values[~valid].any(), "padding comes after the transform"
    assert set(seen) == {min(len(spoken[name]), 60) for name in ids}
    assert Sequences(spoken, ids).dims == 3


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


HOP = 0.016
LENGTHS = {"a": 60, "b": 8, "c": 33, "d": 200, "e": 20, "f": 91}  # frames


@pytest.fixture
def talk(tmp_path):
    """Frame t of utterance u is (u, t, 0)."""
    return stored_as(
        tmp_path,
        list(LENGTHS),
        [np.stack([np.full(n, u), np.arange(n), np.zeros(n)], 1) for u, n in enumerate(LENGTHS.values())],
    )


@pytest.fixture
def words():
    """One to ten words an utterance, of 3, 4, 5, 6 frames and so on; in frames and in no order."""
    rows = []
    for name, length in LENGTHS.items():
        begin, size = 1, 3
        while begin + size < length and begin < 80:
            rows.append((name, begin, begin + size))
            begin, size = begin + size + 1, size + 1
    table = pd.DataFrame(rows, columns=["id", "first", "after"]).sample(frac=1, random_state=0)
    return table.assign(start=table["first"] * HOP, end=table["after"] * HOP)


def epochs(crops, count):
    """Row and centre of every crop of some epochs."""
    rows, centres = [], []
    for _ in range(count):
        rows.append(crops.rows)
        centres.append(crops.begins + crops.width // 2)
        crops.on_epoch_end()
    return np.concatenate(rows), np.concatenate(centres)


def hits(words, ids, rows, centres):
    """How many centres each word has, in the order of `words`."""
    names = np.asarray(ids)[rows]
    return np.array(
        [
            np.sum((names == word.id) & (centres >= word.first) & (centres < word.after))
            for word in words.itertuples(index=False)
        ]
    )


@pytest.mark.parametrize("width", [16, 17])
def test_crops_are_of_their_utterance_and_inside_it_where_they_fit(talk, words, width):
    crops = Crops(talk, words, width, batch_size=64, seed=0, each=100)
    images = np.concatenate([crops[number] for number in range(len(crops))])
    assert images.shape == (640, 3, width, 1)
    assert images.dtype == np.float32
    for image, row, begin in zip(images[..., 0], crops.rows, crops.begins, strict=True):
        length = len(talk[crops.ids[row]])
        places = begin + np.arange(width)
        inside = (places >= 0) & (places < length)
        assert (image[:, ~inside] == -1).all()
        assert (image[0, inside] == list(LENGTHS).index(crops.ids[row])).all()
        np.testing.assert_array_equal(image[1, inside], places[inside])
        assert inside.all() or length < width
    short = crops.begins[crops.ids[crops.rows] == "b"] + width // 2
    assert set(short) == {1, 2, 3}, "an utterance that is too short keeps its centre lines: its one word"


def test_every_word_and_every_time_in_it_is_hit_in_proportion(talk, words):
    from scipy import stats

    crops = Crops(talk, words, 1000, batch_size=60, seed=0, each=10)  # longer than any utterance: none is shifted
    rows, centres = epochs(crops, 100)
    found = hits(words, crops.ids, rows, centres)
    assert found.sum() == len(rows) == 6000, "every centre is in a word"
    assert np.bincount(rows).tolist() == [1000] * 6
    expected = 1000 / words.groupby("id")["id"].transform("size").to_numpy()
    assert stats.chisquare(found, expected).pvalue > 0.01
    word = words[words["id"] == "d"].iloc[-1]
    frames = centres[(rows == crops.ids.tolist().index("d")) & (centres >= word["first"]) & (centres < word["after"])]
    counts = np.bincount(frames - word["first"], minlength=word["after"] - word["first"])
    assert stats.chisquare(counts).pvalue > 0.01


def test_by_region_a_recording_comes_as_often_as_it_has_words(talk, words):
    crops = Crops(talk, words, 1000, batch_size=len(words), seed=0, by="region")
    assert len(crops) == 1
    rows, centres = epochs(crops, 1)
    assert hits(words, crops.ids, rows, centres).tolist() == [1] * len(words)
    rows, centres = epochs(Crops(talk, words, 1000, batch_size=7, seed=0, by="region"), 50)
    assert hits(words, crops.ids, rows, centres).min() >= 50


def test_an_epoch_has_every_utterance_and_whole_batches(talk, words):
    crops = Crops(talk, words, 16, batch_size=4, seed=3)
    for _ in range(20):
        assert len(crops) == 2
        assert sorted(crops.rows[:6]) == list(range(6))
        assert [len(image) for image in crops] == [4, 4]
        crops.on_epoch_end()
    assert Crops(talk, words, 16, batch_size=50, seed=0)[0].shape == (50, 3, 16, 1)


def test_crops_are_the_seeds_and_the_epochs(talk, words):
    def first_batches(seed):
        crops, found = Crops(talk, words, 16, batch_size=6, seed=seed), []
        for _ in range(2):
            found.append(crops[0])
            crops.on_epoch_end()
        return found

    np.testing.assert_array_equal(first_batches(1), first_batches(1))
    assert (first_batches(1)[0] != first_batches(1)[1]).any()
    assert (first_batches(1)[0] != first_batches(2)[0]).any()


def test_oversampled_crops_are_even_and_go_with_their_targets(talk, words):
    ids = ["f", "e", "d", "c", "b", "a"]
    targets = fuzzy.fuzzy_targets([2, 2, 2, 1.5, 3, 1], classes=3)
    crops = Crops(
        talk, words, 16, 100, seed=0, ids=ids, each=100, probabilities=fuzzy.oversampling(targets),
        targets={"valence": targets, "row": np.arange(6)},
    )  # fmt: skip
    assert len(crops) == 6
    mass = []
    for _ in range(5):
        for images, told in crops:
            names = np.asarray(list(LENGTHS))[images[:, 0].max(axis=1)[:, 0].astype(int)]  # row 0 is the utterance
            np.testing.assert_array_equal(names, np.asarray(ids)[told["row"]])
            np.testing.assert_array_equal(told["valence"], targets[told["row"]])
            mass.append(told["valence"])
        crops.on_epoch_end()
    np.testing.assert_allclose(np.concatenate(mass).mean(axis=0), 1 / 3, atol=0.03)
    assert np.abs(targets.mean(axis=0) - 1 / 3).max() > 0.15


def test_crops_to_test_are_at_the_middles_of_words_evenly_chosen(talk):
    words = pd.DataFrame({"id": ["a"] * 6 + ["d"], "start": [0.88, 0.32, 0.48, 0.64, 0.80, 0.16, 0.32]})
    words["end"] = words["start"] + ([0.064] * 6 + [0.96])
    crops = Crops(talk, words, 1000, batch_size=4, ids=["d", "a"], each=3)
    assert crops.ids[crops.rows].tolist() == ["d"] * 3 + ["a"] * 3
    # one word of d, frames 20 to 80: at 1/6, 3/6 and 5/6; six of a: the middles of the second, the fourth, the sixth
    assert (crops.begins + 500).tolist() == [30, 50, 70, 22, 42, 57]
    assert [len(batch) for batch in crops] == [4, 2]
    before = crops.begins
    crops.on_epoch_end()
    np.testing.assert_array_equal(crops.begins, before)


def test_a_model_trains_on_crops_and_its_test_scores_are_averaged(talk, words):
    given = keras.Input((3, 16, 1))
    model = keras.Model(given, {"row": keras.layers.Dense(2, name="row")(keras.layers.Flatten()(given))})
    model.compile("sgd", "mse")
    model.fit(Crops(talk, words, 16, 4, seed=0, targets={"row": np.zeros((6, 2))}), epochs=2, verbose=0)
    crops = Crops(talk, words, 16, batch_size=4, each=3)
    scores = model.predict(crops, verbose=0)["row"]
    assert len(scores) == 18
    names, means = inspection.average_scores(crops.ids[crops.rows], scores)
    assert names.tolist() == list(LENGTHS)
    np.testing.assert_allclose(means[list(names).index(crops.ids[0])], scores[:3].mean(axis=0), rtol=1e-5)


def test_unlabelled_crops_of_two_sources_go_on_for_ever(talk, words):
    sources = [
        Crops(talk, words, 16, batch_size=size, seed=0, ids=ids) for size, ids in ((3, ["a", "b"]), (1, ["d", "f"]))
    ]
    batches = mixed(*sources)
    seen = [next(batches) for _ in range(20)]
    assert {batch.shape for batch in seen} == {(4, 3, 16, 1)}
    for batch in seen:
        assert set(batch[:3, 0].max(axis=1)[:, 0]) <= {0, 1}
        assert set(batch[3:, 0].max(axis=1)[:, 0]) <= {3, 5}
    assert sources[0].epoch == 19
    assert sources[1].epoch == 9
    assert len({batch.tobytes() for batch in seen}) == 20
    with pytest.raises(SerkitError, match=r"one size can be mixed; got .* \[\(3, 16\), \(3, 17\)\]"):
        mixed(sources[0], Crops(talk, words, 17, seed=0))


def test_regions_by_energy_and_by_words(tmp_path):
    quiet, loud = np.full((50, 4), -0.9), np.full((20, 4), 0.5)  # 56 dB apart
    found = stored_as(
        tmp_path,
        ["pause", "constant", "aligned", "long"],
        [np.concatenate([quiet, loud, quiet, loud[:5], quiet]), quiet[:30], quiet, np.full((100, 4), -1)],
    )
    words = pd.DataFrame({"id": ["aligned", "elsewhere"], "word": "A", "start": [0.1, 0.0], "end": [0.2, 9.0]})
    regions = speech_regions(found, list(found.index.index), words, hop=0.01, longest=0.3)
    assert list(regions.columns) == ["id", "start", "end", "source"]
    spans = {name: [(round(row.start, 3), round(row.end, 3)) for row in part.itertuples()]
             for name, part in regions.groupby("id")}  # fmt: skip
    assert spans == {
        "pause": [(0.5, 0.7), (1.2, 1.25)],
        "constant": [(0, 0.3)],
        "aligned": [(0.1, 0.2)],
        "long": [(0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)],  # equal pieces of 0.3 s at most
    }
    assert regions.set_index("id").loc[["aligned", "pause"], "source"].tolist() == ["words", "energy", "energy"]
    near = speech_regions(found, ["pause"], hop=0.01, threshold_db=60)
    assert near["end"].iloc[-1] == pytest.approx(1.75)
    assert speech_regions(found, ["aligned"], words)["source"].tolist() == ["words"]
    assert len(Crops(found, regions, 8, seed=0, hop=0.01)[0]) == 64


def test_no_crop_of_the_miniature_is_silent(iemocap_miniature):
    corpus = corpora.load("iemocap", iemocap_miniature)
    stored = extract(corpus.utterances[:40], log_spectrogram)
    regions = speech_regions(stored, stored.index.index, corpus.words())
    for width in (16, 64):
        for crops in (Crops(stored, regions, width, seed=0, each=5), Crops(stored, regions, width, each=5)):
            images = np.concatenate(list(crops))
            assert images.min() == -1
            assert images.max() <= 1
            assert (images.max(axis=(1, 2, 3)) > -0.2).all()


def test_how_loud_a_crop_looks_does_not_depend_on_the_length_of_its_recording(tmp_path, random):
    """Of an utterance it is that of "utterance"; in a long recording, a shout far away does not make it darker."""
    signal = random.normal(0, 0.01, 24000) * np.hanning(24000)
    shout = random.normal(0, 0.3, 16000)
    joined = np.concatenate([signal, np.zeros(5 * 16000), shout])
    wide = {"reference": "full scale", "range_db": 160.0}
    alone, within = (log_spectrogram(one, 16000, **wide) for one in (signal, joined))
    stored = stored_as(tmp_path, ["alone", "within", "silent"], [alone, within, np.full((200, 128), -1)])
    words = pd.DataFrame({"id": ["alone", "within", "silent"], "start": 0.7, "end": 0.8})
    crops = Crops(stored, words, 32, surroundings=2.0)
    by_utterance = log_spectrogram(signal, 16000)[crops.begins[0] :][:32].T
    images = crops[0][..., 0]
    np.testing.assert_allclose(images[0], by_utterance, atol=1e-4)
    np.testing.assert_allclose(images[1], images[0], atol=1e-4)
    assert (images[2] == -1).all(), "silence is not made any louder"
    as_stored = Crops(stored, words, 32)[0][..., 0]
    np.testing.assert_array_equal(as_stored[0], alone[crops.begins[0] :][:32].T)
    darker = log_spectrogram(joined, 16000)[crops.begins[1] :][:32].T
    assert darker.mean() < images[1].mean() - 0.3
    with pytest.raises(SerkitError, match=r"^surroundings of a crop are a positive number of seconds, or None; got 0"):
        Crops(stored, words, 32, surroundings=0.0)


def test_crops_near_an_edge_look_at_what_is_there(tmp_path):
    """Neither at what another recording has behind the edge, nor at silence."""
    loud, quiet = np.full((30, 4), 0.9), np.full((30, 4), 0.5)
    stored = stored_as(tmp_path, ["loud", "quiet", "other"], [loud, quiet, loud])
    words = pd.DataFrame({"id": ["quiet"], "start": 0.01, "end": 0.02})
    image = Crops(stored, words, 16, hop=0.01, surroundings=9.0)[0]
    assert image.max() == image.min() == pytest.approx(1)
    image = Crops(stored, words, 16, hop=0.01, surroundings=0.01)[0]
    assert image.min() == pytest.approx(1), "the crop itself is always looked at"


def test_crops_that_cannot_be(talk, words):
    with pytest.raises(SerkitError, match="the subset is empty"):
        Crops(talk, words, 16, ids=[])
    with pytest.raises(SerkitError, match=r"no features are stored for 'x' \(1 utterances\)"):
        Crops(talk, words, 16, ids=["a", "x"])
    with pytest.raises(SerkitError, match="listed twice"):
        Crops(talk, words, 16, ids=["a", "b", "a"])
    with pytest.raises(SerkitError, match=r"no regions for 'b' \(1 utterances\): see speech_regions"):
        Crops(talk, words[words["id"] != "b"], 16, ids=["a", "b"])
    with pytest.raises(SerkitError, match="2 values of valence for 6 utterances"):
        Crops(talk, words, 16, targets={"valence": np.zeros(2)})
    with pytest.raises(SerkitError, match="5 values of probability for 6 utterances"):
        Crops(talk, words, 16, seed=0, probabilities=np.full(5, 0.2))
    with pytest.raises(SerkitError, match="unknown unit to draw by 'word'"):
        Crops(talk, words, 16, by="word")
    for options in ({"by": "region"}, {"probabilities": np.full(6, 1 / 6)}):
        with pytest.raises(SerkitError, match="exclude each other"):
            Crops(talk, words, 16, **options)
    with pytest.raises(SerkitError, match=r"a region of '\w' goes from .* to -1\.0 s"):
        Crops(talk, words.assign(end=-1.0), 16)
    with pytest.raises(SerkitError, match=r"regions begin after the end .* is the hop of the features 0\.001 s"):
        Crops(talk, words, 16, hop=0.001)
    with pytest.raises(IndexError, match="batch 1 of 1"):
        Crops(talk, words, 16)[1]
