"""serkit.corpora.loaders.ravdess, on a tree of silent files and, where it is at hand, on the corpus itself."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from serkit import corpora
from serkit.corpora.loaders import ravdess
from serkit.errors import SerkitError

REAL = Path(__file__).parents[2] / "shared" / "data" / "ravdess" / "flac16k"


@pytest.fixture
def tree(tmp_path):
    """Two actors' files, each of its own short content."""
    for actor in (1, 2):
        folder = tmp_path / f"Actor_{actor:02d}"
        folder.mkdir()
        for number, name in enumerate(ravdess._names_of(actor)):
            soundfile.write(folder / f"{name}.wav", np.full(160, (number + 61 * actor) / 1000), 48000)
    return tmp_path


def errors(root, deep=False):
    found = corpora.load("ravdess", root, strict=False).check(deep)
    return found.query("level == 'error'")["what"].tolist()


def test_names_are_parsed(tree):
    table = corpora.load("ravdess", tree, strict=False).utterances
    assert list(table.columns) == [*corpora.COLUMNS, "intensity", "statement", "repetition", "fold"]
    assert len(table) == 120
    row = table.set_index("id").loc["03-01-07-02-01-02-02"]
    assert (row["speaker"], row["gender"], row["label"], row["code"]) == ("Actor_02", "f", "disgusted", "07")
    assert (row["intensity"], row["statement"], row["repetition"]) == ("strong", 1, 2)
    assert row["text"] == "Kids are talking by the door"
    assert table["label"].value_counts()["neutral"] == 8
    assert set(table["label"]) <= set(corpora.LABELS)


def test_a_partial_copy_is_named_and_refused(tree):
    assert len(errors(tree)) == 1
    with pytest.raises(SerkitError, match=r"partial copy: 2 of 24 actors; missing: 3, 4, .*(?s:.*)strict=False"):
        corpora.load("ravdess", tree)


def test_a_missing_file_is_named(tree):
    (tree / "Actor_02" / "03-01-08-02-02-01-02.wav").unlink()
    assert "Actor_02: 59 of 60 files; missing: 03-01-08-02-02-01-02" in errors(tree)


def test_song_and_video_and_other_files_are_noted(tree):
    first = tree / "Actor_01" / "03-01-01-01-01-01-01.wav"
    for name in ("03-02-01-01-01-01-01.wav", "01-01-01-01-01-01-01.wav", "notes.txt", "._a.wav"):
        (first.parent / name).write_bytes(first.read_bytes())
    corpus = corpora.load("ravdess", tree, strict=False)
    assert len(corpus.utterances) == 120
    notes = corpus.check().query("level == 'note'")["what"]
    assert notes.str.contains("video or song").sum() == 2
    assert notes.str.contains("not a RAVDESS recording").sum() == 1


@pytest.mark.parametrize("name", ["03-01-01-02-01-01-01", "03-01-09-01-01-01-01", "03-01-01-01-01-01-25"])
def test_a_name_that_the_corpus_does_not_have_is_an_error(tree, name):
    (tree / "Actor_01" / f"{name}.wav").write_bytes((tree / "Actor_01" / "03-01-01-01-01-01-01.wav").read_bytes())
    assert f"the corpus has no recording {name}" in errors(tree)


def test_a_file_in_another_actor_folder_and_a_duplicate_are_errors(tree):
    first = tree / "Actor_01" / "03-01-01-01-01-01-01.wav"
    (tree / "Actor_02" / first.name).write_bytes(first.read_bytes())
    found = errors(tree)
    assert "a recording of actor 01 in Actor_02" in found
    assert any(what.startswith("duplicate utterance 03-01-01-01-01-01-01, first at") for what in found)


def test_two_names_of_one_recording_are_found_by_a_deep_check(tree):
    first, second = (tree / "Actor_01" / f"{name}.wav" for name in ravdess._names_of(1)[:2])
    second.write_bytes(first.read_bytes())
    assert not any("byte-identical" in what for what in errors(tree))
    assert f"byte-identical with {first.name}" in errors(tree, deep=True)


def test_rate_and_channels(tree):
    first, second = (tree / "Actor_01" / f"{name}.wav" for name in ravdess._names_of(1)[:2])
    soundfile.write(first, np.zeros(160) + 0.1, 44100)
    soundfile.write(second, np.zeros((160, 2)) + 0.1, 48000)
    found = corpora.load("ravdess", tree, strict=False).check().set_index("where")
    assert found.loc[str(first), "what"] == "sample rate 44100 Hz instead of 48000 or 16000 Hz"
    assert found.loc[str(second), "level"] == "note"


def test_the_folder_of_the_archive_is_found(tree, tmp_path_factory):
    above = tmp_path_factory.mktemp("above")
    (above / "Audio_Speech_Actors_01-24").symlink_to(tree)
    assert len(corpora.load("ravdess", above, strict=False).utterances) == 120


@pytest.mark.skipif(not REAL.is_dir(), reason="RAVDESS is not at hand")
def test_the_corpus_itself_passes():
    corpus = corpora.load("ravdess", REAL)
    table = corpus.utterances
    assert len(table) == 1440
    counts = table["label"].value_counts()
    assert counts.pop("neutral") == 96
    assert set(counts) == {192}
    assert table.groupby("speaker").size().eq(60).all()
    assert table.groupby("gender")["speaker"].nunique().to_dict() == {"f": 12, "m": 12}
    found = corpus.check()
    assert found["what"].tolist() == ["byte-identical with 03-01-03-01-02-01-07.flac, as in the release itself"]


@pytest.mark.skipif(not REAL.is_dir(), reason="RAVDESS is not at hand")
def test_untouched_stereo_files_are_noted():
    corpus = corpora.load("ravdess", REAL.parent / "original_wav", strict=False)
    found = corpus.check()
    assert found["what"].str.contains("2 channels").sum() == 2
    assert found.loc[found["what"].str.contains("2 channels"), "level"].eq("note").all()


def test_every_actor_is_in_one_fold(tree):
    actors = sorted(actor for fold in ravdess.FOLDS.values() for actor in fold)
    assert actors == list(ravdess.ACTORS)
    table = corpora.load("ravdess", tree, strict=False).utterances
    assert table.groupby("speaker")["fold"].unique().map(list).to_dict() == {"Actor_01": ["1"], "Actor_02": ["5"]}
