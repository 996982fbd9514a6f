"""serkit.corpora.loaders.cheavd and its miniature: a user's table, right ones and damaged ones."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from log_mel import log_mel_bands
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from serkit import audio, corpora, files, papers, splits
from serkit.corpora import miniatures
from serkit.corpora.loaders import cheavd
from serkit.corpora.miniatures import cheavd as miniature_cheavd
from serkit.corpora.table import utterance_table
from serkit.errors import SerkitError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return miniatures.write("cheavd", tmp_path_factory.mktemp("miniature") / "cheavd")


@pytest.fixture
def copy(root, tmp_path):
    """A miniature that may be damaged: its table is a copy, its audio files are links."""
    ignore = shutil.ignore_patterns(cheavd.FILE)
    shutil.copytree(root, tmp_path / "copy", copy_function=os.link, ignore=ignore)
    shutil.copy(root / cheavd.FILE, tmp_path / "copy")
    return tmp_path / "copy"


def edit(root, *changes):
    """Replace the first occurrence of texts in the table."""
    path = root / "cheavd.csv"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")


def problems(root, level="error"):
    found = corpora.load("cheavd", root, strict=False).check()
    return found.loc[found["level"] == level, "what"].tolist()


def test_the_miniature_is_table_1_scaled_down(root):
    corpus = corpora.load("cheavd", root)
    table = corpus.utterances
    assert list(table.columns) == [*corpora.COLUMNS, "partition"]
    assert corpus.check(deep=True).empty
    assert corpus.miniature
    assert not corpora.module("cheavd").REDISTRIBUTABLE
    assert table["partition"].value_counts().to_dict() == {"train": 140, "dev": 31, "test": 40}
    counts = pd.crosstab(table["partition"], table["label"])
    assert set(counts.columns) == set(cheavd.LABELS) <= set(corpora.LABELS)
    assert counts.loc["train"].min() >= 3
    assert counts.loc["dev"].min() >= 2
    share = pd.Series({label: cheavd.PUBLISHED[f"train {label}"] / 4917 for label in cheavd.LABELS})
    assert (counts.loc["train"] / 140 - share).abs().max() < 0.01
    tested = table[table["partition"] == "test"]
    assert tested["label"].isna().all()
    assert tested["code"].isna().all()
    assert table.groupby("partition")["speaker"].nunique().to_dict() == {"train": 12, "dev": 4, "test": 4}
    assert table.groupby("speaker")["gender"].first().value_counts().to_dict() == {"f": 10, "m": 10}
    fold = splits.by_partition(table)
    assert (len(fold.train), len(fold.validation), len(fold.test)) == (140, 31, 40)


def test_utterances_are_about_equally_loud_and_of_one_to_three_seconds(root):
    signals = [audio.read(path) for path in corpora.load("cheavd", root).utterances["path"]]
    assert {rate for _, rate in signals} == {16000}
    assert all(16000 <= len(signal) <= 48000 for signal, _ in signals)
    level = [10 * np.log10(np.mean(signal**2)) for signal, _ in signals]
    assert 0.5 < np.std(level) < 1.5
    assert max(np.abs(signal).max() for signal, _ in signals) < 0.9


def test_emotions_are_told_above_chance_and_not_perfectly(root):
    table = corpora.load("cheavd", root).utterances.dropna(subset="label")
    features = np.stack([log_mel_bands(path).mean(axis=0) for path in table["path"]])
    train, dev = (table["partition"] == name for name in ("train", "dev"))
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000))
    predicted = classifier.fit(features[train], table["label"][train]).predict(features[dev])
    assert 0.35 < recall_score(table["label"][dev], predicted, average="macro") < 0.8  # 0.48; chance is 0.125


def test_the_same_seed_gives_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(miniature_cheavd, "SIZES", {"train": 10, "dev": 4, "test": 4})
    monkeypatch.setattr(miniature_cheavd, "LEAST", {"train": 1, "dev": 1, "test": 1})

    def content(name, seed):
        folder = miniatures.write("cheavd", tmp_path / name, seed)
        return {str(p.relative_to(folder)): files.sha256(p) for p in sorted(folder.rglob("*")) if p.is_file()}

    first = content("first", 0)
    assert first == content("second", 0)
    other = content("other", 1)
    assert not set(first.values()) & set(other.values())


def full(labels=True, speakers=True):
    """A table of the size of the corpus, without its files."""
    rows = [
        {"label": None if partition == "test" and not labels else label, "partition": partition}
        for partition in ("train", "dev", "test")
        for label in cheavd.LABELS
        for _ in range(cheavd.PUBLISHED[f"{partition} {label}"])
    ]
    for number, row in enumerate(rows):
        row |= {"id": f"{number:04d}", "speaker": f"{row['partition']}{number % 9}" if speakers else None}
    return utterance_table(rows, extra=["partition"])


def levels(table):
    return [(problem.level, problem.what) for problem in cheavd.check(Path("own.csv"), table, None)]


def test_the_published_counts_are_the_papers():
    due = cheavd.PUBLISHED
    assert len(due) == 27
    assert [due[f"{name} utterances"] for name in ("train", "dev", "test")] == [4917, 707, 1406]
    assert (due["dev surprised"], due["test disgusted"]) == (25, 42)
    for partition in ("train", "dev", "test"):
        assert sum(due[f"{partition} {label}"] for label in cheavd.LABELS) == due[f"{partition} utterances"]


def test_the_published_counts_are_table_1_of_zhao2018():
    due, table = cheavd.PUBLISHED, papers.table("zhao2018", 1)
    words = {"Surprise": "surprised", "Disgust": "disgusted", "Sum": "utterances"}
    partitions = {"Train": "train", "Val": "dev", "Test": "test"}
    printed = {
        f"{partitions[row.metric]} {words.get(row.row, row.row.lower())}": int(row.value)
        for row in table.itertuples()
        if row.metric != "Total"
    }
    assert due == printed


def test_a_complete_copy_is_as_published():
    table = full(labels=False)
    assert len(table) == 7030
    assert levels(table) == []
    [(level, what)] = levels(full())
    assert level == "note"
    assert "labels of the test partition: the challenge withheld them" in what


def test_counts_that_differ_are_named():
    table = full()
    table.loc[0, "label"] = "angry"
    table.loc[7029, "label"] = "sad"
    assert {what for level, what in levels(table.drop(index=5000)) if level == "error"} == {
        "train neutral: 1399 instead of 1400",
        "train angry: 885 instead of 884",
        "dev neutral: 199 instead of 200",
        "dev utterances: 706 instead of 707",
        "test sad: 133 instead of 132",
        "test disgusted: 41 instead of 42",
    }


def test_test_labels_are_all_there_or_none():
    table = full(labels=False)
    table.loc[table["partition"] == "test", "label"] = [*["sad"] * 5, *[None] * 1401]
    assert levels(table) == [("warning", "5 of 1406 test rows have a label")]


def test_without_speakers_the_partitions_cannot_be_verified(copy):
    [(level, what)] = levels(full(labels=False, speakers=False))
    assert level == "warning"
    assert "7030 of 7030 rows have no speaker: whether the partitions share speakers cannot be verified" in what
    edit(copy, ("partition,speaker", "partition,name"))
    corpora.load("cheavd", copy)
    assert "211 of 211 rows have no speaker" in problems(copy, "warning")[0]


def first_row(root, partition):
    """The line number and the text of a partition's first row."""
    lines = (root / "cheavd.csv").read_text(encoding="utf-8").splitlines()
    return next((number, line) for number, line in enumerate(lines, 1) if f",{partition}," in line)


DAMAGES = [
    ("train", 1, "Hapy", "unknown label 'Hapy'\n .*write one of: neutral, angry, happy, sad, worried, anxious, surp"),
    ("train", 1, "", "empty label: only a test row may have none"),
    ("val", 1, " ", "empty label: only a test row may have none"),
    ("train", 2, "eval", "unknown partition 'eval'\n .*write train, val or test"),
    ("train", 2, "", "unknown partition ''"),
    ("train", 4, "x", "unknown gender 'x'\n .*write one of: f, female, m, male"),
    (
        "train",
        0,
        "audio/train/none.wav",
        "no recording 'audio/train/none.wav'\n .*put it at .*none.wav, or correct the path",
    ),
    ("train", 0, "", "empty path; the row is left out"),
    ("train", 0, "audio/train/002.wav", "duplicate id 'audio/train/002', first at .*csv:2; the second is left out"),
    ("test", 5, "a, b", "7 cells under 6 columns; the row is left out"),
]


@pytest.mark.parametrize(("partition", "cell", "text", "message"), DAMAGES, ids=[str(damage[:3]) for damage in DAMAGES])
def test_a_wrong_row_is_named_and_refused(copy, partition, cell, text, message):
    number, line = first_row(copy, partition)
    cells = line.split(",")
    cells[cell] = text
    edit(copy, (line, ",".join(cells)))
    number += "duplicate id" in message  # the second is named
    with pytest.raises(SerkitError, match=f"(?s)cheavd.csv:{number}: {message}"):
        corpora.load("cheavd", copy)
    corpora.load("cheavd", copy, strict=False)  # and can be looked at


def test_a_label_of_another_class_changes_two_counts(copy):
    edit(copy, (",Disgusted,train", ",Worried,train"))
    assert problems(copy) == ["train disgusted: 3 instead of 4", "train worried: 17 instead of 16"]


def test_a_speaker_in_two_partitions_is_named(copy):
    edit(copy, (",val,S13", ",val,S01"))
    with pytest.raises(SerkitError, match=r"(?s)speaker 'S01' is in the partitions dev, train.*use strict=False"):
        corpora.load("cheavd", copy)
    table = corpora.load("cheavd", copy, strict=False).utterances  # as the remedy says
    with pytest.raises(SerkitError, match="share speakers: S01"):
        splits.by_partition(table)
    fold = splits.by_partition(table, disjoint=False)
    assert (len(fold.train), len(fold.validation), len(fold.test)) == (140, 31, 40)


def test_a_truncated_recording_is_named(copy):
    path = copy / "audio" / "train" / "001.wav"
    content = path.read_bytes()
    path.unlink()  # the original remains
    path.write_bytes(content[:-2000])
    with pytest.raises(SerkitError, match=r"001\.wav is truncated"):
        corpora.load("cheavd", copy)


@pytest.mark.parametrize("column", cheavd.REQUIRED)
def test_a_missing_column_is_named(copy, column):
    edit(copy, (column, "other"))
    with pytest.raises(SerkitError, match=f"(?s)no column {column}; columns found: .*on application"):
        corpora.load("cheavd", copy)


def test_split_is_another_name_of_partition(copy):
    edit(copy, (",partition,", ",Split,"))
    assert corpora.load("cheavd", copy).check().empty
    edit(copy, (",text", ",partition"))
    with pytest.raises(SerkitError, match="two columns 'partition'"):
        corpora.load("cheavd", copy)


def test_words_may_be_chinese_and_of_any_case_behind_a_byte_order_mark(copy):
    chinese = dict(zip(cheavd.LABELS, ("中性", "愤怒", "高兴", "悲伤", "担心", "焦虑", "惊讶", "厌恶"), strict=True))
    path = copy / "cheavd.csv"
    text = path.read_text(encoding="utf-8")
    for ours, theirs in (chinese | {"train": "训练", "val": "验证集", "test": "TEST"}).items():
        text = text.replace(f",{ours.capitalize()},", f",{theirs},").replace(f",{ours},", f",{theirs},")
    path.write_text(text, encoding="utf-8-sig")
    corpus = corpora.load("cheavd", copy)
    assert corpus.check().empty
    labelled = corpus.utterances.dropna(subset="label")
    assert labelled["code"].tolist() == [chinese[label] for label in labelled["label"]]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("angry", "Angry ANGER ang 生气"),
        ("happy", "happiness Hap 快乐 开心"),
        ("sad", "Sadness 伤心"),
        ("worried", "worry Wor 担忧"),
        ("anxious", "Anxiety Anx"),
        ("surprised", "Surprise Sup 惊奇"),
        ("disgusted", "Disgust Dis"),
        ("neutral", "NEU"),
    ],
)
def test_usual_forms_of_a_label_are_one_word(label, words):
    assert {cheavd.WORDS[word.lower()] for word in words.split()} == {label}


def test_the_root_is_a_table_or_its_folder(root, tmp_path):
    with pytest.raises(SerkitError, match=r"there is no file .*cheavd\.csv"):
        corpora.load("cheavd", tmp_path)
    with pytest.raises(SerkitError, match="is part of a miniature; give its folder"):
        corpora.load("cheavd", root / "cheavd.csv")
    own = tmp_path / "own.csv"
    own.write_text(f"id,path,label,partition\n1,{root}/audio/train/001.wav,怒,dev\n", encoding="utf-8")
    corpus = corpora.load("cheavd", own, strict=False)
    assert not corpus.miniature
    assert corpus.utterances["partition"].tolist() == ["dev"]
    with pytest.raises(SerkitError, match=r"own\.csv:2: unknown label '怒'"):
        corpora.load("cheavd", own)
