"""The guides that say how to add something: their code runs, and adding touches no file that was there before."""

import hashlib
import io
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import serkit
from serkit import corpora, papers
from serkit.corpora import loaders, miniatures
from serkit.errors import SerkitError

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GUIDES = ("add_a_paper", "add_a_corpus", "add_a_front_end")


def text_of(name):
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def files_of(name):
    """The files that a guide shows, by their path."""
    return dict(re.findall(r"^`([^`\n]+)`:\n\n```\w*\n(.*?)^```", text_of(name), re.MULTILINE | re.DOTALL))


def cells_of(text):
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def write_notebook(path, cells):
    made = [new_code_cell(code) for code in cells]
    made[0].metadata["tags"] = ["parameters"]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=made, metadata=kernel), path)


def test_the_guide_for_contributors_and_the_site_lead_to_all_of_them():
    leading, site = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), text_of("index")
    for name in GUIDES:
        assert f"(docs/{name}.md)" in leading
        assert f"\n{name}\n" in site
    linked = re.findall(r"\]\((?!https?:|#)([^)]+)\)", leading)
    assert [path for path in linked if not (ROOT / path).is_file()] == []
    named = [path for path in re.findall(r"`((?:serkit|tests|docs)/[\w/.]+)`", leading) if "<" not in path]
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_commands_for_contributors_are_those_of_the_continuous_integration():
    leading = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    integration = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    for command in ("ruff check", "ty check", "pip install -r requirements.txt"):
        assert command in leading
        assert command in integration
    assert "ty check" in hooks
    assert re.search(r"nbstripout --keep-metadata-keys=\S+", hooks)[0] in leading


def test_the_changelog_is_of_this_version():
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(.+?)\]", log, re.MULTILINE)
    assert versions[:2] == ["Unreleased", serkit.__version__]
    for key in papers.PAPERS:
        assert key in log


def test_add_a_corpus(tmp_path, monkeypatch):
    shown = files_of("add_a_corpus")
    for package, folder in ((loaders, "loaders"), (miniatures, "miniatures")):
        path = tmp_path / folder / "studio.py"
        path.parent.mkdir()
        path.write_text(shown[f"serkit/corpora/{folder}/studio.py"])
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(path.parent)])
        monkeypatch.setattr(package, "NAMES", (*package.NAMES, "studio"))
        monkeypatch.delitem(sys.modules, f"serkit.corpora.{folder}.studio", raising=False)
    root = miniatures.ensure("studio")
    speech = corpora.load("studio", root)
    assert speech.check().empty
    assert speech.utterances.groupby(["speaker", "label"])["take"].nunique().eq(2).all()
    (root / "f01_angry_1.wav").rename(root / "f01_anger_1.wav")
    with pytest.raises(SerkitError, match=r"(?s)no name of this corpus: f01_anger_1.wav.*utterances: 23 instead of 24"):
        corpora.load("studio", root)


# All three at once, in a copy of the package and a process of its own. The commands are those of the guides; notebooks
# are executed without a kernel (see notebook_checks), which changes nothing but the time.
USED = """
import shlex, sys
import pytest
import notebook_checks
from serkit import cli, jobs

exec(open("tests/golden/make_level.py").read(), {})
tests = ["tests/test_loudness.py", "serkit/features/loudness.py"]
if pytest.main(["-q", "-p", "no:cacheprovider", "--doctest-modules", *tests]):
    sys.exit("the front end's tests failed")
notebook_checks.in_this_process()
jobs.usual_number = lambda: 1
for command in sys.argv[1:]:
    print("$ serkit", command, flush=True)
    try:
        cli.main(shlex.split(command))
    except SystemExit as end:
        if end.code:
            raise
"""
COMMANDS = (
    "papers doe2030",
    "corpora",
    "check studio recordings",
    "reproduce doe2030 --corpus studio=recordings --set classes=angry,happy,neutral --profile smoke",
)


def digests(folder):
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_a_sixth_paper_a_seventh_corpus_and_a_front_end_are_new_files(tmp_path):
    for name in ("serkit", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests" / "golden").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "golden" / "golden.wav", tmp_path / "tests" / "golden")
    shown = {path: text for name in GUIDES for path, text in files_of(name).items()}
    assert [path for path in shown if (tmp_path / path).exists()] == []
    before = digests(tmp_path)
    for path, text in shown.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    line, cell = cells_of(text_of("add_a_front_end").partition("## 4.")[2])
    names = Path("serkit", "features", "__init__.py")  # the front end's name among the others
    (tmp_path / names).write_text((ROOT / names).read_text().replace("from serkit", f"{line}from serkit", 1))
    cells = cells_of(text_of("add_a_paper").partition("## 3. The notebook")[2])
    (place,) = [place for place, code in enumerate(cells) if "features.extract(" in code]
    cells.insert(place + 1, cell)
    write_notebook(tmp_path / "notebooks" / "doe2030_hidden_layer.ipynb", cells)
    (tmp_path / "recordings").mkdir()
    runpy.run_path(str(tmp_path / "serkit/corpora/miniatures/studio.py"))["write"](tmp_path / "recordings", 0)
    ours = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT / 'tests'}", "SERKIT_CACHE": str(tmp_path / "cache")}
    make = [sys.executable, "-c", USED, *COMMANDS]
    ran = subprocess.run(make, env={**os.environ, **ours}, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    after = digests(tmp_path)
    assert [path for path in before if before[path] != after[path]] == [str(names)]
    commands = dict(re.findall(r"^\$ serkit (\w+)[^\n]*\n(.*?)(?=^\$ serkit|\Z)", ran.stdout, re.MULTILINE | re.DOTALL))
    assert "A hidden layer helps" in commands["papers"]
    assert "bears on row Hidden layer" in commands["papers"]
    assert "studio\n  Studio, a made-up corpus\n  licence: CC0 1.0" in commands["corpora"]
    assert "24 utterances at recordings\nThis copy is as expected." in commands["check"]
    assert "doe2030 on studio, profile smoke: done" in commands["reproduce"]
    folder = tmp_path / "results" / "studio" / "doe2030"
    claims = pd.read_csv(folder / "tables" / "claims.csv")
    assert claims["measured"].notna().sum() == 4
    printed = pd.read_csv(io.StringIO(shown["serkit/papers/doe2030/table1.csv"]))
    assert np.array_equal(claims["published"], printed["value"])
    assert json.loads((folder / "notebook.ipynb").read_text())["cells"][-1]["outputs"], "findings"
    (store,) = (tmp_path / "cache" / "features").glob("level-*")
    assert np.load(store / "features.npy").shape[1] == 1
