"""Any corpus, described by a table: own recordings, MSP-Podcast.

The root is a CSV file, UTF-8, with the columns path, label and speaker, and optionally id, gender, session, style,
partition (or split), fold, valence, activation, dominance, text, start, end and note. Relative paths are relative to
the CSV file. A label is kept as it is written, without the blanks about it. Where there is no id, the path without its
suffix is the id. A partition is train, dev (or val, validation) or test; papers that divide a corpus by its partition
use it. A fold is a name of the user's own, the same for all recordings of a speaker: each fold is tested once.

Facts: what the table says; any sample rate, any number of channels (averaged on reading). One recording is one
utterance: start and end only tell where in a dialogue it was. What stands in note is shown with the corpus' title.
Extra columns: partition ("train", "dev", "test"), fold and note, where the file has them.
"""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from serkit.corpora.checks import Problem, partition_problems
from serkit.corpora.csv_files import GENDERS, SPLIT, manifest_rows, meaning_of, partition_of
from serkit.corpora.table import NUMERIC, utterance_table

TITLE = "Own recordings, described by a CSV file"
CITATION = ""  # the user's own
LICENCE = "the user's own; treated as not to be passed on"
REDISTRIBUTABLE = False
HOW_TO_GET = """\
Write a CSV file with one row a recording and give its path:
  path,label,speaker,gender
  recordings/anna_01.wav,happy,anna,f
Columns: path, label, speaker; optional: id, gender (f or m), session, style (improvised or scripted), partition
(train, val or test), fold, valence, activation, dominance, text, start, end, note (what every result must say).
Relative paths are relative to the CSV file."""
SAMPLE_RATES = None
STEREO = "note"

REQUIRED = ("path", "label", "speaker")
EXTRA = ("partition", "fold", "note")
OPTIONAL = ("id", "gender", "session", "style", *NUMERIC, "text", *EXTRA)
STYLES = {"improvised": "improvised", "scripted": "scripted", "": None}


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """Read the CSV file.

    Args:
        root: the file.

    Returns:
        The file, the utterances (columns of `serkit.corpora` and, where the file has them, partition, fold and note),
        and what was found wrong: a missing recording, an empty label, speaker or partition, a duplicate id or path, an
        unknown partition, gender or style, a number that is none. A row without a path, a row with too few or too many
        cells, and the second of two rows with one id are left out and named.

    Raises:
        SerkitError: there is no such file, it is no CSV in UTF-8, has no row, or lacks a required column.
    """
    rows, problems = manifest_rows(root, REQUIRED, OPTIONAL, HOW_TO_GET, _parse, also=SPLIT)
    extra = [name for name in EXTRA if any(name in row for row in rows)]
    return root, utterance_table(rows, extra=extra), problems


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Name each label that one speaker alone has, each empty partition, and each speaker who is in two."""
    del expected, deep
    labelled = utterances.dropna(subset=["label", "speaker"])
    problems = [
        Problem(
            "error",
            f"label {label!r} has one speaker only ({group['speaker'].iloc[0]}), so it cannot be tested on a speaker "
            "who was not trained on",
            str(root),
            "add recordings of another speaker, merge the label with another, or remove its rows",
        )
        for label, group in labelled.groupby("label")
        if len(set(group["speaker"])) == 1
    ]
    if "partition" not in utterances:
        return problems
    without = {
        "train": "nothing is left to train on",
        "dev": "a paper that chooses by it cannot use this partition",
        "test": "a paper that tests on it cannot use this partition",
    }
    for name, consequence in without.items():
        if name not in set(utterances["partition"]):
            remedy = "name it in the column partition, or remove the column, so that papers divide the speakers"
            what = f"no utterance of the partition {name!r}: {consequence}"
            problems.append(Problem("warning", what, str(root), remedy))
    return problems + partition_problems(utterances, root, "keep all recordings of a speaker in one partition")


def _parse(cells: dict[str, str], where: str, problems: list[Problem]) -> dict:
    """The columns of a row other than id and path."""
    for name, what in (("label", "an empty class"), ("speaker", "an unknown speaker")):
        if not cells[name]:
            problems.append(Problem("error", f"empty {name}: {what}", where, f"fill the {name} in, or remove the row"))
    row: dict[str, Any] = {
        name: cells[name] or None for name in ("label", "speaker", "session", "text", "fold", "note") if name in cells
    }
    row |= {
        "code": row["label"],
        "gender": meaning_of(cells.get("gender", ""), GENDERS, "gender", where, problems),
        "style": meaning_of(cells.get("style", ""), STYLES, "style", where, problems),
    }
    if "partition" in cells:
        row["partition"] = partition_of(cells, where, problems)
    for name in NUMERIC:
        row[name] = _number(cells.get(name, ""), name, where, problems)
    return row


def _number(given: str, name: str, where: str, problems: list[Problem]) -> float:
    try:
        value = float(given) if given else math.nan
        if given and not math.isfinite(value):
            raise ValueError(given)
    except ValueError:
        problems.append(
            Problem("error", f"{name} {given!r} is not a number", where, "write a number, or leave it empty")
        )
        return math.nan
    return value
