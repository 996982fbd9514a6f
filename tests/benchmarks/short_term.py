"""Speed of the 36-D front end on one core, beside two of librosa's in the same run.

``OMP_NUM_THREADS=1 python tests/benchmarks/short_term.py``. "x real time" is seconds of audio a CPU second,
the best of several runs: other work on the machine only ever slows one down.
"""

import time
import warnings

import librosa
import numpy as np

from serkit.features.short_term import short_term_36

RATE, SECONDS, RUNS, WANTED = 16000, 60, 15, 450


def main() -> None:
    """Print one line a front end; exit 1 when ours is slower than wanted."""
    random = np.random.default_rng(0)
    time_axis = np.arange(RATE * SECONDS) / RATE
    voice = np.sin(2 * np.pi * 150 * time_axis) * (np.sin(2 * np.pi * 2 * time_axis) > 0)
    signal = (0.3 * voice + 0.01 * random.standard_normal(len(voice))).astype(np.float32)
    stft = {"y": signal, "sr": RATE, "n_fft": 400, "hop_length": 160}
    front_ends = {
        "serkit short_term_36, corrected": lambda: short_term_36(signal, RATE),
        "serkit short_term_36, compatible": lambda: short_term_36(signal, RATE, harmonic="compatible"),
        "librosa mfcc (13 of 40 filters)": lambda: librosa.feature.mfcc(n_mfcc=13, n_mels=40, **stft),
        "librosa melspectrogram (40)": lambda: librosa.feature.melspectrogram(n_mels=40, **stft),
    }
    best = dict.fromkeys(front_ends, np.inf)
    for _ in range(RUNS):  # in turn, so that all meet the same disturbances
        for name, front_end in front_ends.items():
            began = time.process_time()
            front_end()
            best[name] = min(best[name], time.process_time() - began)
    for name, seconds in best.items():
        print(f"{name:34s} {1000 * seconds:7.1f} ms for {SECONDS} s = {SECONDS / seconds:6.0f} x real time")
    if SECONDS / best["serkit short_term_36, corrected"] < WANTED:
        raise SystemExit(f"slower than {WANTED} x real time")


if __name__ == "__main__":
    warnings.simplefilter("error", RuntimeWarning)
    main()
