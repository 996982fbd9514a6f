"""How a notebook is executed: what it is given, and what it refuses in Jupyter. The papers' own tests execute them."""

import ast
import copy
import functools
import importlib.util
import io
import os
import re
import shlex
import shutil
import sys
import types
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import nbformat
import pandas as pd
import papermill
import pytest
from IPython.core.interactiveshell import InteractiveShell
from notebook_checks import kernels

from serkit import notebooks, papers, stamps
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


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("tao2018", {"models": ["advanced LSTM", "advanced LSTM, mean pooling"], "steps": [3, 1], "dropout": 0.25}),
        ("li2018", {"filter_heights": [], "classes": ["it's sad", "1"], "hop": 0.01, "frequency_filter": [50.0, 20.0]}),
        ("li2018", {"merge": ["excited=happy"], "classes": ['a "b"', "[c"], "style": "1,2", "strict": False}),
        ("li2018", {"classes": ["c]", "d"], "models": [" GAP ", ""], "filter_widths": [1e-05, 1e20]}),
    ],
)
def test_the_command_reads_back(key, values):
    """What command.txt says, typed into a shell, are the values that were used."""
    paper = papers.find(key)
    usual = notebooks.resolve(paper, "quick", {})
    words = shlex.split(notebooks._command(paper, usual | values))
    given = dict(word.split("=", 1) for before, word in pairwise(words) if before == "--set")
    defaults = notebooks.parameters(paper)
    assert {name: notebooks._read(text, defaults[name]) for name, text in given.items()} == values


def test_the_command_names_variables_that_change_numbers(monkeypatch):
    for name in stamps.NUMBERS:
        monkeypatch.delenv(name, raising=False)
    paper = papers.find("tao2018")
    values = notebooks.resolve(paper, "quick", {}) | {"corpus": "iemocap", "root": ""}
    assert notebooks._command(paper, values) == "serkit reproduce tao2018 --corpus iemocap"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setenv("XLA_FLAGS", "--one --two")
    monkeypatch.setenv("SERKIT_PDF", "1")
    words = shlex.split(notebooks._command(paper, values))
    assert words[:4] == ["TF_ENABLE_ONEDNN_OPTS=0", "XLA_FLAGS=--one --two", "serkit", "reproduce"]


PARAMETERS = "\n".join(f"{name} = {value!r}" for name, value in notebooks.parameters(papers.find("li2018")).items())
BEGIN = 'from serkit import notebooks\nspeech, results = notebooks.begin("li2018", globals())'


class Jupyter:
    """A session in which cells run one after the other, as a notebook's do."""

    def __init__(self):
        self.shell = InteractiveShell()

    def run(self, *cells):
        """Run cells until one fails; its error or None."""
        for cell in cells:
            if error := self.shell.run_cell(cell, store_history=True).error_in_exec:
                return error
        return None

    def __getitem__(self, name):
        return self.shell.user_ns[name]


@pytest.fixture
def jupyter(iemocap_miniature, tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    return Jupyter()


def test_a_notebook_begins_in_jupyter(jupyter, tmp_path):
    assert jupyter.run(PARAMETERS, BEGIN) is None
    assert jupyter["speech"].miniature
    assert jupyter["results"].folder == tmp_path / "results" / "iemocap-miniature" / "li2018"
    assert jupyter["results"].settings["epochs"] == notebooks.parameters(papers.find("li2018"))["epochs"]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("epoch = 3", r"unknown parameter of li2018 'epoch' \(did you mean 'epochs'\?\)"),
        ("epochs = 3\nlearning_rte = 0.1  # slower", "unknown parameter of li2018 'learning_rte'"),
        ("epoch: int = 3\nepoch", "unknown parameter of li2018 'epoch'"),
        ('profile = "qiuck"', r"unknown profile 'qiuck' \(did you mean 'quick'\?\)"),
        ('epochs = "3"', "parameter epochs is of type int, such as 12; got '3'"),
        ("pool_after = [1, 2.5]", "parameter pool_after is of type list of int"),
        ("del epochs", "parameter epochs is not set: the parameters cell has epochs = 12"),
        ('profile = "paper"', "profile = 'paper' is the name of a set of values and sets none of them: .*epochs = 50"),
        ('corpus = "iemocpa"', "did you mean 'iemocap'"),
        ('corpus = "recola"', "label"),
    ],
)
def test_a_mistake_is_refused_in_jupyter(jupyter, cell, message):
    error = jupyter.run(PARAMETERS, cell, BEGIN)
    assert isinstance(error, SerkitError)
    assert re.search(message, str(error)), error
    # Again without a change: still refused.
    assert isinstance(jupyter.run(BEGIN), SerkitError)


@pytest.fixture
def limited(monkeypatch):
    """li2018 with bounds on two parameters."""
    paper = papers.find("li2018")
    epochs, hop = (paper.parameters[name] for name in ("epochs", "hop"))
    bounds = {"epochs": replace(epochs, least=1), "hop": replace(hop, least=0.001, most=0.1)}
    monkeypatch.setitem(papers.PAPERS, "li2018", replace(paper, parameters=paper.parameters | bounds))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, r"parameter epochs is 1 or more; got 0"),
        ("hop", 10.0, r"parameter hop \(s\) is from 0.001 to 0.1; got 10.0"),
        ("hop", 10, r"parameter hop \(s\) is from 0.001 to 0.1; got 10.0"),
    ],
)
def test_a_value_that_no_run_can_use_is_refused_before_any_runs(limited, jupyter, name, value, message):
    assert re.search(message, str(jupyter.run(PARAMETERS, f"{name} = {value}", BEGIN)))
    with pytest.raises(SerkitError, match=message):
        notebooks.resolve(papers.find("li2018"), "quick", {name: str(value)})


def test_right_values_of_other_types(jupyter, tmp_path):
    """NumPy's numbers, paths and tuples; cells below find what the notebook itself would have."""
    given = f"epochs = np.int64(3)\nhop = np.float32(0.0625)\npool_after = (1, 2)\nout = Path({str(tmp_path)!r})"
    given += "\nfrequency_filter = np.array([50, 20])\ntrain_hop = 1"
    assert jupyter.run(PARAMETERS, f"import numpy as np\nfrom pathlib import Path\n{given}", BEGIN) is None
    settings = {
        "epochs": 3, "hop": 0.0625, "pool_after": [1, 2], "out": str(tmp_path), "frequency_filter": [50.0, 20.0],
        "train_hop": 1.0,
    }  # fmt: skip
    assert {name: jupyter["results"].settings[name] for name in settings} == settings
    for name, value in settings.items():
        assert type(jupyter[name]) is type(value)
        assert jupyter[name] == value


def test_a_mistake_in_the_parameters_cell_itself(jupyter):
    error = jupyter.run(PARAMETERS + "\nepoch = 3", BEGIN)
    assert "unknown parameter of li2018 'epoch'" in str(error)
    error = jupyter.run(PARAMETERS.replace("epochs =", "epoch =", 1), BEGIN)
    assert "unknown parameter of li2018 'epoch'" in str(error), "although epochs is still set, from before"
    assert jupyter.run(PARAMETERS, BEGIN) is None


@pytest.mark.parametrize(
    "cell",
    [
        "epoch = 3\nprint(epoch)",
        "epochs, batchsize = 3, 4",
        "epoch = 2 * 3",
        "epochs = epoch = 3",
        "learning_rat = 10**-3",
        "import math\nepochs = 3\nbatchsize = 4",
    ],
)
def test_a_misspelt_parameter_is_found_among_other_statements(jupyter, cell):
    assert re.search(r"unknown parameter of li2018 .* .did you mean", str(jupyter.run(PARAMETERS, cell, BEGIN)))


def test_a_statement_that_is_no_literal_hides_nothing_in_the_parameters_cell(jupyter):
    import_first = "import os\n" + PARAMETERS.replace("root = ''", 'root = os.path.expanduser("")')
    assert "expanduser" in import_first
    error = jupyter.run(import_first + "\nepoch = 3", BEGIN)
    assert "unknown parameter of li2018 'epoch' (did you mean 'epochs'" in str(error)
    error = jupyter.run(import_first + "\nlabel_smoothing = 0.1", BEGIN)
    assert "unknown parameter of li2018 'label_smoothing'" in str(error)
    home = "home = os.path.expanduser('')\nroot = home\n"
    assert jupyter.run(import_first, home, BEGIN) is None, "a name on the way to a value is no parameter"


def test_a_misspelt_parameter_after_the_beginning_is_found_when_it_begins_again(jupyter):
    assert jupyter.run(PARAMETERS, BEGIN) is None
    error = jupyter.run("epoch = 5", BEGIN)
    assert "unknown parameter of li2018 'epoch' (did you mean 'epochs'" in str(error)
    assert jupyter.run("epochs = 5", BEGIN) is None
    assert jupyter["results"].settings["epochs"] == 5


def test_a_value_that_is_changed_after_the_beginning_is_in_no_result(jupyter):
    """It would train, and the tables would bear the former one."""
    assert jupyter.run(PARAMETERS, BEGIN, "results.findings()", "epochs = 2") is None
    error = jupyter.run("results.findings()")
    assert "epochs was 12 when the notebook began and is 2 now: run the cell with begin again" in str(error)
    assert jupyter.run("epochs = 12", "results.findings()", "epochs = 2", BEGIN, "results.findings()") is None


def test_a_value_of_ones_own_has_its_place(jupyter):
    """In an exercise: the message says where, and there it is free."""
    error = jupyter.run(PARAMETERS, "name = 'Anna'", BEGIN)
    assert "a value of your own belongs in a cell below the one with begin" in str(error)
    assert jupyter.run(PARAMETERS, BEGIN, "name = 'Anna'\nlabel_smoothing = 0.1", BEGIN) is None


def test_what_libraries_print_goes_to_the_server(monkeypatch, tmp_path):
    """The kernel's stderr knows the descriptor that it has put aside, to watch descriptor 2."""
    at_exit = []
    monkeypatch.setattr(notebooks.atexit, "register", lambda *call: at_exit.append(call))
    notebooks.quiet()
    assert at_exit == [], "outside of a kernel nothing happens"
    monkeypatch.setattr(notebooks.progress, "in_kernel", lambda: True)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    notebooks.quiet()
    assert at_exit == [], "nor where the kernel does not watch"
    watched = os.dup(2)
    with (tmp_path / "server.log").open("w") as log, (tmp_path / "cell.txt").open("w") as watching:
        try:
            os.dup2(watching.fileno(), 2)
            monkeypatch.setattr(sys, "stderr", log)
            notebooks.quiet()
            os.write(2, b"E0000 failed call to cuInit\n")
            ((function, *given),) = at_exit
            function(*given)
            os.write(2, b"the kernel ends\n")
        finally:
            os.dup2(watched, 2)
    assert (tmp_path / "server.log").read_text() == "E0000 failed call to cuInit\n"
    assert (tmp_path / "cell.txt").read_text() == "the kernel ends\n"


ALL = [*papers.PAPERS.values(), *papers.COMPANIONS.values()]


@pytest.mark.parametrize("paper", ALL, ids=lambda paper: paper.key)
def test_a_notebook_has_the_address_of_the_repository(paper):
    """Its badge leads there, and Colab installs from there: `python docs/colab.py` writes both."""
    notebook = nbformat.read(notebooks._path_of(paper), as_version=4)
    before, address = copy.deepcopy(notebook), colab().address()
    assert colab().written(notebook, paper.notebook, address) == before, "run python docs/colab.py"
    badge = f"{address.removeprefix('https://github.com')}/blob/main/notebooks/{paper.notebook})"
    assert notebook.cells[0].source.splitlines()[2].endswith(f"(https://colab.research.google.com/github{badge}")
    (setup,) = [cell.source for cell in notebook.cells if "find_spec" in cell.source]
    assert setup.count(f"git+{address}") == 1
    assert setup.index("notebooks.quiet()") < (setup + "import keras").index("import keras")
    colab().written(notebook, paper.notebook, "https://github.com/a-fork/of-it")
    changed = nbformat.writes(notebook)
    assert address not in changed
    assert changed.count("/a-fork/of-it") == 2


def test_the_address_is_one_of_github(monkeypatch, tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://example.org/serkit"')
    monkeypatch.setattr(colab(), "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"https://example.org/serkit: .* since Colab reads from there"):
        colab().address()


def test_where_serkit_is_installed_nothing_is_installed(monkeypatch):
    lines = colab().SETUP.partition("from serkit")[0]
    exec(lines, {"get_ipython": lambda: pytest.fail("it asks for pip")})
    asked = []
    shell = types.SimpleNamespace(run_line_magic=lambda *given: asked.append(given))
    exec(lines.replace('"serkit"', '"serkit_is_not_here"'), {"get_ipython": lambda: shell})
    assert asked == [("pip", "install --quiet git+")]


@functools.cache
def colab():
    """The script that writes the address."""
    path = Path(__file__).parents[1] / "docs" / "colab.py"
    specification = importlib.util.spec_from_file_location("colab", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("paper", ALL, ids=lambda paper: paper.key)
def test_no_cell_of_a_notebook_reads_as_a_mistake(paper):
    """Its own cells, run in order and then begun again; and none sets a parameter after the notebook has begun."""
    cells = nbformat.read(notebooks._path_of(paper), as_version=4).cells
    texts = [cell.source for cell in cells if cell.cell_type == "code"]
    values = notebooks.parameters(paper)
    begin = next(number for number, text in enumerate(texts) if "notebooks.begin(" in text) + 1
    notebooks._refuse_unknown(paper, values, {"In": ["", *texts], "_serkit_begun": [begin + 1]})
    for text in texts[begin:]:
        assert not values.keys() & set(names_set(ast.parse(text))), text


def names_set(tree):
    """The names that a cell itself sets, by any statement."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif not isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            yield from names_set(node)


def test_an_unknown_corpus_is_no_miniature(jupyter, monkeypatch):
    monkeypatch.delenv("SERKIT_LIBRISPEECH", raising=False)
    assert "unknown corpus 'iemocp' (did you mean 'iemocap'" in str(jupyter.run(PARAMETERS, "corpus = 'iemocp'", BEGIN))
    error = str(jupyter.run("corpus = 'librispeech'", BEGIN))
    where = "where is librispeech? Set its root, or the variable SERKIT_LIBRISPEECH; there is no miniature"
    assert error.startswith(where)
    with pytest.raises(SerkitError, match="where is librispeech"):
        notebooks.execute("li2018", "librispeech")


def test_a_variable_says_where_a_corpus_is(jupyter, iemocap_miniature, monkeypatch, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(iemocap_miniature, elsewhere)
    monkeypatch.setenv("SERKIT_IEMOCAP", str(elsewhere))
    assert jupyter.run(PARAMETERS, BEGIN) is None
    assert jupyter["speech"].root == elsewhere
    assert jupyter.run(f"root = {str(iemocap_miniature)!r}", BEGIN) is None
    assert jupyter["speech"].root == iemocap_miniature, "what is given comes first"


def test_without_a_root_the_miniature_is_executed_whatever_the_variable_says(given, monkeypatch, tmp_path):
    seen = []
    own = papermill.execute_notebook
    monkeypatch.setenv("SERKIT_IEMOCAP", "somewhere")

    def execute_notebook(*arguments, **options):
        seen.append(os.environ["SERKIT_IEMOCAP"])
        own(*arguments, **options)

    monkeypatch.setattr(papermill, "execute_notebook", execute_notebook)
    notebooks.execute("li2018", profile="smoke", out=tmp_path)
    (tmp_path / "speech").mkdir()
    notebooks.execute("li2018", "iemocap", str(tmp_path / "speech"), profile="smoke", out=tmp_path)
    assert seen == ["", "somewhere"]
    assert os.environ["SERKIT_IEMOCAP"] == "somewhere"
    assert "SERKIT_PROGRESS" not in os.environ


@pytest.fixture
def partial_copy(iemocap_miniature, tmp_path):
    """IEMOCAP's miniature with three files deleted, one empty and one cut, and with nobody sad."""
    copy = tmp_path / "partial"
    shutil.copytree(iemocap_miniature, copy)
    spoilt = sorted(copy.glob("Session1/sentences/wav/*/*.wav"))[:5]
    for path in spoilt[:3]:
        path.unlink()
    spoilt[3].write_bytes(b"")
    spoilt[4].write_bytes(spoilt[4].read_bytes()[:400])
    for path in copy.glob("Session*/dialog/EmoEvaluation/*.txt"):
        path.write_text(re.sub(r"\tsad\t", "\tfru\t", path.read_text()))
    return copy, [path.stem for path in spoilt]


def test_a_partial_copy_begins_without_what_it_lacks(jupyter, partial_copy):
    copy, spoilt = partial_copy
    whole = 'style = ""\nclasses = ["neutral", "happy", "sad", "angry"]'
    error = jupyter.run(PARAMETERS, f"root = {str(copy)!r}", whole, BEGIN)
    assert "To load it anyway: --set strict=False" in str(error)
    assert jupyter.run("strict = False", BEGIN) is None
    speech, results = jupyter["speech"], jupyter["results"]
    assert not set(spoilt) & set(speech.utterances["id"])
    assert not speech.complete
    assert f"* 5 utterances without readable audio left out: {', '.join(spoilt)}\n" in results.banner()
    assert "* no utterance here is sad: the class is left out" in results.banner()
    assert jupyter["classes"] == results.settings["classes"] == ["neutral", "happy", "angry"]
    assert set(speech.select(jupyter["classes"])["label"]) == {"neutral", "happy", "angry"}
    error = jupyter.run("classes = ['neutral', 'sda']", BEGIN)
    assert "unknown label of iemocap 'sda' (did you mean 'sad'" in str(error), "misspelt, not missing"


def test_voices_that_scores_know_are_named(jupyter, shared_speaker):
    root, known = shared_speaker
    given = f"corpus, root, strict, classes = 'cheavd', {str(root)!r}, False, ['neutral', 'angry']"
    assert jupyter.run(PARAMETERS, given, BEGIN) is None
    said = f"* scores know voices, which are in several parts of the partition: {known}"
    assert said in jupyter["results"].banner().splitlines()


def test_a_table_of_scores_is_shown_with_all_its_columns(jupyter):
    scores = pd.DataFrame([range(26)])
    with pd.option_context("display.max_columns", 20):
        assert "..." in scores._repr_html_()
        assert jupyter.run(PARAMETERS, BEGIN) is None
        assert "..." not in scores._repr_html_()


def test_a_corrected_cell_replaces_its_former_self(jupyter):
    assert isinstance(jupyter.run(PARAMETERS, "epoch = 3", BEGIN), SerkitError)
    assert jupyter.run("epochs = 3", BEGIN) is None
    assert jupyter["results"].settings["epochs"] == 3


def test_a_deleted_cell_is_forgotten_with_the_parameters_cell(jupyter):
    error = jupyter.run(PARAMETERS, "number_of_rounds = 3", BEGIN)
    assert "run the parameters cell again if it is gone" in str(error)
    assert isinstance(jupyter.run("seeds = 2", BEGIN), SerkitError), "that is another cell"
    assert jupyter.run(PARAMETERS, BEGIN) is None


def test_work_after_the_beginning_is_free(jupyter):
    """An exercise sets what it likes, and the notebook can begin again."""
    assert jupyter.run(PARAMETERS, BEGIN) is None
    assert jupyter.run("threshold = 0.5", "import math\nepoch = 3", "patience = 3\nfold = 0", BEGIN) is None
    assert jupyter.run("epochs = 2", BEGIN) is None
    assert jupyter["results"].settings["epochs"] == 2
    error = jupyter.run("epochs = 2\nlearning_rte = 0.1", BEGIN)
    assert "unknown parameter of li2018 'learning_rte'" in str(error), "a cell that sets parameters sets nothing else"


def test_other_cells_before_the_beginning_are_free(jupyter):
    """What computes or imports is no settings cell; nor is what cannot be read."""
    assert jupyter.run(PARAMETERS, "import math\nlimit = 5", "width = 2 * 3", "a, b = 1, 2", BEGIN) is None
    jupyter.run("epoch = ")
    assert jupyter.run(BEGIN) is None


def test_note_and_reasons_may_be_functions_of_the_corpus(jupyter):
    cell = (
        "from serkit import notebooks\n"
        "_, results = notebooks.begin('li2018', globals(), lambda found: found.name, lambda found: ['it rains'])"
    )
    assert jupyter.run(PARAMETERS, cell) is None
    assert jupyter["results"].note == "iemocap"
    assert "it rains" in jupyter["results"].why_not


def test_papermill_itself_cannot_inject_a_misspelt_parameter(tmp_path, iemocap_miniature):
    """Through a kernel, too: the injected cell is the running notebook's own."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(PARAMETERS), nbformat.v4.new_code_cell(BEGIN)],
        metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
    )
    notebook.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(notebook, tmp_path / "given.ipynb")
    given = {"out": str(tmp_path / "out")}
    papermill.execute_notebook(
        tmp_path / "given.ipynb", tmp_path / "done.ipynb", given | {"epochs": 3}, progress_bar=False
    )
    with kernels(), pytest.raises(papermill.PapermillExecutionError, match=r"'epoch' \(did you mean 'epochs'"):
        papermill.execute_notebook(
            tmp_path / "given.ipynb", tmp_path / "done.ipynb", given | {"epoch": 3}, progress_bar=False
        )
