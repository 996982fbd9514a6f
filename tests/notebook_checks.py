"""What the tests of every notebook look at: its tables, figures and outputs, and that finished runs are kept.

And two ways into a notebook without executing all of it: `definitions` and `run_cell`. Notebooks are executed in the
tests' own process (`in_this_process`), where a plan and what it plans compile once; those of test_jobs have kernels.
"""

import ast
import contextlib
import functools
import importlib.util
import json
import re
import shlex
import shutil
import sys
import traceback
import types
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.image
import nbformat
import numpy as np
import pandas as pd
import pytest
from IPython.core.displayhook import CapturingDisplayHook
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib import pyplot as plt
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NotebookExecutionManager
from sklearn import metrics as reference
from traitlets.config import Config

from serkit import audio, corpora, notebooks, papers, planning, predict, report, solutions, splits, stamps, study
from serkit.corpora import miniatures
from serkit.errors import SerkitError


def table(folder: Path, name: str) -> pd.DataFrame:
    """A table among the results in `folder`."""
    return pd.read_csv(folder / "tables" / f"{name}.csv")


def check_that_results_say_miniature(folder: Path, key: str, corpus: str) -> None:
    """They stand under a name that says so, and the notebook says so too."""
    assert folder.parts[-2:] == (f"{corpus}-miniature", key)
    assert f"synthetic miniature of {corpus}, not the corpus" in (folder / "notebook.ipynb").read_text()
    command = shlex.split((folder / "command.txt").read_text(), comments=True)
    assert command[:7] == ["serkit", "reproduce", key, "--corpus", corpus, "--profile", "smoke"]


def check_scores(folder: Path) -> None:
    """Scores are what scikit-learn makes of the predictions beside them: those of each seed, then their mean."""
    scores = pd.read_csv(folder / "tables" / "scores.csv")
    predictions = pd.read_csv(folder / "predictions.csv.gz")
    by = [name for name in ("kind", "dataset", "reported", "model") if name in scores]
    measured = {"UA": reference.balanced_accuracy_score, "WA": reference.accuracy_score}
    measured["Accuracy"] = reference.accuracy_score
    measured["MAF"] = lambda true, predicted: reference.f1_score(true, predicted, average="macro", zero_division=0)
    groups = dict(list(predictions.groupby(by)))
    scores = scores[scores["kind"] != "cited"] if "kind" in scores else scores
    assert len(scores) == len(groups) > 0
    for row in scores.to_dict("records"):
        part = groups[tuple(row[name] for name in by)]
        assert row["utterances"] == len(part) / row["seeds"], "who validates in two folds counts twice"
        assert row["speakers"] == part["speaker"].nunique()
        for name in (name for name in measured if f"{name} pooled" in row):
            found = [100 * measured[name](one["label"], one["predicted"]) for _, one in part.groupby("seed")]
            assert len(found) == row["seeds"]
            assert row[f"{name} pooled"] == pytest.approx(np.mean(found), abs=0.006), (name, row["model"])


def check_trajectories(folder: Path) -> None:
    """CCC is what a plain formula makes of the predictions: of each seed, pooled over recordings, then the mean."""
    predictions = pd.read_csv(folder / "predictions.csv.gz")
    scores = pd.read_csv(folder / "tables" / "scores.csv").set_index(["dimension", "model", "side"])["CCC"]
    groups = predictions.groupby(["dimension", "model", "side"])
    assert len(groups) == len(scores) > 0
    for key, part in groups:
        found = []
        for _, one in part.groupby("seed"):
            x, y = one["label"], one["predicted"]
            covariance = ((x - x.mean()) * (y - y.mean())).mean()
            found.append(2 * covariance / (x.var(ddof=0) + y.var(ddof=0) + (x.mean() - y.mean()) ** 2))
        assert scores[key] == pytest.approx(np.mean(found), abs=1e-3), key


def check_folds(folder: Path) -> None:
    """Who is on which side of a fold is written down: it is what runs say of themselves, and was predicted and counted.

    Not for a notebook without runs, or one whose tests are a part of a fold's.
    """
    folds = pd.read_csv(folder / "folds.csv.gz", dtype={"id": str, "fold": str})
    assert not folds.duplicated([name for name in folds if name != "side"]).any(), "nobody is on two sides"
    keys = [name for name in ("dataset", "seed", "fold") if name in folds]
    divided = {}
    for key, part in folds.groupby(keys):
        sides = {side: tuple(part.loc[part["side"] == side, "id"]) for side in splits.SIDES}
        divided[key] = splits.Fold(key[-1], **sides)
    sizes = table(folder, "splits").astype({"fold": str})
    counted = sizes.assign(seed=0).set_index(keys)[list(splits.SIDES)].to_dict("index")
    for key, row in counted.items():
        fold = divided[key if isinstance(key, tuple) else (key,)]
        assert {side: len(getattr(fold, side)) for side in row} == row
    said = 0
    for path in folder.glob("runs/*/run.json"):
        record = json.loads(path.read_text())
        if record["split"] is None:
            assert (path.parent / "predictions.csv").read_bytes().count(b"\n") <= 1, f"{record['spec']}: of which fold?"
            continue
        spec = {"seed": 0, "fold": record["split"]["name"]} | record["spec"]
        fold = divided[tuple(spec[name] for name in keys)]
        assert record["split"]["fingerprint"] == splits.fingerprint(fold), spec
        assert {side: record["split"][side] for side in splits.SIDES} == {
            s: len(getattr(fold, s)) for s in splits.SIDES
        }
        predicted = set(pd.read_csv(path.parent / "predictions.csv", dtype={"id": str})["id"])
        assert predicted <= {*fold.validation, *fold.test}, spec
        assert set(fold.test) in (predicted, predicted - set(fold.validation)) or not predicted & set(fold.test), spec
        said += 1
    assert said > 0


def check_figures(folder: Path, names: set[str]) -> None:
    """There are these figures and no others, and something is drawn in each."""
    assert {path.stem for path in (folder / "figures").glob("*.png")} == names
    for name in names:
        image = matplotlib.image.imread(folder / "figures" / f"{name}.png")
        assert min(image.shape[:2]) > 300
        assert image[..., :3].std() > 0.05, f"{name} is blank"


def check_outputs(folder: Path) -> None:
    """The executed notebook holds no error, no warning and no line that a library prints as it starts."""
    text = (folder / "notebook.ipynb").read_text()
    outputs = [output for cell in nbformat.reads(text, 4).cells for output in cell.get("outputs", [])]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
    printed = "".join(output.text for output in outputs if output.get("name") == "stderr")
    assert not re.search("warning", printed, re.IGNORECASE), printed
    assert "0000 00:00" not in text


def check_that_runs_are_found_again(folder: Path, key: str, **given: Any) -> None:
    """The same execution once more does no run anew, and its tables are the same to the byte."""
    times, tables = _times_of_runs(folder), _bytes_of_tables(folder)
    assert times
    with undrawn():
        assert notebooks.execute(key, profile="smoke", out=folder.parents[1], **given) == folder
    assert _times_of_runs(folder) == times
    assert _bytes_of_tables(folder) == tables


def check_the_plan(folder: Path, key: str, before: list[dict], path: Path, **given: Any) -> None:
    """A plan that was made before an execution named its runs, time and size, and one after it finds them all.

    Args:
        folder: of the results.
        key: of the paper.
        before: records of the plan that was made when `folder` was not there yet.
        path: where to write the other.
        given: parameters of both.
    """
    done = [json.loads(one.read_text()) for one in folder.glob("runs/*/run.json")]
    table = of_runs(before)
    assert table["found"].sum() == 0
    assert table["to do"].sum() == len(done) > 0
    expected, measured = 60 * table["minutes"].sum(), sum(one["seconds"] for one in done)
    assert measured / 20 < expected < measured * 20, "the right unit; how near it comes depends on what else runs"
    size = sum(one.stat().st_size for one in folder.rglob("runs/*/*"))
    assert size / 3 < 2**20 * table["MiB"].sum() < size * 3
    there = files_in(folder)
    after = of_runs(planning.read(notebooks.plan(key, path, profile="smoke", out=folder.parents[1], **given)))
    assert after["study"].tolist() == table["study"].tolist()
    assert after["found"].tolist() == table["to do"].tolist()
    assert after["to do"].sum() == 0
    assert after["minutes"].sum() == 0
    assert (after["minutes at full size"] > 0).all()
    assert files_in(folder) == there


def of_runs(records: list[dict]) -> pd.DataFrame:
    """The rows of a plan that are studies, and not stored features."""
    table = planning.table(records)
    return table[~table["study"].str.startswith("features: ")].reset_index(drop=True)


def files_in(folder: Path) -> dict[Path, int]:
    """When each file of a folder was last changed."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def _times_of_runs(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/run.json")}


def _bytes_of_tables(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.glob("tables/*.csv")}


def definitions(key: str, *names: str, **values: Any) -> dict[str, Any]:
    """Take functions, classes and constants out of a notebook, together with its imports and parameters.

    Args:
        key: of the paper.
        names: of what is wanted and of what it uses.
        values: stand for parameters, and for what else the notebook would have made by then.

    Returns:
        The names that the notebook's code sees; what a function of it is called with may be changed there.
    """
    space = {**notebooks.parameters(papers.find(key)), **values}
    for node in ast.parse("\n".join(_code(key))).body:
        if isinstance(node, ast.Import | ast.ImportFrom) or _defined(node) & set(names):
            _execute(ast.Module([node], []), key, space)
    assert set(names) <= set(space), f"the notebook of {key} lacks {set(names) - set(space)}"
    return space


def run_cell(key: str, mark: str, space: dict[str, Any]) -> None:
    """Execute the one code cell of a notebook that holds the text `mark`, with the names in `space`."""
    (source,) = [source for source in _code(key) if mark in source]
    _execute(ast.parse(source), key, space)


def _code(key: str) -> list[str]:
    notebook = solutions.without(notebooks._path_of(papers.find(key)))
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def _defined(node: ast.stmt) -> set[str]:
    """The names that a statement gives a meaning."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def _execute(tree: ast.Module, key: str, space: dict[str, Any]) -> None:
    exec(compile(tree, papers.find(key).notebook, "exec"), space)


class _Here:
    """Stands in for a kernel: cells run in this process, whose libraries are loaded."""

    @contextmanager
    def setup_kernel(client, **_):  # noqa: N805 (a method of nbclient's client)
        path = client.resources.get("metadata", {}).get("path")
        main, planning_counted = sys.modules["__main__"], planning.counted.copy()
        config = Config({"HistoryManager": {"enabled": False}})
        client.shell = InteractiveShell.instance(user_module=types.ModuleType("__main__"), config=config)
        try:
            with contextlib.chdir(path or "."):
                yield
        finally:
            InteractiveShell.clear_instance()
            sys.modules["__main__"] = main
            planning.counted.clear()
            planning.counted.update(planning_counted)
            plt.close("all")

    def execute_cell(client, cell, *_, **__):  # noqa: N805
        if cell.cell_type != "code" or not cell.source.strip():
            return cell
        with warnings.catch_warnings(), capture_output() as captured:
            warnings.resetwarnings()
            for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
                warnings.simplefilter("ignore", category)
            last = []  # what the cell ends with
            client.shell.display_trap.hook = CapturingDisplayHook(client.shell, last)
            done = client.shell.run_cell(cell.source, store_history=True)
        cell.execution_count = done.execution_count
        streams = {"stdout": captured.stdout, "stderr": captured.stderr}
        cell.outputs = [new_output("stream", name=name, text=text) for name, text in streams.items() if text]
        cell.outputs += [new_output("display_data", one.data, metadata=one.metadata or {}) for one in captured.outputs]
        cell.outputs += [new_output("execute_result", **one, execution_count=done.execution_count) for one in last]
        error = done.error_before_exec or done.error_in_exec
        if error is not None:
            said = {"ename": type(error).__name__, "evalue": str(error), "traceback": traceback.format_exception(error)}
            cell.outputs.append(new_output("error", **said))
            raise CellExecutionError.from_cell_and_msg(cell, {**said, "status": "error"})
        return cell

    def execute(client, **_):  # noqa: N805
        client.reset_execution_trackers()
        with client.setup_kernel():
            client.papermill_execute_cells()
            for cell in _solved:
                with contextlib.suppress(CellExecutionError):  # its outputs say so
                    client.execute_cell(cell, 0)
        return client.nb


_METHODS = ((NotebookClient, "setup_kernel"), (NotebookClient, "execute_cell"), (PapermillNotebookClient, "execute"))
_OWN = [getattr(client, name) for client, name in _METHODS]


_solved: list[nbformat.NotebookNode] = []  # cells of the solutions to execute after a notebook, in its session


def execute_and_solve(key: str, **given: Any) -> Path:
    """Execute a notebook, and the solutions to its exercises after it; `check_solutions` looks at what they say.

    They are no part of the executed notebook.
    """
    notebook = nbformat.read(notebooks._path_of(papers.find(key)), as_version=4)
    _solved[:] = [cell for cell in solutions.of(notebook) if cell.cell_type == "code"]
    try:
        folder = notebooks.execute(key, **given)
    finally:
        SOLVED[key] = _solved.copy()
        _solved.clear()
    return folder


SOLVED: dict[str, list[nbformat.NotebookNode]] = {}  # what `execute_and_solve` executed, with its outputs


def check_solutions(folder: Path) -> None:
    """Each solution was executed, shows something, and ends without an error, a warning or a result of its own."""
    assert SOLVED[folder.name]
    for cell in SOLVED[folder.name]:
        assert cell.outputs, f"nothing is shown by {cell.source}"
        for output in cell.outputs:
            assert output.output_type != "error", "\n".join(output.get("traceback", []))
            assert output.get("name") != "stderr", output.text
    own = json.loads((folder / "made_of.json").read_text())["files"]
    there = [path for name in stamps.RESULTS for path in (folder / name).glob("*")]
    assert {str(path.relative_to(folder)) for path in there} <= set(own)


@contextmanager
def undrawn():
    """Within the block figures are made and not drawn, which is half of an execution that trains little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report.Results, "figure", lambda *given: plt.close(given[-1]))
        patch.setattr(notebooks, "_tables_and_figures", lambda _: {})  # those of earlier executions stay
        yield


def in_this_process() -> None:
    """From now on notebooks are executed without a kernel: nothing has to start, and no library to be loaded.

    What they are given, compute and leave is the same, but that they are written when they have ended and not after
    each cell. A library that a notebook forgets to import is an undefined name, which ruff finds.
    """
    for client, name in _METHODS:
        setattr(client, name, getattr(_Here, name))
    for name in ("cell_start", "cell_complete"):
        setattr(NotebookExecutionManager, name, _unwritten(getattr(NotebookExecutionManager, name)))


def _unwritten(method):
    """A notebook with all its figures takes some 20 ms to write: three seconds an execution."""

    @functools.wraps(method)
    def call(manager, *given, **named):
        manager.output_path, path = None, manager.output_path
        try:
            return method(manager, *given, **named)
        finally:
            manager.output_path = path

    return call


@contextmanager
def kernels():
    """Within the block they have a kernel each, as users' have."""
    with pytest.MonkeyPatch.context() as patch:
        for (client, name), own in zip(_METHODS, _OWN, strict=True):
            patch.setattr(client, name, own)
        yield


def check_a_failed_run(whole: Path, tmp_path: Path, key: str, corpus: str, model: str, **given) -> None:
    """An execution whose results are in `whole` goes on without a run of a model, and says so everywhere."""
    out = tmp_path / "failing"
    folder = out / whole.relative_to(whole.parents[1])
    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns("tables", "figures", "*.gz", "made_of.json"))
    runs = {path.parent: json.loads(path.read_text())["spec"] for path in sorted(folder.glob("runs/*/run.json"))}
    lost = next(path for path, spec in runs.items() if spec.get("model") == model and (path / "history.csv").is_file())
    shutil.rmtree(lost)
    with pytest.MonkeyPatch.context() as patch, undrawn():
        own = study._execute

        def broken(one, spec, name, *rest):
            if name == lost.name:
                raise SerkitError("broken for a test")
            return own(one, spec, name, *rest)

        patch.setattr(study, "_execute", broken)
        with pytest.raises(SerkitError) as error:
            notebooks.execute(key, corpus, profile="smoke", out=out, **given)
    said = str(error.value)
    assert said.startswith(f"{key}: 1 run failed, see {folder / 'tables' / 'missing.csv'}; the first, "), said
    assert said.endswith(f"the same command tries again what is missing; {folder} has the tables without them"), said
    assert table(folder, "missing")["record"].tolist() == [f"runs/{lost.name}.failed.json"]
    assert table(folder, "missing")["error"].tolist() == ["broken for a test"]
    claims = table(folder, "claims")
    assert not claims["comparable"].any()
    assert claims.loc[claims["measured"].notna(), "why_not"].str.contains("runs missing").all()
    assert table(folder, "reasons")["in_full"].str.startswith("runs missing: ").sum() == 1
    assert not (folder / "made_of.json").exists()


@functools.cache
def script(name: str) -> types.ModuleType:
    """A script beside the results."""
    path = Path(__file__).parents[1] / "results" / f"{name}.py"
    specification = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def check_that_models_answer(folder: Path, corpus: str, models: int, **at_once) -> None:
    """Every kept network answers a tested utterance as its run did, by nothing but its file and the recording.

    Args:
        folder: of the results.
        corpus: whose miniature it is.
        models: how many different ones there are.
        at_once: further arguments of the model.
    """
    speech = corpora.load(corpus, miniatures.ensure(corpus))
    table, words = (speech.recordings if corpus == "recola" else speech.utterances).set_index("id"), speech.words()
    parameters, seen, measured = script("release").parameters_of(folder), set(), {}
    for path in sorted(folder.glob("runs/*/model.keras")):
        model = predict.load(path)
        kind = (model.manifest["model"], str(model.manifest["spec"].get("dimension")))
        if kind in seen:
            continue
        seen.add(kind)
        stored = pd.read_csv(path.with_name("predictions.csv"), dtype={"id": str})
        if (key := folder.name) != "chang2017" and kind[0] != "DNN":  # as a release says it of older networks
            said = script("release").recipe_of(key, parameters, model.manifest["spec"], list(stored))
            assert said == model.manifest["recipe"], kind
        name = stored["id"].iloc[-1]
        own = stored[stored["id"] == name]
        if model._by_speaker:
            known = measured.get(name) or model.of_speaker(
                table.loc[table["speaker"] == table.loc[name, "speaker"], "path"]
            )
            model._speaker, measured[name] = known._speaker, known
        spoken = words[words["id"] == name] if words is not None and "crops" in model._input else None
        given = at_once | ({"words": spoken} if spoken is not None and len(spoken) else {})
        answer = model(*audio.read(table.loc[name, "path"]), **given)
        if answer.trajectory is not None:
            found, expected = answer.trajectory.iloc[:, 1], own["prediction"]
        else:
            names = [label for labels in answer.tasks.values() for label in labels]
            found, expected = answer.scores[names].iloc[0], own[names].iloc[0]
            assert answer.overall.sum() == pytest.approx(len(answer.tasks), abs=1e-6)
        np.testing.assert_allclose(found.to_numpy(), expected.to_numpy(), atol=1e-5, err_msg=str(kind))
        assert np.ptp(found.to_numpy()) > 1e-4, f"{kind} says the same of everything"
        assert any("miniature" in one for one in model.caveats)
    assert len(seen) == models, seen
