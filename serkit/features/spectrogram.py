"""Spectrograms: li2018's mu-law companded one, and chang2017's in dB (`log_spectrogram`).

li2018, Section 2.1: Hamming 40 ms (640 samples at 16 kHz), 10 ms shift (160), DFT 1600, 0-4 kHz. The paper's input
is a matrix of 400 frequencies by 200 times for 2 s of speech. Three things it leaves open are settled here:

* **Frames.** 2 s hold 197 whole windows, not 200. A frame starts every 10 ms as long as there is
  speech; the signal is followed by zeros so that the last windows are whole: an utterance of N samples
  has ceil(N / 160) frames, 2 s have exactly 200, and frame t always begins at t x 10 ms.
* **Bins.** The 10 Hz grid has 401 points from 0 to 4 kHz; the 400 from 0 to 3990 Hz are kept.
* **Quantity.** "Spectrogram" is read as the magnitude of the DFT; power is a setting.
"""

from typing import Literal

import numpy as np

from serkit.errors import SerkitError, one_of
from serkit.features.normalisation import scale
from serkit.features.signals import check_signal, frames_of

BLOCK = 256  # frames transformed at a time: the work stays in the processor's cache


def linear_spectrogram(
    signal: np.ndarray,
    sample_rate: int,
    window: float = 0.040,
    hop: float = 0.010,
    resolution: float = 10.0,
    top: float = 4000.0,
    quantity: Literal["magnitude", "power"] = "magnitude",
) -> np.ndarray:
    """Short-time spectrum before any scaling (li2018, 2.1).

    Args:
        signal: mono samples, shape (samples,).
        sample_rate: in Hz, at least twice `top`.
        window: length of the symmetric Hamming window in seconds (640 samples at 16 kHz).
        hop: time between two frames in seconds (160 samples at 16 kHz).
        resolution: distance of two bins in Hz; the DFT has sample_rate / resolution points.
        top: upper edge in Hz, itself left out.
        quantity: magnitude or power of the DFT.

    Returns:
        float32 of shape (ceil(samples / hop), top / resolution): (200, 400) for 2 s at 16 kHz.

    Raises:
        SerkitError: an empty, non-finite or two-dimensional signal, or a rate below twice `top`.

    >>> linear_spectrogram(np.ones(32000), 16000).shape
    (200, 400)
    """
    from scipy import fft

    signal = check_signal(signal, sample_rate).astype(np.float32, copy=False)
    if sample_rate < 2 * top:
        raise SerkitError(f"a sample rate of {sample_rate} Hz cannot hold {top:g} Hz: use {2 * top:g} Hz or more")
    if quantity not in ("magnitude", "power"):
        raise SerkitError(f"unknown quantity {quantity!r}; valid: magnitude, power")
    length, step, points = round(window * sample_rate), round(hop * sample_rate), round(sample_rate / resolution)
    if points < length:
        raise SerkitError(f"a resolution of {resolution:g} Hz needs windows of at most {points} samples; got {length}")
    bins, count = round(top / resolution), -(-len(signal) // step)
    padded = np.concatenate([signal, np.zeros(max((count - 1) * step + length - len(signal), 0), np.float32)])
    frames, taper = frames_of(padded, length, step), np.hamming(length).astype(np.float32)
    values = np.empty((count, bins), np.float32)
    for begin in range(0, count, BLOCK):
        block = slice(begin, begin + BLOCK)
        spectrum = fft.rfft(frames[block] * taper, points, axis=1)[:, :bins]
        values[block] = np.abs(spectrum) if quantity == "magnitude" else spectrum.real**2 + spectrum.imag**2
    return values


def mulaw(values: np.ndarray, mu: float = 255.0) -> np.ndarray:
    """Mu-law companding, equation 1 of li2018: sgn(x) ln(1 + mu |x|) / ln(1 + mu) for x in [-1, 1].

    >>> mulaw(np.array([-1.0, 0.0, 1.0]))
    array([-1.,  0.,  1.])
    """
    companded = np.abs(values)
    companded *= mu
    np.log1p(companded, out=companded)
    companded /= np.log1p(mu)
    return np.copysign(companded, values)


def mulaw_spectrogram(
    signal: np.ndarray, sample_rate: int, mu: float = 255.0, lowest: float = -1.0, **settings
) -> np.ndarray:
    """Li's input (li2018, 2.1): `linear_spectrogram`, scaled to [-1, 1] over the whole signal, then `mulaw`.

    Args:
        signal: mono samples, shape (samples,): a 2 s segment for the paper's 200 x 400 matrix.
        sample_rate: in Hz.
        mu: constant of the mu-law.
        lowest: see `scale`.
        settings: passed on to `linear_spectrogram`.

    Returns:
        float32 of shape (frames, bins), in [lowest, 1]; frames by bins, the transpose of the paper's matrix.

    Raises:
        SerkitError: as `linear_spectrogram`.
    """
    return mulaw(scale(linear_spectrogram(signal, sample_rate, **settings), lowest), mu)


def log_spectrogram(
    signal: np.ndarray,
    sample_rate: int,
    window: float = 0.064,
    hop: float = 0.016,
    height: int = 128,
    top: float = 8000.0,
    bands: Literal["linear", "mel"] = "linear",
    reference: Literal["utterance", "full scale"] = "utterance",
    range_db: float = 80.0,
) -> np.ndarray:
    """Spectrogram in dB, scaled to [-1, 1]: an image that a generator with tanh at its end can draw (chang2017, 4).

    The paper says: 1024 samples, 64 ms, 128 pixels high, 0-11 kHz. It leaves the rest open, and audio of 16 kHz holds
    nothing above 8 kHz: 11025 Hz is half of 22.05 kHz, to which a common library resamples unless told otherwise.
    Settled here: a periodic Hann window; a hop of a quarter of it; power in dB; the whole range that 16 kHz hold.

    Frames are as in `linear_spectrogram`: frame t begins at t x hop, and zeros follow the signal.

    Args:
        signal: mono samples, shape (samples,), full scale 1.
        sample_rate: in Hz.
        window: length of the window, and of the DFT, in seconds (1024 samples at 16 kHz: bins 15.625 Hz apart).
        hop: time between two frames in seconds (256 samples at 16 kHz).
        height: number of rows.
        top: upper edge in Hz. Rows that lie above half the sample rate hold -1: with 11025, the upper 35 of 128.
        bands: "linear" rows are equally wide, each the mean power of its bins (at 16 kHz and 8 kHz, four); "mel"
            rows are triangles on Slaney's mel scale (librosa's), each the weighted mean power of its bins.
        reference: what 0 dB is: the greatest row of the "utterance" (of the signal given), or a sine of "full scale"
            in its own bin (a mean over four bins reads 4 to 7 dB less).
        range_db: what lies further below 0 dB is set to -range_db.

    Returns:
        float32 of shape (ceil(samples / hop), height), from -1 (-range_db) to 1 (0 dB), lowest frequency first; frames
        by rows, the transpose of the paper's image. Silence is -1.

    Raises:
        SerkitError: an empty, non-finite or two-dimensional signal, unknown bands or reference, a range that is not
            positive, or rows narrower than the bins.

    >>> log_spectrogram(np.ones(32000), 16000).shape
    (125, 128)
    """
    from scipy import fft

    signal = check_signal(signal, sample_rate).astype(np.float32, copy=False)
    one_of(reference, ("utterance", "full scale"), "reference")
    if not range_db > 0:
        raise SerkitError(f"range_db is a positive number of dB; got {range_db!r}")
    length, step = round(window * sample_rate), round(hop * sample_rate)
    bank, count = _bank(bands, sample_rate, length, height, top), -(-len(signal) // step)
    padded = np.concatenate([signal, np.zeros(max((count - 1) * step + length - len(signal), 0), np.float32)])
    frames = frames_of(padded, length, step)
    taper = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    values = np.empty((count, height), np.float32)
    for begin in range(0, count, BLOCK):
        block = slice(begin, min(begin + BLOCK, count))
        spectrum = fft.rfft(frames[block] * taper, axis=1)
        np.matmul(spectrum.real**2 + spectrum.imag**2, bank, out=values[block])
    loudest = float(values.max()) if reference == "utterance" else float(taper.sum() / 2) ** 2
    if loudest == 0:
        values.fill(-1)
        return values
    values /= loudest
    np.maximum(values, 10 ** (-range_db / 10), out=values)
    np.log(values, out=values)
    values *= 20 / (np.log(10) * range_db)  # dB = 10 log10; -range_db ... 0 is -1 ... 1
    values += 1
    return np.clip(values, -1, 1, out=values)


def _bank(bands: str, sample_rate: int, length: int, height: int, top: float) -> np.ndarray:
    """Weights that pool the bins of a DFT to rows, float32 of shape (length // 2 + 1, height).

    The weights of a row sum to 1, or to 0 where it lies above half the sample rate.
    """
    one_of(bands, ("linear", "mel"), "bands")
    bins = np.arange(length // 2 + 1)
    if bands == "linear":
        row = np.floor(bins * (sample_rate / length) / (top / height) + 1e-6)
        bank = (row[:, None] == np.arange(height)).astype(np.float32)
        begins = np.arange(height) * top / height
    else:
        import warnings

        from librosa import filters, mel_frequencies

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rows without a bin are an error below
            bank = filters.mel(sr=sample_rate, n_fft=length, n_mels=height, fmin=0, fmax=top, norm=None).T
        begins = mel_frequencies(height + 2, fmin=0, fmax=top)[:-2]
    total = bank.sum(axis=0)
    narrow = np.flatnonzero((total == 0) & (begins + sample_rate / length <= sample_rate / 2))
    if len(narrow):
        raise SerkitError(
            f"row {narrow[0] + 1} of {height} {bands} rows up to {top:g} Hz holds no bin: bins are "
            f"{sample_rate / length:g} Hz apart; use a longer window or fewer rows"
        )
    return bank / np.where(total > 0, total, 1)
