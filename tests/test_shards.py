"""Shares of a study: n commands do a part each, and one of them finishes the tables."""

import nbformat
import pandas as pd
import pytest
from click.testing import CliRunner

from serkit import cli, notebooks, papers, planning, shards, study
from serkit.errors import SerkitError

CELLS = (
    "import pandas as pd\nfrom pathlib import Path\nfrom serkit import study\nfrom serkit.errors import SerkitError",
    """def double(seed):
    if seed == fails or (hopeless and seed > 4):
        raise SerkitError(f"no {seed}")
    return study.Outcome(pd.DataFrame({"id": ["a"], "p": [2 * seed]}))
first = study.Study(Path(out) / "runs", double)
runs = first.complete(study.grid(seed=range(4)), what="first")
if hopeless:
    study.Study(Path(out) / "more", double).complete(study.grid(seed=range(5, 12)), what="hopeless")""",
    """best = first.predictions(runs)["p"].tolist()
assert best == [0, 2, 4, 6], "needs all of them"
def more(number):
    return study.Outcome(pd.DataFrame({"id": ["a"], "p": [number]}))
study.Study(Path(out) / "runs", more).complete(study.grid(number=best), what="second")""",
    "raise AssertionError('below the last study')",
)


@pytest.fixture
def share(tmp_path, monkeypatch):
    """A share of a small notebook whose second study needs the results of the first."""
    path, folder = tmp_path / "small.ipynb", tmp_path / "out" / "small"
    cells = [nbformat.v4.new_code_cell("out = ''\nfails = -1\nhopeless = False", metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(one) for one in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    monkeypatch.setattr(notebooks, "_path_of", lambda _: path)
    paper = papers.find("li2018")

    def do(part, **given):
        monkeypatch.setattr(notebooks, "_prepared", lambda *_: (paper, "", "", folder, given | {"out": str(folder)}))
        return notebooks.do_share("li2018", part, profile="smoke", out=tmp_path / "out")

    do.folder = folder
    return do


def test_shares_do_their_part_and_a_study_may_wait_for_another(share):
    whole = {"failed": 0, "error": ""}
    assert share("1/2") == {"done": 2, "missing": 2, "waiting": 1} | whole
    assert len(list(share.folder.glob("runs/*/run.json"))) == 2
    assert share("2/2") == {"done": 4, "missing": 2, "waiting": 0} | whole
    assert share("1/2") == {"done": 2, "missing": 0, "waiting": 0} | whole
    assert len(list(share.folder.glob("runs/*/run.json"))) == 8
    assert [path.name for path in share.folder.iterdir()] == ["runs"]
    assert share("2/2") == {"done": 0, "missing": 0, "waiting": 0} | whole


def test_what_others_finish_meanwhile_is_not_missing_at_the_end(share, monkeypatch):
    run_cells = planning.run_cells

    def and_then_the_other(*arguments, **named):
        waiting = run_cells(*arguments, **named)
        monkeypatch.setattr(planning, "run_cells", run_cells)
        assert share("2/2")["missing"] == 2
        return waiting

    monkeypatch.setattr(planning, "run_cells", and_then_the_other)
    found = share("1/2")
    assert (found["done"], found["missing"], found["waiting"]) == (4, 0, 0)


def test_a_run_that_fails_does_not_keep_the_tables_waiting(share):
    mine = share("2/2", fails=1)
    assert mine == {"done": 1, "missing": 2, "failed": 1, "waiting": 1, "error": "run {'seed': 1}: no 1"}
    assert len(list(share.folder.glob("runs/*.failed.json"))) == 1
    others = share("1/2", fails=1)
    assert others == {"done": 2, "missing": 0, "failed": 1, "waiting": 1, "error": "run {'seed': 1}: no 1"}


def test_a_study_that_cannot_succeed_is_no_study_that_waits(share):
    share("1/2")
    with pytest.raises(SerkitError, match=r"li2018: the first 3 runs failed\. run \{'seed': 6\}: no"):
        share("2/2", hopeless=True)


def test_no_share():
    for text in ("0/2", "3/2", "a/2", "2", "1/0", "-1/2", ""):
        with pytest.raises(SerkitError, match="a share is i/n with i from 1 to n, such as 2/3; got"):
            shards.parsed(text)


def test_the_command_makes_tables_when_all_is_there(monkeypatch):
    monkeypatch.delenv("SERKIT_SHARD_END", raising=False)  # what the command sets goes after the test
    executed = []
    left = {"li2018": 0, "zhao2018": 3}

    def do(key, *_, **__):
        return {"done": 2, "missing": left[key], "waiting": left[key] // 3, "failed": left[key] // 3, "error": "no 1"}

    monkeypatch.setattr(notebooks, "do_share", do)
    monkeypatch.setattr("serkit.jobs.execute_all", lambda executions, *_: executed.extend(executions) or iter(()))
    given = ["reproduce", "li2018", "zhao2018", "--profile", "smoke", "--corpus", "iemocap=."]
    monkeypatch.setattr(cli, "_plan", lambda *_: ([(key, "iemocap", "", {}) for key in left], []))
    monkeypatch.setattr(cli, "_place", lambda text: (text, ""))
    result = CliRunner().invoke(cli.main, [*given, "--shard", "2/3"])
    assert result.exit_code == 1, result.output
    assert [one[0] for one in executed] == ["li2018"]
    assert "li2018 on the iemocap miniature, profile smoke: share 2/3: 2 runs done\n" in result.output
    said = (
        "share 2/3: 2 runs done, 1 failed (the first: no 1), 3 are missing, of other shares: whichever ends last makes"
    )
    assert f"{said} the tables, 1 studies need their results: start all shares again" in result.output
    assert (
        "Error: zhao2018 on the iemocap miniature, profile smoke: share 2/3: 1 runs failed; the same" in result.output
    )


def test_tables_are_made_without_trying_again_what_failed(tmp_path, monkeypatch):
    """Each share has tried its own twice; the notebook that makes the tables tried them twice more."""
    tried = tmp_path / "tried.txt"

    def run(seed):
        with tried.open("a") as file:
            file.write(str(seed))
        if seed == 1:
            raise ValueError("no 1")
        return study.Outcome(pd.DataFrame({"id": ["a"]}))

    one = study.Study(tmp_path / "runs", run)
    one.complete(study.grid(seed=[0, 1, 2]))
    assert tried.read_text() == "0121"
    monkeypatch.setenv("SERKIT_SHARD_END", "1")
    assert one.complete(study.grid(seed=[0, 1, 2, 3]))["seed"].tolist() == [0, 2, 3]
    assert tried.read_text() == "01213"
    assert study.missing(tmp_path)["error"].tolist() == ["ValueError: no 1"]


def test_a_notebook_without_a_study_is_executed_as_it_is(monkeypatch):
    monkeypatch.delenv("SERKIT_SHARD_END", raising=False)  # what the command sets goes after the test
    executed = []
    monkeypatch.setattr("serkit.jobs.execute_all", lambda executions, *_: executed.extend(executions) or iter(()))
    given = ["reproduce", "papers_by_numbers", "--profile", "smoke", "--shard", "1/2"]
    result = CliRunner().invoke(cli.main, given, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert [one[0] for one in executed] == ["papers_by_numbers"]


@pytest.mark.parametrize("other", [["--plan"], ["--scheduler", "tcp://x:1"], ["--verify"]])
def test_what_a_share_does_not_go_with(other):
    result = CliRunner().invoke(cli.main, ["reproduce", "li2018", "--profile", "smoke", "--shard", "1/2", *other])
    assert result.exit_code == 1
    assert f"--shard does not go with {other[0]}: leave one of them out" in result.output


def test_the_command_refuses_no_share():
    result = CliRunner().invoke(cli.main, ["reproduce", "li2018", "--profile", "smoke", "--shard", "3/2"])
    assert result.exit_code == 1
    assert "a share is i/n with i from 1 to n, such as 2/3; got '3/2'" in result.output
