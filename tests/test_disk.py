"""Studies on disks that are full, may not be written, or hold what an older version left; and killed at any moment."""

import contextlib
import json
import random
import runpy
import subprocess
import sys
import time

import killed
import numpy as np
import pandas as pd
import pytest

from serkit import checkpoints, study
from serkit.errors import SerkitError


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 100 KiB, and a function that mounts it with other options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options, *more):
        command = ["mount", "-t", "tmpfs", "-o", options, *more, "tmpfs", str(folder)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")

    mount("size=100k")
    mount.folder = folder
    yield mount
    with contextlib.suppress(OSError):
        subprocess.run(["umount", str(folder)], check=False)


def large(seed):
    noise = np.random.default_rng(seed).bytes(30_000)
    return study.Outcome(pd.DataFrame({"id": ["a"], "p": [seed]}), arrays={"noise": np.frombuffer(noise, np.uint8)})


def test_a_full_disk_ends_a_study_and_nothing_is_lost(small_disk):
    one, specs = study.Study(small_disk.folder / "runs", large), study.grid(seed=range(4))
    with pytest.raises(SerkitError, match=r"no space left on the disk while writing .*; free some and start the same"):
        one.complete(specs)
    stored = {path.name: (path / "run.json").stat().st_mtime_ns for path in one.directory.glob("*/")}
    assert len(stored) == 2
    small_disk("remount,size=10m")
    runs = one.complete(specs)
    assert one.predictions(runs)["p"].tolist() == [0, 1, 2, 3]
    assert {path.parent.name for path in one.directory.glob("*/run.json")} > set(stored)
    assert all((one.directory / name / "run.json").stat().st_mtime_ns == when for name, when in stored.items())
    assert len(list(one.directory.iterdir())) == 4


def test_a_folder_that_may_only_be_read(small_disk):
    one, specs = study.Study(small_disk.folder / "runs", large), study.grid(seed=[0])
    one.complete(specs)
    small_disk("remount,ro")
    assert one.predictions(one.complete(specs))["p"].tolist() == [0], "what is there can be read"
    with pytest.raises(SerkitError, match="cannot be written: Read-only file system; name a folder of your own"):
        one.complete(study.grid(seed=[0, 1]))


def test_results_of_an_older_version_are_left_alone(tmp_path):
    one = study.Study(tmp_path, large)
    (run,) = one.complete(study.grid(seed=[0])).to_dict("records")
    older = tmp_path / "0123456789abcdef0123"
    (tmp_path / run["key"]).rename(older)
    record = json.loads((older / "run.json").read_text())
    (older / "run.json").write_text(json.dumps({"spec": record["spec"], "seconds": 1.0}))
    runs = one.complete(study.grid(seed=[0]))
    assert runs["key"].tolist() == [run["key"]]
    assert json.loads((older / "run.json").read_text()) == {"spec": {"seed": 0}, "seconds": 1.0}


def test_a_clock_that_jumps(tmp_path, monkeypatch):
    """No time of day is compared with another: not of runs, of checkpoints or of what others are writing."""
    monkeypatch.setattr("time.time", lambda: random.uniform(-1e10, 1e10))
    monkeypatch.setenv("SERKIT_CHECKPOINT", "0")
    half = tmp_path / ".other.another-1-abcd.tmp"
    half.mkdir()
    runs = study.Study(tmp_path, large).complete(study.grid(seed=[0, 1]))
    assert (runs["seconds"] < 60).all()
    assert half.is_dir(), "another machine is writing it"
    with checkpoints.of_run(tmp_path):
        assert checkpoints.Training().due


def test_a_study_that_is_killed_again_and_again_gives_the_same_tables(tmp_path, monkeypatch):
    """``python tests/killed.py`` kills 30 studies, also before anything is finished."""
    moments = random.Random(1)
    deaths = [(who, moments.uniform(0, 0.2), workers) for who, workers in (("everything", 1), ("coordinator", 1))]
    deaths.append(("worker", moments.uniform(0, 0.2), 2))
    script = tmp_path / "study.py"
    script.write_text(killed.STUDY)
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path / "whole"), "1"])
    monkeypatch.setattr(time, "sleep", lambda _: None)
    runpy.run_path(str(script), run_name="__main__")
    monkeypatch.undo()
    finished, found = killed.disturbed(tmp_path / "study", deaths, begun=True)
    assert 0 < finished[0] < finished[1] <= finished[2] <= killed.RUNS
    assert found == killed.tables(tmp_path / "whole")
    assert set(found) == {"predictions.csv", "histories.csv"}
