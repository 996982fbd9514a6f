"""What every front end asks of a signal, and how it cuts frames."""

import numpy as np

from serkit.errors import SerkitError


def check_signal(signal: np.ndarray, sample_rate: float, shortest: int = 1) -> np.ndarray:
    """Return `signal` as an array after looking at it.

    Args:
        signal: mono samples, shape (samples,).
        sample_rate: in Hz.
        shortest: the fewest samples that the caller can use.

    Raises:
        SerkitError: not one-dimensional, too short, or holding a value that is not a finite number.
    """
    signal = np.asarray(signal)
    if signal.ndim != 1:
        raise SerkitError(
            f"a front end takes one channel, shape (samples,); got shape {signal.shape}: average the channels"
        )
    if not sample_rate > 0:
        raise SerkitError(f"a sample rate is a positive number of Hz; got {sample_rate!r}")
    if len(signal) < shortest:
        raise SerkitError(
            f"the signal has {len(signal)} samples ({len(signal) / sample_rate:.4f} s); "
            f"this front end needs {shortest} or more: leave the utterance out or pad it"
        )
    if not np.isfinite(signal).all():
        raise SerkitError("the signal holds samples that are not finite numbers: mend the file")
    return signal


def frames_of(signal: np.ndarray, length: int, hop: int) -> np.ndarray:
    """Whole frames of a signal, as a read-only view of shape (frames, length)."""
    return np.lib.stride_tricks.sliding_window_view(signal, length)[::hop]
