"""A study is a table of runs: model x fold x seed. Each run is trained once, stored, and found again.

A run is a call ``run(model=..., fold=..., seed=...) -> Outcome``. Its result is kept in
``<directory>/<key>/``, where the key stands for everything it depends on: what was asked for, the
settings, the data, the code, and the versions of the libraries that it uses (see
`serkit.fingerprints`). A folder is there completely or not at all, so that a study can be stopped at any
moment, by Ctrl-C, SIGKILL or a power cut; the same command then does only what is missing, and a training goes on
where it was (`serkit.checkpoints`). A run whose files are not what was written is done anew. Several processes and
machines may work on the same folder: each run is done by one of them.

Runs are independent of one another and of their order. They run in this process, on local worker
processes, or on a Dask cluster that shares the file system: the same function, the same store. One that fails costs
itself (`serkit.attempts`): its error is kept in ``<directory>/<key>.failed.json``, tables do without it and say so, and
the same command tries it again. With ``$SERKIT_SHARD`` (`serkit.shards`) a process does its share of the missing ones.
"""

import copy
import functools
import gc
import hashlib
import json
import os
import pickle
import platform
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serkit import attempts, devices, files, fingerprints, modelfiles, planning, progress, shards, splits, verifying
from serkit.errors import SerkitError
from serkit.splits import Fold

BACKENDS = {"tensorflow": ("tensorflow",), "jax": ("jax", "jaxlib"), "torch": ("torch",)}  # what each computes with
SWITCHES = ("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "XLA_FLAGS", "JAX_ENABLE_X64", "JAX_DEFAULT_MATMUL_PRECISION")
SWITCHES += ("NVIDIA_TF32_OVERRIDE", "KERAS_NNX_ENABLED")
# All that touch numbers. Without numba, which librosa brings along (nothing that is called here goes through it), and
# joblib, which shares scikit-learn's work and changes no number.
PACKAGES = ("serkit", "keras", "tensorflow", "jax", "jaxlib", "torch", "numpy", "scipy", "pandas", "scikit-learn")
PACKAGES += ("librosa", "soxr", "soundfile", "opensmile", "kaldi-native-fbank")
HOPELESS = 3  # runs that fail before any is done end a study
LATE = 60.0  # seconds until shared storage shows what another machine wrote
SMALL = 16_000_000  # bytes of the weights of a network that is kept with every run
IDLE = 6  # compiled networks that wait for another run like theirs


@dataclass
class Outcome:
    """What a run returns.

    Attributes:
        predictions: one row a tested utterance: id, speaker, label (true), predicted, and a column of scores a class.
        history: one row an epoch; None where nothing is learnt by epochs.
        model: a Keras model to keep; None keeps none.
        notes: plain values worth keeping, such as the number of weights.
        arrays: arrays worth keeping, such as images drawn while it trained.
        statistics: arrays that were learnt to make the model's input, such as means; they are kept within its file.
    """

    predictions: pd.DataFrame
    history: pd.DataFrame | None = None
    model: Any = None
    notes: dict = field(default_factory=dict)
    arrays: dict = field(default_factory=dict)
    statistics: dict = field(default_factory=dict)


@dataclass(frozen=True)
class _Named:
    """A value of an axis that is more than its name, such as a fold or the function that builds a model.

    Tables show the name, the run is given the value, and the key follows the value's content: change one
    model, and the runs of the others are still found.
    """

    name: str
    value: Any


def named(values: dict[str, Any]) -> list[_Named]:
    """An axis for `grid`, from names to values."""
    return [_Named(name, value) for name, value in values.items()]


def grid(**axes: Iterable) -> list[dict]:
    """Every combination of the values of each axis, the last axis fastest.

    >>> grid(model=["a", "b"], seed=[0, 1])
    [{'model': 'a', 'seed': 0}, {'model': 'a', 'seed': 1}, {'model': 'b', 'seed': 0}, {'model': 'b', 'seed': 1}]
    """
    plain = [[value.item() if isinstance(value, np.generic) else value for value in values] for values in axes.values()]
    return [dict(zip(axes, values, strict=True)) for values in product(*plain)]


class _Networks:
    """Compiled networks of this process: those that wait, oldest first, and those that the present run has."""

    def __init__(self):
        self.idle: list[tuple[str, Any]] = []
        self.lent: list[tuple[str, Any]] | None = None  # None: no run is going on

    @contextmanager
    def of_one_run(self) -> Iterator[None]:
        """Within the block networks are lent; afterwards they wait for the next run, unless it failed."""
        before, self.lent = self.lent, []
        try:
            yield
            self.idle = [*self.idle, *self.lent][-IDLE:]
        finally:
            self.lent = before


_networks = _Networks()
_missing: dict[tuple[Path, str], dict] = {}  # of this process' studies: records of the runs that failed, by key


def compiled(build: Callable, *arguments: Any) -> Any:
    """The compiled network that ``build(*arguments)`` returns; runs that build alike compile once.

    A new network's first steps take seconds, in which the backend traces and compiles them; in a study of small
    networks that is most of the time. Within a run of a `Study`, a network that an earlier run of this process has
    built by the same code from the same values is taken again, and is given the new one's weights, optimiser and
    random state: the numbers are those of the new one. Anywhere else, this is ``build(*arguments)``.

    Args:
        build: returns a `keras.Model` of Keras' own kind (functional or sequential), compiled with one optimiser; or an
            `adversarial.AlternatingTraining`.
        arguments: what it is given. What else it names is looked at too.
    """
    fresh = build(*arguments)
    if _networks.lent is None:
        return fresh
    key = _key_of_network(build, arguments, fresh)
    place = next((place for place, (other, _) in enumerate(_networks.idle) if other == key), None)
    if key and place is not None:
        _, network = _networks.idle.pop(place)
        for old, new in zip(_state_of(network), _state_of(fresh), strict=True):
            old.assign(new)
        fresh = network
    if key:
        _networks.lent.append((key, fresh))
    return fresh


def _key_of_network(build: Callable, arguments: tuple, network: Any) -> str:
    """What tells networks apart in this process; empty where that cannot be said.

    A notebook's code is pickled with all values in it, a module's by its name: the network's own settings are
    looked at too.
    """
    import cloudpickle

    try:
        built = cloudpickle.dumps((build, arguments)) + network.to_json().encode()
        optimizer = network.optimizer.get_config() if hasattr(network, "optimizer") else {}
        return hashlib.sha256(built + repr(optimizer).encode()).hexdigest()
    except (TypeError, ValueError, AttributeError, NotImplementedError, pickle.PicklingError):
        return ""


def _state_of(network: Any) -> list:
    """All variables that decide what a network's training gives: weights, random states and the optimiser's."""
    if not hasattr(network, "optimizer"):
        return network.variables
    if not network.optimizer.built:
        network.optimizer.build(network.trainable_variables)
    return [*network.variables, *network.optimizer.variables]


@dataclass
class Study:
    """Runs of one function on one set of data.

    Args:
        directory: where runs are stored.
        run: ``run(**spec) -> Outcome``; it may be defined in a notebook. It must seed itself from its
            spec, so that a run gives the same numbers whatever ran before it. Whatever it names outside
            itself, such as the notebook's parameters, tables and stored features, is part of the key.
        fold: ``fold(spec) -> splits.Fold``, what a run is trained and tested on, for its record. None: the fold that
            is a value of the spec, where there is one.
        describe: ``describe(spec, outcome) -> dict``, what a model that is kept says of itself, so that anybody can use
            it (`serkit.predict`); no part of the key. None: its file holds the network alone.

    Raises:
        SerkitError: `run` names something that cannot be compared by content.
    """

    directory: Path
    run: Callable[..., Outcome]
    fold: Callable[[dict], Fold] | None = None
    describe: Callable[[dict, Outcome], dict] | None = None

    def __post_init__(self):
        self.directory = Path(self.directory)
        self._trace = fingerprints.trace(self.run)

    def key(self, spec: dict) -> str:
        """The name of a run's folder: equal key, equal result."""
        return self._keys([spec])[0]

    def _keys(self, specs: list[dict]) -> list[str]:
        from serkit import training

        named = {id(item): item for spec in specs for item in spec.values() if isinstance(item, _Named)}
        contents = {place: fingerprints.of_value(item.value) for place, item in named.items()}
        same = {
            "depends on": self._trace,
            "conditions": _conditions(),
            "around it": fingerprints.of_code(*MAKING, training.limit_threads),
        }
        try:
            return [
                files.content_key(
                    {
                        **same,
                        "spec": _names(spec),
                        "contents": {axis: contents[id(item)] for axis, item in spec.items() if id(item) in contents},
                    }
                )
                for spec in specs
            ]
        except TypeError as error:
            raise SerkitError(f"a value of a run's spec is not plain ({error}): use study.named") from error

    def complete(self, specs: list[dict], workers: int = 1, scheduler: str = "", what: str = "runs") -> pd.DataFrame:
        """Do the runs that are missing, and list all; while a plan is made (`serkit.planning`), those that are there.

        Args:
            specs: what to run, for example from `grid`; plain values or `_Named` ones.
            workers: 1 runs in this process; more run on that many local worker processes.
            scheduler: address of a Dask cluster, ``tcp://host:port``; it takes precedence over `workers`.
            what: shown by the progress display.

        Returns:
            One row a run, in the order of `specs`: its spec, key, seconds, directory. Runs that failed have none;
            `missing` lists them.

        Raises:
            SerkitError: all runs fail, or the first three do. Finished runs are kept, and so they are when the study
                is interrupted.
        """
        self._trace = fingerprints.trace(self.run)  # what it names may have changed since
        keys = self._keys(specs)
        if planning.active():
            return self._plan(specs, keys, what)
        keys = dict(zip(keys, specs, strict=True))
        to_do = {key: spec for key, spec in keys.items() if not self._is_there(spec, key)}
        left = {key: found for key in to_do if (found := _failure(self.directory / key))} if shards.end() else {}
        mine = {key: to_do[key] for key in shards.share(list(keys)) if key in to_do and key not in left}
        told = f"{what} ({len(keys) - len(to_do)} found, {len(mine)} to do)"
        try:
            failed = left | self._do(mine, workers, scheduler, told, len(to_do) < len(keys))
        except SerkitError as error:
            if shards.active():
                shards.note(what=what, done=0, missing=[], error=str(error))
            raise
        gone = {key for key in to_do if _wrong(self.directory / key)}
        failed = {key: one for key, one in failed.items() if key in gone}  # others may have done them meanwhile
        rows = [self._row(spec, key) for key, spec in keys.items() if key not in gone]
        if shards.active():
            shards.note(what=what, done=len(mine) - len(failed), missing=sorted(gone), error="")
        elif failed and not rows:
            raise SerkitError(_said(failed))
        elif failed:
            print(f"{len(failed)} of {len(keys)} runs failed; what follows does without them. {_said(failed)}")
        _missing[self.directory, what] = failed
        for (directory, _), records in _missing.items():
            for key in keys.keys() - gone if directory == self.directory else ():
                records.pop(key, None)
        return _table(rows, specs)

    def predictions(self, runs: pd.DataFrame) -> pd.DataFrame:
        """The predictions of all runs, one below the other, each row with its run's spec."""
        return self._collect(runs, "predictions.csv")

    def histories(self, runs: pd.DataFrame) -> pd.DataFrame:
        """The learning histories of all runs, one below the other, each row with its run's spec."""
        return self._collect(runs, "history.csv")

    def model(self, run: pd.Series):
        """The Keras model that a run kept."""
        import keras

        import serkit.layers  # noqa: F401  (its layers have to be known before a model with them is read)

        return keras.saving.load_model(_file(run, "model.keras"), compile=False)

    def arrays(self, run: pd.Series) -> dict[str, np.ndarray]:
        """The arrays that a run kept, by name."""
        path = _file(run, "arrays.npz")
        assert path is not None  # it is needed
        with np.load(path) as stored:
            return dict(stored)

    def _do(self, specs: dict[str, dict], workers: int, scheduler: str, what: str, some_there: bool) -> dict[str, dict]:
        """Do runs, by their keys; returns the records of those that failed, which are kept beside the runs too.

        Raises:
            SerkitError: the first few fail, and none is done; nothing can be written any more; or what a worker did is
                not on shared storage.
        """
        with_all = _conditions(), _machinery()
        tasks = {key: functools.partial(_execute, self, spec, key, *with_all) for key, spec in specs.items()}
        failed: dict[str, dict] = {}
        done = int(some_there)

        def fails(key: str, failure: dict) -> None:
            """Keep what a try that failed leaves."""
            if failure.get("nothing kept"):
                raise SerkitError(failure["error"])
            failed[key] = {"spec": _names(specs[key])} | failure
            files.write_json(_place_of_failure(self.directory / key), failed[key])
            if len(failed) == HOPELESS and not done:
                raise SerkitError(f"the first {HOPELESS} runs failed. {_said(failed)}")

        with closing(attempts.do_all(tasks, fails, workers, scheduler)) as jobs:
            for key, well in progress.track(jobs, what, len(tasks)):
                done += well
                if well and not self._appears(key):
                    raise SerkitError(
                        f"a worker has done run {_names(specs[key])}, and {self.directory / key} is not here: results "
                        "have to be on storage that all workers share (--out)"
                    )
                if well:
                    failed.pop(key, None)
        return failed

    def _appears(self, key: str) -> bool:
        """Whether a run that was done elsewhere can be seen here; shared storage may take a while."""
        deadline = time.monotonic() + LATE
        while _wrong(self.directory / key):
            if time.monotonic() > deadline:
                return False
            time.sleep(1)
            list(self.directory.iterdir())  # asks the storage again
        return True

    def _plan(self, specs: list[dict], keys: list[str], what: str) -> pd.DataFrame:
        """Do nothing; note what the runs take, those together that differ in fold and seed only.

        Returns:
            As `complete`, the runs that are there.
        """
        alike: dict[str, list[tuple[dict, str]]] = {}
        for spec, key in zip(specs, keys, strict=True):
            kind = ", ".join(str(value) for axis, value in _names(spec).items() if axis not in ("fold", "seed"))
            alike.setdefault(kind, []).append((spec, key))
        rows = []
        for kind, group in progress.track(alike.items(), f"{what}: a run of each kind", len(alike)):
            found = [(spec, key) for spec, key in group if self._is_there(spec, key)]
            stored = [self._row(*run) for run in found]
            rows += stored
            if verifying.active():
                verifying.offer(self, what, [(*run, _names(run[0])) for run in found])
                continue
            folders = {self.directory / key for _, key in group}
            there = {Path(row["directory"]) for row in stored} - planning.counted
            missing = folders - there - planning.counted
            planning.counted.update(folders)
            if stored:
                seconds = float(np.mean([row["seconds"] for row in stored]))
                size = float(np.mean([sum(_sizes(Path(row["directory"])).values()) for row in stored]))
                grows = seconds * _predicts(Path(stored[0]["directory"]))
                takes = {"seconds": seconds, "grows": grows, "bytes": size}
            elif missing:
                takes = self._takes(group[0][0])
            else:
                takes = {"seconds": 0.0, "grows": 0.0, "bytes": 0.0}
            planning.note(what=what, kind=kind, found=len(there), **{"to do": len(missing)}, **takes)
        return _table(rows, specs)

    def aside(self, spec: dict, folder: Path) -> Path:
        """Do a run, whether it is stored or not, and keep it in another folder; return its own in there."""
        study = copy.copy(self)
        study.directory = folder
        _execute(study, spec, "run", _conditions(), _machinery())
        return folder / "run"

    def _takes(self, spec: dict) -> dict[str, float]:
        """What a run takes, from one whose trainings are cut short: seconds, those that grow with the data, bytes."""
        with tempfile.TemporaryDirectory() as folder, planning.trials() as trials:
            try:
                done = self.aside(spec, Path(folder))
            except Exception as error:
                text = str(error) if isinstance(error, SerkitError) else f"{type(error).__name__}: {error}"
                planning.note(failed=text)
                raise
            sizes = _sizes(done)
            longer = sum(trial.epochs for trial in trials) / planning.EPOCHS
            for name in {"history.csv", "arrays.npz"} & sizes.keys():
                sizes[name] *= longer  # what is kept of each epoch
            seconds = _recorded(done)["seconds"] + sum(trial.more for trial in trials)
            whole = sum(trial.whole for trial in trials) if trials else seconds * _predicts(done)
        return {"seconds": seconds, "grows": whole, "bytes": sum(sizes.values())}

    def _is_there(self, spec: dict, key: str) -> bool:
        directory = self.directory / key
        wrong = _wrong(directory)
        if wrong and directory.exists():
            print(f"run {_names(spec)} in {directory} is damaged ({wrong}): it is done anew", file=sys.stderr)
        return not wrong

    def _row(self, spec: dict, key: str) -> dict:
        directory = self.directory / key
        record = _recorded(directory)
        return {
            **_names(spec),
            "key": directory.name,
            "seconds": record["seconds"],
            "directory": str(directory),
            **record["notes"],
        }

    def _collect(self, runs: pd.DataFrame, name: str) -> pd.DataFrame:
        tables = []
        for run in runs.to_dict("records"):
            path = _file(run, name, needed=False)
            if path is not None and path.stat().st_size > 1:  # one character: a table without columns
                spec = {key: run[key] for key in list(run)[: list(run).index("key")]}
                text = {"id": str, "speaker": str, "label": str, "predicted": str}
                tables.append(pd.read_csv(path, dtype=text).assign(**spec))
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _table(rows: list[dict], specs: list[dict]) -> pd.DataFrame:
    """The table of some runs; without any, it has its columns nevertheless."""
    return pd.DataFrame(rows, columns=None if rows else [*(specs[0] if specs else []), "key", "seconds", "directory"])


def _predicts(directory: Path) -> bool:
    """Whether a run has predictions, so that it takes longer with more data; one that times a step has none."""
    return (directory / "predictions.csv").read_bytes().count(b"\n") > 1


def _sizes(directory: Path) -> dict[str, float]:
    """Bytes of each file of a run."""
    return {path.name: path.stat().st_size for path in directory.iterdir()}


def _recorded(directory: Path) -> dict:
    return json.loads((directory / "run.json").read_text(encoding="utf-8"))


def _digest(record: dict) -> str:
    """Of what run.json says, besides this digest itself."""
    read = json.loads(json.dumps(record))
    return files.content_key({name: value for name, value in read.items() if name != "digest"})


def _wrong(directory: Path) -> str:
    """The first file of a run that is not as it was written; empty for a whole run."""
    try:
        record = _recorded(directory)
        whole = record["digest"] == _digest(record)
        return files.damaged(directory, record["files"]) if whole else "run.json"
    except (OSError, ValueError, KeyError):
        return "run.json"


def _file(run: dict | pd.Series, name: str, needed: bool = True) -> Path | None:
    """A file that a run kept; None where it kept none of that name.

    Raises:
        SerkitError: the file is not what the run wrote, or is needed and was not kept.
    """
    directory = Path(run["directory"])
    listed = _recorded(directory)["files"]
    if name not in listed and not needed:
        return None
    if name not in listed:
        raise SerkitError(f"run {directory} has kept no {name}")
    if files.damaged(directory, {name: listed[name]}):
        raise SerkitError(f"{directory / name} is damaged: start the same command again, and its run is done anew")
    return directory / name


def _execute(study: Study, spec: dict, key: str, conditions: dict, machinery: dict, wait: bool = True) -> bool:
    """Do one run and store it under its key; called here or on a worker, which has no notebook to make a key from.

    Args:
        study: whose run.
        spec: of the run.
        key: likewise.
        conditions: under which it runs.
        machinery: that it must run with.
        wait: until another process that is doing the run has done it or failed.

    Returns:
        Whether it is done; False where another process is doing it.

    Raises:
        SerkitError: what the run raises, with the run's spec in front; or a worker is not like the process that made
            the key.
    """
    from serkit import checkpoints

    here = _machinery()
    other = [f"{name} {here[name]} instead of {machinery[name]}" for name in machinery if here[name] != machinery[name]]
    if other:
        raise SerkitError(f"a worker computes with {'; '.join(other)}: restart the workers in this environment")
    given = {axis: item.value if isinstance(item, _Named) else item for axis, item in spec.items()}
    directory = study.directory / key
    with files.locked(directory, wait) as ours:
        if not ours or not _wrong(directory):  # another process has done it meanwhile
            return ours
        unfinished = directory.with_name(f"{key}.checkpoint")
        with _networks.of_one_run(), _under(conditions), checkpoints.of_run(unfinished) as course:
            try:
                outcome = study.run(**given)
            except SerkitError as error:
                raise SerkitError(f"run {_names(spec)}: {error}") from error
            _store(study, spec, key, outcome, course.seconds)
        shutil.rmtree(unfinished, ignore_errors=True)
        _place_of_failure(directory).unlink(missing_ok=True)
    return True


def _place_of_failure(directory: Path) -> Path:
    """Of the record of a run that failed."""
    return directory.with_name(f"{directory.name}.failed.json")


def _failure(directory: Path) -> dict | None:
    """The record of a run that failed; None where there is none."""
    try:
        return json.loads(_place_of_failure(directory).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return None


def _said(failed: dict[str, dict]) -> str:
    """The first error of some failed runs, and where to read on."""
    key, first = next(iter(failed.items()))
    where = f"runs/{key}.failed.json has the trace; the same command tries again what is missing"
    return f"{first['error']} ({where})"


def missing(folder: Path) -> pd.DataFrame:
    """Runs of this process' studies under a folder that failed: one row each, study, run, error, tries and record."""
    rows = [
        {
            "study": what,
            "run": ", ".join(f"{axis} {value}" for axis, value in one["spec"].items()),
            "error": one["error"].splitlines()[0],
            "tries": one["tries"],
            "record": str(_place_of_failure(directory / key).relative_to(folder)),
        }
        for (directory, what), failed in _missing.items()
        if directory.is_relative_to(folder)
        for key, one in failed.items()
    ]
    return pd.DataFrame(rows, columns=["study", "run", "error", "tries", "record"])


def remembered(make: Callable[[], Any]) -> dict[str, np.ndarray]:
    """The arrays that ``make()`` returns, made once on this machine until something changes that it depends on.

    For a small demonstration that every execution of a notebook shows, with a network that learns in seconds. They are
    kept beside the features (`files.cache_dir`), under a key like a run's.

    Args:
        make: may be defined in a notebook. It must seed itself.
    """

    def run() -> Outcome:
        return Outcome(pd.DataFrame({"id": []}), arrays=make())

    kept = Study(files.cache_dir() / "demonstrations", make)  # what names it is what `make` depends on
    key = kept.key({})
    if not kept._is_there({}, key):
        _execute(Study(kept.directory, run), {}, key, _conditions(), _machinery())
    return kept.arrays(pd.Series({"directory": kept.directory / key}))


@contextmanager
def _under(conditions: dict) -> Iterator[None]:
    """The same state of Keras for every run: nothing of the one before, and the settings that the key stands for."""
    import keras

    from serkit import training

    def set_all():
        keras.config.set_floatx(conditions["floatx"])
        keras.config.set_epsilon(conditions["epsilon"])
        keras.config.set_image_data_format(conditions["image_data_format"])
        keras.config.set_dtype_policy(conditions["dtype_policy"])

    training.limit_threads()
    _keep_dask_off_our_random_numbers()
    _shorten_collections()
    keras.utils.clear_session()  # or memory grows with every run; it forgets the policy too
    set_all()
    try:
        yield
    finally:
        set_all()


@functools.cache
def _shorten_collections() -> None:
    """Once a process: take what there is before the first run, mostly imported modules, for no garbage.

    Keras collects garbage before each run. To look at some 700 000 objects took half a second, every time.
    """
    gc.collect()
    gc.freeze()


def _conditions() -> dict:
    """What numbers depend on besides code and data: Keras' settings, the backend, threads, switches of libraries."""
    import keras

    return {
        "backend": _backend(),
        "versions": {name: fingerprints.version_of(name) for name in BACKENDS.get(_backend(), ())},
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "image_data_format": keras.config.image_data_format(),
        "dtype_policy": keras.config.dtype_policy().name,
        "threads": devices.threads(),
        "switches": {name: os.environ[name] for name in SWITCHES if name in os.environ},
    }


def _machinery() -> dict:
    """What a worker must have in common with the process that makes the keys."""
    named = {"backend": _backend(), "serkit's code": SOURCES, "threads": devices.threads()}
    named["switches"] = {name: os.environ.get(name, "unset") for name in (*SWITCHES, "SERKIT_DETERMINISTIC")}
    return named | {f"{name}'s version": fingerprints.version_of(name) for name in PACKAGES if name != "serkit"}


def _sources() -> str:
    """Stands for the package's code as it is now; a process that goes on for days may have an older one."""
    return files.content_key(files.digests(Path(__file__).parent, (".py",)))


def _store(study: Study, spec: dict, key: str, outcome: Outcome, seconds: float) -> None:
    """Keep an outcome under its key, completely or not at all."""
    with files.atomic(study.directory / key, stands=lambda path: not _wrong(path)) as building:
        building.mkdir()
        _write(outcome, building)
        record = _record(study, spec, outcome, seconds)
        if outcome.model is not None and study.describe is not None:
            own = {
                name: record[name] for name in ("spec", "split", "settings", "notes", "backend", "versions", "finished")
            }
            facts = study.describe(record["spec"], outcome)
            modelfiles.describe(building / "model.keras", {**facts, **own}, outcome.statistics)
        record["files"] = files.contents(building)
        record["digest"] = _digest(record)
        (building / "run.json").write_text(files.json_text(record), encoding="utf-8")


def _write(outcome: Outcome, folder: Path) -> None:
    tables = {"predictions": outcome.predictions, "history": outcome.history}
    for name, table in tables.items():
        if table is not None:
            (folder / f"{name}.csv").write_text(files.csv_text(table), encoding="utf-8")
    if outcome.arrays:
        np.savez_compressed(folder / "arrays.npz", **outcome.arrays)
    if outcome.model is not None:
        outcome.model.save(folder / "model.keras")


def small(network: Any) -> bool:
    """Whether a network is small enough to be kept with every run: its weights take 16 MB at most."""
    return 4 * network.count_params() <= SMALL


def _keep_dask_off_our_random_numbers() -> None:
    """Give Dask's heartbeat a generator of its own.

    It samples from Python's global one, in another thread, while a run on a worker draws the seeds of its layers
    from it: equal seeds then gave other weights.
    """
    if "dask.sizeof" in sys.modules:
        vars(sys.modules["dask.sizeof"])["random"] = random.Random()


def _record(study: Study, spec: dict, outcome: Outcome, seconds: float) -> dict:
    return {
        "spec": _names(spec),
        "split": _split(study, spec),
        "settings": {
            name.removeprefix("value "): value for name, value in study._trace.items() if name.startswith("value ")
        },
        "data": {name: value for name, value in study._trace.items() if name.startswith("data ")},
        "code": files.content_key(
            {name: value for name, value in study._trace.items() if not name.startswith("data ")}
        ),
        "notes": outcome.notes,
        "seconds": round(seconds, 3),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "peak_memory_mib": _peak_memory(),  # of the process, whatever it did before
        **_conditions(),
        "device": _device(),
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := fingerprints.version_of(name))},
        "linear algebra": _linear_algebra(),
    }


def _split(study: Study, spec: dict) -> dict | None:
    """The fold that a run belongs to: its name, the utterances on each side, and the digest of who they are."""
    given = [item.value for item in spec.values() if isinstance(item, _Named) and isinstance(item.value, Fold)]
    fold = study.fold(_names(spec)) if study.fold else next(iter(given), None)
    if fold is None:
        return None
    counts = {side: len(getattr(fold, side)) for side in splits.SIDES}
    return {"name": fold.name, **counts, "fingerprint": splits.fingerprint(fold)}


def _linear_algebra() -> list[str]:
    """What NumPy and SciPy multiply matrices with: another build, or another processor's kernel, has other last digits.

    TensorFlow, JAX and PyTorch bring their own along: theirs are told by their versions.
    """
    from threadpoolctl import threadpool_info

    found = [one for one in threadpool_info() if one["user_api"] == "blas"]
    return sorted({" ".join(filter(None, map(one.get, ("internal_api", "version", "architecture")))) for one in found})


def _names(spec: dict) -> dict:
    """A run's spec in plain values, as tables show it."""
    return {axis: item.name if isinstance(item, _Named) else item for axis, item in spec.items()}


def _backend() -> str:
    import keras

    return keras.backend.backend()


def _device() -> str:
    """The accelerator that Keras uses, or the processor."""
    return ", ".join(devices.accelerators()) or f"{platform.machine()} CPU, {os.cpu_count()} cores"


def _peak_memory() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit // 2**20


# What a run's numbers go through besides what it names: the key follows their own code.
MAKING = (
    _under,
    _keep_dask_off_our_random_numbers,
    _write,
    files.csv_text,
    compiled,
    _key_of_network,
    _state_of,
    _Networks,
)
SOURCES = _sources()
