"""Importing serkit is quick and loads nothing heavy."""

import subprocess
import sys

HEAVY = ("keras", "tensorflow", "librosa", "jax", "opensmile", "matplotlib")


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_import_loads_neither_keras_nor_librosa():
    loaded = run(f"import sys, serkit; print([name for name in {HEAVY} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_corpora_and_front_ends_do_without_keras():
    loaded = run(
        "import sys, serkit.corpora, serkit.features, serkit.splits, serkit.metrics, serkit.papers, serkit.cli;"
        "print([name for name in ('keras', 'tensorflow', 'librosa', 'opensmile') if name in sys.modules])"
    )
    assert loaded.strip() == "[]"


def test_import_takes_less_than_a_third_of_a_second():
    times = [
        float(run("import time; t = time.perf_counter(); import serkit; print(time.perf_counter() - t)"))
        for _ in range(3)
    ]
    assert min(times) < 0.3
