"""TESS: two actresses, 26 and 64 years old, say 200 words in the sentence "Say the word ..." in seven emotions.

Facts: 2800 recordings, 1400 an actress (OAF the older, YAF the younger), 400 an emotion (angry, disgusted, fearful,
happy, neutral, pleasantly surprised, sad); one channel, 24,414 Hz, 1.6 hours. **Two speakers: a speaker-independent
protocol trains on one woman and tests on another, whose results say next to nothing of anybody else.** Whoever divides
TESS by utterances measures how well a voice is known again. A note says so wherever results are shown.

A file's name is actress, word, emotion, "ps" being pleasant surprise: OAF_back_angry.wav. The recordings lie in one
folder, or, in copies that are passed on, in one an emotion and actress (OAF_angry, YAF_pleasant_surprised), whose
names are not looked at. Extra columns: word, and note. The label surprised is of pleasant surprise alone.

Sources: Pichora-Fuller and Dupuis 2020; words and sample rates as in the list of EmoBox. **Never tried on the real
recordings**; the names were tried on that list. Documentations contradict each other: the rate is 24,414 Hz in that
list (OAF_food_fear: 96 kHz) and 24,400 Hz on a card; the licence is CC BY-NC-ND 4.0 in catalogues and CC BY-NC 4.0
on a card. Copies that are passed on have one name misprinted, OA_bite_neutral.wav, which is read as OAF_bite_neutral.
One user's program could not read YAF_germ_angry.wav and YAF_neat_fear.wav.
"""

import itertools
import re
from pathlib import Path

import pandas as pd

from serkit.corpora import named_files
from serkit.corpora.checks import Problem
from serkit.corpora.table import utterance_table

TITLE = "Toronto emotional speech set (TESS)"
CITATION = """\
@data{pichorafuller2020tess,
  author    = {Pichora-Fuller, M. Kathleen and Dupuis, Kate},
  title     = {{Toronto} emotional speech set ({TESS})},
  publisher = {Borealis},
  year      = {2020},
  doi       = {10.5683/SP2/E8H2MF}
}"""
LICENCE = "CC BY-NC-ND 4.0"
REDISTRIBUTABLE = False  # not for every purpose, and not changed: the licence forbids both
HOW_TO_GET = """\
TESS is open (CC BY-NC-ND 4.0): download all files of https://doi.org/10.5683/SP2/E8H2MF and give their folder:
  tess/
    OAF_back_angry.wav ... YAF_youth_sad.wav
(or a folder with one folder an actress and emotion: tess/OAF_angry/OAF_back_angry.wav)"""
DOWNLOADS = {
    "all": (
        {
            "address": "https://borealisdata.ca/api/datasets/:persistentId/?persistentId=doi:10.5683/SP2/E8H2MF",
            "listing": "dataverse",
            "only": "*.wav",
            "whose": "Borealis",
        },
    )
}
SAMPLE_RATES = (24414, 96000)  # the second one in one file
MEAN_SECONDS = 2.06  # of an utterance
STEREO = "error"

NOTE = "two speakers: results say next to nothing of anybody else"
EMOTIONS = {
    "angry": "angry", "disgust": "disgusted", "fear": "fearful", "happy": "happy", "neutral": "neutral",
    "ps": "surprised", "sad": "sad",
}  # fmt: skip
ACTRESSES = {"OAF": "64 years old", "YAF": "26 years old"}
WORDS = """\
back bar base bath bean beg bite boat bone book bought burn cab calm came cause chain chair chalk chat check cheek chief
choice cool dab date dead death deep dime dip ditch dodge dog doll door fail fall far fat fit five food gap gas gaze
germ get gin goal good goose gun half hall hash hate have haze hire hit hole home hurl hush jail jar join judge jug
juice keen keep keg kick kill king kite knock late laud lean learn lease lid life limb live loaf long lore lose lot love
luck make match merge mess met mill mob mode mood moon mop mouse nag name near neat nice note numb pad page pain pass
pearl peg perch phone pick pike pole pool puff rag raid rain raise rat reach read red ring ripe road room rose rot rough
rush said sail search seize sell shack shall shawl sheep shirt should shout size soap soup sour south sub such sure take
talk tape team tell thin third thought thumb time tip tire ton tool tough turn vine voice void vote wag walk wash week
wheat when which whip white wife wire witch yearn yes young youth""".split()  # noqa: SIM905
MISPRINT = "OA_bite_neutral"  # in copies that are passed on
PUBLISHED = {"utterances": 2800, "speakers": 2, "women": 2, "men": 0} | dict.fromkeys(EMOTIONS.values(), 400)
_NAME = re.compile(rf"({'|'.join(ACTRESSES)})_([a-z]+)_({'|'.join(EMOTIONS)})", re.IGNORECASE)


def _names_of(actress: str, emotion: str) -> list[str]:
    """Name the recordings of an actress in an emotion.

    >>> len(_names_of("OAF", "ps")), _names_of("OAF", "ps")[0]
    (200, 'OAF_back_ps')
    """
    return [f"{actress}_{word}_{emotion}" for word in WORDS]


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """List the recordings and parse their names; upper and lower case are alike.

    Args:
        root: the folder with the recordings, or with one folder an actress and emotion.

    Returns:
        The folder, the utterances (columns of `serkit.corpora`, word and note), and what was found wrong.

    Raises:
        SerkitError: there is no such folder, or no recording in it.
    """
    root, paths = named_files.find(root, ["*"], _NAME, HOW_TO_GET)
    rows, problems = named_files.rows_of(paths, _parse)
    problems.append(Problem("note", NOTE, str(root), "say so beside a result, or train or test with another corpus"))
    return root, utterance_table(rows, extra=["word", "note"]), problems


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Name the recordings that are missing, and compare the counts with the published ones."""
    del deep  # names say all
    parts = [] if expected else itertools.product(ACTRESSES, EMOTIONS)
    names = {f"{actress} {emotion}": _names_of(actress, emotion) for actress, emotion in parts}
    return named_files.compare(root, utterances, count(root, utterances), expected or PUBLISHED, names)


def count(root: Path, utterances: pd.DataFrame) -> dict[str, int]:
    """Count what `PUBLISHED` has figures of."""
    del root  # everything is in the table
    return named_files.counted(utterances, EMOTIONS)


def _parse(name: str) -> dict | None:
    match = _NAME.fullmatch(name if name != MISPRINT else name.replace("OA", "OAF"))
    if match is None or match[2].lower() not in WORDS:
        return None
    actress, word, emotion = match[1].upper(), match[2].lower(), match[3].lower()
    return {
        "id": f"{actress}_{word}_{emotion}",
        "speaker": actress,
        "gender": "f",
        "label": EMOTIONS[emotion],
        "code": emotion,
        "text": f"Say the word {word}",
        "word": word,
        "note": NOTE,
    }
