"""How a notebook is executed: what it is given. The papers' own tests execute them."""

from pathlib import Path

import nbformat
import papermill
import pytest

from serkit import notebooks, papers
from serkit.errors import SerkitError


@pytest.fixture
def given(monkeypatch, tmp_path):
    """The parameters with which papermill was called; nothing is executed, and there is one more root than usual."""
    seen = {}
    own = notebooks.parameters

    def execute_notebook(source, target, values, cwd, **options):
        seen.update(values, cwd=cwd)
        nbformat.write(nbformat.v4.new_notebook(), target)

    monkeypatch.setattr(papermill, "execute_notebook", execute_notebook)
    monkeypatch.setattr(notebooks, "parameters", lambda paper: {**own(paper), "unlabelled_root": ""})
    monkeypatch.chdir(tmp_path)
    return seen


def test_folders_are_named_from_where_the_command_runs(given, tmp_path):
    """The notebook itself runs among its results."""
    (tmp_path / "speech").mkdir()
    folder = notebooks.execute("li2018", "ravdess", "speech", "smoke", "mine", unlabelled_root="more/speech", seeds=3)
    assert folder == given["cwd"] == tmp_path / "mine" / "ravdess" / "li2018"
    assert given["unlabelled_root"] == str(tmp_path / "more" / "speech")
    assert given["root"] == str(tmp_path / "speech")
    assert given["out"] == str(folder)
    assert given["seeds"] == 3


def test_absolute_and_empty_folders_stay_as_they_are(given, tmp_path):
    notebooks.execute("li2018", profile="smoke", out=tmp_path, unlabelled_root="/data/speech")
    assert given["unlabelled_root"] == str(Path("/data/speech").resolve())
    assert given["root"] == "", "the miniature"
    notebooks.execute("li2018", profile="smoke", out=tmp_path, unlabelled_root="")
    assert given["unlabelled_root"] == "", "none, not the folder of the command"
    assert given["style"] == papers.profile_values(papers.find("li2018"), "paper")["style"]


def test_roots_are_checked_like_any_parameter(given, tmp_path):
    with pytest.raises(SerkitError, match=r"parameter of li2018 'unlabeled_root' \(did you mean 'unlabelled_root'"):
        notebooks.execute("li2018", profile="smoke", out=tmp_path, unlabeled_root="here")
    with pytest.raises(SerkitError, match="there is no nowhere; how to get ravdess: "):
        notebooks.execute("li2018", "ravdess", "nowhere", "smoke", tmp_path)
    assert not given
