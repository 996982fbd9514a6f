"""AMI: about a hundred hours of meetings in English, without emotion labels.

Facts: 171 meetings of three to five people in three instrumented rooms, most of them a design team that plays roles;
16 kHz WAV; each speaker has a headset (Headset-0 to Headset-3, or -4), and the mix of a meeting's headsets is one more
file (Mix-Headset). Words and their times are annotated by hand. Most speakers are no native speakers of English. "Not
highly emotional" (Chang and Scherer 2017, who train on it without labels).

One row is one recording, and its id the file's name without the suffix. A meeting that has its Mix-Headset is that one
row; without it, its Headset files are the rows: never is the same speech there twice. Other microphones (lapels,
arrays) are left aside, with a note. Session is the meeting; label is empty throughout.

Extra columns: meeting ("ES2002a"), channel ("Mix-Headset" or "Headset-2") and agent, the letter A to E of who wears the
headset. Speaker (the participant, as "FEE005": one name in all meetings), gender and agent are of Headset rows
only, and only where corpusResources/meetings.xml of the annotations tells. Sources: Carletta et al. 2005; the
corpus' pages on meeting and participant ids.
"""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd

from serkit.corpora.checks import Problem, count_problems, header, in_threads, listing, require_folder
from serkit.corpora.table import MARKER, WORD_COLUMNS, utterance_table
from serkit.errors import SerkitError

TITLE = "AMI Meeting Corpus"
CITATION = """\
@inproceedings{carletta2005ami,
  author    = {Carletta, Jean and Ashby, Simone and Bourban, Sebastien and Flynn, Mike and Guillemot, Mael and Hain,
               Thomas and Kadlec, Jaroslav and Karaiskos, Vasilis and Kraaij, Wessel and Kronenthal, Melissa and
               Lathoud, Guillaume and Lincoln, Mike and Lisowska, Agnes and McCowan, Iain and Post, Wilfried and
               Reidsma, Dennis and Wellner, Pierre},
  title     = {The {AMI} meeting corpus: A pre-announcement},
  booktitle = {Machine Learning for Multimodal Interaction (MLMI 2005)},
  series    = {Lecture Notes in Computer Science},
  volume    = {3869},
  pages     = {28--39},
  year      = {2006},
  doi       = {10.1007/11677482_3}
}"""
LICENCE = "CC BY 4.0 (name the authors)"
REDISTRIBUTABLE = True
SERVER = "https://groups.inf.ed.ac.uk/ami"
HOW_TO_GET = f"""\
AMI is open (CC BY 4.0); any number of its 171 meetings will do (all mixes: 100 hours, 11.5 GB). One meeting:
  curl -C - --create-dirs -o amicorpus/ES2002a/audio/ES2002a.Mix-Headset.wav \\
    {SERVER}/AMICorpusMirror/amicorpus/ES2002a/audio/ES2002a.Mix-Headset.wav
The server is slow and may cut a file short: the same command goes on where it stopped. Words and their times:
{SERVER}/AMICorpusAnnotations/ami_public_manual_1.6.2.zip, unpacked into a folder of that name.
Give the folder that holds
  amicorpus/<meeting>/audio/<meeting>.Mix-Headset.wav        or <meeting>.Headset-0.wav to Headset-4.wav
  ami_public_manual_1.6.2/words/<meeting>.<A to E>.words.xml (optional)
or amicorpus/ itself. Without them, begin with the miniature: serkit miniature ami FOLDER"""
SAMPLE_RATES = (16000,)
STEREO = "note"  # unlabelled speech of two channels is as good: they are averaged on reading

MIX = "Mix-Headset"
MEETINGS = frozenset(
    {f"{site}{number}{part}"
     for site, numbers in (("ES", range(2002, 2017)), ("IS", range(1000, 1010)), ("TS", range(3003, 3013)))
     for number in numbers for part in "abcd"} - {"IS1002a", "IS1005d"}
    | {f"EN{number}{part}"
       for number, parts in ((2001, "abde"), (2002, "abcd"), (2003, "a"), (2004, "a"), (2005, "a"), (2006, "ab"),
                             (2009, "bcd"))
       for part in parts}
    | {f"IB{number}" for number in (4001, 4002, 4003, 4004, 4005, 4010, 4011)}
    | {f"IN{number}" for number in (1001, 1002, 1005, 1007, 1008, 1009, 1012, 1013, 1014, 1016)}
)  # fmt: skip
PUBLISHED = {"meetings": len(MEETINGS)}
# Ten meetings of the three places, and below all of them. AMI states no checksums; these were found and made public by
# several people, each by themselves, and so were the sizes.
FEW = ("ES2002a", "ES2004a", "ES2006a", "IB4003", "IS1001a", "IS1004a", "IS1009a", "TS3003a", "TS3006a", "TS3009a")
_WHOSE = "several who have downloaded it (AMI states none)"
_FOUND = {
    "ES2002a": (None, "9c76866990fcc8b84006dc32d273ad99df439090b748ebe72103bb78c3216ee7"),
    "ES2004a": (33579394, "3e2560b19bee6952c7c7ce041b0f1ea8a7ea9468044c4eea79d2a2c67e24ab0f"),
    "IB4003": (None, "a28e876a8dc3ed076ce38a167d8de4cc1d3ff8c0b5142c57d4c194ece7752fc2"),
    "IS1009a": (26844093, "6eb5a0ede0d9e72794f976ce7bea5b78133eae969f99b4c5418b43c2468d25b1"),
}
_WORDS_OF_ALL = {
    "address": f"{SERVER}/AMICorpusAnnotations/ami_public_manual_1.6.2.zip",
    "to": "ami_public_manual_1.6.2",
    "size": 22887865,
    "checksum": "sha256:b56e5babb2496b8795deeeda7e71178d7fbc9963f94276cf2a3f4b56ebbc9f9d",
    "whose": _WHOSE,
    "unpack": True,
}


def _mix(meeting: str) -> dict:
    """The mix of a meeting's headsets, as an item of `DOWNLOADS`."""
    path = f"amicorpus/{meeting}/audio/{meeting}.{MIX}.wav"
    size, checksum = _FOUND.get(meeting, (None, ""))
    found = {"checksum": f"sha256:{checksum}", "whose": _WHOSE} if checksum else {}
    return {"address": f"{SERVER}/AMICorpusMirror/{path}", "to": path} | found | ({"size": size} if size else {})


DOWNLOADS = {
    "ten meetings": (_WORDS_OF_ALL, *map(_mix, FEW)),
    "all": (_WORDS_OF_ALL, *map(_mix, sorted(MEETINGS))),
}
# Headsets of a meeting that has not four of them.
PEOPLE = {"EN2001a": 5, "EN2001d": 5, "EN2001e": 5}
UNPACK = "unpack ami_public_manual_1.6.2.zip again"
LATE = 0.5  # seconds that a word may end after the recording

_RECORDING = re.compile(r"(\w+)\.(Mix-Headset|Headset-\d)\.wav")
_WORDS = re.compile(r"(\w+)\.([A-Z])\.words\.xml")
_PARTICIPANT = re.compile(r"([MF])[IET][EDO]\d{3}[A-Z]*")  # gender, place, native language, number, role


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """List the recordings.

    Args:
        root: the folder that holds amicorpus, or amicorpus itself: the folder of the meetings' folders.

    Returns:
        The root, one row a recording (columns of `serkit.corpora`, meeting, channel and agent), and what was found
        wrong or left aside.

    Raises:
        SerkitError: there is no such folder, or no recording in it; or it is a part of a miniature.
    """
    require_folder(root, HOW_TO_GET)
    if (root.parent / MARKER).is_file():  # which would pass for the corpus itself
        raise SerkitError(f"{root} is a part of a miniature; give the whole of it, {root.parent}")
    problems: list[Problem] = []
    rows = _recordings(root, problems)
    if not rows:
        raise SerkitError(f"no recording <meeting>/audio/<meeting>.{MIX}.wav in {_meetings_folder(root)}\n{HOW_TO_GET}")
    return root, utterance_table(rows, extra=["meeting", "channel", "agent"]), problems


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Say how much there is, how to complete a recording that was cut short, and whose words are missing.

    A copy of some of the meetings is a note only. The words are read when `deep`.
    """
    annotated = _word_files(root)
    lengths = dict(zip(utterances["path"], in_threads(_length, list(utterances["path"]), "measuring"), strict=True))
    if expected is not None:
        problems = count_problems(count(root, utterances), expected, root, "write the miniature again")
    else:
        problems = _resume_problems(utterances, lengths) + _partial_problems(root, utterances, lengths)
    if unheard := sorted(set(utterances["meeting"]) - set(annotated)):
        what = f"no word times of {len(unheard)} meetings: {_some(unheard)}"
        remedy = "unpack ami_public_manual_1.6.2.zip beside amicorpus, or do without words"
        problems.append(Problem("warning", what, str(root), remedy))
    return problems + (_word_problems(utterances, annotated, lengths) if deep else [])


def count(root: Path, utterances: pd.DataFrame) -> dict[str, int]:
    """Count recordings, meetings, single headsets, and the speakers whose words are annotated."""
    annotated, meetings = _word_files(root), utterances["meeting"].unique()
    return {
        "recordings": len(utterances),
        "meetings": len(meetings),
        "headsets": int((utterances["channel"] != MIX).sum()),
        "word alignments": sum(len(annotated.get(meeting, {})) for meeting in meetings),
    }


def whole(root: Path, utterances: pd.DataFrame) -> bool:
    """Whether all meetings are there, each as a mix or with the headsets of all who took part."""
    return not (MEETINGS - set(utterances["meeting"]) or _missing_headsets(root, utterances))


def words(root: Path) -> pd.DataFrame:
    """Read the words: columns id (the recording's), word, start and end, in seconds of the recording.

    A mix has the words of all speakers; a headset those of its own, and none where it is not known whose it is. Rows
    are sorted by id, start and end. Vocal sounds, disfluency marks, gaps, punctuation, words without times and words
    that end before they begin are left out. The frame is empty without annotations.

    Raises:
        SerkitError: an annotation file cannot be read.
    """
    annotated = _word_files(root)
    jobs = [
        (row["id"], path)
        for row in _recordings(root, [])
        for agent, path in annotated.get(row["meeting"], {}).items()
        if row["channel"] == MIX or row["agent"] == agent
    ]
    found = in_threads(_read_words, [path for _, path in jobs], "reading words")
    rows = [(name, *word) for (name, _), part in zip(jobs, found, strict=True) for word in part]
    table = pd.DataFrame(rows, columns=WORD_COLUMNS)
    return table.sort_values(["id", "start", "end"], ignore_index=True)


def _word_files(root: Path) -> dict[str, dict[str, Path]]:
    """Find the word annotations: meeting, agent, file."""
    annotated: dict[str, dict[str, Path]] = {}
    for path in listing(_annotations_folder(root) / "words"):
        if match := _WORDS.fullmatch(path.name):
            annotated.setdefault(match[1], {})[match[2]] = path
    return annotated


def _meetings_folder(root: Path) -> Path:
    inner = root / "amicorpus"
    return inner if inner.is_dir() else root


def _annotations_folder(root: Path) -> Path:
    """The folder that holds words/ and corpusResources/: in the meetings' folder or beside it, newest release first."""
    meetings = _meetings_folder(root)
    for base in (meetings, meetings.parent):
        for folder in [*reversed(listing(base, "ami_public_manual_*")), base]:
            if (folder / "words").is_dir():
                return folder
    return meetings


def _recordings(root: Path, problems: list[Problem]) -> list[dict]:
    """Choose the recordings of each meeting, sorted by id; what is left aside is added to `problems`."""
    speakers = _speakers(root, problems)
    rows: list[dict] = []
    doubled: list[Path] = []
    others: list[Path] = []
    empty: list[Path] = []
    for folder in listing(_meetings_folder(root)):
        if not (folder / "audio").is_dir():
            continue
        if folder.name not in MEETINGS:
            what = f"{folder.name!r} is none of the {len(MEETINGS)} meetings; left aside"
            problems.append(Problem("warning", what, str(folder), "restore its name, as ES2002a, or remove it"))
            continue
        channels: dict[str, Path] = {}
        for path in listing(folder / "audio"):
            match = _RECORDING.fullmatch(path.name)
            if not match:
                others.append(path)
            elif match[1] == folder.name:
                channels[match[2]] = path
            else:
                what = f"a recording of {match[1]} in the folder of {folder.name}; left aside"
                problems.append(Problem("warning", what, str(path), f"move it to {match[1]}/audio"))
        if not channels:
            empty.append(folder)
        elif MIX in channels:
            doubled += [path for channel, path in channels.items() if channel != MIX]
            channels = {MIX: channels[MIX]}
        rows += [_row(path, folder.name, channel, speakers) for channel, path in channels.items()]
    for left, why, level in (
        (doubled, "headset files left aside: the mix of their meeting holds the same speech", "note"),
        (others, f"other files left aside: only {MIX} and Headset-n are read", "note"),
        (empty, f"meeting folders without {MIX} or Headset-n", "warning"),
    ):
        if left:
            remedy = "nothing to do" if level == "note" else "download their audio, or remove them"
            problems.append(Problem(level, f"{len(left)} {why}", str(left[0]), remedy))
    return sorted(rows, key=lambda row: row["id"])


_Speakers = dict[tuple[str | None, str], tuple[str | None, str | None]]  # (meeting, channel): (agent, participant)


def _row(path: Path, meeting: str, channel: str, speakers: _Speakers) -> dict:
    agent, speaker = speakers.get((meeting, channel), (None, None))
    known = _PARTICIPANT.fullmatch(speaker or "")
    return {
        "id": path.stem,
        "path": str(path),
        "speaker": speaker,
        "gender": known[1].lower() if known else None,
        "session": meeting,
        "meeting": meeting,
        "channel": channel,
        "agent": agent,
    }


def _speakers(root: Path, problems: list[Problem]) -> _Speakers:
    """Read whose headset is whose: (meeting, channel) to (agent, participant)."""
    path = _annotations_folder(root) / "corpusResources" / "meetings.xml"
    if not path.is_file():
        return {}
    try:
        return {
            (meeting.get("observation"), f"Headset-{speaker.get('channel')}"): (
                speaker.get("nxt_agent"),
                speaker.get("global_name"),
            )
            for meeting in _parse(path).iter("meeting")
            for speaker in meeting.iter("speaker")
        }
    except SerkitError as error:
        problems.append(Problem("warning", f"the speakers are unknown: {error}", str(path), UNPACK))
        return {}


def _parse(path: Path) -> ET.Element:
    try:
        return ET.parse(path).getroot()  # noqa: S314 (the user's own copy)
    except (ET.ParseError, ValueError) as error:
        raise SerkitError(f"{path} is no readable XML ({error}); {UNPACK}") from error


def _read_words(path: Path) -> list[tuple[str, float, float]]:
    """Read one speaker's words of a meeting: (word, start, end)."""
    rows = []
    for element in _parse(path).iter("w"):
        word, start, end = (element.text or "").strip(), element.get("starttime"), element.get("endtime")
        if element.get("punc") == "true" or not (word and start and end):
            continue
        try:
            first, last = float(start), float(end)
        except ValueError as error:
            raise SerkitError(f"{path}: {word!r} lasts from {start!r} to {end!r}, no times; {UNPACK}") from error
        if first <= last:
            rows.append((word, first, last))
    return rows


def _length(path: str) -> tuple[float, str]:
    """Seconds of a recording, and what is wrong with it."""
    try:
        return header(path).duration, ""
    except SerkitError as error:
        return 0.0, str(error)


def _partial_problems(root: Path, utterances: pd.DataFrame, lengths: dict[str, tuple[float, str]]) -> list[Problem]:
    """Say how much there is of the corpus."""
    problems = []
    if fewer := _missing_headsets(root, utterances):
        what = f"{len(fewer)} meetings without a mix lack headsets: {_some(fewer)}"
        problems.append(Problem("note", what, str(root), "nothing to do, or download their Mix-Headset"))
    missing = sorted(MEETINGS - set(utterances["meeting"]))
    if not missing:
        return problems
    hours = sum(seconds for seconds, _ in lengths.values()) / 3600
    what = (
        f"partial copy: {len(MEETINGS) - len(missing)} of {len(MEETINGS)} meetings, {len(utterances)} recordings, "
        f"{hours:.2f} hours; missing: {_some(missing)}"
    )
    remedy = "nothing to do: any amount of unlabelled speech can be used"
    return [Problem("note", what, str(root), remedy), *problems]


def _missing_headsets(root: Path, utterances: pd.DataFrame) -> list[str]:
    """Meetings without a mix that lack a headset: of those in meetings.xml, or by `PEOPLE` where it is not there."""
    worn: dict[str | None, set[str]] = {}
    for meeting, channel in _speakers(root, []):
        worn.setdefault(meeting, set()).add(channel)
    single = utterances[utterances["channel"] != MIX]
    return [
        meeting
        for meeting, channels in single.groupby("meeting")["channel"]
        if worn.get(meeting, {f"Headset-{number}" for number in range(PEOPLE.get(meeting, 4))}) - set(channels)
    ]


def _resume_problems(utterances: pd.DataFrame, lengths: dict[str, tuple[float, str]]) -> list[Problem]:
    """Say how to complete a recording that was cut short; the shared check has said that it is."""
    problems = []
    for row in utterances.itertuples():
        wrong = lengths[row.path][1]
        if "is truncated" in wrong or "is empty" in wrong:
            address = f"{SERVER}/AMICorpusMirror/amicorpus/{row.meeting}/audio/{row.id}.wav"
            remedy = f"resume it: curl -C - -o '{row.path}' {address}"
            problems.append(Problem("error", "the download of this recording stopped early", row.path, remedy))
    return problems


def _word_problems(
    utterances: pd.DataFrame, annotated: dict[str, dict[str, Path]], lengths: dict[str, tuple[float, str]]
) -> list[Problem]:
    """Name annotations that cannot be read, and those that go on after the recording's end."""
    seconds = {row.meeting: lengths[row.path][0] for row in utterances.itertuples()}
    problems = []
    for meeting in sorted(set(seconds) & set(annotated)):
        for path in annotated[meeting].values():
            try:
                late = max((end for _, _, end in _read_words(path)), default=0.0)
            except SerkitError as error:
                problems.append(Problem("error", str(error), str(path), UNPACK))
                continue
            if seconds[meeting] and late > seconds[meeting] + LATE:
                what = f"the last word ends at {late:.2f} s, but the recording lasts {seconds[meeting]:.2f} s"
                problems.append(Problem("warning", what, str(path), "use only the words before the recording's end"))
    return problems


def _some(names: list[str]) -> str:
    """Name up to three, and say how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
