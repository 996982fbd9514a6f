"""serkit: five classic speech-emotion-recognition papers as five reproducible notebooks.

Importing the package is quick and loads neither keras nor librosa; import the part you need, for
example ``from serkit import corpora, features, layers``.
"""

__version__ = "0.1.0"
