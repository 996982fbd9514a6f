"""What a result depends on: the code that makes it, and everything that code names.

A stored run or feature is reused only when the function that made it would do the same today. `trace`
therefore follows a function, name by name, to all that it looks up outside itself: functions and classes
of the notebook, of serkit and of other modules that are not installed libraries; plain values, tables,
arrays, stored features. Nothing has to be declared, so nothing can be forgotten; what cannot be compared
by content is refused. What the function does not name does not count: a new metric, a figure or another
paper's front end leaves all keys as they are.

* **Code** counts by its source, under its own name without its module's. Comments, docstrings, layout,
  annotations, texts of errors and of progress messages do not count. A class counts whole, with its base
  classes: which of its methods will be called cannot be seen.
* **Values** count by content: globals, closures, defaults, constants of modules.
* **Libraries** count by the versions of those that the traced code names.

Where a name cannot be followed, more counts rather than less: a module that is used as a value (as in
``getattr(module, name)``) or that a function imports and does not use counts whole; ``import_module`` of a
name that is made up counts all of the package; a function of ours that calls ``globals``, ``eval`` or
``exec`` counts with its whole module, and in a notebook these are refused; code that reads files of its
package counts with all of them. An object's class need not be guessed: whatever makes the object is
itself reached by name.

Not seen are classes that Keras finds by the name in a saved model; methods that another module adds to a
library's class; files that a run reads by itself, and the column `path` of a table, which may lie anywhere (what
the audio holds counts through stored features); environment variables, ``np.seterr``, NumPy's global generator
and whatever else a run does not name. Read files and draw numbers inside the run from what it is given.

The source on disk must be the code that runs: a file that was edited after its import is refused.
"""

import ast
import builtins
import copy
import dataclasses
import datetime as dt
import dis
import enum
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import io
import linecache
import logging
import math
import pkgutil
import re
import sys
import sysconfig
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serkit.errors import SerkitError
from serkit.files import content_key

PACKAGE = __name__.split(".", maxsplit=1)[0]

# Modules that carry results about but cannot change them: they name what is wrong (errors), write and hash
# (files), show (progress, plots), call a run and keep what it returns (study, modelfiles, cluster, notebooks, cli), let
# it go on where it was stopped (checkpoints), time it instead (planning), or use what it has kept (predict). Reports
# and papers are followed like all others: a run may take its table or a setting from there.
PLUMBING = {f"{PACKAGE}.{name}" for name in ("checkpoints", "cli", "cluster", "errors", "files", "fingerprints")}
PLUMBING |= {
    f"{PACKAGE}.{name}" for name in ("modelfiles", "notebooks", "planning", "plots", "predict", "progress", "study")
}

# Libraries that show, schedule or convert files and give no numbers; all others count.
NO_NUMBERS = {"IPython", "click", "dask", "distributed", "ipykernel", "joblib", "matplotlib", "nbformat", "papermill"}
NO_NUMBERS |= {"ipywidgets", "pytest", "tqdm"}
BACKENDS = ("tensorflow", "jax", "torch")
# What a library computes with in its turn.
IMPLIED = {
    "jax": ("jaxlib",),
    "keras": ("numpy",),
    "librosa": ("numpy", "scipy", "soxr"),
    "opensmile": ("numpy", "pandas"),
    "pandas": ("numpy",),
    "scikit-learn": ("numpy", "scipy"),
    "scipy": ("numpy",),
    "soundfile": ("numpy",),
    "soxr": ("numpy",),
}
USUAL = {"numpy": "np", "pandas": "pd", "tensorflow": "tf"}  # what libraries are called
DISTRIBUTIONS = {"sklearn": "scikit-learn", "kaldi_native_fbank": "kaldi-native-fbank"}

# Calls without an effect, which may stand in a message.
HARMLESS = {"abs", "float", "format", "int", "len", "max", "min", "repr", "round", "sorted", "str", "sum", "type"}
MOMENTS = (dt.date, dt.time, dt.timedelta, type(pd.NaT))
SCALARS = (bool, int, float, str)
PLAIN = (*SCALARS, bytes, complex, list, tuple, dict, set, frozenset)
UNSEEN = {"eval", "exec", "globals", "locals", "vars"}  # what they look up cannot be seen
COMPREHENSION = re.compile(r"<(listcomp|dictcomp|setcomp|genexpr)>\.(<locals>\.)?")  # part of a qualified name
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


def trace(function: Any) -> dict[str, Any]:
    """Everything that a function's result depends on.

    Args:
        function: defined in a notebook, a script or a module.

    Returns:
        A JSON value. "value x" holds the plain value that the code of a notebook or script calls x,
        "constant x" one of serkit's; "code f" the source of f without comments; "name x" what the code that
        is called x really is, where that differs; "data t" the digest of a table, an array or stored
        features; "version numpy" a library's version; "module m" the source of all of a module. A second
        thing of the same name is marked "(2)".

    Raises:
        SerkitError: the function names an object that cannot be compared by content, looks names up in a way
            that cannot be followed, or its source cannot be read or is not what runs.
    """
    return _seen(function, function.__name__)


def of_value(value: object) -> str:
    """Key of anything that a run is given: a function, a fold, a plain value, a table."""
    return content_key(_seen(value, ""))


def of_code(*functions: Callable) -> str:
    """Key of the source of functions and classes, without what does not count; what they name is not followed."""
    found = [_definition(inspect.unwrap(function)) for function in functions]
    return content_key([file.piece(node, namespace).text for file, nodes, namespace, _ in found for node in nodes])


@functools.cache
def version_of(library: str) -> str | None:
    """Version of an installed library, by the name it is imported as or distributed under; None without it."""
    try:
        return importlib.metadata.version(DISTRIBUTIONS.get(library, library))
    except importlib.metadata.PackageNotFoundError:
        found = sorted(_distributions().get(library, ()))  # such as tensorflow-cpu
        return importlib.metadata.version(found[0]) if found else None


def _plain_code(source: str) -> str:
    """Python source without comments, docstrings, layout, annotations and the texts of errors.

    >>> _plain_code("total = (a+b)  # why")
    'total = a + b'
    """
    return ast.unparse(_Plain({}).visit(ast.parse(source)))


def _seen(value: object, name: str) -> dict[str, Any]:
    tracer = _Tracer()
    tracer.visit(value, name, "value")
    return dict(sorted(tracer.entries.items()))


class _Tracer:
    """Enters everything that a value leads to, each thing once, in an order that depends on names alone."""

    def __init__(self):
        self.entries: dict[str, Any] = {}
        self.labels: dict[int, str] = {}  # of code and modules, by identity
        self.uses: set[tuple[int, str]] = set()  # namespaces and names looked up in them
        self.numbers: Counter = Counter()
        self.alive: list = []  # an identity is not given twice

    def enter(self, kind: str, name: str, content: Any) -> str:
        """Add an entry; returns its name, numbered when there is another of that name."""
        self.numbers[kind, name] += 1
        label = name if self.numbers[kind, name] == 1 else f"{name} ({self.numbers[kind, name]})"
        self.entries[f"{kind} {label}"] = content
        return label

    def visit(self, value: object, name: str, kind: str) -> None:
        """Enter `value`, which the code calls `name`; `kind` is "value" in a notebook and "constant" in serkit."""
        self.alive.append(value)
        inner = getattr(value, "__wrapped__", None) if not isinstance(value, type) else None
        if isinstance(value, types.ModuleType):
            self.visit_module(value, name)
        elif isinstance(value, types.FunctionType) and inner is not None and not _followed(_module_of(value)):
            self.visit(inner, name, kind)  # a function of ours inside a library's decorator
            if hasattr(value, "registry"):  # functools.singledispatch
                self.visit(dict(value.registry), f"{name}.registry", kind)
        elif isinstance(value, types.FunctionType | type):
            self.visit_code(value, name)
        elif isinstance(value, types.MethodType):
            self.visit(value.__func__, name, kind)
            if not isinstance(value.__self__, types.ModuleType):
                self.visit(value.__self__, f"{name}.self", kind)
        elif isinstance(inner, types.FunctionType):  # such as functools.cache
            self.visit(inner, name, kind)
        elif isinstance(value, functools.partial | functools.partialmethod):
            self.visit((value.func, value.args, value.keywords), name, kind)
        elif isinstance(value, np.vectorize):
            self.visit((value.pyfunc, value.otypes, value.signature, value.excluded), name, kind)
        else:
            self.visit_value(value, name, kind)

    def visit_value(self, value: object, name: str, kind: str) -> None:
        """Enter what is no code."""
        data = "data" if kind == "value" else kind
        own = _followed(type(value).__module__)
        if _is_plain(value):
            self.enter(kind, name, _plain(value))
            if isinstance(value, list | tuple | dict):  # JSON keeps neither the order of keys nor tuples
                self.enter("exactly", name, content_key(repr(value)))
        elif isinstance(value, np.ndarray | pd.DataFrame | pd.Series | pd.Index):
            self.enter(data, name, _digest(value))
            self.library(type(value).__module__, True)
        elif own and hasattr(value, "fingerprint"):  # stored features
            self.enter(data, name, value.fingerprint)
        elif own and dataclasses.is_dataclass(value):  # a fold
            self.enter(data, name, of_value({one.name: getattr(value, one.name) for one in dataclasses.fields(value)}))
        elif isinstance(getattr(value, "__name__", None), str) and not own:
            self.visit_built_in(value, name, kind)
        elif not isinstance(value, logging.Logger):  # which only shows
            self.enter("name", name, type(value).__name__)
            if isinstance(value, dict) and all(_is_plain(key) for key in value):
                self.enter("exactly", name, content_key(repr(list(value))))
            for part, item in _parts(value, name):
                self.visit(item, part, kind)
        if own:  # it may have methods and attributes besides
            self.visit_code(type(value), type(value).__qualname__)
            if isinstance(value, (*PLAIN, np.ndarray, pd.DataFrame, pd.Series)):
                more = {key: item for key, item in getattr(value, "__dict__", {}).items() if not key.startswith("_")}
                self.visit(more, f"{name}'s attributes", kind)

    def visit_built_in(self, value: Any, name: str, kind: str) -> None:
        """Enter a function of C or of a library by its name, with the object that it belongs to."""
        module = getattr(value, "__module__", None) or type(value).__module__
        full = f"{module}.{getattr(value, '__qualname__', value.__name__)}"
        if full.endswith(" (vectorized)"):
            raise SerkitError(f"a run depends on {name!r}, of np.frompyfunc, which cannot be followed: make it inside")
        self.enter("name", name, full)
        self.library(module, True)
        bound = getattr(value, "__self__", None)
        if bound is not None and not isinstance(bound, types.ModuleType):  # such as {"a": 1}.get
            self.visit(bound, f"{name}.self", kind)

    def visit_code(self, value: types.FunctionType | type, name: str) -> None:
        """Enter a function or class, and what it names."""
        module = _module_of(value)
        if _is_plumbing(module):
            return
        if not _followed(module):
            self.enter("name", name, f"{module}.{value.__qualname__}")
            self.library(module, True)
            return
        label = self.labels.get(id(value))
        if label is None and self.is_whole(value):
            _definition(value)  # the source must be what runs
            label = self.labels[id(value)] = f"{module}.{value.__qualname__}"
        if label is None:
            file, nodes, namespace, closure = _definition(value)
            pieces = [file.piece(node, namespace) for node in nodes]
            own = value.__code__.co_qualname if isinstance(value, types.FunctionType) else value.__qualname__
            label = self.labels[id(value)] = self.enter("code", own, "\n".join(piece.text for piece in pieces))
            self.visit_setup(namespace)
            for piece in pieces:
                self.visit_names(piece, namespace, closure)
            if isinstance(value, types.FunctionType):
                self.visit_function(value, label)
            else:
                self.visit_members(value, label)
        if name.rsplit(".", maxsplit=1)[-1] != label:
            self.enter("name", name, label)

    def is_whole(self, value: types.FunctionType | type) -> bool:
        """Whether a function or class stands in a module that counts whole already."""
        module = sys.modules.get(_module_of(value))
        if module is None or id(module) not in self.labels:
            return False
        functions = [value] if isinstance(value, types.FunctionType) else _own_functions(value)
        return all(function.__code__.co_filename == module.__file__ for function in functions)

    def visit_function(self, function: types.FunctionType, label: str) -> None:
        """Enter the defaults; they were worked out when the function was defined."""
        kind = _kind(function.__globals__)
        defaults = list(enumerate(function.__defaults__ or ())) + sorted((function.__kwdefaults__ or {}).items())
        for place, default in defaults:
            self.visit(default, f"{label}'s default {place}", kind)
        for place, value in sorted(vars(function).items()):  # attributes that somebody gave it
            if place == "__wrapped__" or not place.startswith("_"):
                self.visit(value, f"{label}.{place}", kind)

    def visit_members(self, cls: type, label: str) -> None:
        """Enter base classes, constants and defaults of a class, and functions that were put into it from outside."""
        kind = "constant" if _is_ours(cls.__module__) else "value"
        for base in cls.__mro__[1:]:
            if _followed(base.__module__):
                self.visit_code(base, f"{label}'s base {base.__name__}")
            else:
                self.library(base.__module__, True)
        if not _own_functions(cls):  # a notebook may have another cell with such a class; what it holds decides
            kinds = {name: str(value) for name, value in inspect.get_annotations(cls).items()}
            self.enter("members", label, content_key(kinds))
        for name, member in sorted(vars(cls).items()):
            for function in _functions_of(member):
                if function.__code__.co_filename == "<string>":  # made by a dataclass
                    continue
                if function.__code__.co_qualname != f"{cls.__qualname__}.{function.__name__}":
                    self.visit(function, f"{label}.{name}", kind)
                else:
                    self.visit_function(function, f"{label}.{function.__name__}")
            special = name.startswith("__") or (name.startswith("_") and name.endswith("_")) or name == "_abc_impl"
            described = hasattr(type(member), "__get__") and not isinstance(member, functools.partialmethod)
            if not (special or described or isinstance(member, enum.Enum)):
                self.visit(member, f"{label}.{name}", kind)

    def visit_names(self, piece: "_Piece", namespace: dict, closure: dict) -> None:
        """Enter all that a piece of source looks up outside itself."""
        imported = self.visit_imports(piece, namespace)
        wanted = piece.outside | set(imported)
        for chain in piece.chains:
            root = chain[0]
            if root in imported:
                self.follow(imported[root], chain, imported)
            elif root not in wanted:
                continue
            elif root in closure:
                self.follow(closure[root].cell_contents, chain, closure)
            elif root in namespace and root != "__builtins__":
                self.follow(namespace[root], chain, namespace)
            elif root in UNSEEN:
                self.visit_unseen(root, namespace)
            if {"__file__", "__import__", "import_module", "resources"} & set(chain):
                self.visit_files(piece, namespace)

    def follow(self, value: object, chain: tuple[str, ...], namespace: dict) -> None:
        """Enter what a chain of names such as ``splits.deal`` leads to, through modules of ours."""
        rest = list(chain[1:])
        origin, name = namespace, chain[0]
        while isinstance(value, types.ModuleType) and rest and _followed(value.__name__):
            if _is_plumbing(value.__name__):
                return
            origin, name = vars(value), rest.pop(0)
            if not hasattr(value, name):
                self.visit_module(value, chain[0])
                return
            value = getattr(value, name)
        called = ".".join(chain[: len(chain) - len(rest)])
        if (id(namespace), called) in self.uses:
            return
        self.uses.add((id(namespace), called))
        self.alive.append(namespace)
        kind = _kind(origin)
        if kind == "constant" and not _is_code(value):
            self.visit_constant(value, name, called, origin)
        else:
            self.visit(value, called, kind)

    def visit_constant(self, value: object, name: str, called: str, namespace: dict) -> None:
        """Enter a module's constant: by value, or all of its module when it has none or may change."""
        if name.isupper():
            try:
                self.visit(value, called, "constant")
                return
            except SerkitError:  # not to be compared by content
                pass
        self.visit_module(sys.modules[namespace["__name__"]], called)

    def visit_imports(self, piece: "_Piece", namespace: dict) -> dict[str, object]:
        """Names bound by imports inside a function. Libraries are not loaded for this."""
        bound, used = {}, {chain[0] for chain in piece.chains}
        for one in piece.imports:
            source = _imported_from(one, namespace)
            for alias in one.names:
                full = source or alias.name
                if not _followed(full):
                    self.library(full, not _is_ours(namespace.get("__name__", "")))
                    continue
                module = importlib.import_module(full)
                if not source:
                    target = module if alias.asname else sys.modules[full.split(".", maxsplit=1)[0]]
                elif hasattr(module, alias.name):
                    target = getattr(module, alias.name)
                else:
                    target = importlib.import_module(f"{full}.{alias.name}")
                name = alias.asname or alias.name.split(".")[0]
                bound[name] = target
                if name not in used:  # for its effect, such as registering layers
                    self.visit_module(module, name)
        return bound

    def visit_unseen(self, function: str, namespace: dict) -> None:
        if not _is_ours(namespace.get("__name__", "")):
            raise SerkitError(f"a run calls {function}(): what that looks up cannot be followed; name it instead")
        self.visit_module(sys.modules[namespace["__name__"]], function)

    def visit_files(self, piece: "_Piece", namespace: dict) -> None:
        """Enter all modules that an import of a made-up name may load, or all files that code may read beside it."""
        module = sys.modules.get(namespace.get("__name__", ""))
        names = {name for chain in piece.chains for name in chain}
        if module is None or not _is_ours(module.__name__):
            if names & {"__import__", "import_module"}:
                raise SerkitError(
                    "a run calls import_module(): what that loads cannot be followed; import it by its name"
                )
            return
        values = [one.value for one in ast.walk(piece.node) if isinstance(one, ast.Constant)]
        texts = [value for value in values if isinstance(value, str)]
        named = [text.rpartition(".")[0] for text in texts if text.startswith(f"{PACKAGE}.")]
        if names & {"__name__", "__package__"}:
            named.append(module.__name__ if hasattr(module, "__path__") else module.__package__ or "")
        if names & {"__import__", "import_module"}:
            for package in sorted(set(named)) or [PACKAGE]:
                self.visit_package(package)
        if names & {"__file__", "resources"}:
            folder = Path(module.__file__ or "").parent
            data = sorted(
                path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc", ".ipynb")
            )
            digests = {
                path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in data
            }
            self.entries[f"files of {module.__name__}"] = content_key(digests)

    def visit_package(self, name: str) -> None:
        package = importlib.import_module(name)
        self.visit_module(package, name)
        for found in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{name}."):
            if not (_is_plumbing(found.name) or found.name.endswith("__main__")):
                self.visit_module(importlib.import_module(found.name), found.name)

    def visit_module(self, module: types.ModuleType, name: str) -> None:
        """Enter a module that is used as a value: all of it when it is ours, its version when it is a library's."""
        if _is_plumbing(module.__name__):
            return
        if not _followed(module.__name__):
            if name not in (module.__name__.rsplit(".", maxsplit=1)[-1], USUAL.get(module.__name__)):
                self.enter("name", name, module.__name__)
            self.library(module.__name__, True)
            return
        if id(module) in self.labels:
            return
        self.labels[id(module)] = module.__name__
        if getattr(module, "__file__", None):  # else a folder without __init__.py
            piece = _source(module).whole(vars(module))
            self.entries[f"module {module.__name__}"] = piece.text
            self.visit_names(piece, vars(module), {})
        for place, value in sorted(vars(module).items()):  # what it holds, and what was put into it
            below = isinstance(value, types.ModuleType) and value.__name__.startswith(f"{module.__name__}.")
            if below or (_is_code(value) and not place.startswith("__") and not isinstance(value, types.ModuleType)):
                self.visit(value, f"{module.__name__}.{place}", "constant")

    def visit_setup(self, namespace: dict) -> None:
        """Enter what a module of ours does when it is imported, besides defining names."""
        module = sys.modules.get(namespace.get("__name__", ""))
        if module is None or not _is_ours(module.__name__) or (id(module), "") in self.uses:
            return
        self.uses.add((id(module), ""))
        defining = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
        defining += (
            ast.Assign,
            ast.AnnAssign,
            ast.AugAssign,
            ast.TypeAlias if sys.version_info >= (3, 12) else ast.Pass,
        )
        for node in _source(module).tree.body:
            text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            checking = isinstance(node, ast.If) and ast.unparse(node.test).endswith(("TYPE_CHECKING", "'__main__'"))
            if not (isinstance(node, defining) or text or checking):
                piece = _source(module).piece(node, namespace)
                self.enter("setup", "", piece.text)
                self.visit_names(piece, namespace, {})

    def library(self, module: str, always: bool) -> None:
        """Enter the version of the library that a module belongs to.

        Modules of ours that serve every backend count with the one in use (`always` is false).
        """
        top = module.split(".", maxsplit=1)[0]
        if top in sys.stdlib_module_names or top in NO_NUMBERS or top in ("builtins", "__main__"):
            return
        if top in BACKENDS and not always and "keras" in sys.modules and sys.modules["keras"].backend.backend() != top:
            return
        name = DISTRIBUTIONS.get(top, top)
        for one in (name, *IMPLIED.get(name, ())):
            found = self.entries.get(f"version {one}") or version_of(one)
            if found is not None:
                self.entries[f"version {one}"] = found


class _Plain(ast.NodeTransformer):
    """Takes out of a syntax tree what does not change what the code gives.

    Args:
        namespace: the globals of the code. A call is taken for a message by what its name stands for there,
            not by the name alone.
    """

    def __init__(self, namespace: dict):
        self.namespace, self.bound = namespace, set()

    def visit(self, node):
        if not self.bound:  # once, at the top: names that are something else inside
            walked = list(ast.walk(node))
            self.bound = {one.id for one in walked if isinstance(one, ast.Name) and _stores(one)} | {""}
            self.bound |= {one.arg for one in walked if isinstance(one, ast.arg)}
        return super().visit(node)

    def generic_visit(self, node):
        super().generic_visit(node)
        if isinstance(getattr(node, "body", None), list):
            body = node.body
            if isinstance(node, ast.Module | Definition) and body and _is_text(body[0]):
                body = body[1:]
            node.body = body or ([] if isinstance(node, ast.Module) else [ast.Pass()])
        if isinstance(node, ast.Try) and not (node.handlers or node.finalbody):
            node.finalbody = [ast.Pass()]
        return node

    def visit_FunctionDef(self, node):
        if not node.decorator_list:  # a decorator may read annotations
            node.returns = None
            for one in ast.walk(node.args):
                if isinstance(one, ast.arg):
                    one.annotation = None
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Raise(self, node):
        if isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name) and _silent(node.exc, all_calls=True):
            kind = self._stands_for(node.exc.func)
            flow = (StopIteration, StopAsyncIteration)
            if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, flow):
                ours = kind.__module__ in (SerkitError.__module__, "builtins")
                return ast.copy_location(ast.Raise(node.exc.func, None), node) if ours else node
        return self.generic_visit(node)

    def visit_Assert(self, node):
        node.msg = None
        return self.generic_visit(node)

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Call) and self._is_message(node.value.func) and _silent(node.value):
            return None
        return self.generic_visit(node)

    def visit_Call(self, node):
        if getattr(self._stands_for(node.func), "__qualname__", "") == "track" and self._is_message(node.func):
            node.args[1:2] = [_Blank().visit(one) for one in node.args[1:2]]
        elif self._is_message(node.func):
            node.args = [_Blank().visit(one) for one in node.args]
        elif _is_check(self._stands_for(node.func)):
            node.args[2:] = [_Blank().visit(one) for one in node.args[2:]]
        return self.generic_visit(node)

    def _is_message(self, function: ast.expr) -> bool:
        value = self._stands_for(function)
        if value is print:
            return True
        module = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
        return isinstance(value, logging.Logger) or module in ("logging", "warnings", f"{PACKAGE}.progress")

    def _stands_for(self, function: ast.expr) -> object:
        """What a name stands for; of ``a.b``, b where a is a module of ours, and else a's own kind."""
        if isinstance(function, ast.Name):
            name = function.id
            if name in self.bound:
                return None
            return self.namespace.get(name, getattr(builtins, name, None))
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            owner = self._stands_for(function.value)
            if owner is logging or owner is warnings or isinstance(owner, logging.Logger):
                return owner
            return getattr(owner, function.attr, None) if isinstance(owner, types.ModuleType) else None
        return None


class _Blank(ast.NodeTransformer):
    """Empties texts, and keeps what is put into them."""

    def visit_Constant(self, node):
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node):
        parts = [one.value for one in node.values if isinstance(one, ast.FormattedValue)]
        return ast.Tuple(parts, ast.Load())


class _Piece:
    """A piece of source: its text without what does not count, and the names that it uses.

    Attributes:
        node: its syntax tree. text: as source.
        chains: the names in it with the attributes that are taken of them, in order.
        outside: names that it looks up outside itself, found by compiling it.
        imports: statements inside functions, or of a whole module.
    """

    def __init__(self, node: ast.AST, namespace: dict):
        self.node = _Plain(namespace).visit(node)
        self.text = ast.unparse(self.node)
        self.chains = sorted(_chains(self.node))
        self.imports = [one for one in ast.walk(self.node) if isinstance(one, ast.Import | ast.ImportFrom)]
        self.outside = _looked_up(self.node)
        if isinstance(node, ast.Module):  # its own imports bind names that are looked up in it
            self.imports = [
                one for one in self.imports if not (one in self.node.body and _is_ours(namespace.get("__name__", "")))
            ]


class _File:
    """A source file's definitions, by qualified name."""

    def __init__(self, source: str, name: str):
        self.source, self.name = source, name
        self.lines = io.StringIO(source).readlines()
        self.tree = ast.parse(source)
        self.definitions = dict(_group(_definitions(self.tree, "")))
        self.pieces: dict[int, _Piece] = {}

    def piece(self, node: ast.AST, namespace: dict) -> _Piece:
        """What a node holds; in a file it is looked at once, in a notebook names may change their meaning."""
        if not Path(self.name).is_file():
            return _Piece(self.copy(node), namespace)
        if id(node) not in self.pieces:
            self.pieces[id(node)] = _Piece(self.copy(node), namespace)
        return self.pieces[id(node)]

    def copy(self, node: ast.AST) -> ast.AST:
        """A node once more; reading its lines again is faster than copying its parts."""
        if isinstance(node, ast.Module):
            return ast.parse(self.source)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return copy.deepcopy(node)
        lines = self.lines[_first_line(node) - 1 : node.end_lineno]
        if node.col_offset == 0:
            return ast.parse("".join(lines)).body[0]
        (block,) = ast.parse("".join(["if True:\n", *lines])).body
        assert isinstance(block, ast.If)
        return block.body[0]

    def whole(self, namespace: dict) -> _Piece:
        """All of the file."""
        return self.piece(self.tree, namespace)

    def find(self, qualname: str, code: types.CodeType | None = None) -> list[Definition]:
        """The definitions of that name; of several, those that begin where the code does, if any does."""
        nodes = self.definitions.get(COMPREHENSION.sub("", qualname), [])
        if len(nodes) < 2 or code is None:
            return nodes
        there = [node for node in nodes if _first_line(node) == code.co_firstlineno]
        if len(there) > 1:  # lambdas in one line
            spots = [(line, column) for line, _, column, _ in code.co_positions() if line and column]
            there = [one for one in there if any(_is_in(one, spot) for spot in spots)] or there
        return there or nodes

    @functools.cached_property
    def codes(self) -> list[types.CodeType]:
        """Of all functions, as this file has them."""
        return list(_codes(compile(self.source, self.name, "exec", dont_inherit=True)))

    def has(self, code: types.CodeType) -> bool:
        """Whether a function that runs is one of this file."""
        return any(one.co_qualname == code.co_qualname and _same(one, code) for one in self.codes)


def _definition(value: types.FunctionType | type) -> tuple[_File, list[Definition], dict, dict]:
    """File and definition of a function or class, the globals that it looks names up in, and its closure.

    Raises:
        SerkitError: the source cannot be read, or is not what runs.
    """
    if isinstance(value, types.FunctionType):
        functions, qualname, code = [value], value.__code__.co_qualname, value.__code__
    else:
        functions, qualname, code = _own_functions(value), value.__qualname__, None
    module = sys.modules.get(_module_of(value))
    if functions:
        path, namespace = functions[0].__code__.co_filename, functions[0].__globals__
    else:
        path, namespace = getattr(module, "__file__", None) or _cell_with(qualname), vars(module)
    file = _file(path)
    nodes = file.find(qualname, code) if file else []
    if file is None or path is None or not nodes:
        raise SerkitError(f"the source of {qualname} cannot be read: define it in a file or in a notebook's cell")
    if Path(path).is_file() and not all(file.has(function.__code__) for function in functions):
        raise SerkitError(
            f"{path} was edited after it was imported: restart the kernel, so that what runs is what it says"
        )
    closure = {}
    for function in functions:
        closure |= dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    return file, nodes, namespace, {name: cell for name, cell in closure.items() if _is_filled(cell)}


def _own_functions(cls: type) -> list[types.FunctionType]:
    """Functions written in a class' body."""
    found = [function for member in vars(cls).values() for function in _functions_of(member)]
    return [one for one in found if one.__code__.co_qualname == f"{cls.__qualname__}.{one.__code__.co_name}"]


def _functions_of(member: object) -> list[types.FunctionType]:
    """The functions behind a member of a class: a method, a property, a cached property ..."""
    if isinstance(member, property):
        candidates = [member.fget, member.fset, member.fdel]
    else:
        candidates = [getattr(member, "__func__", getattr(member, "func", getattr(member, "__wrapped__", member)))]
    return [one for one in candidates if isinstance(one, types.FunctionType)]


def _file(path: str | None) -> _File | None:
    if not path:
        return None
    if Path(path).is_file():
        state = Path(path).stat()
        return _parsed(path, state.st_mtime_ns, state.st_size)
    source = "".join(linecache.getlines(path))  # a notebook's cell
    return _parsed_cell(source, path) if source else None


def _source(module: types.ModuleType) -> _File:
    """Of a module of ours, which was read from a file."""
    found = _file(module.__file__)
    assert found is not None, module.__name__
    return found


@functools.lru_cache(maxsize=256)
def _parsed(path: str, changed: int, size: int) -> _File:  # noqa: ARG001
    return _File(Path(path).read_text(encoding="utf-8"), path)


@functools.lru_cache(maxsize=256)
def _parsed_cell(source: str, path: str) -> _File:
    return _File(source, path)


def _cell_with(qualname: str) -> str | None:
    """The last cell that defines a class without methods of its own, whose cell is not known otherwise."""
    for path in reversed([path for path in linecache.cache if not Path(path).is_file()]):
        file = _file(path)
        if file and file.find(qualname):
            return path
    return None


def _definitions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Definition]]:
    """All functions and classes below a node, with their qualified names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            name = prefix + getattr(child, "name", "<lambda>")
            yield name, child
            yield from _definitions(child, f"{name}." if isinstance(child, ast.ClassDef) else f"{name}.<locals>.")
        else:
            yield from _definitions(child, prefix)


def _group(pairs: Iterator[tuple[str, Definition]]) -> dict[str, list]:
    grouped: dict[str, list] = {}
    for name, node in pairs:
        grouped.setdefault(name, []).append(node)
    return grouped


def _first_line(node: Definition) -> int:
    return min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])


def _is_in(node: Definition, spot: tuple[int, int]) -> bool:
    return (node.lineno, node.col_offset) <= spot < (node.end_lineno or 0, node.end_col_offset or 0)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)


def _same(one: types.CodeType, other: types.CodeType) -> bool:
    """Whether two functions do the same, wherever they stand in their files."""
    if (one.co_code, one.co_names, one.co_varnames) != (other.co_code, other.co_names, other.co_varnames):
        return False
    pairs = list(zip(one.co_consts, other.co_consts, strict=False))
    return len(one.co_consts) == len(other.co_consts) and all(
        _same(left, right) if isinstance(left, types.CodeType) and isinstance(right, types.CodeType) else left == right
        for left, right in pairs
    )


def _looked_up(node: Any) -> set[str]:
    """Names that a piece of source looks up outside itself, found by compiling it."""
    if any(isinstance(one, ast.Nonlocal) for one in ast.walk(node)):
        node = _Outside().visit(copy.deepcopy(node))
    if isinstance(node, ast.Module):
        module = node
    else:
        module = ast.Module([ast.Expr(node) if isinstance(node, ast.expr) else node], [])
    code = compile(ast.fix_missing_locations(module), "<trace>", "exec", dont_inherit=True)
    loading = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "LOAD_FROM_DICT_OR_DEREF")
    return {
        one.argval for piece in (code, *_codes(code)) for one in dis.get_instructions(piece) if one.opname in loading
    }


class _Outside(ast.NodeTransformer):
    """A function taken out of another has its outer variables outside."""

    def visit_Nonlocal(self, node):
        return ast.Global(node.names)


def _chains(node: ast.AST) -> set[tuple[str, ...]]:
    """Names, each with the attributes that are taken of it: ``a.b.c(d)`` gives (a, b, c) and (d,)."""
    found, inside = set(), set()
    for one in ast.walk(node):  # from the outside in: the longest chain comes first
        if id(one) in inside or not isinstance(one, ast.Attribute | ast.Name):
            continue
        names, at = [], one
        while isinstance(at, ast.Attribute):
            names.append(at.attr)
            inside.add(id(at))
            at = at.value
        if isinstance(at, ast.Name):
            inside.add(id(at))
            found.add((at.id, *reversed(names)))
    return found


def _imported_from(node: ast.Import | ast.ImportFrom, namespace: dict) -> str:
    """The module of a ``from`` import, with its dots resolved; empty for a plain import."""
    if isinstance(node, ast.Import):
        return ""
    relative = "." * node.level + (node.module or "")
    return importlib.util.resolve_name(relative, namespace.get("__package__") or "")


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:  # a variable that is assigned later, such as a class inside its own method
        return False
    return True


def _stores(name: ast.Name) -> bool:
    return not isinstance(name.ctx, ast.Load)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _silent(call: ast.Call, all_calls: bool = False) -> bool:
    """Whether nothing happens while a message is put together; `all_calls` looks for assignments only."""
    active = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)
    for one in ast.walk(call):
        if isinstance(one, active):
            return False
        if isinstance(one, ast.Call) and one is not call and not all_calls:
            harmless = isinstance(one.func, ast.Name) and one.func.id in HARMLESS
            if not harmless:
                return False
    return True


def _is_check(value: object) -> bool:
    """Whether this is `serkit.errors.one_of`, whose third argument is a text."""
    return isinstance(value, types.FunctionType) and _module_of(value) == SerkitError.__module__


def _is_code(value: object) -> bool:
    inner = getattr(value, "__wrapped__", None)
    return isinstance(value, types.FunctionType | type | types.ModuleType) or isinstance(inner, types.FunctionType)


def _module_of(value: types.FunctionType | type) -> str:
    """Where a function or class was written, whatever a decorator says."""
    if isinstance(value, types.FunctionType):
        return value.__globals__.get("__name__", "")
    return value.__module__


def _kind(namespace: dict) -> str:
    return "constant" if _is_ours(str(namespace.get("__name__", ""))) else "value"


def _parts(value: object, name: str) -> list[tuple[str, object]]:
    """What a container holds, each with a name."""
    if isinstance(value, dict):
        made = [(f"{name}'s default", value.default_factory)] if hasattr(value, "default_factory") else []
        if all(_is_plain(key) for key in value):
            return [(f"{name}[{key!r}]", item) for key, item in value.items()] + made
        pairs = list(enumerate(value.items()))  # such as functions
        keys = [(f"{name}'s key {n}", key) for n, (key, _) in pairs]
        return keys + [(f"{name}[{n}]", item) for n, (_, item) in pairs] + made
    if isinstance(value, list | tuple):
        return [(f"{name}[{number}]", item) for number, item in enumerate(value)]
    if isinstance(value, set | frozenset) and all(_is_plain(item) for item in value):
        return [(name, sorted(map(repr, value)))]
    return [(name, _as_plain(value, name))]


def _as_plain(value: object, name: str) -> object:
    """A value of another type in plain ones."""
    if isinstance(value, np.generic) and type(value).__module__ == "numpy":
        return (str(value.dtype), repr(value)) if not _is_plain(value.item()) else value.item()
    if isinstance(value, enum.Enum):
        return str(value), value.value
    if isinstance(value, re.Pattern):
        return value.pattern, value.flags
    if isinstance(value, (bytes, complex, range, slice, np.dtype, Path, type(pd.NA), *MOMENTS)):
        return repr(value)
    for kind in SCALARS:
        if isinstance(value, kind):  # a class of its own
            return kind(value)
    raise SerkitError(
        f"a run depends on {name!r}, a {type(value).__name__}, which cannot be compared by content: make it inside "
        "the function, or use plain values, tables, arrays or stored features"
    )


def _digest(value: np.ndarray | pd.DataFrame | pd.Series | pd.Index) -> str:
    """Of content, types and layout of an array or a table."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return of_value([value.shape, value.tolist()])
        layout = [type(value).__name__, str(value.dtype), value.shape, value.strides]
        if isinstance(value, np.ma.MaskedArray):
            layout += [_digest(np.ma.getmaskarray(value)), _digest(np.asarray(value.fill_value))]
        content = np.ascontiguousarray(np.asarray(value)).reshape(-1).view(np.uint8)
        return content_key([*layout, hashlib.sha256(content.data).hexdigest()])
    if isinstance(value, pd.DataFrame):
        # Where the audio lies does not matter: what it holds is in the features' own fingerprint.
        places = [place for place, name in enumerate(value.columns) if name != "path"]
        index = value.columns[places]
        return content_key([_digest(one) for one in (index, value.index, *(value.iloc[:, n] for n in places))])
    about = [type(value).__name__, of_value(value.attrs) if isinstance(value, pd.Series) and value.attrs else ""]
    if isinstance(value, pd.MultiIndex):
        return content_key([_digest(value.get_level_values(level)) for level in range(value.nlevels)])
    about += [str(value.name), str(value.dtype), _digest(value.index) if isinstance(value, pd.Series) else ""]
    if isinstance(value.dtype, pd.CategoricalDtype):
        codes = value.codes if isinstance(value, pd.Index) else value.cat.codes.to_numpy()
        return content_key([*about, value.dtype.ordered, _digest(value.dtype.categories), _digest(np.asarray(codes))])
    return content_key([*about, _digest(value.to_numpy())])


def _is_ours(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == PACKAGE


def _is_plumbing(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in PLUMBING)


@functools.lru_cache(maxsize=4096)
def _installed_at(file: str) -> bool:
    homes = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return "site-packages" in file or "dist-packages" in file or any(Path(file).is_relative_to(home) for home in homes)


def _followed(module: str) -> bool:
    """Whether code is followed by name: serkit's, the notebook's, the user's own; not that of installed libraries."""
    top = module.split(".", maxsplit=1)[0]
    if top in (PACKAGE, "__main__"):
        return True
    if top in sys.stdlib_module_names or top in NO_NUMBERS or not top:
        return False
    loaded = sys.modules.get(module) or sys.modules.get(top)
    try:
        spec = getattr(loaded, "__spec__", None) or importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    file = getattr(loaded, "__file__", None) or (spec.origin if spec else None)
    folders = list(getattr(spec, "submodule_search_locations", None) or ())
    file = file or (folders[0] if folders else None)  # a folder without __init__.py
    return file is not None and not _installed_at(file)


@functools.cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


def _is_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(_is_plain(item) for item in value)
    if type(value) is dict:
        return all(type(key) is str and _is_plain(item) for key, item in value.items())
    return value is None or type(value) in SCALARS


def _plain(value: Any) -> Any:
    """A plain value as JSON can hold it: NaN and infinity by name."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value
