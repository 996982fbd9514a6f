"""serkit: five classic speech-emotion-recognition papers as five reproducible notebooks.

Importing the package is quick and loads neither keras nor librosa; import the part you need, for
example ``from serkit import corpora, features, layers``.
"""

import sys

__version__ = "0.1.0"

if sys.version_info < (3, 11):  # noqa: UP036  (pip refuses it too, but not where the source tree is used as it is)
    raise ImportError(
        f"serkit needs Python 3.11, 3.12 or 3.13; this is {sys.version.split()[0]} ({sys.executable}). Make an "
        "environment of a newer one, for example: python3.12 -m venv .venv && . .venv/bin/activate && "
        "pip install -r requirements.txt",
        name="serkit",
    )
