"""Speed of the 743-D front end on one core, beside librosa's MFCCs of the same frames in the same run.

``OMP_NUM_THREADS=1 python tests/benchmarks/yaafe.py``. "x real time" is seconds of audio a CPU second, the best
of several runs: other work on the machine only ever slows one down. YAAFE itself, in C++, reaches 550.
"""

import time
import warnings

import librosa
import numpy as np

from serkit.features.normalisation import PCAWhitening
from serkit.features.yaafe import yaafe_743

RATE, SECONDS, RUNS, WANTED, PROGRAM = 16000, 60, 15, 250, 550


def main() -> None:
    """Print one line a front end; exit 1 when ours is slower than wanted."""
    random = np.random.default_rng(0)
    time_axis = np.arange(RATE * SECONDS) / RATE
    voice = np.sin(2 * np.pi * 150 * time_axis) * (np.sin(2 * np.pi * 2 * time_axis) > 0)
    signal = (0.3 * voice + 0.01 * random.standard_normal(len(voice))).astype(np.float32)
    stft = {"y": signal, "sr": RATE, "n_fft": 1024, "hop_length": 512}
    rows = yaafe_743(signal, RATE)
    whitening = PCAWhitening().fit(rows)
    jobs = {
        "serkit yaafe_743": lambda: yaafe_743(signal, RATE),
        "serkit yaafe_743, dither": lambda: yaafe_743(signal, RATE, silence="dither"),
        "librosa mfcc (13 of 40 filters)": lambda: librosa.feature.mfcc(n_mfcc=13, n_mels=40, **stft),
        "serkit PCAWhitening.fit": lambda: PCAWhitening().fit(rows),
        "serkit PCAWhitening.transform": lambda: whitening.transform(rows),
    }
    best = dict.fromkeys(jobs, np.inf)
    for _ in range(RUNS):  # in turn, so that all meet the same disturbances
        for name, job in jobs.items():
            began = time.process_time()
            job()
            best[name] = min(best[name], time.process_time() - began)
    for name, seconds in best.items():
        print(f"{name:34s} {1000 * seconds:7.1f} ms for {SECONDS} s = {SECONDS / seconds:6.0f} x real time")
    speed = SECONDS / best["serkit yaafe_743"]
    print(f"the original program: {PROGRAM} x real time; ours is {speed / PROGRAM:.2f} times as fast")
    if speed < WANTED:
        raise SystemExit(f"slower than {WANTED} x real time")


if __name__ == "__main__":
    warnings.simplefilter("error", RuntimeWarning)
    main()
