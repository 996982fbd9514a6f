"""Speech-like sound from a source and a filter, for the synthetic miniatures.

Glottal pulses (with jitter and shimmer) and breath noise pass through moving formants; consonants are bursts of
band noise, murmurs or silences; words stand where the alignment says. A voice has its own pitch, formant
scale and breathiness; a manner of speaking, an emotion for instance, changes level and range of pitch, rate,
loudness, spectral tilt and breath. The sound is neither intelligible nor natural: it has what acoustic
features measure. Source-filter model: Fant, Acoustic Theory of Speech Production, 1960; pulse shape: Rosenberg 1971.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.signal

SAMPLE_RATE = 16000  # Hz
HOP, WINDOW, FFT = 128, 256, 512  # samples: 8, 16 and 32 ms
BANDWIDTHS = np.array([70.0, 90.0, 130.0, 200.0])  # Hz, of the four formants

# Vowel targets: first three formants in Hz of a man's voice (Peterson and Barney 1952, rounded).
VOWELS = {
    "i": (270, 2290, 3010), "e": (530, 1840, 2480), "a": (730, 1090, 2440), "o": (570, 840, 2410),
    "u": (300, 870, 2240), "A": (660, 1720, 2410), "I": (390, 1990, 2550), "@": (500, 1500, 2500),
}  # fmt: skip
# Consonants: voicing, noise, noise band centre in Hz, formants or None (keep those of the vowel), seconds.
CONSONANTS = {
    "s": (0.0, 0.5, 5500, None, 0.10), "S": (0.0, 0.5, 3500, None, 0.10), "f": (0.0, 0.25, 4500, None, 0.08),
    "h": (0.1, 0.3, 1800, None, 0.06), "z": (0.4, 0.3, 5000, None, 0.08), "v": (0.5, 0.1, 4000, None, 0.06),
    "m": (0.5, 0.0, 0, (250, 1100, 2200), 0.07), "n": (0.5, 0.0, 0, (250, 1500, 2400), 0.06),
    "l": (0.7, 0.0, 0, (350, 1100, 2700), 0.06), "r": (0.7, 0.0, 0, (380, 1200, 1650), 0.06),
    "w": (0.7, 0.0, 0, (300, 700, 2200), 0.06), "y": (0.7, 0.0, 0, (280, 2200, 2900), 0.06),
    "p": (0.0, 0.05, 1200, None, 0.07), "t": (0.0, 0.15, 4200, None, 0.07), "k": (0.0, 0.12, 2200, None, 0.07),
    "b": (0.2, 0.03, 1000, None, 0.05), "d": (0.2, 0.08, 3500, None, 0.05), "g": (0.2, 0.06, 2000, None, 0.05),
}  # fmt: skip
VOWEL_SECONDS = 0.12

LEXICON = {
    "WHAT": "wat", "DO": "du", "YOU": "yu", "MEAN": "min", "NO": "no", "I": "ai", "REALLY": "rili", "NEED": "nid",
    "TO": "tu", "SEE": "si", "THE": "d@", "FORM": "form", "TODAY": "t@de", "WE": "wi", "WAITED": "wetId",
    "AN": "An", "HOUR": "aur", "HERE": "hir", "HE": "hi", "CALLED": "kold", "ME": "mi", "LAST": "lAst",
    "NIGHT": "nait", "AND": "And", "SAID": "sed", "IT": "It", "WAS": "waz", "FINE": "fain", "LET": "let",
    "US": "as", "GO": "go", "HOME": "hom", "NOW": "nau", "MAYBE": "mebi", "SOMEONE": "samwan", "LOST": "lost",
    "MY": "mai", "BAG": "bAg", "THERE": "der", "IS": "Iz", "NOTHING": "natIn", "LEFT": "left",
}  # fmt: skip
SENTENCES = (
    "WHAT DO YOU MEAN", "NO", "I REALLY NEED TO SEE THE FORM TODAY", "WE WAITED AN HOUR HERE",
    "HE CALLED ME LAST NIGHT AND SAID IT WAS FINE", "LET US GO HOME NOW", "MAYBE SOMEONE LOST MY BAG THERE",
    "THERE IS NOTHING LEFT", "YOU SAID IT WAS HERE", "I NEED TO GO", "WE LOST IT", "IS IT REALLY FINE",
    "SOMEONE CALLED MY HOME TODAY AND SAID NOTHING", "NOW LET ME SEE",
)  # fmt: skip


@dataclass(frozen=True)
class Voice:
    """What a speaker brings along.

    Attributes:
        pitch: mean fundamental frequency in Hz.
        formants: scale of the formant frequencies, 1 for an average man.
        breath: aspiration noise against the pulses.
    """

    pitch: float
    formants: float
    breath: float


@dataclass(frozen=True)
class Manner:
    """How something is said; differences add on these scales.

    Attributes:
        pitch: semitones above the voice's own pitch.
        pitch_range: standard deviation of pitch in semitones.
        rate: speed against the lexicon's durations.
        level: in dB.
        tilt: slope of the spectrum in dB an octave above 500 Hz; more is brighter.
        breath: added to the voice's own.
        smile: share by which spread lips raise the formants.
    """

    pitch: float = 0.0
    pitch_range: float = 2.0
    rate: float = 1.0
    level: float = 0.0
    tilt: float = 0.0
    breath: float = 0.0
    smile: float = 0.0

    def vary(self, random: np.random.Generator, spread: float) -> "Manner":
        """Draw a manner near this one; `spread` 1 makes the emotions overlap."""
        draw = random.normal(size=7) * spread
        return replace(
            self,
            pitch=self.pitch + 1.5 * draw[0],
            pitch_range=max(0.4, self.pitch_range + 0.7 * draw[1]),
            rate=float(np.clip(self.rate + 0.1 * draw[2], 0.6, 1.6)),
            level=self.level + 2.0 * draw[3],
            tilt=self.tilt + 1.2 * draw[4],
            breath=max(-0.01, self.breath + 0.03 * draw[5]),
            smile=self.smile + 0.015 * draw[6],
        )


@dataclass(frozen=True)
class Segment:
    """A stretch of constant targets: a phone or a silence."""

    phone: str  # "" is silence
    seconds: float


# How each label sounds; see `Manner` for the units.
MANNERS = {
    "neu": Manner(pitch=0.0, pitch_range=1.6, rate=1.0, level=0.0, tilt=0.0, breath=0.0, smile=0.0),
    "hap": Manner(pitch=4.0, pitch_range=3.4, rate=1.1, level=2.5, tilt=1.6, breath=0.0, smile=0.06),
    "sad": Manner(pitch=-1.2, pitch_range=1.0, rate=0.8, level=-4.0, tilt=-3.0, breath=0.05, smile=-0.02),
    "ang": Manner(pitch=2.0, pitch_range=2.6, rate=1.15, level=5.0, tilt=4.0, breath=0.0, smile=-0.02),
    "exc": Manner(pitch=5.0, pitch_range=4.0, rate=1.2, level=4.0, tilt=2.2, breath=0.0, smile=0.05),
    "fru": Manner(pitch=1.0, pitch_range=2.0, rate=1.02, level=2.0, tilt=1.6, breath=0.01, smile=-0.01),
    "sur": Manner(pitch=5.0, pitch_range=3.6, rate=1.05, level=2.0, tilt=0.8, breath=0.0, smile=0.02),
    "fea": Manner(pitch=3.5, pitch_range=2.0, rate=1.2, level=-1.0, tilt=-0.5, breath=0.05, smile=0.0),
    "dis": Manner(pitch=-1.0, pitch_range=1.8, rate=0.9, level=1.0, tilt=1.0, breath=0.01, smile=-0.03),
    "oth": Manner(pitch=0.5, pitch_range=2.0, rate=1.0, level=0.0, tilt=0.0, breath=0.01, smile=0.0),
    "xxx": Manner(pitch=1.0, pitch_range=2.2, rate=1.0, level=1.0, tilt=0.4, breath=0.01, smile=0.0),
}


def voice_of(random: np.random.Generator, female: bool) -> Voice:
    """Draw a speaker's voice."""
    pitch, formants = (200.0, 1.16) if female else (115.0, 1.0)
    return Voice(
        pitch * 2 ** random.uniform(-0.25, 0.25), formants * random.uniform(0.95, 1.05), random.uniform(0.01, 0.04)
    )


def plan_words(
    pronunciations: list[str], rate: float, pauses: list[float]
) -> tuple[list[Segment], list[tuple[float, float]]]:
    """Lay phones and pauses out in time, on the alignment's grid of 10 ms.

    Args:
        pronunciations: the phones of each word, one letter each.
        rate: speed of speaking.
        pauses: seconds of silence before each word, and after the last.

    Returns:
        Segments, and start and end of each word in seconds.
    """
    segments, times, now = [], [], 0.0
    for phones, pause in zip(pronunciations, pauses, strict=False):
        if round(pause, 2):
            segments.append(Segment("", round(pause, 2)))
            now += round(pause, 2)
        seconds = np.array([CONSONANTS[phone][4] if phone in CONSONANTS else VOWEL_SECONDS for phone in phones]) / rate
        word = max(0.05, round(float(seconds.sum()), 2))
        segments += [Segment(phone, part) for phone, part in zip(phones, seconds * word / seconds.sum(), strict=True)]
        times.append((now, now + word))
        now += word
    segments.append(Segment("", round(pauses[-1], 2)))
    return segments, [(round(start, 2), round(end, 2)) for start, end in times]


def speak(segments: list[Segment], voice: Voice, manner: Manner, random: np.random.Generator) -> np.ndarray:
    """Synthesise an utterance.

    Returns:
        The signal, float64 of shape (samples,) at 16 kHz, within [-1, 1].
    """
    samples = round(sum(segment.seconds for segment in segments) * SAMPLE_RATE)
    frames = samples // HOP + 1
    voicing, noise, centre, formants = _targets(segments, frames)
    pitch = _pitch(frames, samples, voice, manner, random)
    source = _pulses(pitch, random) + (voice.breath + manner.breath) * random.normal(size=samples)
    voiced = _filter(
        source, _formant_response(formants * voice.formants * (1 + manner.smile)) * _tilt_response(manner.tilt), voicing
    )
    hiss = _filter(random.normal(size=samples), _band_response(centre * (0.85 + 0.15 * voice.formants)), noise)
    speech = voiced / _level(voiced) + 1.2 * 10 ** (manner.tilt / 40) * hiss
    signal = 0.06 * 10 ** (manner.level / 20) * speech
    signal += _room_noise(samples, random)
    return 0.99 * np.tanh(signal / 0.99)  # a soft limit, as loud speech has in a recording


def _targets(segments: list[Segment], frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Interpolate the segments' targets: voicing (T,), noise (T,), noise centre (T,) and formants (T, 4)."""
    vowels = [VOWELS.get(segment.phone) for segment in segments]
    following = next((vowel for vowel in vowels if vowel), VOWELS["@"])
    table = []
    for segment, vowel in zip(segments, vowels, strict=True):
        following = vowel or following
        voicing, noise, centre, own, _ = CONSONANTS.get(segment.phone, (float(bool(segment.phone)), 0, 3000, None, 0))
        table.append((voicing, noise, centre or 3000, *(own or following), 3500))
    ends = np.cumsum([segment.seconds for segment in segments])
    seconds = np.array([segment.seconds for segment in segments])
    # Targets hold in the middle of a segment and move linearly between segments, over at most 30 ms a side.
    edge = np.minimum(seconds / 3, 0.03)
    knots = np.stack([ends - seconds + edge, ends - edge], axis=1).ravel()
    values = np.repeat(np.array(table, dtype=float), 2, axis=0)
    time = np.arange(frames) * HOP / SAMPLE_RATE
    moving = np.stack([np.interp(time, knots, column) for column in values.T], axis=1)
    return moving[:, 0], moving[:, 1], moving[:, 2], moving[:, 3:]


def _pitch(frames: int, samples: int, voice: Voice, manner: Manner, random: np.random.Generator) -> np.ndarray:
    """Fundamental frequency of each sample in Hz: declination, and a slow random movement."""
    knots = max(3, round(frames * HOP / SAMPLE_RATE / 0.18))
    movement = random.normal(size=knots)
    movement *= manner.pitch_range / max(movement.std(), 1e-9)
    fall = np.linspace(1.5, -1.5, knots)
    semitones = manner.pitch + movement - movement.mean() + fall
    time = np.linspace(0, knots - 1, samples)
    smooth = np.interp(time, np.arange(knots), semitones)
    return np.clip(voice.pitch * 2 ** (smooth / 12), 60, 480)


def _pulses(pitch: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Derivative of Rosenberg's glottal pulse at the phase that is the integral of `pitch`."""
    cycle = np.cumsum(pitch / SAMPLE_RATE)
    count = int(cycle[-1]) + 2
    jitter = np.interp(cycle, np.arange(count), np.cumsum(random.normal(scale=0.01, size=count)))
    cycle = cycle + jitter - jitter.min()
    count = int(cycle[-1]) + 2
    shimmer = 1 + 0.06 * random.normal(size=count)
    phase = cycle % 1.0
    opening, closing = 0.4, 0.16  # shares of the period
    rise = np.where(phase < opening, 0.5 * np.pi / opening * np.sin(np.pi * phase / opening), 0.0)
    late = (phase - opening) / closing
    fall = np.where((late >= 0) & (late < 1), -0.5 * np.pi / closing * np.sin(0.5 * np.pi * late), 0.0)
    return (rise + fall) * shimmer[cycle.astype(int)]


def _frequencies() -> np.ndarray:
    return np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT


def _formant_response(formants: np.ndarray) -> np.ndarray:
    """Complex response of second-order resonators in series; formants (T, 4) in Hz, result (T, bins)."""
    z = np.exp(-2j * np.pi * _frequencies() / SAMPLE_RATE)
    denominator = np.ones((len(formants), len(z)), dtype=complex)
    gain = np.ones(len(formants))
    for formant, bandwidth in zip(formants.T, BANDWIDTHS, strict=True):
        radius = np.exp(-np.pi * bandwidth / SAMPLE_RATE)
        first = -2 * radius * np.cos(2 * np.pi * np.minimum(formant, 7000) / SAMPLE_RATE)
        denominator *= 1 + first[:, None] * z + radius**2 * z**2
        gain *= 1 + first + radius**2  # one at 0 Hz
    return gain[:, None] / denominator


def _tilt_response(tilt: float) -> np.ndarray:
    octaves = np.log2(np.maximum(_frequencies(), 500) / 500)
    return 10 ** (tilt * octaves / 20)


def _band_response(centre: np.ndarray) -> np.ndarray:
    """A bell of 1.2 kHz about each frame's centre frequency: (T, bins)."""
    return np.exp(-0.5 * ((_frequencies() - centre[:, None]) / 1200) ** 2)


def _filter(source: np.ndarray, response: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Filter block by block: every windowed block has its own response (T, bins) and gain (T,)."""
    blocks = len(gain)
    padded = np.pad(source, (WINDOW // 2, WINDOW + FFT))
    index = np.arange(blocks)[:, None] * HOP + np.arange(WINDOW)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)  # shifted by half of it, sums to one
    spectrum = np.fft.rfft(padded[index] * window * gain[:, None], FFT) * response
    output = np.fft.irfft(spectrum, FFT)  # (blocks, FFT)
    total = np.zeros((blocks + FFT // HOP) * HOP)
    for part in range(FFT // HOP):
        piece = output[:, part * HOP : (part + 1) * HOP].ravel()
        total[part * HOP : part * HOP + len(piece)] += piece
    return total[WINDOW // 2 : WINDOW // 2 + len(source)]


def _level(signal: np.ndarray) -> float:
    return float(np.sqrt(np.mean(signal**2)))


def _room_noise(samples: int, random: np.random.Generator) -> np.ndarray:
    """Low, dull noise at about -71 dB."""
    pole = np.exp(-2 * np.pi * 400 / SAMPLE_RATE)
    return 0.001 * scipy.signal.lfilter([1 - pole], [1, -pole], random.normal(size=samples))
