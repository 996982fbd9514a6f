"""How fast are the front ends of li2018 and chang2017? Times real time on one core, beside librosa in the same run.

OMP_NUM_THREADS=1 python tests/benchmarks/spectrogram.py
"""

import time

import librosa
import numpy as np

from serkit.features import log_spectrogram, mulaw_spectrogram

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


def librosa_log_spectrogram(signal):
    """The same image: 1024 samples every 256, means of four bins, 80 dB below the loudest."""
    power = np.abs(librosa.stft(signal, n_fft=1024, hop_length=256)) ** 2
    rows = power[:512].reshape(128, 4, -1).mean(axis=1)
    return librosa.power_to_db(rows, ref=np.max, top_db=80) / 40 + 1


def main():
    """Print the figures and their ratios."""
    signal = np.random.default_rng(0).normal(0, 0.1, RATE * SECONDS).astype(np.float32)
    ours = seconds_of(lambda: mulaw_spectrogram(signal, RATE))
    peer = seconds_of(
        lambda: librosa.feature.melspectrogram(y=signal, sr=RATE, n_fft=1600, win_length=640, hop_length=160)
    )
    print(f"mulaw_spectrogram        {SECONDS / ours:8.0f} x real time  (400 bins; required: 400)")
    print(f"librosa melspectrogram   {SECONDS / peer:8.0f} x real time  (128 bands, the same DFT of 1600)")
    print(f"ratio                    {peer / ours:8.2f}")
    ours = seconds_of(lambda: log_spectrogram(signal, RATE))
    mel = seconds_of(lambda: log_spectrogram(signal, RATE, bands="mel"))
    peer = seconds_of(lambda: librosa_log_spectrogram(signal))
    print(f"log_spectrogram          {SECONDS / ours:8.0f} x real time  (128 rows of four bins)")
    print(f"log_spectrogram, mel     {SECONDS / mel:8.0f} x real time  (128 rows)")
    print(f"librosa stft, the same   {SECONDS / peer:8.0f} x real time  (128 rows of four bins)")
    print(f"ratio                    {peer / ours:8.2f}")


if __name__ == "__main__":
    main()
