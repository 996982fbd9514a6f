"""Kaldi's log Mel filterbank, and its stacking to the rate of continuous labels (khorram2017, section 3).

The features are those of Kaldi's ``compute-fbank-feats``, computed by the package kaldi-native-fbank: frames of 25 ms
(400 samples at 16 kHz) every 10 ms (160), none beyond the signal's ends; mean removed from each frame; pre-emphasis
0.97; povey window; power spectrum of 512 points; triangles on the Mel scale 1127 ln(1 + f / 700) from 20 Hz to half the
sample rate; natural logarithm. The paper names the toolkit, the 40 bins and the two times. What it leaves open:

* **Sample rate.** RECOLA's recordings have 44.1 kHz; they are resampled to 16 kHz (soxr, highest quality).
* **Scale.** Kaldi reads samples as 16-bit integers, so floats in [-1, 1] are multiplied by 32768.
* **Dither.** Kaldi adds random noise of one integer step, and two extractions differ. Here there is none; a digital
  silence is then -15.94 (the logarithm's floor), which with Kaldi's dither lies near 5.
"""

import numpy as np

from serkit.errors import SerkitError
from serkit.features.signals import check_signal


def kaldi_fbank(
    signal: np.ndarray,
    sample_rate: int,
    bins: int = 40,
    window: float = 0.025,
    hop: float = 0.010,
    rate: int | None = 16000,
    low: float = 20.0,
    high: float | None = None,
    dither: float = 0.0,
) -> np.ndarray:
    """Log Mel filterbank as Kaldi computes it (khorram2017, section 3).

    Args:
        signal: mono samples, shape (samples,): floats in [-1, 1] or int16.
        sample_rate: in Hz.
        bins: number of Mel filters; 40 in the paper, 23 by Kaldi's default.
        window: length of a frame in seconds.
        hop: time between two frames in seconds.
        rate: in Hz; another sample rate is resampled to it. None keeps the signal's own.
        low: lower edge of the first filter in Hz.
        high: upper edge of the last filter in Hz; None is half the rate.
        dither: standard deviation of Gaussian noise added to the signal, in steps of 16-bit integers; 1.0 is Kaldi's
            default. The noise is the same for every signal, so that features can be made again.

    Returns:
        float32 of shape (1 + (samples - window) // hop, bins): 29998 frames for 300 s.

    Raises:
        SerkitError: a signal that is empty, too short for one frame, not finite, two-dimensional or out of scale, or a
            setting out of range.

    >>> kaldi_fbank(np.zeros(16000), 16000).shape
    (98, 40)
    """
    import kaldi_native_fbank

    samples = _int16_scale(check_signal(signal, sample_rate))
    if window <= 0 or hop <= 0:
        raise SerkitError(f"window and hop are positive numbers of seconds; got {window:g} and {hop:g}")
    if rate is not None and rate != sample_rate:
        import soxr

        samples, sample_rate = soxr.resample(samples, sample_rate, rate, quality="VHQ"), rate
    check_signal(samples, sample_rate, shortest=round(window * sample_rate))
    top = sample_rate / 2 if high is None else high
    if not 0 <= low < top <= sample_rate / 2:
        raise SerkitError(f"filters lie within 0 to {sample_rate / 2:g} Hz, low below high; got {low:g} to {top:g}")
    if bins < 3:
        raise SerkitError(f"a filterbank has at least 3 bins; got {bins}")
    if dither:
        noise = np.random.default_rng(0).standard_normal(len(samples), dtype=np.float32)
        samples = samples + np.float32(dither) * noise

    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = sample_rate
    options.frame_opts.frame_length_ms = 1000 * window
    options.frame_opts.frame_shift_ms = 1000 * hop
    options.frame_opts.dither = 0.0  # the package's own noise goes on from call to call
    options.mel_opts.num_bins = bins
    options.mel_opts.low_freq = low
    options.mel_opts.high_freq = top
    filterbank = kaldi_native_fbank.OnlineFbank(options)
    filterbank.accept_waveform(sample_rate, samples)
    filterbank.input_finished()
    # The package hands out finished frames one by one only: 3 of 80 ms for a minute of audio.
    return np.array([filterbank.get_frame(frame) for frame in range(filterbank.num_frames_ready)])


def stack_frames(values: np.ndarray, count: int = 4, rows: int | None = None) -> np.ndarray:
    """Lay `count` successive frames side by side: four of 10 ms for labels every 40 ms (khorram2017, section 3).

    Row k holds frames count k to count k + count - 1, so it begins at the time of label k. Where frames are lacking the
    last one is repeated: 300 s have 7501 labels but 29998 frames, and the last row is the last frame four times.

    Args:
        values: (frames, dims).
        count: frames a row.
        rows: number of rows wanted, cut or filled at the end; None is enough for all frames, ceil(frames / count).

    Returns:
        (rows, count dims), earliest frame first.

    Raises:
        SerkitError: no frames, or a count below 1.

    >>> stack_frames(np.arange(6.0)[:, None], rows=3)
    array([[0., 1., 2., 3.],
           [4., 5., 5., 5.],
           [5., 5., 5., 5.]])
    """
    values = np.asarray(values)
    if values.ndim != 2 or not len(values):
        raise SerkitError(f"stacking takes at least one frame, shape (frames, dims); got shape {values.shape}")
    if count < 1 or (rows is not None and rows < 1):
        raise SerkitError(f"stacking takes a count and rows of at least 1; got count={count}, rows={rows}")
    if rows is None:
        rows = -(-len(values) // count)
    frames = np.minimum(np.arange(rows * count), len(values) - 1)
    return values[frames].reshape(rows, -1)


def _int16_scale(signal: np.ndarray) -> np.ndarray:
    """Samples as float32 in the range of 16-bit integers."""
    if signal.dtype == np.int16:
        return signal.astype(np.float32)
    if signal.dtype.kind != "f":
        raise SerkitError(f"samples are floats in [-1, 1] or int16; got {signal.dtype}: convert them")
    peak = np.abs(signal).max()
    if peak > 2:  # a little above 1 is what resampling does to loud speech
        raise SerkitError(f"samples as floats lie in [-1, 1]; got a peak of {peak:g}: divide them by 32768")
    return signal.astype(np.float32) * np.float32(32768)
