"""Any continuously annotated corpus, described by a table: own recordings, SEWA, another challenge.

The root is a CSV file, UTF-8, with the columns path, annotation and partition, and optionally id, speaker, gender and
session. Relative paths are relative to the CSV file. The partition is train, dev or test. An annotation is a CSV file
with a column time, in seconds from 0, and one column a dimension; all have the same step, whatever it is. A test
recording may be without annotation: it is predicted and not scored.

Facts: what the table says; any sample rate, any number of channels (averaged on reading). Where there is no speaker,
each recording is one. Extra columns: partition, rows (the number of values that its annotation has) and step (seconds
between two of them).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from serkit.corpora import annotations as trajectories
from serkit.corpora.common import Problem, csv_lines, utterance_table

TITLE = "Own recordings with continuous annotations, described by a CSV file"
CITATION = ""  # the user's own
LICENCE = "the user's own; treated as not to be passed on"
REDISTRIBUTABLE = False
HOW_TO_GET = """\
Write a CSV file with one row a recording and give its path:
  path,annotation,partition,speaker
  recordings/anna_01.wav,labels/anna_01.csv,train,anna
Columns: path, annotation, partition (train, dev or test; a test recording may have no annotation); optional: id,
speaker, gender (f or m), session. An annotation has a column time (seconds from 0, the same step throughout) and one
column a dimension:
  time,arousal,valence
  0.00,0.12,-0.03
Relative paths are relative to the CSV file of recordings."""
SAMPLE_RATES = None
STEREO = "note"

REQUIRED = ("path", "annotation", "partition")
OPTIONAL = ("id", "speaker", "gender", "session")
PARTITIONS = ("train", "dev", "test")


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """Read the CSV file and the annotations that it names.

    Args:
        root: the file.

    Returns:
        The file, the recordings (columns of `serkit.corpora`, partition, rows and step), and what was found wrong: a
        missing recording or annotation, an annotation with a broken line, of another length than its recording, or of
        another rate or other dimensions than the first, an unknown partition, a duplicate id. A row without a path,
        with too few or too many cells, and the second of two rows with one id are left out and named.

    Raises:
        SerkitError: there is no such file, it is no CSV in UTF-8, has no row, or lacks a required column.
    """
    problems: list[Problem] = []
    rows: dict[str, dict] = {}
    first: tuple | None = None  # the annotation that the others are compared with: file, dimensions, step
    for number, cells in _lines(root, problems):
        where = f"{root}:{number}"
        row = _row(root, cells, where, problems)
        if row is None:
            continue
        if row["id"] in rows:
            problems.append(Problem("error", f"duplicate id {row['id']!r}", where, "give each row its own id"))
            continue
        path = _annotation_path(root, cells)
        if path is not None:
            table, found = trajectories.read_csv(path, None, ",")
            problems += found
            if not found:
                first = _like_first(first, path, table, problems)
                row |= {"rows": len(table), "step": _step(table)}
                problems += trajectories.length_problem(path, len(table), row["step"], row["path"], "error")
        elif cells["annotation"] or row["partition"] != "test":
            what = f"no annotation {cells['annotation']!r}"
            problems.append(Problem("error", what, where, "put the file there, or mend the path"))
        rows[row["id"]] = row
    for row in rows.values():
        row.setdefault("step", first[2] if first else np.nan)
        row.setdefault("rows", trajectories.rows_of(row["path"], row["step"]) if first else 0)
    return root, utterance_table(rows.values(), extra=["partition", "rows", "step"]), problems


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Name a partition that has no recording, and speakers who are in two."""
    del expected, deep
    problems = [
        Problem("error", f"no recording of the partition {name!r}", str(root), "add recordings of other speakers to it")
        for name in ("train", "dev")
        if name not in set(utterances["partition"])
    ]
    for speaker, group in utterances.groupby("speaker"):
        if len(found := sorted(set(group["partition"].dropna()))) > 1:
            what = f"speaker {speaker!r} is in the partitions {', '.join(found)}"
            problems.append(Problem("error", what, str(root), "keep all recordings of a speaker in one partition"))
    return problems


def annotations(root: Path) -> pd.DataFrame:
    """Read the annotations: columns id, time (seconds) and one a dimension."""
    tables = []
    for number, cells in _lines(root, []):
        path, row = _annotation_path(root, cells), _row(root, cells, f"{root}:{number}", [])
        if path is not None and row is not None:
            table = trajectories.read_csv(path, None, ",")[0]
            table.insert(0, "id", row["id"])
            tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["id", "time"])


def _lines(root: Path, problems: list[Problem]) -> list[tuple[int, dict[str, str]]]:
    """The rows that are not blank: line number and cells by column."""
    header, lines = csv_lines(root, REQUIRED, HOW_TO_GET)
    known = (*REQUIRED, *OPTIONAL)
    problems += [
        Problem("note", f"column {name!r} is not used", f"{root}:1", f"nothing to do; known are {', '.join(known)}")
        for name in header
        if name not in known
    ]
    problems += [
        Problem("error", f"{len(values)} cells under {len(header)} columns; the row is left out", f"{root}:{number}",
                "put text that holds a comma in double quotes")
        for number, values in lines
        if len(values) != len(header)
    ]  # fmt: skip
    return [
        (number, dict(zip(header, (value.strip() for value in values), strict=True)))
        for number, values in lines
        if len(values) == len(header)
    ]


def _row(root: Path, cells: dict[str, str], where: str, problems: list[Problem]) -> dict | None:
    """Turn one line into a row of the table; None without a path."""
    if not cells["path"]:
        problems.append(Problem("error", "empty path; the row is left out", where, "name the recording"))
        return None
    path = _beside(root, cells["path"])
    if not path.is_file():
        remedy = f"put it at {path}, or mend the path"
        problems.append(Problem("error", f"no recording {cells['path']!r}", where, remedy))
    if cells["partition"] not in PARTITIONS:
        remedy = f"write one of: {', '.join(PARTITIONS)}"
        problems.append(Problem("error", f"unknown partition {cells['partition']!r}", where, remedy))
    gender = cells.get("gender", "")
    if gender not in ("", "f", "m"):
        problems.append(Problem("error", f"unknown gender {gender!r}", where, "write f or m; or leave it empty"))
    name = cells.get("id") or str(Path(cells["path"]).with_suffix(""))
    return {
        "id": name,
        "path": str(path),
        "speaker": cells.get("speaker") or name,
        "gender": gender if gender in ("f", "m") else None,
        "session": cells.get("session") or None,
        "partition": cells["partition"] if cells["partition"] in PARTITIONS else None,
    }


def _beside(root: Path, given: str) -> Path:
    return (root.parent / Path(given).expanduser()).resolve()


def _annotation_path(root: Path, cells: dict[str, str]) -> Path | None:
    path = _beside(root, cells["annotation"])
    return path if cells["annotation"] and path.is_file() else None


def _step(table: pd.DataFrame) -> float:
    return round(float(np.median(np.diff(table["time"]))), 6)


def _like_first(first: tuple | None, path: Path, table: pd.DataFrame, problems: list[Problem]) -> tuple:
    """Compare an annotation with the first one; returns the first."""
    own = (path, tuple(table.columns[1:]), _step(table))
    if first is None:
        return own
    for index, what in ((1, "dimensions {}"), (2, "one row every {} s")):
        if own[index] != first[index]:
            shown = [what.format(", ".join(one[index]) if index == 1 else one[index]) for one in (own, first)]
            remedy = "bring all annotations to the same columns and the same step"
            problems.append(Problem("error", f"{shown[0]}, but {shown[1]} in {first[0]}", str(path), remedy))
    return first
