"""EmoDB, the Berlin database of emotional speech: ten actors say ten German sentences in seven emotions.

Facts: 535 recordings of five women (08, 09, 13, 14, 16) and five men (03, 10, 11, 12, 15), those of about 800 whose
emotion at least 80 % of the listeners named; 127 angry, 81 bored, 79 neutral, 71 happy, 69 fearful, 62 sad and 46
disgusted; 16 kHz, one channel, 25 minutes. Not every actor has every sentence in every emotion: actor 08 is never
disgusted, 03, 10 and 11 nearly never.

A file's name is speaker (two digits), sentence (a01 to b10), emotion (the first letter of the German word) and version:
03a01Wa.wav. Extra columns: sentence and version. The label is the emotion that was asked for.

Sources: Burkhardt et al. 2005 and the database's own pages (http://emodb.bilderbar.info/docu); counts by speaker and
emotion from the list of its 535 files that EmoBox publishes. **Never tried on the real recordings**; the names were
tried on that list. Documentations contradict each other on who is a woman: a converted copy has 09, 10, 12 and 13
wrong before its version 1.1.1; here it is as on the database's own page. EmoDB 2.0, with 281 recordings more, is
another corpus, whose new names are not described: this loader refuses them. The folds of EmoBox share all speakers.
"""

import re
from pathlib import Path

import pandas as pd

from serkit.corpora import named_files
from serkit.corpora.checks import Problem
from serkit.corpora.table import utterance_table

TITLE = "Berlin Database of Emotional Speech (EmoDB)"
CITATION = """\
@inproceedings{burkhardt2005emodb,
  author    = {Burkhardt, Felix and Paeschke, Astrid and Rolfes, Miriam and Sendlmeier, Walter F. and Weiss, Benjamin},
  title     = {A Database of {German} Emotional Speech},
  booktitle = {Interspeech},
  pages     = {1517--1520},
  year      = {2005},
  doi       = {10.21437/Interspeech.2005-446}
}"""
LICENCE = "CC0 1.0 (public domain)"
REDISTRIBUTABLE = True
HOW_TO_GET = """\
EmoDB is free (CC0 1.0): unpack http://emodb.bilderbar.info/download/download.zip and give the folder that holds wav:
  emodb/
    wav/03a01Fa.wav ... wav/16b10Wb.wav
(or the folder wav itself)"""
# In the layout of audformat, whose folder wav is that of the original download.zip.
DOWNLOADS = {
    "1.3.0": (
        {
            "address": "https://zenodo.org/records/7447302/files/emodb.zip?download=1",
            "size": 39981818,
            "checksum": "md5:9d21362dbc5676ef3ab4745d83ced0db",
            "whose": "Zenodo",
            "unpack": True,
            "strip": "emodb",
        },
    )
}
SAMPLE_RATES = (16000,)
MEAN_SECONDS = 2.78  # of an utterance
STEREO = "error"

EMOTIONS = {
    "W": "angry", "L": "bored", "E": "disgusted", "A": "fearful", "F": "happy", "T": "sad", "N": "neutral",
}  # fmt: skip
WOMEN, MEN = ("08", "09", "13", "14", "16"), ("03", "10", "11", "12", "15")
SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
_BY_SPEAKER = {  # utterances of each emotion, in the order of EMOTIONS
    "03": (14, 5, 1, 4, 7, 7, 11), "08": (12, 10, 0, 6, 11, 9, 10), "09": (13, 4, 8, 1, 4, 4, 9),
    "10": (10, 8, 1, 8, 4, 3, 4), "11": (11, 8, 2, 10, 8, 7, 9), "12": (12, 5, 2, 6, 2, 4, 4),
    "13": (12, 10, 8, 7, 10, 5, 9), "14": (16, 8, 8, 12, 8, 10, 7), "15": (13, 9, 5, 8, 6, 4, 11),
    "16": (14, 14, 11, 7, 11, 9, 5),
}  # fmt: skip
PUBLISHED = {"women": 5, "men": 5} | named_files.published(_BY_SPEAKER, EMOTIONS.values())
_NAME = re.compile(rf"(\d\d)({'|'.join(SENTENCES)})([{''.join(EMOTIONS)}])([a-f])")


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """List the recordings and parse their names.

    Args:
        root: the folder that holds wav, or wav itself.

    Returns:
        The folder with the recordings, the utterances (columns of `serkit.corpora`, sentence and version), and what was
        found wrong.

    Raises:
        SerkitError: there is no such folder, or no recording in it.
    """
    root, paths = named_files.find(root, ["wav"], _NAME, HOW_TO_GET)
    rows, problems = named_files.rows_of(paths, _parse)
    return root, utterance_table(rows, extra=["sentence", "version"]), problems


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
    if match is None or match[1] not in (*WOMEN, *MEN):
        return None
    speaker, sentence, emotion, version = match.groups()
    return {
        "id": name,
        "speaker": speaker,
        "gender": "f" if speaker in WOMEN else "m",
        "label": EMOTIONS[emotion],
        "code": emotion,
        "text": SENTENCES[sentence],
        "sentence": sentence,
        "version": version,
    }
