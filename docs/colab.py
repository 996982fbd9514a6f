"""Write the address of the repository, as pyproject.toml has it, into each notebook: its Colab badge, what it installs.

``python docs/colab.py``, after the address was changed or a notebook was added.
"""

import re
import sys
import tomllib
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
COLAB = "https://colab.research.google.com"
BADGE = re.compile(r"\[!\[Open in Colab\]\(\S+\)\]\(\S+\)\n\n")
INSTALLED = re.compile(r'(?<="install --quiet git\+)[^"]*(?="\))')
SETUP = """\
from importlib.util import find_spec

if find_spec("serkit") is None:  # as on Colab; where serkit is installed, nothing happens
    get_ipython().run_line_magic("pip", "install --quiet git+")

from serkit import notebooks

notebooks.quiet()  # before Keras starts

"""


def address() -> str:
    """The repository's.

    Raises:
        SystemExit: it is not on GitHub, from where Colab takes notebooks.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = project["urls"]["Repository"]
    if not re.fullmatch(r"https://github\.com/[^/\s]+/[^/\s]+", found):
        sys.exit(f"{found}: [project.urls] Repository is https://github.com/ACCOUNT/NAME, since Colab reads from there")
    return found


def written(notebook: nbformat.NotebookNode, name: str, repository: str) -> nbformat.NotebookNode:
    """The notebook with its badge below the title, and with what installs serkit above its imports.

    Args:
        notebook: changed in place.
        name: of its file.
        repository: address of it.

    Raises:
        SystemExit: it has no title, or no cell below the parameters.
    """
    title = notebook.cells[0]
    place = repository.removeprefix("https://github.com")
    badge = f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({COLAB}/github{place}/blob/main/notebooks/{name})\n\n"
    title.source, titles = re.subn(r"\A(# .*\n\n)", lambda found: found[1] + badge, BADGE.sub("", title.source))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if not titles or len(code) < 2:
        sys.exit(f"{name}: its first cell is '# Title', a blank line and text; its second code cell has the imports")
    imports = code[1]
    if not INSTALLED.search(imports.source):
        imports.source = SETUP + imports.source
    imports.source = INSTALLED.sub(repository, imports.source)
    return notebook


if __name__ == "__main__":
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        nbformat.write(written(nbformat.read(path, as_version=4), path.name, address()), path)
