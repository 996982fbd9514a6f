"""Kind of edit -> which runs and which stored features are found again.

All edits are tried on a copy of the package, one after the other in one other process, with Keras on NumPy (no backend
is loaded): see `fingerprint_edits`.
"""

import json
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
    "version of librosa": ("log_spectrogram", "trimmed"),
    "version of the backend": RUNS,
    "backend": RUNS,
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
