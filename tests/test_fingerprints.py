"""Kind of edit -> which runs and which stored features are found again.

All edits are tried on a copy of the package, one after the other in one other process, with Keras on NumPy (no backend
is loaded): see `fingerprint_edits`.
"""

import functools
import importlib
import itertools
import json
import linecache
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fingerprint_edits import EDITS, RUNS, STORES

from serkit import fingerprints
from serkit.errors import SerkitError

NOTHING = ()
ALL = (*RUNS, *STORES)

# What each edit makes anew; all else is found again.
MADE_ANEW = {
    # what changes no number
    "comments and layout of all of serkit": NOTHING,
    "docstrings of all of serkit": NOTHING,
    "annotations of a function": NOTHING,
    "comments, layout and docstrings of the notebook": NOTHING,
    "texts of all errors": NOTHING,
    "text of an assertion": NOTHING,
    "text of a progress message": NOTHING,
    "text of a progress bar": NOTHING,
    "one more progress message": NOTHING,
    "one more print in a run": NOTHING,
    "a new metric": NOTHING,
    "another metric than the run's": NOTHING,
    "a figure function": NOTHING,
    "a cell that draws": NOTHING,
    "a constant that no run names": NOTHING,
    "how runs are stored": NOTHING,
    "an atomic write": NOTHING,
    "a corpus' loader": NOTHING,
    "version of matplotlib": NOTHING,
    "serkit's own version": NOTHING,
    "a function moved to another module": NOTHING,
    # libraries
    "version of numpy": ALL,
    "version of keras": ("attention", "recurrent", "continuous"),
    "version of soxr": STORES,
    "version of soundfile": STORES,
    "version of opensmile": ("is10",),
    "version of kaldi-native-fbank": ("kaldi_fbank",),
    "version of librosa": ("log_spectrogram",),
    "version of the backend": RUNS,
    "backend": RUNS,
    "version of jaxlib": NOTHING,
    # what surrounds a run
    "Keras' floating-point type": RUNS,
    "Keras' epsilon": RUNS,
    "Keras' image data format": RUNS,
    "Keras' dtype policy": RUNS,
    "number of threads": RUNS,
    "oneDNN": RUNS,
    "state that a run begins with": RUNS,
    "how predictions are written": RUNS,
    "networks that are used again": RUNS,
    # from the file to stored features
    "resampling in audio.read": STORES,
    "headers in audio": STORES,
    "silence cut in audio": ("trimmed",),
    "extraction in store": STORES,
    "dtype of stored features": STORES,
    "yaafe": ("yaafe_743",),
    "a helper of short_term_36": ("short_term_36",),
    "a constant of short_term_36": ("short_term_36",),
    "a default of kaldi_fbank": ("kaldi_fbank",),
    "a check that front ends share": STORES,
    "how silence is cut off": ("trimmed",),
    "how features are read": ("attention", "recurrent"),
    # layers, batches, training
    "call of a layer": ("attention",),
    "another layer of the same module": NOTHING,
    "base class of a layer": ("recurrent",),
    "helper of a layer": ("recurrent",),
    "build of a block that a layer makes": ("recurrent",),
    "constant of a class": ("recurrent",),
    "batches": ("attention",),
    "standardise": ("fusion",),
    "z_normalise": ("recurrent",),
    "loss": ("continuous",),
    "metric that a callback takes": ("continuous",),
    "training.fit": ("attention", "recurrent", "continuous"),
    "splits.with_validation": ("attention", "dynamic"),
    "splits.assert_disjoint": ("attention", "dynamic"),
    "fusion": ("fusion",),
    "condition of an error": ("recurrent",),
    "decorator of a function": ("fusion",),
    # the notebook
    "a global": ("attention",),
    "a global number in a helper": ("recurrent",),
    "one model of several": ("attention",),
    "a default argument": ("fusion",),
    "a closure's value": ("continuous",),
    "which of two functions a global names": ("continuous",),
    "values of two closures exchanged": ("continuous",),
    "a table": ("attention", "recurrent", "fusion"),
    "items of a progress bar": ("recurrent",),
    "a method put into a class from outside": ("attention",),
    "base class in the notebook": ("attention",),
    "a function in a dictionary": ("recurrent",),
    "a lambda": ("fusion",),
    "NaN instead of a number": ("fusion",),
    "what an import inside a function gives": ("fusion",),
    "stored features": ("recurrent",),
    # where a name cannot be followed, more counts
    "a function of a module that getattr looks into": ("dynamic",),
    "a module that import_module may load": ("imported",),
}


@pytest.fixture(scope="session")
def made_anew(tmp_path_factory):
    """Of each edit, the names of runs and stores whose keys it changes."""
    folder = tmp_path_factory.mktemp("edits")
    environment = {
        **os.environ,
        "KERAS_BACKEND": "numpy",
        "PYTHONPATH": str(folder),
    }
    script = Path(__file__).with_name("fingerprint_edits.py")
    subprocess.run([sys.executable, str(script), str(folder)], env=environment, check=True, timeout=600)
    return json.loads((folder / "made_anew.json").read_text())


def test_every_edit_is_tried():
    assert sorted(EDITS) == sorted(MADE_ANEW)
    assert len(EDITS) >= 30


@pytest.mark.parametrize("edit", MADE_ANEW)
def test_runs_and_stores_that_an_edit_makes_anew(edit, made_anew):
    assert sorted(made_anew[edit]) == sorted(MADE_ANEW[edit])


def test_an_edit_after_the_import_is_refused(made_anew):
    assert "was edited after it was imported: restart the kernel" in made_anew["edited after import"]


def test_tensorflow_is_not_loaded_for_a_key(made_anew):
    assert made_anew["backends loaded"] == []


THRESHOLD = 0.5


def test_values_are_entered_by_content():
    values = {
        "set": {"b", "a"},
        "by function": {np.mean: 1, sorted: 2},
        3: b"x",
        "range": range(4),
        "nan": float("nan"),
        "array": np.eye(2),
    }

    def use():
        return values, np.add

    traced = fingerprints.trace(use)
    assert traced["value values['nan']"] == "nan"
    assert traced["value values['set']"] == ["'a'", "'b'"]
    assert "data values['array']" in traced
    assert traced["value values['by function'][1]"] == 2
    assert traced["name values['by function']'s key 1"] == "builtins.sorted"
    assert " at 0x" not in json.dumps(traced), "an address would make every process' keys others"
    assert fingerprints.trace(use) == traced
    values["array"][0, 0] = 2
    assert fingerprints.trace(use) != traced


TABLE = pd.DataFrame({"id": ["a"]})


def test_methods_of_tables_and_arrays_are_called():
    array = np.arange(3)

    def use():
        return TABLE.assign(x=array.sum()), TABLE(array), array(TABLE)

    assert {"data TABLE", "data array"} <= set(fingerprints.trace(use))


def test_only_reached_libraries_have_their_versions_in_the_trace():
    def use(path):
        from serkit import audio

        return audio.read(path)

    versions = [name for name in fingerprints.trace(use) if name.startswith("version ")]
    assert versions == ["version numpy", "version soundfile", "version soxr"]


def test_the_text_of_an_error_may_hold_calls():
    one = "def f(x):\n    raise ValueError(f'{len(x)} is bad')"
    other = "def f(x):\n    raise ValueError('bad: ' + str(x))"
    assert fingerprints._plain_code(one) == fingerprints._plain_code(other)
    changed = one.replace("ValueError", "KeyError")
    assert fingerprints._plain_code(one) != fingerprints._plain_code(changed)
    ends = "def f(x):\n    raise StopIteration(x)"
    assert fingerprints._plain_code(ends) != fingerprints._plain_code(ends.replace("n(x)", "n(2 * x)")), (
        "its value is used"
    )


@pytest.mark.parametrize("name", ["globals", "eval", "exec"])
def test_what_looks_names_up_unseen_is_refused(name):
    looks = {
        "globals": lambda: globals()["THRESHOLD"],
        "eval": lambda: eval("THRESHOLD"),
        "exec": lambda: exec("THRESHOLD"),
    }
    with pytest.raises(SerkitError, match=rf"a run calls {name}\(\): what that looks up cannot be followed"):
        fingerprints.trace(looks[name])


cells = itertools.count()


def key_of(source):
    """The key of the function `run` that a notebook's cell with this source defines."""
    name = f"<cell-{next(cells)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    found = {"__name__": "__main__", "np": np, "pd": pd}
    exec(compile(source, name, "exec"), found)
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(sys.modules["__main__"], "__file__", raising=False)  # a notebook has none
        return fingerprints.of_value(found["run"])


H = "class H:\n    {}\n    def __call__(self, x):\n        return x * self.factor\n"
RUN_H = "\ndef run():\n    return H()(3)"
TABLE_OF = "T = pd.DataFrame({{'x': {}}})\ndef run():\n    return T"

# What the notebook says -> what is replaced in it -> by what. The number changes, so the key has to.
CHANGED = {
    "order of a dictionary": ("d = {'a': 1, 'b': 2}\ndef run():\n    return [*d]", "'a': 1, 'b': 2", "'b': 2, 'a': 1"),
    "order of functions": (
        "d = {'a': abs, 'b': len}\ndef run():\n    return [*d]",
        "'a': abs, 'b': len",
        "'b': len, 'a': abs",
    ),
    "a tuple as an index": ("at = (0, 1)\ndef run():\n    return np.eye(2)[at]", "(0, 1)", "[0, 1]"),
    "type of a number": ("s = 0.1\ndef run():\n    return np.ones(3, 'f') * s", "= 0.1", "= np.float64(0.1)"),
    "type of a number in a list": ("s = [0.1]\ndef run():\n    return s", "[0.1]", "[np.float16(0.1)]"),
    "a complex number": ("s = np.complex64(1)\ndef run():\n    return s", "(1)", "(2)"),
    "a date": ("s = np.datetime64('2020-01-01')\ndef run():\n    return s", "2020", "2021"),
    "a dictionary's method": ("get = {'a': 1}.get\ndef run():\n    return get('a')", "1}", "2}"),
    "a list's method": ("at = [1, 2].index\ndef run():\n    return at(1)", "1, 2", "2, 1"),
    "an array's method": ("take = np.array([1., 2.]).take\ndef run():\n    return take(0)", "1.,", "5.,"),
    "a pattern's method": ("import re\nfits = re.compile('a').match\ndef run():\n    return fits('b')", "'a'", "'b'"),
    "one of two lambdas in a line": (
        "f = {'a': lambda x: x, 'b': lambda x: 2 * x}['a']\ndef run():\n    return f(3)",
        "['a']",
        "['b']",
    ),
    "a lambda in a comprehension": (
        "f = {k: (lambda x, k=k: x * k) for k in (1, 2)}[1]\ndef run():\n    return f(3)",
        "[1]",
        "[2]",
    ),
    "an attribute of a class set from outside": (
        H.format("factor = 1") + "H.factor = 2" + RUN_H,
        "factor = 2",
        "factor = 5",
    ),
    "a class' table filled from outside": (
        (H.format("table = {}") + "H.table['a'] = 2" + RUN_H).replace("self.factor", "self.table['a']"),
        "= 2",
        "= 5",
    ),
    "a class made by a function": (
        (
            "def make(r):\n    class H:\n        rate = r\n        def __call__(self):\n            return self.rate\n"
            "    return H\nA = make(1)\ndef run():\n    return A()()"
        ),
        "make(1)",
        "make(2)",
    ),
    "a class made in a loop": (
        (
            "K = []\nfor k in (1, 2):\n    class H:\n        v = k\n        def f(self):\n            return self.v\n"
            "    K.append(H)\nA = K[0]\ndef run():\n    return A().f()"
        ),
        "K[0]",
        "K[1]",
    ),
    "a part of a method put into a class": (
        (
            "import functools\nclass H:\n    def a(self):\n        return self.r()\n"
            "H.r = functools.partialmethod(lambda self, k: k, 1)\ndef run():\n    return H().a()"
        ),
        ", 1)",
        ", 2)",
    ),
    "a function's attribute": (
        "def f(x):\n    return x * f.rate\nf.rate = 2\ndef run():\n    return f(3)",
        "= 2",
        "= 5",
    ),
    "method of a named tuple": (
        (
            "from typing import NamedTuple\nclass C(NamedTuple):\n    rate: float\n    def steps(self):\n"
            "        return self.rate * 2\nc = C(1.0)\ndef run():\n    return c.steps()"
        ),
        "* 2",
        "* 3",
    ),
    "a member of an enumeration": (
        "import enum\nclass M(enum.Enum):\n    A = 1\n    B = 2\nm = M.A\ndef run():\n    return m.value",
        "M.A",
        "M.B",
    ),
    "a value of an enumeration": (
        "import enum\nclass M(enum.Enum):\n    A = 1\n    B = 2\ndef run():\n    return M.A.value",
        "A = 1",
        "A = 3",
    ),
    **{
        f"method of a kind of {kind}": (
            f"class D({kind}):\n    def w(self):\n        return 2\nc = D({made})\ndef run():\n    return c.w()",
            "return 2",
            "return 3",
        )
        for kind, made in (("dict", "a=1"), ("float", "1"), ("list", ""), ("pd.DataFrame", "{'a': [1]}"))
    },
    "attribute of a kind of number": (
        "class D(float):\n    pass\nc = D(1)\nc.rate = 2\ndef run():\n    return c.rate",
        "rate = 2",
        "rate = 3",
    ),
    "what a dictionary makes up": (
        "from collections import defaultdict\nc = defaultdict(lambda: 3)\ndef run():\n    return c['x']",
        ": 3",
        ": 4",
    ),
    "a registered function": (
        (
            "from functools import singledispatch\n@singledispatch\ndef f(x):\n    return 0\n@f.register(int)\n"
            "def _(x):\n    return 2 * x\ndef run():\n    return f(3)"
        ),
        "2 * x",
        "3 * x",
    ),
    "a function for each number": (
        "def g(x):\n    return 2 * x\nf = np.vectorize(g)\ndef run():\n    return f(3)",
        "2 * x",
        "3 * x",
    ),
    "order of categories": (
        TABLE_OF.format("pd.Categorical(['a', 'b'], ['a', 'b'])"),
        ", ['a', 'b'])",
        ", ['b', 'a'])",
    ),
    "unused categories": (TABLE_OF.format("pd.Categorical(['a'], ['a'])"), "['a'])}", "['a', 'b'])}"),
    "numbers as text in a table": (TABLE_OF.format("[1, 2]"), "[1, 2]", "['1', '2']"),
    "nothing or empty text": (TABLE_OF.format("['', 'a']"), "''", "None"),
    "float32 in a table": (TABLE_OF.format("np.array([.1], 'float64')"), "64", "32"),
    "an array in a table's cell": (TABLE_OF.format("[np.array([0.1234567891])]"), "67891", "67892"),
    "a table's attributes": (
        "T = pd.DataFrame({'x': [1]})\nT.attrs['rate'] = 1\ndef run():\n    return T.attrs",
        "= 1\n",
        "= 2\n",
    ),
    "a table's index": ("T = pd.Series([1, 2], [3, 4])\ndef run():\n    return T", "[3, 4]", "[3, 5]"),
    "a mask": ("m = np.ma.array([1., 2.], mask=[0, 1])\ndef run():\n    return m.sum()", "[0, 1]", "[1, 0]"),
    "a matrix": ("m = np.array([[1., 2.], [3., 4.]])\ndef run():\n    return m * m", "np.array", "np.matrix"),
    "order in memory": (
        "m = np.asfortranarray(np.arange(4.).reshape(2, 2))\ndef run():\n    return m.ravel('K')",
        "asfortran",
        "ascontiguous",
    ),
}


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("change", CHANGED)
def test_what_changes_a_number_changes_the_key(change):
    source, old, new = CHANGED[change]
    assert source.count(old) == 1
    assert key_of(source) != key_of(source.replace(old, new))
    assert key_of(source) == key_of(source + "  # the same")


PATHS = "T = pd.DataFrame({'path': ['/a']})\ndef run():\n    return T"
LOG = "import logging\nlog = logging.getLogger('a')\ndef run():\n    log.info('{}', str(1).upper())\n    return 1"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LOG.format("one"), LOG.format("another")),
        (PATHS, PATHS.replace("/a", "/b")),
    ],
    ids=["text of a logger with a call", "where the audio lies"],
)
def test_what_changes_no_number_leaves_the_key(one, other):
    assert key_of(one) == key_of(other)


def test_how_arrays_are_printed_does_not_count():
    source = TABLE_OF.format("[np.array([0.123456])]")
    with np.printoptions(precision=3):
        printed = key_of(source)
    assert printed == key_of(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("draw = np.random.default_rng(1).normal\ndef run():\n    return draw()", "'draw.self', a Generator"),
        ("f = np.frompyfunc(lambda x: x, 1, 1)\ndef run():\n    return f(3)", "'f', of np.frompyfunc"),
        ("import importlib\ndef run():\n    return importlib.import_module('json')", r"a run calls import_module\(\)"),
        ("def run():\n    return __import__('json')", r"a run calls import_module\(\)"),
        ("class H:\n    rng = np.random.default_rng()\ndef run():\n    return H()", "'H.rng', a Generator"),
    ],
)
def test_what_cannot_be_followed_is_refused(source, message):
    with pytest.raises(SerkitError, match=message):
        key_of(source)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of the user's own modules."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


def test_own_modules_in_a_folder_without_init_are_followed(own):
    (own / "own_lab").mkdir()
    path = own / "own_lab" / "models.py"
    keys = set()
    for number in (1, 2):
        path.write_text(f"def rate():\n    return {number}\n")
        os.utime(path, (number, number))
        for name in [name for name in sys.modules if name.startswith("own_")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        keys.add(key_of("import own_lab.models\ndef run():\n    return own_lab.models.rate()"))
        keys.add(key_of("from own_lab import models\ndef run():\n    return getattr(models, 'rate')()"))
    assert len(keys) == 4


def test_an_own_module_that_was_edited_after_its_import_is_refused(own):
    (own / "own_rates.py").write_text("def rate():\n    return 1\n")
    source = "import own_rates\ndef run():\n    return own_rates.rate()"
    assert key_of(source)
    (own / "own_rates.py").write_text("def rate():\n    return 22\n")
    with pytest.raises(SerkitError, match=r"own_rates.py was edited after it was imported: restart the kernel"):
        key_of(source)


def test_a_partial_and_its_arguments_count():
    keys = {fingerprints.of_value(functools.partial(round, ndigits=digits)) for digits in (1, 2)}
    assert len(keys) == 2
