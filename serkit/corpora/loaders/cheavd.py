"""CHEAVD 2.0 as of MEC 2017: speech of Chinese films and television in eight emotions, described by a table.

How the challenge laid its files out is not public, so the root is a CSV file of the user's own, UTF-8, with the columns
path, label and partition (or split), and optionally id, speaker, gender and text; or a folder with such a file,
cheavd.csv. Relative paths are relative to the CSV file. Labels are English or Chinese words (`WORDS`), partitions too
(`corpora.csv_files.PARTITION_WORDS`). A test row may be without a label: the challenge withheld them.

Facts: 7030 utterances, 4917 to train, 707 to validate and 1406 to test, in eight classes of which neutral is the
largest and disgusted the smallest (Zhao et al. 2018, Table 1, which `check` compares a copy with). The text of that
paper (section 4.1) gives CHEAVD 2.0 as 2852 segments, 140 minutes, and counts 7030 samples all the same. 140 minutes,
of 238 speakers, is what Li et al. 2017 say of the first CHEAVD, which 2.0 extends (abstract of Li et al. 2018). Surveys
count 527 speakers in 2.0; whether its partitions share speakers is not known. Any sample rate, any number of channels
(averaged on reading).

Extra column: partition ("train", "dev", "test"). `code` keeps the label as it is written.
"""

from pathlib import Path

import pandas as pd

from serkit.corpora.checks import Problem, count_problems, partition_problems
from serkit.corpora.csv_files import GENDERS, SPLIT, manifest_rows, meaning_of, partition_of
from serkit.corpora.table import MARKER, utterance_table
from serkit.errors import SerkitError

TITLE = "Chinese Natural Audio-Visual Emotion Database 2.0 (CHEAVD 2.0), as of MEC 2017"
CITATION = """\
@inproceedings{li2018mec,
  author    = {Li, Ya and Tao, Jianhua and Schuller, Bj{\\"o}rn and Shan, Shiguang and Jiang, Dongmei and Jia, Jia},
  title     = {{MEC} 2017: Multimodal Emotion Recognition Challenge},
  booktitle = {First Asian Conference on Affective Computing and Intelligent Interaction (ACII Asia)},
  year      = {2018},
  doi       = {10.1109/ACIIAsia.2018.8470342}
}
@article{li2017cheavd,
  author  = {Li, Ya and Tao, Jianhua and Chao, Linlin and Bao, Wei and Liu, Yazhu},
  title   = {{CHEAVD}: a {Chinese} natural emotional audio--visual database},
  journal = {Journal of Ambient Intelligence and Humanized Computing},
  volume  = {8},
  number  = {6},
  pages   = {913--924},
  year    = {2017},
  doi     = {10.1007/s12652-016-0406-z}
}"""
LICENCE = "for research, on application; not to be passed on"
REDISTRIBUTABLE = False
HOW_TO_GET = """\
CHEAVD 2.0 is given for research on application to ChineseLDC (http://www.chineseldc.org). Write a CSV file with one row
a recording, and give its path, or that of a folder in which it is named cheavd.csv:
  path,label,partition,speaker,gender
  wav/0001.wav,Angry,train,S001,f
  wav/5001.wav,,test,S301,m
Columns: path, label (neutral, angry, happy, sad, worried, anxious, surprised, disgusted, or their Chinese names; empty
where the test labels are withheld), partition (train, val or test); optional: id, speaker, gender (f or m), text.
Relative paths are relative to the CSV file. Without it, begin with the miniature: serkit miniature cheavd FOLDER"""
SAMPLE_RATES = None
MEAN_SECONDS = 140 * 60 / 2852  # of an utterance
STEREO = "note"

REQUIRED = ("path", "label", "partition")
OPTIONAL = ("id", "speaker", "gender", "text")
FILE = "cheavd.csv"
_SPELLINGS = {
    "neutral": "neutral neu 中性",
    "angry": "angry anger ang 愤怒 生气",
    "happy": "happy happiness hap 高兴 快乐 开心",
    "sad": "sad sadness 悲伤 伤心",
    "worried": "worried worry wor 担心 担忧",
    "anxious": "anxious anxiety anx 焦虑",
    "surprised": "surprised surprise sur sup 惊讶 惊奇",
    "disgusted": "disgusted disgust dis 厌恶",
}
LABELS = tuple(_SPELLINGS)
_COUNTS = {  # utterances, then those of each class in the order of LABELS: zhao2018, Table 1
    "train": (4917, 1400, 884, 828, 462, 567, 457, 175, 144),
    "dev": (707, 200, 128, 119, 67, 81, 66, 25, 21),
    "test": (1406, 400, 252, 236, 132, 162, 131, 51, 42),
}
PUBLISHED = {
    f"{partition} {figure}": count
    for partition, counts in _COUNTS.items()
    for figure, count in zip(("utterances", *LABELS), counts, strict=True)
}
# What a user may write, in lower case -> our word.
WORDS = {spelling: label for label, spellings in _SPELLINGS.items() for spelling in spellings.split()}


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """Read the CSV file.

    Args:
        root: the file, or the folder that holds cheavd.csv.

    Returns:
        `root`, the utterances (columns of `serkit.corpora` and partition), and what was found wrong: a missing
        recording, an unknown label, partition or gender, an empty label outside the test partition, a duplicate id or
        path. A row without a path, a row with too few or too many cells, and the second of two rows with one id are
        left out and named.

    Raises:
        SerkitError: there is no such file, it is no CSV in UTF-8, has no row, lacks a required column, or is the
            miniature's, whose folder is to be given.
    """
    path = _csv_file(root)
    if path == root and (root.parent / MARKER).is_file():  # it would pass for the corpus
        raise SerkitError(f"{root} is part of a miniature; give its folder: {root.parent}")
    rows, problems = manifest_rows(path, REQUIRED, OPTIONAL, HOW_TO_GET, _parse, also=SPLIT)
    return root, utterance_table(rows, extra=["partition"]), problems


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Compare a copy with Table 1 of zhao2018, or with the counts `expected` of a miniature; look at its speakers.

    The classes of the test partition are compared only where all of its labels are there.
    """
    del deep  # the table is read anyway
    path = _csv_file(root)
    tested = utterances.loc[utterances["partition"] == "test", "label"]
    problems = _speaker_problems(path, utterances)
    due = PUBLISHED if expected is None else expected
    if tested.isna().any():
        due = {name: number for name, number in due.items() if name == "test utterances" or name[:5] != "test "}
    if 0 < tested.notna().sum() < len(tested):
        what = f"{tested.notna().sum()} of {len(tested)} test rows have a label"
        problems.append(Problem("warning", what, str(path), "give all test labels, or none"))
    elif tested.notna().any() and expected is None:
        what = "labels of the test partition: the challenge withheld them, and zhao2018 measured on its val"
        problems.append(Problem("note", what, str(path), "say so beside a result on the test partition"))
    remedy = "see the other problems of this list, or compare the file with the challenge's own lists"
    return problems + count_problems(count(root, utterances), due, path, remedy)


def count(root: Path, utterances: pd.DataFrame) -> dict[str, int]:
    """Count what `PUBLISHED` has figures of: ``{"dev utterances": 707, "dev angry": 128, ...}``."""
    del root  # everything is in the table
    found = {f"{name} utterances": int(n) for name, n in utterances["partition"].value_counts().items()}
    classes = utterances.groupby(["partition", "label"]).size()
    return found | {f"{partition} {label}": int(n) for (partition, label), n in classes.items()}


def _csv_file(root: Path) -> Path:
    return root / FILE if root.is_dir() else root


def _parse(cells: dict[str, str], where: str, problems: list[Problem]) -> dict:
    """The columns of a row other than id and path."""
    partition = partition_of(cells, where, problems)
    label = None
    if cells["label"]:
        remedy = f"write one of: {', '.join(LABELS)}"
        label = meaning_of(cells["label"], WORDS, "label", where, problems, remedy)
    elif partition != "test":
        what = "empty label: only a test row may have none"
        problems.append(Problem("error", what, where, "fill the label in, or remove the row"))
    return {
        "label": label,
        "code": cells["label"] or None,
        "speaker": cells.get("speaker") or None,
        "gender": meaning_of(cells.get("gender", ""), GENDERS, "gender", where, problems),
        "text": cells.get("text") or None,
        "partition": partition,
    }


def _speaker_problems(path: Path, utterances: pd.DataFrame) -> list[Problem]:
    """Name each speaker who is in two partitions, and say where that cannot be seen."""
    problems = []
    if nameless := int(utterances["speaker"].isna().sum()):
        what = (
            f"{nameless} of {len(utterances)} rows have no speaker: whether the partitions share speakers cannot be "
            "verified"
        )
        problems.append(Problem("warning", what, str(path), "add a column speaker, or say so beside the result"))
    remedy = "correct the name or the partition; if the challenge divided it so, use strict=False and say so"
    return problems + partition_problems(utterances, path, remedy)
