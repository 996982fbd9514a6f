"""serkit.corpora.loaders.librispeech, on a tree of short files and, where it is at hand, on a sample of the corpus."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from serkit import corpora
from serkit.errors import SerkitError

REAL = Path(__file__).parents[2] / "shared" / "data" / "librispeech"
SPEAKERS = """\
;ID  |SEX| SUBSET           |MINUTES| NAME
84   | F | dev-clean        | 8.02  | Christie Nowak
60   | M | train-clean-100  | 20.18 | CBW | Simon
"""


def write(path, rate=16000, channels=1, seconds=0.5):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(path.name)).normal(scale=0.1, size=(int(rate * seconds), channels))
    soundfile.write(path, noise, rate)
    return path


@pytest.fixture
def root(tmp_path):
    """Three utterances of two speakers in the official layout."""
    root = tmp_path / "LibriSpeech"
    for name in ("84/121123/84-121123-0001", "84/121123/84-121123-0000", "60/121082/60-121082-0000"):
        write(root / "dev-clean" / f"{name}.flac")
    (root / "SPEAKERS.TXT").write_text(SPEAKERS)
    texts = "84-121123-0000 GO DO YOU HEAR\n84-121123-0001 BUT IN LESS THAN FIVE MINUTES\n"
    (root / "dev-clean" / "84" / "121123" / "84-121123.trans.txt").write_text(texts)
    return root


def found(root, level, deep=False):
    table = corpora.load("librispeech", root, strict=False).check(deep)
    return table[table["level"] == level]


def test_the_official_layout(root):
    corpus = corpora.load("librispeech", root)
    assert corpus.check(deep=True).empty
    assert corpus.redistributable
    table = corpus.utterances
    assert list(table.columns) == corpora.COLUMNS
    assert table[["id", "speaker", "gender", "session", "style"]].values.tolist() == [
        ["60-121082-0000", "60", "m", "121082", "scripted"],
        ["84-121123-0000", "84", "f", "121123", "scripted"],
        ["84-121123-0001", "84", "f", "121123", "scripted"],
    ]
    assert table["text"].isna().tolist() == [True, False, False]
    assert table["text"].iloc[2] == "BUT IN LESS THAN FIVE MINUTES"
    assert table["label"].isna().all()
    assert all(Path(path).stem == name for name, path in zip(table["id"], table["path"], strict=True))
    with pytest.raises(SerkitError, match="unknown label of librispeech 'happy'"):
        corpus.select(["happy"])


def test_a_subset_finds_the_speakers_in_the_folder_above(root):
    assert corpora.load("librispeech", root / "dev-clean").utterances["gender"].tolist() == ["m", "f", "f"]
    (root / "SPEAKERS.TXT").unlink()
    assert corpora.load("librispeech", root / "dev-clean").utterances["gender"].isna().all()


def test_a_flat_folder_and_other_names(tmp_path):
    write(tmp_path / "84-121123-0000.flac")
    write(tmp_path / "anna" / "01.flac")
    write(tmp_path / "bert" / "01.FLAC")
    write(tmp_path / "bert" / "02.wav")
    write(tmp_path / "bert" / "._03.flac")
    table = corpora.load("librispeech", tmp_path).utterances
    assert table["id"].tolist() == ["84-121123-0000", "anna/01", "bert/01"]
    assert table["speaker"].isna().tolist() == [False, True, True]
    notes = found(tmp_path, "note")["what"].tolist()
    assert notes == [
        "2 of 3 files are not named <speaker>-<chapter>-<utterance>: no speaker is known",
        "1 audio files are no FLAC; left aside",
    ]


def test_a_file_twice_is_an_error(root):
    name = "84-121123-0000.flac"
    again = write(root / "dev-other" / name)
    first = root / "dev-clean" / "84" / "121123" / name
    errors = found(root, "error")
    assert errors["where"].tolist() == [str(again)]
    assert errors["what"].tolist() == [f"duplicate utterance 84-121123-0000, first at {first}; the second is left out"]


def test_damaged_audio(root):
    folder = root / "dev-clean" / "84" / "121123"
    cut, slow = folder / "84-121123-0000.flac", folder / "84-121123-0001.flac"
    cut.write_bytes(cut.read_bytes()[:-3000])
    write(slow, rate=8000, channels=2)
    errors = found(root, "error").set_index("where")["what"]
    assert errors[str(slow)] == "sample rate 8000 Hz instead of 16000 Hz"
    assert str(cut) in errors.index
    assert len(errors) == 2
    assert found(root, "note")["what"].tolist() == ["2 channels instead of one"]
    with pytest.raises(SerkitError, match=r"this copy of librispeech has 2 error"):
        corpora.load("librispeech", root)


def test_broken_lines_and_transcripts_without_a_recording(root):
    (root / "dev-clean" / "84" / "121123" / "84-121123-0001.flac").unlink()
    transcript = root / "dev-clean" / "84" / "121123" / "84-121123.trans.txt"
    with transcript.open("a") as stream:
        stream.write("84-121123\n")
    with (root / "SPEAKERS.TXT").open("a") as stream:
        stream.write("1272 M dev-clean\n")
    warnings = found(root, "warning")
    assert warnings[["where", "what"]].values.tolist() == [
        [f"{transcript}:3", "no line of id and text: '84-121123'"],
        [str(transcript), "1 transcripts without a recording, first 84-121123-0001"],
        [f"{root / 'SPEAKERS.TXT'}:4", "no line of reader | F or M | ...: '1272 M dev-clean'"],
    ]
    assert found(root, "error").empty


def test_a_folder_without_flac_says_what_is_expected(tmp_path):
    write(tmp_path / "a.wav")
    with pytest.raises(SerkitError, match=r"(?s)no FLAC file in .*openslr.org/12.*any folder of 16 kHz FLAC files"):
        corpora.load("librispeech", tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="the sample of LibriSpeech is not at hand")
@pytest.mark.parametrize("folder", [".", "flac16k"])
def test_the_sample_of_the_corpus_passes(folder):
    corpus = corpora.load("librispeech", REAL / folder)
    assert corpus.check().empty
    table = corpus.utterances
    assert len(table) == 93
    assert table["speaker"].nunique() == 93
    assert table["gender"].value_counts().to_dict() == {"m": 47, "f": 46}
    assert (table["speaker"] + "-" + table["session"]).eq(table["id"].str.rsplit("-", n=1).str[0]).all()
