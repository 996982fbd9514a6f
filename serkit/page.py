"""One self-contained page of whatever results lie under a folder, and the table for a paper.

`write` reads what ``serkit reproduce --out`` leaves, ``<corpus>/<paper>/`` with tables, figures, runs, command and
executed notebook, as well as copies that hold only some of it. Nothing is computed again: the page shows what the files
say. A file that cannot be read becomes a line on the page, never an error. The page fetches nothing: its style, its
script and its pictures are inside, and a browser is told to load nothing else.
"""

import base64
import io
import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serkit import __version__, files, papers
from serkit.errors import SerkitError

ENDINGS = (".html", ".htm", ".tex", ".csv")  # of a page's name that are not part of it
PAPER_COLUMNS = [
    "execution", "paper", "corpus", "table", "row", "metric", "published", "measured", "sd", "low", "high", "runs",
    "comparable", "why_not",
]  # fmt: skip
_DEPTH = 4  # folders under the named one in which executions are looked for
_ROWS = 100  # of a table that are shown
_GREAT = 1e9  # a number that is written with its power of ten
_SMALL = 60_000  # bytes under which a picture is embedded as it is
_LONGEST_SIDE = 16_383  # pixels, of a WebP
_TEXT = dict.fromkeys(("key", "id", "speaker", "row", "model", "fold", "label", "predicted", "better", "worse"), str)
_NEEDED = {  # without these columns a table cannot be shown as what it is
    "claims": {"table", "row", "metric", "published", "measured"},
    "comparisons": {"better", "worse", "metric", "measured", "verdict"},
    "reasons": {"reason", "kind", "in_full", "affects"},
}
_NEWER = {  # those that an older layout may lack
    "claims": ("sd", "low", "high", "runs", "comparable", "why_not"),
    "comparisons": ("table", "published", "low", "high", "p", "speakers", "seeds", "why", "made_by", "comparable"),
}
_NUMBERS = {"published", "measured", "sd", "low", "high", "p", "seconds"}
_OF_RUNS = ("model", "setting", "dataset", "fold", "seed")
_HELD = {"holds": "holds", "does not hold": "fails", "undecided": "open"}
_UNFINISHED = (
    "Not known to be finished: there is no made_of.json, which is written at the end. Tables and figures may be of an "
    "earlier execution; the same command goes on from the runs that are there."
)
_WITHOUT = "Not complete: some runs failed, and the tables are without them. The same command tries them again."
_USUAL = "the interval includes 0"  # why a comparison is undecided, as the page's legend says of all of them
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, zlib.error)  # what reading a damaged file may raise


@dataclass
class _Cell:
    """A cell of a shown table.

    Attributes:
        text: what is read.
        key: what it is sorted by; None: its text.
        kind: class of its style.
        more: smaller text behind it, such as an interval.
        items: (text, kind) of labels in it.
        note: letter of a footnote.
        href: anchor that it leads to.
        plot: places of low, high, measured, published and zero in percent of the width, None where there is none.
    """

    text: str = ""
    key: float | None = None
    kind: str = ""
    more: str = ""
    items: Sequence[tuple[str, str]] = ()
    note: str = ""
    href: str = ""
    plot: dict[str, float | None] | None = None


@dataclass
class _Shown:
    """A table as the page shows it: column names with the classes of their style, and rows of cells."""

    name: str
    columns: list[tuple[str, str]]
    rows: list[list[_Cell]]
    note: str = ""
    more: int = 0  # rows that are not shown


@dataclass
class _Execution:
    """What lies in the folder of one execution.

    Attributes:
        folder: of the execution.
        name: its path from the folder that the page is about.
        paper: or companion; None where the folder's name is none's.
        tables: by name.
        figures: files, with their pictures once they are made.
        runs: what each run recorded, and its key.
        failed: what each failed run left.
        parameters: of the notebook, where it is there.
        problems: what could not be read, in sentences.
        state: a sentence on whether it is finished.
        finished: whether it is.
    """

    folder: Path
    name: str
    paper: papers.Paper | None
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    figures: list[dict] = field(default_factory=list)
    runs: list[dict] = field(default_factory=list)
    failed: list[dict] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    state: str = ""
    finished: bool = True

    @property
    def anchor(self) -> str:
        return "x-" + re.sub(r"[^\w-]+", "-", self.name)

    @property
    def corpus(self) -> str:
        return self.folder.parent.name

    @property
    def command(self) -> str:
        lines = _text(self.folder / "command.txt").splitlines()
        return "\n".join(line for line in lines if not line.startswith("#"))

    @property
    def source(self) -> str:
        """What made it, where the command says so in a comment."""
        lines = _text(self.folder / "command.txt").splitlines()
        return "; ".join(line.lstrip("# ") for line in lines if line.startswith("#"))


def write(folder: Path | str, out: Path | str | None = None, latex: bool = False, csv: bool = False) -> list[Path]:
    """Write the page of all results under a folder, and the table for a paper if it is wanted.

    Args:
        folder: that ``serkit reproduce --out`` filled, one corpus of it, or one execution.
        out: file of the page; default ``report.html`` in `folder`. The tables stand beside it under the same name with
            ``.tex`` and ``.csv``.
        latex: write the measured numbers beside the published ones as LaTeX tables (booktabs), one an execution.
        csv: write them as one CSV.

    Returns:
        The files that were written, the page first.

    Raises:
        SerkitError: there is no such folder, it has no results, or nothing can be written at `out`.
    """
    folder = Path(folder)
    found = _read(folder)
    out = folder / "report.html" if out is None else Path(out)
    out = out / "report.html" if out.is_dir() else out
    stem = out.with_suffix("") if out.suffix.lower() in ENDINGS else out
    page = out if out.suffix.lower() in ENDINGS[:2] else stem.with_name(f"{stem.name}.html")
    name = folder.resolve().name
    written = {page: _html(found, "Results" if name == "results" else f"Results: {name}")}
    if latex:
        written[stem.with_name(f"{stem.name}.tex")] = _latex(found)
    if csv:
        written[stem.with_name(f"{stem.name}.csv")] = files.csv_text(_paper_table(found))
    for path, text in written.items():
        try:
            files.write_text(path, text)
        except OSError as error:  # what `files` has no words for, such as a file where a folder is needed
            raise SerkitError(f"{path} cannot be written: {error.strerror}; name another with --out") from error
    return list(written)


def _read(folder: Path | str) -> list[_Execution]:
    """Everything that executions under a folder have left, by name.

    Raises:
        SerkitError: there is no such folder, or it has no results.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise SerkitError(f"{folder} {what}: name the folder that `serkit reproduce --out` filled (results by default)")
    found = [_execution(path, folder) for path in _folders(folder)]
    if not found:
        raise SerkitError(
            f"no results under {folder}: `serkit reproduce --out {folder}` puts some there, one folder a corpus and "
            "paper, with tables and figures"
        )
    return found


def _folders(top: Path) -> Iterator[Path]:
    """Folders that look like an execution's."""
    for path, names, singles in os.walk(top, followlinks=True):
        here = Path(path)
        names[:] = sorted(name for name in names if not name.startswith("."))
        notebook = "notebook.ipynb" in singles and _paper_of(here.name) is not None
        if {"tables", "runs"} & set(names) or {"command.txt", "made_of.json"} & set(singles) or notebook:
            names.clear()
            yield here
        elif len(here.relative_to(top).parts) >= _DEPTH:
            names.clear()


def _paper_of(name: str) -> papers.Paper | None:
    """The paper or companion of a folder, whose name may go on behind an underscore: tao2018_paper_norm."""
    known = papers.PAPERS | papers.COMPANIONS
    keys = sorted((key for key in known if name == key or name.startswith(f"{key}_")), key=len)
    return known[keys[-1]] if keys else None


def _execution(folder: Path, top: Path) -> _Execution:
    name = folder.resolve().name if folder == top else folder.relative_to(top).as_posix()
    one = _Execution(folder, name, _paper_of(folder.resolve().name))
    for path in sorted((folder / "tables").glob("*.csv")):
        table = _table(path, one.problems)
        if table is not None:
            one.tables[path.stem] = table
    one.figures = [{"path": path, "name": path.stem} for path in sorted((folder / "figures").glob("*.png"))]
    for path in sorted((folder / "runs").glob("*/run.json")):
        if isinstance(record := _json(path, one.problems), dict):
            one.runs.append({**record, "key": path.parent.name})
    for path in sorted((folder / "runs").glob("*.failed.json")):
        if isinstance(record := _json(path, one.problems), dict):
            one.failed.append({**record, "key": path.name.removesuffix(".failed.json")})
    there = {name for name in ("made_of.json", "notebook.ipynb", "runs") if (folder / name).exists()}
    notebook = _json(folder / "notebook.ipynb", one.problems) if "notebook.ipynb" in there else None
    one.parameters, stopped = _of_notebook(notebook if isinstance(notebook, dict) else {})
    if not there:
        one.state = "A copy of tables and figures; what each run recorded is where it was made."
    elif "made_of.json" in there:
        one.state = "Finished."
    elif "missing" in one.tables and not stopped:
        one.state, one.finished = _WITHOUT, False
    else:
        one.state, one.finished = _UNFINISHED, False
        one.problems += [f"its notebook stopped: {stopped}"] * bool(stopped)
    one.problems += _since(folder, one.problems)
    begun = len(list((folder / "runs").glob("*.checkpoint")))
    one.state += f" Runs that were begun and not ended: {begun}." * bool(begun)
    if not one.tables:
        one.problems.append("there is no table yet" if there else "there is no table")
    elif not one.tables.keys() & {"claims", "summary"} and one.paper:
        one.problems.append("tables/claims.csv is missing: what was measured cannot be set beside the paper's numbers")
    return one


def _since(folder: Path, problems: list[str]) -> list[str]:
    """What is no longer as a finished execution left it, by its stamp."""
    stamp = _json(folder / "made_of.json", problems) if (folder / "made_of.json").is_file() else None
    left = _mapping(_mapping(stamp).get("files"))
    gone = [name for name in left if not (folder / name).is_file()]
    changed = [name for name in left if name not in gone and files.sha256(folder / name) != left[name]]
    said = [f"gone since the execution ended: {', '.join(gone)}"] * bool(gone)
    return said + [f"not what the execution left: {', '.join(changed)}"] * bool(changed)


def _table(path: Path, problems: list[str]) -> pd.DataFrame | None:
    """A CSV; None, and a sentence more in `problems`, where it cannot be read or has not the columns it needs."""
    where = f"tables/{path.name}"
    try:
        table = pd.read_csv(path, dtype=_TEXT, keep_default_na=False, na_values=[""])
    except _BROKEN as error:
        problems.append(f"{where} cannot be read: {_first_line(error)}")
        return None
    if missing := sorted(_NEEDED.get(path.stem, set()) - set(table)):
        problems.append(f"{where} lacks {', '.join(missing)}: it is passed over")
        return None
    if lacking := [name for name in _NEWER.get(path.stem, ()) if name not in table]:
        problems.append(f"{where} is of an older layout: it does not have {', '.join(lacking)}")
        table = table.reindex(columns=[*table, *lacking])
    if path.stem in _NEEDED:
        return _typed(table, where, problems)
    return table


def _typed(table: pd.DataFrame, where: str, problems: list[str]) -> pd.DataFrame:
    """With numbers where numbers are due, and anything in the other columns."""
    table = table.astype(object)
    for name in [name for name in table if name in _NUMBERS]:
        numbers = pd.to_numeric(table[name], errors="coerce").astype(float)
        numbers = numbers.where(np.isfinite(numbers))
        if (bad := table.loc[numbers.isna() & table[name].notna(), name]).size:
            problems.append(f"{where} has {_shown(bad.iloc[0])!r} where {name} should be a number")
        table[name] = numbers
    return table


def _json(path: Path, problems: list[str]) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except _BROKEN as error:
        inside = path.parent.name + "/" if path.parent.parent.name == "runs" else ""
        problems.append(f"{inside}{path.name} cannot be read: {_first_line(error)}")
        return None


def _first_line(error: BaseException) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _of_notebook(notebook: dict) -> tuple[dict[str, Any], str]:
    """The parameters that an executed notebook was given, and the error that stopped it, if one did."""
    about = _mapping(_mapping(notebook.get("metadata")).get("papermill"))
    cells = found if isinstance(found := notebook.get("cells"), list) else []
    outputs = [_mapping(output) for cell in cells for output in _mapping(cell).get("outputs") or ()]
    errors = [f"{one.get('ename')}: {one.get('evalue')}" for one in outputs if one.get("output_type") == "error"]
    return _mapping(about.get("parameters")), errors[0] if errors else ""


def _paper_table(executions: Iterable[_Execution]) -> pd.DataFrame:
    """Every measured number beside the published one, columns `PAPER_COLUMNS`; no row where none was measured."""
    tables = []
    for one in executions:
        claims = _measured(one)
        if claims is not None:
            key = one.paper.key if one.paper else one.folder.name
            tables.append(claims.assign(execution=one.name, paper=key, corpus=one.corpus))
    return pd.concat(tables, ignore_index=True)[PAPER_COLUMNS] if tables else pd.DataFrame(columns=PAPER_COLUMNS)


def _measured(one: _Execution) -> pd.DataFrame | None:
    claims = one.tables.get("claims")
    return None if claims is None else claims[claims["measured"].notna()].reset_index(drop=True)


def _latex(executions: Iterable[_Execution]) -> str:
    """The same as `_paper_table` as LaTeX, one for each table of a paper; they need the package booktabs."""
    parts = [f"% Written by serkit {__version__}: serkit report --latex. Needs \\usepackage{{booktabs}}.\n"]
    for (name, number), rows in _paper_table(executions).groupby(["execution", "table"], sort=False, dropna=False):
        parts.append(_latex_of(str(name), _shown(number), rows.reset_index(drop=True)))
    return "\n".join(parts if len(parts) > 1 else [*parts, "% No published number was measured.\n"])


def _latex_of(name: str, number: str, rows: pd.DataFrame) -> str:
    """Of one execution and one table of its paper."""
    numbers = _in_groups(rows)
    fit = [_true(value) for value in rows["comparable"]]
    dagger = [r"\textsuperscript{\textdagger}" * (any(fit) and not one) for one in fit]
    ends = zip(numbers["low"], numbers["high"], strict=True)
    columns = {
        "System": rows["row"].map(_in_tex),
        "Measure": rows["metric"].map(_in_tex),
        "Published": numbers["published"],
        "Measured": [value + mark for value, mark in zip(numbers["measured"], dagger, strict=True)],
        r"95\,\% interval": [_between(*both) for both in ends],
        "Runs": _numbers(rows["runs"]),
    }
    if rows["low"].isna().all():
        del columns[r"95\,\% interval"]
    key, corpus = rows["paper"].iloc[0], rows["corpus"].iloc[0]
    whose = papers.find(key).authors if key in papers.PAPERS else key
    caption = f"Table {_in_tex(number)} of {_in_tex(whose)}: published numbers, and ours on {_in_tex(corpus)}."
    if not all(fit):
        few = r" \textdagger: not comparable with the published number."
        caption += few if any(fit) else " Ours are not comparable with the published ones."
    text = pd.DataFrame(columns).to_latex(
        index=False, column_format="ll" + "r" * (len(columns) - 2), position="htbp", caption=caption,
        label=f"tab:{re.sub(r'[^a-zA-Z0-9]+', '-', f'{name}-{number}')}",
    )  # fmt: skip
    reasons = sorted({_one_line(why) for why in rows["why_not"] if not _absent(why)})
    return "".join(f"% not comparable: {why}\n" for why in reasons) + text.replace(
        r"\begin{tabular}", "\\centering\\small\n\\begin{tabular}", 1
    )


def _ends(rows: pd.DataFrame) -> list[tuple[str, str]]:
    both = _numbers(pd.concat([rows["low"], rows["high"]], ignore_index=True))
    return list(zip(both[: len(rows)], both[len(rows) :], strict=True))


_TEX = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
}  # fmt: skip


def _in_tex(value: Any) -> str:
    r"""Text for LaTeX.

    >>> print(_in_tex("CNN_TF & 5 %"))
    CNN\_TF \& 5 \%
    """
    return "".join(_TEX.get(character, character) for character in _one_line(value))


def _one_line(value: Any) -> str:
    return "" if _absent(value) else " ".join(str(value).split())


def _html(executions: Sequence[_Execution], title: str) -> str:
    """The page, as text."""
    import jinja2

    with ThreadPoolExecutor() as pool:
        pictures = [picture for one in executions for picture in one.figures]
        for picture, made in zip(pictures, pool.map(_picture, [one["path"] for one in pictures]), strict=True):
            picture.update(made)
    for one in executions:
        one.problems += [f"figures/{made['path'].name} cannot be read" for made in one.figures if not made["source"]]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("serkit"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html").render(
        title=title,
        version=__version__,
        made=f"{datetime.now(UTC):%Y-%m-%d}",
        executions=[_section(one) for one in executions],
        overview=_overview(executions),
    )


def _picture(path: Path) -> dict[str, Any]:
    """A figure as it stands in the page: the same pixels, as WebP where that is smaller; no source if it is broken."""
    from PIL import Image, features

    try:
        data, kind = path.read_bytes(), "png"
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            if len(data) <= _SMALL:
                picture.verify()
            elif max(picture.size) <= _LONGEST_SIDE and features.check("webp"):
                smaller = io.BytesIO()
                colours = picture.convert("RGBA")
                opaque = colours.getchannel("A").getextrema() == (255, 255)
                colours = colours.convert("RGB") if opaque else colours
                colours.save(smaller, "WEBP", lossless=True, method=1, quality=0)
                if smaller.tell() < len(data):
                    data, kind = smaller.getvalue(), "webp"
    except (*_BROKEN, Image.DecompressionBombError):
        return {"source": "", "width": 0, "height": 0}
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return {"source": source, "width": width, "height": height}


def _overview(executions: Sequence[_Execution]) -> _Shown:
    """One row an execution."""
    names = ["execution", "the paper's comparisons", "measured", "comparable", "runs", "hours", "failed"]
    rows = []
    for one in executions:
        claims, held, (count, seconds) = _measured(one), _verdicts(one), _work(one)
        about = one.paper.title if one.paper and one.paper.key in papers.COMPANIONS else ""
        failed = len({run["key"] for run in one.failed} | set(_without_record(one).index))
        rows.append(
            [
                _Cell(one.name, href=f"#{one.anchor}", more="" if one.finished else "incomplete"),
                _Cell(more=about, items=_counts(held), key=held["holds"]),
                _Cell("" if claims is None else f"{len(claims)} of {len(one.tables['claims'])}"),
                _Cell("" if claims is None else str(sum(map(_true, claims["comparable"])))),
                _Cell("" if count is None else str(count)),
                _Cell("" if seconds is None else f"{seconds / 3600:.{1 if seconds > 3600 else 2}f}"),
                _Cell(str(failed or ""), kind="bad" if failed else ""),
            ]
        )
    numeric = {"runs", "hours", "measured", "comparable", "failed"}
    return _filled(_Shown("executions", [(name, "n" if name in numeric else "") for name in names], rows))


def _verdicts(one: _Execution) -> Counter:
    """How often each verdict came out of what the paper compares."""
    made = one.tables.get("comparisons")
    if made is None:
        return Counter()
    count = Counter(str(verdict) for verdict in made.loc[~_ours(made), "verdict"])
    return Counter({name: count[name] for name in [*_HELD, *sorted(count.keys() - _HELD.keys())] if count[name]})


def _counts(held: Counter) -> list[tuple[str, str]]:
    return [(f"{name}: {count}", _HELD.get(name, "")) for name, count in held.items()]


def _ours(made: pd.DataFrame) -> pd.Series:
    return made["made_by"] == "ours"


def _work(one: _Execution) -> tuple[int | None, float | None]:
    """Runs of an execution and their seconds in all; None where neither runs nor a table say."""
    if one.runs:
        seconds = pd.Series([run.get("seconds") for run in one.runs])
    else:
        tables = [one.tables[name] for name in ("runs", "baselines") if name in one.tables]
        tables = [table["seconds"] for table in tables if "seconds" in table]
        if not tables:
            return None, None
        seconds = pd.concat(tables)
    return len(seconds), float(pd.to_numeric(seconds, errors="coerce").sum())


def _section(one: _Execution) -> dict[str, Any]:
    """What the template needs of an execution."""
    notes: dict[str, str] = {}
    kinds = {name: table for name, table in one.tables.items() if name not in ("claims", "comparisons", "reasons")}
    first = [name for name in ("summary", "scores") if name in kinds]
    claims, printed_only = _claims(one, notes)
    compared, ours = _comparisons(one, notes)
    runs, settings, machine = _runs(one)
    missing = _without_record(one)
    return {
        "one": one,
        "facts": _facts(one, machine),
        "verdicts": _counts(_verdicts(one)),
        "comparable": _comparability(one),
        "claims": claims,
        "printed_only": printed_only,
        "compared": compared,
        "ours": ours,
        "notes": [(letter, text) for text, letter in notes.items()],
        "differences": _differences(one),
        "first": [_scores(name, kinds[name]) for name in first],
        "of_folds": _of_folds(kinds["scores"]) if "scores" in kinds else None,
        "figures": [made for made in one.figures if made["source"]],
        "others": [_plain(name, table) for name, table in kinds.items() if name not in (*first, "missing")],
        "parameters": _parameters(one),
        "runs": runs,
        "settings": settings,
        "failed": [_failure(run) for run in one.failed],
        "missing": _plain("missing", missing) if len(missing) else None,
    }


def _comparability(one: _Execution) -> str:
    """In a sentence, whether the numbers may be set beside the paper's."""
    claims = _measured(one)
    if claims is None or claims.empty:
        return ""
    fit = sum(map(_true, claims["comparable"]))
    count = f"{len(claims)} measured number{'s' * (len(claims) != 1)}"
    if fit == len(claims):
        return f"All {count} may be compared with the printed ones."
    if fit:
        return f"{fit} of {count} may be compared with the printed ones; the table says which, and why the others not."
    corpora = one.tables["reasons"] if "reasons" in one.tables else pd.DataFrame({"kind": [], "in_full": []})
    why = "; ".join(map(_shown, corpora.loc[corpora["kind"] == "corpus", "in_full"]))
    return f"None of {count} may be compared with the printed ones{f': {why}' if why else ''}."


def _claims(one: _Execution, notes: dict[str, str]) -> tuple[_Shown | None, _Shown | None]:
    """Measured numbers beside printed ones, and what is only printed."""
    claims = one.tables.get("claims")
    if claims is None:
        return None, None
    there = claims["measured"].notna()
    measured, rest = claims[there].reset_index(drop=True), claims[~there & claims["published"].notna()]
    places = _places(measured, ["published", "measured", "low", "high"], ["table", "metric"])
    numbers, decided = _in_groups(measured), _decided(one.tables.get("comparisons"))
    ends = list(zip(numbers["low"], numbers["high"], strict=True))
    runs = _numbers(measured["runs"])
    rows = []
    for place, row in enumerate(measured.to_dict("records")):
        rows.append(
            [
                _Cell(_shown(row["row"])),
                _Cell(_shown(row["metric"])),
                _Cell(numbers["published"][place]),
                _Cell(numbers["measured"][place], key=row["measured"], more=_between(*ends[place])),
                _Cell(plot=places[place]),
                _Cell(items=decided.get((_shown(row["table"]), row["row"], row["metric"]), ())),
                _may_be_compared(row["comparable"], row["why_not"], notes),
                _Cell(numbers["sd"][place]),
                _Cell(runs[place]),
                _Cell(_shown(row["table"])),
            ]
        )
    columns = ["system", "measure", "!published", "!measured", "", "better than", "comparable", "!sd", "!runs", "table"]
    shown = _filled(_Shown("claims", _styled(columns), rows)) if rows else None
    left = [name for name in ("table", "row", "metric", "published", "why_not") if name in rest]
    return shown, _plain("claims", rest[left]) if len(rest) else None


def _in_groups(table: pd.DataFrame, sign: bool = False) -> dict[str, list[str]]:
    """As `_numbers`, with digits for each table and measure: counts stand beside percentages.

    A measured number has as many as the ends of its interval.
    """
    texts = {name: [""] * len(table) for name in ("published", "measured", "low", "high", "sd") if name in table}
    for rows in table.groupby(["table", "metric"], sort=False, dropna=False).indices.values():
        part = table.iloc[rows]
        most = 2 if part[["published", "measured"]].abs().max(axis=None) >= 10 else 4
        for names in (["published"], ["measured", "low", "high"], ["sd"]):
            there = [name for name in names if name in table]
            digits = max((_digits(part[name], most) for name in there), default=0)
            for name in there:
                shown = _numbers(part[name], sign and name in ("published", "measured"), most, digits)
                for row, text in zip(rows, shown, strict=True):
                    texts[name][row] = text
    return texts


def _filled(shown: _Shown) -> _Shown:
    """Without the columns in which there is nothing."""
    kept = [place for place in range(len(shown.columns)) if any(row[place] != _Cell() for row in shown.rows)]
    rows = [[row[place] for place in kept] for row in shown.rows]
    return _Shown(shown.name, [shown.columns[place] for place in kept], rows, shown.note, shown.more)


def _styled(names: Iterable[str]) -> list[tuple[str, str]]:
    """Columns with their classes; numbers are marked with an exclamation mark in front."""
    return [(name.removeprefix("!"), "n" if name.startswith("!") else "") for name in names]


def _decided(made: pd.DataFrame | None) -> dict[tuple[str, str, str], list[tuple[str, str]]]:
    """What each row of a table of the paper is said to be better than, and what came out; by table, row and measure."""
    found: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for one in made[~_ours(made)].to_dict("records") if made is not None else []:
        label = f"{one['worse']}: {one['verdict']}", _HELD.get(one["verdict"], "")
        for name in {str(one["better"]), re.sub(r" \([^()]*\)$", "", str(one["better"]))}:  # "Dilated (arousal)"
            found.setdefault((_shown(one["table"]), name, one["metric"]), []).append(label)
    return found


def _may_be_compared(comparable: Any, why: Any, notes: dict[str, str]) -> _Cell:
    """Yes, or no with the letter of a footnote."""
    if _true(comparable):
        return _Cell("yes", kind="yes")
    if _absent(why):
        return _Cell("no")
    return _Cell("no", note=notes.setdefault(str(why), _letter(len(notes))))


def _letter(place: int) -> str:
    """Letters of footnotes.

    >>> _letter(0), _letter(25), _letter(26)
    ('a', 'z', 'aa')
    """
    before, last = divmod(place, 26)
    return (_letter(before - 1) if before else "") + chr(ord("a") + last)


def _comparisons(one: _Execution, notes: dict[str, str]) -> tuple[_Shown | None, _Shown | None]:
    """What the paper compares, and what only we do."""
    made = one.tables.get("comparisons")
    if made is None:
        return None, None
    made = made.assign(unit=made.get("unit", pd.Series("", index=made.index)).fillna(""))
    own = _ours(made)
    parts = [_compared(made[part].reset_index(drop=True), notes, paper) for part, paper in ((~own, True), (own, False))]
    return parts[0], parts[1]


def _compared(made: pd.DataFrame, notes: dict[str, str], by_paper: bool) -> _Shown | None:
    if made.empty:
        return None
    places = _places(made.assign(zero=0.0), ["published", "measured", "low", "high", "zero"], ["unit"])
    numbers = _in_groups(made, sign=True)
    plain = {name: _numbers(made[name]) for name in ("p", "speakers")}
    rows = []
    for place, row in enumerate(made.to_dict("records")):
        ends = numbers["low"][place], numbers["high"][place]
        why = "" if _absent(row["why"]) or row["why"] == _USUAL else str(row["why"])
        cells = [
            _Cell(f"{_shown(row['better'])} > {_shown(row['worse'])}"),
            _Cell(_shown(row["metric"]), more=row["unit"]),
            _Cell(items=[(str(row["verdict"]), _HELD.get(row["verdict"], ""))], more=why),
            _Cell(numbers["published"][place]),
            _Cell(numbers["measured"][place], key=row["measured"], more=_between(*ends)),
            _Cell(plot=places[place]),
            _Cell(plain["p"][place]),
            _may_be_compared(row["comparable"], row.get("why_not"), notes) if by_paper else _Cell(),
            _Cell(plain["speakers"][place]),
            _Cell(_shown(row["seeds"])),
            _Cell(_shown(row["table"])),
        ]
        rows.append(cells)
    columns = ["better > worse", "measure", "verdict", "!published", "!measured", "", "!p", "comparable", "!speakers"]
    columns += ["!seeds", "table"]
    return _filled(_Shown("comparisons" if by_paper else "comparisons of ours", _styled(columns), rows))


def _places(table: pd.DataFrame, columns: list[str], by: list[str]) -> list[dict[str, float | None] | None]:
    """Where a row's numbers lie between the least and the greatest of its group, in percent."""
    found: list[dict[str, float | None] | None] = [None] * len(table)
    for rows in table.groupby(by, sort=False, dropna=False).indices.values():
        values = table[columns].iloc[rows].astype(float).to_numpy()
        low, high = np.nanmin(values), np.nanmax(values)
        for row, given in zip(rows, values, strict=True):
            if high > low:
                scaled = np.round(3 + 94 * (given - low) / (high - low), 1)
                place = {
                    name: None if np.isnan(value) else float(value) for name, value in zip(columns, scaled, strict=True)
                }
                found[row] = {"zero": None} | place
    return found


def _differences(one: _Execution) -> list[dict[str, Any]]:
    """What is not as in the paper, by kind."""
    reasons = one.tables.get("reasons")
    if reasons is None or reasons.empty:
        return []
    words = {"corpus": "the corpus", "other": "how it was done"}
    rows = reasons.assign(kind=reasons["kind"].fillna("other"))
    return [
        {
            "kind": words.get(kind, kind),
            "items": [(_shown(row["in_full"]), _bears_on(row["affects"])) for row in part.to_dict("records")],
        }
        for kind, part in rows.groupby("kind", sort=False)
    ]


def _bears_on(affects: Any) -> str:
    if _absent(affects):
        return "nothing that the paper prints"
    return "" if affects == "all" else str(affects)


def _facts(one: _Execution, machine: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What was run and how, as (name, text)."""
    count, seconds = _work(one)
    runs = one.tables.get("runs", pd.DataFrame())
    seeds = runs["seed"].nunique() if "seed" in runs else None
    facts = [("corpus", one.corpus.replace("-miniature", ", miniature: synthetic speech"))]
    if count is not None and seconds is not None:
        took = f"{seconds / 3600:.1f} hours" if seconds > 3600 else f"{seconds / 60:.1f} minutes"
        facts.append(("runs", f"{count}, together {took}"))
    if seeds:
        facts.append(("seeds", str(seeds)))
    if one.source:
        facts.append(("made by", one.source))
    return [*facts, *(machine or [("versions of libraries", "not recorded in this copy")])]


def _runs(one: _Execution) -> tuple[_Shown | None, _Shown | None, list[tuple[str, str]]]:
    """One row a run; the settings that they have, each once; and what they have in common, as facts."""
    if not one.runs:
        table = one.tables.get("runs")
        return (None if table is None else _plain("runs", table.drop(columns="key", errors="ignore"))), None, []
    listed = {key for table in one.tables.values() if "key" in table for key in table["key"].dropna()}
    groups: dict[str, list[dict]] = {}
    for run in one.runs:
        groups.setdefault(json.dumps(_mapping(run.get("settings")), sort_keys=True), []).append(run)
    letters = {id(run): _letter(place) for place, group in enumerate(groups.values()) for run in group}
    rows = []
    for run in one.runs:
        spec, notes = _mapping(run.get("spec")), _mapping(run.get("notes"))
        simple = {name: value for name, value in notes.items() if isinstance(value, int | float | str)}
        split = _mapping(run.get("split"))
        sides = ", ".join(str(split[side]) for side in ("train", "validation", "test") if side in split)
        rows.append(
            {
                **spec,
                "seconds": run.get("seconds"),
                "utterances (train, validation, test)": sides or None,
                **{name: value for name, value in simple.items() if name not in spec},
                "settings": letters[id(run)],
                "finished": str(run.get("finished", ""))[:16].replace("T", " "),
                "memory (MiB)": run.get("peak_memory_mib"),
                "in the tables": "yes" if run["key"] in listed else "",
                "key": run["key"],
            }
        )
    table = pd.DataFrame(rows)
    order = [name for name in _OF_RUNS if name in table]
    last = ["settings", "finished", "memory (MiB)", "in the tables", "key"]
    table = table[[*order, *(name for name in table if name not in (*order, *last)), *last]]
    table = table.sort_values(order, kind="stable", key=lambda values: values.astype(str)) if order else table
    return _plain("runs", table, rows=2000), _settings(list(groups)), _machine(one.runs)


def _mapping(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


def _settings(groups: list[str]) -> _Shown:
    """Each setting once, with the letters of the runs that had it."""
    found: dict[tuple[str, str], list[str]] = {}
    for place, group in enumerate(groups):
        for name, value in json.loads(group).items():
            found.setdefault((name, json.dumps(value, ensure_ascii=False)), []).append(_letter(place))
    rows = [
        [_Cell(name), _Cell(value), _Cell("all" if len(letters) == len(groups) else ", ".join(letters))]
        for (name, value), letters in sorted(found.items())
    ]
    return _Shown("settings of the runs", _styled(["setting", "value", "runs"]), rows)


def _machine(runs: list[dict]) -> list[tuple[str, str]]:
    """Versions, device and the like of the runs: each once, with counts where they differ."""
    versions: dict[str, list[str]] = {}
    for run in runs:
        for name, version in _mapping(run.get("versions")).items():
            versions.setdefault(name, []).append(f"{name} {version}")
    facts = [("device", _counted(run.get("device") for run in runs))]
    facts.append(("backend", _counted(run.get("backend") for run in runs)))
    facts.append(("threads", _counted(run.get("threads") for run in runs)))
    facts.append(("linear algebra", _counted(_in_words(run.get("linear algebra") or None) for run in runs)))
    python = _counted(f"Python {run['python']}" if run.get("python") else None for run in runs)
    facts.append(("versions of libraries", ", ".join(filter(None, [*map(_counted, versions.values()), python]))))
    finished = sorted(str(run["finished"])[:10] for run in runs if run.get("finished"))
    facts.append(("dates", " to ".join(dict.fromkeys([finished[0], finished[-1]])) if finished else ""))
    return [(name, text) for name, text in facts if text]


def _counted(values: Iterable[Any]) -> str:
    """Values, with counts where there are several.

    >>> _counted(["a", "a", "b"]), _counted(["a", "a"])
    ('a (2 runs), b (1 run)', 'a')
    """
    count = Counter(str(value) for value in values if not _absent(value) and value != "")
    if len(count) < 2:
        return "".join(count)
    return ", ".join(f"{value} ({number} run{'s' * (number != 1)})" for value, number in count.most_common())


def _parameters(one: _Execution) -> _Shown | None:
    """All parameters of the notebook as it was executed; places are nobody else's business."""
    known = one.paper.parameters if one.paper else {}
    rows = []
    for name, value in one.parameters.items():
        about = known.get(name)
        if (about and about.source == "place") or name.endswith("root") or name in ("out", "stored"):
            continue
        rows.append([_Cell(name), _Cell(_in_words(value)), _Cell(about.unit if about else ""), _Cell(_whose(about))])
    return _Shown("parameters", _styled(["parameter", "value", "unit", "whose it is"]), rows) if rows else None


def _whose(about: papers.Parameter | None) -> str:
    says = {"paper": "the paper states it", "ours": "the paper is silent", "repetition": "what is run, and how often"}
    return says.get(about.source, "") if about else ""


def _in_words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else _shown(value)


def _failure(run: dict) -> dict[str, str]:
    """A failed run: what it was, why it failed, where and when, its trace, and what it printed last."""
    spec = ", ".join(f"{name} {value}" for name, value in _mapping(run.get("spec")).items())
    tries = f"{run['tries']} tries" if run.get("tries") not in (None, 1) else ""
    about = [_shown(run.get("where")), _shown(run.get("when"))[:16].replace("T", " "), tries]
    return {
        "what": spec or run["key"],
        "error": _shown(run.get("error")) or "no reason was recorded",
        "where": "; ".join(filter(None, about)),
        "trace": _lines(run.get("trace")),
        "log": _lines(run.get("log")),
    }


def _lines(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else _shown(value)


def _without_record(one: _Execution) -> pd.DataFrame:
    """Runs that the tables are without, and of whose failure there is no record; the index tells them apart."""
    missing = one.tables.get("missing")
    if missing is None:
        return pd.DataFrame()
    if "record" not in missing:
        return missing
    keys = missing["record"].astype(str).map(lambda path: path.rpartition("/")[2].removesuffix(".failed.json"))
    missing = missing.set_axis(keys)
    return missing[~missing.index.isin([run["key"] for run in one.failed])]


def _scores(name: str, table: pd.DataFrame) -> _Shown:
    """A table of scores that can be read: no spread over folds, and what is the same in all rows only once."""
    table = table[[column for column in table if not column.endswith(("fold mean", "fold sd"))]]
    table = table.dropna(axis="columns", how="all")
    measured = table[table["kind"] != "cited"] if "kind" in table else table
    same = [column for column in table if len(measured) > 2 and measured[column].eq(measured[column].iloc[0]).all()]
    table = _joined(table.drop(columns=same))
    shown = _plain(name, table[sorted(table, key=lambda column: column != "model")])
    said = [f"{column} {_shown(measured[column].iloc[0])}" for column in same if column != "kind"]
    shown.note = " ".join([shown.note, f"In all rows that were measured: {', '.join(said)}." if said else ""]).strip()
    return shown


def _of_folds(scores: pd.DataFrame) -> _Shown | None:
    """Means and standard deviations over single folds and seeds."""
    named = [name for name in ("kind", "dataset", "model", "measure") if name in scores]
    spread = [name for name in scores if name.endswith(("fold mean", "fold sd"))]
    return _plain("scores", _joined(scores[[*named, *spread]].dropna(subset=spread, how="all"))) if spread else None


def _joined(table: pd.DataFrame) -> pd.DataFrame:
    """Each interval, and each deviation, beside its number: UA pooled, UA low and UA high become one column."""
    table = table.copy()
    for name in list(table):
        if name not in table:  # it stands beside its number already
            continue
        stem = "" if name in ("pooled", "measured", "points", "difference") else name.removesuffix(" pooled")
        ends = [f"{stem} {end}".strip() for end in ("low", "high")]
        spread = f"{name.removesuffix(' mean')} sd"
        numeric = pd.api.types.is_numeric_dtype(table[name])
        if numeric and set(ends) <= set(table) and table[ends].notna().any(axis=None):
            pairs = _ends(table.rename(columns=dict(zip(ends, ("low", "high"), strict=True))))
            table[name] = _with(table[name], [_between(*pair) for pair in pairs])
            table = table.drop(columns=ends)
        elif numeric and spread in table:
            table[name] = _with(table[name], [f"± {text}" if text else "" for text in _numbers(table[spread])])
            table = table.drop(columns=spread)
    return table


def _with(numbers: pd.Series, more: list[str]) -> list[_Cell]:
    """Cells of numbers with a smaller text behind each."""
    keys = pd.to_numeric(numbers, errors="coerce").astype(float)
    texts = zip(_numbers(numbers), keys, more, strict=True)
    return [_Cell(text, key=None if np.isnan(key) else float(key), more=behind) for text, key, behind in texts]


def _plain(name: str, table: pd.DataFrame, rows: int = _ROWS) -> _Shown:
    """Any table, of which the first rows."""
    shown = table.head(rows).dropna(axis="columns", how="all")
    cells = {column: _cells(shown[column]) for column in shown}
    numeric = {column for column in shown if _is_numeric(shown[column])}
    more = len(table) - len(shown)
    note = f"The first {rows} of {len(table)} rows; all are in tables/{name}.csv." if more else ""
    columns = [(str(column), "n" if column in numeric else "") for column in shown]
    return _Shown(name, columns, [list(row) for row in zip(*cells.values(), strict=True)], note, more)


def _is_numeric(values: pd.Series) -> bool:
    first = next((value for value in values if not _absent(value)), None)
    if isinstance(first, _Cell):
        return True
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _cells(values: pd.Series) -> list[_Cell]:
    if any(isinstance(value, _Cell) for value in values):
        return list(values)
    texts = _numbers(values) if _is_numeric(values) else [_shown(value) for value in values]
    return [_Cell(text, kind=_HELD.get(text, "")) for text in texts]


def _shown(value: Any) -> str:
    """A value as text; nothing where there is none.

    >>> _shown(2.0), _shown(True), _shown(float("nan"))
    ('2', 'yes', '')
    """
    if _absent(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _numbers(values: pd.Series, sign: bool = False, most: int = 4, digits: int | None = None) -> list[str]:
    """Numbers of a column with as many digits behind the point each, at most `most`.

    >>> _numbers(pd.Series([1.5, 2.25, np.nan])), _numbers(pd.Series([1.0, 30.0])), _numbers(pd.Series([2e-7, 1.0]))
    (['1.50', '2.25', ''], ['1', '30'], ['2e-07', '1.0000'])
    """
    digits, texts = _digits(values, most) if digits is None else digits, []
    for number in pd.to_numeric(values, errors="coerce").astype(float):
        plain = number == 0 or 10**-most <= abs(number) < _GREAT
        form = f"{'+' if sign else ''}{f'.{digits}f' if plain else '.2g'}"
        texts.append("" if np.isnan(number) else format(number, form))
    return texts


def _digits(values: pd.Series, most: int) -> int:
    """Behind the point, of the number that has most of them."""
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    finite = [f"{round(number, 10):.10f}".rstrip("0") for number in numbers if np.isfinite(number)]
    return min(most, max((len(text.partition(".")[2]) for text in finite), default=0))


def _between(low: str, high: str) -> str:
    return f"[{low}, {high}]" if low and high else ""


def _true(value: Any) -> bool:
    return str(value).lower() in ("true", "1", "1.0")


def _absent(value: Any) -> bool:
    return value is None or (not isinstance(value, list | dict | str | _Cell) and bool(pd.isna(value)))
