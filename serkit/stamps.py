"""Whether an execution of a notebook would come out as the one whose results are there.

A stamp beside the results says what they were made of: the notebook, its parameters, all of serkit's source, the
libraries' versions and the corpus' files. As long as all of that is the same, and the results are what was written,
there is nothing to do; otherwise the notebook is executed, and finds those of its runs that are not concerned.
"""

import csv
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import serkit
from serkit import files, fingerprints, solutions, study

NAME = "made_of.json"
RESULTS = ("tables", "figures")
SINGLE = ("notebook.ipynb", "predictions.csv.gz", "folds.csv.gz", "command.txt")
MISSING = Path("tables") / "missing.csv"  # in the folder of results: runs that failed, where there are such
# Where things are and who does the work: results do not depend on it.
PLACES = {"out", "workers", "scheduler"}
STORED = "stored"  # the parameter of a companion that reads the results of others: the folder of their studies
NUMBERS = ("KERAS_BACKEND", "SERKIT_THREADS", "SERKIT_DETERMINISTIC", *study.SWITCHES)  # variables that change them
VARIABLES = (*NUMBERS, "SERKIT_PDF")


def made_of(notebook: Path, values: dict[str, Any]) -> str:
    """Digest of all that an execution's results depend on.

    Args:
        notebook: its file; on the solutions in it no result depends.
        values: of its parameters; `root`, and other names that end in ``_root``, are places of corpora.
    """
    nbformat = files.nbformat()

    source = Path(serkit.__file__).parent
    keras_settings = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "keras.json"
    return files.content_key(
        {
            "notebook": nbformat.writes(solutions.without(notebook)),
            "values": {name: value for name, value in values.items() if name not in PLACES},
            "source": files.digests(source, (".py", ".toml", ".csv")),
            "versions": {name: fingerprints.version_of(name) for name in study.PACKAGES},
            "python": platform.python_version(),
            "environment": {name: os.environ.get(name) for name in VARIABLES},
            "keras": keras_settings.read_text(encoding="utf-8") if keras_settings.is_file() else "",
            "corpora": {name: _state(Path(value)) for name, value in values.items() if name.endswith("root") and value},
            "stored": _studies(Path(values[STORED]), Path(values["out"])) if values.get(STORED) else {},
        }
    )


def source() -> str:
    """Version of serkit and, where it is known, the commit: "serkit 0.1.0, commit 1a2b... (with changes)".

    A checkout's own repository tells it, or what pip noted when it installed from one.
    """
    commit = _commit(Path(serkit.__file__).parents[1])
    return f"serkit {serkit.__version__}" + f", commit {commit}" * bool(commit)


def _commit(root: Path) -> str:
    """The commit that is checked out in a folder, and whether code or notebooks were changed since; else pip's note."""
    if _git(root, "ls-files", "serkit/__init__.py"):
        changed = _git(root, "status", "--porcelain", "--", "serkit", "notebooks")
        return _git(root, "rev-parse", "HEAD") + " (with changes)" * bool(changed)
    try:
        noted = importlib.metadata.distribution("serkit").read_text("direct_url.json") or "{}"
    except importlib.metadata.PackageNotFoundError:
        return ""
    return json.loads(noted).get("vcs_info", {}).get("commit_id", "")


def _git(root: Path, *words: str) -> str:
    """What git says of a folder; nothing where there is no git, or no repository."""
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run([git, "-C", str(root), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def write(folder: Path, made: str) -> None:
    """Stamp the results in `folder`, whose execution has just ended well."""
    files.write_json(folder / NAME, {"made_of": made, "files": _results(folder)})


def holds(folder: Path, made: str) -> bool:
    """Whether the results in `folder` are whole, and made of just this."""
    try:
        stamp = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return False
    return stamp.get("made_of") == made and stamp.get("files") == _results(folder)


def _results(folder: Path) -> dict[str, str]:
    """Digests of the tables, figures, predictions, folds, the command and the executed notebook."""
    found = [path for name in RESULTS for path in sorted((folder / name).glob("*")) if path.is_file()]
    found += [path for name in SINGLE if (path := folder / name).is_file()]
    return {str(path.relative_to(folder)): files.sha256(path) for path in found}


def _studies(folder: Path, own: Path) -> dict[str, dict[str, str]]:
    """Digests of the results of all studies in a folder but one."""
    studies = sorted(path for path in folder.glob("*/") if path.resolve() != own.resolve())
    return {study.name: _results(study) for study in studies}


def _state(root: Path) -> str:
    """Names, sizes and times of a corpus' files; of a table of recordings, its content and the files that it names."""
    if root.is_dir():
        found = sorted(path for path in root.rglob("*") if path.is_file())
    elif root.is_file():
        with root.open(encoding="utf-8", errors="replace", newline="") as stream:
            cells = {cell for row in csv.reader(stream) for part in row for cell in part.split(";")}
        found = [root, *sorted(path for path in (root.parent / cell for cell in cells if cell) if _is_file(path))]
    else:
        return "absent"
    digest = hashlib.sha256()
    for path in found:
        about = path.stat()
        digest.update(f"{path}|{about.st_size}|{about.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a cell that can be no name of a file
        return False
