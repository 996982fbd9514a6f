"""The layer tests once more on JAX and PyTorch, each in a process of its own: a process has one backend.

With SERKIT_TEST_TORCH=1, and PyTorch installed, the smoke profile of every notebook runs on it too (minutes each).
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serkit import papers

HERE = Path(__file__).parent
# Tests that differ from another one in what no backend treats in a way of its own.
ALIKE = ("steps1", "behaves_as_a_layer and (gru or both)", "one_step_back and AdvancedGRU", "mask and True-False")
ALIKE += ("adds_256", "moves_every_weight")


def environment(backend):
    """Its own backend; and XLA compiles quickly rather than well, since nothing is computed for long."""
    return {**os.environ, "KERAS_BACKEND": backend, "XLA_FLAGS": "--xla_backend_optimization_level=0"}


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_layers(backend):
    pytest.importorskip(backend)
    names = [name for name in ("test_layers.py", "test_recurrent.py", "test_losses.py") if (HERE / name).exists()]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n0",
        "-p",
        "no:cacheprovider",
        "-k",
        f"not ({' or '.join(ALIKE)})",
        *[str(HERE / name) for name in names],
    ]
    done = subprocess.run(
        command, check=False, env=environment(backend), cwd=HERE.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


@pytest.mark.skipif(os.environ.get("SERKIT_TEST_TORCH") != "1", reason="takes minutes; SERKIT_TEST_TORCH=1 runs it")
@pytest.mark.parametrize("paper", papers.PAPERS)
def test_notebooks_on_torch(paper, tmp_path):
    pytest.importorskip("torch")
    command = [sys.executable, "-m", "serkit", "reproduce", paper, "--profile", "smoke", "--out", str(tmp_path)]
    done = subprocess.run(command, check=False, env=environment("torch"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    records = list(tmp_path.rglob("run.json"))
    assert records
    assert all('"backend": "torch"' in record.read_text() for record in records)
