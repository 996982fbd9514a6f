"""Local workers and Dask clusters: a device each, and what is left when workers or the scheduler die."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from serkit import cluster, devices, jobs, progress
from serkit.cli import main
from serkit.errors import SerkitError

THREE = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aa)
  MIG 3g.20gb     Device  0: (UUID: MIG-b1)
  MIG 3g.20gb     Device  1: (UUID: MIG-b2)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-cc)
"""


def do(given):
    """On a worker."""
    what, _, value = given.decode().partition(" ")
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "raise":
        raise ValueError(value)
    if what == "hold":  # the interpreter: no other thread of the worker gets its turn
        ctypes.PyDLL(None).sleep(int(value))
    if what == "return":  # and be gone before anybody has asked for it
        threading.Timer(float(value), os.kill, (os.getpid(), signal.SIGKILL)).start()
    if what == "sleep":
        time.sleep(float(value))
    if what == "mark":
        with Path(value).open("a") as file:
            file.write(f"{os.getpid()}\n")
        while not Path(value).with_suffix(".go").exists():
            time.sleep(0.02)
    names = ("CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH", "XLA_PYTHON_CLIENT_PREALLOCATE")
    return {name: os.environ.get(name) for name in names}


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """Make ``nvidia-smi -L`` print a text."""

    def lists(text, code=0):
        path = tmp_path / "bin" / "nvidia-smi"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n[ \"$*\" = -L ] || exit 9\ncat <<'END'\n{text}END\nexit {code}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return lists


def test_gpus_are_those_that_nvidia_smi_lists(listed):
    listed(THREE)
    assert devices.gpus() == ["MIG-b1", "MIG-b2", "GPU-cc"]
    assert jobs.usual_workers() == 3
    listed("Failed to initialize NVML: Driver/library version mismatch\n", code=18)
    assert devices.gpus() == []


@pytest.mark.parametrize(
    ("given", "expected"), [("2,0", ["2", "0"]), ("", []), ("-1", []), ("0, GPU-cc,-1,1", ["0", "GPU-cc"])]
)
def test_the_variable_says_which_gpus_may_be_used(given, expected, listed, monkeypatch):
    listed(THREE)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert devices.gpus() == expected


@pytest.mark.parametrize(("cores", "gibibytes", "expected"), [(1, 64, 1), (2, 64, 1), (16, 64, 8), (16, 12, 4)])
def test_without_gpus_a_worker_has_two_cores(cores, gibibytes, expected, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 2**20, "SC_PHYS_PAGES": gibibytes * 2**10}.get)
    assert jobs.usual_workers() == expected


def test_the_command_resolves_auto_to_a_number(listed, monkeypatch):
    listed(THREE)
    seen = []

    def execute_all(executions, *_):
        seen.extend(given for *_, given in executions)
        return iter(())

    monkeypatch.setattr(jobs, "execute_all", execute_all)
    assert CliRunner().invoke(main, ["reproduce", "zhao2018", "--workers", "auto"]).exit_code == 0
    assert [given["workers"] for given in seen] == [3] * len(seen) != []
    for wrong in ("0", "many"):
        assert CliRunner().invoke(main, ["reproduce", "zhao2018", "--workers", wrong]).exit_code == 2


def test_local_workers(listed, monkeypatch):
    """A GPU each; a long step is no death; a death and a failure cost their own work only."""
    import dask

    listed(THREE)
    monkeypatch.setattr(cluster, "POLL", 0.2)
    monkeypatch.setattr("distributed.scheduler.heartbeat_interval", lambda _: 0.1)
    monkeypatch.setattr(cluster, "FETCH", 2.0)
    works = {
        "a": "sleep 0.5",
        "g": "return 0.01",
        "b": "die",
        "c": "raise not a number",
        "d": "hold 3",
        "e": "sleep 0.5",
        "f": "sleep 0",
    }
    with dask.config.set({"distributed.scheduler.worker-ttl": "1s"}), cluster.client(2, "") as client:
        outcomes = dict(cluster.each(client, do, ((name, text.encode()) for name, text in works.items())))
    assert set(outcomes) == set(works)
    assert str(outcomes["b"]) == "its worker died 2 times (killed, or out of memory?)"
    assert isinstance(outcomes["b"], SerkitError)
    assert outcomes["b"].where.startswith("tcp://127.0.0.1:")
    assert isinstance(outcomes["c"], ValueError)
    assert outcomes["c"].args == ("not a number",)
    assert outcomes["c"].__notes__ == [f"on a worker on {socket.gethostname()}"]
    good = [outcomes[name] for name in "adefg"]
    assert {one.pop("CUDA_VISIBLE_DEVICES") for one in good} <= {"MIG-b1", "MIG-b2"}
    expected = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    assert good == [expected] * 5


def test_each_local_worker_has_its_own_gpu_before_it_loads_keras(listed):
    listed(THREE)
    given = [variables["CUDA_VISIBLE_DEVICES"] for variables in cluster._environments(4)]
    assert given == ["MIG-b1", "MIG-b2", "GPU-cc", "MIG-b1"]
    listed("")
    assert "CUDA_VISIBLE_DEVICES" not in cluster._environments(1)[0]


def test_a_worker_that_dies_while_it_starts(tmp_path):
    import dask
    import distributed  # noqa: F401  (its settings have to be there before one is changed)

    path = tmp_path / "dies.py"
    path.write_text("import os\nos.kill(os.getpid(), 9)\n")
    with (
        dask.config.set({"distributed.worker.preload": [str(path)]}),
        pytest.raises(SerkitError, match="a local worker process did not start"),
        cluster.client(2, ""),
    ):
        pass


class Started:
    """A Dask scheduler and workers as one starts them by hand, each a process group of its own."""

    def __init__(self, folder):
        self.file, self.running = folder / "scheduler.json", []
        self.scheduler = self.start("scheduler", "--host", "127.0.0.1", "--port", "0")

    def start(self, kind, *options):
        command = [sys.executable, "-m", "dask", kind, "--scheduler-file", str(self.file), "--no-dashboard", *options]
        paths = [str(Path(__file__).parent), str(Path(cluster.__file__).parents[1])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.running.append(subprocess.Popen(command, env=environment, start_new_session=True, **pipes))
        return self.running[-1]

    def workers(self, count):
        return [self.start("worker", "--nthreads", "1", "--memory-limit", "0") for _ in range(count)]

    def address(self):
        until(self.file.exists)
        return json.loads(self.file.read_text())["address"]

    def end(self):
        for process in self.running:
            kill(process)


def kill(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_workers_that_are_all_paused(monkeypatch):
    """They were given up in silence: a study waited, and nobody knew for what."""
    said = []
    seen = iter([(["a"], {"a": []}), ([], {"a": []}), ([], {"a": []}), (["a"], {"a": []})])
    monkeypatch.setattr(progress, "detail", said.append)
    monkeypatch.setattr(cluster, "POLL", 0.0)
    monkeypatch.setattr(cluster._Hands, "workers", lambda _: next(seen))
    monkeypatch.setattr(cluster._Hands, "give_out", lambda *_: None)
    with pytest.raises(RuntimeError, match="StopIteration"):  # when all was seen
        list(cluster.each(SimpleNamespace(cluster=None, cancel=lambda _: None), do, [("w", b"")]))
    assert said == [cluster.NOBODY, ""]


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_cluster_survives_its_workers_and_says_that_its_scheduler_is_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "POLL", 0.2)
    said = []
    monkeypatch.setattr(progress, "detail", said.append)
    marks = [tmp_path / f"mark{number}" for number in range(3)]
    started = Started(tmp_path)
    try:
        first, second = started.workers(2)
        with cluster.client(0, started.address()) as client:
            works = [(path.name, f"mark {path}".encode()) for path in marks]
            outcomes = []
            follow = threading.Thread(target=lambda: outcomes.extend(cluster.each(client, do, works)))
            follow.start()
            until(lambda: all(path.exists() and path.read_text().endswith("\n") for path in marks[:2]))
            worker_itself = int(marks[0].read_text())
            os.kill(worker_itself, signal.SIGKILL)  # its nanny starts another
            until(lambda: marks[0].read_text().count("\n") == 2)
            kill(first)
            kill(second)
            until(lambda: said[-1:] == [cluster.NOBODY])
            started.workers(2)
            for path in marks:
                path.with_suffix(".go").touch()
            follow.join(60)
            assert sorted(name for name, _ in outcomes) == [path.name for path in marks]
            assert all(isinstance(outcome, dict) for _, outcome in outcomes), "nothing is blamed"
            assert said[-1] == "", "the line goes when a worker has come"
            rest = cluster.each(client, do, [("a", b"sleep 0"), ("b", b"sleep 0"), ("c", b"sleep 60")])
            assert {next(rest)[0], next(rest)[0]} == {"a", "b"}
            kill(started.scheduler)
            with pytest.raises(SerkitError, match=r"the Dask scheduler is gone\. What was finished is kept"):
                next(rest)
    finally:
        started.end()
