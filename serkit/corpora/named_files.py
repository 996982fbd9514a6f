"""Open corpora whose files' names, or a table beside the files, say who speaks and how: one way to read and check them.

A loader of such a corpus has a grammar of names and a table of emotions; the rest is here. What is found wrong is
listed, each with its remedy; only a folder without any recording, and a table that is none, are errors at once.
"""

import csv
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from serkit.corpora.checks import Problem, count_problems, listing, require_folder
from serkit.corpora.table import MARKER
from serkit.errors import SerkitError

AUDIO = (".wav", ".flac")
ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".rar", ".7z")
DEPTH = 4  # folders below the root that are searched for recordings, to say where they are
NAMED = 3  # missing files that a message names
GIVE = "give that folder"
UNPACK = "unpack the archive again, or copy the files again; --set strict=False loads what is there"


def find(root: Path, inside: Iterable[str], grammar: re.Pattern[str], how_to_get: str) -> tuple[Path, list[Path]]:
    """Find the folder with the recordings, and list it.

    Args:
        root: as the user gave it.
        inside: folders of the root where the recordings may be, besides the root itself; ``"*"`` is all of its folders
            together.
        grammar: of a recording's name without suffix.
        how_to_get: what messages end with.

    Returns:
        The folder, and all files in it, sorted, without dot-files.

    Raises:
        SerkitError: there is no such folder, or none of its files has a name of this corpus. The message names a folder
            further down that has recordings, or an archive that has not been unpacked.
    """
    require_folder(root, how_to_get)
    inside = tuple(inside)
    if found := _find(root, inside, grammar):
        return found
    raise SerkitError(f"no recording of this corpus in {root}{_instead(root, inside, grammar)}\n{how_to_get}")


def _find(root: Path, inside: tuple[str, ...], grammar: re.Pattern[str]) -> tuple[Path, list[Path]] | None:
    for name in ("", *inside):
        place = root / name if name != "*" else root
        found = listing(place, "*/*" if name == "*" else "*")
        files = [path for path in found if path.is_file() and path.name != MARKER]
        if any(_is_recording(path.name, grammar) for path in files):
            return place, files
    return None


def _is_recording(name: str, grammar: re.Pattern[str]) -> bool:
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 (ten thousand calls)
    return suffix.lower() in AUDIO and not name.startswith(".") and grammar.fullmatch(stem) is not None


def _instead(root: Path, inside: tuple[str, ...], grammar: re.Pattern[str]) -> str:
    """What is there instead: recordings further down, an archive, or audio files of other names."""
    others, folders = [], []
    for folder, below, names in os.walk(root):
        below[:] = sorted(below) if len(Path(folder).relative_to(root).parts) < DEPTH else []
        if any(_is_recording(name, grammar) for name in names):
            folders.append(Path(folder))
        others += [name for name in sorted(names) if Path(name).suffix.lower() in AUDIO and not name.startswith(".")]
    if folders:
        return f", but some in {_root_of(folders, root, inside, grammar)}: {GIVE}"
    if archives := [path.name for path in listing(root) if path.suffix.lower() in ARCHIVES]:
        return f"; unpack {archives[0]} and give the folder that comes of it"
    return f"; it has other names, such as {others[0]}" if others else ""


def _root_of(folders: list[Path], root: Path, inside: tuple[str, ...], grammar: re.Pattern[str]) -> Path:
    """The folder to give for a copy with recordings in these folders; of several copies that of the first."""
    common = Path(os.path.commonpath(folders))
    if not _find(common, inside, grammar):  # copies beside one another
        beside = sum(folder.parent == folders[0].parent for folder in folders) > 1
        common = folders[0].parent if "*" in inside and beside else folders[0]
    for place in (common, *common.parents):
        if place.is_relative_to(root) and (place / MARKER).is_file():
            return place
    above = (common.parents[len(Path(name).parts) - 1] for name in inside if name != "*" and common.match(name))
    return next((place for place in above if place.is_relative_to(root) and place != root), common)


def rows_of(paths: Iterable[Path], parse: Callable[[str], dict[str, Any] | None]) -> tuple[list[dict], list[Problem]]:
    """Turn files into rows of the table of utterances.

    Args:
        paths: the files.
        parse: from a name without suffix makes the columns of the row other than path and style, or None if the corpus
            has no such recording.

    Returns:
        The rows; and a problem for each file that is no recording, has an unknown name or is there twice, of which the
        second is left out.
    """
    rows: dict[str, dict] = {}
    problems = []
    for path in paths:
        if path.suffix.lower() not in AUDIO:
            problems.append(Problem("note", "not a recording; left aside", str(path), "nothing to do"))
        elif (row := parse(path.stem)) is None:
            what = f"the corpus has no recording {path.stem!r}; it is left out"
            problems.append(Problem("error", what, str(path), "restore its name, or remove it"))
        elif row["id"] in rows:
            what = f"duplicate utterance {row['id']}, first at {rows[row['id']]['path']}; the second is left out"
            problems.append(Problem("error", what, str(path), "remove one of the two"))
        else:
            rows[row["id"]] = {"style": "scripted"} | row | {"path": str(path)}
    return list(rows.values()), problems


def table_of(path: Path, columns: Iterable[str], how_to_get: str, separator: str = ",") -> list[dict[str, str]]:
    """Read a table that a corpus brings along: one dict a row.

    Args:
        path: the file, UTF-8, with a header.
        columns: those that it must have.
        how_to_get: what messages end with.
        separator: between cells.

    Raises:
        SerkitError: there is no such file, it is no such table, lacks a column, or has no row or one that is cut short.
    """
    if not path.is_file():
        raise SerkitError(f"there is no {path}: copy it from the original\n{how_to_get}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter=separator)
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise SerkitError(f"cannot read {path} ({error}); copy it again from the original") from error
    if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
        raise SerkitError(f"{path} has no column {', '.join(missing)}; copy it again from the original")
    if not rows:
        raise SerkitError(f"{path} has a header but no rows; copy it again from the original")
    for number, row in enumerate(rows):
        if any(row[name] is None for name in columns):
            raise SerkitError(f"{path}: row {number + 1} is cut short; copy it again from the original")
    return rows


def unlisted(rows: list[dict], listed: Iterable[str], where: Path) -> tuple[list[dict], list[Problem]]:
    """Compare the rows of the files with a table that lists them.

    Args:
        rows: as from `rows_of`.
        listed: the ids that the table has.
        where: the table.

    Returns:
        The rows that are in the table; and a problem for each that is not, and one for all that are missing.
    """
    listed, there = list(listed), {row["id"] for row in rows}
    problems = missing_problems({where.name: listed}, there, where.parent)
    known = set(listed)
    for row in rows:
        if row["id"] not in known:
            what = f"{where.name} has no {row['id']!r}; it is left out"
            problems.append(Problem("error", what, row["path"], f"copy {where.name} again, or remove the file"))
    return [row for row in rows if row["id"] in known], problems


def missing_problems(due: Mapping[str, Iterable[str]], there: set[str], where: Path) -> list[Problem]:
    """Name the files that are missing: one problem for each part of the corpus, such as a speaker.

    Args:
        due: ids of each part.
        there: ids that were found.
        where: their folder.
    """
    problems = []
    for part, names in due.items():
        whole = set(names)
        if missing := sorted(whole - there):
            shown = ", ".join(missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
            what = f"{part}: {len(whole) - len(missing)} of {len(whole)} files; missing: {shown}"
            problems.append(Problem("error", what, str(where), UNPACK))
    return problems


def counted(utterances: pd.DataFrame, emotions: Mapping[str, str]) -> dict[str, int]:
    """Count utterances, speakers, women and men among them, and the utterances of each emotion: ``{"angry": 127}``.

    Args:
        utterances: with columns speaker, gender and label.
        emotions: the corpus' codes -> our words.
    """
    speakers = utterances.drop_duplicates("speaker")
    found = {"utterances": len(utterances), "speakers": len(speakers)}
    found |= {name: int((speakers["gender"] == letter).sum()) for name, letter in (("women", "f"), ("men", "m"))}
    labels = utterances["label"].value_counts()
    return found | {label: int(labels.get(label, 0)) for label in emotions.values()}


def by_speaker(utterances: pd.DataFrame) -> dict[str, int]:
    """Count each speaker's utterances of each emotion: ``{"03 angry": 14}``."""
    sizes = utterances.groupby(["speaker", "label"]).size()
    return {f"{speaker} {label}": int(number) for (speaker, label), number in sizes.items()}


def published(sizes: Mapping[str, Sequence[int]], labels: Iterable[str]) -> dict[str, int]:
    """Turn a published table into figures as `counted` and `by_speaker` have them, but for women and men.

    Args:
        sizes: of each speaker, the utterances of each label.
        labels: in the order of the table's columns.

    >>> published({"anna": (2, 3), "ben": (4, 0)}, ["angry", "sad"])["sad"]
    3
    """
    labels = list(labels)
    found = {"utterances": sum(map(sum, sizes.values())), "speakers": len(sizes)}
    found |= {label: sum(column) for label, column in zip(labels, zip(*sizes.values(), strict=True), strict=True)}
    return found | {
        f"{speaker} {label}": number
        for speaker, numbers in sizes.items()
        for label, number in zip(labels, numbers, strict=True)
    }


def compare(
    root: Path,
    utterances: pd.DataFrame,
    found: dict[str, int],
    due: dict[str, int],
    names: Mapping[str, Iterable[str]] | None = None,
) -> list[Problem]:
    """Name what is missing and the figures that differ.

    Args:
        root: of the copy.
        utterances: what was read.
        found: its figures.
        due: those published, or a miniature's.
        names: ids of each part of the corpus, where they are known and this is no miniature.
    """
    problems = missing_problems(names or {}, set(utterances["id"]), root)
    return problems + count_problems(found, due, root, UNPACK)
