"""Stored features: extracted once, whole, resumable, memory-mapped."""

import functools
import importlib.metadata
import json
import os
import pickle
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from serkit import audio
from serkit.errors import SerkitError
from serkit.features import extract, linear_spectrogram
from serkit.features import store as store_module

RATE = 16000


def loudness(signal, sample_rate, step=160):
    """A front end of two columns: frame energy and its number."""
    pytest.calls += 1
    frames = len(signal) // step
    energy = (signal[: frames * step].reshape(frames, step) ** 2).mean(axis=1)
    return np.stack([energy, np.arange(frames)], axis=1)


@pytest.fixture
def utterances(tmp_path, random):
    rows = []
    for number in range(5):
        path = tmp_path / f"u{number}.wav"
        audio.write(path, random.uniform(-0.5, 0.5, RATE * (number + 1) // 4), RATE)
        rows.append({"id": f"u{number}", "path": str(path)})
    pytest.calls = 0
    return pd.DataFrame(rows[::-1])


def store(utterances, tmp_path, front_end=loudness, **options):
    return extract(utterances, front_end, directory=tmp_path / "store", workers=1, **options)


def test_values_are_those_of_the_front_end(utterances, tmp_path):
    stored = store(utterances, tmp_path, linear_spectrogram)
    for row in utterances.itertuples():
        signal, rate = audio.read(row.path)
        np.testing.assert_array_equal(stored[row.id], linear_spectrogram(signal, rate))
    assert list(stored.index.index) == ["u0", "u1", "u2", "u3", "u4"]
    assert stored.values.shape == (stored.index["frames"].sum(), 400)
    assert isinstance(stored.values, np.memmap)
    assert len(stored) == 5
    about = json.loads((stored.directory / "about.json").read_text())
    assert about["versions"]["soxr"] == importlib.metadata.version("soxr")


def test_extracted_once(utterances, tmp_path):
    first = store(utterances, tmp_path)
    assert pytest.calls == 5
    assert store(utterances, tmp_path).directory == first.directory
    assert pytest.calls == 5


def test_what_another_store_has_is_copied(utterances, tmp_path):
    """Papers take different utterances of a corpus: of each, a front end hears it once."""
    some = utterances[utterances["id"].isin(["u0", "u3"])].replace({"id": {"u3": "another name"}})
    first = store(some, tmp_path)
    assert pytest.calls == 2
    whole = store(utterances, tmp_path)
    assert pytest.calls == 5
    np.testing.assert_array_equal(whole["u3"], first["another name"])
    alone = extract(utterances, loudness, directory=tmp_path / "elsewhere", workers=1)
    assert pytest.calls == 10
    assert alone.fingerprint == whole.fingerprint
    np.testing.assert_array_equal(alone.values, whole.values)
    pd.testing.assert_frame_equal(alone.index, whole.index)
    fewer = store(utterances[utterances["id"] != "u1"], tmp_path)
    assert pytest.calls == 10
    np.testing.assert_array_equal(fewer["u4"], whole["u4"])
    store(utterances, tmp_path, settings={"step": 320})
    store(utterances, tmp_path, trim=40.0)
    assert pytest.calls == 20, "others are of another kind"


@pytest.mark.parametrize("name", ["features.npy", "index.csv", "about.json"])
def test_nothing_is_copied_from_a_damaged_store(name, utterances, tmp_path):
    first = store(utterances.iloc[:3], tmp_path)
    cut(first.directory / name)
    stored = store(utterances, tmp_path)
    assert pytest.calls == 8
    np.testing.assert_array_equal(
        stored.values, extract(utterances, loudness, directory=tmp_path / "o", workers=1).values
    )


def test_every_byte_is_looked_at_before_it_is_copied(utterances, tmp_path, monkeypatch):
    """A large file is else believed to be whole by its size and time."""
    monkeypatch.setattr("serkit.files.LARGE", 1)
    values = store(utterances.iloc[:3], tmp_path)
    path = values.directory / "features.npy"
    before = path.stat()
    flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store(utterances.iloc[:3], tmp_path).directory == values.directory
    assert pytest.calls == 3, "believed"
    store(utterances, tmp_path)
    assert pytest.calls == 8


def kept(signal, sample_rate, keep=1):
    """A front end to whom a whole number is a count, and another a share."""
    return signal[: keep if type(keep) is int else round(keep * len(signal)), None]


def test_settings_that_python_takes_for_equal_are_not(utterances, tmp_path):
    one = store(utterances.iloc[:2], tmp_path, kept, settings={"keep": 1})
    whole = store(utterances, tmp_path, kept, settings={"keep": 1.0})
    assert {len(one[name]) for name in one.index.index} == {1}
    assert len(whole["u4"]) == RATE * 5 // 4


def test_any_id_may_be_copied(utterances, tmp_path):
    odd = utterances.assign(id=["NA", "null", "nan", "None", "1"])
    first = store(odd.iloc[:4], tmp_path)
    assert set(first.index.index) == {"NA", "null", "nan", "None"}
    stored = store(odd, tmp_path)
    assert pytest.calls == 5
    for name, path in zip(odd["id"], odd["path"], strict=True):
        np.testing.assert_array_equal(stored[name], loudness(*audio.read(path)).astype(np.float32))


@pytest.mark.parametrize("text", ["", "{}", "[]", "no JSON"])
def test_a_store_whose_time_cannot_be_read_is_copied(text, utterances, tmp_path):
    first = store(utterances.iloc[:3], tmp_path)
    (first.directory / "seconds.json").write_text(text)
    assert first.seconds is None
    assert store(utterances.iloc[:2], tmp_path).seconds is None, "nobody knows"
    assert store(utterances, tmp_path).seconds > 0
    assert pytest.calls == 5


@pytest.mark.parametrize("text", ["[]", "null", "3", '"x"', '{"front_end": "loudness"}'])
def test_folders_that_are_no_stores_are_passed_over(text, utterances, tmp_path):
    (tmp_path / "store" / "loudness-mine").mkdir(parents=True)
    (tmp_path / "store" / "loudness-mine" / "about.json").write_text(text)
    store(utterances.iloc[:3], tmp_path)
    store(utterances, tmp_path)
    assert pytest.calls == 5


@pytest.mark.parametrize("harm", [shutil.rmtree, lambda folder: (folder / "features.npy").write_bytes(b"")])
def test_what_is_gone_when_it_would_be_copied_is_extracted(harm, utterances, tmp_path, monkeypatch):
    first = store(utterances.iloc[:3], tmp_path)
    look = store_module._stored

    def looked(*given):
        found = look(*given)
        harm(first.directory)
        return found

    monkeypatch.setattr(store_module, "_stored", looked)
    assert len(store(utterances, tmp_path)) == 5
    assert pytest.calls == 8


def test_settings_and_audio_make_another_store(utterances, tmp_path, random):
    first = store(utterances, tmp_path)
    other = store(utterances, tmp_path, settings={"step": 320})
    assert len(other["u4"]) == len(first["u4"]) // 2
    audio.write(utterances["path"].iloc[0], random.uniform(-0.5, 0.5, RATE), RATE)
    changed = store(utterances, tmp_path)
    assert len({first.fingerprint, other.fingerprint, changed.fingerprint}) == 3


def test_moving_the_audio_changes_nothing(utterances, tmp_path):
    first = store(utterances, tmp_path)
    (tmp_path / "moved").mkdir()
    moved = utterances.assign(path=[str(tmp_path / "moved" / f"{name}.wav") for name in utterances["id"]])
    for old, new in zip(utterances["path"], moved["path"], strict=True):
        (tmp_path / old).rename(new)
    assert store(moved, tmp_path).directory == first.directory


def test_interrupted_then_only_the_rest_is_extracted(utterances, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "PART", 2)

    def stops(signal, sample_rate, step=160):
        if len(signal) > RATE // 4 * 2:
            raise KeyboardInterrupt
        return loudness(signal, sample_rate, step)

    monkeypatch.setattr("serkit.fingerprints.of_value", lambda _: "the same code")
    stops.__name__ = "loudness"
    with pytest.raises(KeyboardInterrupt):
        store(utterances, tmp_path, stops)
    assert not list((tmp_path / "store").glob("*/features.npy"))
    pytest.calls = 0
    stored = store(utterances, tmp_path)
    assert pytest.calls == 3  # u0 and u1 were there
    assert stored["u0"][:, 1].tolist() == list(range(25))
    assert not list((tmp_path / "store").glob("*.partial"))


def test_a_store_knows_how_long_its_extraction_took(utterances, tmp_path):
    def slow(signal, sample_rate):
        time.sleep(0.1)
        return signal[:, None]

    stored = store(utterances, tmp_path, slow)
    assert 0.5 < stored.seconds < 2
    copied = store(utterances.iloc[1:], tmp_path, slow).seconds
    assert copied == pytest.approx(4 / 5 * stored.seconds, abs=0.1), "as if it had been extracted"
    (stored.directory / "seconds.json").unlink()
    assert store(utterances, tmp_path, slow).seconds is None


def test_in_parallel_the_same(utterances, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "PART", 2)
    one = extract(utterances, linear_spectrogram, directory=tmp_path / "one", workers=1)
    two = extract(utterances, linear_spectrogram, directory=tmp_path / "two", workers=2)
    np.testing.assert_array_equal(one.values, two.values)
    assert one.fingerprint == two.fingerprint


def test_a_part_is_full_by_number_or_by_size(tmp_path, monkeypatch):
    """Meetings of an hour must not be put together by the dozen."""
    sizes = [10, 10, 10, 10, 10, 90, 200, 5, 60, 40, 1]
    rows = []
    for number, size in enumerate(sizes):
        (tmp_path / f"u{number}").write_bytes(bytes(size))
        rows.append({"id": f"u{number}", "path": str(tmp_path / f"u{number}")})
    monkeypatch.setattr(store_module, "PART", 4)
    monkeypatch.setattr(store_module, "PART_BYTES", 100)
    parts = store_module._parts(pd.DataFrame(rows))
    found = [[int(name[1:]) for name in part["id"]] for part in parts]
    assert found == [[0, 1, 2, 3], [4, 5], [6], [7, 8], [9, 10]]
    monkeypatch.setattr(store_module, "PART_BYTES", 10**6)
    assert [len(part) for part in store_module._parts(pd.DataFrame(rows))] == [4, 4, 3]


def test_the_size_of_parts_changes_no_value(utterances, tmp_path, monkeypatch):
    assemble, counts = store_module._assemble, []

    def watched(parts, *others):
        counts.append(len(parts))
        assemble(parts, *others)

    monkeypatch.setattr(store_module, "_assemble", watched)
    whole = extract(utterances, linear_spectrogram, directory=tmp_path / "one", workers=1)
    monkeypatch.setattr(store_module, "PART_BYTES", 25_000)  # the first two fit, each of the others is too large
    divided = extract(utterances, linear_spectrogram, directory=tmp_path / "two", workers=1)
    assert counts == [1, 4]
    assert divided.fingerprint == whole.fingerprint
    np.testing.assert_array_equal(divided.values, whole.values)
    pd.testing.assert_frame_equal(divided.index, whole.index)


def test_travels_as_a_path(utterances, tmp_path):
    stored = store(utterances, tmp_path)
    assert stored.values.any()
    data = pickle.dumps(stored)
    assert len(data) < 1000
    np.testing.assert_array_equal(pickle.loads(data)["u3"], stored["u3"])


def test_bad_files_are_all_named(utterances, tmp_path):
    paths = utterances.set_index("id")["path"]
    audio.write(paths["u0"], np.zeros(RATE), RATE)
    with open(paths["u1"], "r+b") as stream:  # noqa: PTH123
        stream.truncate(1000)
    with open(paths["u2"], "wb") as stream:  # noqa: PTH123
        stream.write(b"no audio")
    with pytest.raises(SerkitError) as error:
        store(utterances, tmp_path)
    message = str(error.value)
    assert "3 of 5 utterances cannot be used; mend them or leave their rows out" in message
    assert "u0.wav is digital silence" in message
    assert "u1.wav is truncated" in message
    assert "cannot read" in message
    assert not list((tmp_path / "store").glob("*/features.npy"))
    good = store(utterances[utterances["id"].isin(["u3", "u4"])], tmp_path)
    assert len(good) == 2


def test_a_missing_file_a_double_id_and_a_nan(utterances, tmp_path):
    with pytest.raises(SerkitError, match=r"1 audio files are missing, the first is .*nowhere.wav"):
        store(utterances.assign(path=["/nowhere.wav", *utterances["path"][1:]]), tmp_path)
    with pytest.raises(SerkitError, match="no utterance"):
        store(utterances.iloc[:0], tmp_path)
    with pytest.raises(SerkitError, match="'u4' is listed twice"):
        store(utterances.assign(id="u4"), tmp_path)

    def broken(signal, sample_rate):
        return np.full((2, 2), np.nan)

    with pytest.raises(SerkitError, match=r"broken gives a value that is not finite for .*u0.wav"):
        store(utterances, tmp_path, broken)


def test_other_rates_are_resampled(tmp_path):
    tone = np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)
    audio.write(tmp_path / "a.wav", tone, 48000)
    stored = store(pd.DataFrame({"id": ["a"], "path": [str(tmp_path / "a.wav")]}), tmp_path, linear_spectrogram)
    assert stored["a"].shape == (100, 400)
    assert (stored["a"][5:90].argmax(axis=1) == 100).all()


def test_trimmed_audio_makes_another_store(utterances, tmp_path):
    signal, _ = audio.read(utterances["path"].iloc[0])
    audio.write(utterances["path"].iloc[0], np.concatenate([np.full(RATE, 1e-4), signal, np.full(RATE, 1e-4)]), RATE)
    whole, trimmed = store(utterances, tmp_path), store(utterances, tmp_path, trim=40.0)
    name = utterances["id"].iloc[0]
    assert whole.directory != trimmed.directory
    assert len(whole[name]) - len(trimmed[name]) == pytest.approx(200, abs=5)  # frames of 10 ms
    assert len(whole["u0"]) == len(trimmed["u0"])


def flip(path):
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 64
    path.write_bytes(bytes(data))


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize("harm", [flip, cut, lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", ["features.npy", "index.csv", "about.json"])
def test_a_damaged_store_is_made_anew(harm, name, utterances, tmp_path, capsys):
    if (harm, name) == (flip, "about.json"):
        return  # what it says besides the list of files is not used
    whole = store(utterances, tmp_path)
    values = np.array(whole.values)
    harm(whole.directory / name)
    again = store(utterances, tmp_path)
    assert pytest.calls == 10
    np.testing.assert_array_equal(again.values, values)
    assert capsys.readouterr().err.count(f"is damaged ({name}): its features are made anew") == 1
    store(utterances, tmp_path)
    assert pytest.calls == 10


@pytest.mark.parametrize("harm", [flip, cut, lambda path: path.write_bytes(b"")])
def test_a_damaged_part_is_made_anew(harm, utterances, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "PART", 2)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "_assemble", interrupted)
        patch.setattr(store_module, "TOUCHING", ())
        with pytest.raises(KeyboardInterrupt):
            store(utterances, tmp_path)
        harm(sorted((tmp_path / "store").glob("*.partial/*.npz"))[1])
    monkeypatch.setattr(store_module, "TOUCHING", ())
    assert store(utterances, tmp_path)["u3"][:, 1].tolist() == list(range(100))
    assert pytest.calls == 5 + 2


@pytest.mark.parametrize(("first", "second"), [("01234", "01234"), ("1234", "0123")], ids=["the same", "others"])
def test_features_that_another_extracts_are_waited_for(first, second, utterances, tmp_path, monkeypatch):
    """Who wants the same takes them as they are; who wants others of the same files copies what both want."""
    monkeypatch.setattr("serkit.fingerprints.of_value", lambda _: "the same code")
    monkeypatch.setattr("serkit.files.PATIENCE", 0.01)
    own, others = (utterances[utterances["id"].str[1].isin(list(numbers))] for numbers in (first, second))
    beside = ThreadPoolExecutor(1)
    waiting = []

    def slow(signal, sample_rate, step=160):
        if not waiting:
            waiting.append(beside.submit(store, others, tmp_path))
            time.sleep(0.2)
            assert not waiting[0].done()
        return loudness(signal, sample_rate, step)

    slow.__name__ = "loudness"
    made, found = store(own, tmp_path, slow), waiting[0].result(20)
    assert (found.directory == made.directory) == (first == second)
    assert (len(made), len(found)) == (len(first), len(second))
    assert pytest.calls == 5
    assert {path.name for path in (tmp_path / "store").iterdir()} == {made.directory.name, found.directory.name}


def test_features_that_are_not_on_this_machine(utterances, tmp_path):
    stored = pickle.dumps(store(utterances, tmp_path))
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    with pytest.raises(SerkitError, match=r"no features at .*loudness.* on this machine: put \$SERKIT_CACHE on"):
        pickle.loads(stored).values  # noqa: B018


def test_a_front_end_and_settings_that_cannot_be_a_key_are_refused(utterances, tmp_path):
    with pytest.raises(SerkitError, match=r"a partial is no front end: give a function, and what it takes as settings"):
        store(utterances, tmp_path, functools.partial(loudness, step=160))
    with pytest.raises(SerkitError, match=r"settings of loudness must be plain values.*got \{'step': array"):
        store(utterances, tmp_path, settings={"step": np.arange(3)})
    store(utterances, tmp_path, settings={"step": np.int64(160)})
    store(utterances, tmp_path, settings={"step": 160})
    assert pytest.calls == 5
