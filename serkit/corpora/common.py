"""What every corpus module shares: the columns, the label words, problems, and the audio check.

A **corpus module** is a flat module of this package: constants (`TITLE`, `CITATION`, `LICENCE`,
`REDISTRIBUTABLE`, `HOW_TO_GET`, `SAMPLE_RATES`, `STEREO`), and the functions

* ``read(root) -> (root, utterances, problems)``: parse the copy; a bad line becomes a `Problem`, never an
  exception; the root is returned because the corpus may lie in a folder of it;
* ``check(root, utterances, expected, deep) -> problems``: compare with the published counts, or with `expected`;
* ``words(root)``, ``ratings(root)`` and ``annotations(root)``, where the corpus has them.

To add a corpus, write such a module and put its name into `serkit.corpora.NAMES`.
"""

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from serkit import audio, progress
from serkit.errors import SerkitError

COLUMNS = [
    "id", "path", "speaker", "gender", "session", "style", "label", "code",
    "valence", "activation", "dominance", "start", "end", "text",
]  # fmt: skip
NUMERIC = ["valence", "activation", "dominance", "start", "end"]
LABELS = (
    "neutral", "happy", "excited", "sad", "angry", "frustrated", "fearful", "surprised", "disgusted", "calm",
    "worried", "anxious", "other", "undecided",
)  # fmt: skip
WORD_COLUMNS = ["id", "word", "start", "end"]
RATING_COLUMNS = ["id", "rater", "label", "valence", "activation", "dominance", "self_report"]
LEVELS = ("error", "warning", "note")
GENDERS = {"f": "f", "female": "f", "m": "m", "male": "m", "": None}  # in a user's own CSV
CLIPPED_SHARE = 0.001  # of a file's samples; above it, a deep check warns


class Problem(NamedTuple):
    """One finding: what is wrong, where, and what to do.

    Attributes:
        level: "error" (the copy must not be used as it is), "warning" (look at it) or "note" (for information).
        what: what is wrong, with the value.
        where: the file, with its line number where there is one.
        remedy: what to do about it.
    """

    level: Literal["error", "warning", "note"]
    what: str
    where: str
    remedy: str


def csv_lines(
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
        raise SerkitError(f"there is no file {root}\n{how_to_get}")
    lines = []
    try:
        with root.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = [name.strip().lower() for name in next(reader, [])]
            begins = reader.line_num + 1  # a quoted cell may span lines
            for values in reader:
                if any(value.strip() for value in values):
                    lines.append((begins, values))
                begins = reader.line_num + 1
    except (UnicodeDecodeError, csv.Error) as error:
        raise SerkitError(f"{root} is no CSV file in UTF-8 ({error}); save it as one") from error
    found = ", ".join(header) or "none"
    header = [(also or {}).get(name, name) for name in header]
    if missing := [name for name in required if name not in header]:
        raise SerkitError(f"{root}: no column {', '.join(missing)}; columns found: {found}\n{how_to_get}")
    if twice := [name for name in header if header.count(name) > 1]:
        raise SerkitError(f"{root}: there are two columns {twice[0]!r}; remove one")
    if not lines:
        raise SerkitError(f"{root} has a header but no rows; add one row a recording")
    return header, lines


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
        also: other names of columns, as in `csv_lines`.

    Returns:
        The rows, and what was found wrong: a column that is not used, a missing recording, a duplicate id or path, and
        what `parse` finds. A row without a path, a row with too few or too many cells, and the second of two rows with
        one id are left out and named.

    Raises:
        SerkitError: as `csv_lines`.
    """
    header, lines = csv_lines(root, required, how_to_get, also)
    known = (*required, *optional)
    remedy = f"nothing to do, unless it was meant to be one of {', '.join(known)}"
    problems = [
        Problem("note", f"column {name!r} is not used", f"{root}:1", remedy) for name in header if name not in known
    ]
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
            problems.append(Problem("error", f"no recording {given!r}", where, f"put it at {path}, or mend the path"))
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


def one_of(
    given: str, meanings: dict[str, str | None], name: str, where: str, problems: list[Problem], remedy: str = ""
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


def utterance_table(rows: Iterable[dict[str, Any]], extra: Iterable[str] = ()) -> pd.DataFrame:
    """Make the table of utterances: all of `COLUMNS`, then the corpus' `extra` ones, sorted by id."""
    table = pd.DataFrame(list(rows), columns=[*COLUMNS, *extra])
    table[NUMERIC] = table[NUMERIC].astype("float64")
    return table.sort_values("id", kind="stable", ignore_index=True)


def listing(folder: Path, pattern: str = "*") -> list[Path]:
    """List what is in a folder and matches, sorted by name, without dot-files; empty when there is no folder."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def require_folder(root: Path, how_to_get: str) -> None:
    """Raise unless `root` is a folder; the message says how to get the corpus."""
    if not root.is_dir():
        raise SerkitError(f"there is no folder {root}\n{how_to_get}")


def count_problems(found: dict[str, int], expected: dict[str, int], where: Path, remedy: str) -> list[Problem]:
    """Name every figure of `expected` that differs from the one found (0 where absent).

    A missing word alignment is a warning only: most uses of a corpus need none.
    """
    return [
        Problem(
            "warning" if "alignments" in figure else "error",
            f"{figure}: {found.get(figure, 0)} instead of {count}",
            str(where),
            remedy,
        )
        for figure, count in expected.items()
        if found.get(figure, 0) != count
    ]


def in_threads(function, items: list, what: str) -> Iterator:
    """Yield ``function(item)`` of each item in order, computed by several threads, with progress."""
    with ThreadPoolExecutor(max_workers=min(16, (os.cpu_count() or 1) + 4)) as pool:
        yield from progress.track(pool.map(function, items), what, total=len(items))


def audio_problems(
    paths: Iterable[str],
    sample_rates: tuple[int, ...] | None,
    stereo: str | None,
    deep: bool = False,
    durations: Iterable[float] | None = None,
) -> list[Problem]:
    """Check the audio files that exist: their headers, or, when `deep`, all of their samples.

    Args:
        paths: the files; one that does not exist is left to the caller.
        sample_rates: the rates in Hz to be expected; None accepts any.
        stereo: level of a file of several channels; None accepts them.
        deep: decode every file: values that are not numbers, silence, clipping, a truncated FLAC.
        durations: the lengths in seconds that the labels promise, NaN where they do not; a file that
            differs by more than half a second gets a warning.
    """
    paths = [str(path) for path in paths]
    durations = [np.nan] * len(paths) if durations is None else list(durations)

    def examine(item: tuple[str, float]) -> list[Problem]:
        path, duration = item
        if not os.path.exists(path):  # noqa: PTH110 (ten thousand calls)
            return []
        try:
            header = audio.info(path)
            found = _header_problems(path, header, sample_rates, stereo, duration)
            return found + (_sample_problems(path) if deep else [])
        except SerkitError as error:
            return [Problem("error", str(error), path, "copy the file again from the original")]

    what = "decoding audio" if deep else "reading audio headers"
    return [
        problem for found in in_threads(examine, list(zip(paths, durations, strict=True)), what) for problem in found
    ]


def _header_problems(
    path: str, header: audio.AudioInfo, sample_rates: tuple[int, ...] | None, stereo: str | None, duration: float
) -> list[Problem]:
    found = []
    if sample_rates and header.sample_rate not in sample_rates:
        rates = " or ".join(str(rate) for rate in sample_rates)
        found.append(
            Problem(
                "error",
                f"sample rate {header.sample_rate} Hz instead of {rates} Hz",
                path,
                "copy the original file; do not resample the corpus",
            )
        )
    if stereo and header.channels > 1:
        remedy = (
            "nothing to do: channels are averaged on reading"
            if stereo == "note"
            else "copy the original one-channel file; do not cut sentences out of the stereo dialogue"
        )
        found.append(Problem(stereo, f"{header.channels} channels instead of one", path, remedy))
    if abs(header.duration - duration) > 0.5:
        found.append(
            Problem(
                "warning",
                f"lasts {header.duration:.2f} s, but its label line says {duration:.2f} s",
                path,
                "listen to it; copy the file again from the original",
            )
        )
    return found


def _sample_problems(path: str) -> list[Problem]:
    signal, _ = audio.read(path)
    peak = np.abs(signal).max()
    if peak == 0:
        return [Problem("error", "every sample is zero", path, "copy the file again from the original")]
    clipped = np.mean(np.abs(signal) >= 1 - 2**-15)
    if clipped > CLIPPED_SHARE:
        what = f"{clipped:.1%} of its samples are clipped"
        return [Problem("warning", what, path, "listen to it; leave it out if the recording is distorted")]
    return []
