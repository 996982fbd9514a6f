"""Score the predictions of a class on held-out speakers.

A **submission** is a CSV with a row for each held-out utterance: `utterance` (or `id`) and `predicted` (or `label`).
The **key** is a CSV with `utterance` (or `id`), `label` and `speaker`; or a corpus and what of it is held out. Commas,
semicolons and tabs part cells alike, and a byte-order mark, Windows line ends and further columns are no matter.
Anything else that is wrong is an error that names file and line, and a submission with one gets no score: half of an
answer is not comparable with a whole one.

WA, UA and macro F1 are in percent, with 95 % intervals over speakers (`serkit.statistics`), which eight speakers or
more are needed for. Which submissions differ is decided by all pairs together, by UA, with Holm's correction.
"""

import csv
import difflib
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from serkit import audio, files, metrics, progress, splits, statistics
from serkit.corpora import Corpus
from serkit.errors import SerkitError, one_of

UTTERANCE, PREDICTED = ("utterance", "id"), ("predicted", "label")  # of two columns the first is taken
MEASURES = {"WA": metrics.wa, "UA": metrics.ua, "macro F1": metrics.macro_f1}
DIVISIONS = ("fold", "partition", "session", "speaker")  # columns that divide a corpus; the first one there is meant
NAMED = 5  # mistakes of a file that an error names before it only counts
TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xls")  # files in a folder that are meant as a submission
EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # how .xlsx and .xls begin
EMPTY = ("", "nan", "none", "null", "na", "n/a")  # cells that hold nothing, as programs write them
RATE = 16000  # Hz, of recordings that are handed out


@dataclass(frozen=True)
class Key:
    """The true labels of what is held out.

    Attributes:
        table: columns id, label and speaker.
        classes: labels that may be predicted, in alphabetical order.
    """

    table: pd.DataFrame
    classes: tuple[str, ...]

    @classmethod
    def of(cls, table: pd.DataFrame, classes: Sequence[str]) -> "Key":
        """Make one of a table that may have further columns; no classes: those of its labels."""
        return cls(
            table[["id", "label", "speaker"]].reset_index(drop=True), tuple(sorted(classes or set(table["label"])))
        )

    def floor(self) -> dict[str, float]:
        """WA, UA and macro F1 of who predicts the commonest label always, in percent."""
        commonest = [self.table["label"].mode()[0]] * len(self.table)
        return {name: 100 * metric(self.table["label"], commonest) for name, metric in MEASURES.items()}


def read_key(path: Path | str, classes: Sequence[str] = ()) -> Key:
    """Read the true labels.

    Args:
        path: of the CSV.
        classes: labels that may be predicted; default those that the key has.

    Raises:
        SerkitError: the file is no such CSV, a cell is empty, or an utterance stands there twice.
    """
    rows, wrong = [], []
    for line, cells in _rows(Path(path), {"id": UTTERANCE, "label": ("label",), "speaker": ("speaker",)}):
        empty = [name for name, cell in cells.items() if cell.lower() in EMPTY]
        wrong += [(line, f"{cells['id'] or 'the utterance'} has no {name}") for name in empty]
        if classes and not empty and cells["label"] not in classes:
            wrong.append((line, f"label {cells['label']!r} is none of the classes {', '.join(classes)}"))
        rows.append((line, cells))
    wrong += _twice(rows)
    _refuse(Path(path), wrong, "this is the key: correct it")
    return Key.of(pd.DataFrame([cells for _, cells in rows]), classes)


def key_of(corpus: Corpus, names: Sequence[str], classes: Sequence[str] = ()) -> Key:
    """Take the true labels from a corpus.

    Args:
        corpus: loaded.
        names: of what is held out (see `divided`).
        classes: labels; default all that the corpus has.

    Raises:
        SerkitError: as `divided`.
    """
    _, held_out = divided(corpus, names, classes)
    return Key.of(held_out, classes or sorted(corpus.utterances["label"].dropna().unique()))


def divided(corpus: Corpus, names: Sequence[str], classes: Sequence[str] = ()) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hold out a part of a corpus.

    Args:
        corpus: loaded.
        names: of the corpus' folds where it brings some along (RAVDESS: "1" to "6"), or else of its parts ("test"), its
            sessions or its speakers.
        classes: labels; default all that the corpus has.

    Returns:
        The utterances to train on, and those that are held out, in the order of their ids.

    Raises:
        SerkitError: an unknown name or label, nothing to train on, or a speaker or label on the wrong side.
    """
    corpus.require(["label", "speaker"])
    table = corpus.select(list(classes) or sorted(corpus.utterances["label"].dropna().unique()))
    column = next(name for name in DIVISIONS if name in table and table[name].notna().any())
    parts = table[column].astype(str)
    if not names:
        raise SerkitError(
            f"which {column} of {corpus.name} is held out? Its names: {', '.join(sorted(parts.unique()))}"
        )
    for name in names:
        one_of(name, parts.unique(), f"{column} of {corpus.name}")
    tested = parts.isin(names)
    train, test = (part.sort_values("id").reset_index(drop=True) for part in (table[~tested], table[tested]))
    if train.empty:
        raise SerkitError(f"every {column} of {corpus.name} is held out: leave one or more to train on")
    if unlearnt := sorted(set(test["label"]) - set(train["label"])):
        others = sorted(set(train["label"]) & set(test["label"]))
        raise SerkitError(
            f"beside what is held out ({column} {', '.join(names)}) nothing is labelled {', '.join(unlearnt)}: leave "
            f"that out, --classes {','.join(others)}"
        )
    splits.assert_disjoint(splits.Fold(f"{column} {', '.join(names)}", tuple(train["id"]), tuple(test["id"])), table)
    return train, test


def read_predictions(path: Path | str, key: Key) -> pd.DataFrame:
    """Read a submission and set it beside the key.

    Args:
        path: of the CSV.
        key: of `read_key` or `key_of`.

    Returns:
        Columns id, label, speaker and predicted, in the order of the key.

    Raises:
        SerkitError: the file is no such CSV; or rows are missing, unknown, empty or there twice, or have an unknown
            label: the message names the file and the first few lines.
    """
    known, rows, wrong = set(key.table["id"]), [], []
    if (size := Path(path).stat().st_size) > (most := 10_000 + 1000 * len(known)):  # bytes, ten times what names need
        raise SerkitError(
            f"{path} has {size} bytes, and {len(known)} predictions need less than {most}: is it another file?"
        )
    for line, cells in _rows(Path(path), {"id": UTTERANCE, "predicted": PREDICTED}):
        rows.append((line, cells))
        name, label = cells["id"], cells["predicted"]
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1) if len(wrong) < NAMED else []
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            wrong.append((line, f"unknown utterance {name!r}{hint}" if name else "a row without an utterance"))
        elif label not in key.classes:
            try:
                one_of(label, key.classes, "label")
            except SerkitError as error:
                nothing = f"{name} has no prediction" + f" ({label!r})" * bool(label)
                wrong.append((line, nothing if label.lower() in EMPTY else str(error)))
    wrong += _twice(rows)
    given = {cells["id"]: cells["predicted"] for _, cells in rows}
    if missing := [name for name in key.table["id"] if name not in given]:
        count = f"{len(missing)} of {len(known)} utterances have no row"
        wrong.append((0, f"{count}: {', '.join(missing[:3])}{', ...' * (len(missing) > 3)}"))
    _refuse(Path(path), wrong, "every held-out utterance needs one row")
    return key.table.assign(predicted=key.table["id"].map(given))


def submissions(places: Iterable[Path | str], besides: Path | str = "") -> dict[str, Path]:
    """Name the submissions in some files and folders.

    Args:
        places: files; and folders, in which every table is one (CSV, TSV, TXT; Excel's are, to be refused by name), but
            for hidden ones and links.
        besides: a file that is none, the key.

    Returns:
        Name -> file. A file is called by its name without its end, one within a folder by its place there; of two
        that would be called alike, the second has its end too.

    Raises:
        SerkitError: there is no such file, or nothing in a folder.
    """
    found: dict[str, Path] = {}
    key = Path(besides).resolve() if str(besides) else None
    for place in map(Path, places):
        if not place.exists():
            raise SerkitError(f"there is no file or folder {place}")
        there = [place]
        if place.is_dir():
            names = ((path, path.relative_to(place).parts) for path in sorted(place.rglob("*")))
            tables = [(path, parts) for path, parts in names if path.suffix.lower() in TABLES and not path.is_symlink()]
            there = [path for path, parts in tables if path.is_file() and not any(one[0] == "." for one in parts)]
        there = [path for path in there if path.resolve() != key]
        if not there:
            raise SerkitError(f"{place} has no submissions: CSV files with the columns utterance and predicted")
        for path in there:
            if path in found.values():
                continue  # named twice, once by its folder
            inside = path.relative_to(place) if place.is_dir() else Path(path.name)
            name = plain(inside.with_suffix("").as_posix())
            if name in found:
                name = plain(inside.as_posix())
            found[name if name not in found else str(path)] = path
    return found


def plain(name: str) -> str:
    r"""A name that neither a terminal nor a spreadsheet takes for an order.

    >>> plain("=1+1"), plain("b\x1b[31m")
    ("'=1+1", 'b?[31m')
    """
    shown = "".join(letter if letter.isprintable() else "?" for letter in name)
    return "'" * shown.startswith(("=", "+", "-", "@")) + shown


def least_speakers(pairs: int) -> int:
    """How many speakers it takes until any of so many differences can be decided, whatever its size.

    With few speakers a permutation test over them has few permutations: its p is never below 2 in 2^speakers, and
    Holm's correction multiplies the smallest one by the number of pairs.

    >>> least_speakers(1), least_speakers(10), least_speakers(300)
    (6, 9, 14)
    """
    return 1 + math.ceil(math.log2(max(pairs, 1) / 0.05))


def ranking(graded: dict[str, pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score submissions and say which of them differ.

    Args:
        graded: name -> table of `read_predictions`, all of one key.

    Returns:
        One row a submission, the highest UA first: rank, submission; of each of `MEASURES` its value and the ends "low"
        and "high" of its interval, in percent (NaN where there is none); "above", how many others it is decidedly
        better than by UA, and "below", how many are decidedly better; speakers, utterances and why there is no
        interval.
        And one row a pair, as `serkit.statistics.all_pairs` gives it, in points.
    """
    rows = []
    for name, table in graded.items():
        why, row = "", dict[str, str | float](submission=name)
        for measure, metric in MEASURES.items():
            found = statistics.interval(table, metric)
            why = why or found.why
            row |= {measure: found.value, f"{measure} low": found.low, f"{measure} high": found.high}
        rows.append(row | {"speakers": found.speakers, "utterances": len(table), "why": why})
    scores = pd.DataFrame(rows).sort_values("UA", ascending=False, kind="stable", ignore_index=True)
    pairs = statistics.all_pairs(graded)
    decided = pairs[pairs["verdict"] == "holds"]
    scores.insert(0, "rank", scores["UA"].rank(ascending=False, method="min").astype(int))
    for column, side in (("above", "first"), ("below", "second")):
        counts = scores["submission"].map(decided[side].value_counts()).fillna(0).astype(int)
        scores.insert(scores.columns.get_loc("speakers"), column, counts)
    numbers = [column for column in scores if column.startswith(tuple(MEASURES))]
    scores[numbers] = (100 * scores[numbers].astype(float)).round(2)
    points = ["difference", "low", "high"]
    pairs[points] = (100 * pairs[points].astype(float)).round(2)
    return scores, pairs


def hand_out(corpus: Corpus, names: Sequence[str], directory: Path | str, classes: Sequence[str] = ()) -> Path:
    """Write what a class is given, and the key, which it is not.

    ``students/`` is complete in itself: the recordings, 16 kHz and mono, and three tables. ``train.csv`` has path,
    label and speaker (``serkit reproduce PAPER --corpus manifest=train.csv`` takes it), ``heldout.csv`` utterance and
    path, ``example.csv`` a submission that says the commonest training label always. Held-out recordings have new
    names in random order, as names may tell the label (RAVDESS' do); ``key.csv`` has them all.

    Args:
        corpus: loaded.
        names: of what is held out (see `divided`).
        directory: that is made.
        classes: labels; default all that the corpus has.

    Returns:
        The directory.

    Raises:
        SerkitError: it is there already; as `divided`; or a recording cannot be read.
    """
    directory = Path(directory).expanduser().resolve()
    if directory.exists():
        raise SerkitError(f"{directory} is there already: name another folder, so that no key is written over")
    train, test = divided(corpus, names, classes)
    test = test.sample(
        frac=1, random_state=np.random.default_rng()
    )  # another order each time: nobody can make it again
    test = test.assign(utterance=[f"u{number:04d}" for number in range(1, len(test) + 1)])
    train = train.assign(copy="train/" + train["id"].str.replace("/", "_") + ".wav")
    test = test.assign(copy="heldout/" + test["utterance"] + ".wav")
    both = pd.concat([train, test])
    with files.atomic(directory) as folder:
        students = folder / "students"
        for name in ("train", "heldout"):
            (students / name).mkdir(parents=True)
        for source, copy in progress.track(zip(both["path"], both["copy"], strict=True), "recordings", len(both)):
            audio.write(students / copy, audio.read(source, RATE)[0], RATE)
        given = train.rename(columns={"path": "source"}).rename(columns={"copy": "path"})
        kept = [name for name in ("id", "path", "label", "speaker", "gender") if given[name].notna().all()]
        files.write_csv(students / "train.csv", given[kept])
        files.write_csv(students / "heldout.csv", test[["utterance", "copy"]].rename(columns={"copy": "path"}))
        example = test[["utterance"]].assign(predicted=train["label"].mode()[0])
        files.write_csv(students / "example.csv", example)
        files.write_csv(folder / "key.csv", test[["utterance", "label", "speaker", "id"]])
        about = f"{corpus.title}\nLicence: {corpus.licence}\n\n{corpus.citation}\n"
        files.write_text(students / "LICENCE.txt", about)
    return directory


def _rows(path: Path, wanted: dict[str, tuple[str, ...]]) -> list[tuple[int, dict[str, str]]]:
    """Read some columns of a CSV.

    Args:
        path: of the file.
        wanted: what a column is called here -> what it may be called there, in the order of preference.

    Returns:
        Rows that are not blank, each with the line on which it ends.

    Raises:
        SerkitError: it is no CSV in UTF-8, or lacks a column.
    """
    text = _text(path)
    try:
        lines = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=text.partition("\n")[0].count), strict=True)
        header = [name.strip().lower() for name in next(lines, [])]
        rows = [(lines.line_num, cells) for cells in lines if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise SerkitError(f"{path} is no CSV file (line {lines.line_num}: {error})") from error
    places = {}
    for name, names in wanted.items():
        there = [one for one in names if one in header]
        if not there:
            raise SerkitError(f"{path}: no column {' or '.join(names)}; columns found: {', '.join(header) or 'none'}")
        if header.count(there[0]) > 1:
            raise SerkitError(f"{path}: there are two columns {there[0]!r}; remove one")
        places[name] = header.index(there[0])
    if not rows:
        raise SerkitError(f"{path} has a header but no rows")
    odd = [
        (line, f"{len(cells)} cells under {len(header)} columns") for line, cells in rows if len(cells) != len(header)
    ]
    _refuse(path, odd, "a cell with a comma needs quotation marks")
    return [(line, {name: cells[place].strip() for name, place in places.items()}) for line, cells in rows]


def _text(path: Path) -> str:
    """A file's text, every line ending in a line feed."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SerkitError(f"cannot read {path} ({error.strerror})") from error
    if content.startswith(EXCEL) and path.suffix.lower() == ".zip":
        raise SerkitError(f"{path} is an archive: unpack it, and name the folder")
    if content.startswith(EXCEL):
        raise SerkitError(f"{path} is an Excel file: open it and save it as 'CSV UTF-8'")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SerkitError(f"{path} is no CSV file in UTF-8 ({error}); save it as 'CSV UTF-8'") from error
    if not text.strip():
        raise SerkitError(f"{path} is empty")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _twice(rows: list[tuple[int, dict[str, str]]]) -> list[tuple[int, str]]:
    """The rows whose utterance stands there already."""
    first, found = {}, []
    for line, cells in rows:
        if cells["id"] and first.setdefault(cells["id"], line) != line:
            found.append((line, f"{cells['id']} is there already, on line {first[cells['id']]}"))
    return found


def _refuse(path: Path, wrong: list[tuple[int, str]], remedy: str) -> None:
    """Raise an error that names the first mistakes of a file, in the order of their lines; 0 is the whole file."""
    if not wrong:
        return
    wrong = sorted(wrong, key=lambda one: one[0])
    shown = [f"line {line}: {what}" if line else what for line, what in wrong[:NAMED]]
    shown += [f"and {len(wrong) - NAMED} more"] * (len(wrong) > NAMED)
    raise SerkitError(f"{path}: " + "\n  ".join([f"{remedy}:", *shown]))
