"""The numbers that the five papers print: every table as data, one CSV file a table.

A table has one row a printed number. Its columns:

* ``row``: the paper's own name of the row, without reference marks.
* ``metric``: the paper's own name of the column, after the partition or corpus where the table has
  several ("dev CCC"). ``(row, metric)`` names a cell once.
* ``value``: the number as printed; NaN where the paper prints a dash.
* ``unit``: "%", "pixel", "utterances", or nothing for a number without one.
* ``origin``: "paper" for what the authors ran or counted themselves, "cited" for what they took from
  earlier work.
* ``note``: anything else that the table or its caption says.
"""

from pathlib import Path

import pandas as pd

from serkit.errors import choose

COLUMNS = ("row", "metric", "value", "unit", "origin", "note")
_FOLDER = Path(__file__).parent


def tables(paper: str) -> list[int]:
    """List the numbers of the tables that a paper has.

    Args:
        paper: tao2018, chang2017, khorram2017, li2018 or zhao2018.

    Raises:
        SerkitError: there is no such paper.

    >>> tables("zhao2018")
    [1, 2, 3, 4]
    """
    numbers: dict[str, list[int]] = {}
    for path in sorted(_FOLDER.glob("*_table*.csv")):
        name, number = path.stem.split("_table")
        numbers.setdefault(name, []).append(int(number))
    return sorted(numbers[choose(paper, numbers, "paper")])


def table(paper: str, number: int) -> pd.DataFrame:
    """Read a paper's table, in the order in which it is printed.

    Args:
        paper: tao2018, chang2017, khorram2017, li2018 or zhao2018.
        number: the table's number in the paper.

    Returns:
        One row a printed number, columns `COLUMNS`; value is float, the others are text.

    Raises:
        SerkitError: there is no such paper, or it has no such table.

    >>> li = table("li2018", 1)
    >>> li[li.row == "CNN_TF_Att.pooling"].set_index("metric").value.to_dict()
    {'WA': 71.75, 'UA': 68.06}
    """
    choose(str(number), map(str, tables(paper)), f"table of {paper}")
    text = dict.fromkeys(COLUMNS, str) | {"value": float}
    path = _FOLDER / f"{paper}_table{number}.csv"
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values={"value": [""]})


def everything(paper: str) -> pd.DataFrame:
    """Read all tables of a paper, one below the other: columns `COLUMNS` and table, its number.

    Raises:
        SerkitError: there is no such paper.
    """
    return pd.concat([table(paper, number).assign(table=number) for number in tables(paper)], ignore_index=True)
