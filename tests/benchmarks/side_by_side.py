"""What two runs side by side gain, beside what the machine allows.

Run as ``python tests/benchmarks/side_by_side.py [rounds]``. A run is a process that trains a dilated network on short
recordings, with two threads as every notebook does; beside it, a bare process multiplies matrices on one thread. Each
process imports and compiles, waits until all others are ready too, and is timed from there. One alone and two at a time
alternate; the gain is how much more work two do in the time of one: 2 where each core is a whole one, 1 where two take
twice as long. Printed is the gain of the runs over that of the bare processes, and for comparison runs of one thread.

Two cores that share a physical one allow little more than 1, however the work is divided.
"""

import os
import subprocess
import sys
import time

import numpy as np

WANTED, SECONDS = 0.9, 4.0


def products() -> float:
    """Multiply matrices; products a second."""
    matrix = np.random.default_rng(0).standard_normal((1500, 1500)).astype("float32")

    def work() -> int:
        matrix @ matrix
        return 1

    return _rate(work)


def training_steps() -> float:
    """Train a dilated network; steps a second."""
    import keras

    from serkit import losses, training

    training.limit_threads()
    training.seed_everything(0)
    inputs = x = keras.Input((None, 160))
    for layer in range(10):
        x = keras.layers.Conv1D(32, 3, padding="same", activation="relu", dilation_rate=2**layer)(x)
    network = keras.Model(inputs, keras.layers.Conv1D(1, 1)(x))
    network.compile(keras.optimizers.Adam(0.001), losses.CCCLoss())
    rng = np.random.default_rng(0)
    batch = [rng.standard_normal((1, 2000, dims)).astype("float32") for dims in (160, 1)]
    network.train_on_batch(*batch)

    def work() -> int:
        network.train_on_batch(*batch)
        return 1

    return _rate(work)


def _rate(work) -> float:
    """Work a second, from the moment that the parent says go."""
    work()
    print("ready", flush=True)
    sys.stdin.readline()
    done, began = 0, time.perf_counter()
    while time.perf_counter() < began + SECONDS:
        done += work()
    return done / (time.perf_counter() - began)


def together(kind: str, count: int, threads: int) -> float:
    """Work a second of so many processes at a time."""
    environment = os.environ | {"SERKIT_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--work", kind]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    processes = [subprocess.Popen(command, env=environment, **pipes) for _ in range(count)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in processes)


def main(rounds: int = 3) -> None:
    """Alternate, print the medians, and exit with 1 where runs gain less than `WANTED` of what bare processes do."""
    ways = {"bare products": ("products", 1), "runs": ("training_steps", 2), "runs, one thread": ("training_steps", 1)}
    rates = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (kind, threads) in ways.items():
            rates[name].append([together(kind, count, threads) for count in (1, 2)])
    gains = {}
    for name, measured in rates.items():
        one, two = np.median(measured, axis=0)
        gains[name] = np.median([both / alone for alone, both in measured])
        print(f"{name:17s} one alone {one:6.1f} a second, two {two:6.1f}, gain {gains[name]:.2f}")
    ratio = gains["runs"] / gains["bare products"]
    print(f"runs side by side reach {ratio:.2f} of what the machine allows")
    if ratio < WANTED:
        raise SystemExit(f"less than {WANTED}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        print({"products": products, "training_steps": training_steps}[sys.argv[2]]())
    else:
        main(*map(int, sys.argv[1:]))
