"""nEMO: nine Polish actors say ninety sentences in six emotions.

Facts: 4481 recordings of four women and five men, 256 to 540 each: 809 neutral, 769 sad, 749 angry, 749 happy, 736
fearful, 669 surprised; 24 kHz, one channel, more than 3 hours. Not all actors have all emotions: MK0 is never
surprised, and MP0 has 17 to 90 of each.

A file's name is speaker, emotion, sentence: EB0_anger_1.wav, in the folder samples. data.tsv beside it has a line for
each: file, emotion, text, normalised text, speaker, gender, age. Extra columns: sentence (1 to 90) and age (years).

Sources: Christop 2024; README and data.tsv of the corpus' repository, whose counts these are. **Tried once on the real
files** of the repository (commit 66de999): all 4481 pass a deep check. Documentations contradict each other on the
licence: the repository and the paper say CC BY-NC-SA 4.0, one catalogue CC BY 4.0.
"""

import re
from pathlib import Path

import pandas as pd

from serkit.corpora import named_files
from serkit.corpora.checks import Problem
from serkit.corpora.table import utterance_table
from serkit.errors import SerkitError

TITLE = "nEMO: dataset of emotional speech in Polish"
CITATION = """\
@inproceedings{christop2024nemo,
  author    = {Christop, Iwona},
  title     = {n{EMO}: Dataset of Emotional Speech in {Polish}},
  booktitle = {Joint International Conference on Computational Linguistics, Language Resources and Evaluation
               ({LREC-COLING})},
  pages     = {12111--12116},
  year      = {2024},
  url       = {https://aclanthology.org/2024.lrec-main.1059}
}"""
LICENCE = "CC BY-NC-SA 4.0"
REDISTRIBUTABLE = False  # not for every purpose: the licence forbids commercial use
HOW_TO_GET = """\
nEMO is open (CC BY-NC-SA 4.0): git clone https://github.com/amu-cai/nEMO and give the folder:
  nEMO/
    data.tsv
    samples/EB0_anger_1.wav ... WR0_surprised_90.wav"""
_COMMIT = "66de9999a8f2f605eb5f64841790aa5cb0877782"
DOWNLOADS = {
    "all": (
        {
            "address": f"https://github.com/amu-cai/nEMO/archive/{_COMMIT}.zip",
            "checksum": "git-tree:189389afd08dcd9a5b83a16d8408d7ecff1f87c8",
            "whose": "git",
            "unpack": True,
            "strip": f"nEMO-{_COMMIT}",
            "unpacked": 531778143,
        },
    )
}
SAMPLE_RATES = (24000,)
MEAN_SECONDS = 2.47  # of an utterance
STEREO = "error"

EMOTIONS = {
    "anger": "angry", "fear": "fearful", "happiness": "happy", "neutral": "neutral", "sadness": "sad",
    "surprised": "surprised",
}  # fmt: skip
GENDERS = {"female": "f", "male": "m"}
TABLE = "data.tsv"
COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id", "gender", "age")
_BY_SPEAKER = {  # utterances of each emotion, in the order of EMOTIONS
    "EB0": (90, 90, 90, 90, 90, 89), "IC0": (90, 90, 90, 90, 90, 90), "KD0": (90, 90, 90, 90, 90, 90),
    "KS0": (90, 90, 90, 90, 90, 90), "MK0": (90, 90, 90, 90, 90, 0), "MP0": (29, 17, 30, 90, 49, 41),
    "SM0": (90, 89, 89, 90, 90, 90), "TP0": (90, 90, 90, 90, 90, 89), "WR0": (90, 90, 90, 89, 90, 90),
}  # fmt: skip
PUBLISHED = {"women": 4, "men": 5} | named_files.published(_BY_SPEAKER, EMOTIONS.values())
_NAME = re.compile(rf"([A-Z]{{2}}\d)_({'|'.join(EMOTIONS)})_(\d+)")


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """List the recordings, parse their names, and look them up in data.tsv.

    Args:
        root: the folder that holds samples and data.tsv, or samples itself.

    Returns:
        The folder with the recordings, the utterances (columns of `serkit.corpora`, sentence and age), and what was
        found wrong: also a recording that is not in data.tsv, or that the table gives another emotion or speaker.

    Raises:
        SerkitError: there is no such folder, no recording in it, or no data.tsv.
    """
    root, paths = named_files.find(root, ["samples"], _NAME, HOW_TO_GET)
    rows, problems = named_files.rows_of(paths, _parse)
    table = root / TABLE if (root / TABLE).is_file() else root.parent / TABLE
    lines = {
        line["file_id"].removesuffix(".wav"): line for line in named_files.table_of(table, COLUMNS, HOW_TO_GET, "\t")
    }
    rows, found = named_files.unlisted(rows, lines, table)
    for row in rows:
        line = lines[row["id"]]
        said = line["emotion"], line["speaker_id"].strip()
        if said != (row["code"], row["speaker"]):
            what = f"{row['id']} is {' of '.join(said)} in {TABLE}"
            found.append(Problem("error", what, row["path"], "copy both again from the original"))
        if line["gender"] not in GENDERS:
            raise SerkitError(f"{table}: {line['gender']!r} of {row['id']} is neither female nor male")
        row.update(gender=GENDERS[line["gender"]], text=line["raw_text"], age=float(line["age"]))
    return root, utterance_table(rows, extra=["sentence", "age"]), problems + found


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Compare each speaker's number of utterances of each emotion with the published one, or with a miniature's."""
    del deep  # names say all
    return named_files.compare(root, utterances, count(root, utterances), expected or PUBLISHED)


def count(root: Path, utterances: pd.DataFrame) -> dict[str, int]:
    """Count what `PUBLISHED` has figures of."""
    del root  # everything is in the table
    return named_files.counted(utterances, EMOTIONS) | named_files.by_speaker(utterances)


def _parse(name: str) -> dict | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    speaker, emotion, sentence = match.groups()
    return {
        "id": name,
        "speaker": speaker,
        "label": EMOTIONS[emotion],
        "code": emotion,
        "sentence": int(sentence),
    }
