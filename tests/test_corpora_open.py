"""Open corpora: miniatures through the real loaders, published counts for whole trees of names, damaged copies."""

import csv
import hashlib
import itertools
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from serkit import audio, corpora, planning, splits
from serkit.corpora import miniatures, named_files
from serkit.corpora.loaders import cremad, emodb, emozionalmente, nemo, ravdess, subesco, tess
from serkit.errors import SerkitError

OPEN = ("cremad", "emodb", "emozionalmente", "nemo", "ravdess", "subesco", "tess")
NEW = tuple(name for name in OPEN if name != "ravdess")  # which has a file of its own
FOLDERS = {"cremad": "AudioWAV", "emodb": "wav", "emozionalmente": "audio", "nemo": "samples", "tess": "OAF_angry"}


@pytest.fixture(scope="module", params=OPEN)
def twin(request):
    """Name and folder of a miniature."""
    return request.param, miniatures.ensure(request.param)


def copy_of(twin, tmp_path):
    name, root = twin
    shutil.copytree(root, tmp_path / name)
    return name, tmp_path / name


def sounds(root):
    return sorted(root.rglob("*.wav"))


def errors(name, root):
    return corpora.load(name, root, strict=False).check().query("level == 'error'")["what"].tolist()


# What a miniature has: recordings, women, men, labels.
TWINS = {
    "cremad": (112, 4, 4, 6), "emodb": (84, 3, 3, 7), "emozionalmente": (98, 7, 6, 7), "nemo": (70, 3, 3, 6),
    "ravdess": (144, 7, 5, 8), "subesco": (140, 5, 5, 7), "tess": (84, 2, 0, 7),
}  # fmt: skip


def test_a_miniature_passes_the_real_loader_and_its_check(twin):
    name, root = twin
    corpus = corpora.load(name, root)
    table, source = corpus.utterances, corpora.module(name)
    found = corpus.check(deep=True)
    assert set(found["level"]) <= {"note"}
    assert found["what"].tolist() == ([tess.NOTE] if name == "tess" else [])
    who = table.drop_duplicates("speaker")["gender"].value_counts()
    assert (len(table), who.get("f", 0), who.get("m", 0), table["label"].nunique()) == TWINS[name]
    assert set(table["label"]) <= set(corpora.LABELS)
    assert set(table["style"]) == {"scripted"}
    assert {audio.info(path).sample_rate for path in table["path"]} <= set(source.SAMPLE_RATES)
    assert table.groupby("label")["speaker"].nunique().min() > 1, "a label of one speaker cannot be tested"
    counts = corpus.counts()
    assert counts["counted"].equals(counts["published"])
    assert corpus.miniature
    assert "synthetic miniature" in corpus.title


def test_angry_is_louder_than_sad_and_nothing_is_clipped(twin):
    """Angry is louder than sad, and nothing is clipped."""
    name, root = twin
    table = corpora.load(name, root).utterances
    signals = [audio.read(path)[0] for path in table["path"]]
    assert max(np.abs(signal).max() for signal in signals) < 1
    levels = pd.Series([10 * np.log10(np.mean(signal**2)) for signal in signals]).groupby(table["label"]).mean()
    assert levels["angry"] > levels["sad"] + 4


def test_the_same_seed_gives_the_same_bytes_and_another_other_ones(tmp_path):
    def content(root):
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sounds(root)}

    ours = content(miniatures.ensure("nemo"))
    again, other = (content(miniatures.write("nemo", tmp_path / str(seed), seed)) for seed in (0, 1))
    assert ours == again
    assert ours.keys() == other.keys()
    assert all(ours[name] != other[name] for name in ours)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A function that makes all names of a corpus as empty files, with its tables; returns the folder."""
    made = {}

    def make(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp("whole") / name
            made[name].mkdir()
            globals()[f"{name}_tree"](made[name])
        return made[name]

    return make


def touch(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.wav").touch()


def write_table(path, rows, separator=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=separator).writerows(rows)


def cremad_tree(root):
    """91 actors, of whom these are women in the corpus; as its documentation spells the names."""
    sentences = ["DFA", "IOM", "IWL", "IWW", "ITH", "ITS", "MTI", "TAI", "TIE", "TSI", "WSI"]
    absent = {(1002, "TIE_NEU"), (1076, "ITS_NEU")}
    for actor in range(1001, 1092):
        names = [f"{sentence}_{emotion}" for sentence in sentences for emotion in cremad.EMOTIONS]
        names = [name for name in names if (actor, name) not in absent]
        names = [name for name in names if (actor, name[:3]) not in {(1008, "WSI"), (1009, "MTI"), (1019, "ITH")}]
        touch(root / "AudioWAV", [f"{actor}_{name}_XX" for name in [*names, "IEO_NEU"]])
        levels = itertools.product(("ANG", "DIS", "FEA", "HAP", "SAD"), ("LO", "MD", "HI"))
        touch(root / "AudioWAV", [f"{actor}_IEO_{emotion}_{level}" for emotion, level in levels])
    rows = [(actor, 30, "Female" if actor <= 1043 else "Male", "Asian", "Not Hispanic") for actor in range(1001, 1092)]
    write_table(root / "VideoDemographics.csv", [("ActorID", "Age", "Sex", "Race", "Ethnicity"), *rows])
    write_table(root / "finishedResponses.csv", [("localid", "queryType", "clipName", "respEmo")])


# Actors of EmoDB in the order of their numbers; recordings of W, L, E, A, F, N, T.
EMODB = {
    "03": (14, 5, 1, 4, 7, 11, 7), "08": (12, 10, 0, 6, 11, 10, 9), "09": (13, 4, 8, 1, 4, 9, 4),
    "10": (10, 8, 1, 8, 4, 4, 3), "11": (11, 8, 2, 10, 8, 9, 7), "12": (12, 5, 2, 6, 2, 4, 4),
    "13": (12, 10, 8, 7, 10, 9, 5), "14": (16, 8, 8, 12, 8, 7, 10), "15": (13, 9, 5, 8, 6, 11, 4),
    "16": (14, 14, 11, 7, 11, 5, 9),
}  # fmt: skip


def emodb_tree(root):
    takes = [f"{text}{{}}{version}" for version, text in itertools.product("abcd", emodb.SENTENCES)]
    for speaker, counts in EMODB.items():
        for letter, count in zip("WLEAFNT", counts, strict=True):
            touch(root / "wav", [speaker + take.format(letter) for take in takes[:count]])
    for folder in ("lablaut", "labsilb", "silb"):  # of the archive
        (root / folder).mkdir()


def nemo_tree(root):
    lacking = {("EB0", "surprised"): 1, ("TP0", "surprised"): 1, ("WR0", "neutral"): 1, ("SM0", "fear"): 1}
    lacking |= {("SM0", "happiness"): 1, ("MK0", "surprised"): 90, ("MP0", "anger"): 61, ("MP0", "fear"): 73}
    lacking |= {("MP0", "happiness"): 60, ("MP0", "sadness"): 41, ("MP0", "surprised"): 49}
    women, rows = ("EB0", "IC0", "KD0", "MK0"), []
    for speaker in (*women, "KS0", "MP0", "SM0", "TP0", "WR0"):
        gender = "female" if speaker in women else "male"
        for emotion in nemo.EMOTIONS:
            names = [f"{speaker}_{emotion}_{n}" for n in range(1, 91 - lacking.get((speaker, emotion), 0))]
            touch(root / "samples", names)
            rows += [(f"{name}.wav", emotion, "Tak.", "tak", speaker, gender, "25") for name in names]
    header = ("file_id", "emotion", "raw_text", "normalized_text", "speaker_id", "gender", "age")
    write_table(root / "data.tsv", [header, *rows], "\t")


def emozionalmente_tree(root):
    actors = [hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(431)]
    genders = ["female"] * 299 + ["male"] * 131 + ["other"]
    names = [str(1612877880000 + number) for number in range(6902)]
    touch(root / "audio", names)
    emotions = list(emozionalmente.EMOTIONS)
    rows = [(f"{name}.wav", "Sì", "italian", actors[n % 431], emotions[n % 7]) for n, name in enumerate(names)]
    header = ("file_name", "sentence", "sentence_language", "actor", "emotion_expressed")
    write_table(root / "metadata" / "samples.csv", [header, *rows])
    people = [(actor, gender, 27, "italian") for actor, gender in zip(actors, genders, strict=True)]
    write_table(root / "metadata" / "users.csv", [("username", "gender", "age", "mother_tongue"), *people])


def subesco_tree(root):
    for speaker, name in subesco.SPEAKERS.items():
        parts = itertools.product(range(1, 11), subesco.EMOTIONS, range(1, 6))
        touch(root, [f"{speaker}_{name}_S_{sentence}_{emotion}_{take}" for sentence, emotion, take in parts])
    (root / "F_02_MONIKA_S_2_SURPRISE_3.wav").rename(root / "F_02_MONIKA_S_2_SURPRISE_3].wav")  # as in the release


def tess_tree(root):
    for actress, emotion in itertools.product(("OAF", "YAF"), ("angry", "disgust", "fear", "happy", "neutral", "sad")):
        touch(root / f"{actress}_{emotion}", [f"{actress}_{word}_{emotion}" for word in tess.WORDS])
    for actress in ("OAF", "YAF"):
        touch(root / f"{actress}_Pleasant_surprise", [f"{actress}_{word}_ps" for word in tess.WORDS])
    (root / "OAF_neutral" / "OAF_bite_neutral.wav").rename(root / "OAF_neutral" / "OA_bite_neutral.wav")


# Published: recordings, women, men; then of each label.
WHOLE = {
    "cremad": (7441, 43, 48, {"angry": 1271, "neutral": 1087, "sad": 1270}),
    "emodb": (535, 5, 5, {"angry": 127, "bored": 81, "neutral": 79, "happy": 71, "fearful": 69, "disgusted": 46}),
    "emozionalmente": (6902, 299, 131, {"happy": 986, "neutral": 986, "surprised": 986}),
    "nemo": (4481, 4, 5, {"neutral": 809, "sad": 769, "angry": 749, "happy": 749, "fearful": 736, "surprised": 669}),
    "subesco": (7000, 10, 10, {"angry": 1000, "surprised": 1000}),
    "tess": (2800, 2, 0, {"surprised": 400, "disgusted": 400}),
}


@pytest.mark.parametrize("name", NEW)
def test_all_names_of_the_corpus_have_the_published_counts(whole, name):
    source = corpora.module(name)
    root, table, problems = source.read(whole(name))
    assert {problem.level for problem in [*problems, *source.check(root, table, None)]} <= {"note"}
    utterances, women, men, labels = WHOLE[name]
    who = table.drop_duplicates("speaker")["gender"].value_counts()
    assert (len(table), who["f"], who.get("m", 0)) == (utterances, women, men)
    assert table["label"].value_counts()[list(labels)].to_dict() == labels
    found = source.count(root, table)
    assert {figure: found.get(figure, 0) for figure in source.PUBLISHED} == source.PUBLISHED
    assert table["id"].is_unique


def test_counts_by_speaker_are_those_of_the_documentation(whole):
    table = emodb.read(whole("emodb"))[1]
    found = pd.crosstab(table["speaker"], table["code"])[list("WLEAFNT")]
    assert dict(zip(found.index, map(tuple, found.to_numpy().tolist()), strict=True)) == EMODB
    sizes = cremad.read(whole("cremad"))[1]["speaker"].value_counts()
    assert sizes[sizes != 82].to_dict() == {"1002": 81, "1008": 76, "1009": 76, "1019": 76, "1076": 80}
    assert set(subesco.read(whole("subesco"))[1]["speaker"].value_counts()) == {350}
    assert set(tess.read(whole("tess"))[1]["speaker"].value_counts()) == {1400}
    sizes = nemo.read(whole("nemo"))[1]["speaker"].value_counts().to_dict()
    assert sizes == {
        "EB0": 539, "IC0": 540, "KD0": 540, "KS0": 540, "MK0": 450, "MP0": 256, "SM0": 538, "TP0": 539, "WR0": 539,
    }  # fmt: skip


def test_a_recording_is_read_by_the_grammar_of_its_corpus(whole):
    def row(name, one):
        return corpora.module(name).read(whole(name))[1].set_index("id").loc[one]

    found = row("cremad", "1001_DFA_ANG_XX")
    assert (found["speaker"], found["label"], found["intensity"]) == ("1001", "angry", "unspecified")
    assert (found["text"], found["sentence"]) == ("Don't forget a jacket", "DFA")
    assert row("cremad", "1091_IEO_SAD_LO")["intensity"] == "low"
    found = row("emodb", "03a01Wa")
    assert (found["speaker"], found["gender"], found["label"], found["version"]) == ("03", "m", "angry", "a")
    assert found["text"] == "Der Lappen liegt auf dem Eisschrank."
    found = row("nemo", "MK0_fear_7")
    assert (found["speaker"], found["gender"], found["label"], found["sentence"]) == ("MK0", "f", "fearful", 7)
    found = row("subesco", "M_10_EVAN_S_8_DISGUST_2")
    assert (found["speaker"], found["gender"], found["label"]) == ("M_10", "m", "disgusted")
    assert (found["sentence"], found["take"], found["fold"]) == (8, 2, "5")
    assert row("subesco", "F_02_MONIKA_S_2_SURPRISE_3")["path"].endswith("3].wav")
    found = row("tess", "OAF_bite_neutral")
    assert (found["speaker"], found["gender"], found["text"]) == ("OAF", "f", "Say the word bite")
    assert row("tess", "YAF_back_ps")["label"] == "surprised"


@pytest.mark.parametrize("name", ["ravdess", "subesco"])
def test_published_folds_test_each_speaker_of_a_miniature_once(name):
    folds = splits.by_fold(corpora.load(name, miniatures.ensure(name)).utterances)
    assert [fold.name for fold in folds] == [f"fold {key}" for key in corpora.module(name).FOLDS]
    tested = [one for fold in folds for one in fold.test]
    assert len(tested) == len(set(tested)) == TWINS[name][0]
    everybody = [speaker for speakers in corpora.module(name).FOLDS.values() for speaker in speakers]
    assert sorted(everybody) == sorted(ravdess.ACTORS if name == "ravdess" else subesco.SPEAKERS)


def test_a_missing_recording_is_refused(twin, tmp_path):
    name, root = copy_of(twin, tmp_path)
    sounds(root)[0].unlink()
    with pytest.raises(SerkitError, match=rf"utterances: {TWINS[name][0] - 1} instead of {TWINS[name][0]}"):
        corpora.load(name, root)


@pytest.mark.parametrize(
    ("name", "gone", "message"),
    [
        ("cremad", "AudioWAV/1001_DFA_ANG_XX.wav", "actor 1001: 81 of 82 files; missing: 1001_DFA_ANG_XX"),
        ("emodb", "wav/03a01Wa.wav", "03 angry: 13 instead of 14"),
        ("emozionalmente", "audio/1612877880000.wav", "samples.csv: 6901 of 6902 files; missing: 1612877880000"),
        ("nemo", "samples/EB0_fear_9.wav", "data.tsv: 4480 of 4481 files; missing: EB0_fear_9"),
        ("subesco", "M_10_EVAN_S_1_SAD_1.wav", "speaker M_10: 349 of 350 files; missing: M_10_EVAN_S_1_SAD_1"),
        ("tess", "OAF_sad/OAF_young_sad.wav", "OAF sad: 199 of 200 files; missing: OAF_young_sad"),
    ],
)
def test_a_recording_that_the_corpus_itself_lacks_is_named(whole, name, gone, message):
    path = whole(name) / gone
    source = corpora.module(name)
    path.rename(path.with_suffix(".kept"))
    try:
        root, table, problems = source.read(whole(name))
        found = [*problems, *source.check(root, table, None)]
    finally:
        path.with_suffix(".kept").rename(path)
    (problem,) = [problem for problem in found if problem.what == message]
    assert problem.level == "error"
    assert "unpack the archive again" in problem.remedy


def test_a_half_extracted_archive_is_refused(twin, tmp_path):
    name, root = copy_of(twin, tmp_path)
    paths = sounds(root)
    for path in paths[len(paths) // 2 :]:
        path.unlink()
    last = paths[len(paths) // 2 - 1]
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(SerkitError, match=r"(?s)this copy of \w+ has \d+ errors.*To load it anyway: --set"):
        corpora.load(name, root)
    found = errors(name, root)
    assert any(f"{last.name} is truncated: it holds fewer samples than its header says" in what for what in found)
    assert f"utterances: {len(paths) // 2} instead of {len(paths)}" in found


def test_an_unknown_name_is_refused_and_another_file_is_noted(twin, tmp_path):
    name, root = copy_of(twin, tmp_path)
    first = sounds(root)[0]
    shutil.copy(first, first.with_name("rehearsal.wav"))
    (first.parent / "notes.txt").touch()
    (first.parent / "._hidden.wav").write_bytes(b"0")
    found = corpora.load(name, root, strict=False).check().set_index("what")["level"]
    others = [what for what in found.index if what != tess.NOTE]
    if name == "ravdess":  # where whatever is not of its grammar is noted
        assert others == ["not a RAVDESS recording; left aside"] * 2
        assert set(found) == {"note"}
        return
    assert len(others) == 2
    assert found["not a recording; left aside"] == "note"
    assert found["the corpus has no recording 'rehearsal'; it is left out"] == "error"


def test_the_folder_above_and_the_folder_of_recordings(twin, tmp_path):
    """A folder too high is refused with the one to give; the folder of recordings itself will do."""
    name, root = twin
    if name == "ravdess":
        pytest.skip("has tests of its own")
    above = tmp_path / "data"
    shutil.copytree(root, above / "open" / "copy")
    for given in (above, above / "open"):
        with pytest.raises(SerkitError, match=r"no recording of this corpus in .*, but some in ") as raised:
            corpora.load(name, given)
        said = str(raised.value)
        assert "further in" not in said, "one hint"
        named = said.partition("but some in ")[2].partition(": give that folder")[0]
        assert named == str(above / "open" / "copy")
        assert corpora.load(name, named).miniature
    shutil.copytree(root, above / "open" / "second")
    with pytest.raises(SerkitError, match=r"but some in .*open.copy: give that folder"):
        corpora.load(name, above)
    if name == "tess":  # one of its folders is not the corpus
        return
    inner = above / "open" / "copy" / FOLDERS.get(name, "")
    assert len(corpora.module(name).read(inner)[1]) == TWINS[name][0]


@pytest.mark.parametrize("name", NEW)
def test_an_empty_folder_an_archive_and_another_corpus(name, tmp_path):
    with pytest.raises(SerkitError, match="no recording of this corpus in") as raised:
        corpora.load(name, tmp_path)
    assert corpora.module(name).HOW_TO_GET in str(raised.value)
    (tmp_path / "download.zip").touch()
    with pytest.raises(SerkitError, match=r"; unpack download\.zip and give the folder that comes of it"):
        corpora.load(name, tmp_path)
    (tmp_path / "download.zip").unlink()
    (tmp_path / "sa1.wav").touch()
    with pytest.raises(SerkitError, match=r"; it has other names, such as sa1\.wav"):
        corpora.load(name, tmp_path)
    with pytest.raises(SerkitError, match="is a file: unpack it if it is an archive"):
        corpora.load(name, tmp_path / "sa1.wav")


@pytest.mark.parametrize(("name", "least"), [("cremad", 0.6), ("emozionalmente", 0.6)])
def test_votes_are_ratings(name, least):
    corpus = corpora.load(name, miniatures.ensure(name)).require(["ratings"])
    votes = corpus.ratings()
    assert list(votes) == ["id", "rater", "label", "valence", "activation", "dominance", "self_report"]
    assert set(votes["id"]) == set(corpus.utterances["id"])
    assert set(votes.groupby("id").size()) == {4 if name == "cremad" else 5}
    assert not votes["self_report"].any()
    meant = corpus.utterances.set_index("id")["label"]
    assert least < (votes["label"] == votes["id"].map(meant)).mean() < 0.8
    assert set(votes["label"]) == set(meant)


@pytest.fixture
def actors(tmp_path):
    shutil.copytree(miniatures.ensure("cremad"), tmp_path / "cremad")
    return tmp_path / "cremad"


def test_cremad_without_its_tables(actors):
    (actors / "VideoDemographics.csv").unlink()
    (actors / "finishedResponses.csv").unlink()
    corpus = corpora.load("cremad", actors)
    assert corpus.utterances["gender"].isna().all()
    assert corpus.check()["what"].tolist() == [
        "no VideoDemographics.csv: who is a woman and who a man is not known",
        "no finishedResponses.csv: how far listeners disagree is not known",
    ]
    with pytest.raises(SerkitError, match=r"no gender"):
        corpus.require(["gender"])
    with pytest.raises(SerkitError, match=r"there is no .*finishedResponses\.csv: copy it"):
        corpus.ratings()


def test_cremad_pointers_and_its_silent_recording(actors):
    paths, pointer = sounds(actors), b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 72862\n"
    paths[3].write_bytes(pointer)
    assert errors("cremad", actors)[0] == "1 of 112 recordings are pointers of Git LFS"
    for path in paths:
        path.write_bytes(pointer)
    with pytest.raises(SerkitError, match="has pointers of Git LFS and no sound: run `git lfs pull`"):
        corpora.load("cremad", actors)
    shutil.copy(miniatures.ensure("cremad") / "AudioWAV" / paths[3].name, paths[3].with_name("1076_MTI_SAD_XX.wav"))
    _, table, problems = cremad.read(actors)
    assert len(table) == 112
    assert "1076_MTI_SAD_XX has no speech, in the release itself; it is left out" in [one.what for one in problems]


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "message"),
    [
        ("cremad", "VideoDemographics.csv", "Female", "Woman", "'Woman' of actor 1002 is neither Female nor Male"),
        ("cremad", "VideoDemographics.csv", "ActorID", "Actor", "has no column ActorID"),
        ("nemo", "data.tsv", "EB0_anger_1.wav\tanger", "EB0_anger_1.wav\tfear", "EB0_anger_1 is fear of EB0 in data"),
        ("nemo", "data.tsv", "EB0_anger_1.wav", "XX0_anger_1.wav", "data.tsv has no 'EB0_anger_1'; it is left out"),
        ("nemo", "data.tsv", "\tfemale\t27\n", "\n", "data.tsv: row 1 is cut short"),
        ("emozionalmente", "metadata/users.csv", "female", "woman", "'woman' is none of female, male, other"),
        ("emozionalmente", "metadata/samples.csv", "joy", "bliss", "'bliss' is none of anger, disgust, "),
        ("emozionalmente", "metadata/users.csv", None, None, "there is no .*users.csv: copy it from the original"),
        ("emozionalmente", "metadata/users.csv", r"\n.*", "\n", "has a header but no rows"),
        ("emozionalmente", "metadata/users.csv", r"\n[0-9a-f]{64}", "\nnobody", "users.csv has no actor [0-9a-f]{64}"),
    ],
)
def test_a_damaged_table_is_refused(name, file, old, new, message, tmp_path):
    shutil.copytree(miniatures.ensure(name), tmp_path / name)
    path = tmp_path / name / file
    if old is None:
        path.unlink()
    else:
        path.write_text(re.sub(old, new, path.read_text(encoding="utf-8"), flags=re.DOTALL), encoding="utf-8")
    with pytest.raises(SerkitError, match=message):
        corpora.load(name, tmp_path / name)


def test_a_duplicate_is_named(tmp_path):
    shutil.copytree(miniatures.ensure("tess"), tmp_path / "tess")
    first = sounds(tmp_path / "tess")[0]
    shutil.copy(first, tmp_path / "tess" / "YAF_sad" / first.name)
    assert f"duplicate utterance {first.stem}, first at {first}; the second is left out" in errors(
        "tess", tmp_path / "tess"
    )


def test_two_speakers_are_said_in_the_title():
    assert "two speakers" in corpora.load("tess", miniatures.ensure("tess")).title
    assert named_files.find(miniatures.ensure("tess"), ["*"], tess._NAME, "")[0] == miniatures.ensure("tess")


def test_a_plan_knows_how_much_speech_the_corpus_itself_has():
    corpus = corpora.load("nemo", miniatures.ensure("nemo"))
    four = corpus.select(["neutral", "happy", "sad", "angry"])
    said = planning.full_size(corpus, four)["said"]
    assert said.startswith(f"{809 + 749 + 769 + 749} utterances of 2.47 s on average for {len(four)} of ")
    assert planning.full_size(corpus, corpus.utterances)["said"].startswith(
        "4481 utterances of 2.47 s on average for 70"
    )
