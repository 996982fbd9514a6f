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
* then the columns that only this corpus has, such as partition ("train", "dev", "test"); its loader says which. In a
  corpus that is annotated continuously a row is a recording, and `Corpus.trajectories` has what changes within it.

Each corpus is a module of `serkit.corpora.loaders`, each synthetic twin one of `serkit.corpora.miniatures`.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

import pandas as pd

from serkit.corpora import miniatures, named_files
from serkit.corpora.checks import LEVELS, Problem, audio_problems, header, in_threads, listing
from serkit.corpora.loaders import NAMES, module
from serkit.corpora.table import COLUMNS, LABELS, MARKER, RATING_COLUMNS, WORD_COLUMNS
from serkit.errors import SerkitError, one_of

__all__ = [
    "COLUMNS", "LABELS", "MARKER", "NAMES", "Corpus", "Problem", "load", "merges", "miniatures", "module", "place",
]  # fmt: skip

LISTED_PROBLEMS = 5
NEAR = 50  # folders in the one that was given in which a corpus is looked for
READERS = ("trajectories", "ratings", "words")  # what a loader may have besides its table
OR = " or "  # in what a paper needs
REMEDIES = {  # of what `Corpus.require` misses
    "label": "take a corpus with emotion labels, such as iemocap, or fill the column label of a manifest",
    "trajectories": "take recola, labels over time of your own in a CSV file (continuous), or a proxy (serkit proxy)",
    "ratings": "take a corpus with single ratings, such as iemocap or recola",
    "words": "take a corpus with word times, such as iemocap or ami",
}


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
        strict: whether a class that this copy lacks is an error; otherwise `classes` and `select` leave it out.
    """

    name: str
    root: Path
    utterances: pd.DataFrame = field(repr=False)
    miniature: bool = False
    expected: dict[str, int] | None = field(default=None, repr=False)
    problems: list[Problem] = field(default_factory=list, repr=False)
    strict: bool = True
    _checked: dict[tuple[bool, int], pd.DataFrame] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def has_partition(self) -> bool:
        """Whether it brings a division into training, development and test along."""
        return "partition" in self.utterances and self.utterances["partition"].notna().any()

    @property
    def title(self) -> str:
        """The corpus' full name, and what must be said wherever its results are shown."""
        said = ["synthetic miniature"] if self.miniature else []
        if "note" in self.utterances:
            said += self.utterances["note"].dropna().unique().tolist()
        return module(self.name).TITLE + (f" ({'; '.join(said)})" if said else "")

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

        A copy is examined once; load it again after files of it were changed.

        Args:
            deep: decode every audio file instead of reading its header only.

        Returns:
            Columns level ("error", "warning" or "note"), what, where and remedy; errors first.
        """
        source, table = module(self.name), self.utterances
        state = deep, int(pd.util.hash_pandas_object(table, index=False).sum())  # a changed table is another one
        if state not in self._checked:
            durations = table["end"] - table["start"]
            found = self.problems + audio_problems(table["path"], source.SAMPLE_RATES, source.STEREO, deep, durations)
            found += source.check(self.root, table, self.expected, deep)
            found.sort(key=lambda problem: LEVELS.index(problem.level))  # stable: the order of finding remains
            self._checked[state] = pd.DataFrame(found, columns=Problem._fields)
        return self._checked[state].copy()

    @property
    def complete(self) -> bool:
        """Whether this is the whole corpus itself: no miniature, no part of it, and no error in its check.

        Published counts hold for such a copy only.
        """
        source = module(self.name)
        whole = not self.miniature and (not hasattr(source, "whole") or source.whole(self.root, self.utterances))
        return whole and not (self.check()["level"] == "error").any()

    def counts(self) -> pd.DataFrame:
        """Count what is published of the corpus, whether it agrees or not.

        Returns:
            Columns figure ("utterances", "improvised ang"), counted and published; NaN where there is no such figure.
        """
        source = module(self.name)
        counted = {"utterances": len(self.utterances), "speakers": self.utterances["speaker"].nunique()}
        if hasattr(source, "count"):
            counted |= source.count(self.root, self.utterances)
        due = getattr(source, "PUBLISHED", {}) if self.expected is None else self.expected
        return pd.DataFrame(
            [(figure, counted.get(figure), due.get(figure)) for figure in {**counted, **due}],
            columns=["figure", "counted", "published"],
        ).astype({"counted": float, "published": float})

    def classes(self, labels: list[str], style: str = "", merge: dict[str, str] | None = None) -> list[str]:
        """Take those of `labels` that `select` finds in this copy: all of them, unless it was loaded with strict=False.

        Args:
            labels: label words.
            style: as in `select`.
            merge: as in `select`.

        Raises:
            SerkitError: as `select`.
        """
        there = set(self.select(labels, style, merge)["label"])
        return [label for label in labels if label in there]

    def select(self, labels: list[str], style: str = "", merge: dict[str, str] | None = None) -> pd.DataFrame:
        """Take the utterances of a protocol: those with one of `labels`, spoken in `style`.

        Args:
            labels: label words; each must occur, unless the corpus was loaded with strict=False.
            style: "improvised" or "scripted"; ignored in a corpus that has one style only, and when empty.
            merge: labels that count as another one: ``{"excited": "happy"}``. The column code keeps the corpus' own.

        Returns:
            Rows of `utterances`, renumbered.

        Raises:
            SerkitError: no labels, or one twice; a label or the style does not occur, or a label does not occur in that
                style; or a merged label is among `labels` or merged into one that is not.
        """
        table, merge = self.utterances, dict(merge or {})
        if len(set(labels)) < max(len(labels), 1):
            raise SerkitError(f"classes = {labels}: name one or more, each once")
        known = set(table["label"].dropna()) | (set() if self.strict else set(LABELS))
        for label in [*labels, *merge]:
            if label not in merge.values():  # which need not occur by itself
                self._require_label(label, known)
        styles = table["style"].dropna().unique()
        if style and len(styles) > 1:
            table = table[table["style"] == one_of(style, styles, f"style of {self.name}")]
        if not self.strict:  # the class into which nothing is merged may be missing too
            merge = {label: other for label, other in merge.items() if (table["label"] == label).any()}
        for label, other in merge.items():
            if label in labels:
                raise SerkitError(f"{label!r} is merged into {other!r} and a class of its own: choose one of the two")
            one_of(other, labels, f"class to merge {label!r} into")
        table = table.assign(label=table["label"].replace(merge))
        table = table[table["label"].isin(labels)]
        for label in labels:
            if not (table["label"] == label).any() and (self.strict or table.empty):
                spoken = f"{style} utterance" if style else "utterance"
                raise SerkitError(f"no {spoken} of {self.name} is labelled {label!r}: leave the class out")
        return table.reset_index(drop=True)

    def _require_label(self, label: str, known: set[str]) -> None:
        try:
            one_of(label, known, f"label of {self.name}")
        except SerkitError as error:
            own = ",".join(sorted(known))
            remedy = (
                f". Choose the classes: --set classes={own}, or fewer (in a notebook: classes = ...)" if own else ""
            )
            raise SerkitError(f"{error} at {self.root}{remedy}") from None

    def require(self, needs: Iterable[str]) -> "Corpus":
        """Return this corpus if it has what a paper needs.

        Args:
            needs: columns of `utterances`, each with at least one value; and "trajectories", "ratings" or "words". One
                of several will do in "partition or gender".

        Raises:
            SerkitError: something is missing; the message names all of it, each with what to do.
        """
        missing = self.lacking(needs)
        if not missing:
            return self
        lines = [f"  no {need}\n    -> {'; or '.join(map(_remedy, need.split(OR)))}" for need in missing]
        raise SerkitError(f"{self.name} lacks what is needed here:\n" + "\n".join(lines))

    def lacking(self, needs: Iterable[str]) -> list[str]:
        """List what of `needs`, as in `require`, this corpus does not have."""
        table, source = self.utterances, module(self.name)

        def has(name: str) -> bool:
            return hasattr(source, name) if name in READERS else name in table and bool(table[name].notna().any())

        return [need for need in needs if not any(map(has, need.split(OR)))]

    def readable(self) -> "tuple[Corpus, list[str]]":
        """Leave out the utterances whose audio cannot be opened: missing, empty, cut short or no audio.

        Returns:
            The corpus without them, and their ids.

        Raises:
            SerkitError: none can be opened.
        """

        def opens(path: str) -> bool:
            try:
                return bool(header(path))
            except SerkitError:
                return False

        table = self.utterances
        good = pd.Series(list(in_threads(opens, table["path"].tolist(), "reading audio headers")), table.index, bool)
        if not good.any():
            raise SerkitError(f"none of the {len(table)} recordings of {self.name} can be opened: {self.root}")
        return replace(self, utterances=table[good].reset_index(drop=True)), table.loc[~good, "id"].tolist()

    @property
    def recordings(self) -> pd.DataFrame:
        """The utterances of a corpus that is annotated continuously, where each is a recording.

        Columns as in `utterances`. Partition is "train", "dev" or "test"; a recording that is in none of them is left
        out, and so is one whose annotation is missing or broken (`check` names both). Rows is the number of values that
        a trajectory of the recording has, whether it is there or not.

        Raises:
            SerkitError: the corpus has labels of whole utterances only.
        """
        self.require(["trajectories"])
        return self.utterances.dropna(subset="partition").reset_index(drop=True)

    def trajectories(self) -> pd.DataFrame:
        """Read the continuous annotations of `recordings`: columns id, time (seconds) and one a dimension.

        A recording whose labels are withheld has no row.

        Raises:
            SerkitError: the corpus has labels of whole utterances only.
        """
        names = self.recordings["id"]
        return self._of(module(self.name).trajectories(self.root), names)

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
        (seconds) and one a dimension, of `recordings`. The frame is empty for a corpus that has none.
        """
        source = module(self.name)
        if not hasattr(source, "ratings"):
            return pd.DataFrame(columns=RATING_COLUMNS)
        table = source.ratings(self.root)
        return self._of(table, self.recordings["id"]) if hasattr(source, "trajectories") else table

    @staticmethod
    def _of(table: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
        return table[table["id"].isin(names)].reset_index(drop=True)


def load(name: str, root: Path | str, strict: bool = True) -> Corpus:
    """Load a corpus, or a miniature of it, from the user's own copy.

    Args:
        name: one of `NAMES`.
        root: the copy's folder; for "manifest" a CSV file.
        strict: refuse a copy in which `Corpus.check` finds an error. False also loads such a copy, with all of its rows
            (`Corpus.readable` leaves out those without audio), and `Corpus.select` leaves out a class that it lacks.

    Raises:
        SerkitError: no such corpus; nothing at `root` (the message says how to get the corpus and the tree
            expected); or, when `strict`, a copy that fails its check (the message lists the first problems).
    """
    source = module(name)
    root = Path(root).expanduser().resolve()
    marker = _marker(name, root)
    try:
        root, utterances, problems = source.read(root)
    except SerkitError as error:
        if named_files.GIVE not in str(error) and (inside := _further_in(source, root)):
            raise SerkitError(f"{error}\nIt seems to be further in: give {inside}") from error
        raise
    expected = None if marker is None else marker["expected"]
    corpus = Corpus(name, root, utterances, marker is not None, expected, problems, strict)
    if strict:
        _require_sound(corpus)
    return corpus


def place(name: str, root: Path | str = "") -> Path | str:
    """Say where a corpus is: at `root`; else where the variable SERKIT_<NAME> says; else its miniature is.

    Args:
        name: one of `NAMES`.
        root: the copy's folder or file; empty if it is not given.

    Raises:
        SerkitError: no such corpus; or no place is given and there is no miniature of it.
    """
    module(name)  # is there such a corpus?
    variable = f"SERKIT_{name.upper()}"
    if given := str(root) or os.environ.get(variable, ""):
        return given
    if name in miniatures.NAMES:
        return miniatures.ensure(name)
    raise SerkitError(
        f"where is {name}? Set its root, or the variable {variable}; there is no miniature of it\n"
        f"{module(name).HOW_TO_GET.strip()}"
    )


def merges(pairs: Iterable[str]) -> dict[str, str]:
    """Read labels that count as another one, for `Corpus.select`: "excited=happy"; empty ones are passed over.

    Raises:
        SerkitError: one is not of that form, or a label is merged twice.

    >>> merges(["joy = happy", ""])
    {'joy': 'happy'}
    """
    found = {}
    for pair in pairs:
        if not pair.strip():
            continue
        label, _, other = (part.strip() for part in pair.partition("="))
        if not label or not other or "=" in other:
            raise SerkitError(f"a merge is label=class, such as 'excited=happy'; got {pair!r}")
        if label in found:
            raise SerkitError(f"{label!r} is merged into {found[label]!r} and into {other!r}: choose one of the two")
        found[label] = other
    return found


def _remedy(name: str) -> str:
    return REMEDIES.get(name, f"fill the column {name} of a manifest, or take another corpus")


def _further_in(source: ModuleType, root: Path) -> Path | None:
    """The first folder in a folder that can be read as a corpus, or that holds one that can."""
    for folder in listing(root)[:NEAR] if root.is_dir() else ():
        with suppress(SerkitError):
            if folder.is_dir():
                return source.read(folder)[0]
    return None


def _require_sound(corpus: Corpus) -> None:
    found = corpus.check()
    errors = found[found["level"] == "error"]
    if errors.empty:
        return
    lines = [f"  {row.where}: {row.what}\n    -> {row.remedy}" for row in errors.head(LISTED_PROBLEMS).itertuples()]
    more = len(errors) - len(lines)
    lines += [f"  ... and {more} more; `serkit check {corpus.name} {corpus.root}` lists all"] if more else []
    raise SerkitError(
        f"this copy of {corpus.name} has {len(errors)} error{'s' * (len(errors) != 1)}:\n"
        + "\n".join(lines)
        + "\nTo load it anyway: --set strict=False, in Python strict=False; a notebook then leaves out what it cannot "
        "read, and says so"
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
