"""Speech-emotion corpora as tables: ``load("iemocap", "IEMOCAP_full_release").utterances``.

Every corpus becomes one table with a row for each utterance and the same columns. A user's copy is
parsed where it lies: nothing is renamed, moved or left out in silence. What is missing, unreadable,
unexpected or out of scale is listed by `Corpus.check`, and a copy that fails it is loaded only with
``strict=False``.

Columns of `Corpus.utterances` (absent values are NaN or None):

* id: unique; rows are sorted by it. path: absolute path of the audio file.
* speaker, gender ("f" or "m"), session, style ("improvised" or "scripted").
* label: one of `LABELS`, the same words in every corpus (`manifest` keeps the user's own words);
  code: the corpus' own code.
* valence, activation, dominance: on the corpus' own scale.
* start, end: seconds in the dialogue. text: what is said.
* partition ("train", "dev", "test") and rows, in a corpus that is annotated continuously: a row is a recording
  there, and `Corpus.annotations` has what changes within it.
* then the columns that only this corpus has; its module says which.
"""

import importlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pandas as pd

from serkit.corpora.common import COLUMNS, LABELS, LEVELS, RATING_COLUMNS, WORD_COLUMNS, Problem, audio_problems
from serkit.errors import SerkitError, one_of

__all__ = ["COLUMNS", "LABELS", "MARKER", "NAMES", "Corpus", "Problem", "load", "module"]

# Each name is a module of this package; `serkit.corpora.common` says what such a module holds.
NAMES = ("ami", "cheavd", "continuous", "iemocap", "librispeech", "manifest", "ravdess", "recola")
MARKER = "SERKIT_MINIATURE.json"
LISTED_PROBLEMS = 5


def module(name: str) -> ModuleType:
    """Return the module of a corpus: its constants TITLE, CITATION, LICENCE, REDISTRIBUTABLE and HOW_TO_GET.

    Raises:
        SerkitError: there is no such corpus.
    """
    return importlib.import_module(f"serkit.corpora.{one_of(name, NAMES, 'corpus')}")


@dataclass
class Corpus:
    """One copy of a corpus.

    Attributes:
        name: one of `NAMES`.
        root: where the copy is.
        utterances: one row an utterance; the package's docstring lists the columns.
        miniature: whether this is the synthetic twin instead of the corpus.
        expected: the counts that a miniature must have; None on a real copy, which must have the published ones.
        problems: what was found wrong while the labels were read.
    """

    name: str
    root: Path
    utterances: pd.DataFrame = field(repr=False)
    miniature: bool = False
    expected: dict[str, int] | None = field(default=None, repr=False)
    problems: list[Problem] = field(default_factory=list, repr=False)

    @property
    def title(self) -> str:
        """The corpus' full name."""
        return module(self.name).TITLE + (" (synthetic miniature)" if self.miniature else "")

    @property
    def citation(self) -> str:
        """BibTeX of the paper that describes the corpus."""
        return module(self.name).CITATION

    @property
    def licence(self) -> str:
        """The terms of use, in short."""
        return "Apache-2.0 (synthetic, part of serkit)" if self.miniature else module(self.name).LICENCE

    @property
    def redistributable(self) -> bool:
        """Whether audio or transcripts may be passed on, for example inside an executed notebook."""
        return self.miniature or module(self.name).REDISTRIBUTABLE

    def check(self, deep: bool = False) -> pd.DataFrame:
        """List everything about this copy that is not as published.

        Args:
            deep: decode every audio file instead of reading its header only.

        Returns:
            Columns level ("error", "warning" or "note"), what, where and remedy; errors first.
        """
        source, table = module(self.name), self.utterances
        durations = table["end"] - table["start"]
        found = self.problems + audio_problems(table["path"], source.SAMPLE_RATES, source.STEREO, deep, durations)
        found += source.check(self.root, table, self.expected, deep)
        found.sort(key=lambda problem: LEVELS.index(problem.level))  # stable: the order of finding remains
        return pd.DataFrame(found, columns=Problem._fields)

    def select(self, labels: list[str], style: str = "") -> pd.DataFrame:
        """Take the utterances of a protocol: those with one of `labels`, spoken in `style`.

        Args:
            labels: label words; each must occur.
            style: "improvised" or "scripted"; ignored in a corpus that has one style only, and when empty.

        Returns:
            Rows of `utterances`, renumbered.

        Raises:
            SerkitError: a label or the style does not occur, or a label does not within that style.
        """
        table = self.utterances
        for label in labels:
            one_of(label, table["label"].dropna().unique(), f"label of {self.name}")
        styles = table["style"].dropna().unique()
        if style and len(styles) > 1:
            table = table[table["style"] == one_of(style, styles, f"style of {self.name}")]
        table = table[table["label"].isin(labels)]
        for label in labels:
            if not (table["label"] == label).any():
                raise SerkitError(f"no {style} utterance of {self.name} is labelled {label!r}: leave the class out")
        return table.reset_index(drop=True)

    @property
    def recordings(self) -> pd.DataFrame:
        """The utterances of a corpus that is annotated continuously, where each is a recording.

        Columns as in `utterances`; partition is "train", "dev" or "test" (None is in none of them), rows is the number
        of values that an annotation of the recording has, whether it is there or not.

        Raises:
            SerkitError: the corpus has labels of whole utterances only.
        """
        _continuous(self.name)
        return self.utterances

    def annotations(self) -> pd.DataFrame:
        """Read the continuous annotations: columns id, time (seconds) and one a dimension, such as arousal.

        A recording whose labels are withheld has no row.

        Raises:
            SerkitError: the corpus has labels of whole utterances only.
        """
        return _continuous(self.name).annotations(self.root)

    def words(self) -> pd.DataFrame:
        """Read the word alignment: columns id, word, start and end, in seconds from the utterance's start.

        The frame is empty for a corpus that has none.
        """
        source = module(self.name)
        return source.words(self.root) if hasattr(source, "words") else pd.DataFrame(columns=WORD_COLUMNS)

    def ratings(self) -> pd.DataFrame:
        """Read the single ratings: columns id, rater, label, valence, activation, dominance and self_report.

        One row an utterance and rater; several labels of one rater are joined by "; ". `self_report` is
        true where speakers rate themselves. In a corpus that is annotated continuously: columns id, rater, time
        (seconds) and one a dimension. The frame is empty for a corpus that has none.
        """
        source = module(self.name)
        return source.ratings(self.root) if hasattr(source, "ratings") else pd.DataFrame(columns=RATING_COLUMNS)


def _continuous(name: str) -> ModuleType:
    """The module of a corpus that is annotated continuously."""
    source = module(name)
    if not hasattr(source, "annotations"):
        raise SerkitError(f"{name} has no continuous annotations: use its utterances, or another corpus")
    return source


def load(name: str, root: Path | str, strict: bool = True) -> Corpus:
    """Load a corpus, or a miniature of it, from the user's own copy.

    Args:
        name: one of `NAMES`.
        root: the copy's folder; for "manifest" a CSV file.
        strict: refuse a copy in which `Corpus.check` finds an error.

    Raises:
        SerkitError: no such corpus; nothing at `root` (the message says how to get the corpus and the tree
            expected); or, when `strict`, a copy that fails its check (the message lists the first problems).
    """
    source = module(name)
    root = Path(root).expanduser().resolve()
    marker = _marker(name, root)
    root, utterances, problems = source.read(root)
    corpus = Corpus(
        name, root, utterances, marker is not None, None if marker is None else marker["expected"], problems
    )
    if strict:
        _require_sound(corpus)
    return corpus


def _require_sound(corpus: Corpus) -> None:
    found = corpus.check()
    errors = found[found["level"] == "error"]
    if errors.empty:
        return
    lines = [f"  {row.where}: {row.what}\n    -> {row.remedy}" for row in errors.head(LISTED_PROBLEMS).itertuples()]
    more = len(errors) - len(lines)
    lines += [f"  ... and {more} more; `serkit check {corpus.name} {corpus.root}` lists all"] if more else []
    raise SerkitError(
        f"this copy of {corpus.name} has {len(errors)} error(s):\n"
        + "\n".join(lines)
        + f'\nload("{corpus.name}", ..., strict=False) loads it anyway'
    )


def _marker(name: str, root: Path) -> dict | None:
    """Read the file that makes a folder a miniature."""
    path = root / MARKER
    if not path.is_file():
        return None
    try:
        marker = json.loads(path.read_text(encoding="utf-8"))
        written, _ = marker["name"], marker["expected"]
    except (ValueError, KeyError, TypeError) as error:
        raise SerkitError(f"cannot read {path} ({error}); write the miniature again") from error
    if written != name:
        raise SerkitError(f'{root} is a miniature of {written}, not of {name}; load it as "{written}"')
    return marker
