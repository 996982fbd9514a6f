"""Edits of a copy of serkit and of a notebook, and the keys of runs and stores after each: see `test_fingerprints`.

Run as a script, ``fingerprint_edits.py FOLDER`` copies the package there and writes ``FOLDER/made_anew.json``: edit ->
the runs and stores whose key it changes. An edit is a function of the folder; it changes files, by name of function or
class wherever that stands, or patches what is installed.
"""

import ast
import functools
import importlib
import importlib.metadata
import json
import os
import shutil
import sys
from pathlib import Path

RUNS = ("attention", "recurrent", "continuous", "fusion", "dynamic")
STORES = ("mulaw_spectrogram", "log_spectrogram", "short_term_36", "is10", "kaldi_fbank", "yaafe_743", "trimmed")

NOTEBOOK = '''
"""A notebook's cells."""
import keras
import numpy as np
import pandas as pd

from serkit import features, fusion, layers, losses, metrics, plots, progress, splits, study, training
from serkit.batches import Pieces, Sequences
from serkit.errors import SerkitError
from serkit.features import Features, normalisation

classes = ["happy", "sad"]  # a parameter
filters = 8
unused = 3
TABLE = pd.DataFrame({"id": ["a", "b"], "label": ["happy", "sad"]})
frames = Features("stored/one")


class Base(keras.layers.Layer):
    def widen(self, x):
        return 2 * x


class Scaled(Base):
    def call(self, x):
        return self.widen(x)


def attention(classes):
    """A model."""
    return layers.AttentionPooling2D(classes), Scaled()


def bilinear(classes):
    return layers.BilinearPooling2D()


MODELS = {"attention": attention}


def train_attention(model, seed):
    """One run."""
    assert filters > 0, "filters is a positive number"
    fold = splits.with_validation(None, TABLE, 0.1, filters)
    batches = Pieces(Features("x"), TABLE, 10)
    training.fit(MODELS[model](len(classes)), batches, 3)


def lstm(units):
    return layers.AdvancedLSTM(scaled_units(units))


def scaled_units(units):
    return 2 * units


RECURRENT = {"lstm": lstm}


def train_recurrent(model, seed):
    batches = Sequences(frames, TABLE["id"], None, features.z_normalise)
    progress.detail("an epoch")
    for _ in progress.track(["lstm"], "models"):
        pass
    training.fit(RECURRENT[model](16), batches, 3)


def multiplied(factor):
    def multiply(x):
        return factor * x

    return multiply


small, large = multiplied(1), multiplied(5)
chosen = small


def train_continuous(model, seed):
    loss = losses.CCCLoss()
    training.fit(model, [small, large, chosen], 3, callbacks=[training.DevelopmentCCC(None)])


def remembered(function):
    return function


square = lambda x: x**2


@remembered
def fuse(scores, weight=0.5):
    from serkit.features.normalisation import standardise

    return fusion.LinearFusion(weight * limit), standardise(scores, scores), square(scores)


limit = 1.0


def train_fusion(model, seed):
    return fuse(TABLE), metrics.ua(TABLE, TABLE)


def train_dynamic(model, seed):
    return getattr(splits, model)


def train_imported(model, seed):
    from serkit import corpora

    return corpora.module(model)


def draw(runs):
    return plots.confusions(runs)
'''


class Folder:
    """The copy of the package, its notebook, and what is patched for the present edit."""

    def __init__(self, path: Path):
        self.path = path
        self.originals: dict[Path, str] = {}
        self.again = ()  # what has to be imported again
        self.undo: list = []
        self.clock = 10**9

    def files(self) -> list[Path]:
        return sorted((self.path / "serkit").rglob("*.py"))

    def write(self, path: Path, text: str) -> None:
        self.originals.setdefault(path, path.read_text(encoding="utf-8"))
        self.put(path, text)
        self.again = ("notebook",) if path.name == "notebook.py" else ("notebook", "serkit")

    def put(self, path: Path, text: str) -> None:
        """Write with a time of its own: Python keeps bytecode by size and seconds."""
        path.write_text(text, encoding="utf-8")
        self.clock += 1
        os.utime(path, (self.clock, self.clock))

    def restore(self) -> None:
        for path, text in self.originals.items():
            self.put(path, text)
        for undo in reversed(self.undo):
            undo()
        self.originals, self.undo = {}, []

    def patch(self, owner, name: str, value) -> None:
        before = getattr(owner, name)
        self.undo.append(lambda: setattr(owner, name, before))
        setattr(owner, name, value)

    def file_of(self, qualname: str) -> tuple[Path, ast.Module, ast.AST]:
        """The file that defines a function or class, wherever that is, its tree, and the definition in it."""
        for path in self.files():
            text = path.read_text(encoding="utf-8")
            if not any(f"{kind} {qualname.split('.', maxsplit=1)[0]}" in text for kind in ("def", "class")):
                continue  # parsing takes time
            node = tree = ast.parse(text)
            for part in qualname.split("."):
                node = next((one for one in getattr(node, "body", []) if getattr(one, "name", "") == part), None)
            if node is not None and "miniature" not in path.name:
                return path, tree, node
        raise LookupError(f"nothing in serkit is called {qualname}: give the edit another name")


def inside(qualname: str, statement: str = "edited = 1"):
    """Put a statement at the beginning of a function's or method's body."""

    def edit(folder: Folder) -> None:
        path, tree, node = folder.file_of(qualname)
        node.body[0:0] = ast.parse(statement).body
        folder.write(path, ast.unparse(tree))

    return edit


def constant(qualname: str, value: str):
    """Give a constant of a module or class another value."""
    *owner, name = qualname.split(".")

    def edit(folder: Folder) -> None:
        for path in folder.files():
            tree = ast.parse(path.read_text(encoding="utf-8"))
            body = (
                tree.body if not owner else next((n.body for n in tree.body if getattr(n, "name", "") == owner[0]), [])
            )
            for node in body:
                if isinstance(node, ast.Assign) and name in [ast.unparse(target) for target in node.targets]:
                    node.value = ast.parse(value).body[0].value
                    folder.write(path, ast.unparse(tree))
                    return
        raise LookupError(f"no constant of serkit is called {qualname}")

    return edit


def source(qualname: str, old: str, new: str):
    """Replace text in the source of a function or class."""

    def edit(folder: Folder) -> None:
        path, tree, node = folder.file_of(qualname)
        before = ast.unparse(node)
        assert old in before, f"{old!r} is not in {qualname}: give the edit another text"
        folder.write(path, ast.unparse(tree).replace(before, before.replace(old, new)))

    return edit


def everywhere(change, notebook: bool = False):
    """Change the syntax tree of every file, or of the notebook alone."""

    def edit(folder: Folder) -> None:
        for path in [folder.path / "notebook.py"] if notebook else folder.files():
            tree = ast.parse(path.read_text(encoding="utf-8"))
            change(tree)
            folder.write(path, "# edited\n" + ast.unparse(tree).replace("\n", "\n\n"))

    return edit


def cell(old: str, new: str):
    """Replace text in the notebook."""

    def edit(folder: Folder) -> None:
        path = folder.path / "notebook.py"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        folder.write(path, text.replace(old, new))

    return edit


def append(qualname: str, code: str):
    """Add code at the end of the file that defines a function."""

    def edit(folder: Folder) -> None:
        path, _, _ = folder.file_of(qualname)
        folder.write(path, path.read_text(encoding="utf-8") + code)

    return edit


def installed(library: str):
    """Another version of a library."""

    def edit(folder: Folder) -> None:
        before = importlib.metadata.version
        folder.patch(importlib.metadata, "version", lambda name: "99.0" if name == library else before(name))

    return edit


def backend(folder: Folder) -> None:
    """Another backend of Keras."""
    import keras

    folder.patch(keras.backend, "backend", lambda: "jax")


def keras_setting(name: str, value):
    """Another setting of Keras."""

    def edit(folder: Folder) -> None:
        import keras

        before = getattr(keras.config, name)()
        folder.undo.append(lambda: getattr(keras.config, f"set_{name}")(before))
        getattr(keras.config, f"set_{name}")(value)

    return edit


def switch(name: str, value: str):
    """An environment variable."""

    def edit(folder: Folder) -> None:
        folder.undo.append(lambda: os.environ.pop(name))
        os.environ[name] = value

    return edit


def move(folder: Folder) -> None:
    """Move a function to another module, which the old one imports it from."""
    path, tree, node = folder.file_of("_take_frames")
    tree.body.remove(node)
    tree.body.insert(1, ast.parse("from serkit.moved import _take_frames").body[0])
    folder.write(path, ast.unparse(tree))
    place = folder.path / "serkit" / "moved.py"
    place.write_text(
        "from typing import Any\n\nimport keras\nfrom keras import ops\n\n\n" + ast.unparse(node) + "\n",
        encoding="utf-8",
    )
    folder.undo.append(place.unlink)


def put_into_a_class(folder: Folder) -> None:
    """Give a layer another method in the notebook."""
    cell("def bilinear", "layers.AttentionPooling2D.call = lambda self, x: 3 * x\n\n\ndef bilinear")(folder)
    folder.again = ("notebook", "serkit")  # or the class keeps it


def _docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body[0].value.value = "Edited."


def _error_texts(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        called = node.exc if isinstance(node, ast.Raise) else None
        if isinstance(called, ast.Call) and ast.unparse(called.func) in ("SerkitError", "ValueError"):
            called.args = [ast.Constant("edited")]


METRIC = "\n\ndef edited(y_true, y_pred):\n    return 0.0\n"

EDITS = {
    "comments and layout of all of serkit": everywhere(lambda _: None),
    "docstrings of all of serkit": everywhere(_docstrings),
    "annotations of a function": source("z_normalise", "values: np.ndarray", "values"),
    "comments, layout and docstrings of the notebook": everywhere(_docstrings, notebook=True),
    "texts of all errors": everywhere(_error_texts),
    "text of an assertion": cell('"filters is a positive number"', '"filters: more than 0"'),
    "text of a progress message": cell('"an epoch"', '"another epoch"'),
    "text of a progress bar": cell('"models"', '"networks"'),
    "items of a progress bar": cell('["lstm"], "models"', '["lstm", "gru"], "models"'),
    "one more progress message": inside("AdvancedLSTM.get_config", "print('one more')"),
    "one more print in a run": cell(
        "    loss = losses", "    print(f'seed {seed}, {len(classes)} classes')\n    loss = losses"
    ),
    "a new metric": append("ua", METRIC),
    "another metric than the run's": inside("macro_f1"),
    "a figure function": inside("confusions"),
    "a cell that draws": cell("plots.confusions(runs)", "plots.confusions(runs, 2)"),
    "a constant that no run names": cell("unused = 3", "unused = 4"),
    "how runs are stored": inside("Study.complete"),
    "an atomic write": inside("atomic"),
    "a corpus' loader": inside("audio_problems"),
    "version of matplotlib": installed("matplotlib"),
    "serkit's own version": constant("__version__", "'99.0'"),
    "a function moved to another module": move,
    **{
        f"version of {name}": installed(name)
        for name in ("numpy", "keras", "soxr", "soundfile", "opensmile", "kaldi-native-fbank", "librosa")
    },
    "version of the backend": installed("tensorflow"),
    "version of jaxlib": installed("jaxlib"),
    "backend": backend,
    "Keras' floating-point type": keras_setting("floatx", "float64"),
    "Keras' epsilon": keras_setting("epsilon", 1e-3),
    "Keras' image data format": keras_setting("image_data_format", "channels_first"),
    "Keras' dtype policy": keras_setting("dtype_policy", "mixed_bfloat16"),
    "number of threads": switch("SERKIT_THREADS", "4"),
    "oneDNN": switch("TF_ENABLE_ONEDNN_OPTS", "0"),
    "state that a run begins with": source("_under", "keras.utils.clear_session()", "None"),
    "how predictions are written": source("csv_text", "index=False", "index=False, float_format='%.2f'"),
    "networks that are used again": inside("compiled"),
    "resampling in audio.read": source("read", "quality='VHQ'", "quality='HQ'"),
    "headers in audio": inside("info"),
    "silence cut in audio": inside("trim"),
    "extraction in store": inside("_extract_part"),
    "dtype of stored features": source("_assemble", "dtype=np.float32", "dtype=np.float16"),
    "yaafe": inside("_rolloff"),
    "a helper of short_term_36": inside("_chroma"),
    "a constant of short_term_36": constant("LOWEST_RATE", "7000"),
    "a default of kaldi_fbank": source("kaldi_fbank", "bins: int=40", "bins: int=23"),
    "a check that front ends share": inside("check_signal"),
    "how silence is cut off": inside("_trimmed_signal"),
    "how features are read": inside("Features.__getitem__"),
    "call of a layer": inside("AttentionPooling2D.call"),
    "another layer of the same module": inside("BilinearPooling2D.call"),
    "base class of a layer": inside("_AdvancedRecurrent.call"),
    "helper of a layer": inside("_take_frames"),
    "build of a block that a layer makes": inside("_LSTMBlock.build"),
    "constant of a class": constant("Sequences.SHORTEST", "8"),
    "batches": inside("Pieces.__getitem__"),
    "standardise": inside("standardise"),
    "z_normalise": inside("z_normalise"),
    "loss": inside("ccc_loss"),
    "metric that a callback takes": inside("ccc"),
    "training.fit": inside("fit"),
    "splits.with_validation": inside("with_validation"),
    "splits.assert_disjoint": inside("assert_disjoint"),
    "fusion": inside("LinearFusion.fit"),
    "condition of an error": inside("Sequences.__init__", "if len(ids) > 9:\n    raise SerkitError('too many')"),
    "decorator of a function": cell("    return function\n", "    return function and function\n"),
    "a global": cell("filters = 8", "filters = 9"),
    "a global number in a helper": cell("return 2 * units", "return 3 * units"),
    "one model of several": cell("return layers.AttentionPooling2D(classes)", "return layers.AttentionPooling2D(2)"),
    "a default argument": cell("weight=0.5", "weight=0.6"),
    "a closure's value": cell("multiplied(5)", "multiplied(6)"),
    "which of two functions a global names": cell("chosen = small", "chosen = large"),
    "values of two closures exchanged": cell("multiplied(1), multiplied(5)", "multiplied(5), multiplied(1)"),
    "a table": cell('["happy", "sad"]})', '["happy", "happy"]})'),
    "a method put into a class from outside": put_into_a_class,
    "base class in the notebook": cell("return 2 * x\n", "return 3 * x\n"),
    "a function in a dictionary": cell('{"lstm": lstm}', '{"lstm": scaled_units}'),
    "a lambda": cell("x**2", "x**3"),
    "NaN instead of a number": cell("limit = 1.0", 'limit = float("nan")'),
    "what an import inside a function gives": cell("import standardise\n", "import z_normalise as standardise\n"),
    "stored features": cell('"stored/one"', '"stored/two"'),
    "a function of a module that getattr looks into": inside("deal_partition"),
    "a module that import_module may load": append("audio_problems", METRIC),
}
OF_CORPORA = ("a module that import_module may load", "another metric than the run's")


def keys(again: tuple[str, ...] = (), runs: tuple[str, ...] = RUNS) -> dict[str, str]:
    """The keys of all runs and stores, as the present files have them, with packages imported again."""
    parsed = getattr(sys.modules.get("serkit.fingerprints"), "_parsed", None)
    for name in [name for name in sys.modules if name.split(".")[0] in again]:
        del sys.modules[name]
    importlib.invalidate_caches()
    import notebook

    from serkit import features, files, fingerprints, study
    from serkit.features import store

    fingerprints.version_of.cache_clear()
    fingerprints._parsed = parsed or fingerprints._parsed  # files as they were are not parsed again
    found = {}
    for name in runs:
        spec = {"model": "attention" if name == "attention" else "lstm", "seed": 0}
        found[name] = study.Study("runs", getattr(notebook, f"train_{name}")).key(spec)
    for name in STORES[:-1]:
        found[name] = files.content_key(store._about(getattr(features, name), {}, 16000, store._signal, {}))
    trimmed = functools.partial(store._trimmed_signal, trim=40.0)
    found["trimmed"] = files.content_key(store._about(features.mulaw_spectrogram, {}, 16000, trimmed, {}))
    return found


def refused_after_an_edit(folder: Folder) -> str:
    """The error's text when a file is edited after its import."""
    from serkit import features
    from serkit.features import store

    source("z_normalise", "values", "edited")(folder)
    try:
        store._about(features.z_normalise, {}, 16000, store._signal, {})
    except ValueError as error:
        return str(error)
    return ""


def main(path: Path) -> None:
    """Copy, edit, compare."""
    package = Path(__file__).parents[1] / "serkit"
    shutil.copytree(package, path / "serkit", ignore=shutil.ignore_patterns("__pycache__"))
    (path / "notebook.py").write_text(NOTEBOOK, encoding="utf-8")
    folder = Folder(path)
    import keras

    keras.backend.backend = lambda: "tensorflow"  # by name only: nothing is computed
    runs, again = (*RUNS, "imported"), ("notebook", "serkit")
    before = keys(runs=runs)
    made_anew = {}
    for name, edit in EDITS.items():
        undone, folder.again = folder.again, ()
        edit(folder)
        # Slow: that run counts with all of serkit.corpora.
        after = keys(tuple({*undone, *folder.again}), runs if name in OF_CORPORA else RUNS)
        folder.restore()
        made_anew[name] = [one for one in after if after[one] != before[one]]
    assert keys(again, runs) == before, "the edits were not undone"
    made_anew["edited after import"] = refused_after_an_edit(folder)
    folder.restore()
    made_anew["backends loaded"] = [name for name in ("tensorflow", "torch") if name in sys.modules]
    (path / "made_anew.json").write_text(json.dumps(made_anew, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
