"""Stored runs trained again, to see whether the same numbers come out.

``$SERKIT_VERIFY`` says how many runs, while a plan is made (`serkit.planning`): a notebook is executed up to its last
study, no run is done for it, and a study offers those of its runs that are stored. After that, some of them are trained
as ever, from the values that their study had, into a folder that is thrown away, and what they predict is compared with
what is stored. Stored runs are read only.

On the machine that made them, predictions are equal to the byte. Another processor or a GPU has other last digits,
which training makes greater: differences up to `TOLERANCE` pass, as long as no label is another one.
"""

import os
import tempfile
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serkit import planning, progress
from serkit.errors import SerkitError

TOLERANCE = 1e-4  # of a score
CELL = "from serkit import verifying\nverifying.verify()"  # after a notebook's last study
_offered: dict[tuple[bool, str], list[list[bytes]]] = {}  # (no network, study) -> runs of each kind, with all they need


def active() -> bool:
    """Whether stored runs are to be trained again, and nothing else."""
    return bool(os.environ.get("SERKIT_VERIFY"))


def offer(study: Any, what: str, runs: Sequence[tuple[dict, str, dict]]) -> None:
    """Remember as many as are wanted of a study's stored runs that differ in fold and seed only, and predict something.

    Args:
        study: a `Study`.
        what: its runs are called.
        runs: of each its spec, its key, and its spec in plain values.
    """
    import cloudpickle

    planning.note(offered=len(runs))
    predicting = [run for run in runs if _rows(study.directory / run[1] / "predictions.csv")]
    # Keys are digests: their order is a draw that is always the same. Pickled, since the notebook goes on.
    drawn = sorted(predicting, key=lambda run: run[1])[: int(os.environ["SERKIT_VERIFY"])]
    if drawn:
        network = (study.directory / drawn[0][1] / "history.csv").is_file()
        kinds = _offered.setdefault((not network, what), [])
        kinds.append([cloudpickle.dumps((study, what, *run)) for run in drawn])


def _rows(path: Path) -> int:
    return max(path.read_bytes().count(b"\n") - 1, 0)


def verify() -> None:
    """Train some of the runs that were offered again, and note in the plan how they compare with the stored ones."""
    import cloudpickle

    chosen = [cloudpickle.loads(one) for one in _chosen(_offered, int(os.environ["SERKIT_VERIFY"]))]
    _offered.clear()
    if not chosen:
        planning.note(failed="no run of this command is stored: start it without --verify first")
    for study, what, spec, key, named in progress.track(chosen, "stored runs, trained again", len(chosen)):
        run = ", ".join(f"{axis} {value}" for axis, value in named.items())
        planning.note(what=what, run=run, **_again(study, spec, key))


def _chosen(offered: dict[tuple[bool, str], list[list[bytes]]], count: int) -> list[bytes]:
    """A run of each study in turn, those of networks first; and among a study's, one of each kind in turn."""
    return _in_turn([_in_turn(offered[study]) for study in sorted(offered)])[:count]


def _in_turn(lists) -> list:
    """The first of each list, then the second of each, and so on."""
    return [one for row in zip_longest(*lists) for one in row if one is not None]


def _again(study: Any, spec: dict, key: str) -> dict:
    """Train a run in a folder aside; how it compares with the stored one."""
    stored, plan = study.directory / key, os.environ.pop("SERKIT_PLAN")
    try:
        with tempfile.TemporaryDirectory() as folder:
            made = study.aside(spec, Path(folder))
            return compare(stored / "predictions.csv", made / "predictions.csv")
    except Exception as error:
        return {"same": False, "bytes": False, "why": f"{type(error).__name__}: {error}"}
    finally:
        os.environ["SERKIT_PLAN"] = plan


def compare(stored: Path, made: Path) -> dict:
    """How two files of predictions differ.

    Returns:
        Whether they are the same up to `TOLERANCE` (same), and to the byte (bytes); the largest difference of a number
        (largest); how many rows have another text, such as a predicted label (labels), of how many (rows); and in words
        why they cannot be compared row by row (why), if so.
    """
    if stored.read_bytes() == made.read_bytes():
        return {"same": True, "bytes": True, "largest": 0.0, "labels": 0, "rows": _rows(stored), "why": ""}
    before, now = pd.read_csv(stored), pd.read_csv(made)
    if list(before) != list(now) or len(before) != len(now) or not (before["id"] == now["id"]).all():
        return {"same": False, "bytes": False, "rows": len(before), "why": "other rows or columns"}
    numbers = [name for name in before if all(pd.api.types.is_numeric_dtype(one[name]) for one in (before, now))]
    texts = [name for name in before if name not in numbers]
    x, y = (one[numbers].to_numpy(float) for one in (before, now))
    equal = (x == y) | (np.isnan(x) & np.isnan(y))
    apart = np.nan_to_num(np.abs(np.where(equal, 0, x) - np.where(equal, 0, y)), nan=np.inf, posinf=np.inf)
    largest = float(apart.max(initial=0))
    labels = int((before[texts].astype(str) != now[texts].astype(str)).any(axis=1).sum())
    same = labels == 0 and largest <= TOLERANCE
    return {"same": same, "bytes": False, "largest": largest, "labels": labels, "rows": len(x), "why": ""}


def read(path: Path) -> list[dict]:
    """How runs that were trained again compare with the stored ones, of each what `compare` says.

    Raises:
        SerkitError: no run is stored.
    """
    return [record for record in planning.read(path) if "same" in record]


def table(records: Sequence[dict]) -> pd.DataFrame:
    """One row a run that was trained again (`read`), as it is printed."""
    rows = [
        {
            "study": one["what"],
            "run": one["run"],
            "equal to the byte": "yes" if one["bytes"] else "no",
            "largest difference": f"{one['largest']:.1g}" if "largest" in one else "",
            "labels that differ": f"{one['labels']} of {one['rows']}" if "labels" in one else "",
            "verdict": ("same" if one["same"] else "differs") + f": {one['why']}" * bool(one["why"]),
        }
        for one in records
    ]
    return pd.DataFrame(rows)


def judge(records: Sequence[dict]) -> None:
    """Refuse runs that do not come out the same.

    Raises:
        SerkitError: some differ.
    """
    differing = [one for one in records if not one["same"]]
    if differing:
        raise SerkitError(
            f"{len(differing)} of {len(records)} runs differ by more than {TOLERANCE:g} or in a label: to be expected "
            "on another processor or a GPU, not on the machine that made them"
        )
