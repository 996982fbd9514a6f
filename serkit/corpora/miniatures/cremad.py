"""The miniature of CREMA-D: 112 recordings of eight actors in six emotions, with the table of actors and votes."""

import csv
from pathlib import Path

import numpy as np

from serkit.corpora.loaders import cremad
from serkit.corpora.miniatures import acted

VERSION = acted.VERSION
ACTORS = {"1001": "m", "1002": "f", "1003": "f", "1005": "m", "1009": "f", "1011": "m", "1014": "m", "1091": "f"}
# Of each actor; IEO is said at three intensities.
NAMES = [f"DFA_{code}_XX" for code in cremad.EMOTIONS] + [f"TSI_{code}_XX" for code in ("NEU", "SAD", "ANG", "HAP")]
NAMES += ["IEO_NEU_XX", "IEO_ANG_LO", "IEO_ANG_MD", "IEO_HAP_HI"]
VOTERS = 4  # a recording and kind of presentation
RIGHT = 0.6  # share of the votes on the emotion that was asked for
QUERIES = {"1": "voice", "2": "face", "3": "both"}
HEADER = (
    "", "localid", "pos", "ans", "ttr", "queryType", "numTries", "clipNum", "questNum", "subType", "clipName",
    "sessionNums", "respEmo", "respLevel", "dispEmo", "dispVal", "dispLevel",
)  # fmt: skip


def write(root: Path, seed: int) -> dict[str, int]:
    """Write the miniature; returns the counts that a copy of it must have."""
    places = {sentence: number for number, sentence in enumerate(cremad.SENTENCES)}
    lines = [
        acted.Line(f"AudioWAV/{actor}_{name}.wav", actor, gender, cremad.EMOTIONS[name[4:7]], places[name[:3]])
        for actor, gender in ACTORS.items()
        for name in NAMES
    ]
    people = [("ActorID", "Age", "Sex", "Race", "Ethnicity")]
    words = {letter: word for word, letter in cremad.GENDERS.items()}
    people += [(actor, "30", words[gender], "Unknown", "Not Hispanic") for actor, gender in ACTORS.items()]
    _write_table(root / cremad.PEOPLE, people)
    _write_table(root / cremad.VOTES, [HEADER, *_votes(lines, np.random.default_rng([seed, len(lines)]))])
    return acted.record(root, lines, seed, cremad.SAMPLE_RATES[0])


def _votes(lines: list[acted.Line], random: np.random.Generator) -> list[tuple]:
    """Draw votes on what was seen and heard; most are the emotion that was asked for."""
    letters, rows = [code[0] for code in cremad.EMOTIONS], []
    for number, line in enumerate(lines, 1):
        name, own = Path(line.path).stem, Path(line.path).stem[9]
        for query in QUERIES:
            for voter in random.permutation(20)[:VOTERS]:
                heard = own if random.uniform() < RIGHT else letters[random.integers(len(letters))]
                level = int(random.integers(20, 100))
                rows.append((
                    len(rows) + 1, f"v{voter:02d}", 1, f"{heard}_{level}", 900, query, 0, number, 1, 4, name, voter,
                    heard, level, own, "X", 50,
                ))  # fmt: skip
    return rows


def _write_table(path: Path, rows: list[tuple]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
