"""Where a training is, so that a run that was stopped goes on from there, with the same numbers as an undisturbed one.

While a run of a `serkit.study.Study` is going on (`of_run`), a training that has gone on for some minutes is kept at
the end of an epoch: weights, optimiser, random states, callbacks and the epochs so far, in one file beside the run's
folder, written whole or not at all. The same run started again, by the same command, goes on after that epoch. The file
goes when the run is stored. Minutes are `MINUTES`, or ``$SERKIT_CHECKPOINT``; outside of a run nothing is kept.

Batches must depend on nothing but their seed and the number of the epoch, as all of `serkit.batches` do, and those of
the validation on nothing; what draws from the generator of Keras' backend without a seed of its own goes on elsewhere
than it would have.
"""

import importlib
import json
import os
import random
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType
from typing import Any

import keras
import numpy as np

from serkit import files
from serkit.errors import SerkitError

MINUTES = 5.0  # of training, at most, that are lost with a process; an epoch is not divided
FORMAT = 1  # of the file
PLAIN = (str, int, float, bool, type(None), np.generic, np.ndarray)
_ARRAY, _FUNCTION = "array", "function"  # stand, in the text, for an array of the file and a function of a module
_TUPLE, _DICT = "tuple", "dict"  # likewise
_run: "_Run | None" = None  # that is going on


class _Run:
    """A run that is going on: where its trainings are kept, their number so far, and its time."""

    def __init__(self, folder: Path):
        self.folder, self.count, self.began, self.before = folder, 0, time.monotonic(), 0.0

    @property
    def seconds(self) -> float:
        """Since the run began, with those of earlier tries that count."""
        return self.before + time.monotonic() - self.began


@contextmanager
def of_run(folder: Path) -> Iterator[_Run]:
    """Within the block trainings are kept in `folder`, and taken from there; it is removed by whoever stores the run.

    Raises:
        SerkitError: ``$SERKIT_CHECKPOINT`` is no number.
    """
    global _run  # noqa: PLW0603 (a training does not know of its run)
    _minutes()
    before, _run = _run, _Run(folder)
    try:
        yield _run
    finally:
        _run = before


def _minutes() -> float:
    given = os.environ.get("SERKIT_CHECKPOINT", str(MINUTES))
    try:
        return float(given)
    except ValueError:
        raise SerkitError(f"SERKIT_CHECKPOINT is {given!r}: give minutes, such as 5") from None


class Training:
    """The next training of the run that is going on; of none, where nothing is kept.

    Attributes:
        state: what the stopped process last kept, or None: begin at the beginning.
    """

    def __init__(self):
        self._of, self._last, self.state = _run, time.monotonic(), None
        if _run is None:
            return
        _run.count += 1
        self._path = _run.folder / f"training-{_run.count}.npz"
        self.state = _read(self._path)
        if self.state is not None:
            _run.before = max(_run.before, self.state["seconds of the run"])
            _set_random(self.state["random"])

    @property
    def due(self) -> bool:
        """Whether it is time to `keep` a state."""
        return self._of is not None and time.monotonic() - self._last >= 60 * _minutes()

    def keep(self, state: dict[str, Any]) -> None:
        """Write a state: nested dicts and lists of plain values and arrays. A full disk does not stop the training."""
        assert self._of is not None  # or nothing is `due`
        state = state | {"format": FORMAT, "seconds of the run": self._of.seconds, "random": _random()}
        arrays: list[np.ndarray] = []
        try:
            with files.atomic(self._path) as temporary, temporary.open("wb") as stream:
                text = json.dumps(_flat(state, arrays))
                named: dict[str, Any] = {f"{_ARRAY}{place}": one for place, one in enumerate(arrays)}
                np.savez(stream, text=np.array(text), **named)
        except (SerkitError, OSError) as error:
            print(f"the training goes on without a checkpoint: {error}", file=sys.stderr)
        self._last = time.monotonic()


class Epochs(keras.callbacks.Callback):
    """The epochs of ``model.fit``: keeps them, and goes on with those of a stopped process. The last of its callbacks.

    Nothing is kept where the order of the batches would be another (arrays, which Keras shuffles by itself) or where a
    callback may remember what cannot be kept (``keras.callbacks.LambdaCallback``, an object): such a training begins
    anew.

    Args:
        model: compiled, with an optimiser that is built; it gets its weights.
        batches: as for ``model.fit``; its epochs are counted on.
        callbacks: the other ones.

    Attributes:
        rows: of each epoch so far, what was measured, and seconds since the beginning.
        epoch: where ``model.fit`` begins.
        finished: whether it is not to be called at all.
    """

    def __init__(self, model: keras.Model, batches: Any, callbacks: list[keras.callbacks.Callback]):
        super().__init__()
        self.rows, self.epoch, self.finished = [], 0, False
        self._training, self._network, self._others = Training(), model, callbacks
        self._kept = isinstance(batches, keras.utils.PyDataset) and all(map(_is_seen, callbacks))
        self._state = self._training.state if self._kept else None
        self._began = time.monotonic()
        if self._state is None:
            return
        self.rows, self.finished = self._state["rows"], self._state["finished"]
        self._began -= self.rows[-1]["seconds"]
        for _ in self.rows:
            batches.on_epoch_end()
        for variable, value in zip(self._variables(), self._state["variables"], strict=True):
            variable.assign(value)
        self.epoch = self._state["next"]
        if self.finished:
            self._restore_callbacks()

    def on_train_begin(self, logs=None):  # noqa: ARG002, D102
        if self._state is not None:  # the others have just set theirs to the beginning
            self._restore_callbacks()

    def on_epoch_end(self, epoch, logs: Any = None):  # noqa: D102
        self.rows.append(
            {name: float(value) for name, value in logs.items()} | {"seconds": time.monotonic() - self._began}
        )
        if self._kept and self._training.due:
            stopped = self._network.stop_training
            self._keep(next=self.params["epochs"] if stopped else epoch + 1, finished=False)

    def on_train_end(self, logs=None):  # noqa: ARG002, D102
        if self._kept and self._training.due:
            self._keep(next=0, finished=True)

    def _keep(self, **state: Any) -> None:
        values = [keras.ops.convert_to_numpy(variable.value) for variable in self._variables()]
        others = [_plain(one) for one in self._others]
        self._training.keep({"rows": self.rows, "variables": values, "callbacks": others, **state})

    def _variables(self) -> list:
        return [*self._network.variables, *self._network.optimizer.variables]

    def _restore_callbacks(self) -> None:
        for one, state in zip(self._others, self._state["callbacks"], strict=True):
            vars(one).update(state)


def _read(path: Path) -> dict[str, Any] | None:
    """What was kept; None where nothing was, or where it is damaged."""
    try:
        with path.open("rb") as stream, np.load(stream) as stored:
            state = _deep(json.loads(str(stored["text"])), stored)
            if state["format"] != FORMAT:
                raise ValueError("written by another version of serkit")
            return state
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        print(f"{path} is damaged ({error}): the training begins anew", file=sys.stderr)
        return None


def _flat(value: Any, arrays: list[np.ndarray]) -> Any:
    """A nested value as JSON can have it; its arrays get into the list."""
    if isinstance(value, dict):
        return {_DICT: [[_flat(name, arrays), _flat(one, arrays)] for name, one in value.items()]}
    if isinstance(value, tuple):
        return {_TUPLE: [_flat(one, arrays) for one in value]}
    if isinstance(value, list):
        return [_flat(one, arrays) for one in value]
    if isinstance(value, np.ndarray | np.generic) or keras.ops.is_tensor(value):
        arrays.append(keras.ops.convert_to_numpy(value))
        return {_ARRAY: len(arrays) - 1}
    return {_FUNCTION: [value.__module__, value.__name__]} if isinstance(value, FunctionType) else value


def _deep(value: Any, arrays: Any) -> Any:
    """The nested value that `_flat` made flat; NumPy's numbers have become arrays of no dimension."""
    if isinstance(value, list):
        return [_deep(one, arrays) for one in value]
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == _ARRAY:
        return arrays[f"{_ARRAY}{held}"]
    if kind == _FUNCTION:
        return getattr(importlib.import_module(held[0]), held[1])
    if kind == _TUPLE:
        return tuple(_deep(one, arrays) for one in held)
    return {_deep(name, arrays): _deep(one, arrays) for name, one in held}


def _random() -> dict[str, Any]:
    """The states of the generators of Python and NumPy that belong to nobody."""
    return {"python": random.getstate(), "numpy": np.random.get_state(legacy=True)}  # noqa: NPY002


def _set_random(states: dict[str, Any]) -> None:
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])  # noqa: NPY002


def _plain(owner: Any) -> dict[str, Any]:
    """What of an object's attributes can be kept: plain values, arrays, tensors, modules' functions, lists of these."""
    return {name: value for name, value in vars(owner).items() if name != "params" and _is_plain(value)}


def _is_seen(callback: keras.callbacks.Callback) -> bool:
    """Whether all that a callback may remember can be kept; Keras' own and ours have nothing else."""
    known = type(callback).__module__.partition(".")[0] in ("keras", "serkit")
    if known:
        return not isinstance(callback, keras.callbacks.LambdaCallback)
    others = {name: value for name, value in vars(callback).items() if name not in ("params", "_model")}
    return all(map(_is_plain, others.values()))


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, (*value, *value.values())))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, FunctionType):
        return getattr(sys.modules.get(value.__module__), value.__name__, None) is value
    return isinstance(value, PLAIN) or keras.ops.is_tensor(value)
