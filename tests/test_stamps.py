"""An execution is done again exactly when its results may come out otherwise, or are not what was written."""

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from serkit import files, notebooks, papers, stamps
from serkit.errors import SerkitError


@pytest.fixture
def notebook(tmp_path):
    path = tmp_path / "notebook.ipynb"
    write(path, "epochs")
    return path


def write(path, *sources, solution=""):
    """A notebook of these cells, and of one with a solution."""
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    solved = nbformat.v4.new_code_cell(solution, id="solution", metadata={"tags": ["solution"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[*cells, *([solved] if solution else [])]), path)


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    files.write_text(folder / "labels" / "a.txt", "sad")
    files.write_text(folder / "a.wav", "RIFF")
    return folder


def test_what_counts(notebook, corpus, monkeypatch):
    values = {"epochs": 3, "root": str(corpus), "out": "here", "workers": 1}
    made = stamps.made_of(notebook, values)
    assert made == stamps.made_of(notebook, values | {"out": "there", "workers": 4})
    assert made != stamps.made_of(notebook, values | {"epochs": 4})
    assert made != stamps.made_of(notebook, values | {"root": str(corpus.parent)})
    for change in (
        lambda: monkeypatch.setenv("KERAS_BACKEND", "jax"),
        lambda: monkeypatch.setattr(stamps.fingerprints, "version_of", lambda name: f"{name} 99"),
        lambda: (corpus / "labels" / "a.txt").write_text("happy"),
        lambda: (corpus / "b.wav").write_text("RIFF"),
        lambda: write(notebook, "epochs", "more"),
    ):
        change()
        assert made != (made := stamps.made_of(notebook, values))
    write(notebook, "epochs", "more", solution="42")
    assert made == stamps.made_of(notebook, values), "no result depends on a solution"


def test_a_table_of_recordings_and_the_files_it_names(tmp_path, notebook):
    (tmp_path / "a.wav").write_text("one")
    table = tmp_path / "mine.csv"
    table.write_text("path,label,speaker\na.wav,sad,s1\nmissing.wav,sad,s2\n")
    values = {"root": str(table)}
    made = stamps.made_of(notebook, values)
    (tmp_path / "other.wav").write_text("not named")
    assert stamps.made_of(notebook, values) == made
    os.utime(tmp_path / "a.wav", ns=(1, 1))
    assert stamps.made_of(notebook, values) != made


def test_a_stamp_holds_as_long_as_the_results_are_whole(tmp_path):
    folder = tmp_path / "results"
    assert not stamps.holds(folder, "made")
    files.write_text(folder / "tables" / "claims.csv", "a,b\n")
    files.write_text(folder / "notebook.ipynb", "{}")
    stamps.write(folder, "made")
    assert stamps.holds(folder, "made")
    assert not stamps.holds(folder, "made otherwise")
    files.write_text(folder / "runs" / "x" / "model.keras", "runs are not looked at")
    assert stamps.holds(folder, "made")
    files.write_text(folder / "tables" / "claims.csv", "a,b,c\n")
    assert not stamps.holds(folder, "made")
    (folder / "tables" / "claims.csv").unlink()
    assert not stamps.holds(folder, "made")
    (folder / stamps.NAME).write_text("{")
    assert not stamps.holds(folder, "made")


def test_the_commit_is_named_where_there_is_one(tmp_path, monkeypatch):
    identity = {f"GIT_{who}_{what}": "doe@x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for name, value in identity.items():
        monkeypatch.setenv(name, value)

    def git(*words):
        return subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True, text=True).stdout

    monkeypatch.setattr(stamps.serkit, "__file__", str(tmp_path / "serkit" / "__init__.py"))
    monkeypatch.setattr(stamps.importlib.metadata, "distribution", lambda _: SimpleNamespace(read_text=lambda _: None))
    plain = f"serkit {stamps.serkit.__version__}"
    assert stamps.source() == plain, "no repository"
    git("init", "-q")
    files.write_text(tmp_path / "serkit" / "__init__.py", "")
    assert stamps.source() == plain, "a repository of something else"
    git("add", ".")
    git("commit", "-q", "-m", "first")
    commit = git("rev-parse", "HEAD").strip()
    assert len(commit) == 40
    assert stamps.source() == f"{plain}, commit {commit}"
    files.write_text(tmp_path / "results" / "a.csv", "not code")
    assert stamps.source() == f"{plain}, commit {commit}"
    files.write_text(tmp_path / "serkit" / "new.py", "")
    assert stamps.source() == f"{plain}, commit {commit} (with changes)"
    monkeypatch.setattr(stamps.shutil, "which", lambda _: None)
    noted = json.dumps({"url": "x", "vcs_info": {"vcs": "git", "commit_id": "1a2b"}})
    monkeypatch.setattr(stamps.importlib.metadata, "distribution", lambda _: SimpleNamespace(read_text=lambda _: noted))
    assert stamps.source() == f"{plain}, commit 1a2b"


def test_tables_and_figures_that_an_execution_does_not_make_are_gone_after_it(tmp_path, monkeypatch):
    made = []

    def execute_notebook(source, executed, values, **options):
        for name in made:
            files.write_text(Path(executed).parent / name, "a,b\n")
        Path(executed).write_text(Path(source).read_text(encoding="utf-8"), encoding="utf-8")

    monkeypatch.setattr("papermill.execute_notebook", execute_notebook)
    for made in (["tables/a.csv", "figures/a.png", "tables/b.csv"], ["tables/b.csv"]):
        folder = notebooks.execute("li2018", profile="smoke", out=tmp_path, again=True)
        (folder / "runs" / "abc").mkdir(parents=True, exist_ok=True)
        assert {str(path.relative_to(folder)) for path in folder.glob("*s/*.*")} == set(made)
    assert (folder / "runs" / "abc").is_dir()
    made = ["tables/missing.csv"]
    monkeypatch.setattr(notebooks, "_lacking", lambda _: "a run failed")
    with pytest.raises(SerkitError, match=r"a run failed; .* has the tables without them"):
        notebooks.execute("li2018", profile="smoke", out=tmp_path, again=True)
    assert [path.name for path in folder.glob("*s/*.*")] == ["missing.csv"]


def test_execute_does_nothing_where_the_stamp_holds(tmp_path, monkeypatch):
    ran = []

    def execute_notebook(source, executed, values, **options):
        ran.append(values["epochs"])
        Path(executed).write_text(Path(source).read_text(encoding="utf-8"), encoding="utf-8")

    monkeypatch.setattr("papermill.execute_notebook", execute_notebook)
    for epochs, again in ((1, False), (1, False), (2, False), (2, True), (2, False)):
        folder = notebooks.execute("li2018", profile="smoke", out=tmp_path, again=again, epochs=epochs)
        assert folder == tmp_path / "iemocap-miniature" / "li2018"
    assert ran == [1, 2, 2]

    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("papermill.execute_notebook", stopped)
    with pytest.raises(KeyboardInterrupt):
        notebooks.execute("li2018", profile="smoke", out=tmp_path, epochs=2)
    monkeypatch.setattr("papermill.execute_notebook", execute_notebook)
    notebooks.execute("li2018", profile="smoke", out=tmp_path, again=False, epochs=2)
    assert ran == [1, 2, 2, 2], "an interrupted execution leaves no stamp"
    assert papers.find("li2018").notebook.endswith(".ipynb")
