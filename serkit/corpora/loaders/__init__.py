"""Loaders: one module a corpus, found by its name.

A loader states constants (`TITLE`, `CITATION`, `LICENCE`, `REDISTRIBUTABLE`, `HOW_TO_GET`, `SAMPLE_RATES`, `STEREO`),
and has the functions

* ``read(root) -> (root, utterances, problems)``: parse the copy; a bad line becomes a `Problem`, never an
  exception; the root is returned because the corpus may lie in a folder of it;
* ``check(root, utterances, expected, deep) -> problems``: compare with the published counts, or with `expected`;
* ``words(root)``, ``ratings(root)`` and ``trajectories(root)``, where the corpus has them.

Where everybody may fetch the corpus, `DOWNLOADS` says what from where (see `serkit.download`); where the benchmark
EmoBox has it, `EMOBOX` says how (see `serkit.emobox`).

To add a corpus, write such a module here. Nothing else names it.
"""

import importlib
import pkgutil
from types import ModuleType

from serkit.errors import one_of

NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def module(name: str) -> ModuleType:
    """Return the loader of a corpus: its constants TITLE, CITATION, LICENCE, REDISTRIBUTABLE and HOW_TO_GET.

    Raises:
        SerkitError: there is no such corpus.
    """
    return importlib.import_module(f"{__name__}.{one_of(name, NAMES, 'corpus')}")
