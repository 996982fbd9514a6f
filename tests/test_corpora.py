"""What all corpora have in common: the facts each loader states, how loading fails, what is read how often."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from serkit import audio, corpora
from serkit.corpora import checks
from serkit.corpora import table as tables
from serkit.errors import SerkitError


def test_every_loader_is_a_corpus_and_miniatures_are_of_corpora():
    known = ["ami", "cheavd", "continuous", "cremad", "emodb", "emozionalmente", "iemocap", "librispeech", "manifest"]
    known += ["nemo", "ravdess", "recola", "subesco", "tess"]
    assert list(corpora.NAMES) == known
    assert set(known) - set(corpora.miniatures.NAMES) == {"continuous", "librispeech", "manifest"}


@pytest.mark.parametrize("name", corpora.NAMES)
def test_a_corpus_states_its_facts(name):
    module = corpora.module(name)
    assert "Facts:" in module.__doc__
    assert "Extra column" in module.__doc__
    for constant in ("TITLE", "LICENCE", "HOW_TO_GET"):
        assert len(getattr(module, constant)) > 10, constant
    assert module.CITATION.startswith("@") or name in ("continuous", "manifest")  # the user's own
    assert isinstance(module.REDISTRIBUTABLE, bool)
    assert module.STEREO in (None, *checks.LEVELS)
    assert callable(module.read)
    assert callable(module.check)


@pytest.mark.parametrize("name", corpora.NAMES)
def test_a_missing_root_says_how_to_get_the_corpus(name, tmp_path):
    with pytest.raises(SerkitError, match=r"there is no (folder|file) .*nowhere") as raised:
        corpora.load(name, tmp_path / "nowhere")
    assert corpora.module(name).HOW_TO_GET in str(raised.value)


@pytest.mark.parametrize("name", ["iemocap", "ravdess"])
def test_a_folder_without_the_corpus_says_what_is_expected(name, tmp_path):
    with pytest.raises(SerkitError, match=r"(?s)no folder (Session1|Actor_01).*expected|no folder (Session1|Actor_01)"):
        corpora.load(name, tmp_path)


def test_a_misspelt_corpus_is_named_with_the_valid_ones():
    names = ", ".join(corpora.NAMES)
    with pytest.raises(SerkitError, match=rf"'iemocab' .did you mean 'iemocap'.*valid: {names}"):
        corpora.load("iemocab", ".")


def test_a_miniature_of_another_corpus_is_refused(tmp_path):
    (tmp_path / corpora.MARKER).write_text('{"name": "iemocap", "expected": {}}')
    with pytest.raises(SerkitError, match="is a miniature of iemocap, not of ravdess"):
        corpora.load("ravdess", tmp_path)
    (tmp_path / corpora.MARKER).write_text("{")
    with pytest.raises(SerkitError, match=r"cannot read .*write the miniature again"):
        corpora.load("iemocap", tmp_path)


def test_the_table_has_every_column_and_is_sorted():
    table = tables.utterance_table([{"id": "b", "valence": 3}, {"id": "a"}], extra=["take"])
    assert list(table.columns) == [*corpora.COLUMNS, "take"]
    assert list(table["id"]) == ["a", "b"]
    assert np.isnan(table["valence"][0])
    assert table["start"].dtype == np.float64


def problems_of(path, **settings):
    settings = {"sample_rates": (16000,), "stereo": "error"} | settings
    found = checks.audio_problems([str(path)], **settings)
    return [(problem.level, problem.what) for problem in found]


def test_a_deep_check_hears_silence_clipping_and_what_is_no_number(tmp_path):
    path, loud = tmp_path / "a.wav", np.sin(np.arange(8000) / 5)
    soundfile.write(path, loud / 2, 16000)
    assert problems_of(path, deep=True) == []
    soundfile.write(path, loud * 3, 16000)
    assert problems_of(path) == []
    assert problems_of(path, deep=True)[0][0] == "warning"
    assert "clipped" in problems_of(path, deep=True)[0][1]
    soundfile.write(path, loud * 0, 16000)
    assert problems_of(path, deep=True) == [("error", "every sample is zero")]
    loud[7] = np.nan
    soundfile.write(path, loud, 16000, subtype="FLOAT")
    assert "not finite" in problems_of(path, deep=True)[0][1]


def test_a_header_check_names_rate_channels_and_length(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((8000, 2)), 8000)
    assert problems_of(path, durations=[3.0]) == [
        ("error", "sample rate 8000 Hz instead of 16000 Hz"),
        ("error", "2 channels instead of one"),
        ("warning", "lasts 1.00 s, but its label line says 3.00 s"),
    ]
    assert problems_of(path, sample_rates=None, stereo=None) == []


def test_corpora_without_alignment_or_ratings_have_empty_tables(tmp_path):
    corpus = corpora.Corpus("ravdess", tmp_path, pd.DataFrame())
    assert list(corpus.words()) == ["id", "word", "start", "end"]
    assert corpus.words().empty
    assert list(corpus.ratings())[:3] == ["id", "rater", "label"]
    assert not corpus.redistributable


@pytest.fixture
def reads(monkeypatch):
    """How often the header of each file was read."""
    counted, info = Counter(), audio.info

    def counting(path):
        counted[Path(path).name] += 1
        return info(path)

    monkeypatch.setattr(audio, "info", counting)
    checks._header.cache_clear()
    return counted


def write_manifest(folder, header, rows):
    for name in {row.split(",")[0] for row in rows}:
        audio.write(folder / name, np.full(32000, 0.1), 8000)
    path = folder / "own.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_headers_are_read_once(tmp_path, reads):
    rows = ["a.wav,happy,anna", "b.wav,happy,ben", "c.wav,sad,anna", "d.wav,sad,ben"]
    path = write_manifest(tmp_path, "path,label,speaker", rows)
    corpus = corpora.load("manifest", path)
    assert reads == {f"{name}.wav": 1 for name in "abcd"}
    assert corpus.check().empty
    assert corpus.complete
    assert corpora.load("manifest", path).check().empty  # as another notebook in the same process does
    assert set(reads.values()) == {1}
    audio.write(tmp_path / "a.wav", np.full(4000, 0.1), 8000)
    corpora.load("manifest", path)
    assert reads == {"a.wav": 2, "b.wav": 1, "c.wav": 1, "d.wav": 1}  # only what changed


def test_headers_of_annotated_recordings_and_meetings_are_read_once(tmp_path, reads):
    rows = [f"{name}.wav,{name}.csv,{part}" for name, part in (("a", "train"), ("b", "dev"), ("c", "train"))]
    path = write_manifest(tmp_path, "path,annotation,partition", [*rows, "d.wav,,test"])
    for name in "abc":
        lines = [f"{0.1 * row:.1f},{row % 7 / 10}" for row in range(41)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["time,arousal", *lines]))
    corpus = corpora.load("continuous", path)
    assert corpus.check().empty
    assert reads == {f"{name}.wav": 1 for name in "abcd"}
    meeting = tmp_path / "ami" / "amicorpus" / "ES2002a" / "audio" / "ES2002a.Mix-Headset.wav"
    meeting.parent.mkdir(parents=True)
    audio.write(meeting, np.full(16000, 0.1), 16000)
    corpora.load("ami", tmp_path / "ami").check()
    assert reads[meeting.name] == 1


def test_a_check_is_handed_out_as_a_copy_and_made_again_for_another_table(iemocap_miniature):
    corpus = corpora.load("iemocap", iemocap_miniature)
    found = corpus.check()
    found["level"] = "error"
    assert not (corpus.check()["level"] == "error").any()
    corpus.utterances = corpus.utterances.iloc[1:]
    assert (corpus.check()["level"] == "error").any()


def test_classes_are_merged(iemocap_miniature):
    corpus = corpora.load("iemocap", iemocap_miniature)
    four, counts = ["neutral", "happy", "sad", "angry"], corpus.utterances["label"].value_counts()
    table = corpus.select(four, merge={"excited": "happy"})
    assert table["label"].value_counts()["happy"] == counts["happy"] + counts["excited"]
    assert set(table.loc[table["label"] == "happy", "code"]) == {"hap", "exc"}
    assert set(table["label"]) == set(four)
    assert corpus.utterances["label"].value_counts().equals(counts)  # the corpus itself is as it was
    pleased = corpus.select(["pleased"], merge={"excited": "pleased", "happy": "pleased"})
    assert len(pleased) == counts["happy"] + counts["excited"]
    same = corpus.select(four, "improvised")
    pd.testing.assert_frame_equal(corpus.select(four, "improvised", merge={}), same)


@pytest.mark.parametrize(
    ("merge", "message"),
    [
        ({"exited": "happy"}, "unknown label of iemocap 'exited' .did you mean 'excited'"),
        ({"excited": "hapy"}, "unknown class to merge 'excited' into 'hapy' .did you mean 'happy'"),
        ({"sad": "happy"}, "'sad' is merged into 'happy' and a class of its own: choose one of the two"),
    ],
)
def test_a_merge_that_cannot_be_is_refused(iemocap_miniature, merge, message):
    corpus = corpora.load("iemocap", iemocap_miniature)
    with pytest.raises(SerkitError, match=message):
        corpus.select(["happy", "sad"], merge=merge)


def test_merges_are_read():
    assert corpora.merges(["excited=happy", " joy = angry ", ""]) == {"excited": "happy", "joy": "angry"}
    for pair in ("happy", "excited-happy", "=happy", "excited=", "a=b=c"):
        with pytest.raises(SerkitError, match=f"a merge is label=class, such as 'excited=happy'; got '{pair}'"):
            corpora.merges([pair])
    with pytest.raises(SerkitError, match="'joy' is merged into 'happy' and into 'angry': choose one"):
        corpora.merges(["joy=happy", "joy=angry"])


@pytest.mark.parametrize("classes", [[], ["happy", "sad", "happy"]])
def test_classes_are_named_once(iemocap_miniature, classes):
    with pytest.raises(SerkitError, match="name one or more, each once"):
        corpora.load("iemocap", iemocap_miniature).select(classes)


def test_a_class_that_a_copy_lacks(tmp_path):
    path = write_manifest(tmp_path, "path,label,speaker", ["a.wav,happy,anna", "b.wav,happy,ben"])
    with pytest.raises(SerkitError, match="unknown label of manifest 'sad'; valid: happy"):
        corpora.load("manifest", path).classes(["happy", "sad"])
    corpus = corpora.load("manifest", path, strict=False)
    assert corpus.classes(["sad", "happy"]) == ["happy"]
    assert corpus.classes(["sad", "happy", "angry"], merge={"excited": "angry"}) == ["happy"]
    assert len(corpus.select(["sad", "happy"])) == 2
    assert len(corpus.select(["happy"], merge={"excited": "angry"})) == 2
    with pytest.raises(SerkitError, match=r"unknown label of manifest 'hapy' .did you mean 'happy'"):
        corpus.classes(["hapy"])
    with pytest.raises(SerkitError, match="no utterance of manifest is labelled 'sad'"):
        corpus.classes(["sad"])


def test_only_what_can_be_opened_is_readable(tmp_path):
    path = write_manifest(tmp_path, "path,label,speaker", ["a.wav,happy,anna", "b.wav,happy,ben"])
    corpus = corpora.load("manifest", path, strict=False)
    whole, gone = corpus.readable()
    assert gone == []
    pd.testing.assert_frame_equal(whole.utterances, corpus.utterances)
    (tmp_path / "a.wav").write_bytes(b"")
    readable, gone = corpus.readable()
    assert gone == ["a"]
    assert readable.utterances["id"].tolist() == ["b"]
    assert len(corpus.utterances) == 2, "the corpus itself is as it was"
    (tmp_path / "b.wav").unlink()
    with pytest.raises(SerkitError, match="none of the 2 recordings of manifest can be opened"):
        corpus.readable()


def test_a_place_is_given_or_in_a_variable_or_the_miniature(iemocap_miniature, monkeypatch):
    monkeypatch.delenv("SERKIT_IEMOCAP", raising=False)
    assert corpora.place("iemocap") == iemocap_miniature
    monkeypatch.setenv("SERKIT_IEMOCAP", "there")
    assert corpora.place("iemocap") == "there"
    assert corpora.place("iemocap", "here") == "here"
    monkeypatch.delenv("SERKIT_LIBRISPEECH", raising=False)
    with pytest.raises(SerkitError, match=r"where is librispeech.*SERKIT_LIBRISPEECH"):
        corpora.place("librispeech")
    with pytest.raises(SerkitError, match="unknown corpus 'iemocp'"):
        corpora.place("iemocp")


def test_one_of_several_columns_will_do(tmp_path):
    path = write_manifest(tmp_path, "path,label,speaker,split", ["a.wav,x,anna,train", "b.wav,x,ben,dev"])
    corpus = corpora.load("manifest", path)
    assert corpus.lacking(["partition or gender", "label", "session or gender"]) == ["session or gender"]
    with pytest.raises(
        SerkitError, match=r"(?s)no session or gender\n +-> fill the column session .*; or fill .*gender"
    ):
        corpus.require(["session or gender"])


def test_complete_is_the_real_corpus_without_an_error(iemocap_miniature, tmp_path):
    assert not corpora.load("iemocap", iemocap_miniature).complete
    rows = ["a.wav,happy,anna", "b.wav,happy,ben"]
    path = write_manifest(tmp_path, "path,label,speaker", rows)
    assert corpora.load("manifest", path).complete
    (tmp_path / "b.wav").unlink()
    assert not corpora.load("manifest", path, strict=False).complete


def test_counts_are_beside_the_published_ones(iemocap_miniature):
    corpus = corpora.load("iemocap", iemocap_miniature)
    counts = corpus.counts().set_index("figure")
    assert counts.loc["speakers", "counted"] == 10
    assert np.isnan(counts.loc["speakers", "published"])
    assert counts.loc["utterances", "counted"] == counts.loc["utterances", "published"] == len(corpus.utterances)
    corpus.expected = None
    assert corpus.counts().set_index("figure").loc["utterances", "published"] == 10039


def test_what_a_paper_needs_is_required(iemocap_miniature, tmp_path):
    corpus = corpora.load("iemocap", iemocap_miniature)
    assert corpus.require(["label", "speaker", "session", "valence", "words", "ratings"]) is corpus
    assert corpus.lacking(["label", "trajectories", "partition"]) == ["trajectories", "partition"]
    with pytest.raises(SerkitError, match=r"(?s)iemocap lacks .*no trajectories\n +-> take recola, .*continuous"):
        corpus.require(["label", "trajectories"])
    own = corpora.load("manifest", write_manifest(tmp_path, "path,label,speaker", ["a.wav,x,anna", "b.wav,x,ben"]))
    with pytest.raises(SerkitError, match=r"(?s)no session\n +-> fill the column session of a manifest.*no gender"):
        own.require(["session", "gender"])


def test_a_note_is_part_of_the_title(tmp_path):
    path = write_manifest(tmp_path, "path,label,speaker,note", ["a.wav,x,anna,played back", "b.wav,x,ben,played back"])
    assert corpora.load("manifest", path).title == "Own recordings, described by a CSV file (played back)"
