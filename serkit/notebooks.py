"""Run a paper's notebook headless, strictly: papermill, but a misspelt parameter is an error.

A notebook's parameters are the plain literals of its cell tagged ``parameters``. Values come from the
profile and then from the user; names and types are checked against that cell before anything runs.
"""

import ast
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from serkit import corpora, progress
from serkit.corpora import MARKER, Corpus, module
from serkit.errors import SerkitError, one_of
from serkit.papers import Paper, find, profile_values

LAST_LINES = 20
STARTUP_LINE = re.compile(
    r"^(WARNING: All log messages before absl|[IWE]0000 \d|To enable the following instructions).*\n?", re.M
)


def path_of(paper: Paper) -> Path:
    """The notebook's file.

    Raises:
        SerkitError: the notebooks are not beside the package.
    """
    path = Path(__file__).parents[1] / "notebooks" / paper.notebook
    if not path.is_file():
        raise SerkitError(f"{path} is missing: install serkit from its checkout, with pip install -r requirements.txt")
    return path


def parameters(paper: Paper) -> dict[str, Any]:
    """Names and default values of a notebook's parameters, in its order.

    Raises:
        SerkitError: the notebook has no cell tagged ``parameters``, or that cell holds more than literals.
    """
    import nbformat

    path = path_of(paper)
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise SerkitError(f"{path} has {len(cells)} cells tagged 'parameters'; it needs one")
    values = {}
    for statement in ast.parse(cells[0].source).body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            raise SerkitError(
                f"{path}: the parameters cell holds {ast.unparse(statement)!r}; only name = literal may stand there"
            )
        values[statement.targets[0].id] = ast.literal_eval(statement.value)
    return values


def settings(key: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """A running notebook's parameters, checked.

    Args:
        key: of the paper.
        namespace: the notebook's ``globals()``.

    Raises:
        SerkitError: a value has another type than the notebook's own.
    """
    return {name: _checked(name, namespace[name], default) for name, default in parameters(find(key)).items()}


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
        values[name] = _checked(name, _read(value, defaults[name]), defaults[name])
    return values


def lacking(paper: Paper, speech: Corpus) -> list[str]:
    """List what a paper needs of a corpus and this one has not: names of columns, or trajectories."""
    return corpora.lacking(speech, paper.needs)


def target(paper: Paper, corpus: str, root: str, out: Path | str) -> Path:
    """Where the results of a paper on a corpus go: ``out/<corpus>/<paper>``; miniatures say so in the name."""
    miniature = not root or (Path(root) / MARKER).is_file()
    return Path(out).resolve() / (f"{corpus}-miniature" if miniature else corpus) / paper.key


def execute(
    key: str, corpus: str = "", root: str = "", profile: str = "quick", out: Path | str = "results", **given
) -> Path:
    """Execute a paper's notebook and leave its tables, figures and the executed notebook.

    Args:
        key: of the paper.
        corpus: name; default the paper's own.
        root: the corpus' folder; empty takes the miniature.
        profile: smoke, quick or paper.
        out: folder of all results.
        given: further parameters.

    Returns:
        The folder with the results.

    Raises:
        SerkitError: bad input, here or inside the notebook.
        KeyboardInterrupt: interrupted; finished runs are kept.
    """
    import nbformat
    import papermill
    from papermill.exceptions import PapermillExecutionError

    paper = find(key)
    corpus = corpus or paper.corpus
    module(corpus)  # is there such a corpus?
    if root and not Path(root).exists():
        raise SerkitError(f"there is no {root}; how to get {corpus}: {module(corpus).HOW_TO_GET}")
    folder = target(paper, corpus, root, out)
    root = str(Path(root).resolve()) if root else ""
    # The notebook runs in the folder of its results.
    given |= {name: str(Path(place).resolve()) for name, place in given.items() if name.endswith("_root") and place}
    values = resolve(paper, profile, {**given, "corpus": corpus, "root": root, "out": str(folder)})
    folder.mkdir(parents=True, exist_ok=True)
    executed = folder / "notebook.ipynb"
    with tempfile.TemporaryDirectory() as temporary:
        state, log = Path(temporary) / "progress.json", Path(temporary) / "kernel.log"
        # The kernel inherits both.
        os.environ["SERKIT_PROGRESS"] = str(state)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            with _stderr_into(log) as terminal, progress.relay(state, terminal):
                papermill.execute_notebook(
                    path_of(paper), executed, values, kernel_name="python3", cwd=folder, progress_bar=False
                )
        except PapermillExecutionError as error:
            if error.ename == "KeyboardInterrupt":
                raise KeyboardInterrupt from error
            if error.ename == "SerkitError":
                raise SerkitError(f"{key}: {error.evalue}") from error
            raise SerkitError(
                f"{key}: {error.ename}: {error.evalue} (cell {error.exec_count}; the whole trace is in {executed})"
            ) from error
        except RuntimeError as error:  # the kernel died
            last = "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
            raise SerkitError(
                f"{key}: {error}; the notebook so far is {executed}; its last messages:\n{last}"
            ) from error
        finally:
            del os.environ["SERKIT_PROGRESS"]
    notebook = nbformat.read(executed, as_version=4)
    _drop_startup_lines(notebook)
    nbformat.write(notebook, executed)
    return folder


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


def _checked(name: str, value: Any, default: Any) -> Any:
    """`value`, if it may stand where `default` does; a whole number may stand for a float."""
    if type(default) is float and type(value) is int:
        return float(value)
    fits = type(value) is type(default)
    if fits and isinstance(default, list) and default:
        fits = all(
            type(item) is type(default[0]) or (type(default[0]) is float and type(item) is int) for item in value
        )
    if not fits:
        kind = type(default).__name__
        if isinstance(default, list) and default:
            kind = f"list of {type(default[0]).__name__}"
        raise SerkitError(f"parameter {name} is of type {kind}, such as {default!r}; got {value!r}")
    return value


def _drop_startup_lines(notebook) -> None:
    """Remove what TensorFlow's libraries print while they load, which no setting silences."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                output.text = STARTUP_LINE.sub("", output.text)
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("text", "kept") != ""]
