"""What a result depends on: the code that makes it, without its comments, and everything that code names.

A stored run or feature is reused only when the function that made it would do the same today. `trace`
therefore follows a function to everything that it looks up outside itself: other functions of the
notebook, the serkit modules behind what it imports, plain values, tables, arrays, stored features.
Nothing has to be declared, so nothing can be forgotten; what cannot be compared by content is refused.
Comments, docstrings and layout do not count. Libraries do not count either: their versions are recorded
with each run.
"""

import ast
import dataclasses
import dis
import hashlib
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from serkit.errors import SerkitError
from serkit.files import content_key

# Modules that carry results about but cannot change them.
PLUMBING = {
    f"serkit.{name}"
    for name in ("errors", "files", "fingerprints", "notebooks", "papers", "plots", "progress", "report", "study")
}


def of_function(function: Callable) -> str:
    """Key of what a function does: see `trace`."""
    return content_key(trace(function))


def trace(function: Callable) -> dict[str, Any]:
    """Everything that a function's result depends on.

    Args:
        function: defined in a notebook, a script or a module.

    Returns:
        A JSON value: "value x" holds the plain value that the code calls x; "code f" and "module m" hold
        source without comments; "data t" holds the digest of a table, an array or stored features.

    Raises:
        SerkitError: the function names an object that cannot be compared by content.
    """
    return _seen(function, function.__name__)


def of_value(value: object) -> str:
    """Key of anything that a run is given: a function, a fold, a plain value, a table."""
    return content_key(_seen(value, ""))


def values_of(traced: dict[str, Any]) -> dict[str, Any]:
    """The plain values of a trace, by name: a function's settings."""
    return {name.removeprefix("value "): value for name, value in traced.items() if name.startswith("value ")}


def plain_code(source: str) -> str:
    """Python source without comments, docstrings and layout.

    >>> plain_code("total = (a+b)  # why")
    'total = a + b'
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _seen(value: object, name: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    _visit(value, name, seen)
    return dict(sorted(seen.items()))


def _visit(value: object, name: str, seen: dict[str, Any]) -> None:
    """Enter `value`, which the code calls `name`, and what it leads to."""
    if isinstance(value, types.ModuleType):
        _visit_module(value, seen)
    elif isinstance(value, types.FunctionType | type):
        if _is_ours(value.__module__):
            _visit_module(sys.modules[value.__module__], seen)
        elif not _is_installed(value):
            _visit_code(value, seen)
    elif isinstance(value, np.generic):
        seen[f"value {name}"] = value.item()
    elif _is_plain(value):
        seen[f"value {name}"] = value
    elif isinstance(value, np.ndarray | pd.DataFrame | pd.Series | pd.Index):
        seen[f"data {name}"] = _digest(value)
    elif hasattr(value, "fingerprint"):  # stored features
        seen[f"data {name}"] = value.fingerprint
    elif dataclasses.is_dataclass(value) and _is_plain(dataclasses.asdict(value)):  # a fold
        seen[f"data {name}"] = content_key(dataclasses.asdict(value))
    elif not isinstance(value, types.BuiltinFunctionType):
        for part, item in _parts(value, name):
            _visit(item, part, seen)


def _parts(value: object, name: str) -> list[tuple[str, object]]:
    """What a container holds, each with a name."""
    if isinstance(value, dict):
        return [(f"{name}[{key!r}]", item) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [(f"{name}[{number}]", item) for number, item in enumerate(value)]
    raise SerkitError(
        f"a run depends on {name!r}, a {type(value).__name__}, which cannot be compared by content: make it inside "
        "the function, or use plain values, tables, arrays or stored features"
    )


def _visit_module(module: types.ModuleType, seen: dict[str, Any]) -> None:
    if not _is_ours(module.__name__) or module.__name__ in PLUMBING or f"module {module.__name__}" in seen:
        return
    seen[f"module {module.__name__}"] = content_key(plain_code(inspect.getsource(module)))
    for value in list(vars(module).values()):
        is_code = isinstance(value, types.FunctionType | type)
        if isinstance(value, types.ModuleType) or (is_code and _is_ours(value.__module__)):
            _visit(value, "", seen)


def _visit_code(value: types.FunctionType | type, seen: dict[str, Any]) -> None:
    name = f"code {value.__qualname__}"
    if name in seen:
        return
    seen[name] = plain_code(inspect.cleandoc("\n" + inspect.getsource(value)))
    members = [value] if isinstance(value, types.FunctionType) else vars(value).values()
    for function in members:
        if isinstance(function, types.FunctionType):
            for used in sorted(_names(function.__code__) & set(function.__globals__)):
                _visit(function.__globals__[used], used, seen)
            for used, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
                _visit(cell.cell_contents, used, seen)
            for number, default in enumerate(function.__defaults__ or ()):
                _visit(default, f"{function.__name__}'s default {number}", seen)


def _names(code: types.CodeType) -> set[str]:
    """Global names that a function and the functions inside it look up; attributes are not among them."""
    inner = [_names(constant) for constant in code.co_consts if isinstance(constant, types.CodeType)]
    looked_up = {one.argval for one in dis.get_instructions(code) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return looked_up.union(*inner)


def _digest(value: np.ndarray | pd.DataFrame | pd.Series | pd.Index) -> str:
    if isinstance(value, np.ndarray):
        return content_key([str(value.dtype), value.shape, hashlib.sha256(np.ascontiguousarray(value)).hexdigest()])
    table = value.to_frame() if not isinstance(value, pd.DataFrame) else value
    # Where the audio lies does not matter: what it holds is in the features' own fingerprint.
    return content_key(table.drop(columns="path", errors="ignore").to_csv())


def _is_ours(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == "serkit"


def _is_installed(value: types.FunctionType | type) -> bool:
    if value.__module__ == "__main__":
        return False
    file = getattr(sys.modules.get(value.__module__), "__file__", None)
    return file is None or "site-packages" in file or file.startswith(sys.base_prefix)


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | float | str)
