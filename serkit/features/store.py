"""Features on disk: one extraction a corpus and setting, read back through a memory map.

`extract` works through the utterances in parallel, in parts of a few dozen. Every part is written
atomically, so that an interrupted extraction goes on where it stopped; the finished store is one
``features.npy`` (all frames, one utterance after the other), an index and a note of the settings. The
folder's name is the key of everything that the values depend on: front end, settings, the content of
every audio file, the code of the front end, of reading and resampling audio and of writing the parts, and
the versions of the libraries that these use (see `serkit.fingerprints`). Change one and the features are
made anew; change nothing and they are found again. A store whose files are not what was written is made anew. Of
several processes that want the same features at once, on one machine or many, one extracts them and the others wait.

Papers take different utterances of one corpus. What another store of the same front end, settings and code has of an
audio file with the same content is copied from there.
"""

import inspect
import json
import os
import shutil
import sys
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from types import FunctionType

import numpy as np
import pandas as pd

from serkit import audio, files, fingerprints
from serkit.errors import SerkitError
from serkit.progress import track

PART, PART_BYTES = 64, 2**26  # utterances in a part, and bytes of audio after which it is full
TIME = "seconds.json"  # in a store's folder
NAMED = 5  # bad utterances that an error names before it only counts


@dataclass(frozen=True)
class Features:
    """The stored features of a corpus.

    ``features["Ses01F_impro01_F000"]`` is that utterance's (frames, dims) array, read from disk when used.

    Attributes:
        directory: where they are.
    """

    directory: Path
    _map: list = field(default_factory=list, repr=False, compare=False)

    def __getstate__(self):
        """Travel to another process as a path, not as values."""
        return {"directory": self.directory, "_map": []}

    def __setstate__(self, state):
        self.__dict__.update(state)

    @cached_property
    def index(self) -> pd.DataFrame:
        """One row an utterance, indexed by id: offset and frames (rows of `values`), and the audio's sha256."""
        with self._here():
            return pd.read_csv(self.directory / "index.csv", dtype={"id": str}, keep_default_na=False).set_index("id")

    @cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        return dict(zip(self.index.index, zip(self.index["offset"], self.index["frames"], strict=True), strict=True))

    @property
    def values(self) -> np.ndarray:
        """All frames, shape (total frames, dims), memory-mapped and read-only.

        Raises:
            SerkitError: they are not on this machine.
        """
        if not self._map:
            with self._here():
                self._map.append(np.load(self.directory / "features.npy", mmap_mode="r"))
        return self._map[0]

    @contextmanager
    def _here(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise SerkitError(
                f"there are no features at {self.directory} on this machine: put $SERKIT_CACHE on storage that all "
                "workers share"
            ) from error

    def __getitem__(self, utterance: str) -> np.ndarray:
        """One utterance's features, shape (frames, dims).

        Raises:
            KeyError: the store has no such utterance.
        """
        offset, frames = self._places[utterance]
        return self.values[offset : offset + frames]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def seconds(self) -> float | None:
        """That extraction took of one processor; None where it was not kept."""
        try:
            return float(json.loads((self.directory / TIME).read_text(encoding="utf-8"))["processor seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def fingerprint(self) -> str:
        """Stands for the values: equal fingerprint, equal features."""
        return self.directory.name


def extract(
    utterances: pd.DataFrame,
    front_end: Callable[..., np.ndarray],
    settings: dict | None = None,
    sample_rate: int = 16000,
    directory: Path | str | None = None,
    workers: int | None = None,
    trim: float = 0.0,
) -> Features:
    """Run a front end over every utterance, once.

    Args:
        utterances: a corpus table with columns id and path.
        front_end: ``front_end(signal, sample_rate, **settings) -> (frames, dims)``.
        settings: what to pass on to it; plain values.
        sample_rate: in Hz; audio of another rate is resampled.
        directory: where stores are kept; default the user's cache folder.
        trim: cut the silence before and after the speech, where it is that many dB under the loudest frame (see
            `serkit.audio.trim`); 0 keeps it. Times in the corpus' table then no longer fit the frames.
        workers: processes; default one a core, at most one a part of 64 utterances or 64 MB.

    Returns:
        The stored features.

    Raises:
        SerkitError: an audio file is missing, unreadable, truncated or silent throughout, or the front
            end gives a value that is not finite. All are looked at first; the message names the first
            few and says how many there are. Or there is no utterance.
    """
    if not inspect.isfunction(front_end):
        raise SerkitError(
            f"a {type(front_end).__name__} is no front end: give a function, and what it takes as settings"
        )
    if utterances.empty:
        raise SerkitError("there is no utterance to extract features of")
    settings = {name: one.item() if isinstance(one, np.generic) else one for name, one in (settings or {}).items()}
    if utterances["id"].duplicated().any():
        raise SerkitError(f"utterance {utterances['id'][utterances['id'].duplicated()].iloc[0]!r} is listed twice")
    utterances = utterances.sort_values("id")
    hashes = _hash_all(utterances["path"])
    read = partial(_trimmed_signal, trim=trim) if trim else _signal
    about = _about(front_end, settings, sample_rate, read, dict(zip(utterances["id"], hashes, strict=True)))
    home = Path(directory) if directory else files.cache_dir() / "features"
    try:
        final = home / f"{front_end.__name__}-{files.content_key(about)}"
    except TypeError as error:
        raise SerkitError(f"settings of {front_end.__name__} must be plain values ({error}), got {settings}") from error
    if not _wrong(final):
        return Features(final)
    # Who extracts the same from others of these files waits, too: they may then be there.
    common = os.path.commonpath([str(Path(path).absolute()) for path in utterances["path"]])
    alike = files.content_key({**about, "utterances": common})
    with files.locked(home / f"{front_end.__name__}-of-{alike}"), files.locked(final):
        wrong = _wrong(final)
        if not wrong:  # another process has extracted them meanwhile
            return Features(final)
        if final.is_dir():
            print(f"{final} is damaged ({wrong}): its features are made anew", file=sys.stderr)
        building = final.with_name(final.name + ".partial")
        about["versions"] = {name: fingerprints.version_of(name) for name in LIBRARIES}  # to read: the key has them
        others = _stored(home, final.name, about, set(hashes))
        elsewhere = {name: others[digest] for name, digest in about["utterances"].items() if digest in others}
        parts, seconds = _extract_all(utterances, elsewhere, front_end, settings, sample_rate, read, workers, building)
        with files.atomic(final) as folder:
            _assemble(parts, hashes, about, folder)
            (folder / TIME).write_text(json.dumps({"processor seconds": seconds}), encoding="utf-8")
        shutil.rmtree(building, ignore_errors=True)
    return Features(final)


def _wrong(final: Path) -> str:
    """What is not as it was written; empty for a whole store."""
    try:
        return files.damaged(final, json.loads((final / "about.json").read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError):
        return "about.json"


def _stored(home: Path, but: str, about: dict, wanted: set[str]) -> dict[str, tuple[Features, str]]:
    """What other stores have of the audio that is wanted: digest of a file -> a store, and the id there.

    Args:
        home: folder of the stores.
        but: the name of one that is not looked at.
        about: as `_about` gives it; a store counts that differs in its utterances alone.
        wanted: digests of files.
    """
    same = about.keys() - {"utterances"}
    kind = files.content_key({name: about[name] for name in same})  # tells 1 from 1.0 and True, as names of stores do
    found: dict[str, tuple[Features, str]] = {}
    for folder in sorted(home.glob(f"{about['front_end']}-*")):
        if folder.name == but or len(found) == len(wanted):
            continue
        try:
            note = json.loads((folder / "about.json").read_text(encoding="utf-8"))
            if files.content_key({name: note[name] for name in same}) != kind:
                continue
            store = Features(folder)
            has = {one.sha256: (store, one.Index) for one in store.index.itertuples() if one.sha256 in wanted}
            listed = {name: note["files"][name] for name in ("features.npy", "index.csv")}
            if has and not files.damaged(folder, listed, every_byte=True):
                found |= has
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SerkitError):
            continue  # incomplete, just being removed, or none of ours
    return found


def _extract_all(
    utterances: pd.DataFrame,
    elsewhere: dict[str, tuple[Features, str]],
    front_end: FunctionType,
    settings: dict,
    sample_rate: int,
    read: Callable,
    workers: int | None,
    building: Path,
) -> tuple[list[Path], float | None]:
    """Write the parts that are missing; returns where all are, and seconds of one processor that all took.

    For parts that were there, as long as the others is reckoned; for what is copied, as long as it took there. None:
    nobody knows.

    Args:
        utterances: as `extract` takes them.
        elsewhere: what need not be extracted: id -> a store, and the id there.
        front_end: as `extract` takes it.
        settings: likewise.
        sample_rate: likewise.
        read: (path, sample rate) -> samples.
        workers: as `extract` takes it.
        building: folder of the parts.

    Raises:
        SerkitError: utterances cannot be used; nothing else is left out.
    """
    from joblib import Parallel, delayed

    jobs = [(building / f"part-{number:05d}.npz", part) for number, part in enumerate(_parts(utterances))]
    waiting = [(path, part) for path, part in jobs if not _holds(path, list(part["id"]))]
    work = [
        [(name, path, elsewhere.get(name)) for name, path in zip(part["id"], part["path"], strict=True)]
        for _, part in waiting
    ]
    busy = sum(any(copied is None for *_, copied in items) for items in work)  # parts with anything to extract
    done = Parallel(n_jobs=min(workers or os.cpu_count() or 1, max(busy, 1)), return_as="generator_unordered")(
        delayed(_timed_part)(path, items, read, front_end, settings, sample_rate)
        for (path, _), items in zip(waiting, work, strict=True)
    )
    bad, seconds = [], 0.0
    for problems, taken in track(done, f"{front_end.__name__}", len(waiting)):
        bad += problems
        seconds += taken
    if bad:
        shown = "\n  ".join(sorted(bad)[:NAMED])
        more = f"\n  and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        raise SerkitError(
            f"{len(bad)} of {len(utterances)} utterances cannot be used; mend them or leave their rows out:"
            f"\n  {shown}{more}"
        )
    new = sum(len(part) for _, part in waiting)
    sources = Counter(copied[0] for items in work for *_, copied in items if copied is not None)
    for store, count in sources.items():
        taken = store.seconds
        new -= count if taken is None else 0  # as long as the others, too
        seconds += count * (taken or 0.0) / len(store)
    return [path for path, _ in jobs], seconds * len(utterances) / new if new else None


def _holds(path: Path, names: list[str]) -> bool:
    """Whether a part can be read and has these utterances; its archive keeps a checksum of each."""
    try:
        with path.open("rb") as stream, np.load(stream) as arrays:
            return arrays.files == names and all(arrays[name] is not None for name in names)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return False


def _about(front_end: FunctionType, settings: dict, sample_rate: int, read: Callable, hashes: dict[str, str]) -> dict:
    """All that the values of a store depend on; `hashes` holds the digest of each utterance's file."""
    return {
        "front_end": front_end.__name__,
        "settings": settings,
        "sample_rate": sample_rate,
        "code": fingerprints.of_value(front_end),
        "reading": fingerprints.of_value(read),
        "writing": [fingerprints.of_value(function) for function in TOUCHING],
        "utterances": hashes,
    }


def _parts(utterances: pd.DataFrame) -> list[pd.DataFrame]:
    """Divide the utterances into parts whose features fit into memory, be they words or meetings."""
    sizes = [Path(path).stat().st_size for path in utterances["path"]]
    firsts, held = [0], 0
    for place, size in enumerate(sizes):
        if place > firsts[-1] and (place - firsts[-1] == PART or held + size > PART_BYTES):
            firsts.append(place)
            held = 0
        held += size
    return [utterances.iloc[first:last] for first, last in zip(firsts, [*firsts[1:], len(utterances)], strict=True)]


def _signal(source: str, sample_rate: int) -> np.ndarray:
    """An utterance's samples."""
    signal, _ = audio.read(source, sample_rate)
    if not signal.any():
        raise SerkitError(f"{source} is digital silence throughout")
    return signal


def _trimmed_signal(source: str, sample_rate: int, trim: float) -> np.ndarray:
    """An utterance's samples without the silence at its ends."""
    return audio.trim(_signal(source, sample_rate), sample_rate, trim)


def _extract_part(
    path: Path, items: list, read: Callable, front_end: FunctionType, settings: dict, sample_rate: int
) -> list[str]:
    """Write one part; return what is wrong with its utterances instead when something is.

    Args:
        path: of the part.
        items: the id of each utterance, its file, and a store that has its features with the id there, or None.
        read: (file, sample rate) -> samples.
        front_end: (samples, sample rate) -> features.
        settings: of the front end.
        sample_rate: in Hz.
    """
    problems, arrays = [], {}
    for name, source, copied in items:
        try:
            if copied is not None:
                store, there = copied
                with suppress(OSError, ValueError, KeyError, EOFError, SerkitError):  # it was just being removed
                    arrays[name] = np.array(store[there])
                    continue
            values = np.asarray(front_end(read(source, sample_rate), sample_rate, **settings), np.float32)
            if not np.isfinite(values).all():
                raise SerkitError(f"{front_end.__name__} gives a value that is not finite for {source}")
            arrays[name] = values
        except SerkitError as error:
            problems.append(f"{name}: {error}")
    if not problems:
        with files.atomic(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **arrays)
    return problems


def _timed_part(*arguments) -> tuple[list[str], float]:
    """`_extract_part`, and seconds that it took."""
    began = time.perf_counter()
    return _extract_part(*arguments), time.perf_counter() - began


def _assemble(parts: list[Path], hashes: list[str], about: dict, folder: Path) -> None:
    """Join the parts into one file without holding more than one of them in memory."""
    names, lengths, dims = [], [], 0
    for part in parts:
        with np.load(part) as arrays:
            for name in arrays.files:
                names.append(name)
                lengths.append(arrays[name].shape[0])
                dims = arrays[name].shape[1]
    offsets = np.cumsum([0, *lengths])
    folder.mkdir()
    values = np.lib.format.open_memmap(
        folder / "features.npy", mode="w+", dtype=np.float32, shape=(int(offsets[-1]), dims)
    )
    position = 0
    for part in parts:
        with np.load(part) as arrays:
            block = np.concatenate([arrays[name] for name in arrays.files])
        values[position : position + len(block)] = block
        position += len(block)
    values.flush()
    index = pd.DataFrame({"id": names, "offset": offsets[:-1], "frames": lengths, "sha256": hashes})
    index.to_csv(folder / "index.csv", index=False)
    note = {**about, "utterances": len(names), "files": files.contents(folder)}
    (folder / "about.json").write_text(json.dumps(note, indent=2), encoding="utf-8")


def _hash_all(paths: pd.Series) -> list[str]:
    from concurrent.futures import ThreadPoolExecutor

    missing = [str(path) for path in paths if not Path(path).is_file()]
    if missing:
        raise SerkitError(
            f"{len(missing)} audio files are missing, the first is {missing[0]}: restore them or leave their rows out"
        )
    with ThreadPoolExecutor() as pool:  # hashing releases the interpreter
        return list(pool.map(files.sha256, paths))


LIBRARIES = ("kaldi-native-fbank", "librosa", "numpy", "opensmile", "pandas", "scipy", "soundfile", "soxr")
TOUCHING = (_extract_part, _assemble)  # what values go through besides the front end; the key follows their code
