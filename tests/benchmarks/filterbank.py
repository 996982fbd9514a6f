"""Speed of the Kaldi filterbank on one core, beside librosa's in the same run.

``OMP_NUM_THREADS=1 python tests/benchmarks/filterbank.py``. "x real time" is seconds of audio a CPU second, the best of
several runs: other work on the machine only ever slows one down. librosa's Mel spectrogram (Hann window, Slaney's
filters, no pre-emphasis) is another feature of the same size.
"""

import time

import librosa
import numpy as np

from serkit.features.filterbank import kaldi_fbank

RATE, SECONDS, RUNS, WANTED = 16000, 60, 15, 500


def main() -> None:
    """Print one line a front end; exit 1 when ours is slower than wanted."""
    signal = (0.1 * np.random.default_rng(0).standard_normal(RATE * SECONDS)).astype(np.float32)
    high = np.repeat(signal, 3)  # 48 kHz
    front_ends = {
        "serkit kaldi_fbank, 16 kHz": lambda: kaldi_fbank(signal, RATE),
        "serkit kaldi_fbank, from 48 kHz": lambda: kaldi_fbank(high, 3 * RATE),
        "librosa melspectrogram (40)": lambda: librosa.power_to_db(
            librosa.feature.melspectrogram(y=signal, sr=RATE, n_fft=512, win_length=400, hop_length=160, n_mels=40)
        ),
    }
    best = dict.fromkeys(front_ends, np.inf)
    for _ in range(RUNS):  # in turn, so that all meet the same disturbances
        for name, front_end in front_ends.items():
            began = time.process_time()
            front_end()
            best[name] = min(best[name], time.process_time() - began)
    for name, seconds in best.items():
        print(f"{name:34s} {1000 * seconds:7.1f} ms for {SECONDS} s = {SECONDS / seconds:6.0f} x real time")
    if SECONDS / best["serkit kaldi_fbank, 16 kHz"] < WANTED:
        raise SystemExit(f"slower than {WANTED} x real time")


if __name__ == "__main__":
    main()
