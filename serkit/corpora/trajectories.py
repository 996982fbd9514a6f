"""Continuous annotations on disk: one value a step of time, in ARFF or CSV, and the gold standard of several raters.

A file's problems are listed, each with its line, and never raised: a line that is no row of numbers, a row that is
missing or stands at another time, a file of another rate.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from serkit import files, metrics
from serkit.corpora.checks import Level, Problem, header
from serkit.errors import SerkitError

STEP = 0.04  # seconds between two values in RECOLA: 25 Hz
LISTED_LINES = 3  # broken lines of a file that are named before they are only counted
TOLERANCE = 0.5  # seconds by which an annotation may be longer or shorter than its recording
RESTORE = "copy the file again from the original"


def read_arff(path: Path, step: float = STEP) -> tuple[pd.DataFrame, list[Problem]]:
    """Read a gold standard as AVEC writes it: after ``@data``, rows such as ``dev_1,0.04,-0.022925``.

    Args:
        path: the file; its name without suffix is the instance.
        step: seconds between two rows.

    Returns:
        Columns time (seconds) and value, and what is wrong. What could not be read is NaN.
    """
    lines = _lines(path)
    begins = lines.index[lines.str.lower() == "@data"]
    if not len(begins):
        return _empty(["time", "value"]), [Problem("error", "no line @data", str(path), RESTORE)]
    rows = lines[lines.index > begins[0]]
    table, problems = _numbers(path, rows[rows != ""], ",", ["name", "time", "value"], numeric=["time", "value"])
    names = set(table["name"].dropna().str.strip("'\" ")) - {path.stem}
    if names:
        what = f"holds the annotation of {', '.join(sorted(names)[:3])}"
        problems.append(Problem("error", what, str(path), "restore the file's name"))
    problems = problems or _time_problems(path, table["time"], step)
    return table[["time", "value"]].reset_index(drop=True), problems


def read_csv(path: Path, step: float | None = STEP, separator: str = ";") -> tuple[pd.DataFrame, list[Problem]]:
    """Read a table with a column ``time`` in seconds and further columns of numbers, such as one a rater.

    Args:
        path: the file; its first line names the columns.
        step: seconds between two rows; None takes the file's own, if it is the same throughout.
        separator: between two columns.

    Returns:
        The table, time first, and what is wrong. What could not be read is NaN.
    """
    lines = _lines(path)
    lines = lines[lines != ""]
    names = [name.strip().strip('"') for name in lines.iloc[0].split(separator)] if len(lines) else []
    if len(names) < 2 or names[0].lower() != "time" or len(set(names)) < len(names):
        what = f"the first line names the columns {', '.join(names) or 'of nothing'}; time and others are needed"
        return _empty(["time"]), [Problem("error", what, f"{path}:1", RESTORE)]
    names[0] = "time"
    table, problems = _numbers(path, lines.iloc[1:], separator, names, numeric=names)
    problems = problems or _time_problems(path, table["time"], step)
    return table.reset_index(drop=True), problems


def write_arff(path: Path, values: np.ndarray, step: float = STEP, name: str = "GoldStandard") -> None:
    """Write one value a step as AVEC's gold standards are written: `read_arff` reads it, and so do AVEC's programs.

    Args:
        path: the file; its name without suffix is the instance.
        values: shape (frames,).
        step: seconds between two rows.
        name: of the attribute; predictions have another one than gold standards.
    """
    head = ["@relation " + name.upper(), "", "@attribute Instance_name string", "@attribute frameTime numeric"]
    head += [f"@attribute {name} numeric", "", "", "@data", ""]
    rows = [f"{path.stem},{step * row:.2f},{value:.6f}" for row, value in enumerate(values)]
    files.write_text(path, "\n".join([*head, *rows]) + "\n")


def gold_standard(ratings: np.ndarray) -> np.ndarray:
    """One trajectory from those of several raters, as AVEC 2016 computes it.

    Each rater is moved to a common mean, and the mean over raters is taken. The common mean weights the mean of rater r
    by the rater's agreement a_r, the mean CCC with the others: sum_r a_r mean_r / sum_r a_r. An agreement below zero
    counts as zero; where no two raters agree, all count alike.

    Args:
        ratings: shape (frames, raters).

    Returns:
        Shape (frames,).

    >>> gold_standard(np.array([[0.0, 1.0], [1.0, 2.0]])).tolist()
    [0.5, 1.5]
    """
    means = ratings.mean(axis=0)
    agreement = np.maximum(metrics.agreement(ratings), 0)
    middle = np.average(means, weights=agreement if agreement.any() else None)
    return (ratings - means).mean(axis=1) + middle


def length_problem(path: Path, rows: int, step: float, recording: str, longer: Level) -> list[Problem]:
    """Compare an annotation with its recording; a recording that cannot be read is left to the audio check.

    Args:
        path: the annotation.
        rows: how many it has.
        step: seconds between two.
        recording: the audio file.
        longer: level of the problem when the recording is longer; when it is shorter it is an error.
    """
    try:
        seconds = header(recording).duration
    except SerkitError:
        return []
    if abs(rows * step - seconds) <= TOLERANCE:
        return []
    what = f"{rows} rows every {step:g} s annotate {rows * step:.2f} s, but {recording} lasts {seconds:.2f} s"
    level: Level = longer if seconds > rows * step else "error"
    return [Problem(level, what, str(path), "take the recording and the annotation that belong together")]


def rows_of(recording: str, step: float = STEP, usual: int = 0) -> int:
    """How many rows the annotation of a recording has, by the recording's length: 7501 for 300 s; 0 when unreadable.

    Args:
        recording: the audio file.
        step: seconds between two rows.
        usual: rows of the other annotations; a recording of about their length has as many, whatever its last samples.
    """
    try:
        seconds = header(recording).duration
    except SerkitError:
        return 0
    return usual if abs(usual * step - seconds) <= TOLERANCE else int(seconds / step + 1e-6) + 1


def _lines(path: Path) -> pd.Series:
    """Lines without the blanks about them, by line number from 1."""
    text = path.read_text(encoding="utf-8", errors="replace").removeprefix("\ufeff")
    lines = [line.strip() for line in text.splitlines()]
    return pd.Series(lines, index=range(1, len(lines) + 1), dtype=object)


def _empty(names: list[str]) -> pd.DataFrame:
    return pd.DataFrame({name: np.array([], float) for name in names})


def _numbers(
    path: Path, lines: pd.Series, separator: str, names: list[str], numeric: list[str]
) -> tuple[pd.DataFrame, list[Problem]]:
    """Split lines into columns, by line number, and name those that are not a row of numbers."""
    if lines.empty:
        return _empty(names), [Problem("error", "no rows", str(path), RESTORE)]
    if (table := _all_sound(lines, separator, names, numeric)) is not None:
        return table, []
    counts = lines.str.count(separator)
    table = lines.str.split(separator, n=len(names) - 1, expand=True).reindex(columns=range(len(names)))
    table.columns = names
    table[numeric] = table[numeric].apply(pd.to_numeric, errors="coerce").astype(float)
    broken = ~np.isfinite(table[numeric].to_numpy()).all(axis=1) | (counts != len(names) - 1)
    table.loc[broken, numeric] = np.nan
    where = lines.index[broken]
    problems = [
        Problem("error", f"no row of {separator.join(names)}: {lines[line][:60]!r}", f"{path}:{line}", RESTORE)
        for line in where[:LISTED_LINES]
    ]
    if len(where) > LISTED_LINES:
        problems.append(Problem("error", f"{len(where)} broken lines in all", str(path), RESTORE))
    return table, problems


def _all_sound(lines: pd.Series, separator: str, names: list[str], numeric: list[str]) -> pd.DataFrame | None:
    """The columns of lines that are all rows of finite numbers, as most files are; None of others."""
    if any(line.count(separator) != len(names) - 1 for line in lines):
        return None
    places = [names.index(name) for name in numeric]
    try:
        values = np.loadtxt(lines.to_list(), delimiter=separator, usecols=places, ndmin=2, comments=None)
    except ValueError:
        return None
    if len(values) != len(lines) or not np.isfinite(values).all():
        return None
    columns = dict(zip(numeric, values.T, strict=True))
    for place, name in enumerate(names):
        if name not in columns:
            columns[name] = np.array([line.split(separator)[place] for line in lines], dtype=object)
    return pd.DataFrame(columns, index=lines.index)[names]


def _time_problems(path: Path, times: pd.Series, step: float | None) -> list[Problem]:
    """Name the first row, by its line, that is not `step` after the one before."""
    if step is None:
        step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    if step <= 0:
        return [Problem("error", "one row, or times that do not grow: no rate", str(path), RESTORE)]
    expected = step * np.arange(len(times))
    wrong = np.flatnonzero(np.abs(times.to_numpy() - expected) > 0.3 * step)
    if not len(wrong):
        return []
    what = f"a row at {times.iloc[wrong[0]]:g} s where {expected[wrong[0]]:g} s is due (one row every {step:g} s)"
    remedy = "take the annotation of that rate; do not leave rows out"
    return [Problem("error", what, f"{path}:{times.index[wrong[0]]}", remedy)]
