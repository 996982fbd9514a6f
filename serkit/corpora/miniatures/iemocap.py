"""The miniature of IEMOCAP: about 160 utterances of 0.8 to 4.5 seconds, of ten speakers in five sessions.

Labels, transcripts, alignments and ratings are in the corpus' own grammar, and so are its oddities: an utterance
without alignment, a blank rating, files that begin with "._", sub-folders of another grammar.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from serkit import audio
from serkit.corpora.loaders import iemocap
from serkit.corpora.miniatures.synthesis import (
    LEXICON,
    MANNERS,
    SAMPLE_RATE,
    SENTENCES,
    Manner,
    Segment,
    Voice,
    plan_words,
    speak,
    voice_of,
)

VERSION = 1  # of the sound and the texts
OVERLAP = 0.5  # of the emotions; at 0.5 a linear classifier of mean log-mel bands reaches a UA of about 0.7
SHORTEST, LONGEST = 0.8, 4.5  # seconds an utterance
BLANK_DOMINANCE = "Ses04M_script03_2_M000"  # one rater left it out, and it counts as 0, as in the release

# Typical valence, activation and dominance, 1 to 5.
ATTRIBUTES = {
    "neu": (3, 2.5, 3), "hap": (4, 3.3, 3), "sad": (2, 2.3, 2.6), "ang": (1.8, 3.8, 4), "exc": (4, 3.7, 3.4),
    "fru": (2.2, 3.1, 3.3), "sur": (3.2, 3.6, 3), "fea": (2, 3.6, 2.2), "dis": (2, 3, 3.4), "oth": (3, 3, 3),
    "xxx": (2.8, 3, 3),
}  # fmt: skip
RATER_WORDS = {
    "neu": "Neutral", "hap": "Happiness", "sad": "Sadness", "ang": "Anger", "exc": "Excited", "fru": "Frustration",
    "sur": "Surprise", "fea": "Fear", "dis": "Disgust", "oth": "Other",
}  # fmt: skip

# A speaker's utterances: improvised ones in about the corpus' proportions, then scripted ones.
IMPROVISED = ("neu", "sad", "hap", "neu", "ang", "neu", "sad", "hap", "neu", "ang", "sad", "neu")
SCRIPTED = ("fru", "xxx", "exc")
EXTRA = ("sur", "ang", "neu", "fea", "hap", "oth", "sad", "dis", "neu", "fru")  # one a speaker, scripted
DIALOGUES = {  # names after "Ses0N", odd ones of the release among them
    1: ("F_impro01", "F_impro03", "M_impro04", "F_script01_1"),
    2: ("F_impro01", "M_impro02", "M_impro04", "M_script02_2"),
    3: ("M_impro03", "M_impro05a", "M_impro05b", "F_script01_3"),
    4: ("F_impro01", "M_impro03", "F_impro08", "M_script03_2"),
    5: ("F_impro03", "M_impro01", "M_impro07", "M_script01_1b"),
}


@dataclass
class _Turn:
    """One utterance of the plan."""

    name: str
    code: str
    start: float
    words: list[tuple[str, float, float]]
    signal: np.ndarray
    lines: list[str]
    attributes: list[float]

    @property
    def end(self) -> float:
        """Seconds in the dialogue."""
        return self.start + len(self.signal) / SAMPLE_RATE


def write(root: Path, seed: int) -> dict[str, int]:
    """Write the miniature; returns the counts that a copy of it must have."""
    for session in iemocap.SESSIONS:
        voices = {
            letter: voice_of(np.random.default_rng([seed, session, ord(letter)]), female=letter == "F")
            for letter in "FM"
        }
        for dialogue, plan in _session_plan(session).items():
            random = np.random.default_rng([seed, zlib.crc32(dialogue.encode())])
            _write_dialogue(root / f"Session{session}", dialogue, _turns(dialogue, plan, voices, random))
    left_over = root / "Session1" / "dialog" / "EmoEvaluation" / "._Ses01F_impro01.txt"
    left_over.write_bytes(bytes([0, 5, 22, 7]))  # how such files begin
    return iemocap.count(root, iemocap.read(root)[1])


def _session_plan(session: int) -> dict[str, list[tuple[str, str]]]:
    """Dialogue: (speaker letter, label code) of each turn."""
    pairs = zip(IMPROVISED, IMPROVISED[::-1], strict=True)
    improvised = [(letter, code) for pair in pairs for letter, code in zip("FM", pair, strict=True)]
    extra = EXTRA[2 * session - 2 : 2 * session]
    scripted = [(letter, code) for code in SCRIPTED for letter in "MF"] + list(zip("FM", extra, strict=True))
    if session % 2:  # some improvised turns without agreement or of another label, as in the corpus
        improvised.insert(5, ("F", "exc"))
        improvised.insert(11, ("M", "xxx"))
    names = [f"Ses0{session}{name}" for name in DIALOGUES[session]]
    cuts = (0, 9, 17, len(improvised))
    plan = {name: improvised[first:last] for name, first, last in zip(names, cuts[:-1], cuts[1:], strict=False)}
    return plan | {names[3]: scripted}


def _turns(
    dialogue: str, plan: list[tuple[str, str]], voices: dict[str, Voice], random: np.random.Generator
) -> list[_Turn]:
    """Make the turns of one dialogue, one after the other."""
    turns, now, numbers = [], 1.0 + random.uniform(0, 5), {"F": 0, "M": 0}
    for letter, code in plan:
        name = f"{dialogue}_{letter}{numbers[letter]:03d}"
        numbers[letter] += 1
        manner = MANNERS[code].vary(random, OVERLAP)
        words, segments = _sentence(manner, random)
        signal = speak(segments, voices[letter], manner, random)
        lines, attributes = _rating_lines(code, letter, random)
        if name == BLANK_DOMINANCE:
            lines[-3:-1] = ["A-E3:\tval 2; act 3; dom  ;\t()", "A-E4:\tval 2; act 3; dom  1;\t()"]
            attributes = [2.0, 3.0, 0.5]
        turns.append(_Turn(name, code, round(now, 4), words, signal, lines, attributes))
        now = turns[-1].end + random.uniform(0.2, 0.8)
    return turns


def _sentence(manner: Manner, random: np.random.Generator) -> tuple[list[tuple[str, float, float]], list[Segment]]:
    """Draw a sentence of 0.8 to 4.5 s: words with their times, and phones."""
    while True:
        words = SENTENCES[random.integers(len(SENTENCES))].split()
        pauses = np.where(random.uniform(size=len(words) + 1) < 0.15, random.uniform(0.1, 0.3), 0.0)
        pauses[[0, -1]] = random.uniform(0.1, 0.35, size=2)
        segments, times = plan_words([LEXICON[word] for word in words], manner.rate, pauses.tolist())
        seconds = sum(segment.seconds for segment in segments)
        if seconds < SHORTEST:
            pauses[-1] += SHORTEST - seconds
            segments, times = plan_words([LEXICON[word] for word in words], manner.rate, pauses.tolist())
        if seconds <= LONGEST:
            return [(word, *time) for word, time in zip(words, times, strict=True)], segments


def _rating_lines(code: str, letter: str, random: np.random.Generator) -> tuple[list[str], list[float]]:
    """Draw raters' lines whose majority is the label; and the mean of the external raters' attributes."""
    others = [other for other in RATER_WORDS if other != code]
    drawn = [others[index] for index in random.permutation(len(others))[:3]]
    external = drawn if code == "xxx" else [code, code, code if random.uniform() < 0.6 else drawn[0]]
    external = [external[index] for index in random.permutation(3)]
    own = drawn[0] if code == "xxx" else code
    lines = [f"C-E{rater}:\t{RATER_WORDS[given]};\t()" for rater, given in zip((2, 3, 4), external, strict=True)]
    lines.append(f"C-{letter}1:\t{RATER_WORDS[own]};\t()")
    rated = np.clip(np.rint(ATTRIBUTES[code] + random.normal(scale=0.6, size=(3, 3))), 1, 5).astype(int)
    for rater, (valence, activation, dominance) in zip(("E3", "E4", f"{letter}1"), rated, strict=True):
        lines.append(f"A-{rater}:\tval {valence}; act {activation}; dom  {dominance};\t()")
    return lines, rated[:2].mean(axis=0).tolist()


def _write_dialogue(session: Path, dialogue: str, turns: list[_Turn]) -> None:
    labels = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
    texts = []
    for turn in turns:
        attributes = ", ".join(f"{value:.4f}" for value in turn.attributes)
        labels += [f"[{turn.start:.4f} - {turn.end:.4f}]\t{turn.name}\t{turn.code}\t[{attributes}]", *turn.lines, ""]
        text = " ".join(word for word, _, _ in turn.words).capitalize() + "."
        texts.append(f"{turn.name} [{turn.start:08.4f}-{turn.end:08.4f}]: {text}")
    first = turns[0]
    texts.insert(1, f"{dialogue}_{first.name[-4]}XX0 [{first.end:08.4f}-{first.end + 0.1:08.4f}]: [BREATHING]")
    texts.insert(2, "M: [LAUGHTER]")
    evaluation = session / "dialog" / "EmoEvaluation"
    _write_lines(evaluation / f"{dialogue}.txt", labels)
    _write_lines(session / "dialog" / "transcriptions" / f"{dialogue}.txt", texts)
    # Sub-folders of another grammar: a program that searches the folder recursively reads them as labels.
    category = [f"{turn.name} :{RATER_WORDS.get(turn.code, 'Other')}; ()" for turn in turns]
    attribute = [f"{turn.name} :act 3; :val 3; :dom 3;  ()" for turn in turns]
    _write_lines(evaluation / "Categorical" / f"{dialogue}_e2_cat.txt", category)
    _write_lines(evaluation / "Attribute" / f"{dialogue}_e3_atr.txt", attribute)
    sentences = session / "sentences"
    (sentences / "wav" / dialogue).mkdir(parents=True)
    for turn in turns:
        audio.write(sentences / "wav" / dialogue / f"{turn.name}.wav", turn.signal, SAMPLE_RATE)
        if turn.name not in iemocap.UNALIGNED:
            lines = _alignment_lines(turn.words, len(turn.signal) * 100 // SAMPLE_RATE)
            _write_lines(sentences / "ForcedAlignment" / dialogue / f"{turn.name}.wdseg", lines)


def _alignment_lines(words: list[tuple[str, float, float]], frames: int) -> list[str]:
    """Write words in frames of 10 ms, as Sphinx-3 does; the last frame is inclusive."""
    rows, now = [], 0
    for word, start, end in words:
        first, last = round(start * 100), round(end * 100) - 1
        if first > now:
            rows.append((now, first - 1, "++BREATHING++" if now else "<s>"))
        rows.append((first, last, f"{word}(2)" if word == "WHAT" else word))
        now = last + 1
    rows.append((now, frames - 1, "</s>"))
    scores = [-1000 * (last - first + 1) for first, last, _ in rows]
    lines = ["\t SFrm  EFrm    SegAScr Word"]
    lines += [f"\t{row[0]:5d} {row[1]:5d} {score:10d} {row[2]}" for row, score in zip(rows, scores, strict=True)]
    return [*lines, f" Total score: {sum(scores):11d}"]


def _write_lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
