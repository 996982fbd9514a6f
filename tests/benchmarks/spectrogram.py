"""How fast is li2018's front end? Times real time on one core, beside librosa's mel spectrogram in the same run.

OMP_NUM_THREADS=1 python tests/benchmarks/spectrogram.py
"""

import time

import librosa
import numpy as np

from serkit.features import mulaw_spectrogram

RATE, SECONDS, ROUNDS = 16000, 60, 7


def seconds_of(function):
    """CPU seconds of the quickest of several rounds, after one that warms up."""
    function()
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        function()
        times.append(time.process_time() - began)
    return min(times)


def main():
    """Print both figures and their ratio."""
    signal = np.random.default_rng(0).normal(0, 0.1, RATE * SECONDS).astype(np.float32)
    ours = seconds_of(lambda: mulaw_spectrogram(signal, RATE))
    peer = seconds_of(
        lambda: librosa.feature.melspectrogram(y=signal, sr=RATE, n_fft=1600, win_length=640, hop_length=160)
    )
    print(f"mulaw_spectrogram        {SECONDS / ours:8.0f} x real time  (400 bins; required: 400)")
    print(f"librosa melspectrogram   {SECONDS / peer:8.0f} x real time  (128 bands, the same DFT of 1600)")
    print(f"ratio                    {peer / ours:8.2f}")


if __name__ == "__main__":
    main()
