"""Any corpus, described by a table: own recordings, CHEAVD, MSP-Podcast.

The root is a CSV file, UTF-8, with the columns path, label and speaker, and optionally id, gender, session, style,
split, valence, activation, dominance, text, start and end. Relative paths are relative to the CSV file. A label
is kept as it is written, without the blanks about it. Where there is no id, the path without its suffix is the id.

Facts: what the table says; any sample rate, any number of channels (averaged on reading). One recording is one
utterance: start and end only tell where in a dialogue it was. Extra column: split.
"""

import math
from pathlib import Path

import pandas as pd

from serkit.corpora.common import NUMERIC, Problem, csv_lines, utterance_table

TITLE = "Own recordings, described by a CSV file"
CITATION = ""  # the user's own
LICENCE = "the user's own; treated as not to be passed on"
REDISTRIBUTABLE = False
HOW_TO_GET = """\
Write a CSV file with one row a recording and give its path:
  path,label,speaker,gender
  recordings/anna_01.wav,happy,anna,f
Columns: path, label, speaker; optional: id, gender (f or m), session, style (improvised or scripted), split, valence,
activation, dominance, text, start, end. Relative paths are relative to the CSV file."""
SAMPLE_RATES = None
STEREO = "note"

REQUIRED = ("path", "label", "speaker")
OPTIONAL = ("id", "gender", "session", "style", "split", "valence", "activation", "dominance", "text", "start", "end")
GENDERS = {"f": "f", "female": "f", "m": "m", "male": "m", "": None}
STYLES = {"improvised": "improvised", "scripted": "scripted", "": None}


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """Read the CSV file.

    Args:
        root: the file.

    Returns:
        The file, the utterances (columns of `serkit.corpora` and split), and what was found wrong: a missing
        recording, an empty label or speaker, a duplicate id or path, an unknown gender or style, a number that
        is none. A row without a path, a row with too few or too many cells, and the second of two rows with one id
        are left out and named.

    Raises:
        SerkitError: there is no such file, it is no CSV in UTF-8, has no row, or lacks a required column.
    """
    header, lines = csv_lines(root, REQUIRED, HOW_TO_GET)
    problems = _column_problems(root, header)
    rows: dict[str, dict] = {}
    first_of: dict[str, str] = {}
    for number, values in lines:
        where = f"{root}:{number}"
        if len(values) != len(header):
            what = f"{len(values)} cells under {len(header)} columns; the row is left out"
            problems.append(Problem("error", what, where, "put text that holds a comma in double quotes"))
            continue
        cells = dict(zip(header, (value.strip() for value in values), strict=True))
        row = _row(root, cells, where, problems)
        if row is None:
            continue
        if row["id"] in rows:
            what = f"duplicate id {row['id']!r}, first at {rows[row['id']]['where']}; the second is left out"
            problems.append(Problem("error", what, where, "give each row its own id"))
            continue
        if row["path"] in first_of:
            what = f"duplicate path {cells['path']!r}, first at {first_of[row['path']]}"
            problems.append(Problem("error", what, where, "remove one of the two rows"))
        rows[row["id"]] = row
        first_of.setdefault(row["path"], where)
    return root, utterance_table(rows.values(), extra=["split"]), problems


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Name each label that one speaker alone has: no speaker-independent test can hold it."""
    del expected, deep
    labelled = utterances.dropna(subset=["label", "speaker"])
    return [
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


def _column_problems(root: Path, header: list[str]) -> list[Problem]:
    known = (*REQUIRED, *OPTIONAL)
    remedy = f"nothing to do, unless it was meant to be one of {', '.join(known)}"
    return [
        Problem("note", f"column {name!r} is not used", f"{root}:1", remedy) for name in header if name not in known
    ]


def _row(root: Path, cells: dict[str, str], where: str, problems: list[Problem]) -> dict | None:
    """Turn one line into a row of the table; None without a path."""
    if not cells["path"]:
        problems.append(Problem("error", "empty path; the row is left out", where, "name the recording"))
        return None
    path = (root.parent / Path(cells["path"]).expanduser()).resolve()
    if not path.is_file():
        problems.append(
            Problem("error", f"no recording {cells['path']!r}", where, f"put it at {path}, or mend the path")
        )
    for name, what in (("label", "an empty class"), ("speaker", "an unknown speaker")):
        if not cells[name]:
            problems.append(Problem("error", f"empty {name}: {what}", where, f"fill the {name} in, or remove the row"))
    row = {name: cells[name] or None for name in ("label", "speaker", "session", "split", "text") if name in cells}
    row |= {
        "id": cells.get("id") or str(Path(cells["path"]).with_suffix("")),
        "path": str(path),
        "code": row["label"],
        "gender": _one_of(cells.get("gender", ""), GENDERS, "gender", where, problems),
        "style": _one_of(cells.get("style", ""), STYLES, "style", where, problems),
        "where": where,
    }
    for name in NUMERIC:
        row[name] = _number(cells.get(name, ""), name, where, problems)
    return row


def _one_of(given: str, meanings: dict[str, str | None], name: str, where: str, problems: list[Problem]) -> str | None:
    if given.lower() not in meanings:
        valid = ", ".join(meaning for meaning in meanings if meaning)
        problems.append(
            Problem("error", f"unknown {name} {given!r}", where, f"write one of: {valid}; or leave it empty")
        )
    return meanings.get(given.lower())


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
