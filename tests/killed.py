"""Kill a study of 12 short runs at random moments, start it again, and compare its tables with an undisturbed one's.

``python tests/killed.py [MOMENTS [SEED]]`` does it 30 times: the coordinator, a worker or everything at once dies by
SIGKILL. Every time, finished runs must be kept as they are, and the final tables be the same to the byte.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS, EPOCHS, SECONDS = 12, 8, 0.05  # runs of a study, epochs of a run, and of an epoch
WHO = ("coordinator", "worker", "everything")
STUDY = f"""
import sys, time
import numpy as np, pandas as pd
from serkit import checkpoints, study

def walk(seed):
    rng, rows, kept = np.random.default_rng(seed), [], checkpoints.Training()
    if kept.state is not None:
        rows = kept.state["rows"]
        rng = np.random.default_rng(seed)  # and what is drawn already
        rng.normal(size=len(rows))
    for epoch in range(len(rows), {EPOCHS}):
        time.sleep({SECONDS})
        rows.append({{"epoch": epoch, "value": float(rng.normal())}})
        if kept.due:
            kept.keep({{"rows": rows}})
    history = pd.DataFrame(rows)
    return study.Outcome(pd.DataFrame({{"id": ["a"], "label": ["x"], "p": [history["value"].sum()]}}), history)

if __name__ == "__main__":
    one = study.Study(sys.argv[1] + "/runs", walk)
    runs = one.complete(study.grid(seed=range({RUNS})), workers=int(sys.argv[2]))
    one.predictions(runs).to_csv(sys.argv[1] + "/predictions.csv", index=False)
    one.histories(runs).to_csv(sys.argv[1] + "/histories.csv", index=False)
"""


def start(folder: Path, workers: int) -> subprocess.Popen:
    """The study in a process group of its own."""
    script = folder / "study.py"
    script.write_text(STUDY, encoding="utf-8")
    # Nothing here is learnt, and this backend is loaded in half the time.
    environment = os.environ | {"SERKIT_CHECKPOINT": "0", "KERAS_BACKEND": "numpy"}
    with (folder / "log.txt").open("a") as log:
        command = [sys.executable, str(script), str(folder), str(workers)]
        return subprocess.Popen(command, env=environment, start_new_session=True, stdout=log, stderr=log)


def workers_of(process: subprocess.Popen) -> list[int]:
    """Process numbers of the study's workers: those that do not look after others."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            fields = path.read_text().rpartition(")")[2].split()
            parents[int(path.parent.name)] = int(fields[1])
    below = {process.pid}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    named = {}
    for child in below - {process.pid}:
        with contextlib.suppress(OSError):
            named[child] = Path(f"/proc/{child}/cmdline").read_bytes()
    return sorted(child for child, line in named.items() if b"spawn_main" in line)


def kill(process: subprocess.Popen, who: str) -> None:
    """One of `WHO`, by SIGKILL; a worker only once there is one."""
    with contextlib.suppress(ProcessLookupError):
        if who == "everything":
            os.killpg(process.pid, signal.SIGKILL)
        elif who == "coordinator":
            os.kill(process.pid, signal.SIGKILL)
        elif found := workers_of(process):
            os.kill(random.choice(found), signal.SIGKILL)


def stored(folder: Path) -> dict[str, int]:
    """Finished runs, and when they were."""
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("runs/*/run.json")}


def tables(folder: Path) -> dict[str, bytes]:
    """What a study leaves besides its runs."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}


def undisturbed(folder: Path, workers: int) -> tuple[dict[str, bytes], float]:
    """The tables of a study that nothing happens to, and how long it takes."""
    folder.mkdir()
    began = time.monotonic()
    assert start(folder, workers).wait(300) == 0, (folder / "log.txt").read_text()
    return tables(folder), time.monotonic() - began


def disturbed(folder: Path, deaths: list[tuple[str, float, int]], begun: bool = False) -> tuple[list, dict[str, bytes]]:
    """Start a study, kill it after some seconds, start it again, and so on; at last let it end.

    Args:
        folder: a new one.
        deaths: of each start, who dies, after how many seconds, and the number of workers.
        begun: whether seconds count from when one more run is finished.

    Returns:
        How many runs were finished at each death, and the final tables.
    """
    folder.mkdir()
    before, counts = {}, []
    for who, after, workers in deaths:
        process = start(folder, workers)
        while begun and len(stored(folder)) == len(before) and process.poll() is None:
            time.sleep(0.05)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(after)
        counts.append(len(stored(folder)))
        kill(process, who)
        if who == "worker":  # the study goes on, or ends with an error if that one was just being started
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(300)
            assert process.poll() is not None, (
                f"a study hangs that has lost a worker: {(folder / 'log.txt').read_text()}"
            )
        process.wait()
        time.sleep(who == "coordinator")  # its workers notice that it is gone
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        now = stored(folder)
        assert {name: now.get(name) for name in before} == before, "a finished run was done again"
        before = now
    assert start(folder, 1).wait(300) == 0, (folder / "log.txt").read_text()
    after_all = stored(folder)
    assert len(after_all) == RUNS
    assert {name: after_all[name] for name in before} == before, "a finished run was done again"
    left = [path.name for path in folder.glob("runs/*") if path.name not in after_all]
    assert not left, left
    return counts, tables(folder)


def main() -> None:
    """Kill it at random moments, and say what was found."""
    moments = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    with tempfile.TemporaryDirectory() as temporary:
        whole = {workers: undisturbed(Path(temporary) / f"whole{workers}", workers) for workers in (1, 2)}
        assert whole[1][0] == whole[2][0]
        print("undisturbed:", ", ".join(f"{count} workers {seconds:.1f} s" for count, (_, seconds) in whole.items()))
        for moment in range(moments):
            who = WHO[moment % len(WHO)]
            workers = 2 if who == "worker" else 1 + moment % 2
            after = random.uniform(0.1, 1.0) * whole[workers][1]
            count, found = disturbed(Path(temporary) / str(moment), [(who, after, workers)])
            assert found == whole[1][0], f"moment {moment}: other tables"
            print(
                f"{moment + 1}: {who} killed after {after:.1f} s, {count[0]} of {RUNS} runs finished; same tables",
                flush=True,
            )


if __name__ == "__main__":
    main()
