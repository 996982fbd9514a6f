"""Any continuously annotated corpus, described by a table: own recordings, SEWA, another challenge.

The root is a CSV file, UTF-8, with the columns path, annotation and partition (or split), and optionally id, speaker,
gender, session and note. Relative paths are relative to the CSV file. The partition is train, dev or test. An
annotation is a CSV file with a column time, in seconds from 0, and one column a dimension; all have the same step,
whatever it is. A test recording may be without annotation: it is predicted and not scored.

Facts: what the table says; any sample rate, any number of channels (averaged on reading). Where there is no speaker,
each recording is one. What stands in note is shown with the corpus' title. Extra columns: partition, rows (the number
of values that its annotation has), step (seconds between two of them) and note.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serkit.corpora.checks import Problem, left_out, partition_problems
from serkit.corpora.csv_files import GENDERS, SPLIT, manifest_rows, meaning_of, partition_of
from serkit.corpora.table import utterance_table
from serkit.corpora.trajectories import length_problem, read_csv, rows_of

TITLE = "Own recordings with continuous annotations, described by a CSV file"
CITATION = ""  # the user's own
LICENCE = "the user's own; treated as not to be passed on"
REDISTRIBUTABLE = False
HOW_TO_GET = """\
Write a CSV file with one row a recording and give its path:
  path,annotation,partition,speaker
  recordings/anna_01.wav,labels/anna_01.csv,train,anna
Columns: path, annotation, partition (train, val or test; a test recording may have no annotation); optional: id,
speaker, gender (f or m), session, note (what every result must say). An annotation has a column time (seconds from 0,
the same step throughout) and one column a dimension:
  time,arousal,valence
  0.00,0.12,-0.03
Relative paths are relative to the CSV file of recordings."""
SAMPLE_RATES = None
STEREO = "note"

REQUIRED = ("path", "annotation", "partition")
OPTIONAL = ("id", "speaker", "gender", "session", "note")


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """Read the CSV file and the annotations that it names.

    Args:
        root: the file.

    Returns:
        The file, the recordings (columns of `serkit.corpora`, partition, rows, step and note), and what was found
        wrong: a missing recording or annotation, an annotation with a broken line, of another length than its
        recording, or of another rate or other dimensions than the first, an unknown partition or gender, a duplicate id
        or path. A row without a path, a row with too few or too many cells, and the second of two rows with one id are
        left out and named; a recording whose annotation cannot be used is in no partition.

    Raises:
        SerkitError: there is no such file, it is no CSV in UTF-8, has no row, or lacks a required column.
    """
    rows, problems = _rows(root)
    first: tuple | None = None  # the annotation that the others are compared with: file, dimensions, step
    for row in rows:
        row["speaker"] = row["speaker"] or row["id"]
        path = row["annotation"]
        if path is None:
            continue
        table, found = read_csv(path, None, ",")
        if not found:
            first = first or (path, tuple(table.columns[1:]), _step(table))
            row |= {"rows": len(table), "step": _step(table)}
            found = _unlike(first, path, table)
            found += length_problem(path, len(table), row["step"], row["path"], "error")
        problems += left_out(row, path, found)
    for row in rows:
        row.setdefault("step", first[2] if first else np.nan)
        row.setdefault("rows", rows_of(row["path"], row["step"]) if first else 0)
    return root, utterance_table(rows, extra=["partition", "rows", "step", "note"]), problems


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Name a partition that has no recording, and speakers who are in two."""
    del expected, deep
    problems = [
        Problem("error", f"no recording of the partition {name!r}", str(root), "add recordings of other speakers to it")
        for name in ("train", "dev")
        if name not in set(utterances["partition"])
    ]
    return problems + partition_problems(utterances, root, "keep all recordings of a speaker in one partition")


def trajectories(root: Path) -> pd.DataFrame:
    """Read the annotations: columns id, time (seconds) and one a dimension."""
    tables = []
    for row in _rows(root)[0]:
        if row["annotation"] is not None:
            table = read_csv(row["annotation"], None, ",")[0]
            table.insert(0, "id", row["id"])
            tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["id", "time"])


def _rows(root: Path) -> tuple[list[dict[str, Any]], list[Problem]]:
    """The rows of the CSV file, each with the file of its annotation (None without one), and what is wrong."""

    def parse(cells: dict[str, str], where: str, problems: list[Problem]) -> dict[str, Any]:
        partition = partition_of(cells, where, problems)
        path = (root.parent / Path(cells["annotation"]).expanduser()).resolve() if cells["annotation"] else None
        if (path is None and partition != "test") or (path is not None and not path.is_file()):
            what = f"no annotation {cells['annotation']!r}"
            problems.append(Problem("error", what, where, "put the file there, or correct the path"))
            path, partition = None, None
        return {
            "annotation": path,
            "speaker": cells.get("speaker") or None,
            "gender": meaning_of(cells.get("gender", ""), GENDERS, "gender", where, problems),
            "session": cells.get("session") or None,
            "partition": partition,
            "note": cells.get("note") or None,
        }

    return manifest_rows(root, REQUIRED, OPTIONAL, HOW_TO_GET, parse, also=SPLIT)


def _step(table: pd.DataFrame) -> float:
    return round(float(np.median(np.diff(table["time"]))), 6)


def _unlike(first: tuple, path: Path, table: pd.DataFrame) -> list[Problem]:
    """Compare an annotation with the first one: file, dimensions and step."""
    own, problems = (path, tuple(table.columns[1:]), _step(table)), []
    for index, what in ((1, "dimensions {}"), (2, "one row every {} s")):
        if own[index] != first[index]:
            shown = [what.format(", ".join(one[index]) if index == 1 else one[index]) for one in (own, first)]
            remedy = "bring all annotations to the same columns and the same step"
            problems.append(Problem("error", f"{shown[0]}, but {shown[1]} in {first[0]}", str(path), remedy))
    return problems
