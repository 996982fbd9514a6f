"""The 36 frame features of tao2018 (Section 3): 25 ms frames (400 samples at 16 kHz) every 10 ms (160).

The paper names 13 MFCCs, zero-crossing rate, energy, entropy of energy, spectral centroid, spread,
entropy, flux and rolloff, 12 chroma values and their deviation, harmonic ratio and pitch: the set of
the program pyAudioAnalysis. The first 34 follow version 0.3.14 of that program, its peculiarities
included, because they are the method:

* frames are rectangular (no taper, no pre-emphasis), the DFT is as long as the frame, the Nyquist bin
  is dropped: K = 200 bins of 40 Hz at 16 kHz;
* the frequency axis of centroid and chroma is one bin too high: bin k counts as (k + 1) fs / 2K;
* the MFCC filters are laid out on bins of fs / K Hz although a bin is fs / 2K wide: a filter said to
  be at f sits at f / 2. They weigh the magnitude, not the power;
* in the chroma vector the highest bin of a semitone stands for all of its bins, and the value is
  divided by the number of bins of another semitone.

Its harmonic ratio is not a ratio and its pitch is one sample of lag too short; `harmonic` chooses
between a corrected form and a compatible one (see `short_term_36`).

x is a frame of W samples, X its magnitude spectrum over K, P = X^2.
"""

from typing import Literal

import numpy as np

from serkit.errors import SerkitError, one_of
from serkit.features.signals import check_signal, frames_of

SHORT_TERM_36_NAMES = (
    "zcr",
    "energy",
    "energy_entropy",
    "spectral_centroid",
    "spectral_spread",
    "spectral_entropy",
    "spectral_flux",
    "spectral_rolloff",
    *(f"mfcc_{i}" for i in range(1, 14)),
    *(f"chroma_{i}" for i in range(1, 13)),
    "chroma_std",
    "harmonic_ratio",
    "pitch",
)
EPSILON = float(np.finfo(float).eps)
BLOCK = 96  # frames worked on at a time: the work stays in the processor's cache and memory is bounded
LOWEST_RATE = 8000  # the MFCC filters reach 6854 Hz on their axis


def short_term_36(
    signal: np.ndarray,
    sample_rate: int,
    window: float = 0.025,
    hop: float = 0.010,
    harmonic: Literal["corrected", "compatible"] = "corrected",
    epsilon: float = EPSILON,
) -> np.ndarray:
    """Compute the 36 features of each frame, in the order of `SHORT_TERM_36_NAMES` (tao2018, 3).

    The signal's mean is removed and its peak scaled to 1 first, so that its gain does not matter.

    Args:
        signal: mono samples, shape (samples,), in any scale.
        sample_rate: in Hz, 8000 or more.
        window: length of a frame in seconds; up to 37 ms, because the lowest bin must not lie below
            the lowest semitone (27.5 Hz).
        hop: time between two frames in seconds.
        harmonic: how the last two are computed. "corrected": the harmonic ratio is the highest peak of
            the normalised autocorrelation behind its first sign change, in [0, 1]; the pitch belongs to
            the shortest lag with a peak nearly as high. "compatible": as pyAudioAnalysis, where the
            ratio can be far above 1 and the pitch is 1-3 % high and often an octave or more off.
        epsilon: guards divisions and logarithms; 1e-8 is what the program used in the paper's year,
            machine precision what it has used since 2020.

    Returns:
        float64 of shape (floor((samples - window) / hop) + 1, 36), not normalised (see `z_normalise`).
        Pitch is in Hz, 0 where a frame has none; centroid, spread and rolloff are fractions of half the
        sample rate.

    Raises:
        SerkitError: a signal that is not one channel, is shorter than a frame or holds NaN; a sample
            rate or window that the features cannot be computed with; an unknown setting.

    >>> short_term_36(np.sin(np.arange(16000)), 16000).shape
    (98, 36)
    """
    one_of(harmonic, ("corrected", "compatible"), "setting of harmonic")
    length, step = _samples(window, sample_rate), _samples(hop, sample_rate)
    _check_settings(sample_rate, length, step, epsilon)
    signal = check_signal(signal, sample_rate, shortest=length)

    mean = signal.mean(dtype=np.float64)
    peak = max(signal.max() - mean, mean - signal.min()) + 1e-10 * _full_scale(signal)
    frames, bins = frames_of(signal, length, step), length // 2
    mfcc_filters, cosines = _mfcc_filters(bins, sample_rate), _cosines()
    chroma_weights = _chroma_weights(bins, sample_rate)
    values, previous = np.empty((len(frames), 36)), None
    for begin in range(0, len(frames), BLOCK):
        block = values[begin : begin + BLOCK]
        x = frames[begin : begin + BLOCK].astype(np.float64)
        x -= mean
        x /= peak
        power = x**2
        block[:, 0] = _zero_crossing_rate(x)
        block[:, 1] = power.mean(axis=1)
        block[:, 2] = _entropy(power, epsilon)
        power_spectrum = _power_spectrum(x)
        magnitude = np.sqrt(power_spectrum)
        block[:, 3:8], previous = _spectral(magnitude, power_spectrum, previous, epsilon)
        block[:, 8:21] = np.log10(magnitude @ mfcc_filters + epsilon) @ cosines
        block[:, 21:33] = _chroma(power_spectrum, chroma_weights, epsilon)
        block[:, 33] = block[:, 21:33].std(axis=1)
        block[:, 34:] = _harmonic(x, power, sample_rate, harmonic, epsilon)
    return values


def _samples(seconds: float, sample_rate: int) -> int:
    """Whole samples, rounded down; the small addition keeps 0.29 s at 100 Hz from being 28."""
    return int(seconds * sample_rate + 1e-6)


def _full_scale(signal: np.ndarray) -> float:
    """Size of a signal that is as loud as can be: 1, or 2^15 for 16-bit integers."""
    return float(np.iinfo(signal.dtype).max) + 1 if signal.dtype.kind in "iu" else 1.0


def _check_settings(sample_rate: int, length: int, step: int, epsilon: float) -> None:
    if not sample_rate >= LOWEST_RATE:
        raise SerkitError(f"these features need a sample rate of {LOWEST_RATE} Hz or more; got {sample_rate!r}")
    # Chroma counts semitones from 27.5 Hz up to half the rate in a vector of K places, one a bin.
    fewest = round(12 * np.log2(sample_rate / 55)) + 1
    most = int(sample_rate / 55 * 2 ** (1 / 24))
    if not fewest <= length // 2 <= most:
        shortest, longest = 2 * fewest, 2 * most + 1
        raise SerkitError(
            f"a window of {length} samples ({length / sample_rate:.4f} s) cannot be used at {sample_rate} Hz: "
            f"use {shortest} to {longest} samples ({shortest / sample_rate:.4f} to {longest / sample_rate:.4f} s)"
        )
    if step < 1:
        raise SerkitError(f"a hop must be a sample or more; got {step} samples at {sample_rate} Hz")
    if not epsilon > 0:
        raise SerkitError(f"epsilon must be positive, such as 1e-8; got {epsilon!r}")


def _zero_crossing_rate(x: np.ndarray) -> np.ndarray:
    """Sign changes over the steps of a frame; touching zero counts a half."""
    sign = (x > 0).astype(np.int8) - (x < 0)
    return np.abs(np.diff(sign, axis=1)).sum(axis=1) / (2 * (x.shape[1] - 1))


def _entropy(power: np.ndarray, epsilon: float) -> np.ndarray:
    """Entropy in bits of how a row's energy is spread over ten equal parts; a remainder is left out."""
    size = power.shape[1] // 10
    parts = power[:, : 10 * size].reshape(-1, 10, size).sum(axis=2)
    share = parts / (power.sum(axis=1, keepdims=True) + epsilon)
    return -(share * np.log2(share + epsilon)).sum(axis=1)


def _power_spectrum(x: np.ndarray) -> np.ndarray:
    """P: |DFT|^2 / K^2 of the bins 0 to K - 1."""
    from scipy import fft

    bins = x.shape[1] // 2
    spectrum = fft.rfft(x, axis=1)[:, :bins]
    return (spectrum.real**2 + spectrum.imag**2) / bins**2


def _spectral(
    magnitude: np.ndarray, power: np.ndarray, previous: np.ndarray | None, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """Centroid, spread, entropy, flux and rolloff; `previous` is the distribution of the frame before."""
    bins = magnitude.shape[1]
    axis = np.arange(1, bins + 1) / bins  # in units of half the sample rate
    total = magnitude.sum(axis=1)
    top = magnitude.max(axis=1)
    top[top == 0] = epsilon
    weight = total / top + epsilon
    centroid = magnitude @ axis / top / weight
    spread = np.sqrt(np.einsum("fk,fk->f", (axis - centroid[:, None]) ** 2, magnitude) / top / weight)

    distribution = magnitude / (total + bins * epsilon)[:, None]
    change = distribution.copy()
    change[1:] -= distribution[:-1]
    change[0] -= distribution[0] if previous is None else previous
    flux = np.einsum("fk,fk->f", change, change)

    running = np.cumsum(power, axis=1)
    rolloff = (running > 0.90 * running[:, -1:] - epsilon).argmax(axis=1) / bins
    values = np.stack([centroid, spread, _entropy(power, epsilon), flux, rolloff], axis=1)
    return values, distribution[-1]


def _mfcc_filters(bins: int, sample_rate: int) -> np.ndarray:
    """Forty triangles of equal area: 13 edges 66.67 Hz apart, then 29 each 1.0711703 times the last; (K, 40)."""
    linear = 133.33 + 200 / 3 * np.arange(13)
    edges = np.concatenate([linear, linear[-1] * 1.0711703 ** np.arange(1, 30)])
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    grid = np.arange(bins)[:, None] * sample_rate / bins  # twice the true frequency, as in the program
    rising, falling = (grid - low) / (centre - low), (high - grid) / (high - centre)
    return np.maximum(np.minimum(rising, falling), 0) * 2 / (high - low)


def _cosines() -> np.ndarray:
    """Orthonormal DCT-II from 40 log filters to coefficients 0 to 12; (40, 13)."""
    basis = np.cos(np.pi / 40 * np.outer(np.arange(40) + 0.5, np.arange(13))) * np.sqrt(2 / 40)
    basis[:, 0] /= np.sqrt(2)
    return basis


def _chroma_weights(bins: int, sample_rate: int) -> np.ndarray:
    """What each bin's power adds to the 12 pitch classes from A to G sharp; (K, 12)."""
    frequency = np.arange(1, bins + 1) * sample_rate / (2 * bins)
    semitone = np.round(12 * np.log2(frequency / 27.5)).astype(int)
    bins_of = np.bincount(semitone)  # how many bins a semitone has
    last = {s: k for k, s in enumerate(semitone)}  # the highest bin of a semitone overwrites the others
    weights = np.zeros((bins, 12))
    for s, k in last.items():
        weights[k, s % 12] = 1 / bins_of[semitone[semitone[s]]]  # meant: bins_of[s]
    return weights


def _chroma(power: np.ndarray, weights: np.ndarray, epsilon: float) -> np.ndarray:
    """Share of the power in each pitch class."""
    total = power.sum(axis=1, keepdims=True)
    total[total == 0] = epsilon
    return power @ weights / total


def _harmonic(x: np.ndarray, power: np.ndarray, sample_rate: int, form: str, epsilon: float) -> np.ndarray:
    """Harmonic ratio and pitch in Hz, from the autocorrelation at lags up to 16 ms.

    r[j] is the autocorrelation at lag j + 1, G[j] its normalised form, 0 before the first sign change
    of r. A G that changes its sign too often belongs to no voice.
    """
    from scipy import fft

    length = x.shape[1]
    reach = min(round(0.016 * sample_rate) - 1, length - 3)
    size = fft.next_fast_len(length + reach + 1, real=True)
    spectrum = fft.rfft(x, size, axis=1)
    r = fft.irfft(spectrum.real**2 + spectrum.imag**2, size, axis=1)[:, 1 : reach + 2]
    negative = r < 0
    r, changes = r[:, :reach], negative[:, 1:] != negative[:, :-1]
    first = np.where(changes.any(axis=1), changes.argmax(axis=1), reach)
    crossings = changes[:, :-1].sum(axis=1) + 0.5 * ((first > 0) & (first < reach))
    usable = (crossings <= 0.15 * (reach - 1))[:, None] & (np.arange(reach) >= first[:, None])

    energy = np.cumsum(power, axis=1)
    if form == "compatible":
        G = np.where(usable, _compatible(r, energy, first, epsilon), 0)
        ratio = G.max(axis=1)
        lag = G.argmax(axis=1) + epsilon  # one too short: index 0 is lag 1
    else:
        G = np.where(usable, _corrected(r, energy, epsilon), 0)
        ratio = np.clip(G.max(axis=1), 0, 1)
        lag = _first_high_peak(G, ratio) + 1
    pitch = sample_rate / lag
    pitch[(pitch > 5000) | (ratio < 0.1)] = 0
    return np.stack([ratio, pitch], axis=1)


def _corrected(r: np.ndarray, energy: np.ndarray, epsilon: float) -> np.ndarray:
    """R(lag) over the geometric mean of the energies of the two stretches that it compares."""
    reach, total = r.shape[1], energy[:, -1:]
    product = total - energy[:, :reach]  # samples lag to W - 1
    product *= energy[:, -2 : -2 - reach : -1]  # samples 0 to W - lag - 1
    # Stretches with hardly any energy correlate by chance: they count as if they had a little more.
    np.maximum(product, 1e-12 * total**2, out=product)
    return r / (np.sqrt(product, out=product) + epsilon)


def _compatible(r: np.ndarray, energy: np.ndarray, first: np.ndarray, epsilon: float) -> np.ndarray:
    """As pyAudioAnalysis: the whole frame's energy and that of a beginning which shrinks from 16 ms on."""
    reach = r.shape[1]
    shrinking = np.clip(reach - (np.arange(reach) - first[:, None]), 0, reach)
    return r / (np.sqrt(energy[:, -1:] * np.take_along_axis(energy, shrinking, axis=1)) + epsilon)


def _first_high_peak(G: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """Index of the first local maximum that reaches 90 % of the highest: twice the period peaks as well."""
    rising = np.zeros((len(G), G.shape[1] + 1), bool)  # into each value and out of the last
    rising[:, 0] = True
    np.greater(G[:, 1:], G[:, :-1], out=rising[:, 1:-1])
    high = 0.9 * highest[:, None] <= G
    return (rising[:, :-1] & ~rising[:, 1:] & high).argmax(axis=1)
