"""Who is trained, validated and tested on in the committed studies, from their commands and the corpora alone.

``python results/folds.py ravdess=FOLDER continuous=FILE librispeech=FOLDER`` executes each study's notebook, with the
values of its ``command.txt``, up to the line that writes ``folds.csv.gz``, and puts that file into the study: nothing
is trained. Executions write it themselves; this is for those that were made before they did, and it says where a file
is not what it was.
"""

import ast
import contextlib
import io
import linecache
import os
import shlex
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "agg")

import nbformat

from serkit import cli, notebooks

HERE = Path(__file__).parent
WRITES = "results.folds("


def words_of(command: Path) -> list[str]:
    """The words of a stored command that follow ``serkit reproduce``."""
    words = shlex.split(command.read_text(encoding="utf-8"), comments=True)
    return words[words.index("reproduce") + 1 :]


def derived(command: Path, places: dict[str, str], folder: Path) -> bytes:
    """The ``folds.csv.gz`` that a command leads to.

    Args:
        command: a study's ``command.txt``.
        places: of corpora, by name.
        folder: for what is written on the way.
    """
    given = cli.main.commands["reproduce"].make_context("reproduce", words_of(command)).params
    (key,), (corpus,) = given["paper"], (text.partition("=")[0] for text in given["corpora"])
    settings = dict(text.split("=", 1) for text in given["settings"])
    settings |= {"seeds": given["seeds"]} if given["seeds"] else {}
    for name in [name for name in settings if name.endswith("_root")]:
        settings[name] = places[settings[name.removesuffix("_root")]]
    paper, _, _, out, values = notebooks._prepared(key, corpus, places[corpus], given["profile"], folder, settings)
    space = {"__name__": "__main__"}
    for number, cell in enumerate(nbformat.read(notebooks._path_of(paper), as_version=4).cells):
        if cell.cell_type != "code":
            continue
        name = f"<{paper.notebook}, {number}>"  # serkit reads the source of what a notebook defines
        linecache.cache[name] = len(cell.source), None, cell.source.splitlines(keepends=True), name
        for node in ast.parse(cell.source).body:
            exec(compile(ast.Module([node], []), name, "exec"), space)  # noqa: S102 (our own notebook)
            if WRITES in ast.unparse(node):
                return (out / "folds.csv.gz").read_bytes()
        if "parameters" in cell.metadata.get("tags", []):
            space |= values
    raise ValueError(f"{paper.notebook} writes no folds")


def main(given: list[str]) -> int:
    """Write the file of every study whose corpora are named; 1 where one was there and is another one now."""
    places, changed = dict(text.split("=", 1) for text in given), 0
    for command in sorted(HERE.glob("*/*/command.txt")):
        target = command.with_name("folds.csv.gz")
        with tempfile.TemporaryDirectory() as folder:
            try:
                with contextlib.redirect_stdout(io.StringIO()):  # what the notebook shows
                    content = derived(command, places, Path(folder))
            except (KeyError, ValueError) as error:
                print(f"{command.parent.relative_to(HERE)}: passed over ({error})")
                continue
        before = target.read_bytes() if target.is_file() else None
        changed += before not in (None, content)
        target.write_bytes(content)
        print(f"{target.relative_to(HERE)}: {'as it was' if before == content else 'CHANGED' if before else 'new'}")
    return int(changed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
