"""Run a notebook strictly: a misspelt or mistyped parameter is an error, headless and in Jupyter.

A notebook's parameters are the plain literals of its cell tagged ``parameters``. Headless (`execute`, with papermill)
values come from the profile and then from the user; names and types are checked against that cell before anything
runs. Inside the notebook `begin` checks what its own cells have set.
"""

import ast
import atexit
import difflib
import gc
import io
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
import tokenize
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from serkit import devices, files, planning, progress, shards, solutions, stamps, verifying
from serkit.corpora import MARKER, Corpus, load, merges, miniatures, module, place
from serkit.errors import SerkitError, one_of
from serkit.papers import COMPANIONS, PAPERS, PROFILES, Paper, find, profile_values

if TYPE_CHECKING:
    from serkit.report import Results

LAST_LINES = 20
STDERR = 2  # the descriptor
NAMED = 5  # utterances that a reason names before it only counts
_BEGUN = "_serkit_begun"  # in the notebook's namespace: how many cells had run each time that `begin` succeeded
_NEARLY_THE_SAME = 0.6  # of two cells' texts
_MISSPELT = 0.8  # of two names: "epoch" is a misspelt "epochs", and "limit" no misspelt "fold_limit"
_KERNEL = (
    "the kernel has to be of the Python that runs this command. Type: {python} -m pip install ipykernel && {python} -m "
    "ipykernel install --sys-prefix; `jupyter kernelspec list` says where another one comes from"
)
STARTUP_LINE = re.compile(
    r"^(WARNING: All log messages before absl|[IWE]0000 \d|To enable the following instructions).*\n?", re.M
)


def _path_of(paper: Paper) -> Path:
    """The notebook's file: in the checkout, or in the installed package.

    Raises:
        SerkitError: it is in neither.
    """
    package = Path(__file__).parent
    for folder in (package.parent / "notebooks", package / "_notebooks"):
        if (folder / paper.notebook).is_file():
            return folder / paper.notebook
    raise SerkitError(f"{paper.notebook} is missing from {package / '_notebooks'}: install serkit again")


def copy(directory: Path | str, solved: bool = False) -> list[Path]:
    """Copy all notebooks into a folder, to read, run and change them there.

    Args:
        directory: the folder.
        solved: whether the copies hold the solutions to their exercises.

    Returns:
        The copies.

    Raises:
        SerkitError: no folder is named, or one of the notebooks is there already; nothing is copied then.
    """
    nbformat = files.nbformat()

    if not str(directory):
        raise SerkitError("no folder is named for the notebooks: '.' is the current one")
    directory = Path(directory).expanduser().resolve()
    copies = {_path_of(paper): directory / paper.notebook for paper in (PAPERS | COMPANIONS).values()}
    if there := [path for path in copies.values() if path.exists()]:
        missing = ", ".join(path.name for path in copies.values() if path not in there)
        remedy = f"; {missing} is missing there: copy to another folder, and take it from there" * bool(missing)
        raise SerkitError(f"{there[0]} is there already{remedy or ': name another folder, or move it away'}")
    files.make_folder(directory)
    for source, path in copies.items():
        if solved:
            path.write_bytes(source.read_bytes())
        else:
            nbformat.write(solutions.without(source), path)
    return list(copies.values())


def parameters(paper: Paper) -> dict[str, Any]:
    """Names and default values of a notebook's parameters, in its order.

    Raises:
        SerkitError: the notebook has no cell tagged ``parameters``, or that cell holds more than literals.
    """
    path = _path_of(paper)
    values = {}
    for statement in ast.parse(_parameters_cell(path)).body:
        try:
            name, value = _assignment(statement)
            values[name] = ast.literal_eval(value)
        except ValueError as error:
            raise SerkitError(
                f"{path}: the parameters cell holds {ast.unparse(statement)!r}; only name = literal may stand there"
            ) from error
    return values


def comments(paper: Paper) -> dict[str, str]:
    """What the notebook says of its parameters, by name: the comment after each.

    Raises:
        SerkitError: as in `parameters`.
    """
    text = _parameters_cell(_path_of(paper))
    by_line = {
        token.start[0]: token.string.removeprefix("#").strip()
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    }
    return {
        _assignment(statement)[0]: " ".join(
            by_line[line] for line in range(statement.lineno, (statement.end_lineno or 0) + 1) if line in by_line
        )
        for statement in ast.parse(text).body
    }


def _parameters_cell(path: Path) -> str:
    nbformat = files.nbformat()

    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise SerkitError(f"{path} has {len(cells)} cells tagged 'parameters'; it needs one")
    return cells[0].source


def _settings(key: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """A running notebook's parameters, checked.

    Args:
        key: of the paper.
        namespace: the notebook's ``globals()``.

    Raises:
        SerkitError: a value is missing, or has another type than the notebook's own.
    """
    paper = find(key)
    defaults = parameters(paper)
    for name, default in defaults.items():
        if name not in namespace:
            raise SerkitError(f"parameter {name} is not set: the parameters cell has {name} = {default!r}")
    return {name: _checked(paper, name, namespace[name], default) for name, default in defaults.items()}


def quiet() -> None:
    """Keep what libraries in C and C++ print out of the notebook: it goes to the log of Jupyter's server instead.

    A notebook calls this before Keras is imported, whose start-up would stand in red boxes that no setting takes away.
    What Python says stays in the notebook: warnings, what is printed, and every error. Elsewhere nothing happens.
    """
    if not progress.in_kernel():
        return
    with suppress(io.UnsupportedOperation):  # a kernel that does not watch descriptor 2
        original = sys.stderr.fileno()  # it has put this one aside, to watch 2 instead
        watched = os.dup(STDERR)
        os.dup2(original, STDERR)
        atexit.register(os.dup2, watched, STDERR)  # or it would wait for its own last word, and not end


def begin(
    key: str,
    namespace: dict[str, Any],
    note: str | Callable[[Any], str] = "",
    reasons: Iterable[str] | Callable[[Any], Iterable[str]] = (),
) -> "tuple[Corpus | None, Results]":
    """Start a notebook: check its parameters, load its corpus, and show what the numbers may be compared with.

    The parameters are those that the running notebook's cells have set, in Jupyter as under papermill. The corpus is
    the one at `root`; else the one that the variable SERKIT_<CORPUS> names; else the miniature. With strict=False,
    utterances without readable audio are left out, and so are classes that the copy lacks; the banner names them.
    A companion may take no corpus.

    Args:
        key: of the paper.
        namespace: the notebook's ``globals()``.
        note: stands beside the corpus on every figure; or a function of the corpus that gives it.
        reasons: further ones why the numbers must not be compared with the paper's; or a function of the corpus.

    Returns:
        The corpus, None for a notebook that takes none, and the place of the results; ``results.settings`` has the
        parameters.

    Raises:
        SerkitError: a parameter that is misspelt, mistyped or missing; no such profile or corpus; a copy that fails
            its check, where `strict`; a corpus that lacks a column which the paper needs.
    """
    import pandas as pd
    from IPython.display import Markdown, display

    from serkit import training
    from serkit.report import Results

    pd.set_option("display.max_columns", 50)  # a score table has more than the usual 20
    atexit.register(gc.freeze)  # no last look for garbage, which takes a second
    training.limit_threads()
    paper = find(key)
    values = _settings(key, namespace)
    _refuse_unknown(paper, values, namespace)
    _refuse_profile_without_values(paper, values)
    speech, left_out = (None, []) if not paper.own else _speech(values)
    if speech is not None:
        speech.require(paper.needs)
    namespace.update(values)  # as the types that the notebook has, and without the classes that the copy lacks
    # The notebook stands in a folder beside that of the results.
    about = (speech.name, speech.miniature) if speech is not None else ("", False)
    values["out"] = values["out"] or str(_folder_of_results("../results", *about, key))
    further = reasons if isinstance(reasons, Iterable) else reasons(speech)
    results = Results(
        key, speech, values, note if isinstance(note, str) else note(speech), [*left_out, *further],
        current=lambda: _settings(key, namespace),
    )  # fmt: skip
    namespace[_BEGUN] = [*namespace.get(_BEGUN, ()), len(namespace.get("In", ()))]
    title = f"### {speech.title}\n\n" if speech is not None else ""
    display(Markdown(title + results.banner() + (f"\n\n**No GPU.** {said}." if (said := devices.unused()) else "")))
    return speech, results


def _speech(values: dict[str, Any]) -> tuple[Corpus, list[str]]:
    """The corpus that the parameters name, and what of it was left out, in sentences."""
    speech = load(values["corpus"], place(values["corpus"], values["root"]), values["strict"])
    return (speech, []) if values["strict"] else _what_there_is(speech, values)


def _what_there_is(speech: Corpus, values: dict[str, Any]) -> tuple[Corpus, list[str]]:
    """Leave out what a copy lacks: utterances without audio, and classes, of which `values` keeps the others.

    Returns:
        The corpus, and what was left out and what else makes its scores others', in sentences.
    """
    speech, gone = speech.readable()
    said = []
    if gone:
        said = [f"{len(gone)} utterance{'s' * (len(gone) != 1)} without readable audio left out: {_some(gone)}"]
    if speech.has_partition:
        parts = speech.utterances.groupby("speaker")["partition"].nunique()
        if known := list(parts.index[parts > 1]):
            said.append(f"scores know voices, which are in several parts of the partition: {_some(known)}")
    wanted = values.get("classes", [""])
    if wanted != [""]:  # which leaves the choice to the notebook
        values["classes"] = speech.classes(wanted, values.get("style", ""), merges(values.get("merge", [])))
        said += [
            f"no utterance here is {name}: the class is left out" for name in wanted if name not in values["classes"]
        ]
    return speech, said


def _some(names: Sequence[str]) -> str:
    """The first few."""
    return ", ".join(names[:NAMED]) + f" and {len(names) - NAMED} more" * (len(names) > NAMED)


def resolve(paper: Paper, profile: str, given: dict[str, Any]) -> dict[str, Any]:
    """The parameter values of one execution: the notebook's, then the profile's, then the given ones.

    Args:
        paper: whose notebook.
        profile: smoke, quick or paper.
        given: values by name; text is read as the type that the parameter has ("1,2" for a list).

    Raises:
        SerkitError: an unknown profile or parameter, or a value of another type.
    """
    defaults = parameters(paper)
    values = {**defaults, **profile_values(paper, profile), "profile": profile}
    for name, value in given.items():
        one_of(name, defaults, f"parameter of {paper.key}")
        values[name] = _checked(paper, name, _read(value, defaults[name]), defaults[name])
    return values


def _folder_of_results(out: Path | str, corpus: str, miniature: bool, key: str) -> Path:
    """Where the results of a paper on a corpus go: ``out/<corpus>/<paper>``; miniatures say so in the name.

    Those of a notebook that takes no corpus go to ``out/published``.
    """
    return Path(out).resolve() / (f"{corpus}{'-miniature' * miniature}" if corpus else "published") / key


def execute(
    key: str,
    corpus: str = "",
    root: str = "",
    profile: str = "quick",
    out: Path | str = "results",
    shown_by: Path | None = None,
    again: bool = True,
    **given,
) -> Path:
    """Execute a paper's notebook and leave its tables, figures and the executed notebook.

    Args:
        key: of the paper.
        corpus: name; default the paper's own.
        root: the corpus' folder; empty takes the miniature.
        profile: smoke, quick or paper.
        out: folder of all results.
        shown_by: a file for the state of the work, which another process shows; None shows it here.
        again: False executes nothing where the results are there and made of the same (`serkit.stamps`).
        given: further parameters.

    Returns:
        The folder with the results.

    Raises:
        SerkitError: bad input, here or inside the notebook; or runs failed, and what there is was made without them.
        KeyboardInterrupt: interrupted; finished runs are kept.
    """
    nbformat = files.nbformat()
    import papermill
    from papermill.exceptions import PapermillExecutionError

    paper, corpus, root, folder, values = _prepared(key, corpus, root, profile, out, given)
    made, source = stamps.made_of(_path_of(paper), values), stamps.source()
    if not again and stamps.holds(folder, made):
        return folder
    executed, missing = folder / "notebook.ipynb", folder / stamps.MISSING
    with files.locked(executed):
        if not again and stamps.holds(folder, made):  # another process has made them meanwhile
            return folder
        (folder / stamps.NAME).unlink(missing_ok=True)
        before, earlier = _changed(missing), _tables_and_figures(folder)
        nbformat.write(solutions.without(_path_of(paper)), executed)
        try:
            with _kernels(key, _miniature_alone(corpus, root), shown_by, f"; the notebook so far is {executed}"):
                papermill.execute_notebook(
                    executed, executed, values, kernel_name="python3", cwd=folder, progress_bar=False
                )
        except PapermillExecutionError as error:
            if error.ename == "KeyboardInterrupt":
                raise KeyboardInterrupt from error
            so_far = f"{_lacking(missing)}; without them, " if _changed(missing) not in (None, before) else ""
            if error.ename == "SerkitError":
                raise SerkitError(f"{key}: {so_far}{error.evalue}") from error
            where = f"cell {error.exec_count}; the whole trace is in {executed}"
            raise SerkitError(f"{key}: {so_far}{error.ename}: {error.evalue} ({where})") from error
        notebook = nbformat.read(executed, as_version=4)
        _drop_startup_lines(notebook)
        nbformat.write(notebook, executed)
        files.write_text(folder / "command.txt", f"# {source}\n{_command(paper, values)}\n")
        for path in (path for path, changed in _tables_and_figures(folder).items() if earlier.get(path) == changed):
            path.unlink()  # of an earlier execution with other parameters
        if _changed(missing) not in (None, before):
            raise SerkitError(f"{key}: {_lacking(missing)}; {folder} has the tables without them")
        _tidy(folder / "runs")
        stamps.write(folder, made)
    return folder


def _changed(path: Path) -> int | None:
    """When a file was written; None where there is none."""
    return path.stat().st_mtime_ns if path.is_file() else None


def _tables_and_figures(folder: Path) -> dict[Path, int | None]:
    """When each was written."""
    return {path: _changed(path) for name in stamps.RESULTS for path in (folder / name).glob("*")}


def _tidy(runs: Path) -> None:
    """Remove what failed and stopped runs have left, which are done by now or which nobody asks for any more."""
    for path in runs.glob("*.failed.json"):
        path.unlink(missing_ok=True)
    for path in runs.glob("*.checkpoint"):
        shutil.rmtree(path, ignore_errors=True)


def _lacking(missing: Path) -> str:
    """What to say of runs that failed."""
    import pandas as pd

    runs = pd.read_csv(missing)
    first = f"{runs['run'][0]}: {runs['error'][0]}"
    count = f"{len(runs)} run{'s' * (len(runs) > 1)} failed"
    return f"{count}, see {missing}; the first, {first}; the same command tries again what is missing"


def _command(paper: Paper, values: dict[str, Any]) -> str:
    """What to type for the same results, places aside: corpora stand in FOLDER."""
    corpus, profile = values.get("corpus", ""), values["profile"]
    words = [f"{name}={shlex.quote(os.environ[name])}" for name in stamps.NUMBERS if os.environ.get(name)]
    words += ["serkit reproduce", paper.key]
    words += [f"--corpus {corpus}{'=FOLDER' * bool(values['root'])}"] if corpus else []
    words += [f"--profile {profile}"] * (profile != "quick")
    usual = resolve(paper, profile, {}) | {stamps.STORED: str(Path(values["out"]).parent)}
    for name, value in values.items():
        if name in {*stamps.PLACES, "corpus", "profile", "root"} or value == usual[name]:
            continue
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        if _read(text, value) != value:  # an item with a comma, say
            text = json.dumps(value, ensure_ascii=False)
        text = "FOLDER" if name.endswith("_root") or name == stamps.STORED else text
        words.append(f"--seeds {text}" if name == "seeds" else f"--set {shlex.quote(f'{name}={text}')}")
    return " ".join(words)


def _prepared(
    key: str, corpus: str, root: str, profile: str, out: Path | str, given: dict
) -> tuple[Paper, str, str, Path, dict[str, Any]]:
    """Check what `execute` was given.

    Returns:
        The paper, its corpus and root, the folder of the results, and the values of all parameters.
    """
    # The notebook runs in the folder of its results.
    places = {name for name in given if name.endswith("_root") or name == stamps.STORED}
    given |= {name: str(Path(given[name]).resolve()) for name in places if given[name]}
    paper = find(key)
    if not paper.own:
        folder = _folder_of_results(out, "", False, key)
        return paper, "", "", folder, resolve(paper, profile, {**given, "out": str(folder)})
    corpus = corpus or paper.corpus
    module(corpus)  # is there such a corpus?
    if not root and corpus not in miniatures.NAMES:
        raise SerkitError(f"where is {corpus}? Give its root; there is no miniature of it")
    if root and not Path(root).exists():
        raise SerkitError(f"there is no {root}; how to get {corpus}: {module(corpus).HOW_TO_GET}")
    folder = _folder_of_results(out, corpus, not root or (Path(root) / MARKER).is_file(), key)
    root = str(Path(root).resolve()) if root else ""
    values = resolve(paper, profile, {**given, "corpus": corpus, "root": root, "out": str(folder)})
    if stamps.STORED in values:
        values[stamps.STORED] = values[stamps.STORED] or str(folder.parent)
    return paper, corpus, root, folder, values


@contextmanager
def _kernels(key: str, variables: dict[str, str], shown_by: Path | None, so_far: str = "") -> Iterator[None]:
    """Within the block kernels inherit some variables, and their progress is shown.

    Raises:
        SerkitError: the kernel died, there is none, or it is of another Python.
    """
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import DeadKernelError

    advice = _KERNEL.format(python=shlex.quote(sys.executable))
    with tempfile.TemporaryDirectory() as temporary:
        state, log = shown_by or Path(temporary) / "progress.json", Path(temporary) / "kernel.log"
        variables = {"SERKIT_PROGRESS": str(state), **variables}
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            with _stderr_into(log) as terminal, nullcontext() if shown_by else progress.relay(state, terminal):
                yield
        except NoSuchKernel as error:
            raise SerkitError(f"{key}: Jupyter finds no kernel 'python3': {advice}") from error
        except RuntimeError as error:
            last = "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
            why = " (out of memory? start again to go on, with fewer --jobs)" * isinstance(error, DeadKernelError)
            why = f": {advice}" if "ipykernel" in last else why
            raise SerkitError(f"{key}: {error}{why}{so_far}; its last messages:\n{last}") from error
        except Exception as error:
            if "No module named 'serkit'" in str(error):
                raise SerkitError(f"{key}: Jupyter's kernel 'python3' knows no serkit: {advice}") from error
            raise
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _miniature_alone(corpus: str, root: str) -> dict[str, str]:
    """The variable by which a kernel takes the miniature where no root is given, whatever the environment says."""
    return {f"SERKIT_{corpus.upper()}": ""} if corpus and not root else {}


def _run_studies(
    paper: Paper, folder: Path, values: dict[str, Any], variables: dict[str, str], notes: Path, **options: Any
) -> int:
    """Execute a notebook up to its last study, in a folder that is thrown away and has the runs of another.

    Args:
        paper: whose notebook.
        folder: of the results; its ``runs`` are looked at, and written to by a study that does any.
        values: of the parameters.
        variables: that the kernel has.
        notes: see `planning.run_cells`.
        options: further ones of it.

    Returns:
        Likewise.

    Raises:
        SerkitError: bad input, here or inside the notebook.
    """
    nbformat = files.nbformat()
    import papermill

    with tempfile.TemporaryDirectory() as aside, _kernels(paper.key, variables, None):
        if (folder / "runs").is_dir():
            (Path(aside) / "runs").symlink_to(folder / "runs")
        ready = Path(aside) / "notebook.ipynb"
        nbformat.write(solutions.without(_path_of(paper)), ready)
        papermill.execute_notebook(ready, ready, {**values, "out": aside}, prepare_only=True)
        try:
            return planning.run_cells(nbformat.read(ready, as_version=4), Path(aside), notes, **options)
        except SerkitError as error:
            raise SerkitError(f"{paper.key}: {error}") from error


def plan(
    key: str,
    path: Path,
    corpus: str = "",
    root: str = "",
    profile: str = "quick",
    out: Path | str = "results",
    verify: int = 0,
    **given,
) -> Path:
    """Write the plan of an execution (`serkit.planning`) to a file; no run is done, and no result written.

    Args:
        key: as for `execute`, like all the others but `path`.
        path: of the plan.
        corpus: see there.
        root: see there.
        profile: see there.
        out: folder of all results, where runs are looked for.
        verify: train so many of the stored runs again, in place of a plan, and write how they compare
            (`serkit.verifying`).
        given: further parameters.

    Returns:
        `path`, for `serkit.planning.read`.

    Raises:
        SerkitError: bad input, here or inside the notebook.
        KeyboardInterrupt: interrupted.
    """
    paper, corpus, root, folder, values = _prepared(key, corpus, root, profile, out, given)
    path = path.resolve()
    path.unlink(missing_ok=True)
    variables = {"SERKIT_PLAN": str(path), "SERKIT_VERIFY": str(verify or ""), **_miniature_alone(corpus, root)}
    _run_studies(paper, folder, values, variables, path, last=verifying.CELL if verify else planning.SIZE)
    return path


def do_share(
    key: str,
    share: str,
    corpus: str = "",
    root: str = "",
    profile: str = "quick",
    out: Path | str = "results",
    **given,
) -> dict[str, Any]:
    """Do a share of an execution's runs (`serkit.shards`), and leave tables and figures to `execute`.

    Args:
        key: as for `execute`, like all the others but `share`.
        share: ``i/n``: every n-th run, beginning with the i-th.
        corpus: see there.
        root: see there.
        profile: see there.
        out: folder of all results, which all shares have in common.
        given: further parameters.

    Returns:
        Numbers of runs done here, of those still missing and of those that failed, here or in other shares; how many
        studies wait for the missing ones; and the error of the first that failed.

    Raises:
        SerkitError: bad input, here or inside the notebook: finished runs are kept.
        KeyboardInterrupt: interrupted; likewise.
    """
    shards.parsed(share)
    paper, corpus, root, folder, values = _prepared(key, corpus, root, profile, out, given)
    files.make_folder(folder / "runs")
    with tempfile.TemporaryDirectory() as aside:
        notes = Path(aside) / "notes.jsonl"
        variables = {"SERKIT_SHARD": share, "SERKIT_SHARD_NOTES": str(notes), **_miniature_alone(corpus, root)}
        waiting = _run_studies(paper, folder, values, variables, notes, may_wait=shards.open_ends)
        studies = shards.read(notes)
    for one in studies:
        if one["error"]:
            raise SerkitError(f"{key}: {one['error']}")
    runs = folder / "runs"
    # Others have gone on since each study was reached.
    left = {name for one in studies for name in one["missing"] if not (runs / name / "run.json").is_file()}
    failed = sorted(name for name in left if (runs / f"{name}.failed.json").is_file())
    first = json.loads((runs / f"{failed[0]}.failed.json").read_text(encoding="utf-8"))["error"] if failed else ""
    done = sum(one["done"] for one in studies)
    if waiting and not left:
        more = do_share(key, share, corpus, root, profile, out, **given)
        return more | {"done": done + more["done"]}
    counts = {"done": done, "missing": len(left) - len(failed), "failed": len(failed)}
    return counts | {"waiting": waiting, "error": first}


@contextmanager
def _stderr_into(path: Path) -> Iterator[TextIO]:
    """Send what this process and the kernel print to stderr into a file; yield the real stderr.

    A kernel's libraries print start-up notes past every Python setting; they belong in no terminal.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with path.open("w") as log, os.fdopen(kept, "w", buffering=1) as terminal:
        os.dup2(log.fileno(), 2)
        try:
            yield terminal
        finally:
            os.dup2(kept, 2)


def _refuse_unknown(paper: Paper, values: dict[str, Any], namespace: dict[str, Any]) -> None:
    """Raise if a cell has set something that is no parameter, such as ``epoch = 3``.

    A cell that holds nothing but ``name = literal`` is there to set parameters, and so is one that sets a parameter: no
    other literal may stand in it. In every other cell that ran before `begin`, and among other kinds of values, only
    names that are nearly a parameter's are refused. Of the cells, those that have run since the latest run of the
    parameters cell count; an edited cell that ran again replaces its former self; and what ran after `begin` is work,
    unless it holds nothing but literals or sets a parameter.
    """
    cells = [(text, *_assigned(text)) for text in namespace.get("In", ())]
    starts = [number for number, (_, found, _) in enumerate(cells) if len(values.keys() & found) > len(values) / 2]
    start = starts[-1] if starts else 0
    work = min((count for count in namespace.get(_BEGUN, ()) if count > start), default=len(cells))
    refused: list[tuple[str, list[str]]] = []
    for number, (text, found, settings) in enumerate(cells[start:], start):
        known = bool(values.keys() & found)
        if found and (number < work or known or settings):
            unknown = sorted(found.keys() - values.keys())
            meant = settings and (number < work or known)
            meant |= known and number < work
            refused = [(old, names) for old, names in refused if not _same_cell(old, text)]
            refused.append((text, [name for name in unknown if (meant and found[name]) or _misspelt(name, values)]))
    for _, names in refused:
        for name in names:
            try:
                one_of(name, values, f"parameter of {paper.key}")
            except SerkitError as error:
                raise SerkitError(
                    f"{error}. Correct the cell and run it, or run the parameters cell again if it is gone; a value of "
                    "your own belongs in a cell below the one with begin, under a name that is not nearly a parameter's"
                ) from None


def _misspelt(name: str, parameters: Iterable[str]) -> bool:
    return bool(difflib.get_close_matches(name, parameters, n=1, cutoff=_MISSPELT))


def _assigned(text: str) -> tuple[dict[str, bool], bool]:
    """What a cell assigns.

    Returns:
        Each name, and whether its value is a literal; and whether the cell holds nothing but ``name = literal``.
    """
    try:
        statements = ast.parse(text).body
    except SyntaxError:
        return {}, False
    found, settings = {}, True
    for statement in statements:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Name | ast.Constant):
            continue  # shows a value, or says something
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if not isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign) or statement.value is None:
            settings = False
            continue
        literal = _is_literal(statement.value)
        settings &= literal and len(targets) == 1 and isinstance(targets[0], ast.Name)
        names = [node for target in targets if target for node in ast.walk(target) if isinstance(node, ast.Name)]
        found |= {node.id: literal for node in names if isinstance(node.ctx, ast.Store)}
    return found, settings and bool(found)


def _is_literal(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError):
        return False
    return True


def _assignment(statement: ast.stmt) -> tuple[str, ast.expr]:
    """Name and value of ``name = value``.

    Raises:
        ValueError: it is another statement.
    """
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or len(targets) != 1 or statement.value is None:
        raise ValueError("not name = value")
    if not isinstance(targets[0], ast.Name):
        raise ValueError("not name = value")
    return targets[0].id, statement.value


def _same_cell(first: str, second: str) -> bool:
    """Whether one is likely to be an edit of the other: the history of a notebook does not say."""
    return difflib.SequenceMatcher(None, first.strip(), second.strip()).ratio() > _NEARLY_THE_SAME


def _refuse_profile_without_values(paper: Paper, values: dict[str, Any]) -> None:
    """Raise if the notebook bears the name of a profile and the values of another."""
    profile, defaults = one_of(values["profile"], PROFILES, "profile"), parameters(paper)
    due = {name: value for name, value in profile_values(paper, profile).items() if value != defaults[name]}
    if due and all(values[name] == defaults[name] for name in due):
        raise SerkitError(
            f"profile = {profile!r} is the name of a set of values and sets none of them: run `serkit reproduce "
            f"{paper.key} --profile {profile}`, or write them into the parameters cell: "
            + ", ".join(f"{name} = {value!r}" for name, value in due.items())
        )


def _read(value: Any, default: Any) -> Any:
    """Text from the command line as the type that the parameter has."""
    if not isinstance(value, str) or isinstance(default, str):
        return value
    if isinstance(default, list):
        value = value if value.strip().startswith("[") else f"[{value}]"
    elif isinstance(default, bool):
        value = value.capitalize()
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        if isinstance(default, list):  # unquoted words
            return [word.strip() for word in value.strip("[]").split(",")]
        return value


def _checked(paper: Paper, name: str, value: Any, default: Any) -> Any:
    """`value`, if it may stand where `default` does and is within the bounds of ``paper.toml``.

    What means the same is read as the type that the notebook has: a whole number for a float, NumPy's numbers, a tuple
    for a list, a path for text.
    """
    value = _plain(value)
    items = value if isinstance(value, list) else [value]
    wanted = default if isinstance(default, list) else [default]
    if wanted and type(wanted[0]) is float:
        items = [float(item) if type(item) is int else item for item in items]
    if isinstance(value, list) is not isinstance(default, list) or (
        wanted and any(type(item) is not type(wanted[0]) for item in items)
    ):
        kind = f"list of {type(wanted[0]).__name__}" if isinstance(default, list) else type(default).__name__
        raise SerkitError(f"parameter {name} is of type {kind}, such as {default!r}; got {value!r}")
    value = items if isinstance(value, list) else items[0]
    return paper.parameters[name].bounded(value) if name in paper.parameters else value


def _plain(value: Any) -> Any:
    """A path as text; a tuple, an array and a NumPy number as the list or number that they are."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _drop_startup_lines(notebook) -> None:
    """Remove what TensorFlow's libraries print while they load, which no setting silences."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                output.text = STARTUP_LINE.sub("", output.text)
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("text", "kept") != ""]
