"""What two local workers (``--workers 2``) reach of what two bare processes do, in training steps.

Run as ``python tests/benchmarks/workers.py [rounds]``. The networks are those of tao2018 (recurrent) and li2018
(convolutional) at the quick profile's sizes. Bare processes are started by hand with nothing of Dask in them; workers
are those of `serkit.cluster`, and get their steps as a study's runs. All of them build their network once and wait for
a common start; one bare process, two, one worker and two alternate. Printed is, against one bare process, how much more
work two workers do, over how much more two bare processes do.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from serkit import cluster

WANTED, SECONDS = 0.9, 1.5


def recurrent():
    """tao2018's network with its A-LSTM, and a batch."""
    import keras

    from serkit import layers

    x = keras.Input((None, 36))
    hidden = keras.layers.Bidirectional(layers.AdvancedLSTM(32, return_sequences=True))(
        keras.layers.Dense(64, activation="relu")(x)
    )
    pooled = layers.WeightedPooling()(hidden)
    network = keras.Model(x, keras.layers.Dense(4)(keras.layers.Dense(64, activation="relu")(pooled)))
    network.compile(keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return network, (8, 200, 36)


def convolutional():
    """li2018's baseline, and a batch."""
    from training_step import cnn_tf_gap

    return cnn_tf_gap(200, 100), (8, 200, 100, 1)


@functools.cache
def ready(kind: str):
    """A compiled network that has done its first steps, and its batch; once a process."""
    from serkit import training

    training.limit_threads()
    training.seed_everything(0)
    network, shape = {"recurrent": recurrent, "convolutional": convolutional}[kind]()
    rng = np.random.default_rng(0)
    batch = rng.standard_normal(shape).astype("float32"), rng.integers(0, 4, shape[0])
    for _ in range(3):
        network.train_on_batch(*batch)
    return network, batch


def steps(given: bytes) -> float:
    """Training steps a second from the moment that the file "go" is there; in a worker or a bare process."""
    kind, folder, number = json.loads(given)
    network, batch = ready(kind)
    (Path(folder) / f"ready{number}").touch()
    while not (Path(folder) / "go").exists():
        time.sleep(0.005)
    done, began = 0, time.perf_counter()
    while time.perf_counter() < began + SECONDS:
        network.train_on_batch(*batch)
        done += 1
    return done / (time.perf_counter() - began)


def rate(kind: str, count: int, give) -> float:
    """Steps a second of so many at a time, together; `give` takes what each is given and returns what each returned."""
    with tempfile.TemporaryDirectory() as folder:
        works = [json.dumps([kind, folder, number]).encode() for number in range(count)]
        rates = []
        working = threading.Thread(target=lambda: rates.extend(give(works)))
        working.start()
        while len(list(Path(folder).glob("ready*"))) < count:
            assert working.is_alive()
            time.sleep(0.01)
        (Path(folder) / "go").touch()
        working.join()
    return sum(rates)


def by_workers(client, works: list[bytes]) -> list[float]:
    """As a study gives out its runs."""
    return [rate for _, rate in cluster.each(client, steps, ((str(number), work) for number, work in enumerate(works)))]


def by_bare_processes(processes: list[subprocess.Popen], works: list[bytes]) -> list[float]:
    """A line to each, and a line back."""
    for process, work in zip(processes, works, strict=False):
        process.stdin.write(work.decode() + "\n")
        process.stdin.flush()
    return [float(process.stdout.readline()) for process, _ in zip(processes, works, strict=False)]


def compare(kind: str, rounds: int) -> float:
    """Alternate, print the medians, and return the ratio of the gains."""
    here = str(Path(__file__).parent)
    paths = os.pathsep.join([here, str(Path(cluster.__file__).parents[1])])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command, environment = [sys.executable, __file__, "--bare"], os.environ | {"PYTHONPATH": paths}
    processes = [subprocess.Popen(command, env=environment, **pipes) for _ in range(2)]
    try:
        with cluster.client(2, "") as client:
            ways = {
                "bare": functools.partial(by_bare_processes, processes),
                "workers": functools.partial(by_workers, client),
            }
            for give in ways.values():
                rate(kind, 2, give)  # builds, and compiles
            rates = {(way, count): [] for count in (1, 2) for way in ways}
            for number in range(rounds):
                for way, count in list(rates)[:: 1 if number % 2 else -1]:
                    rates[way, count].append(rate(kind, count, ways[way]))
    finally:
        for process in processes:
            process.kill()
    for (way, count), measured in rates.items():
        print(f"{kind:13s} {way:7s} {count}: {np.mean(measured):6.2f} steps a second, deviation {np.std(measured):.2f}")
    one = np.mean(rates["bare", 1])
    bare, workers = (np.mean(rates[way, 2]) / one for way in ways)
    print(f"{kind}: two bare processes gain {bare:.2f}, two workers {workers:.2f}: {workers / bare:.2f}")
    return workers / bare


def main(rounds: int = 16) -> None:
    """Both networks; exit with 1 where workers gain less than `WANTED` of what bare processes do."""
    ratios = [compare(kind, rounds) for kind in ("recurrent", "convolutional")]
    if min(ratios) < WANTED:
        raise SystemExit(f"less than {WANTED}")


if __name__ == "__main__":
    import workers  # by this name, workers find its functions, too

    if sys.argv[1:2] == ["--bare"]:
        for line in sys.stdin:
            print(workers.steps(line.encode()), flush=True)
    else:
        workers.main(*map(int, sys.argv[1:]))
