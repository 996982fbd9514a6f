"""The 743 frame features of zhao2018 (Section 4.2): all 27 features of YAAFE, 1024-sample frames at 16 kHz.

The paper says "all the 27 features", "default parameters", 743 dimensions and frames of 1024 samples. That
is the complete set of YAAFE 0.64/0.65 without its raw samples, every feature with a block of 1024 samples:
the only subset of that version's features that has 743 dimensions. The values follow the program, its
peculiarities included, because they are the method:

* the kurtosis of its shape statistics is no kurtosis: one term lacks a square, which makes it hugely negative;
* `Envelope` weighs the past with a kernel that is not reversed in time, so the oldest sample counts most;
* `AmplitudeModulation` looks for modulation in the six points that the envelope of one frame has: its two
  frequencies are constant for speech;
* the 24 bands of `Loudness` are squeezed below 8 kHz, the floor of `OBSI` compares an amplitude with a power,
  and the MFCCs are of magnitudes, with decimal logarithms.

55 of the columns follow linearly from others or are constant for speech: see `serkit.features.normalisation`.

Departures from the program: where a frame is digitally silent (see `yaafe_743`); spectral values smaller than
machine precision, not only those of exactly 0, become machine precision; a distribution that sits on one point
(a single click) has no skewness and a kurtosis of -3, which is what the program gives for no distribution at
all; and the one frame of a signal of up to `hop` samples has a variation of 0 where the program gives none.

x is a frame of B = 1024 samples, Z its spectrum of K = 513 bins 15.625 Hz apart (periodic Hann window), a = |Z|,
P = a^2. Frame t is centred on sample t x hop: 512 zeros precede the signal, 511 follow it.

Source: B. Mathieu, S. Essid, T. Fillon, J. Prado, G. Richard: YAAFE, an easy to use and efficient audio feature
extraction software. ISMIR 2010, 441-446.
"""

import functools
from typing import Literal

import numpy as np

from serkit.errors import SerkitError, one_of
from serkit.features.signals import check_signal, frames_of

RATE = 16000
LENGTH = 1024  # samples of a frame
BINS = LENGTH // 2 + 1
RESOLUTION = RATE / LENGTH  # Hz from bin to bin
EPSILON = float(np.finfo(float).eps)
BLOCK = 128  # frames worked on at a time: the work stays in the processor's cache and memory is bounded
LOUDEST = 10.0  # a larger sample is not of a signal in [-1, 1], even one that overshoots
DITHER = 2.0**-15  # one step of 16-bit audio
LAGS = 49  # of the autocorrelation
DECIMATION = 200  # samples from one point of an envelope to the next
ORDER = 10  # of the line spectral frequencies
NARROWEST = 0.01  # bins or samples; less wide is a single point

_SHAPE = ("centroid", "spread", "skewness", "kurtosis")
_MODULATION = ("frequency", "strength", "strength_in_range", "product")
# YAAFE's name of each feature and what its columns are called, in the order of the columns.
_COLUMNS = {
    "AmplitudeModulation": [f"{kind}_{what}" for kind in ("tremolo", "grain") for what in _MODULATION],
    "AutoCorrelation": range(LAGS),
    "ComplexDomainOnsetDetection": None,
    "Energy": None,
    "Envelope": range(6),
    "EnvelopeShapeStatistics": _SHAPE,
    "LPC": range(1, 3),
    "LSF": range(1, ORDER + 1),
    "Loudness": range(1, 25),
    "MFCC": range(1, 14),
    "MagnitudeSpectrum": range(BINS),
    "MelSpectrum": range(1, 41),
    "OBSI": range(1, 10),
    "OBSIR": range(1, 9),
    "PerceptualSharpness": None,
    "PerceptualSpread": None,
    "SpectralCrestFactorPerBand": range(1, 20),
    "SpectralDecrease": None,
    "SpectralFlatness": None,
    "SpectralFlatnessPerBand": range(1, 20),
    "SpectralFlux": None,
    "SpectralRolloff": None,
    "SpectralShapeStatistics": _SHAPE,
    "SpectralSlope": None,
    "SpectralVariation": None,
    "TemporalShapeStatistics": _SHAPE,
    "ZCR": None,
}


def _groups() -> dict[str, slice]:
    ends = np.cumsum([1 if columns is None else len(columns) for columns in _COLUMNS.values()]).tolist()
    return {name: slice(*ends) for name, *ends in zip(_COLUMNS, [0, *ends], ends, strict=False)}


YAAFE_743_GROUPS = _groups()
YAAFE_743_NAMES = tuple(
    name if column is None else f"{name}_{column}"
    for name, columns in _COLUMNS.items()
    for column in (columns or (None,))
)
assert len(YAAFE_743_GROUPS) == 27
assert len(YAAFE_743_NAMES) == YAAFE_743_GROUPS["ZCR"].stop == 743


def yaafe_743(
    signal: np.ndarray, sample_rate: int, hop: int = 512, silence: Literal["neutral", "dither"] = "neutral"
) -> np.ndarray:
    """Compute the 743 features of each frame, in the order of `YAAFE_743_NAMES` (zhao2018, 4.2).

    The paper gives the length of a frame and not the step; 512 samples (32 ms) is YAAFE's default.

    Args:
        signal: mono samples, shape (samples,), floats in [-1, 1] or signed integers of full scale. Many
            features depend on the gain, so the signal must keep the scale of its file.
        sample_rate: 16000 Hz: at other rates the same features have other dimensions.
        hop: samples from one frame to the next.
        silence: what becomes of frames in which every sample is 0, for which YAAFE gives NaN or stops.
            "neutral": their LPC coefficients are 0 and their LSFs evenly spaced, as for white noise, and
            the flux from and to them is 0, as it is for a signal's first frame; all else is as in YAAFE.
            "dither": noise of one step of 16-bit audio (2^-15, always the same) is added to the whole
            signal first. Prefer it for corpora with digital silence (RAVDESS): frames next to silence can
            hold a few samples only, and their flux and kurtosis are then a million times those of speech.

    Returns:
        float64 of shape (ceil(samples / hop), 743), finite, not normalised. A signal shorter than a frame
        is followed by zeros.

    Raises:
        SerkitError: a signal that is not one channel, is empty, holds NaN or is not scaled to [-1, 1]; a
            sample rate other than 16000 Hz; an unknown setting.

    >>> yaafe_743(np.sin(np.arange(16000)), 16000).shape
    (32, 743)
    """
    one_of(silence, ("neutral", "dither"), "setting of silence")
    signal = _check(signal, sample_rate, hop)
    if silence == "dither":
        signal = signal + np.float32(DITHER) * np.random.default_rng(0).standard_normal(len(signal), np.float32)
    pad = np.zeros(LENGTH // 2, signal.dtype)
    frames = frames_of(np.concatenate([pad, signal, pad[1:]]), LENGTH, hop)
    values = np.empty((len(frames), len(YAAFE_743_NAMES)))
    spectra = np.full((2, BINS), EPSILON, complex)  # what the changes from frame to frame start from: silence
    for begin in range(0, len(frames), BLOCK):
        x = frames[begin : begin + BLOCK].astype(np.float64)
        spectra = np.concatenate([spectra[-2:], _spectrum(x)])
        magnitudes = np.abs(spectra)
        features = {
            **_temporal(x),
            **_envelope(x),
            **_prediction(x),
            **_spectral(magnitudes[2:]),
            **_perceptual(magnitudes[2:]),
            **_change(spectra, magnitudes),
        }
        for name, columns in YAAFE_743_GROUPS.items():
            found = features[name]
            values[begin : begin + BLOCK, columns] = found if found.ndim == 2 else found[:, None]
    values[0, YAAFE_743_GROUPS["SpectralVariation"]] = 0  # there is nothing to vary from
    return values


def _check(signal: np.ndarray, sample_rate: int, hop: int) -> np.ndarray:
    """Look at the input; return floats scaled to [-1, 1]."""
    signal = check_signal(signal, sample_rate)
    if sample_rate != RATE:
        raise SerkitError(
            f"the 743 features are defined at {RATE} Hz; the signal has {sample_rate} Hz: resample it, for example "
            f"with serkit.audio.read(path, sample_rate={RATE})"
        )
    if isinstance(hop, bool) or not isinstance(hop, int | np.integer) or hop < 1:
        raise SerkitError(f"hop is a whole number of samples, 1 or more, such as 512; got {hop!r}")
    if signal.dtype.kind == "i":
        signal = signal / (float(np.iinfo(signal.dtype).max) + 1)
    loudest = max(signal.max(), -signal.min())
    if loudest > LOUDEST:
        raise SerkitError(f"the signal reaches {loudest:g}: scale it to [-1, 1] (divide 16-bit samples by 32768)")
    return signal


def _spectrum(x: np.ndarray) -> np.ndarray:
    """Z of each frame, shape (frames, K), nowhere smaller than EPSILON."""
    from scipy import fft

    spectrum = fft.rfft(x * (0.5 - 0.5 * np.cos(2 * np.pi / LENGTH * np.arange(LENGTH))), axis=1)
    spectrum[np.abs(spectrum) < EPSILON] = EPSILON
    return spectrum


def _temporal(x: np.ndarray) -> dict[str, np.ndarray]:
    return {"TemporalShapeStatistics": _shape_statistics(np.abs(x)), "ZCR": _zero_crossing_rate(x)}


def _zero_crossing_rate(x: np.ndarray) -> np.ndarray:
    """Changes of sign from one sample that is not 0 to the next such, over B."""
    places = np.flatnonzero(x != 0)
    negative = (x < 0).ravel()[places]
    changes = np.flatnonzero(negative[1:] != negative[:-1])  # from place i to place i + 1
    first = np.searchsorted(places, np.arange(len(x) + 1) * LENGTH)  # of the places in each frame
    inside = np.searchsorted(changes, first[1:] - 1) - np.searchsorted(changes, first[:-1])
    return np.maximum(inside, 0) / LENGTH


def _shape_statistics(weights: np.ndarray) -> np.ndarray:
    """Centroid, spread, skewness and kurtosis of distributions over 0 to N - 1; (frames, N) -> (frames, 4)."""
    total, *sums = (weights @ _powers(weights.shape[1])).T
    total[total == 0] = EPSILON
    m1, m2, m3, m4 = (one / total for one in sums)
    spread = np.sqrt(np.maximum(m2 - m1**2, EPSILON**2))
    width = np.where(spread < NARROWEST, np.inf, spread)
    skewness = (2 * m1**3 - 3 * m1 * m2 + m3) / width**3
    kurtosis = (-3 * m1**4 + 6 * m1 * m2 - 4 * m1 * m3 + m4) / width**4 - 3  # meant: 6 m1^2 m2
    return np.stack([m1, spread, skewness, kurtosis], axis=1)


@functools.cache
def _powers(count: int) -> np.ndarray:
    """Powers 0 to 4 of 0 to N - 1; (N, 5)."""
    return np.arange(count)[:, None] ** np.arange(5.0)


def _envelope(x: np.ndarray) -> dict[str, np.ndarray]:
    """The modulus of the analytic signal, smoothed over 50 ms, at every 200th sample: 6 points."""
    from scipy import fft

    spectrum = fft.rfft(x, axis=1)
    spectrum *= -1j
    spectrum[:, [0, -1]] = 0
    quadrature = fft.irfft(spectrum, LENGTH, axis=1)
    envelope = np.sqrt(x**2 + quadrature**2) @ _envelope_kernel()
    return {
        "Envelope": envelope,
        "EnvelopeShapeStatistics": _shape_statistics(envelope),
        "AmplitudeModulation": _modulation(envelope),
    }


@functools.cache
def _envelope_kernel() -> np.ndarray:
    """What sample n adds to point m: the falling half of a Hann window of 1600 samples; (B, 6)."""
    length = round(0.05 * RATE)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length + 1, 2 * length + 1) / (2 * length + 1))
    window /= window.sum()
    place = np.arange(LENGTH)[:, None] - DECIMATION * (np.arange(6) - 3)
    return np.where((place >= 0) & (place < length), window[place.clip(0, length - 1)], 0)


def _modulation(envelope: np.ndarray) -> np.ndarray:
    """Tremolo (4-8 Hz) and grain (10-40 Hz): frequency in Hz, two strengths, and frequency times strength."""
    strength = np.abs(envelope @ _modulation_waves())
    resolution = RATE / (LENGTH * DECIMATION)
    mean, columns = strength.mean(axis=1), []
    for low, high in ((4, 8), (10, 40)):
        first, end = int(np.ceil(low / resolution)) - 1, int(np.ceil(high / resolution))
        inside = strength[:, first:end]
        frequency, top = (first + inside.argmax(axis=1)) * resolution, inside.max(axis=1)
        above = np.maximum(top - mean, 0)
        columns += [frequency, above, np.maximum(top - inside.mean(axis=1), 0), frequency * above]
    return np.stack(columns, axis=1)


@functools.cache
def _modulation_waves() -> np.ndarray:
    """DFT of 6 points followed by zeros, without its last bin, and a Hann window without its zeros; (6, B / 2)."""
    point = np.arange(6)[:, None]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (point + 1) / 7)
    return window * np.exp(-2j * np.pi / LENGTH * point * np.arange(LENGTH // 2))


def _prediction(x: np.ndarray) -> dict[str, np.ndarray]:
    """Autocorrelation sums, and what linear prediction makes of them."""
    autocorrelation = np.empty((len(x), LAGS))
    for lag in range(LAGS):
        autocorrelation[:, lag] = (x[:, None, : LENGTH - lag] @ x[:, lag:, None])[:, 0, 0]
    k = _reflections(autocorrelation[:, : ORDER + 1])
    return {
        "AutoCorrelation": autocorrelation,
        "Energy": np.sqrt(autocorrelation[:, 0] / LENGTH),
        "LPC": np.stack([k[:, 0] * (1 + k[:, 1]), k[:, 1]], axis=1),
        "LSF": _line_spectral_frequencies(k),
    }


def _reflections(autocorrelation: np.ndarray) -> np.ndarray:
    """Reflection coefficients by Levinson's recursion; (frames, order + 1) -> (frames, order).

    A frame without energy has coefficients 0. Where a frame can be predicted but for rounding (a soft,
    slow swell), coefficients are kept inside the unit circle, where they belong.
    """
    energy = autocorrelation[:, :1]
    silent = energy <= EPSILON**2
    r = np.where(silent, 0, autocorrelation) / np.where(silent, 1, energy)
    order = r.shape[1] - 1
    k, a, error = np.zeros((len(r), order)), np.zeros((len(r), order + 1)), np.ones(len(r))
    a[:, 0] = 1
    for i in range(1, order + 1):
        inner = np.einsum("fj,fj->f", a[:, :i], r[:, i:0:-1])
        k[:, i - 1] = np.clip(-inner / error, -1 + 1e-12, 1 - 1e-12)
        a[:, 1 : i + 1] += k[:, i - 1 : i] * a[:, i - 1 :: -1]
        error *= 1 - k[:, i - 1] ** 2
    return k


def _line_spectral_frequencies(k: np.ndarray) -> np.ndarray:
    """Line spectral frequencies in radians, ascending; reflection coefficients (frames, p) -> (frames, p), p even.

    They are the angles of the roots of A(z) + z^-(p+1) A(1/z) and A(z) - z^-(p+1) A(1/z), which all lie
    on the unit circle. For growing order the two polynomials follow three-term recurrences
    s_n = 2 cos(w / 2) s_(n-1) - b_n s_(n-2), with b_n = (1 -+ k_n)(1 +- k_(n-1)) and k_0 = 1 (P. Delsarte and
    Y. Genin: The split Levinson algorithm. IEEE TASSP 34(3), 1986). So 4 cos^2(w / 2) are the
    eigenvalues of a symmetric tridiagonal matrix: real for every frame, where root finding could stray.
    """
    frames, order = k.shape
    before = np.concatenate([np.ones((frames, 1)), k[:, :-1]], axis=1)
    odd = np.pad(((1 + k) * (1 - before))[:, 1:], ((0, 0), (0, 1)))
    b = np.maximum(np.stack([(1 - k) * (1 + before), odd], axis=1), 0)  # (frames, 2, order)
    matrix, place = np.zeros((frames, 2, order // 2, order // 2)), np.arange(order // 2)
    matrix[..., place, place] = b[..., ::2] + b[..., 1::2]
    matrix[..., place[1:], place[:-1]] = np.sqrt(b[..., 1:-1:2] * b[..., 2::2])  # eigvalsh reads the lower half
    cosines = np.linalg.eigvalsh(matrix).reshape(frames, order) / 2 - 1
    return np.sort(np.arccos(np.clip(cosines, -1, 1)), axis=1)


def _spectral(a: np.ndarray) -> dict[str, np.ndarray]:
    """What describes the shape of one spectrum; magnitudes (frames, K)."""
    shape = _shape_statistics(a)
    power = a**2
    grouped, starts, counts = _grouped_bands(power)
    mean = np.add.reduceat(grouped, starts, axis=1) / counts
    logarithms = np.add.reduceat(np.log(grouped + EPSILON), starts, axis=1) / counts
    total = a.sum(axis=1)
    f = RESOLUTION * np.arange(BINS)
    return {
        "MagnitudeSpectrum": a,
        "SpectralShapeStatistics": shape,
        # An affine function of the centroid, because YAAFE divides the slope by the sum of magnitudes.
        "SpectralSlope": (BINS * RESOLUTION * shape[:, 0] - f.sum()) / (BINS * (f**2).sum() - f.sum() ** 2),
        "SpectralDecrease": a @ _decrease_weights() / (total - a[:, 0]),
        "SpectralFlatness": np.exp(np.log(a).mean(axis=1)) / (total / BINS),
        "SpectralFlatnessPerBand": np.exp(logarithms) / (mean + EPSILON),
        "SpectralCrestFactorPerBand": np.maximum.reduceat(grouped, starts, axis=1) / mean,
        "SpectralRolloff": _rolloff(power),
    }


@functools.cache
def _decrease_weights() -> np.ndarray:
    """1 / k, and for bin 0 what makes them sum to 0: the sum of (a_k - a_0) / k; (K,)."""
    weights = 1 / np.maximum(np.arange(BINS), 1)
    weights[0] = -weights[1:].sum()
    return weights


def _rolloff(power: np.ndarray) -> np.ndarray:
    """Frequency in Hz below which at most 99 % of the power lies, counted from the top."""
    above = np.cumsum(power[:, ::-1], axis=1)
    total = power.sum(axis=1, keepdims=True)
    return (BINS - 1 - (total - above <= 0.99 * total).argmax(axis=1)) * RESOLUTION


def _grouped_bands(power: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Power in the groups of bins that make up the 19 bands.

    Returns:
        The groups of all bands one after the other, (frames, groups); where each band begins; how many
        groups it has.
    """
    bins, group_starts, band_starts, counts = _bands()
    return np.add.reduceat(power[:, bins], group_starts, axis=1), band_starts, counts


@functools.cache
def _bands() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Quarter-octave bands from 250 Hz, 5 % wider on both sides; above 1 kHz bins count in groups of 2, 4 and 8."""
    bins, group_starts, counts = [], [], []
    low = 250 * 2 ** (np.arange(19) / 4)  # the 20th would end above 8 kHz
    first = np.floor(0.95 * low / RESOLUTION + 0.5).astype(int)
    last = np.floor(1.05 * low * 2**0.25 / RESOLUTION + 0.5).astype(int)
    size = np.repeat([1, 2, 4, 8], [8, 4, 4, 3])
    for begin, end, group in zip(first.tolist(), last.tolist(), size.tolist(), strict=True):
        count = (end - begin + 1 + group // 2) // group  # to the nearest, a half upwards
        group_starts += range(len(bins), len(bins) + count * group, group)
        bins += range(begin, begin + count * group)
        counts.append(count)
    return np.array(bins), np.array(group_starts), np.cumsum([0, *counts[:-1]]), np.array(counts)


def _perceptual(a: np.ndarray) -> dict[str, np.ndarray]:
    """What sums a spectrum up in bands on scales of hearing; magnitudes (frames, K)."""
    power = a**2
    mel = a @ _mel_filters()
    loudness = np.add.reduceat(power[:, :-1], _loudness_edges(), axis=1) ** 0.23
    loudness /= loudness.sum(axis=1, keepdims=True)
    floor = np.sqrt(1e-6 * power.max(axis=1, keepdims=True))  # an amplitude, taken as a power
    obsi = np.log(np.maximum(power @ _octave_filters(), floor))
    return {
        "MelSpectrum": mel,
        "MFCC": np.log10(mel) @ _cosines(),
        "Loudness": loudness,
        "PerceptualSharpness": loudness @ _sharpness_weights(),
        "PerceptualSpread": (1 - loudness.max(axis=1)) ** 2,
        "OBSI": obsi,
        "OBSIR": np.diff(obsi, axis=1),
    }


def _triangles(edges: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Triangles of height 1 over each three successive edges, at the points of the grid; (points, edges - 2)."""
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    grid = grid[:, None]
    return np.maximum(np.minimum((grid - low) / (centre - low), (high - grid) / (high - centre)), 0)


@functools.cache
def _mel_filters() -> np.ndarray:
    """Forty triangles of area 1 Hz from 130 to 6854 Hz, evenly spaced in mel = 1127 ln(1 + f / 700); (K, 40)."""
    low, high = 1127 * np.log1p(np.array([130, 6854]) / 700)
    edges = 700 * np.expm1(np.linspace(low, high, 42) / 1127)
    return _triangles(edges, RESOLUTION * np.arange(BINS)) * 2 / (edges[2:] - edges[:-2])


@functools.cache
def _cosines() -> np.ndarray:
    """Orthonormal DCT-II from 40 filters to coefficients 1 to 13; (40, 13)."""
    return np.cos(np.pi / 40 * np.outer(np.arange(40) + 0.5, np.arange(1, 14))) * np.sqrt(2 / 40)


@functools.cache
def _loudness_edges() -> np.ndarray:
    """First bin of each of 24 bands that share 0 to 8 kHz evenly in Bark; the last ends below bin 512."""
    f = RESOLUTION * np.arange(BINS)
    bark = 13 * np.arctan(f / 1315.8) + 3.5 * np.arctan((f / 7518) ** 2)
    return np.searchsorted(bark, bark[-1] / 24 * np.arange(24), side="right") * (np.arange(24) > 0)


@functools.cache
def _sharpness_weights() -> np.ndarray:
    """How sharp each of the 24 bands sounds."""
    band = np.arange(1, 25)
    return 0.11 * band * np.where(band < 15, 1, 0.066 * np.exp(0.171 * band))


@functools.cache
def _octave_filters() -> np.ndarray:
    """Nine triangles of height 2 with peaks an octave apart from 27.5 Hz; (K, 9)."""
    peaks = 27.5 / RESOLUTION * 2.0 ** np.arange(9)
    return 2 * _triangles(np.concatenate([[0], peaks, [BINS - 1]]), np.arange(BINS))


def _change(spectra: np.ndarray, magnitudes: np.ndarray) -> dict[str, np.ndarray]:
    """What compares a frame with the one or two before it; (frames + 2, K) -> (frames,)."""
    a, previous = magnitudes[2:], magnitudes[1:-1]
    norms = np.sqrt(np.einsum("fk,fk->f", magnitudes, magnitudes))
    product = norms[2:] * norms[1:-1]
    difference = a - previous
    audible = magnitudes.max(axis=1) > EPSILON
    return {
        "ComplexDomainOnsetDetection": _onset(spectra, magnitudes),
        "SpectralFlux": np.einsum("fk,fk->f", difference, difference) / product * (audible[2:] & audible[1:-1]),
        "SpectralVariation": 1 - np.einsum("fk,fk->f", a, previous) / product,
    }


def _onset(spectra: np.ndarray, magnitudes: np.ndarray) -> np.ndarray:
    """How far the spectra are from those expected if magnitudes stayed and phases went on turning as before."""
    expected = spectra[1:-1] ** 2
    expected *= spectra[:-2].conj()
    expected *= 1 / (magnitudes[1:-1] * magnitudes[:-2])
    return np.abs(spectra[2:] - expected).sum(axis=1)
