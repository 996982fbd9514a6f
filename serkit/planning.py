"""The plan before the work: which runs are found, which are to do, and what they take on this machine.

``$SERKIT_PLAN`` names the file of a plan that is being made. A notebook is then executed up to its last study, into a
folder that is thrown away; a study does none of its runs, and notes what they take: the mean of the stored runs that
differ in fold and seed only, else that of one run in which every training is cut short (`Trial`). Features are
extracted for real, and kept; how long that took is known of each store, and counts at full size. Expected times are
estimates: a stopping rule may end training sooner, a compiled network may serve several runs, and other work on the
machine counts.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from serkit import files
from serkit.errors import SerkitError

if TYPE_CHECKING:
    from serkit.corpora import Corpus

STEPS, EPOCHS = 3, 2  # of a training that is cut short; its first epoch compiles
_trials: "list[list[Trial]]" = []  # of the runs that are being timed, the innermost last
FULL = "minutes at full size"
LIMITS = """At most: stopping rules may end training sooner, and runs alike compile once. Features that are listed have
been extracted, for this plan or before, and are kept. Imports, toys and figures take half a minute more.
"""
counted: set[Path] = set()  # folders of runs that this plan has; another study may name them again
CALLS = ".complete("  # how a notebook does a study


class PassedOver(Exception):  # noqa: N818 (nothing is wrong)
    """Ends a cell that trains outside a run, such as a toy, while a plan is made."""


def active() -> bool:
    """Whether a plan is being made, so that nothing is to be trained."""
    return bool(os.environ.get("SERKIT_PLAN"))


class Trial:
    """A training cut short: `EPOCHS` epochs of a few batches, spread evenly over an epoch; the last epoch is timed.

    Args:
        batches: of an epoch.
        epochs: that the whole training has.
        warmup: further steps that it has.

    Attributes:
        batches: those to train on.
    """

    def __init__(self, batches: Sequence, epochs: int, warmup: int = 0):
        count = len(batches)
        chosen = (np.arange(min(STEPS, count)) + 0.5) * count / min(STEPS, count)
        self.batches = [batches[int(number)] for number in chosen]
        self.steps, self.epochs = count * epochs + warmup, epochs
        self._updated = 0.0
        self._marks = [(0.0, time.monotonic())]  # of each epoch: after its last step, and after its validation

    def updated(self) -> None:
        """Call this after every step."""
        self._updated = time.monotonic()

    def validated(self) -> None:
        """Call this at the end of an epoch."""
        self._marks.append((self._updated, time.monotonic()))

    on_epoch_end = validated

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> Any:
        return self.batches[number]

    @property
    def _timed(self) -> tuple[float, float]:
        """Seconds that the steps of the last epoch took, and what followed them."""
        (_, began), (updated, ended) = self._marks[-2:]
        return updated - began, ended - updated

    @property
    def whole(self) -> float:
        """Seconds of the whole training, compilation aside."""
        steps, rest = self._timed
        return steps / len(self.batches) * self.steps + rest * self.epochs

    @property
    def more(self) -> float:
        """Seconds that the whole training takes beyond this one."""
        return self.whole - EPOCHS * sum(self._timed)


def trial(batches: Sequence, epochs: int, warmup: int = 0) -> Trial | None:
    """What to train instead while a plan is made; None at all other times.

    Raises:
        PassedOver: a plan is made, and this training belongs to no run.
    """
    if not active():
        return None
    if not _trials:
        raise PassedOver("not a run: the plan does without it")
    _trials[-1].append(Trial(batches, epochs, warmup))
    return _trials[-1][-1]


def shortened(batches: Any, validate: Callable, epochs: int, warmup: int) -> tuple[Any, Callable, int, int]:
    """The same four; while a plan is made, those of a `trial`, for training that calls ``batches.on_epoch_end()``."""
    made = trial(batches, epochs, warmup)
    if made is None:
        return batches, validate, epochs, warmup

    def validated() -> Any:
        made.updated()
        return validate()

    return made, validated, EPOCHS, 0


@contextmanager
def trials() -> Iterator[list[Trial]]:
    """Within the block trainings are cut short; yield the list that they get into."""
    _trials.append([])
    try:
        yield _trials[-1]
    finally:
        _trials.pop()


def note(**record: Any) -> None:
    """Add a record to the plan: of runs alike, of the full size, or why a run failed."""
    with Path(os.environ["SERKIT_PLAN"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, ensure_ascii=False) + "\n")


def note_stores(stores: Sequence) -> None:
    """Add to the plan how long the extraction of each of a notebook's stores took, where that is known."""
    for stored in {one.directory: one for one in stores}.values():
        if stored.seconds is not None:
            note(features=stored.directory.name.rpartition("-")[0], seconds=stored.seconds / (os.cpu_count() or 1))


def read(path: Path) -> list[dict]:
    """The records of a plan.

    Raises:
        SerkitError: a run failed; or no study was reached.
    """
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
    for record in records:
        if "failed" in record:
            raise SerkitError(record["failed"])
    if not any("what" in record for record in records):
        raise SerkitError("nothing is planned: the notebook came to no study")
    return records


def full_size(speech: "Corpus", utterances: pd.DataFrame) -> dict | None:
    """How much more speech the corpus itself has than some utterances of its miniature.

    It follows from the published counts of those kinds of utterances of which the miniature's are all among these, and
    from the mean length of the corpus' utterances (a loader's ``PUBLISHED`` and ``MEAN_SECONDS``).

    Args:
        speech: a miniature.
        utterances: rows of its table.

    Returns:
        factor, and in words what it is made of (said); None for no miniature, or where nothing is published.
    """
    if not speech.miniature:
        return None
    from serkit import audio
    from serkit.corpora import module

    source = module(speech.name)
    whole, own = (source.count(speech.root, table) for table in (speech.utterances, utterances))
    kinds = [name for name in getattr(source, "PUBLISHED", {}) if own.get(name) and own[name] == whole[name]]
    # Not those of one session or speaker, and what is no utterance.
    aside = ("dialogues", "alignments", "speakers", "men")  # and women
    kinds = [name for name in kinds if "," not in name and not name.endswith(aside)]
    kinds = [name for name in kinds if name.endswith(("utterances", "recordings"))] or kinds
    within = [name for name in kinds if any(name.endswith(f" {other}") for other in kinds)]  # "improvised ang" of "ang"
    kinds = [name for name in kinds if name not in within]
    if not kinds or not hasattr(source, "MEAN_SECONDS"):
        return None
    ratio = sum(source.PUBLISHED[name] for name in kinds) / sum(own[name] for name in kinds)
    lengths = (utterances["end"] - utterances["start"]).astype(float)
    if lengths.isna().any():
        lengths = pd.Series([audio.info(path).duration for path in utterances["path"]])
    said = f"{round(ratio * len(utterances))} utterances of {source.MEAN_SECONDS:.3g} s on average"
    said += f" for {len(utterances)} of {lengths.mean():.3g} s"
    return {"factor": ratio * source.MEAN_SECONDS / lengths.mean(), "said": said}


def table(records: Sequence[dict]) -> pd.DataFrame:
    """One row a study: runs found and to do, minutes and MiB that these take, and the minutes of all at full size.

    Args:
        records: of `read`. At full size none is found, and what grows with the corpus (training, and the extraction of
            features, each store once) is multiplied.
    """
    runs = [record for record in records if "what" in record]
    stores = [record for record in records if "features" in record]
    extracted = {"found": 1, "to do": 0, "bytes": 0}
    features = [
        {"what": f"features: {one['features']}", "seconds": one["seconds"], "grows": one["seconds"], **extracted}
        for one in stores
    ]
    runs = pd.DataFrame([*features, *runs])
    factors = [record["factor"] for record in records if "factor" in record]
    runs["minutes"] = runs["to do"] * runs["seconds"] / 60
    runs["MiB"] = runs["to do"] * runs["bytes"] / 2**20
    columns = ["found", "to do", "minutes", "MiB"]
    if factors:
        each = runs["seconds"] + (factors[0] - 1) * runs["grows"]
        runs[FULL] = (runs["found"] + runs["to do"]) * each / 60
        columns.append(FULL)
    return runs.groupby("what", sort=False)[columns].sum().rename_axis("study").reset_index()


def _wall(minutes: Sequence[float], jobs: int, workers: int = 1) -> tuple[float, int]:
    """Minutes until all executions are done, and the number of processes that are reckoned with: one a core, at most.

    Args:
        minutes: of each execution's runs, one after the other.
        jobs: executions side by side; the last to end is no shorter than the longest.
        workers: processes that share the runs of each.
    """
    cores = os.cpu_count() or 1
    workers = min(workers, cores)
    jobs = max(min(jobs, len(minutes), cores // workers), 1)
    each = [one / workers for one in minutes]
    return max(sum(each) / jobs, *each, 0.0), jobs * workers


def summary(tables: Sequence[pd.DataFrame], jobs: int, workers: int) -> str:
    """Totals of several executions' `table`, in words; see `_wall`."""
    total = pd.concat(tables).sum(numeric_only=True)
    lines = [f"{total['to do']:.0f} runs to do, {total['found']:.0f} found; disk: {total['MiB'] / 1024:.2f} GiB"]
    for column, said in (("minutes", "runs to do"), (FULL, "all runs at full size")):
        if column in total:
            shared, processes = _wall([table[column].sum() for table in tables if column in table], jobs, workers)
            lines.append(f"{said}: {total[column]:.1f} minutes one after the other")
            lines[-1] += f", {shared:.1f} with {processes} processes side by side" * (processes > 1)
    return "\n".join([*lines, LIMITS.strip()])


SIZE = """from serkit import features, planning
planning.note_stores([one for one in globals().values() if isinstance(one, features.Features)])
planning.note(**planning.full_size(speech, globals().get('utterances', speech.utterances)) or {})
"""


def run_cells(
    notebook: Any, cwd: Path, notes: Path, last: str = "", may_wait: Callable[[Path], bool] = lambda _: False
) -> int:
    """Execute a notebook's cells up to its last study, for a plan or a share of the runs; then one more.

    Every study adds to the notes as it is done. What needs the results of runs fails, and so does what needs a toy:
    both are passed over. What stands below the last study is not executed.

    Args:
        notebook: of nbformat, with its parameters set.
        cwd: folder to run in.
        notes: a file.
        last: the cell that follows them.
        may_wait: whether a study may fail, by these notes, since it needs the results of earlier ones.

    Returns:
        How many studies did.

    Raises:
        SerkitError: a cell before the first study fails of itself; or a study does.
        KeyboardInterrupt: interrupted.
    """
    nbformat = files.nbformat()
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    studies = [number for number, cell in enumerate(cells) if CALLS in cell.source]
    notebook.cells = [*cells[: studies[-1] + 1], *([nbformat.v4.new_code_cell(last)] if last else [])]
    client = NotebookClient(notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(cwd)}})
    toys, waiting = False, 0  # whether one was passed over; studies
    with client.setup_kernel():
        for number, cell in enumerate(notebook.cells):
            noted = notes.stat().st_size if notes.exists() else 0
            try:
                client.execute_cell(cell, number)
            except CellExecutionError as error:
                if error.ename == "KeyboardInterrupt":
                    raise KeyboardInterrupt from error
                toys = toys or error.ename == PassedOver.__name__
                passed = number > studies[0] or (toys and error.ename != SerkitError.__name__)
                if CALLS in cell.source:
                    passed = notes.exists() and notes.stat().st_size > noted
                    waits = not passed and may_wait(notes)
                    waiting += waits
                    passed |= waits
                if not passed:
                    why = error.evalue if error.ename == SerkitError.__name__ else f"{error.ename}: {error.evalue}"
                    raise SerkitError(why) from error
    return waiting
