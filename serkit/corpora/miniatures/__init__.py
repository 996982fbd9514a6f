"""Miniatures: small synthetic corpora in a real corpus' own layout and grammar.

A miniature is read by the corpus' own loader, with no special case, so that loader, check, features, training
and report run on a laptop with no licence and no download. Its sound is synthetic (`synthesis`)
and so are its texts. The file SERKIT_MINIATURE.json marks it and holds the counts that `Corpus.check`
expects instead of the published ones.

To add one, write a module of the loader's name here, with ``write(root, seed) -> counts`` and `VERSION`, a number that
is part of the cached folder's name: raise it with every change of what is written. Nothing else names the module.
"""

import importlib
import os
import pkgutil
import shutil
from pathlib import Path
from types import ModuleType

from serkit import files
from serkit.corpora import loaders
from serkit.corpora.checks import require_own_folder
from serkit.corpora.table import MARKER
from serkit.errors import one_of

NAMES = tuple(sorted({module.name for module in pkgutil.iter_modules(__path__)} & set(loaders.NAMES)))


def write(name: str, directory: Path | str, seed: int = 0) -> Path:
    """Write a miniature; a folder that already is one is replaced.

    Args:
        name: one of `NAMES`.
        directory: the folder to write; the same seed gives the same bytes.
        seed: of voices, texts and sound.

    Returns:
        `directory`.

    Raises:
        SerkitError: there is no such miniature, or `directory` holds something else.
    """
    twin = _module(name)
    directory = Path(directory).expanduser().resolve()
    require_own_folder(directory, MARKER, "miniature")
    with files.atomic(directory) as temporary:
        temporary.mkdir()
        expected = twin.write(temporary, seed)
        marker = {"name": name, "seed": seed, "version": twin.VERSION, "expected": expected}
        files.write_json(temporary / MARKER, marker)
    return directory


def ensure(name: str, seed: int = 0) -> Path:
    """Return the miniature in the cache folder; it is written on first use."""
    directory = files.cache_dir() / "miniature" / f"{name}-{_module(name).VERSION}-{seed}"
    if (directory / MARKER).is_file():
        return directory
    own = write(name, directory.with_name(f"{directory.name}.{os.getpid()}"), seed)
    try:
        own.rename(directory)
    except OSError:  # another process was quicker
        shutil.rmtree(own, ignore_errors=True)
        if not (directory / MARKER).is_file():
            raise
    return directory


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{one_of(name, NAMES, 'miniature')}")
