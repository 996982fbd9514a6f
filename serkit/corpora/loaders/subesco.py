"""SUBESCO: twenty professional actors say ten Bangla sentences in seven emotions, five times each.

Facts: 7000 recordings of ten women and ten men, 350 a speaker, 1000 an emotion (angry, disgusted, fearful, happy,
neutral, sad, surprised); one channel, 44.1 or 48 kHz.

A file's name is gender, number of the speaker (from 01 for women and again for men), name of the speaker, S and number
of the sentence, emotion, take: F_02_MONIKA_S_1_NEUTRAL_5.wav. The number alone does not say who speaks: speaker is
gender and number, F_02. Extra columns: sentence (1 to 10), take (1 to 5) and fold ("1" to "5"): the speaker folds of a
published benchmark (`FOLDS`), which test each speaker once. Text is empty: the names have the sentence's number alone.

Sources: Sultana et al. 2021 and the corpus' card, which explains the names; speakers' names, sample rates and folds as
in the lists of EmoBox (Ma et al. 2024). **Never tried on the real recordings**; the names were tried on that list.
Documentations contradict each other: the card counts 7:40:40 hours, the lengths in EmoBox' list sum to 7:50; one name
is misprinted in the release, ``F_02_MONIKA_S_2_SURPRISE_3].wav``, and is read without the bracket.
"""

import itertools
import re
from pathlib import Path

import pandas as pd

from serkit.corpora import named_files
from serkit.corpora.checks import Problem
from serkit.corpora.table import utterance_table

TITLE = "SUST Bangla Emotional Speech Corpus (SUBESCO)"
CITATION = """\
@article{sultana2021subesco,
  author  = {Sultana, Sadia and Rahman, M. Shahidur and Selim, M. Reza and Iqbal, M. Zafar},
  title   = {{SUST Bangla Emotional Speech Corpus (SUBESCO)}: An audio-only emotional speech corpus for {Bangla}},
  journal = {PLoS ONE},
  volume  = {16},
  number  = {4},
  pages   = {e0250173},
  year    = {2021},
  doi     = {10.1371/journal.pone.0250173}
}"""
LICENCE = "CC BY 4.0 (name the authors)"
REDISTRIBUTABLE = True
HOW_TO_GET = """\
SUBESCO is open (CC BY 4.0): unpack SUBESCO.zip of https://zenodo.org/records/4526477 and give the folder:
  SUBESCO/
    F_01_OISHI_S_1_ANGRY_1.wav ... M_10_EVAN_S_10_SURPRISE_5.wav"""
DOWNLOADS = {
    "1.1": (
        {
            "address": "https://zenodo.org/records/4526477/files/SUBESCO.zip?download=1",
            "size": 1664512929,
            "checksum": "md5:13d702cf944bf54d70d66bffc036ed7a",
            "whose": "Zenodo",
            "unpack": True,
            "strip": "SUBESCO",
            "unpacked": 2823631746,
        },
    )
}
# Labels of the benchmark EmoBox, and the classes that it makes of them.
EMOBOX = {
    "labels": {
        "angry": ("angry", "Angry"), "disgusted": ("disgust", "Disgust"), "fearful": ("fear", "Fear"),
        "happy": ("happy", "Happy"), "neutral": ("neutral", "Neutral"), "sad": ("sad", "Sad"),
        "surprised": ("surprise", "Surprise"),
    }
}  # fmt: skip
SAMPLE_RATES = (44100, 48000)
MEAN_SECONDS = 4.03  # of an utterance
STEREO = "error"

EMOTIONS = {
    "ANGRY": "angry", "DISGUST": "disgusted", "FEAR": "fearful", "HAPPY": "happy", "NEUTRAL": "neutral", "SAD": "sad",
    "SURPRISE": "surprised",
}  # fmt: skip
_WOMEN = ("OISHI", "MONIKA", "SMITA", "SWARNALI", "MOUNI", "SIMI", "TITHI", "JOYEETA", "CHAITY", "FAHMEE")
_MEN = ("BASHIR", "NIPUN", "ILIAS", "BIBHAS", "DURANTO", "SHUKANTO", "SIBLY", "PRASUN", "SHUMANTA", "EVAN")
SPEAKERS = {
    f"{gender}_{number:02d}": name
    for gender, names in (("F", _WOMEN), ("M", _MEN))
    for number, name in enumerate(names, 1)
}
SENTENCES, TAKES = range(1, 11), range(1, 6)
FOLDS = {
    "1": ("F_03", "M_03", "M_08", "M_09"), "2": ("F_01", "F_04", "F_10", "M_07"),
    "3": ("F_06", "F_08", "M_05", "M_06"), "4": ("F_05", "F_07", "F_09", "M_04"),
    "5": ("F_02", "M_01", "M_02", "M_10"),
}  # fmt: skip
_FOLD_OF = {speaker: fold for fold, speakers in FOLDS.items() for speaker in speakers}
MISPRINT = "F_02_MONIKA_S_2_SURPRISE_3]"  # in the release itself
PUBLISHED = {"utterances": 7000, "speakers": 20, "women": 10, "men": 10} | dict.fromkeys(EMOTIONS.values(), 1000)
_NAME = re.compile(rf"([FM]_\d\d)_([A-Z]+)_S_(\d+)_({'|'.join(EMOTIONS)})_(\d)(?:(?<=SURPRISE_3)\])?")


def _names_of(speaker: str) -> list[str]:
    """Name the recordings of a speaker.

    >>> len(_names_of("M_10")), _names_of("M_10")[0]
    (350, 'M_10_EVAN_S_1_ANGRY_1')
    """
    return [
        f"{speaker}_{SPEAKERS[speaker]}_S_{sentence}_{emotion}_{take}"
        for sentence, emotion, take in itertools.product(SENTENCES, EMOTIONS, TAKES)
    ]


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """List the recordings and parse their names.

    Args:
        root: the folder of recordings, or the one that holds it.

    Returns:
        The folder with the recordings, the utterances (columns of `serkit.corpora`, sentence, take and fold), and what
        was found wrong.

    Raises:
        SerkitError: there is no such folder, or no recording in it.
    """
    root, paths = named_files.find(root, ["SUBESCO"], _NAME, HOW_TO_GET)
    rows, problems = named_files.rows_of(paths, _parse)
    return root, utterance_table(rows, extra=["sentence", "take", "fold"]), problems


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Name the recordings that are missing, speaker by speaker, and compare the counts with the published ones."""
    del deep  # names say all
    names = {} if expected else {f"speaker {speaker}": _names_of(speaker) for speaker in SPEAKERS}
    return named_files.compare(root, utterances, count(root, utterances), expected or PUBLISHED, names)


def count(root: Path, utterances: pd.DataFrame) -> dict[str, int]:
    """Count what `PUBLISHED` has figures of."""
    del root  # everything is in the table
    return named_files.counted(utterances, EMOTIONS)


def _parse(name: str) -> dict | None:
    name = name.removesuffix("]") if name == MISPRINT else name
    match = _NAME.fullmatch(name)
    if match is None or SPEAKERS.get(match[1]) != match[2]:
        return None
    speaker, _, sentence, emotion, take = match.groups()
    if int(sentence) not in SENTENCES or int(take) not in TAKES:
        return None
    return {
        "id": name,
        "speaker": speaker,
        "gender": speaker[0].lower(),
        "label": EMOTIONS[emotion],
        "code": emotion,
        "sentence": int(sentence),
        "take": int(take),
        "fold": _FOLD_OF[speaker],
    }
