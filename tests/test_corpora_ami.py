"""serkit.corpora.loaders.ami and its miniature: recordings, words, and copies that are damaged."""

import shutil

import numpy as np
import pytest
import soundfile

from serkit import audio, corpora, files
from serkit.corpora import miniatures
from serkit.corpora.loaders import ami
from serkit.corpora.miniatures import ami as miniature_ami
from serkit.errors import SerkitError

MIXES = [f"{meeting}.Mix-Headset" for meeting in miniature_ami.MEETINGS]
WORDS_XML = """\
<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?>
<nite:root nite:id="ES2002a.A.words" xmlns:nite="http://nite.sourceforge.net/">
   <vocalsound nite:id="ES2002a.A.words0" starttime="0.1" endtime="0.3" type="laugh"/>
   <w nite:id="ES2002a.A.words1" starttime="1.23" endtime="1.5">Caf\xe9</w>
   <w nite:id="ES2002a.A.words2" starttime="1.5" endtime="1.5" punc="true">,</w>
   <w nite:id="ES2002a.A.words3" starttime="1.5" endtime="1.75">I&#39;m</w>
   <disfmarker nite:id="ES2002a.A.words4" starttime="1.75" endtime="1.8"/>
   <w nite:id="ES2002a.A.words5" starttime="2.5" endtime="2.625" trunc="true">rea</w>
   <w nite:id="ES2002a.A.words6">untimed</w>
   <w nite:id="ES2002a.A.words7" starttime="3.0">half</w>
   <w nite:id="ES2002a.A.words8" starttime="3.5" endtime="3.2">backwards</w>
   <w nite:id="ES2002a.A.words9" starttime="3.5" endtime="3.7"> </w>
   <gap nite:id="ES2002a.A.words10" starttime="4.0" endtime="4.5"/>
</nite:root>
"""
OTHER_XML = """\
<nite:root nite:id="ES2002a.B.words" xmlns:nite="http://nite.sourceforge.net/">
   <w nite:id="ES2002a.B.words0" starttime="1.4" endtime="1.6">Yeah</w>
</nite:root>
"""
MEETINGS_XML = """\
<nite:root nite:id="meetings" xmlns:nite="http://nite.sourceforge.net/">
   <meeting nite:id="m1" observation="ES2002a" type="scenario">
      <speaker nite:id="s1" channel="1" nxt_agent="A" global_name="FEE005" role="PM"/>
      <speaker nite:id="s2" channel="0" nxt_agent="B" global_name="MTD012ME" role="ME"/>
   </meeting>
</nite:root>
"""
WORDS_OF_A = [("Café", 1.23, 1.5), ("I'm", 1.5, 1.75), ("rea", 2.5, 2.625)]
WORDS_OF_B = [("Yeah", 1.4, 1.6)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return miniatures.write("ami", tmp_path_factory.mktemp("miniature") / "ami")


@pytest.fixture
def copy(sound, tmp_path):
    """The miniature without the file that marks it as one: a partial copy of the corpus."""
    return shutil.copytree(sound, tmp_path / "copy", ignore=shutil.ignore_patterns(corpora.MARKER))


@pytest.fixture
def tree(tmp_path):
    """One meeting of five seconds: two headsets of noise, and the annotations."""
    root = tmp_path / "tree"
    write_audio(root, "ES2002a.Headset-0")
    write_audio(root, "ES2002a.Headset-1")
    annotate(root / "ami_public_manual_1.6.2")
    return root


def write_audio(root, name, meeting="", rate=16000, channels=1):
    path = root / "amicorpus" / (meeting or name.split(".")[0]) / "audio" / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).normal(scale=0.1, size=(5 * rate, channels))
    soundfile.write(path, noise, rate)
    return path


def annotate(folder):
    (folder / "words").mkdir(parents=True)
    (folder / "corpusResources").mkdir()
    (folder / "words" / "ES2002a.A.words.xml").write_text(WORDS_XML, encoding="iso-8859-1")
    (folder / "words" / "ES2002a.B.words.xml").write_text(OTHER_XML)
    (folder / "words" / "notes.txt").touch()
    (folder / "corpusResources" / "meetings.xml").write_text(MEETINGS_XML)


def found(root, level="error", deep=False):
    table = corpora.load("ami", root, strict=False).check(deep)
    return table[table["level"] == level]


def rows_of(words):
    return list(words[["word", "start", "end"]].itertuples(index=False, name=None))


def test_the_meetings_are_the_published_ones():
    assert len(ami.MEETINGS) == 171
    assert {"ES2016d", "EN2001e", "EN2009b", "IB4011", "IN1016", "IS1000a", "TS3012d"} <= ami.MEETINGS
    assert not {"IS1002a", "IS1005d", "EN2001c", "EN2009a", "IN1015", "ES2001a"} & ami.MEETINGS


# The miniature, through the loader of the corpus


def test_the_miniature_is_four_meetings_without_labels(sound):
    corpus = corpora.load("ami", sound)
    assert corpus.miniature
    assert corpus.check(deep=True).empty
    table = corpus.utterances
    assert list(table.columns) == [*corpora.COLUMNS, "meeting", "channel", "agent"]
    assert table["id"].tolist() == MIXES
    assert table["session"].tolist() == table["meeting"].tolist() == list(miniature_ami.MEETINGS)
    assert table["channel"].eq("Mix-Headset").all()
    assert table[["label", "speaker", "gender", "agent"]].isna().all(axis=None)
    for path in table["path"]:
        info = audio.info(path)
        assert (info.sample_rate, info.channels) == (16000, 1)
        assert 45 <= info.duration <= 60
    with pytest.raises(SerkitError, match="unknown label of ami 'angry'"):
        corpus.select(["angry"])


def test_people_of_the_miniature_speak_one_after_the_other_where_the_words_say(sound):
    corpus = corpora.load("ami", sound)
    words = corpus.words()
    assert list(words.columns) == ["id", "word", "start", "end"]
    assert sorted(words["id"].unique()) == MIXES
    assert not words["word"].str.contains(r"\W").any()
    for row in corpus.utterances.itertuples():
        of = words[words["id"] == row.id]
        assert of["start"].is_monotonic_increasing
        assert (of["start"].to_numpy()[1:] >= of["end"].to_numpy()[:-1] - 1e-9).all()
        signal, rate = audio.read(row.path)
        spoken = np.zeros(len(signal), dtype=bool)
        for word in of.itertuples():
            spoken[round(word.start * rate) : round(word.end * rate)] = True
        assert np.mean(signal[spoken] ** 2) > 50 * np.mean(signal[~spoken] ** 2)
        assert 0.5 < spoken.mean() < 0.9  # there are pauses


def test_every_speaker_of_the_miniature_has_words_punctuation_and_a_vocal_sound(sound):
    paths = sorted((sound / "ami_public_manual_1.6.2" / "words").iterdir())
    assert len(paths) == 16
    for path in paths:
        text = path.read_text(encoding="iso-8859-1")
        assert all(form in text for form in ("</w>", 'punc="true">.</w>', "<vocalsound "))


def test_the_same_seed_gives_the_same_bytes(sound, tmp_path):
    def content(root):
        return {path.relative_to(root): files.sha256(path) for path in root.rglob("*") if path.is_file()}

    ours, again = content(sound), content(miniatures.write("ami", tmp_path / "again"))
    other = content(miniatures.write("ami", tmp_path / "other", seed=1))
    assert again == ours
    assert other.keys() == ours.keys()
    assert all(ours[path] != other[path] for path in ours)


def test_a_part_of_the_miniature_does_not_pass_for_the_corpus(sound):
    with pytest.raises(SerkitError, match=r"amicorpus is a part of a miniature; give the whole of it, .*ami$"):
        corpora.load("ami", sound / "amicorpus")


def test_a_miniature_that_lacks_something_is_named(sound, tmp_path):
    root = shutil.copytree(sound, tmp_path / "miniature")
    shutil.rmtree(root / "amicorpus" / "ES2002b")
    (root / "ami_public_manual_1.6.2" / "words" / "IS1009a.B.words.xml").unlink()
    assert found(root)["what"].tolist() == ["recordings: 3 instead of 4", "meetings: 3 instead of 4"]
    assert found(root, "warning")["what"].tolist() == ["word alignments: 11 instead of 16"]


# What is loaded


def test_a_partial_copy_is_a_note_that_says_how_much_there_is(copy):
    corpus = corpora.load("ami", copy)
    assert not corpus.miniature
    assert corpus.redistributable
    assert corpus.check()["level"].tolist() == ["note"]
    assert (
        corpus.check()["what"]
        .str.startswith(
            "partial copy: 4 of 171 meetings, 4 recordings, 0.06 hours; missing: EN2001a, EN2001b, EN2001d and 164 more"
        )
        .all()
    )


def test_the_meetings_folder_itself_may_be_given(copy):
    corpus = corpora.load("ami", copy / "amicorpus")
    assert corpus.utterances["id"].tolist() == MIXES
    assert len(corpus.words()) == len(corpora.load("ami", copy).words()) > 300


def test_headsets_are_loaded_where_there_is_no_mix(tree):
    table = corpora.load("ami", tree).utterances
    columns = ["id", "channel", "speaker", "gender", "agent", "session"]
    assert table[columns].values.tolist() == [
        ["ES2002a.Headset-0", "Headset-0", "MTD012ME", "m", "B", "ES2002a"],
        ["ES2002a.Headset-1", "Headset-1", "FEE005", "f", "A", "ES2002a"],
    ]
    write_audio(tree, "ES2002a.Mix-Headset")
    write_audio(tree, "ES2002a.Array1-01")
    assert corpora.load("ami", tree).utterances["id"].tolist() == ["ES2002a.Mix-Headset"]
    notes = found(tree, "note")["what"].tolist()
    assert "2 headset files left aside: the mix of their meeting holds the same speech" in notes
    assert "1 other files left aside: only Mix-Headset and Headset-n are read" in notes


def counted(root):
    return corpora.load("ami", root).counts().set_index("figure")["counted"]


def test_meetings_are_counted_and_not_recordings(tree, monkeypatch):
    assert counted(tree)[["meetings", "headsets", "recordings"]].tolist() == [1, 2, 2]
    assert not corpora.load("ami", tree).complete  # one of 171
    monkeypatch.setattr(ami, "MEETINGS", frozenset({"ES2002a", "ES2002b"}))
    assert not corpora.load("ami", tree).complete  # two recordings, but one meeting
    write_audio(tree, "ES2002b.Mix-Headset")
    assert corpora.load("ami", tree).complete
    (tree / "ami_public_manual_1.6.2" / "corpusResources" / "meetings.xml").unlink()
    assert not corpora.load("ami", tree).complete  # four headsets are due, where nothing says who took part
    assert "1 meetings without a mix lack headsets: ES2002a" in found(tree, "note")["what"].tolist()
    for number in (2, 3):
        write_audio(tree, f"ES2002a.Headset-{number}")
    assert corpora.load("ami", tree).complete


def test_words_are_read_exactly(tree):
    words = corpora.load("ami", tree).words()
    assert rows_of(words[words["id"] == "ES2002a.Headset-1"]) == WORDS_OF_A
    assert rows_of(words[words["id"] == "ES2002a.Headset-0"]) == WORDS_OF_B
    write_audio(tree, "ES2002a.Mix-Headset")
    words = corpora.load("ami", tree).words()
    assert set(words["id"]) == {"ES2002a.Mix-Headset"}
    assert rows_of(words) == sorted(WORDS_OF_A + WORDS_OF_B, key=lambda row: row[1])


@pytest.mark.parametrize("place", [".", "amicorpus", "amicorpus/ami_public_manual_1.6.1"])
def test_annotations_are_found_beside_and_in_the_meetings_folder(tree, place):
    shutil.rmtree(tree / "ami_public_manual_1.6.2")
    annotate(tree / place)
    assert len(corpora.load("ami", tree).words()) == 4


def test_a_headset_has_no_words_where_nobody_tells_whose_it_is(tree):
    (tree / "ami_public_manual_1.6.2" / "corpusResources" / "meetings.xml").unlink()
    corpus = corpora.load("ami", tree)
    assert corpus.utterances[["speaker", "gender", "agent"]].isna().all(axis=None)
    assert corpus.words().empty


def test_without_annotations_there_are_no_words(tree):
    shutil.rmtree(tree / "ami_public_manual_1.6.2")
    words = corpora.load("ami", tree).words()
    assert words.empty
    assert list(words.columns) == ["id", "word", "start", "end"]
    warnings = found(tree, "warning")
    assert warnings["what"].tolist() == ["no word times of 1 meetings: ES2002a"]
    assert warnings["remedy"].str.startswith("unpack ami_public_manual_1.6.2.zip beside amicorpus").all()


# Damaged copies


@pytest.mark.parametrize("left", [0, 20_000])
def test_a_download_that_stopped_early_is_an_error_that_says_how_to_resume(copy, left):
    path = copy / "amicorpus" / "ES2002b" / "audio" / "ES2002b.Mix-Headset.wav"
    path.write_bytes(path.read_bytes()[:left])
    errors = found(copy)
    assert errors["where"].tolist() == [str(path)] * 2
    assert ("is truncated: it holds fewer samples than its header says" if left else "empty") in errors["what"].iloc[0]
    assert errors["remedy"].iloc[1] == (
        f"resume it: curl -C - -o '{path}' "
        "https://groups.inf.ed.ac.uk/ami/AMICorpusMirror/amicorpus/ES2002b/audio/ES2002b.Mix-Headset.wav"
    )
    with pytest.raises(SerkitError, match=r"(?s)this copy of ami has 2 error.*resume it: curl"):
        corpora.load("ami", copy)
    assert "4 recordings, 0.04 hours" in found(copy, "note")["what"].iloc[0]


def test_wrong_rate_and_two_channels(tree):
    path = write_audio(tree, "ES2002a.Headset-0", rate=8000)
    stereo = write_audio(tree, "ES2002a.Headset-1", channels=2)
    assert found(tree)[["where", "what"]].values.tolist() == [[str(path), "sample rate 8000 Hz instead of 16000 Hz"]]
    notes = found(tree, "note").set_index("where")
    assert notes.loc[str(stereo), "remedy"] == "nothing to do: channels are averaged on reading"


def test_odd_names_are_left_aside_and_named(tree):
    write_audio(tree, "ES2002a.Mix-Headset", meeting="meeting one")
    moved = write_audio(tree, "ES2002b.Mix-Headset", meeting="ES2002a")
    (tree / "amicorpus" / "TS3003a" / "audio").mkdir(parents=True)
    assert len(corpora.load("ami", tree).utterances) == 2
    warnings = found(tree, "warning").set_index("what")
    assert warnings.loc["'meeting one' is none of the 171 meetings; left aside", "remedy"].startswith(
        "restore its name"
    )
    assert warnings.loc["a recording of ES2002b in the folder of ES2002a; left aside", "where"] == str(moved)
    assert "1 meeting folders without Mix-Headset or Headset-n" in warnings.index


def test_broken_annotations(tree):
    path = tree / "ami_public_manual_1.6.2" / "words" / "ES2002a.A.words.xml"
    path.write_text(WORDS_XML[:500], encoding="iso-8859-1")
    message = r"ES2002a\.A\.words\.xml is no readable XML .*line \d.*; unpack ami_public_manual_1.6.2.zip again"
    corpus = corpora.load("ami", tree)
    with pytest.raises(SerkitError, match=message):
        corpus.words()
    assert found(tree).empty
    assert found(tree, deep=True)["where"].tolist() == [str(path)]
    path.write_text(WORDS_XML.replace("1.23", "1,23"), encoding="iso-8859-1")
    with pytest.raises(SerkitError, match=r"ES2002a\.A\.words\.xml: 'Café' lasts from '1,23' to '1.5', no times"):
        corpus.words()
    path.write_text(WORDS_XML.replace("2.625", "12.5"), encoding="iso-8859-1")
    late = found(tree, "warning", deep=True)
    assert late["what"].tolist() == ["the last word ends at 12.50 s, but the recording lasts 5.00 s"]

    path = path.parents[1] / "corpusResources" / "meetings.xml"
    path.write_text("<meeting")
    assert found(tree, "warning")["what"].str.startswith(f"the speakers are unknown: {path} is no readable XML").all()


def test_a_folder_without_recordings_says_what_is_expected(tmp_path):
    (tmp_path / "ES2002a").mkdir()
    with pytest.raises(SerkitError, match=r"(?s)no recording <meeting>/audio/.*curl -C - .*amicorpus/<meeting>/audio"):
        corpora.load("ami", tmp_path)
    with pytest.raises(SerkitError, match=r"there is no folder .*nowhere"):
        corpora.load("ami", tmp_path / "nowhere")
