"""The papers that serkit reproduces, as data: a folder each, with ``paper.toml`` and the printed tables.

**paper.toml** names the paper, its notebook, the corpora of its results (`own`) and the columns that any other
corpus must have (`needs`; "partition or gender" where one of two will do), and may say how many seconds its quick
profile takes on two cores (`seconds`): the quickest is executed first. Under ``[parameters]`` it has one line a
parameter of the notebook:

* ``unit``: of the value, where it has one.
* ``source``: who says so. "paper": the paper states the value. "ours": the paper is silent or impossible to follow,
  and we chose. "repetition": what is run and how often, which makes no other number of the same kind (seeds, models,
  draws). "place": where things are and who does the work.
* ``paper`` and ``smoke``: the value in these profiles; without one, the notebook's own holds there too. `paper` is
  every setting as published, and our choice where nothing is published; `smoke` is for tests; `quick` is what stands
  in the notebook itself.
* ``affects``: what of the paper the value bears on: "table 1", "figure 2", "row BLSTM" (of any table), "metric test
  CCC". Without it: on everything. An empty list: on nothing that the paper prints.
* ``least``, ``most``: bounds of a number, or of each item of a list; both are allowed themselves.
* ``fewest``: how many items a list has at the least.
* ``said``: what the paper says of it in words, where the value of the paper profile would be no quotation.
* ``along``: another parameter, whose items each have one of this list: where that one names some of its items or
  another order, each has the value that the paper profile gives it.

**table1.csv** and so on have one row a printed number, with the columns

* ``row``: the paper's own name of the row, without reference marks.
* ``metric``: the paper's own name of the column, after the partition or corpus where the table has several ("dev
  CCC"). ``(row, metric)`` names a cell once.
* ``value``: the number as printed; NaN where the paper prints a dash.
* ``unit``: "%", "pixel", "utterances", or nothing for a number without one.
* ``origin``: "paper" for what the authors ran or counted themselves, "cited" for what they took from earlier work.
* ``note``: anything else that the table or its caption says.

A new paper is a new folder: nothing else lists them.

**companions/** has further notebooks, of no single paper: a folder each, with a ``paper.toml`` and no table. An empty
`own` means that the notebook takes no corpus.

**cited.csv** has results of other papers that ours are shown beside (`cited`): the corpus, its classes and the division
that they are of, the system, and where the number stands.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serkit.errors import SerkitError, one_of

COLUMNS = ("row", "metric", "value", "unit", "origin", "note")
PROFILES = ("smoke", "quick", "paper")
SOURCES = ("paper", "ours", "repetition", "place")
_SAVED = {"unit", "source", "smoke", "paper", "affects", "least", "most", "fewest", "said", "along"}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a paper's notebook.

    Attributes:
        name: in the notebook.
        unit: of its value, or nothing.
        source: one of `SOURCES`.
        values: profile -> value, where the profile says one.
        affects: what of the paper it bears on; None for everything.
        least: lower bound of its value or items, in `unit`; None for none.
        most: upper bound, likewise.
        fewest: number of items that a list needs.
        said: what the paper says of it in words, or nothing.
        along: the parameter whose items each have one of this list, or nothing.
    """

    name: str
    unit: str
    source: str
    values: dict[str, Any]
    affects: tuple[str, ...] | None = None
    least: float | None = None
    most: float | None = None
    fewest: int = 0
    said: str = ""
    along: str = ""

    def bounded(self, value: Any) -> Any:
        """Return `value` if it is within the bounds.

        Raises:
            SerkitError: it is not, or a list has too few items; the message says what is allowed.
        """
        items = value if isinstance(value, list) else [value]
        if len(items) < self.fewest:
            raise SerkitError(
                f"parameter {self.name} needs {self.fewest} item{'s' * (self.fewest != 1)} or more; got {value!r}"
            )
        low, high = self.least is not None, self.most is not None
        if (low and not all(item >= self.least for item in items)) or (
            high and not all(item <= self.most for item in items)
        ):
            bounds = f"from {self.least} to {self.most}" if low and high else ""
            bounds = bounds or (f"{self.least} or more" if low else f"{self.most} or less")
            unit = f" ({self.unit})" if self.unit else ""
            each = ", each item," if isinstance(value, list) else ""
            raise SerkitError(f"parameter {self.name}{unit}{each} is {bounds}; got {value!r}")
        return value


@dataclass(frozen=True)
class Difference:
    """A setting that is not the one of the paper profile.

    Attributes:
        name: of the parameter.
        value: what was set.
        published: what the paper profile says.
        source: "paper" where the paper states it, "ours" where the paper is silent.
        affects: as in `Parameter`.
        said: as in `Parameter`.
    """

    name: str
    value: Any
    published: Any
    source: str
    affects: tuple[str, ...] | None = None
    said: str = ""

    def touches(self, table: int, row: str) -> bool:
        """Whether a number in that row of that table depends on the setting."""
        return self.affects is None or f"table {table}" in self.affects or f"row {row}" in self.affects


@dataclass(frozen=True)
class Paper:
    """A paper and its notebook; or a companion, a notebook of no single paper.

    Attributes:
        key: short name.
        title: of the paper.
        authors: of the paper.
        venue: where and when it appeared.
        notebook: file name in ``notebooks/``.
        own: the corpora of the paper's results; the first one's miniature is used when no corpus is named. None for a
            companion that takes no corpus.
        needs: the columns that any corpus must have; "partition or gender" where one of two will do.
        parameters: of the notebook, by name.
        folder: with the paper's tables.
        seconds: that the quick profile took on two cores, one execution at a time beside another; 1000 where nobody
            has measured.
    """

    key: str
    title: str
    authors: str
    venue: str
    notebook: str
    own: tuple[str, ...]
    needs: tuple[str, ...]
    parameters: dict[str, Parameter]
    folder: Path
    seconds: float = 1000.0

    @property
    def corpus(self) -> str:
        """The corpus that is meant when none is named; nothing for a notebook that takes none."""
        return self.own[0] if self.own else ""


def _discover(folder: Path) -> dict[str, Paper]:
    """Read every paper in a folder: its sub-folders that have a ``paper.toml``, by name.

    Raises:
        SerkitError: a file that is no TOML, lacks something or says something unknown.
    """
    return {path.parent.name: _read(path) for path in sorted(folder.glob("*/paper.toml"))}


def find(key: str) -> Paper:
    """Return a paper or a companion.

    Raises:
        SerkitError: there is none of that key.
    """
    return (PAPERS | COMPANIONS)[one_of(key, PAPERS | COMPANIONS, "paper")]


def profile_values(paper: Paper, profile: str) -> dict[str, Any]:
    """Return the values that a profile gives to the parameters of a paper's notebook.

    Raises:
        SerkitError: there is no such profile.
    """
    one_of(profile, PROFILES, "profile")
    return {
        name: parameter.values[profile] for name, parameter in paper.parameters.items() if profile in parameter.values
    }


def differences(paper: Paper, settings: dict[str, Any]) -> list[Difference]:
    """List the settings that are not those of the paper profile. Places and repetitions make none.

    Args:
        paper: whose notebook.
        settings: parameters of the notebook by name; further names are passed over.
    """
    found = []
    for name, parameter in paper.parameters.items():
        if parameter.source in ("paper", "ours") and name in settings:
            published = parameter.values["paper"]
            if parameter.along in settings:
                by_item = dict(zip(paper.parameters[parameter.along].values["paper"], published, strict=True))
                if set(settings[parameter.along]) <= set(by_item):
                    published = [by_item[item] for item in settings[parameter.along]]
            if settings[name] != published:
                found.append(
                    Difference(name, settings[name], published, parameter.source, parameter.affects, parameter.said)
                )
    return found


def _tables(key: str) -> list[int]:
    """List the numbers of the tables that a paper has.

    Raises:
        SerkitError: there is no such paper.

    >>> _tables("zhao2018")
    [1, 2, 3, 4]
    """
    return sorted(int(path.stem.removeprefix("table")) for path in find(key).folder.glob("table*.csv"))


def table(key: str, number: int) -> pd.DataFrame:
    """Read a paper's table, in the order in which it is printed.

    Args:
        key: of the paper.
        number: the table's number in the paper.

    Returns:
        One row a printed number, columns `COLUMNS`; value is float, the others are text.

    Raises:
        SerkitError: there is no such paper, or it has no such table.

    >>> li = table("li2018", 1)
    >>> li[li.row == "CNN_TF_Att.pooling"].set_index("metric").value.to_dict()
    {'WA': 71.75, 'UA': 68.06}
    """
    one_of(str(number), map(str, _tables(key)), f"table of {key}")
    text = dict.fromkeys(COLUMNS, str) | {"value": float}
    path = find(key).folder / f"table{number}.csv"
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values={"value": [""]})


def published(key: str) -> pd.DataFrame:
    """Read all tables of a paper, one below the other: columns `COLUMNS` and table, its number.

    Raises:
        SerkitError: there is no such paper.
    """
    return pd.concat([table(key, number).assign(table=number) for number in _tables(key)], ignore_index=True)


def smallest_counts(shares: np.ndarray, digits: int = 4) -> np.ndarray:
    """Return the smallest whole numbers whose shares of a row round to the printed ones.

    Shares of a row whose total is not too great are whole numbers in disguise (chang2017, table 3).

    Args:
        shares: of each row, printed with so many digits, (rows, columns).
        digits: after the decimal point.

    Returns:
        Counts, (rows, columns).

    >>> smallest_counts(np.array([[0.3333, 0.6667]]))
    array([[1, 2]])
    """
    rows = []
    for row in shares:
        for total in range(1, 10**digits):
            counts = np.rint(total * row)
            if counts.sum() == total and np.array_equal(np.round(counts / total, digits), row):
                break
        rows.append(counts.astype(int))
    return np.array(rows)


def cited(corpus: str, classes: Iterable[str], division: str) -> pd.DataFrame:
    """Read what others have reported for the same corpus, classes and division into training and test.

    Args:
        corpus: its name.
        classes: labels, in any order.
        division: "folds" for the folds that a corpus brings along (`serkit.splits.by_fold`).

    Returns:
        Columns row, metric, value (in unit), unit and source; no row where nobody has.

    >>> cited("ravdess", ["angry", "happy", "sad", "neutral"], "folds").empty
    True
    """
    table = pd.read_csv(Path(__file__).parent / "cited.csv")
    same = (table["corpus"] == corpus) & (table["division"] == division)
    same &= table["classes"].str.split().map(sorted).map(tuple) == tuple(sorted(classes))
    return table.loc[same, ["row", "metric", "value", "unit", "source"]].reset_index(drop=True)


def _read(path: Path) -> Paper:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        parameters = {name: _parameter(path, name, given) for name, given in found.pop("parameters").items()}
        for one in parameters.values():
            if one.along:
                one_of(one.along, parameters, f"parameter that {one.name} is along in {path}")
        for name in ("own", "needs"):
            found[name] = tuple(found[name])
        return Paper(key=path.parent.name, parameters=parameters, folder=path.parent, **found)
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise SerkitError(f"{path}: {error}; see the docstring of serkit.papers") from error


def _parameter(path: Path, name: str, given: dict[str, Any]) -> Parameter:
    for key in given:
        one_of(key, _SAVED, f"entry of parameter {name} in {path}")
    source = one_of(given.get("source", ""), SOURCES, f"source of parameter {name} in {path}")
    if source in ("paper", "ours") and "paper" not in given:
        raise SerkitError(f"{path}: parameter {name} has no value for the paper profile: paper = ...")
    affects = tuple(given["affects"]) if "affects" in given else None
    values = {profile: given[profile] for profile in PROFILES if profile in given}
    more = {key: given[key] for key in ("least", "most", "fewest", "said", "along") if key in given}
    parameter = Parameter(name, given.get("unit", ""), source, values, affects, **more)
    for value in values.values():
        try:
            parameter.bounded(value)
        except (SerkitError, TypeError) as error:
            raise SerkitError(f"{path}: {error}") from error
    return parameter


PAPERS = _discover(Path(__file__).parent)
COMPANIONS = _discover(Path(__file__).parent / "companions")
