"""Read audio files: mono float32 in [-1, 1), at the sample rate asked for.

Several channels are averaged (RAVDESS has five stereo files among mono ones); other sample rates are
converted with soxr's highest quality. A file that cannot be read, holds fewer samples than its header
promises, or holds a value that is not a number is an error that names it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from serkit.errors import SerkitError

if TYPE_CHECKING:
    import soundfile


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says.

    Attributes:
        sample_rate: in Hz.
        channels: number of channels.
        samples: samples a channel.
    """

    sample_rate: int
    channels: int
    samples: int

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.samples / self.sample_rate


def info(path: Path | str) -> AudioInfo:
    """Read a file's header and see that the file is as long as the header says.

    Raises:
        SerkitError: the file is missing, is not audio, is empty or is truncated.
    """
    import soundfile

    path = Path(path)
    _require_file(path)
    try:
        with soundfile.SoundFile(path) as stream:
            found = AudioInfo(stream.samplerate, stream.channels, stream.frames)
            if found.samples:
                # libsndfile shortens a truncated WAV without a word, so the header is read again
                # below; for other formats a read of the last sample tells.
                stream.seek(found.samples - 1)
                complete = len(stream.read(1)) == 1 and _wav_is_complete(path)
    except soundfile.LibsndfileError as error:
        raise SerkitError(f"cannot read {path} as audio ({error.error_string.strip()}); copy it again") from error
    if not found.samples:
        raise SerkitError(f"{path} holds no samples; copy it again")
    if not complete:
        raise SerkitError(f"{path} is truncated: it holds fewer samples than its header says; copy it again")
    return found


def piece(stream: "soundfile.SoundFile", first: int, last: int, path: Path | str) -> np.ndarray:
    """Samples `first` to `last` of an open file: mono, float32.

    Args:
        stream: the file.
        first: of the samples.
        last: behind the last one.
        path: what errors call the file.

    Raises:
        SerkitError: it cannot be decoded, is truncated, or holds samples that are not finite.
    """
    import soundfile

    try:
        if stream.tell() != first:
            stream.seek(first)
        signal = stream.read(last - first, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise SerkitError(f"cannot decode {path} ({error.error_string.strip()}); copy it again") from error
    if len(signal) != last - first:
        raise SerkitError(f"{path} is truncated: {len(signal)} of {last - first} samples; copy it again")
    signal = signal.mean(axis=1) if signal.shape[1] > 1 else signal[:, 0]
    if not np.isfinite(signal).all():
        raise SerkitError(f"{path} holds samples that are not finite numbers; export it again")
    return signal


def read(
    path: Path | str, sample_rate: int | None = None, start: float = 0.0, end: float | None = None
) -> tuple[np.ndarray, int]:
    """Read a file, or a piece of it.

    Args:
        path: WAV, FLAC, OGG or another format that libsndfile reads.
        sample_rate: in Hz; the signal is resampled to it. None keeps the file's own.
        start: where to begin, in seconds.
        end: where to stop, in seconds; None is the file's end.

    Returns:
        The signal, float32 of shape (samples,), and its sample rate in Hz.

    Raises:
        SerkitError: the file is missing, unreadable, truncated or empty, or holds NaN.
    """
    import soundfile

    found = info(path)
    first = round(start * found.sample_rate)
    last = found.samples if end is None else min(round(end * found.sample_rate), found.samples)
    if not 0 <= first < last:
        raise SerkitError(f"{path} lasts {found.duration:.3f} s: there is no piece from {start} s to {end} s in it")
    with soundfile.SoundFile(path) as stream:
        signal, rate = piece(stream, first, last, path), found.sample_rate
    if sample_rate is not None and sample_rate != rate:
        import soxr

        signal, rate = soxr.resample(signal, rate, sample_rate, quality="VHQ"), sample_rate
    return signal, rate


def trim(signal: np.ndarray, sample_rate: int, below: float) -> np.ndarray:
    """Cut the silence before and after the speech.

    Args:
        signal: shape (samples,).
        sample_rate: in Hz.
        below: how many dB under the loudest 25 ms (root mean square) speech begins and ends; 40 suits a studio.

    Returns:
        A piece of the signal, whole 10 ms longer than the speech at most; the signal itself if nothing is cut. It is
        what ``librosa.effects.trim`` gives, whose import takes longer than all the rest of an answer of `predict`.

    Raises:
        SerkitError: `below` is not above 0.
    """
    if not below > 0:
        raise SerkitError(f"silence begins some dB under the loudest frame; got {below!r}")
    length, step = round(0.025 * sample_rate), round(0.010 * sample_rate)
    padded = np.pad(signal, length // 2)  # frames are centred
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::step]
    power = np.maximum(np.square(frames).mean(axis=1), 1e-10)
    audible = np.flatnonzero(10 * np.log10(power / power.max()) > -below)
    return signal[audible[0] * step : (audible[-1] + 1) * step]


def write(path: Path | str, signal: np.ndarray, sample_rate: int) -> None:
    """Write a mono signal in [-1, 1] as 16-bit PCM; the suffix names the format."""
    import soundfile

    soundfile.write(path, signal, sample_rate, subtype="PCM_16")


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise SerkitError(f"there is no file {path}")
    if path.stat().st_size == 0:
        raise SerkitError(f"{path} is empty (0 bytes); copy it again")


def _wav_is_complete(path: Path) -> bool:
    """Compare the data chunk of a RIFF file with the bytes that are there."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(12)
        if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
            return True  # another format
        position = 12
        while position + 8 <= size:
            stream.seek(position)
            chunk, length = stream.read(4), int.from_bytes(stream.read(4), "little")
            if chunk == b"data":
                # A length of 2^32-1 or 0 is what streaming writers leave when they cannot seek back.
                return length in (0, 0xFFFFFFFF) or position + 8 + length <= size
            position += 8 + length + length % 2
    return False
