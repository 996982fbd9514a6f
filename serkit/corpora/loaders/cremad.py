"""CREMA-D: 91 actors say twelve English sentences in six emotions, and thousands of people said what they heard.

Facts: 7442 recordings of 48 men and 43 women; 1271 each angry, disgusted, fearful, happy and sad, 1087 neutral; 16 kHz,
one channel, 5.3 hours. One sentence (IEO) is said at low, medium and high intensity, the others and all that is neutral
at one that was left open. An actor has 82 recordings, but for five (`ABSENT`). Label is the emotion that was asked for.

A file's name is actor, sentence, emotion, intensity: 1001_DFA_ANG_XX.wav. Gender is in VideoDemographics.csv beside the
folder of recordings (1001,51,"Male",...); without it, it is empty, with a warning. `ratings` are the 73,254 votes of
those who only heard a recording (queryType 1 in finishedResponses.csv); those who saw the film are left aside. One
recording, 1076_MTI_SAD_XX, has no speech, as its own page says: it and its votes are left out, with a note, so that
7441 remain.

Extra columns: sentence and intensity ("low", "medium", "high" or "unspecified"). There are no speaker-independent folds
of a benchmark: those that EmoBox publishes share all speakers.

Sources: Cao et al. 2014; README, VideoDemographics.csv and file list of the corpus' repository; number of votes: a
description of the table by one who counted them. **Never tried on the real recordings or on the real
finishedResponses.csv**; the names were tried on the repository's list, and its VideoDemographics.csv was read. The
page calls 1076_MTI_SAD_XX very short, but it is as large as others (2.6 s).
"""

import itertools
import re
from pathlib import Path

import pandas as pd

from serkit.corpora import named_files
from serkit.corpora.checks import Problem
from serkit.corpora.table import RATING_COLUMNS, utterance_table
from serkit.errors import SerkitError

TITLE = "Crowd-sourced Emotional Multimodal Actors Dataset (CREMA-D)"
CITATION = """\
@article{cao2014cremad,
  author  = {Cao, Houwei and Cooper, David G. and Keutmann, Michael K. and Gur, Ruben C. and Nenkova, Ani and
             Verma, Ragini},
  title   = {{CREMA-D}: Crowd-sourced Emotional Multimodal Actors Dataset},
  journal = {IEEE Transactions on Affective Computing},
  volume  = {5},
  number  = {4},
  pages   = {377--390},
  year    = {2014},
  doi     = {10.1109/TAFFC.2014.2336244}
}"""
LICENCE = "ODbL 1.0 (contents: DbCL 1.0)"
REDISTRIBUTABLE = True
HOW_TO_GET = """\
CREMA-D is open (ODbL 1.0): git lfs clone https://github.com/CheyneyComputerScience/CREMA-D (a zip of it has pointers
instead of sound), and give the folder; its authors ask users to fill the form that is on that page:
  CREMA-D/
    VideoDemographics.csv  finishedResponses.csv
    AudioWAV/1001_DFA_ANG_XX.wav ... 1091_WSI_SAD_XX.wav"""
_COMMIT = "1658cd342dff90010aa843eaeebd53610a08b1dc"
DOWNLOADS = {
    "all": (
        {
            "address": f"https://github.com/CheyneyComputerScience/CREMA-D/archive/{_COMMIT}.zip",
            "checksum": "git-tree:7b9c2b0c33f2fd9f8077d0d32b8616ec81422965",
            "whose": "git, and by the pointers of Git LFS",
            "unpack": True,
            "strip": f"CREMA-D-{_COMMIT}",
            "drop": ("AudioMP3", "VideoFlash"),
            "pointers": f"https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/{_COMMIT}/",
        },
    )
}
SAMPLE_RATES = (16000,)
MEAN_SECONDS = 2.54  # of an utterance
STEREO = "error"

EMOTIONS = {
    "ANG": "angry", "DIS": "disgusted", "FEA": "fearful", "HAP": "happy", "NEU": "neutral", "SAD": "sad",
}  # fmt: skip
INTENSITIES = {"XX": "unspecified", "LO": "low", "MD": "medium", "HI": "high"}
SENTENCES = {
    "IEO": "It's eleven o'clock", "TIE": "That is exactly what happened", "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about", "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold", "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment", "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before", "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}  # fmt: skip
ACTORS = tuple(str(number) for number in range(1001, 1092))
ABSENT = {"1002_TIE_NEU_XX", "1076_ITS_NEU_XX"}  # from the release itself
ABSENT |= {f"{name}_{emotion}_XX" for name in ("1008_WSI", "1009_MTI", "1019_ITH") for emotion in EMOTIONS}
SILENT = "1076_MTI_SAD_XX"  # in the release itself; left out, so that 7441 of 7442 remain
PUBLISHED = {"utterances": 7442 - 1, "speakers": 91, "women": 43, "men": 48}
PUBLISHED |= {"angry": 1271, "disgusted": 1271, "fearful": 1271, "happy": 1271, "neutral": 1087, "sad": 1271 - 1}
PEOPLE, VOTES = "VideoDemographics.csv", "finishedResponses.csv"
GENDERS = {"Female": "f", "Male": "m"}
VOICE_ONLY = "1"
_POINTER = b"version https://git-lfs"  # how a file begins that is not there yet
_NAME = re.compile(rf"(1\d\d\d)_({'|'.join(SENTENCES)})_({'|'.join(EMOTIONS)})_({'|'.join(INTENSITIES)})")


def _names_of(actor: str) -> list[str]:
    """Name the recordings of an actor.

    >>> len(_names_of("1001")), _names_of("1001")[0]
    (82, '1001_IEO_ANG_LO')
    """
    names = [
        f"{actor}_{sentence}_{emotion}_{level}"
        for sentence, emotion in itertools.product(SENTENCES, EMOTIONS)
        for level in (("LO", "MD", "HI") if sentence == "IEO" and emotion != "NEU" else ("XX",))
    ]
    return [name for name in names if name not in ABSENT]


_KNOWN = frozenset(name for actor in ACTORS for name in _names_of(actor))


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """List the recordings and parse their names.

    Args:
        root: the folder that holds AudioWAV, or AudioWAV itself.

    Returns:
        The folder with the recordings, the utterances (columns of `serkit.corpora`, sentence and intensity), and what
        was found wrong.

    Raises:
        SerkitError: there is no such folder, no recording in it, or all are pointers of Git LFS; or the table of actors
            cannot be read.
    """
    root, paths = named_files.find(root, ["AudioWAV"], _NAME, HOW_TO_GET)
    rows, problems = named_files.rows_of(paths, _parse)
    pointers = [row["path"] for row in rows if _is_pointer(Path(row["path"]))]
    if rows and len(pointers) == len(rows):
        raise SerkitError(f"{root} has pointers of Git LFS and no sound: run `git lfs pull` in it\n{HOW_TO_GET}")
    if pointers:
        what = f"{len(pointers)} of {len(rows)} recordings are pointers of Git LFS"
        problems.insert(0, Problem("error", what, pointers[0], "run `git lfs pull` in the folder"))
    genders, found = _genders(root)
    for row in rows:
        row["gender"] = genders.get(row["speaker"])
        if row["id"] == SILENT:
            what = f"{SILENT} has no speech, in the release itself; it is left out"
            found.append(Problem("note", what, row["path"], "nothing to do"))
    rows = [row for row in rows if row["id"] != SILENT]
    return root, utterance_table(rows, extra=["sentence", "intensity"]), problems + found


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Name the recordings that are missing, actor by actor, and compare the counts with the published ones."""
    del deep  # names say all
    actors = [] if expected else ACTORS
    names = {f"actor {actor}": [name for name in _names_of(actor) if name != SILENT] for actor in actors}
    due = expected or PUBLISHED
    if utterances["gender"].isna().all():  # which `read` has named
        due = {figure: number for figure, number in due.items() if figure not in ("women", "men")}
    problems = named_files.compare(root, utterances, count(root, utterances), due, names)
    if not (votes := _beside(root, VOTES)).is_file():
        remedy = f"copy {VOTES} from the repository to {votes.parent}"
        problems.append(Problem("warning", f"no {VOTES}: how far listeners disagree is not known", str(votes), remedy))
    return problems


def count(root: Path, utterances: pd.DataFrame) -> dict[str, int]:
    """Count what `PUBLISHED` has figures of."""
    del root  # everything is in the table
    return named_files.counted(utterances, EMOTIONS)


def ratings(root: Path) -> pd.DataFrame:
    """Read the votes of those who only heard a recording; columns as `serkit.corpora.Corpus.ratings` has them.

    Raises:
        SerkitError: there is no finishedResponses.csv, or it has another grammar.
    """
    path = _beside(root, VOTES)
    letters = {code[0]: label for code, label in EMOTIONS.items()}
    rows = []
    for row in named_files.table_of(path, ("localid", "queryType", "clipName", "respEmo"), HOW_TO_GET):
        if row["queryType"] != VOICE_ONLY or row["clipName"] == SILENT:
            continue
        if row["clipName"] not in _KNOWN or row["respEmo"] not in letters:
            given = f"{row['respEmo']!r} on {row['clipName']!r}"
            raise SerkitError(f"{path}: cannot read the vote {given}; copy it again from the original")
        rows.append({"id": row["clipName"], "rater": row["localid"], "label": letters[row["respEmo"]]})
    table = pd.DataFrame(rows, columns=RATING_COLUMNS).assign(self_report=False)
    return table.astype(dict.fromkeys(["valence", "activation", "dominance"], "float64"))


def _parse(name: str) -> dict | None:
    if name not in _KNOWN:
        return None
    actor, sentence, emotion, level = name.split("_")
    return {
        "id": name,
        "speaker": actor,
        "label": EMOTIONS[emotion],
        "code": emotion,
        "text": SENTENCES[sentence],
        "sentence": sentence,
        "intensity": INTENSITIES[level],
    }


def _is_pointer(path: Path) -> bool:
    if path.stat().st_size > 200:
        return False
    with path.open("rb") as stream:
        return stream.read(len(_POINTER)) == _POINTER


def _beside(root: Path, name: str) -> Path:
    """A table of the corpus: in the folder of recordings, or in the one above."""
    return root / name if (root / name).is_file() else root.parent / name


def _genders(root: Path) -> tuple[dict[str, str], list[Problem]]:
    path = _beside(root, PEOPLE)
    if not path.is_file():
        remedy = f"copy {PEOPLE} from the repository to {path.parent}"
        return {}, [Problem("warning", f"no {PEOPLE}: who is a woman and who a man is not known", str(path), remedy)]
    genders = {}
    for row in named_files.table_of(path, ("ActorID", "Sex"), HOW_TO_GET):
        if row["Sex"] not in GENDERS:
            raise SerkitError(f"{path}: {row['Sex']!r} of actor {row['ActorID']} is neither Female nor Male")
        genders[row["ActorID"]] = GENDERS[row["Sex"]]
    return genders, []
