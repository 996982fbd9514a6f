"""The package: importing it is quick and loads nothing heavy; built as a wheel it is complete."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import serkit
from serkit import papers

ROOT = Path(serkit.__file__).parents[1]

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


def test_the_version_is_said_in_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" in project["dynamic"]
    assert "version" not in project
    (cited,) = re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited == serkit.__version__


def test_citation_names_every_paper():
    cited = " ".join((ROOT / "CITATION.cff").read_text().split()).lower()
    for paper in papers.PAPERS.values():
        assert paper.title.lower() in cited, paper.key


def test_pins_are_the_same_for_pip_and_conda():
    pins = [
        line for line in (ROOT / "requirements.txt").read_text().splitlines() if re.match(r"[\w-]+(\[|==)|-e", line)
    ]
    conda = (ROOT / "environment.yml").read_text()
    assert re.findall(r"^      - (.*)$", conda, re.MULTILINE) == pins
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"python{project['requires-python']}" in conda


def test_the_lock_has_the_pins_and_all_that_these_need():
    text = (ROOT / "requirements.lock").read_text()
    entries = re.findall(
        r"^([a-z0-9._-]+)==(\S+)( ; [^\\]+)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", text, re.MULTILINE
    )
    names = re.findall(r"^[^\s#].*", text, re.MULTILINE)
    assert len(names) == len(entries) > 150, "each line names a version and its hashes"
    everywhere = {name: version for name, version, marker, _ in entries if not marker}
    pins = re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==(.*)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert len(pins) > 20
    assert {name: everywhere.get(name) for name, _ in pins} == dict(pins), (
        "the first lines of the lock say how to make it"
    )
    assert int(everywhere["setuptools"].split(".")[0]) >= 77, "which builds serkit without another download"
    assert "://" not in text, "whoever installs says from where"


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pinned = re.findall(r"^([a-z0-9-]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert {re.match(r"[a-z0-9-]+", one)[0] for one in needed} <= {*pinned}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of this checkout."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("serkit", "notebooks"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(built), str(source)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if "No matching distribution found for setuptools" in made.stderr + made.stdout:
        pytest.skip("pip cannot fetch setuptools, which builds the wheel")
    assert made.returncode == 0, made.stderr
    return next(built.glob("*.whl"))


def test_a_wheel_holds_modules_papers_and_notebooks(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    ours = [path.relative_to(ROOT) for path in (ROOT / "serkit").rglob("*") if path.is_file()]
    ours = {path.as_posix() for path in ours if "__pycache__" not in path.parts}
    assert len([name for name in ours if name.startswith("serkit/templates/")]) > 2
    assert ours <= held, ours - held
    assert {f"serkit/_notebooks/{paper.notebook}" for paper in (papers.PAPERS | papers.COMPANIONS).values()} <= held
    assert wheel.name.startswith(f"serkit-{serkit.__version__}-")
    assert not [name for name in held if name.startswith(("tests/", "results/", "build/"))]


def test_an_installed_wheel_finds_its_notebooks(wheel, tmp_path):
    """In an empty folder, away from the checkout; `serkit reproduce` needs nothing else."""
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    here = {**os.environ, "PYTHONPATH": str(site)}
    code = "from serkit import notebooks, papers; print(*map(notebooks._path_of, papers.PAPERS.values()), sep='\\n');"
    code += "notebooks.copy('copies', solved=True)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=empty, env=here, capture_output=True, text=True, check=True
    ).stdout.split()
    assert found == [str(site / "serkit" / "_notebooks" / paper.notebook) for paper in papers.PAPERS.values()]
    copies = {path.name: path.read_bytes() for path in (empty / "copies").iterdir()}
    assert copies == {path.name: path.read_bytes() for path in (ROOT / "notebooks").glob("*.ipynb")}
    listed = subprocess.run(
        [sys.executable, "-m", "serkit", "papers", "li2018"], cwd=empty, env=here, capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    assert "epochs: smoke 1, quick " in listed
