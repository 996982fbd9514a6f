"""The layer tests once more on JAX, in a process of its own: a process has one backend."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_layers_on_jax():
    pytest.importorskip("jax")
    names = [name for name in ("test_layers.py", "test_recurrent.py", "test_losses.py") if (HERE / name).exists()]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *[str(HERE / name) for name in names]]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(command, check=False, env=environment, cwd=HERE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
