"""A model in one file: Keras' own ``.keras`` archive with two more members, which Keras leaves alone.

``serkit.json`` is the manifest: the paper, the corpus and its licence, how an answer is made of a signal, the labels,
the scores that the model had, settings and versions. ``serkit.npz`` has the arrays that this takes, such as the means
of the training speech. Nothing of it is code: the network is read in Keras' safe mode, the arrays without pickle.
"""

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from serkit.errors import SerkitError

FORMAT = 1
MANIFEST, STATISTICS = "serkit.json", "serkit.npz"
# What is raised when an archive is damaged, whatever part of it.
BROKEN = (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError)
LARGEST = 2**28  # bytes of a manifest or of statistics, so that a file cannot fill the memory


def describe(path: Path | str, manifest: dict, statistics: dict[str, Any]) -> None:
    """Put a manifest and arrays into a ``.keras`` file, in place of those that it has.

    Args:
        path: of the file; it is changed where it stands.
        manifest: a JSON value.
        statistics: arrays by name; none are kept where there are none.
    """
    with zipfile.ZipFile(path) as archive:
        others = {one: archive.read(one) for one in archive.infolist() if one.filename not in (MANIFEST, STATISTICS)}
    with zipfile.ZipFile(path, "w") as archive:
        for one, content in others.items():
            archive.writestr(one, content)
        text = json.dumps({"format": FORMAT, **manifest}, indent=1, ensure_ascii=False, allow_nan=False)
        archive.writestr(MANIFEST, text, zipfile.ZIP_DEFLATED)
        if statistics:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **statistics)
            archive.writestr(STATISTICS, buffer.getvalue())


def manifest(path: Path | str) -> dict:
    """The manifest of a model file.

    Raises:
        SerkitError: there is no such file, it is no ``.keras`` archive, has no manifest, or one of another format.
    """
    content = _member(path, MANIFEST)
    if content is None:
        raise SerkitError(
            f"{path} has no {MANIFEST}: it is a network without the way from a signal to its answer. Take a model that "
            "`serkit reproduce` has kept, of this version or a later one, or one of a release"
        )
    try:
        found = json.loads(content)
        known = found["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise SerkitError(f"{MANIFEST} in {path} is damaged ({error}): get the model again") from error
    if not known:
        raise SerkitError(f"{path} is a model of format {found['format']}; this serkit reads {FORMAT}: update it")
    return found


def statistics(path: Path | str) -> dict[str, np.ndarray]:
    """The arrays of a model file by name; none where it has none.

    Raises:
        SerkitError: as `manifest`; or they are damaged.
    """
    content = _member(path, STATISTICS)
    if content is None:
        return {}
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)
    except BROKEN as error:
        raise SerkitError(f"{STATISTICS} in {path} is damaged ({error}): get the model again") from error


def _member(path: Path | str, name: str) -> bytes | None:
    path = Path(path)
    if not path.is_file():
        raise SerkitError(f"there is no model {path}: name a .keras file, or a folder of results")
    try:
        with zipfile.ZipFile(path) as archive:
            if name not in archive.namelist():
                return None
            if archive.getinfo(name).file_size > LARGEST:
                raise SerkitError(f"{name} in {path} is larger than {LARGEST} bytes: this is no model of ours")
            return archive.read(name)
    except BROKEN as error:
        raise SerkitError(f"{path} is no .keras file ({error}): name a model, or a folder of results") from error
