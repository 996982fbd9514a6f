"""serkit.corpora.loaders.recola and continuous: a miniature, damaged copies of it, and the other releases' layouts."""

import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile

from serkit import audio, corpora, metrics, splits
from serkit.corpora import miniatures, trajectories
from serkit.corpora.loaders import recola
from serkit.corpora.miniatures import recola as miniature_recola
from serkit.errors import SerkitError

GOLD = "ratings_gold_standard/arousal/dev_2.arff"
RATERS = "ratings_individual/valence/train_5.csv"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The miniature with recordings of ten seconds."""
    root = tmp_path_factory.getbasetemp() / "recola"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(miniature_recola, "SECONDS", 10)
        return miniatures.write("recola", root)


@pytest.fixture
def copy(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "copy")


def errors(root, name="recola", level="error"):
    found = corpora.load(name, root, strict=False).check()
    return found[found["level"] == level]


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_sound_copy_is_a_table_of_recordings(sound):
    corpus = corpora.load("recola", sound)
    assert corpus.check().empty
    table = corpus.recordings
    assert list(table.columns) == [*corpora.COLUMNS, "partition", "release", "rows"]
    assert table["partition"].value_counts().to_dict() == {"train": 9, "dev": 9, "test": 9}
    assert table["rows"].eq(251).all()
    assert table["speaker"].is_unique
    labels = corpus.trajectories()
    assert list(labels.columns) == ["id", "time", "arousal", "valence"]
    assert set(labels["id"]) == set(table.loc[table["partition"] != "test", "id"])
    assert labels.groupby("id").size().eq(251).all()
    np.testing.assert_allclose(labels.loc[labels["id"] == "dev_1", "time"], 0.04 * np.arange(251))


def test_gold_standards_are_those_of_the_raters(sound):
    corpus = corpora.load("recola", sound)
    ratings = corpus.ratings()
    assert list(ratings.columns) == ["id", "rater", "time", "arousal", "valence"]
    assert sorted(ratings["rater"].unique()) == ["FF1", "FF2", "FF3", "FM1", "FM2", "FM3"]
    labels = corpus.trajectories().set_index("id")
    for name in ("train_1", "dev_9"):
        for dimension in recola.DIMENSIONS:
            one = ratings[ratings["id"] == name].pivot_table(dimension, "time", "rater")
            expected = trajectories.gold_standard(one.to_numpy())
            np.testing.assert_allclose(labels.loc[name, dimension], expected, atol=1e-6)


def test_the_gold_standard_weights_the_raters_means_by_their_agreement():
    random = np.random.default_rng(0)
    ratings = random.normal(size=(50, 1)) + 0.3 * random.normal(size=(50, 4)) + [0, 0.1, 0.2, 3]
    weights = [
        np.mean([metrics.ccc(ratings[:, one], ratings[:, other]) for other in range(4) if other != one])
        for one in range(4)
    ]
    np.testing.assert_allclose(metrics.agreement(ratings), weights)
    middle = ratings.mean(axis=0) @ weights / sum(weights)
    expected = np.mean([ratings[:, r] - ratings[:, r].mean() + middle for r in range(4)], axis=0)
    np.testing.assert_allclose(trajectories.gold_standard(ratings), expected)
    against = np.stack([np.arange(5.0), -np.arange(5.0)], axis=1)  # nobody agrees: the plain mean
    np.testing.assert_allclose(trajectories.gold_standard(against), 0, atol=1e-12)


def test_arff_round_trip(tmp_path, random):
    values = random.normal(size=7501)
    trajectories.write_arff(tmp_path / "dev_1.arff", values)
    table, problems = trajectories.read_arff(tmp_path / "dev_1.arff")
    assert not problems
    np.testing.assert_allclose(table["value"], values, atol=5e-7)
    assert table["time"].iloc[-1] == 300
    assert (tmp_path / "dev_1.arff").read_text().splitlines()[10].startswith("dev_1,0.04,")


@pytest.mark.parametrize(
    ("path", "old", "new", "line", "what"),
    [
        (GOLD, "dev_2,0.08,", "dev_2,0.08;", 12, "no row of name,time,value: 'dev_2,0.08;"),
        (GOLD, "dev_2,0.12,", "dev_2,0.12,nan,", 13, "no row of name,time,value: 'dev_2,0.12,nan,"),
        (GOLD, "dev_2,0.16,", "dev_2,zero,", 14, "no row of name,time,value: 'dev_2,zero,"),
        (GOLD, "dev_2,0.20,", "dev_2,0.30,", 15, "a row at 0.3 s where 0.2 s is due (one row every 0.04 s)"),
        (GOLD, "@data", "@date", None, "no line @data"),
        (GOLD, "dev_2,", "dev_3,", None, "holds the annotation of dev_3"),
    ],
)
def test_a_broken_line_is_named_with_its_file_and_number(copy, path, old, new, line, what):
    edit(copy / path, old, new)
    found = errors(copy)
    where = str(copy / path) + (f":{line}" if line else "")
    assert found["where"].iloc[0] == where
    assert what in found["what"].iloc[0]
    with pytest.raises(SerkitError, match=r"this copy of recola has \d error"):
        corpora.load("recola", copy)


def test_many_broken_lines_are_counted(copy):
    path = copy / GOLD
    path.write_text(path.read_text().replace("dev_2,", "dev_2 "))
    found = errors(copy)["what"].tolist()
    assert sum("no row of name,time,value" in what for what in found) == 3
    assert "251 broken lines in all" in found


def test_without_strict_a_recording_without_a_sound_annotation_is_left_out(copy, manifest):
    edit(copy / GOLD, "dev_2,0.12,", "dev_2,0.12,nan,")
    (copy / "ratings_gold_standard/valence/train_1.arff").unlink()
    corpus = corpora.load("recola", copy, strict=False)
    assert corpus.recordings["partition"].value_counts().to_dict() == {"test": 9, "train": 8, "dev": 8}
    labels = corpus.trajectories()
    assert not {"dev_2", "train_1"} & set(labels["id"])
    assert labels.notna().all(axis=None)
    notes = errors(copy, level="note")["what"].tolist()
    assert "dev_2 is left out of the partition 'dev': its annotation cannot be used" in notes
    edit(manifest.parent / "c.csv", "0.2,", "0.2;")
    own = corpora.load("continuous", manifest, strict=False)
    assert own.recordings["id"].tolist() == ["a", "b", "d"]
    assert set(own.trajectories()["id"]) == {"a", "b"}


def test_a_broken_rating_is_a_warning(copy):
    edit(copy / RATERS, "0.04;", "0.04;;")
    assert errors(copy).empty
    found = errors(copy, level="warning")
    assert found["where"].tolist() == [f"{copy / RATERS}:3"]
    assert found["what"].str.startswith("no row of time;FM1;FM2").all()


def test_annotations_that_are_missing_or_of_another_length_or_rate(copy):
    (copy / GOLD).unlink()
    found = errors(copy)
    assert f"no arousal annotation of dev_2 [{copy / GOLD}]" in (found["what"] + " [" + found["where"] + "]").tolist()
    assert "dev arousal annotations: 8 instead of 9" in found["what"].tolist()

    path = copy / "ratings_gold_standard/valence/train_1.arff"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-20]))
    whats = errors(copy)["what"].tolist()
    assert "train_1: 251 rows of arousal, 231 rows of valence" in whats
    assert errors(copy, level="warning")["what"].str.startswith("231 rows every 0.04 s annotate 9.24 s, but").all()
    path.write_text("\n".join(lines[:9] + lines[9::2]))
    found = errors(copy)
    assert f"{path}:11" in found["where"].tolist()
    assert "a row at 0.08 s where 0.04 s is due (one row every 0.04 s)" in found["what"].tolist()


def test_missing_and_unreadable_and_other_recordings(copy):
    folder = copy / "recordings_audio"
    (folder / "dev_1.wav").unlink()
    (folder / "train_2.wav").write_bytes(b"RIFF")
    (folder / "notes.txt").touch()
    soundfile.write(folder / "train_3.wav", np.full(8000 * 10, 0.1), 8000)
    audio.write(folder / "test_3.wav", np.full(16000 * 4, 0.1), 16000)
    found = errors(copy)
    assert "dev recordings: 8 instead of 9" in found["what"].tolist()
    assert found["remedy"].str.contains("missing recordings: dev_1").any()
    assert found["where"].str.contains("train_2.wav").any()
    assert any("sample rate 8000 Hz instead of 44100 or 16000 Hz" in what for what in found["what"])
    assert errors(copy, level="note")["where"].tolist() == [str(folder / "notes.txt")]
    recordings = corpora.load("recola", copy, strict=False).recordings.set_index("id")
    assert recordings.loc["test_3", "rows"] == 101  # by its length, as it has no annotation


def test_avec_2018_names(copy, tmp_path):
    (copy / "labels").mkdir()
    (copy / "ratings_gold_standard").rename(copy / "labels" / "gs_1")
    (copy / "ratings_individual").rename(copy / "labels" / "individual")
    corpus = corpora.load("recola", copy)
    assert corpus.recordings["release"].eq("AVEC 2018").all()
    assert len(corpus.trajectories()) == 18 * 251
    assert len(corpus.ratings()) == 18 * 251 * 6
    copy.rename(tmp_path / "AVEC2018")  # the folder above is found as well
    assert corpora.load("recola", tmp_path, strict=False).root == tmp_path / "AVEC2018"


@pytest.fixture
def raw(sound, tmp_path):
    """The raw release: participants of all partitions and one of none, raters only."""
    root = tmp_path / "RECOLA"
    pairs = {"P16": "train_1", "P19": "dev_1", "P13": "dev_2", "P17": "dev_3"}
    for name, source in pairs.items():
        for dimension in recola.DIMENSIONS:
            folder = root / "RECOLA-Annotation" / "emotional_behaviour" / dimension
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(sound / "ratings_individual" / dimension / f"{source}.csv", folder / f"{name}.csv")
        (root / "RECOLA-Audio-recordings").mkdir(exist_ok=True)
        shutil.copy(sound / "recordings_audio" / f"{source}.wav", root / "RECOLA-Audio-recordings" / f"{name}.wav")
    return root


def test_the_raw_release(raw, sound):
    corpus = corpora.load("recola", raw, strict=False)
    table = corpus.recordings.set_index("id")
    assert table["partition"].dropna().to_dict() == {"P16": "train", "P19": "dev", "P13": "test"}
    assert table["release"].eq("RECOLA").all()
    labels = corpus.trajectories()
    same = corpora.load("recola", sound).trajectories()
    for dimension in recola.DIMENSIONS:
        computed = labels.loc[labels["id"] == "P16", dimension].to_numpy()
        np.testing.assert_allclose(computed, same.loc[same["id"] == "train_1", dimension], atol=1e-6)
    found = corpus.check()
    assert "not among AVEC's 27 participants, so in no partition and left out: P17" in found["what"].tolist()
    assert found["remedy"].str.contains("RECOLA-27, own test").any()
    assert found["what"].str.contains("251 rows instead of 7501").sum() == 4
    assert found["remedy"].str.contains("missing recordings: P20, P21").any()


@pytest.fixture
def public(sound, tmp_path, monkeypatch):
    """The raw release as it is given out: 23 participants, those of train and dev among them, all of usual length."""
    monkeypatch.setattr(recola, "ROWS", 251)
    root = tmp_path / "public"
    (root / "audio").mkdir(parents=True)
    people = [*recola.PARTICIPANTS["train"], *recola.PARTICIPANTS["dev"], 17, 22, 29, 43, 58]
    for dimension in recola.DIMENSIONS:
        labels = root / "RECOLA-Annotation" / "emotional_behaviour" / dimension
        labels.mkdir(parents=True)
        for person in people:
            shutil.copy(sound / "ratings_individual" / dimension / "dev_1.csv", labels / f"P{person}.csv")
    for person in people:
        shutil.copy(sound / "recordings_audio" / "dev_1.wav", root / "audio" / f"P{person}.wav")
    return root


def test_the_public_raw_release_loads_without_test_and_without_outsiders(public):
    corpus = corpora.load("recola", public)
    assert len(corpus.utterances) == 23
    assert corpus.recordings["partition"].value_counts().to_dict() == {"train": 9, "dev": 9}
    for table in (corpus.trajectories(), corpus.ratings()):
        assert set(table["id"]) == set(corpus.recordings["id"])
    fold = splits.by_partition(corpus.recordings, required=("train", "dev"))
    assert (len(fold.train), len(fold.validation), len(fold.test)) == (9, 9, 0)
    assert not corpus.complete  # no published count of the test partition holds
    notes = corpus.check()
    assert notes["level"].eq("note").all()
    assert notes["what"].str.startswith("the raw release has no test recordings").any()
    assert notes["what"].str.endswith("left out: P17, P22, P29, P43, P58").any()
    (public / "RECOLA-Annotation" / "emotional_behaviour" / "arousal" / "P17.csv").unlink()
    assert errors(public).empty  # nobody uses it
    (public / "RECOLA-Annotation" / "emotional_behaviour" / "arousal" / "P16.csv").unlink()
    with pytest.raises(SerkitError, match="no arousal annotation of P16"):
        corpora.load("recola", public)


@pytest.mark.parametrize("seconds", [9.99, 10.05])
def test_a_recording_of_about_the_usual_length_has_the_usual_rows(copy, monkeypatch, seconds):
    monkeypatch.setattr(recola, "ROWS", 251)
    (copy / corpora.MARKER).unlink()
    for name in ("test_1", "dev_1"):
        audio.write(copy / "recordings_audio" / f"{name}.wav", np.full(round(16000 * seconds), 0.1), 16000)
    corpus = corpora.load("recola", copy)
    assert corpus.recordings["rows"].eq(251).all()
    assert corpus.complete
    (copy / "recordings_audio" / "test_1.wav").unlink()
    assert not corpora.load("recola", copy, strict=False).complete


def test_a_folder_without_a_release_says_what_is_expected(tmp_path):
    with pytest.raises(SerkitError, match=r"(?s)no folder ratings_gold_standard, labels/gs_1, .*recordings_audio/"):
        corpora.load("recola", tmp_path)


def test_a_corpus_of_utterances_has_no_annotations(iemocap_miniature):
    corpus = corpora.load("iemocap", iemocap_miniature)
    for use in (corpus.trajectories, lambda: corpus.recordings):
        with pytest.raises(SerkitError, match="iemocap lacks what is needed here:\n  no trajectories"):
            use()


# The manifest of own recordings


def signal(seconds):
    return np.full(round(seconds * 8000), 0.1)


@pytest.fixture
def manifest(tmp_path):
    """Four recordings of four seconds at 10 Hz, the test one without annotation."""
    rows = []
    for name, partition in (("a", "train"), ("b", "dev"), ("c", "train"), ("d", "test")):
        soundfile.write(tmp_path / f"{name}.wav", signal(4), 8000)
        time = np.round(0.1 * np.arange(41), 2)
        table = pd.DataFrame({"time": time, "arousal": np.sin(time), "liking": np.cos(time)})
        if partition != "test":
            table.to_csv(tmp_path / f"{name}.csv", index=False)
        rows.append([f"{name}.wav", f"{name}.csv" if partition != "test" else "", partition])
    path = tmp_path / "recordings.csv"
    pd.DataFrame(rows, columns=["path", "annotation", "partition"]).to_csv(path, index=False)
    return path


def test_a_manifest_of_recordings(manifest):
    corpus = corpora.load("continuous", manifest)
    table = corpus.recordings.set_index("id")
    assert table["partition"].to_dict() == {"a": "train", "b": "dev", "c": "train", "d": "test"}
    assert table["rows"].tolist() == [41] * 4
    assert table["step"].tolist() == [0.1] * 4
    assert table["speaker"].tolist() == list("abcd")
    labels = corpus.trajectories()
    assert list(labels.columns) == ["id", "time", "arousal", "liking"]
    assert labels.groupby("id").size().to_dict() == {"a": 41, "b": 41, "c": 41}


@pytest.mark.parametrize(
    ("file", "old", "new", "where", "what"),
    [
        ("recordings.csv", "b.csv", "x.csv", ":3", "no annotation 'x.csv'"),
        ("recordings.csv", "b.wav", "x.wav", ":3", "no recording 'x.wav'"),
        ("recordings.csv", "b.wav,b.csv,dev", "b.wav,,dev", ":3", "no annotation ''"),
        ("recordings.csv", "b.csv,dev", "b.csv,devel", ":3", "unknown partition 'devel'"),
        ("recordings.csv", "b.csv,dev", "b.csv,train", "", "no recording of the partition 'dev'"),
        ("recordings.csv", "c.wav", "a.wav", ":4", "duplicate id 'a'"),
        ("recordings.csv", "c.csv,train", "c.csv,train,x", ":4", "4 cells under 3 columns"),
        ("c.csv", "0.2,", "0.2;", ":4", "no row of time,arousal,liking: '0.2;"),
        ("c.csv", "time,arousal", "seconds,arousal", ":1", "the first line names the columns seconds, arousal, liking"),
        ("c.csv", "time,arousal", "time,valence", "", "dimensions valence, liking, but dimensions arousal, liking in"),
        ("c.csv", "1.0,", "1.5,", ":12", "a row at 1.5 s where 1 s is due (one row every 0.1 s)"),
    ],
)
def test_mistakes_in_a_manifest_are_named(manifest, file, old, new, where, what):
    edit(manifest.parent / file, old, new)
    found = errors(manifest, "continuous")
    assert f"{manifest.parent / file}{where}" in found["where"].tolist()
    assert found["what"].str.contains(what, regex=False).any(), found["what"].tolist()


def test_an_annotation_of_another_length_or_rate_than_the_others(manifest):
    path = manifest.parent / "c.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:20]))
    assert errors(manifest, "continuous")["what"].tolist() == [
        f"19 rows every 0.1 s annotate 1.90 s, but {manifest.parent / 'c.wav'} lasts 4.00 s"
    ]
    path.write_text("\n".join(lines[:1] + lines[1::2]))
    found = errors(manifest, "continuous")
    assert found["what"].tolist() == [f"one row every 0.2 s, but one row every 0.1 s in {manifest.parent / 'a.csv'}"]
    assert found["where"].tolist() == [str(path)]


def test_a_speaker_in_two_partitions(manifest):
    table = pd.read_csv(manifest).assign(speaker=["anna", "anna", "bert", "carl"])
    table.to_csv(manifest, index=False)
    found = errors(manifest, "continuous")["what"].tolist()
    assert found == ["speaker 'anna' is in the partitions dev, train"]


def test_a_manifest_of_recordings_has_the_rules_of_the_other_one(manifest):
    table = pd.read_csv(manifest).assign(gender=["female", "M", "male", ""], note="spoken to a machine")
    table["split"] = ["Train", "validation", "training", "test"]
    table.drop(columns="partition").to_csv(manifest, index=False)
    corpus = corpora.load("continuous", manifest)
    assert corpus.check().empty
    assert corpus.recordings["gender"].tolist()[:3] == ["f", "m", "m"]
    assert corpus.recordings["partition"].tolist() == ["train", "dev", "train", "test"]
    assert corpus.title.endswith("described by a CSV file (spoken to a machine)")
    edit(manifest, "female", "lady")
    assert errors(manifest, "continuous")["what"].tolist() == ["unknown gender 'lady'"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,annotation\na.wav,a.csv\n", "no column partition; columns found: path, annotation"),
        ("path,annotation,partition\n", "has a header but no rows"),
        ("path,path,annotation,partition\na,b,c,d\n", "two columns 'path'"),
    ],
)
def test_a_manifest_that_cannot_be_read(tmp_path, text, message):
    (tmp_path / "recordings.csv").write_text(text)
    with pytest.raises(SerkitError, match=message):
        corpora.load("continuous", tmp_path / "recordings.csv")
