"""The command: what it lists, what it refuses, and how fast it does."""

import json
import re
import subprocess
import sys

import nbformat
import pandas as pd
import pytest
from click.testing import CliRunner

from serkit import __version__, corpora, jobs, notebooks, papers, report, solutions, stamps
from serkit.cli import _summary, main
from serkit.corpora import miniatures, proxy
from serkit.errors import SerkitError

EXECUTE = notebooks.execute
NOTEBOOKS = [*papers.PAPERS.values(), *papers.COMPANIONS.values()]


def serkit(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch):
    def execute(*arguments, **given):
        raise AssertionError(f"ran {arguments}, {given}")

    monkeypatch.setattr(notebooks, "execute", execute)
    monkeypatch.setattr(jobs, "usual_number", lambda: 1)  # in this process, where it has been replaced


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["li2018", "--set", "epoch=3"], "unknown parameter 'epoch' (did you mean 'epochs'?); valid: a"),
        (
            ["--corpus", "iemocpa"],
            "unknown corpus 'iemocpa' (did you mean 'iemocap'?); valid: ami, cheavd, continuous, cremad, emodb",
        ),
        (["--corpus", "iemocap"], "where is iemocap? Give --corpus iemocap=FOLDER, or set SERKIT_IEMOCAP"),
        (["--corpus", "iemocap=/nowhere"], "there is no /nowhere"),
        (["li2019"], "unknown paper 'li2019' (did you mean 'li2018'?)"),
        (["--profile", "fast"], "unknown profile 'fast'; valid: paper, quick, smoke"),
        (["li2018", "--set", "epochs=many"], "parameter epochs is of type int, such as 12; got 'many'"),
        (["li2018", "--set", "epochs=1.5"], "got 1.5"),
        (["li2018", "--set", "pool_after=a,b"], "parameter pool_after is of type list of int"),
        (["li2018", "--set", "strict=3"], "parameter strict is of type bool"),
        (["li2018", "--set", "epochs"], "--set takes NAME=VALUE; got 'epochs'"),
    ],
)
def test_mistakes_are_named_at_once(arguments, message):
    result = serkit("reproduce", *arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.fixture
def executed(tmp_path, monkeypatch):
    """What the command would execute: paper, corpus and root of each."""

    class Seen(list):
        claims = pd.DataFrame(columns=report.CLAIM_COLUMNS)

    seen = Seen()

    def execute(key, corpus, root, profile, out, **given):
        seen.append((key, corpus, root))
        (tmp_path / "tables").mkdir(exist_ok=True)
        seen.claims.to_csv(tmp_path / "tables" / "claims.csv")
        return tmp_path

    monkeypatch.setattr(notebooks, "execute", execute)
    return seen


def test_without_a_corpus_a_paper_runs_on_each_of_its_own(executed):
    result = serkit("reproduce", "zhao2018", "--profile", "smoke")
    assert result.exit_code == 0, result.output
    assert executed == [("zhao2018", "iemocap", ""), ("zhao2018", "cheavd", "")]
    assert "zhao2018 on the cheavd miniature, profile smoke" in result.output
    executed.clear()
    assert serkit("reproduce").exit_code == 0
    assert {(paper.key, corpus, "") for paper in papers.PAPERS.values() for corpus in paper.own} == set(executed)
    seconds = [papers.PAPERS[key].seconds for key, *_ in executed]
    assert seconds == sorted(seconds), "the quickest first"
    assert max(seconds) < 1000, "measured for each"


def test_the_summary_says_what_was_measured_and_what_was_compared(executed, tmp_path):
    (tmp_path / "tables").mkdir()
    claim = {"table": 1, "row": "A", "metric": "UA", "published": 60, "measured": 50.5, "sd": 2, "low": 45, "high": 56}
    rows = [
        claim | {"runs": 3, "comparable": False, "why_not": "epochs = 2 (paper: 50)"},
        {"table": 1, "row": "B", "metric": "UA", "published": 61, "why_not": "not measured here"},
    ]
    executed.claims = pd.DataFrame(rows, columns=report.CLAIM_COLUMNS)
    compared = {"table": 1, "better": "B", "worse": "A", "metric": "UA", "verdict": "undecided", "why": "2 speakers"}
    marks = [("paper", False), ("ours", False), ("paper", True)]
    pd.DataFrame([compared | {"made_by": maker, "comparable": same} for maker, same in marks]).to_csv(
        tmp_path / "tables" / "comparisons.csv"
    )
    output = serkit("reproduce", "li2018", "--profile", "smoke").output
    assert "50.5" in output
    assert "56" in output
    assert " B " not in output.split("B better than")[0], "not measured, not listed"
    verdict = "B better than A, table 1, UA: undecided (2 speakers)"
    assert f"{verdict}; not comparable\n{verdict}; not in the paper\n{verdict}\n" in output
    assert "not comparable: epochs = 2 (paper: 50)\n" in output
    assert f"results: {tmp_path}" in output


def test_a_summary_without_rows_is_no_printed_frame(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "summary.csv").write_text("group,model\n")
    assert _summary(tmp_path) == f"no study was found: the notebook names them\nresults: {tmp_path}\n"


def test_a_corpus_goes_to_the_papers_that_take_it(executed, iemocap_miniature):
    """To those whose columns it has; no list of corpora says so."""
    places = {name: str(miniatures.ensure(name)) for name in ("recola", "cheavd")} | {"iemocap": str(iemocap_miniature)}
    given = [text for name, place in places.items() for text in ("--corpus", f"{name}={place}")]
    result = serkit("reproduce", "li2018", "khorram2017", "zhao2018", *given)
    assert result.exit_code == 0, result.output
    assert [one[:2] for one in executed] == [
        ("li2018", "cheavd"), ("li2018", "iemocap"), ("khorram2017", "recola"), ("zhao2018", "cheavd"),
        ("zhao2018", "iemocap"),
    ]  # fmt: skip
    assert all(root == places[corpus] for _, corpus, root in executed)
    executed.clear()
    result = serkit("reproduce", "li2018", "--corpus", f"recola={places['recola']}")
    assert result.exit_code == 1
    assert (
        f"li2018 needs label, which recola at {places['recola']} does not have: take a corpus with emotion"
        in result.output
    )
    assert not executed


def test_papers_that_a_corpus_lacks_something_for_are_named(executed, iemocap_miniature, tmp_path):
    """Those passed over where all are run, and as an error where they were asked for."""
    place = f"iemocap={iemocap_miniature}"
    result = serkit("reproduce", "--corpus", place)
    assert result.exit_code == 0
    assert "passed over: khorram2017 needs trajectories, " in result.output
    assert {one[0] for one in executed} == set(papers.PAPERS) - {"khorram2017"}
    executed.clear()
    result = serkit("reproduce", "li2018", "khorram2017", "--corpus", place)
    assert result.exit_code == 1
    assert "khorram2017 needs trajectories, " in result.output
    assert not executed


def test_values_are_read_as_the_parameters_own_type():
    paper = papers.find("li2018")
    given = {"epochs": "3", "pool_after": "1,2", "classes": "sad,angry", "weight_decay": "0", "strict": "false"}
    values = notebooks.resolve(paper, "quick", given)
    assert {name: values[name] for name in given} == {
        "epochs": 3, "pool_after": [1, 2], "classes": ["sad", "angry"], "weight_decay": 0.0, "strict": False,
    }  # fmt: skip
    assert values["profile"] == "quick"


@pytest.mark.parametrize("paper", NOTEBOOKS, ids=lambda paper: paper.key)
def test_profiles_fit_the_notebook(paper):
    defaults = notebooks.parameters(paper)
    for profile in ("smoke", "quick", "paper"):
        notebooks.resolve(paper, profile, papers.profile_values(paper, profile))
    assert list(paper.parameters) == list(defaults), "paper.toml has every parameter, in the notebook's order"
    assert papers.profile_values(paper, "quick") == {}, "the notebook holds the quick profile"


@pytest.mark.parametrize("paper", NOTEBOOKS, ids=lambda paper: paper.key)
def test_notebooks_are_committed_clean_and_readable(paper):
    notebook = nbformat.read(notebooks._path_of(paper), as_version=4)
    everything = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in everything)
    code = [cell for cell in everything if cell not in solutions.of(notebook)]
    # About 30, as long as drawings of networks and mechanisms are not counted; these came on top of that number.
    assert len([cell for cell in code if "results.figure(" not in cell.source]) <= 26
    assert len(code) <= 35
    assert max(len(cell.source.splitlines()) for cell in everything) <= 40


@pytest.mark.parametrize("paper", NOTEBOOKS, ids=lambda paper: paper.key)
def test_every_exercise_has_a_solution_behind_a_fold(paper):
    cells = nbformat.read(notebooks._path_of(paper), as_version=4).cells
    heading = re.compile(r"^## \d+\. Exercises\n", re.MULTILINE)
    place = next(number for number, cell in enumerate(cells) if heading.search(cell.source))
    asked = re.findall(r"^\d+(?=\. )", heading.split(cells[place].source)[1], re.MULTILINE)
    assert len(asked) >= 3
    head, *solved = cells[place + 1 :]
    assert head.source.startswith("## Solutions\n")
    assert [
        number for cell in solved for number in re.findall(r"<summary>Solution (\d+)</summary>", cell.source)
    ] == asked
    texts, codes = solved[::2], solved[1::2]
    assert len(texts) == len(codes)
    for text, code in zip(texts, codes, strict=True):
        assert re.fullmatch(
            r"<details>\n<summary>Solution \d+</summary>\n\n.{80,}\n\n</details>", text.source, re.DOTALL
        )
        assert text.metadata == {"tags": [solutions.TAG]}
        assert code.metadata == {"jupyter": {"source_hidden": True}, "tags": ["hide-cell", solutions.TAG]}
        assert not re.search(r"results\.(table|figure|scores|claims|comparisons)\(|results\.folder", code.source)
    assert head.metadata == {"tags": [solutions.TAG]}


def test_a_value_of_another_type_inside_the_notebook():
    values = notebooks.parameters(papers.find("li2018"))
    assert notebooks._settings("li2018", {**values, "anything": 1}) == values
    with pytest.raises(SerkitError, match="parameter fold_limit is of type int, such as 0; got '2'"):
        notebooks._settings("li2018", {**values, "fold_limit": "2"})


@pytest.mark.parametrize("paper", NOTEBOOKS, ids=lambda paper: paper.key)
def test_every_parameter_is_listed(paper):
    result = serkit("papers", paper.key)
    assert result.exit_code == 0, result.output
    defaults, comments = notebooks.parameters(paper), notebooks.comments(paper)
    assert list(comments) == list(defaults)
    for name, parameter in paper.parameters.items():
        (lines,) = re.findall(rf"^{name}(?: \[.*\])?: .*\n.*\n.*$", result.output, re.MULTILINE)
        first, source, comment = lines.splitlines()
        assert parameter.unit in first
        assert repr(defaults[name]) in first
        assert all(f"{profile} {value!r}" in first for profile, value in parameter.values.items())
        assert source.startswith(f"    source: {parameter.source}")
        assert comment == f"    {comments[name]}" != "    "
    assert ("source: paper; bears on " in result.output) == (paper.key in papers.PAPERS)


def test_notebooks_are_copied_and_nothing_is_overwritten(tmp_path):
    folder = tmp_path / "mine"
    result = serkit("notebooks", folder)
    assert result.exit_code == 0, result.output
    assert {path.name for path in folder.iterdir()} == {paper.notebook for paper in NOTEBOOKS}
    for paper in NOTEBOOKS:
        whole = nbformat.read(notebooks._path_of(paper), as_version=4)
        students = [cell for cell in whole.cells if cell not in solutions.of(whole)]
        assert nbformat.read(folder / paper.notebook, as_version=4).cells == students
        assert f"wrote {folder / paper.notebook}" in result.output
    assert serkit("notebooks", tmp_path / "teachers", "--solutions").exit_code == 0
    for paper in NOTEBOOKS:
        assert (tmp_path / "teachers" / paper.notebook).read_bytes() == notebooks._path_of(paper).read_bytes()
    mine = folder / papers.find("zhao2018").notebook
    mine.write_text("mine")
    for other in folder.iterdir():
        if other != mine:
            other.unlink()
    result = serkit("notebooks", folder)
    assert result.exit_code == 1
    assert f"{mine} is there already" in result.output
    assert mine.read_text() == "mine"
    assert list(folder.iterdir()) == [mine], "nothing was copied"
    for paper in NOTEBOOKS:
        (folder / paper.notebook).write_text("mine")
    mine.unlink()
    assert f"{mine.name} is missing there: copy to another folder" in serkit("notebooks", folder).output
    result = serkit("notebooks", "")
    assert result.exit_code == 1
    assert "no folder is named for the notebooks" in result.output


COMPANION = """title = "A made-up one"
authors = "serkit"
venue = ""
notebook = {notebook}
own = {own}
needs = ["label"]

[parameters]
{parameters}
"""
CELL = """import pandas as pd
from serkit import notebooks
speech, results = notebooks.begin("doe", globals())
results.table("summary", pd.DataFrame({"counted": [0 if speech is None else len(speech.utterances)]}))"""


@pytest.fixture
def companion(tmp_path, monkeypatch):
    """Make up a notebook of no single paper, with a folder and a notebook of its own."""

    def make(own, **parameters):
        (tmp_path / "companions" / "doe").mkdir(parents=True)
        path = tmp_path / "doe.ipynb"
        cells = [nbformat.v4.new_code_cell("\n".join(f"{name} = {value!r}" for name, value in parameters.items()))]
        cells[0].metadata["tags"] = ["parameters"]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell(CELL)], metadata=kernel), path)
        listed = "\n".join(f'{name} = {{ source = "place" }}' for name in parameters)
        text = COMPANION.format(notebook=json.dumps(str(path)), own=json.dumps(own), parameters=listed)
        (tmp_path / "companions" / "doe" / "paper.toml").write_text(text)
        monkeypatch.setitem(papers.COMPANIONS, "doe", papers._discover(tmp_path / "companions")["doe"])
        monkeypatch.setattr(notebooks, "execute", EXECUTE)
        monkeypatch.chdir(tmp_path)
        return tmp_path / "results"

    return make


def test_a_notebook_of_no_paper_that_takes_no_corpus(companion):
    results = companion([], profile="quick", out="")
    outcome = serkit("reproduce", "doe", "--corpus", f"iemocap={miniatures.ensure('iemocap')}")
    assert outcome.exit_code == 0, outcome.output
    assert f"doe, profile quick: done\n counted\n       0\nresults: {results / 'published' / 'doe'}" in outcome.output
    assert (results / "published" / "doe" / "command.txt").read_text().splitlines() == [
        f"# {stamps.source()}",
        "serkit reproduce doe",
    ]
    assert "takes no corpus" in serkit("papers", "doe").output
    assert "A made-up one\n  notebook" in serkit("papers").output, "nobody published it"
    assert "no study of its own" in serkit("reproduce", "doe", "--plan").output


def test_a_notebook_that_reads_the_results_of_others_is_as_old_as_these(companion):
    parameters = {"profile": "quick", "corpus": "iemocap", "root": "", "strict": True, "out": "", "stored": ""}
    results = companion(["iemocap"], **parameters) / "iemocap-miniature"
    outcome = serkit("reproduce", "doe")
    assert outcome.exit_code == 0, outcome.output
    assert "doe on the iemocap miniature, profile quick: done\n counted\n" in outcome.output
    executed = results / "doe" / "notebook.ipynb"
    assert f'stored = \\"{results}\\"' in executed.read_text()
    assert "Everything here is of: iemocap miniature (synthetic speech)." in executed.read_text()
    assert (results / "doe" / "command.txt").read_text().endswith("\nserkit reproduce doe --corpus iemocap\n")

    def runs_again():
        before = executed.stat().st_mtime_ns
        assert serkit("reproduce", "doe").exit_code == 0
        return executed.stat().st_mtime_ns != before

    assert not runs_again()
    (results / "li2018" / "tables").mkdir(parents=True)
    (results / "li2018" / "tables" / "scores.csv").write_text("UA\n50\n")
    assert runs_again()
    assert not runs_again()


def test_the_module_of_the_command_runs_too():
    result = subprocess.run(
        [sys.executable, "-m", "serkit.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert __version__ in result.stdout


def test_lists():
    listed = serkit("papers").output
    assert all(paper.title in listed and paper.notebook in listed for paper in NOTEBOOKS)
    listed = serkit("corpora").output
    assert all(corpora.module(name).LICENCE in listed for name in corpora.NAMES)


def test_miniature_and_check(tmp_path):
    written = serkit("miniature", "iemocap", tmp_path / "twin")
    assert written.exit_code == 0, written.output
    assert json.loads((tmp_path / "twin" / corpora.MARKER).read_text())["name"] == "iemocap"
    result = serkit("check", "iemocap", tmp_path / "twin")
    assert result.exit_code == 0, result.output
    assert "miniature" in result.output
    assert "This copy is as expected." in result.output
    victim = next((tmp_path / "twin").rglob("sentences/wav/*/*.wav"))
    victim.unlink()
    result = serkit("check", "iemocap", tmp_path / "twin")
    assert result.exit_code == 1
    assert victim.stem in result.output
    assert "correct them before you use this copy" in result.output
    assert re.search(r"^1 error: |^[2-9] errors: ", result.output, re.MULTILINE)
    assert serkit("check", "ravdes", tmp_path).exit_code == 1


def test_proxy(tmp_path, monkeypatch):
    """What it writes is tested where it is made."""
    seen = {}

    def ravdess_trajectories(root, directory, seed):
        seen.update(root=root, directory=directory, seed=seed)
        return tmp_path / "recordings.csv"

    monkeypatch.setattr(proxy, "ravdess_trajectories", ravdess_trajectories)
    result = serkit("proxy", "RAVDESS", tmp_path / "mine", "--seed", 3)
    assert result.exit_code == 0, result.output
    assert seen == {"root": "RAVDESS", "directory": str(tmp_path / "mine"), "seed": 3}
    assert f"serkit reproduce khorram2017 --corpus continuous={tmp_path / 'recordings.csv'}" in result.output
    monkeypatch.undo()
    result = serkit("proxy", tmp_path / "nowhere", tmp_path / "mine")
    assert result.exit_code == 1
    assert "RAVDESS" in result.output
