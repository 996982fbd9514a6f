"""A user's own CSV file of recordings: one reader and one set of rules for every corpus that is described by one.

A file's problems are listed, each with its line, and never raised; only a file that is none is an error.
"""

import csv
import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from serkit.corpora.checks import Problem
from serkit.errors import SerkitError

SPLIT = {"split": "partition"}  # a user may call the column so
# What columns are called elsewhere; never taken without being named so, as a guess may be wrong.
USUAL = {
    "path": "file filename file_name file_path filepath wav audio recording",
    "label": "emotion emotions class category labels",
    "speaker": "speaker_id speakerid spk actor subject talker",
    "gender": "sex", "partition": "set fold subset", "session": "dialog dialogue", "text": "transcript transcription",
    "valence": "pleasure", "activation": "arousal", "annotation": "annotations trajectory",
}  # fmt: skip
GENDERS = {"f": "f", "female": "f", "m": "m", "male": "m", "": None}  # in a user's own CSV
# The table's words for a partition; upper and lower case alike.
PARTITION_WORDS = {
    "train": "train", "training": "train", "训练": "train", "训练集": "train",
    "val": "dev", "valid": "dev", "validation": "dev", "dev": "dev", "development": "dev",
    "验证": "dev", "验证集": "dev",
    "test": "test", "testing": "test", "测试": "test", "测试集": "test",
}  # fmt: skip


def _csv_lines(
    root: Path, required: Iterable[str], how_to_get: str, also: dict[str, str] | None = None
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Read a user's own CSV: the header, and the rows that are not blank, each with its line number.

    Args:
        root: the file.
        required: the columns that it must have.
        how_to_get: what the messages end with.
        also: other names of columns; the header that is returned has the first names.

    Raises:
        SerkitError: no such file, no CSV in UTF-8, a required column missing or a column twice, or no rows.
    """
    if not root.is_file():
        what = f"{root} is a folder and no CSV file" if root.is_dir() else f"there is no file {root}"
        raise SerkitError(f"{what}\n{how_to_get}")
    lines, begins = [], 1
    try:
        with root.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)  # or all rows after an open quotation mark would be one cell
            header = [name.strip().lower() for name in next(reader, [])]
            begins = reader.line_num + 1  # a quoted cell may span lines
            for values in reader:
                if any(value.strip() for value in values):
                    lines.append((begins, values))
                begins = reader.line_num + 1
    except csv.Error as error:
        what = 'a quotation mark (") is not closed' if "end of data" in str(error) else str(error)
        raise SerkitError(f"{root}:{begins}: {what}; mend that row") from error
    except UnicodeDecodeError as error:
        raise SerkitError(f"{root} is no CSV file in UTF-8 ({error}); save it as one") from error
    found = ", ".join(header) or "none"
    header = [(also or {}).get(name, name) for name in header]
    if missing := [name for name in required if name not in header]:
        raise SerkitError(
            f"{root}: no column {', '.join(missing)}; columns found: {found}{_mend(header, missing)}\n{how_to_get}"
        )
    if twice := [name for name in header if header.count(name) > 1]:
        raise SerkitError(f"{root}: there are two columns {twice[0]!r}; remove one")
    if not lines:
        raise SerkitError(f"{root} has a header but no rows; add one row a recording")
    return header, lines


def _mend(header: list[str], missing: list[str]) -> str:
    """What to change in a header so that it has the missing columns, where that can be guessed."""
    if len(header) == 1:
        for separator, called in ((";", "semicolons"), ("\t", "tabs")):
            if separator in header[0]:
                return f"\nits cells are parted by {called}: save it with commas"
    names = [f"{name} to {meant}" for name in header if (meant := _meant(name, missing))]
    return f"\nrename {', '.join(names)}, if that is what they hold" if names else ""


def _meant(name: str, wanted: Iterable[str]) -> str | None:
    """Which of the wanted columns one of another name may be."""
    wanted = list(wanted)
    for one in wanted:
        if name in USUAL.get(one, "").split():
            return one
    return next(iter(difflib.get_close_matches(name, wanted, n=1, cutoff=0.7)), None)


def manifest_rows(
    root: Path,
    required: Iterable[str],
    optional: Iterable[str],
    how_to_get: str,
    parse: Callable[[dict[str, str], str, list[Problem]], dict[str, Any]],
    also: dict[str, str] | None = None,
) -> tuple[list[dict[str, Any]], list[Problem]]:
    """Read a user's own CSV of recordings into rows of the table of utterances.

    Relative paths are relative to the CSV file. Where there is no id, the path without its suffix is the id.

    Args:
        root: the file.
        required: the columns that it must have; path is one of them.
        optional: the other columns that are used.
        how_to_get: what messages about the whole file end with.
        parse: from a row's cells, its file and line, and the list of problems that it adds to, makes the columns
            other than id and path.
        also: other names of columns, as in `_csv_lines`.

    Returns:
        The rows, and what was found wrong: a column that is not used (a warning where its name is like that of one that
        is missing), a missing recording, a duplicate id or path, and
        what `parse` finds. A row without a path, a row with too few or too many cells, and the second of two rows with
        one id are left out and named.

    Raises:
        SerkitError: as `_csv_lines`.
    """
    header, lines = _csv_lines(root, required, how_to_get, also)
    known = (*required, *optional)
    problems = []
    for name in header:
        if name in known:
            continue
        meant = _meant(name, [one for one in known if one not in header])
        remedy = f"nothing to do, unless it was meant to be one of {', '.join(known)}"
        remedy = f"rename it to {meant}, if it holds that" if meant else remedy
        problems.append(Problem("warning" if meant else "note", f"column {name!r} is not used", f"{root}:1", remedy))
    rows: dict[str, dict] = {}
    where_id: dict[str, str] = {}
    where_path: dict[str, str] = {}
    for number, values in lines:
        where = f"{root}:{number}"
        if len(values) != len(header):
            what = f"{len(values)} cells under {len(header)} columns; the row is left out"
            problems.append(Problem("error", what, where, "put text that holds a comma in double quotes"))
            continue
        cells = dict(zip(header, (value.strip() for value in values), strict=True))
        given = cells["path"]
        if not given:
            problems.append(Problem("error", "empty path; the row is left out", where, "name the recording"))
            continue
        path = (root.parent / Path(given).expanduser()).resolve()
        if not path.is_file():
            remedy = f"put it at {path}, or correct the path"
            if "\\" in given:
                remedy = "a path of Windows: write / for \\, without a drive, from the folder of the CSV file on"
            problems.append(Problem("error", f"no recording {given!r}", where, remedy))
        name = cells.get("id") or str(Path(given).with_suffix(""))
        row = {"id": name, "path": str(path)} | parse(cells, where, problems)
        if name in rows:
            what = f"duplicate id {name!r}, first at {where_id[name]}; the second is left out"
            problems.append(Problem("error", what, where, "give each row its own id"))
            continue
        if row["path"] in where_path:
            what = f"duplicate path {given!r}, first at {where_path[row['path']]}"
            problems.append(Problem("error", what, where, "remove one of the two rows"))
        rows[name], where_id[name] = row, where
        where_path.setdefault(row["path"], where)
    return list(rows.values()), problems


def meaning_of(
    given: str, meanings: Mapping[str, str | None], name: str, where: str, problems: list[Problem], remedy: str = ""
) -> str | None:
    """Look up what a cell means, upper and lower case alike; add a problem when it is no key of `meanings`.

    Args:
        given: the cell.
        meanings: cell in lower case -> the table's word.
        name: the column, for the message.
        where: file and line.
        problems: where the finding goes.
        remedy: what to do; by default the keys are listed.

    Returns:
        The word; None where the cell is unknown.
    """
    if given.lower() not in meanings:
        valid = ", ".join(meaning for meaning in meanings if meaning)
        remedy = remedy or f"write one of: {valid}; or leave it empty"
        problems.append(Problem("error", f"unknown {name} {given!r}", where, remedy))
    return meanings.get(given.lower())


def partition_of(cells: dict[str, str], where: str, problems: list[Problem]) -> str | None:
    """What the cell of the column partition (or split) means: "train", "dev" or "test"; None where it is unknown."""
    return meaning_of(cells["partition"], PARTITION_WORDS, "partition", where, problems, "write train, val or test")
