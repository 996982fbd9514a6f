"""RECOLA: 27 conversations of five minutes in French, arousal and valence annotated 25 times a second.

Facts: recordings of one speaker each, 300 s at 44.1 kHz; arousal and valence in [-1, 1] by six raters, three of them
women, 7501 values each. AVEC 2016 and AVEC 2018 (its gold-standard challenge) divided 27 of them into train, dev and
test, nine each, with a gold standard of train and dev only: the organisers keep the labels of the test recordings.
The raw release has 23 public participants of 46 by number, those of train and dev among them, without gold standards:
here they are computed from the raters as AVEC 2016 did (`serkit.corpora.trajectories.gold_standard`).

Extra columns: partition ("train", "dev", "test"; None in the raw release outside the 27), release ("AVEC 2016", "AVEC
2018" or "RECOLA") and rows, the number of values that an annotation of this recording has. `Corpus.trajectories` has
the gold standards, `Corpus.ratings` the single raters. Sources: Ringeval et al. 2013; Valstar et al. 2016. The
participants of each partition are those that users of both releases report; their order within it is not known.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serkit.corpora.checks import Problem, count_problems, left_out, listing, require_folder
from serkit.corpora.table import PARTITIONS, utterance_table
from serkit.corpora.trajectories import (
    RESTORE,
    STEP,
    gold_standard,
    length_problem,
    read_arff,
    read_csv,
    rows_of,
)
from serkit.errors import SerkitError

TITLE = "Remote collaborative and affective interactions (RECOLA)"
CITATION = """\
@inproceedings{ringeval2013recola,
  author    = {Ringeval, Fabien and Sonderegger, Andreas and Sauer, Juergen and Lalanne, Denis},
  title     = {Introducing the {RECOLA} multimodal corpus of remote collaborative and affective interactions},
  booktitle = {10th IEEE International Conference and Workshops on Automatic Face and Gesture Recognition (FG)},
  pages     = {1--8},
  year      = {2013},
  doi       = {10.1109/FG.2013.6553805}
}"""
LICENCE = "for research, by an agreement signed with its authors; not to be passed on"
REDISTRIBUTABLE = False
HOW_TO_GET = """\
RECOLA is free for research: send the agreement of https://diuf.unifr.ch/main/diva/recola/download.html, and give the
folder of one of these releases:
  AVEC2016/
    recordings_audio/{train,dev,test}_{1..9}.wav                            audio, 44.1 kHz
    ratings_gold_standard/{arousal,valence}/{train,dev}_{1..9}.arff         gold standards
    ratings_individual/{arousal,valence}/{train,dev}_{1..9}.csv             single raters
  AVEC2018/ (gold-standard challenge)
    recordings_audio/ or audio/, as above
    labels/gs_1/{arousal,valence}/..., labels/individual/{arousal,valence}/...
  RECOLA/ (the raw release)
    .../P16.wav ...                                                         audio, in any folder
    RECOLA-Annotation/emotional_behaviour/{arousal,valence}/P16.csv ...     single raters
(videos, physiology and ready-made features are not needed). Without it, begin with the miniature: serkit miniature
recola FOLDER"""
SAMPLE_RATES = (44100, 16000)  # the release has the first; the miniature and resampled copies the second
STEREO = "note"

DIMENSIONS = ("arousal", "valence")
PARTICIPANTS = {
    "train": (16, 21, 23, 25, 37, 39, 41, 46, 56),
    "dev": (19, 26, 28, 30, 34, 42, 45, 64, 65),
    "test": (13, 20, 32, 38, 47, 49, 53, 59, 63),
}
ROWS = 7501  # of an annotation
MEAN_SECONDS = 300.0  # of a recording
PUBLISHED = {f"{partition} recordings": 9 for partition in PARTITIONS} | {
    f"{partition} {dimension} annotations": 9 for partition in ("train", "dev") for dimension in DIMENSIONS
}


@dataclass(frozen=True)
class _Layout:
    """Where a release keeps what.

    Attributes:
        release: its name.
        audio: the folders that the recordings may be in; "" is any.
        gold: the folder of the gold standards; "" where there are none.
        ratings: the folder of the single raters.
        name: of a recording's files.
    """

    release: str
    audio: tuple[str, ...]
    gold: str
    ratings: str
    name: re.Pattern

    @property
    def labels(self) -> str:
        """The folder of what the gold standards are read, or computed, from."""
        return self.gold or self.ratings

    @property
    def suffix(self) -> str:
        """Of the files in `labels`."""
        return ".arff" if self.gold else ".csv"


_AVEC_NAME = re.compile(r"(train|dev|test)_[1-9]")
LAYOUTS = (
    _Layout("AVEC 2016", ("recordings_audio",), "ratings_gold_standard", "ratings_individual", _AVEC_NAME),
    _Layout("AVEC 2018", ("recordings_audio", "audio"), "labels/gs_1", "labels/individual", _AVEC_NAME),
    _Layout("RECOLA", ("",), "", "RECOLA-Annotation/emotional_behaviour", re.compile(r"P\d+")),
)


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """List recordings and parse their annotations.

    Args:
        root: the folder of a release, or the one that holds AVEC2016, AVEC2018 or RECOLA.

    Returns:
        The release's folder, the recordings (columns of `serkit.corpora`, partition, release and rows), and what was
        found wrong. A recording of train or dev whose annotation is broken or missing remains in the table, in no
        partition.

    Raises:
        SerkitError: there is no such folder, or none of the releases in it.
    """
    require_folder(root, HOW_TO_GET)
    root, layout = _find(root)
    problems: list[Problem] = []
    rows = []
    for path in _recordings(root, layout, problems):
        parsed, wrong = {}, []
        for dimension in DIMENSIONS:
            label = root / layout.labels / dimension / f"{path.stem}{layout.suffix}"
            if label.is_file():
                table, found = _gold_standard(label, layout)
                parsed[dimension] = len(table)
                wrong += found + length_problem(label, len(table), STEP, str(path), "warning")
            elif _partition(path.stem) in ("train", "dev"):
                remedy = "copy it from the original, or remove the recording"
                wrong.append(Problem("error", f"no {dimension} annotation of {path.stem}", str(label), remedy))
        if len(set(parsed.values())) > 1:
            what = f"{path.stem}: " + ", ".join(f"{number} rows of {name}" for name, number in parsed.items())
            wrong.append(Problem("error", what, str(root / layout.labels), RESTORE))
        row: dict[str, Any] = {
            "id": path.stem,
            "path": str(path),
            "speaker": path.stem,  # one recording a speaker
            "style": "improvised",
            "partition": _partition(path.stem),
            "release": layout.release,
            "rows": max(parsed.values()) if parsed else 0,
        }
        problems += left_out(row, root / layout.labels, wrong)
        rows.append(row)
    lengths = [row["rows"] for row in rows if row["rows"]]
    usual = max(lengths, key=lengths.count, default=0)
    for row in rows:
        row["rows"] = row["rows"] or rows_of(row["path"], STEP, usual)
    problems += _rating_problems(root, layout)
    return root, utterance_table(rows, extra=["partition", "release", "rows"]), problems


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Compare a copy with the published counts, or with those `expected` of a miniature."""
    del deep  # every annotation is read anyway
    layout = _find(root)[1]
    due = ROWS if expected is None else expected["rows of an annotation"]
    labels = {name: path for (_, name), path in _label_files(root, layout).items()}
    problems = [
        Problem("error", f"{row.rows} rows instead of {due}", str(labels[row.id]), RESTORE)
        for row in utterances[utterances["id"].isin(labels)].itertuples()
        if row.rows != due
    ]
    if expected is None:
        problems += _release_problems(root, utterances, layout)
    published = {name: number for name, number in (expected or PUBLISHED).items() if name != "rows of an annotation"}
    if not layout.gold:  # participants of the test partition are not public
        del published["test recordings"]
    missing = sorted(_due(layout) - set(utterances["id"]))
    remedy = "copy the corpus again" + (f"; missing recordings: {', '.join(missing)}" if missing else "")
    return problems + count_problems(count(root, utterances), published, root, remedy)


def count(root: Path, utterances: pd.DataFrame) -> dict[str, int]:
    """Count what `PUBLISHED` has figures of: ``{"train recordings": 9, "train arousal annotations": 9, ...}``."""
    found = {f"{name} recordings": int(n) for name, n in utterances["partition"].value_counts().items()}
    for dimension, name in _label_files(root, _find(root)[1]):
        if partition := _partition(name):
            key = f"{partition} {dimension} annotations"
            found[key] = found.get(key, 0) + 1
    return found


def whole(root: Path, utterances: pd.DataFrame) -> bool:
    """Whether all 27 recordings of AVEC are there; the raw release has no test recordings."""
    del root
    return utterances["partition"].value_counts().to_dict() == dict.fromkeys(PARTITIONS, 9)


def trajectories(root: Path) -> pd.DataFrame:
    """Read the gold standards: columns id, time (seconds), arousal and valence; one row 25 times a second."""
    layout = _find(root)[1]
    tables = []
    for name in sorted({name for _, name in _label_files(root, layout)}):
        parts = {}
        for dimension in DIMENSIONS:
            path = root / layout.labels / dimension / f"{name}{layout.suffix}"
            parts[dimension] = _gold_standard(path, layout)[0]["value"] if path.is_file() else pd.Series(dtype=float)
        table = pd.DataFrame(parts)
        table.insert(0, "time", np.round(STEP * np.arange(len(table)), 2))
        table.insert(0, "id", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["id", "time", *DIMENSIONS])


def ratings(root: Path) -> pd.DataFrame:
    """Read the single raters: columns id, rater, time, arousal and valence."""
    folder, keys = root / _find(root)[1].ratings, ["id", "rater", "time"]
    parts = {dimension: [] for dimension in DIMENSIONS}
    for dimension in DIMENSIONS:
        for path in listing(folder / dimension, "*.csv"):
            table = read_csv(path)[0].melt("time", var_name="rater", value_name=dimension)
            parts[dimension].append(table.assign(id=path.stem))
    if not all(parts.values()):
        return pd.DataFrame(columns=[*keys, *DIMENSIONS])
    arousal, valence = (pd.concat(tables, ignore_index=True) for tables in parts.values())
    return arousal.merge(valence, on=keys, how="outer")[[*keys, *DIMENSIONS]]


def _find(root: Path) -> tuple[Path, _Layout]:
    """The folder of a release and its layout."""
    for folder in (root, *(root / name for name in ("AVEC2016", "AVEC2018", "RECOLA"))):
        for layout in LAYOUTS:
            if (folder / layout.labels).is_dir():
                return folder, layout
    raise SerkitError(f"no folder {', '.join(layout.labels for layout in LAYOUTS)} in {root}\n{HOW_TO_GET}")


def _partition(name: str) -> str | None:
    """Of a recording, by its name.

    >>> _partition("dev_3"), _partition("P16"), _partition("P17")
    ('dev', 'train', None)
    """
    partition, _, number = name.partition("_")
    if number:
        return partition
    return next((part for part, people in PARTICIPANTS.items() if int(name[1:]) in people), None)


def _due(layout: _Layout) -> set[str]:
    """The names of the 27 recordings."""
    if layout.gold:
        return {f"{partition}_{number}" for partition in PARTITIONS for number in range(1, 10)}
    return {f"P{number}" for people in PARTICIPANTS.values() for number in people}


def _recordings(root: Path, layout: _Layout, problems: list[Problem]) -> list[Path]:
    """The audio files, one a name; other files and second ones are named."""
    found: dict[str, Path] = {}
    folders = [root / folder for folder in layout.audio]
    paths = [path for folder in folders for path in (listing(folder) if layout.gold else _wavs_below(folder))]
    for path in paths:
        if path.suffix.lower() not in (".wav", ".flac") or not layout.name.fullmatch(path.stem):
            problems.append(Problem("note", "no recording of the corpus; not loaded", str(path), "nothing to do"))
        elif path.stem in found:
            what = f"duplicate recording {path.stem}, first at {found[path.stem]}"
            problems.append(Problem("error", what, str(path), "remove one of the two"))
        else:
            found[path.stem] = path
    return list(found.values())


def _wavs_below(root: Path) -> list[Path]:
    """The participants' recordings in any folder."""
    return sorted(path for path in root.rglob("P*.wav") if not path.name.startswith("."))


def _gold_standard(path: Path, layout: _Layout) -> tuple[pd.DataFrame, list[Problem]]:
    """Read a gold standard, or compute it from the raters: columns time and value."""
    if layout.gold:
        return read_arff(path)
    table, problems = read_csv(path)
    given = table.drop(columns="time").to_numpy()
    value = gold_standard(given) if np.isfinite(given).all() and given.size else np.full(len(given), np.nan)
    return pd.DataFrame({"time": table["time"], "value": value}), problems


def _label_files(root: Path, layout: _Layout) -> dict[tuple[str, str], Path]:
    """The annotations that are there: (dimension, recording) -> file."""
    return {
        (dimension, path.stem): path
        for dimension in DIMENSIONS
        for path in listing(root / layout.labels / dimension, f"*{layout.suffix}")
        if layout.name.fullmatch(path.stem)
    }


def _rating_problems(root: Path, layout: _Layout) -> list[Problem]:
    """What is wrong with the single raters, where they are not the labels themselves."""
    if not layout.gold:
        return []
    problems = []
    for dimension in DIMENSIONS:
        for path in listing(root / layout.ratings / dimension, "*.csv"):
            # Warnings: no network learns from these files; only the agreement of people is computed from them.
            problems += [problem._replace(level="warning") for problem in read_csv(path)[1]]
    return problems


def _release_problems(root: Path, utterances: pd.DataFrame, layout: _Layout) -> list[Problem]:
    """What is particular about a real copy."""
    labelled = sorted({name for _, name in _label_files(root, layout) if _partition(name) == "test"})
    outside = utterances.loc[utterances["partition"].isna(), "id"]
    problems = []
    if len(outside):
        what = f"not among AVEC's 27 participants, so in no partition and left out: {', '.join(outside)}"
        problems.append(Problem("note", what, str(root), "nothing to do; a CSV file (continuous) may divide them anew"))
    if labelled:
        what = (
            f"{len(labelled)} test recordings have labels: a score on them is not the organisers', who withheld theirs"
        )
        problems.append(Problem("note", what, str(root), "write 'RECOLA-27, own test' beside the result"))
    if not layout.gold and "test" not in set(utterances["partition"]):
        what = "the raw release has no test recordings: AVEC's test participants are not public"
        problems.append(Problem("note", what, str(root), "nothing to do: results are those of the dev partition"))
    if not layout.gold:
        what = "the raw release: gold standards are computed from the raters, and are not AVEC's files"
        problems.append(Problem("note", what, str(root), "write 'gold standards of our own' beside the result"))
    return problems
