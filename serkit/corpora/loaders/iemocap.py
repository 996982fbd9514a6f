r"""IEMOCAP: ten actors in five sessions of two, improvised and scripted, in English.

Facts: 10039 utterances of 151 dialogues, 12.4 hours, 16 kHz mono; categories by three or more raters
(label = majority, else "xxx"), valence, activation and dominance by two or more (1 to 5, mean over the
external raters); orthographic transcripts; a word alignment of all but two utterances.

Extra column: dialogue. Sources: Busso et al. 2008; counts of the full release (see `PUBLISHED`).

Conventions of the release that programs often get wrong:

* the F or M in a dialogue's name is the actor who wears the motion-capture markers; the one who *speaks*
  is the letter of the utterance's **last** field: Ses01M_impro01_F000 is spoken by Ses01F;
* only EmoEvaluation/Ses\*.txt holds the labels: its sub-folders hold other grammars;
* files that begin with "._" are left over from another operating system.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from serkit.corpora.checks import Problem, count_problems, in_threads, listing, require_folder
from serkit.corpora.table import RATING_COLUMNS, WORD_COLUMNS, utterance_table
from serkit.errors import SerkitError

TITLE = "Interactive Emotional Dyadic Motion Capture database (IEMOCAP)"
CITATION = """\
@article{busso2008iemocap,
  author  = {Busso, Carlos and Bulut, Murtaza and Lee, Chi-Chun and Kazemzadeh, Abe and Mower, Emily and Kim, Samuel
             and Chang, Jeannette N. and Lee, Sungbok and Narayanan, Shrikanth S.},
  title   = {{IEMOCAP}: Interactive emotional dyadic motion capture database},
  journal = {Language Resources and Evaluation},
  volume  = {42},
  number  = {4},
  pages   = {335--359},
  year    = {2008},
  doi     = {10.1007/s10579-008-9076-6}
}"""
LICENCE = "for research, by a release form signed with the University of Southern California; not to be passed on"
REDISTRIBUTABLE = False
HOW_TO_GET = """\
IEMOCAP is free for research: send the release form of https://sail.usc.edu/iemocap/iemocap_release.htm, unpack
IEMOCAP_full_release.tar.gz, and give the folder that holds Session1 to Session5:
  IEMOCAP_full_release/
    Session1/ ... Session5/
      dialog/EmoEvaluation/<dialogue>.txt                    labels
      dialog/transcriptions/<dialogue>.txt                   texts
      sentences/wav/<dialogue>/<utterance>.wav               audio, 16 kHz mono
      sentences/ForcedAlignment/<dialogue>/<utterance>.wdseg words
(videos and motion capture are not needed). Without it, begin with the miniature: serkit miniature iemocap FOLDER"""
SAMPLE_RATES = (16000,)
MEAN_SECONDS = 12.4 * 3600 / 10039  # of an utterance
STEREO = "error"
# Four classes of the benchmark EmoBox, from five labels; a fold is a session.
EMOBOX = {
    "fold": "session",
    "labels": {
        "neutral": ("neu", "Neutral"), "happy": ("hap", "Happy"), "angry": ("ang", "Angry"), "sad": ("sad", "Sad"),
        "excited": ("exc", "Happy"),
    },
}  # fmt: skip

LABELS = {
    "ang": "angry", "hap": "happy", "exc": "excited", "sad": "sad", "neu": "neutral", "fru": "frustrated",
    "fea": "fearful", "sur": "surprised", "dis": "disgusted", "oth": "other", "xxx": "undecided",
}  # fmt: skip
RATER_LABELS = {
    "anger": "angry", "happiness": "happy", "excited": "excited", "sadness": "sad", "neutral": "neutral",
    "neutral state": "neutral", "frustration": "frustrated", "fear": "fearful", "surprise": "surprised",
    "disgust": "disgusted", "other": "other",
}  # fmt: skip
SESSIONS = (1, 2, 3, 4, 5)
UNALIGNED = ("Ses03F_impro07_M030", "Ses03M_impro03_M001")  # in the release itself
AGAIN = "copy it again from the original"  # the remedy of most problems

_SUMMARY = re.compile(r"\[(\d+\.\d+) - (\d+\.\d+)\]\t(\w+)\t(\w+)\t\[(\d+\.\d+), (\d+\.\d+), (\d+\.\d+)\]\s*")
_CATEGORIES = re.compile(r"C-(\w+):\s*(.*?)\s*\((.*)")
_ATTRIBUTES = re.compile(r"A-(\w+):\s*val\s*(\d*)\s*;\s*act\s*(\d*)\s*;\s*dom\s*(\d*)\s*;.*")
_UTTERANCE = re.compile(r"(Ses0[1-5])([FM])_((?:impro|script)\w+)_([FM])\d{3}")
_TURN = re.compile(r"^(Ses0[1-5][FM]_\w+_[FM]\d{3}) \[[\d.]+-[\d.]+\]:[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
_WORD = re.compile(r"\s*(\d+)\s+(\d+)\s+\S+\s+(\S+)\s*")


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """Parse labels and transcripts.

    Args:
        root: IEMOCAP_full_release, or the folder that holds it.

    Returns:
        The folder that holds the sessions, the utterances (columns of `serkit.corpora` and dialogue), and what
        was found wrong. Valence, activation and dominance outside 1 to 5 are clipped, with a warning.

    Raises:
        SerkitError: there is no such folder, or no session in it.
    """
    require_folder(root, HOW_TO_GET)
    if not _sessions(root) and _sessions(root / "IEMOCAP_full_release"):
        root = root / "IEMOCAP_full_release"
    if not _sessions(root):
        raise SerkitError(f"no folder Session1 to Session5 in {root}\n{HOW_TO_GET}")
    rows, _, problems = _read_labels(root)
    problems = _partial_problems(root) + problems
    texts = _read_texts(root)
    rows = _first_of_each(rows, problems)
    for row in rows:
        row["text"] = texts.get(row["id"])
    utterances = utterance_table(rows, extra=["dialogue"])
    for dialogue, missing in _by_dialogue(utterances[utterances["text"].isna()]):
        where = _session_folder(root, dialogue) / "dialog" / "transcriptions" / f"{dialogue}.txt"
        problems.append(Problem("warning", f"no transcript of {_some(missing)}", str(where), AGAIN))
    problems += _file_problems(root, utterances)
    return root, utterances, problems


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Compare a copy with the published counts, or with those `expected` of a miniature.

    Of a copy that lacks sessions, those that are there are compared with their own counts. The alignment files
    are counted, and read when `deep`.
    """
    problems = _speaker_problems(root, utterances)
    aligned = _alignment_files(root)
    problems += _alignment_problems(root, utterances, aligned)
    expected = PUBLISHED if expected is None else expected
    present = _sessions(root)
    if len(present) < len(SESSIONS):  # `read` has said so; what is there must be whole all the same
        expected = {
            figure: count
            for figure, count in expected.items()
            if figure.startswith(
                tuple(f"{what}{session}" for what in ("session ", "speaker Ses0") for session in present)
            )
        }
    found = count(root, utterances)
    problems += count_problems(found, expected, root, "see the other problems of this list, or copy the corpus again")
    if deep:
        for _, unreadable in in_threads(_read_alignment, list(aligned.values()), "reading alignments"):
            problems += unreadable
    return problems


def count(root: Path, utterances: pd.DataFrame) -> dict[str, int]:
    """Count what `PUBLISHED` has figures of: ``{"session 1, improvised ang": 62, ...}``."""
    aligned = list(_alignment_files(root))
    table = utterances.assign(of="utterances")
    table["session"] = "session " + table["session"].astype(str)
    table["speaker"] = "speaker " + table["speaker"].astype(str)
    figures: dict[str, int] = {}

    def add(counts: pd.Series, pattern: str) -> None:
        for key, value in counts.items():
            figures[pattern.format(*(key if isinstance(key, tuple) else (key,)))] = int(value)

    improvised = table[table["style"] == "improvised"]
    add(table.groupby("of").size(), "{0}")
    add(table.groupby("style").size(), "{0}")
    add(table.groupby("code").size(), "{0}")
    add(improvised.groupby("code").size(), "improvised {0}")
    for key in ("session", "speaker"):
        add(table.groupby(key).size(), "{0}, utterances")
        add(table.groupby([key, "code"]).size(), "{0}, {1}")
        add(improvised.groupby([key, "code"]).size(), "{0}, improvised {1}")
    add(table.groupby("session")["dialogue"].nunique(), "{0}, dialogues")
    figures["dialogues"] = int(table["dialogue"].nunique())
    add(table[table["id"].isin(aligned)].groupby("session").size(), "{0}, alignments")
    figures["alignments"] = int(table["id"].isin(aligned).sum())
    return figures


def words(root: Path) -> pd.DataFrame:
    """Read the word alignments of all utterances: columns id, word, start and end.

    Times are in seconds from the utterance's start. A row of a .wdseg file names its first and its last frame
    of 10 ms, so a word begins at 0.01 SFrm and ends at 0.01 (EFrm + 1). Silence, laughter and breath (<...>,
    ++...++) are left out, and the mark of a pronunciation variant, as in "WHAT(2)", is taken off.

    Raises:
        SerkitError: a line of a file cannot be read.
    """
    aligned = _alignment_files(root)
    rows = []
    for name, (found, problems) in zip(
        aligned, in_threads(_read_alignment, list(aligned.values()), "reading alignments"), strict=True
    ):
        if problems:
            raise SerkitError(f"{problems[0].where}: {problems[0].what}; {problems[0].remedy}")
        rows += [(name, *row) for row in found]
    return pd.DataFrame(rows, columns=WORD_COLUMNS)


def ratings(root: Path) -> pd.DataFrame:
    """Read the raters' own lines; E... are external raters, F... and M... the speakers' self-reports."""
    _, rated, _ = _read_labels(root)
    table = pd.DataFrame(rated.values(), columns=RATING_COLUMNS)
    table[["valence", "activation", "dominance"]] = table[["valence", "activation", "dominance"]].astype("float64")
    return table.sort_values(["id", "rater"], kind="stable", ignore_index=True)


def _speaker_of(utterance: str) -> str:
    """Who speaks: session and the letter of the last field.

    >>> _speaker_of("Ses01M_impro01_F000")
    'Ses01F'
    """
    return utterance[:5] + utterance.rsplit("_", 1)[1][0]


def _sessions(root: Path) -> list[int]:
    return [session for session in SESSIONS if (root / f"Session{session}").is_dir()]


def _partial_problems(root: Path) -> list[Problem]:
    present = _sessions(root)
    absent = [session for session in SESSIONS if session not in present]
    if not absent:
        return []
    what = f"partial copy: session{'s' * (len(present) > 1)} {', '.join(map(str, present))} of {len(SESSIONS)}"
    folders = ", ".join(f"Session{session}" for session in absent)
    return [Problem("error", what, str(root), f"copy {folders} too, or load what is there with strict=False")]


def _read_labels(root: Path) -> tuple[list[dict], dict[tuple[str, str], dict], list[Problem]]:
    """Parse all label files: utterances, ratings by (utterance, rater), problems."""
    rows: list[dict] = []
    rated: dict[tuple[str, str], dict] = {}
    problems: list[Problem] = []
    for session in _sessions(root):
        folder = root / f"Session{session}" / "dialog" / "EmoEvaluation"
        paths = listing(folder, "Ses*.txt")
        if not paths:
            problems.append(Problem("error", "no label files", str(folder), "copy dialog/EmoEvaluation of the session"))
        for path in paths:
            _parse_labels(path, session, rows, rated, problems)
    return rows, rated, problems


def _parse_labels(
    path: Path, session: int, rows: list[dict], rated: dict[tuple[str, str], dict], problems: list[Problem]
) -> None:
    """Parse one label file; add what it holds to `rows`, `rated` and `problems`."""
    utterance: str | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        where = f"{path}:{number}"
        if not line.strip() or line.startswith("%"):
            continue
        if line.startswith(("C-", "A-")):
            if utterance and not _parse_rating(line, utterance, rated):
                what = f"rater's line cannot be read: {line.strip()!r}"
                problems.append(Problem("warning", what, where, AGAIN))
            continue
        row = _parse_summary(line, path, session, where, problems)
        utterance = row["id"] if row else None
        if row:
            rows.append(row)


def _parse_summary(line: str, path: Path, session: int, where: str, problems: list[Problem]) -> dict | None:
    match = _SUMMARY.fullmatch(line)
    if not match or not (parts := _UTTERANCE.fullmatch(match[3])):
        level = "error" if "[" in line or "Ses0" in line else "warning"
        problems.append(Problem(level, f"label line cannot be read: {line.strip()!r}", where, AGAIN))
        return None
    start, end, name, code, *attributes = match.groups()
    if code not in LABELS:
        what = f"unknown label {code!r} of {name}; valid: {', '.join(LABELS)}"
        problems.append(Problem("error", what, where, AGAIN))
    if not name.startswith(path.stem + "_") or int(name[4]) != session:
        problems.append(Problem("error", f"{name} does not belong into this file", where, AGAIN))
    scaled = np.array(attributes, dtype=float)
    if (outside := (scaled < 1) | (scaled > 5)).any():
        which = ", ".join(
            f"{attribute} {value}"
            for attribute, value, bad in zip(("valence", "activation", "dominance"), scaled, outside, strict=True)
            if bad
        )
        remedy = "clipped to 1..5; nothing to do (the release has seven such values)"
        problems.append(Problem("warning", f"{which} of {name} is outside 1..5", where, remedy))
    valence, activation, dominance = scaled.clip(1, 5).tolist()
    dialogue = name.rsplit("_", 1)[0]
    return {
        "id": name,
        "path": str(path.parents[2] / "sentences" / "wav" / dialogue / f"{name}.wav"),
        "speaker": _speaker_of(name),
        "gender": parts[4].lower(),
        "session": session,
        "style": "improvised" if parts[3].startswith("impro") else "scripted",
        "label": LABELS.get(code),
        "code": code,
        "valence": valence,
        "activation": activation,
        "dominance": dominance,
        "start": float(start),
        "end": float(end),
        "dialogue": dialogue,
        "where": where,
    }


def _parse_rating(line: str, utterance: str, rated: dict[tuple[str, str], dict]) -> bool:
    """Add a rater's line to `rated`; say whether it could be read."""
    if match := _ATTRIBUTES.fullmatch(line):
        numbers = [float(value) if value else np.nan for value in match.groups()[1:]]
        values = dict(zip(("valence", "activation", "dominance"), numbers, strict=True))
    elif match := _CATEGORIES.fullmatch(line):
        given = [label.strip() for label in match[2].split(";") if label.strip()]
        values = {"label": "; ".join(RATER_LABELS.get(label.lower(), label.lower()) for label in given) or None}
    else:
        return False
    rater = match[1]
    row = rated.setdefault((utterance, rater), {"id": utterance, "rater": rater, "self_report": rater[0] in "FM"})
    row.update(values)
    return True


def _read_texts(root: Path) -> dict[str, str]:
    """Read all transcripts; lines without a turn's id and turns "FXX0" are no utterances."""
    texts: dict[str, str] = {}
    for session in _sessions(root):
        for path in listing(root / f"Session{session}" / "dialog" / "transcriptions", "Ses*.txt"):
            texts.update(_TURN.findall(path.read_text(encoding="utf-8", errors="replace")))
    return texts


def _first_of_each(rows: list[dict], problems: list[Problem]) -> list[dict]:
    first: dict[str, dict] = {}
    for row in rows:
        if row["id"] in first:
            what = f"duplicate utterance {row['id']}, first at {first[row['id']]['where']}"
            problems.append(Problem("error", what, row["where"], AGAIN))
        else:
            first[row["id"]] = row
    return list(first.values())


def _file_problems(root: Path, utterances: pd.DataFrame) -> list[Problem]:
    """Name utterances without audio, audio without a label, dialogues without labels, and files left aside."""
    problems: list[Problem] = []
    labelled = {dialogue: set(names) for dialogue, names in _by_dialogue(utterances)}
    for session in _sessions(root):
        base = root / f"Session{session}"
        dialogues = {path.name for path in listing(base / "sentences" / "wav") if path.is_dir()}
        dialogues |= {path.stem for path in listing(base / "dialog" / "transcriptions", "Ses*.txt")}
        dialogues |= {dialogue for dialogue in labelled if _session_folder(root, dialogue) == base}
        for dialogue in sorted(dialogues):
            folder = base / "sentences" / "wav" / dialogue
            have = {path.stem for path in listing(folder, "*.wav")}
            wanted = labelled.get(dialogue, set())
            if not wanted:
                where = base / "dialog" / "EmoEvaluation" / f"{dialogue}.txt"
                problems.append(Problem("error", f"no labels of dialogue {dialogue}", str(where), AGAIN))
            elif not have:
                problems.append(Problem("error", f"no audio of dialogue {dialogue}", str(folder), AGAIN))
            else:
                for what, names in (("no audio of", wanted - have), ("no label of", have - wanted)):
                    problems += [
                        Problem("error", f"{what} {name}", str(folder / f"{name}.wav"), AGAIN) for name in sorted(names)
                    ]
        problems += _hidden_files(base)
    return problems


def _hidden_files(base: Path) -> list[Problem]:
    folders = [base / "dialog" / "EmoEvaluation", base / "dialog" / "transcriptions"]
    folders += listing(base / "sentences" / "wav")
    hidden = sorted(path for folder in folders for path in folder.glob(".*"))
    if not hidden:
        return []
    what = f"{len(hidden)} file(s) that begin with a dot are left aside"
    return [Problem("note", what, str(hidden[0]), "nothing to do")]


def _speaker_problems(root: Path, utterances: pd.DataFrame) -> list[Problem]:
    speaker = utterances["id"].map(_speaker_of)
    wrong = utterances.loc[speaker != utterances["speaker"], ["id", "speaker"]]
    if wrong.empty:
        return []
    of_dialogue = (wrong["speaker"] == wrong["id"].str[:6]).all()
    why = "the dialogue's letter was taken for the speaker's" if of_dialogue else "not the last field's letter"
    what = f"wrong speaker of {len(wrong)} utterances, first {wrong['id'].iloc[0]}: {why}"
    return [
        Problem("error", what, str(root), "take session and the last field's letter: Ses01M_impro01_F000 is Ses01F")
    ]


def _alignment_files(root: Path) -> dict[str, Path]:
    """Find the alignment file of each utterance that has one."""
    return {
        path.stem: path
        for session in _sessions(root)
        for folder in listing(root / f"Session{session}" / "sentences" / "ForcedAlignment")
        for path in listing(folder, "*.wdseg")
    }


def _alignment_problems(root: Path, utterances: pd.DataFrame, aligned: dict[str, Path]) -> list[Problem]:
    problems = []
    missing = utterances[~utterances["id"].isin(list(aligned))]
    known = missing["id"].isin(UNALIGNED)
    for dialogue, names in _by_dialogue(missing[~known]):
        folder = _session_folder(root, dialogue) / "sentences" / "ForcedAlignment" / dialogue
        problems.append(Problem("warning", f"no word alignment of {_some(names)}", str(folder), AGAIN))
    if known.any():
        what = f"no word alignment of {_some(list(missing.loc[known, 'id']))}, as in the release itself"
        problems.append(Problem("note", what, str(root), "nothing to do"))
    return problems


def _by_dialogue(utterances: pd.DataFrame) -> list[tuple[str, list[str]]]:
    return [(dialogue, list(group["id"])) for dialogue, group in utterances.groupby("dialogue")]


def _session_folder(root: Path, dialogue: str) -> Path:
    return root / f"Session{dialogue[4]}"


def _some(names: list[str]) -> str:
    """Name up to three, and say how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _read_alignment(path: Path) -> tuple[list[tuple[str, float, float]], list[Problem]]:
    """Read one .wdseg file: (word, start, end) of each word, and lines that cannot be read."""
    rows, problems = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        match = _WORD.fullmatch(line)
        if match:
            word = re.sub(r"\(\d+\)$", "", match[3])
            if not re.fullmatch(r"<.*>|\+\+.*\+\+", word):
                # Divided, not multiplied by 0.01, so that frame 29 begins at 0.29 and not at 0.29000000000000004.
                rows.append((word, int(match[1]) / 100, (int(match[2]) + 1) / 100))
        elif line.strip() and "SFrm" not in line and "Total score" not in line:
            what = f"alignment line cannot be read: {line.strip()!r}"
            problems.append(Problem("error", what, f"{path}:{number}", AGAIN))
    return rows, problems


def _published() -> dict[str, int]:
    """Lay the published counts out under the names that `count` gives."""
    codes = ("ang", "hap", "exc", "neu", "sad")
    totals = (1103, 595, 1041, 1708, 1084, 2507, 1849, 107, 40, 3, 2)
    names = (*codes, "xxx", "fru", "sur", "fea", "oth", "dis")
    figures = {"utterances": 10039, "scripted": 5255, "improvised": 4784, "dialogues": 151, "alignments": 10037}
    figures |= dict(zip(names, totals, strict=True))
    figures |= dict(zip((f"improvised {code}" for code in codes), (289, 284, 663, 1099, 608), strict=True))
    # utterances, dialogues, alignments; then ang hap exc neu sad of all, and of improvised ones
    sessions = {
        1: ((1819, 28, 1819), (229, 135, 143, 384, 194), (62, 33, 99, 223, 104)),
        2: ((1811, 30, 1811), (137, 117, 210, 362, 197), (22, 54, 137, 217, 100)),
        3: ((2136, 32, 2134), (240, 135, 151, 320, 305), (90, 60, 89, 198, 190)),
        4: ((2103, 30, 2103), (327, 65, 238, 258, 143), (84, 31, 164, 174, 81)),
        5: ((2170, 31, 2170), (170, 143, 299, 384, 245), (31, 106, 174, 287, 133)),
    }
    speakers = {
        "1F": (873, (147, 69, 63, 171, 78), (37, 18, 54, 119, 43)),
        "1M": (946, (82, 66, 80, 213, 116), (25, 15, 45, 104, 61)),
        "2F": (859, (67, 70, 96, 135, 113), (7, 25, 88, 90, 63)),
        "2M": (952, (70, 47, 114, 227, 84), (15, 29, 49, 127, 37)),
        "3F": (1048, (92, 80, 48, 130, 172), (22, 39, 41, 95, 108)),
        "3M": (1088, (148, 55, 103, 190, 133), (68, 21, 48, 103, 82)),
        "4F": (987, (205, 31, 154, 76, 62), (47, 10, 119, 51, 41)),
        "4M": (1116, (122, 34, 84, 182, 81), (37, 21, 45, 123, 40)),
        "5F": (1033, (78, 77, 82, 221, 132), (18, 56, 68, 151, 73)),
        "5M": (1137, (92, 66, 217, 163, 113), (13, 50, 106, 136, 60)),
    }
    for session, (sizes, everywhere, improvised) in sessions.items():
        names = [f"session {session}, {size}" for size in ("utterances", "dialogues", "alignments")]
        names += [f"session {session}, {code}" for code in codes]
        names += [f"session {session}, improvised {code}" for code in codes]
        figures |= dict(zip(names, (*sizes, *everywhere, *improvised), strict=True))
    for speaker, (size, everywhere, improvised) in speakers.items():
        names = [f"speaker Ses0{speaker}, utterances"]
        names += [f"speaker Ses0{speaker}, {code}" for code in codes]
        names += [f"speaker Ses0{speaker}, improvised {code}" for code in codes]
        figures |= dict(zip(names, (size, *everywhere, *improvised), strict=True))
    return figures


# Counts of the full release: public lists of its labels (EmoBox, EMO-SUPERB) and of its files.
PUBLISHED = _published()
