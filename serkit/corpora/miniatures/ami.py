"""The miniature of AMI: four meetings of about 50 seconds, four people each, who never speak at the same time.

Everyone speaks calmly, as in the corpus, where strong emotions do not appear. The words' times are in files of the
manual annotation's own form, one a speaker, with punctuation and vocal sounds among the words. Meetings of one
series (ES2002a, ES2002b) have the same people.
"""

import zlib
from pathlib import Path

import numpy as np

from serkit import audio
from serkit.corpora.loaders import ami
from serkit.corpora.miniatures.synthesis import LEXICON, MANNERS, SAMPLE_RATE, SENTENCES, plan_words, speak, voice_of

VERSION = 1  # of the sound and the texts
MEETINGS = ("ES2002a", "ES2002b", "IS1009a", "TS3003a")
AGENTS = "ABCD"
SHORTEST, LONGEST = 46.0, 53.0  # seconds after which a meeting ends with the turn that is being spoken
CALM = ("neu", "neu", "oth", "xxx")
SPREAD = 0.5  # of the manners about these
PAUSE = (0.15, 0.6)  # seconds, before and after each turn


def write(root: Path, seed: int) -> dict[str, int]:
    """Write the miniature; returns the counts that a copy of it must have."""
    folder = root / "ami_public_manual_1.6.2" / "words"
    folder.mkdir(parents=True)
    for meeting in MEETINGS:
        signal, tokens = _meeting(meeting, seed)
        path = root / "amicorpus" / meeting / "audio" / f"{meeting}.{ami.MIX}.wav"
        path.parent.mkdir(parents=True)
        audio.write(path, signal, SAMPLE_RATE)
        for agent in AGENTS:
            _write_words(folder, f"{meeting}.{agent}.words", tokens[agent])
    return ami.count(root, ami.read(root)[1])


def _meeting(meeting: str, seed: int) -> tuple[np.ndarray, dict[str, list[tuple]]]:
    """Speak a meeting: the signal, and each speaker's tokens (kind, text, start, end)."""
    series = zlib.crc32(meeting[:6].encode())
    voices = {
        agent: voice_of(np.random.default_rng([seed, series, number]), female=number % 2 == 0)
        for number, agent in enumerate(AGENTS)
    }
    random = np.random.default_rng([seed, zlib.crc32(meeting.encode())])
    until = random.uniform(SHORTEST, LONGEST)
    order = random.permutation(list(AGENTS)).tolist()  # at first everyone speaks once
    tokens: dict[str, list[tuple]] = {agent: [] for agent in AGENTS}
    pieces, now, agent = [], 0.0, ""
    while now < until:
        agent = order.pop() if order else str(random.choice([other for other in AGENTS if other != agent]))
        manner = MANNERS[CALM[random.integers(len(CALM))]].vary(random, SPREAD)
        spoken = SENTENCES[random.integers(len(SENTENCES))].split()
        pauses = [random.uniform(*PAUSE), *[0.0] * (len(spoken) - 1), random.uniform(*PAUSE)]
        segments, times = plan_words([LEXICON[word] for word in spoken], manner.rate, pauses)
        if not tokens[agent]:  # a breath before one's first word
            tokens[agent].append(("vocalsound", "", now, now + times[0][0]))
        tokens[agent] += [
            ("word", _spelt(word, first=number == 0), now + start, now + end)
            for number, (word, (start, end)) in enumerate(zip(spoken, times, strict=True))
        ]
        tokens[agent].append(("punctuation", ".", now + times[-1][1], now + times[-1][1]))
        pieces.append(speak(segments, voices[agent], manner, random))
        now += len(pieces[-1]) / SAMPLE_RATE
    return np.concatenate(pieces), tokens


def _spelt(word: str, first: bool) -> str:
    return word.capitalize() if first or word == "I" else word.lower()


def _write_words(folder: Path, name: str, tokens: list[tuple]) -> None:
    forms = {
        "word": "<w {0}>{1}</w>",
        "punctuation": '<w {0} punc="true">{1}</w>',
        "vocalsound": '<vocalsound {0} type="other"/>',
    }
    lines = ['<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?>']
    lines.append(f'<nite:root nite:id="{name}" xmlns:nite="http://nite.sourceforge.net/">')
    for number, (kind, text, start, end) in enumerate(tokens):
        attributes = f'nite:id="{name}{number}" starttime="{start:.2f}" endtime="{end:.2f}"'
        lines.append("   " + forms[kind].format(attributes, text))
    text = "\n".join([*lines, "</nite:root>"]) + "\n"
    (folder / f"{name}.xml").write_text(text, encoding="iso-8859-1", newline="\n")
