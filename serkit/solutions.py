"""Solutions to a notebook's exercises: they stand in the notebook itself, and students' copies lack them.

They are the cells tagged ``solution`` after the exercises: for each a text behind a fold, which says why, and a cell
that shows it with what the notebook has made. Nothing but a test executes them, in the session of the notebook: they
write no result, set no parameter, and no result depends on them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from serkit import files
from serkit.errors import SerkitError

TAG = "solution"


def of(notebook: Any) -> list:
    """The cells of the solutions in a notebook of nbformat."""
    return [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", [])]


def without(path: Path) -> Any:
    """A notebook of nbformat, read from its file, as students have it and as it is executed."""
    nbformat = files.nbformat()

    notebook = nbformat.read(path, as_version=4)
    solved = of(notebook)
    notebook.cells = [cell for cell in notebook.cells if cell not in solved]
    return notebook


@contextmanager
def changed(namespace: dict[str, Any], **values: Any) -> Iterator[None]:
    """Within the block, names of a notebook have other values, and the functions defined in it see these.

    Args:
        namespace: the notebook's ``globals()``.
        values: by name.

    Raises:
        SerkitError: the notebook has no such name.
    """
    if missing := [name for name in values if name not in namespace]:
        raise SerkitError(
            f"the notebook has no {', '.join(missing)}: run the cells that set it, and look for misspellings"
        )
    before = {name: namespace[name] for name in values}
    namespace.update(values)
    try:
        yield
    finally:
        namespace.update(before)
