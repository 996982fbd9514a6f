"""Fetch open corpora: ``serkit download NAME [DIR]``. Gated ones are refused, with how to get them.

What a corpus' files are is data of its loader, `DOWNLOADS`: named parts of the corpus, the first of which is fetched
unless another is named, and of each part its items, dicts with

* address: https.
* to: where it goes below the corpus' folder; empty (or left out) for an archive that becomes the folder itself.
* size: bytes, and checksum: "md5:...", "sha256:..." or, of an archive that a host of git repositories packs,
  "git-tree:..." (`archives.git_tree`); whose: who states the checksum, as shown to the user. Each only where a public
  document states it. Where none does, the SHA-256 of what was received is shown and recorded.
* unpack: True for an archive. strip: its top folder, which is left out; drop: folders in it that are of no use;
  unpacked: the bytes that it becomes, where they are known (else `EXPANSION` times its own are allowed).
* pointers: of an archive of a git repository, what stands before a file's path in the address of its content, for files
  that are Git LFS pointers: those are replaced by what they point to, with size and SHA-256 as they say.
* listing: "dataverse" where the address is a list of files with sizes and checksums instead of a file; only: a pattern
  of their names.

All of an item is fetched, checked and unpacked in a hidden folder beside the corpus', ``.<folder>.download``, and
renamed when it is whole. `RECORD`, in the corpus' folder, lists what came from where.
"""

import datetime as dt
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from serkit import archives, files, progress, transfer
from serkit.corpora import NAMES, module
from serkit.errors import SerkitError, one_of

RECORD = ".serkit_download.json"  # hidden, so that no loader takes it for a part of the corpus
EXPANSION = 50  # times an archive's own bytes that it may become, where its size unpacked is not known
AT_ONCE = 8  # small files of one list
POINTER = b"version https://git-lfs.github.com/spec/v1"
SHORT = 1024  # bytes: a pointer is never longer


def place(name: str, directory: Path | str = "") -> Path:
    """Where a corpus goes: `directory`; else $SERKIT_<NAME>; else serkit-corpora/<name> beside the cache folder."""
    given = str(directory) or os.environ.get(f"SERKIT_{name.upper()}", "")
    return Path(given).expanduser().resolve() if given else files.cache_dir().resolve().parent / "serkit-corpora" / name


def fetch(
    name: str, directory: Path | str = "", part: str = "", say: Callable[[str], None] = lambda _: None
) -> tuple[Path, list[dict]]:
    """Download what is missing of a corpus.

    Args:
        name: of an open corpus.
        directory: its folder; where it is empty, as `place`.
        part: one of its parts; empty for the first.
        say: is told what happens, line by line.

    Returns:
        The folder, and what its record says of each item that the part has.

    Raises:
        SerkitError: the corpus is gated or the user's own; the part is none; the folder holds something else, or what
            was downloaded is no longer as it was; and as `transfer.fetch` and `archives.unpack`.
    """
    source = module(one_of(name, NAMES, "corpus"))
    items = _items(name, part)
    directory = place(name, directory)
    _require_place(directory)
    say(f"{source.TITLE}\nlicence: {source.LICENCE}")
    with files.locked(directory):
        record = _read_record(name, directory)
        missing = [item for item in items if not _whole(item, directory, record)]
        if missing:
            known = [item["size"] for item in missing if item.get("size")]
            amount = f", {transfer.shown_size(sum(known))}" + " and more" * (len(known) < len(missing)) if known else ""
            hosts = ", ".join(sorted({urlsplit(item["address"]).netloc for item in missing}))
            say(f"{len(missing)} of {len(items)} to fetch{amount}, from {hosts}, to {directory}")
            transfer.require_space(directory, _needed(missing, _staging(directory)), f"the download of {name}")
        else:
            say(f"{directory} is whole: nothing is fetched")
        for item in missing:
            entry = _get(item, directory, record)
            say(f"{_title(item)}: {_told(entry)}")
        if missing:
            shutil.rmtree(_staging(directory), ignore_errors=True)
    return directory, [record["items"][_key(item)] for item in items]


def _items(name: str, part: str) -> list[dict]:
    """The items of a part."""
    source = module(name)
    parts = getattr(source, "DOWNLOADS", {})
    if not parts:
        raise SerkitError(f"serkit does not download {name}. {source.HOW_TO_GET.strip()}")
    return list(parts[one_of(part, parts, f"part of {name}") if part else next(iter(parts))])


def _require_place(directory: Path) -> None:
    """Refuse what could not become the folder: a file, and what the system does not let anybody rename."""
    if directory.exists() and not directory.is_dir():
        raise SerkitError(f"{directory} is a file: name a folder")
    if directory.is_mount() and not (directory / RECORD).is_file():
        raise SerkitError(
            f"{directory} is a mount point, which what is downloaded cannot replace: name a folder within it, "
            f"such as {directory / 'corpus'}"
        )


def _move(path: Path, target: Path) -> None:
    """Put what is whole into its place."""
    files.make_folder(target.parent)
    try:
        path.replace(target)
    except OSError as error:
        raise SerkitError(
            f"{target} cannot be replaced by what was downloaded ({error.strerror}): name another folder. "
            f"What has arrived is kept in {path.parent}"
        ) from error


def _get(item: dict, directory: Path, record: dict) -> dict:
    """Fetch an item, put it into its place and record it; returns what is recorded."""
    staging, target = _staging(directory), directory / item.get("to", "")
    entry = {"address": item["address"], "to": item.get("to", ""), "fetched": f"{dt.date.today():%Y-%m-%d}"}
    if "listing" in item:
        tree = staging / "listed"
        entry |= _get_listed(item, staging, tree)
    else:
        host_checksum = item.get("checksum", "")
        plain = "" if host_checksum.startswith("git-tree:") else host_checksum
        path = staging / _title(item)
        transfer.fetch(item["address"], path, item.get("size"), plain)
        entry |= {"bytes": path.stat().st_size, "checksum": host_checksum, "whose": item.get("whose", "")}
        if not host_checksum:
            entry |= {"checksum": f"sha256:{files.sha256(path)}", "whose": "received"}
        if not item.get("unpack"):
            entry["files"] = [["", entry["bytes"]]]
            _record(entry, record)
            _move(path, target)
            files.write_json(directory / RECORD, record)
            return entry
        tree = staging / f"{path.name}.unpacked"
        _unpack(item, path, tree)
        if "pointers" in item:
            entry["contents"] = _replace_pointers(tree, item["pointers"], staging / "contents")
    entry["files"] = sorted(
        [path.relative_to(tree).as_posix(), path.stat().st_size] for path in tree.rglob("*") if path.is_file()
    )
    _record(entry, record)
    if target == directory:  # its record comes with it
        files.write_json(tree / RECORD, record)
    _move(tree, target)
    if target != directory:
        files.write_json(directory / RECORD, record)
    return entry


def _unpack(item: dict, path: Path, tree: Path) -> None:
    """Unpack an archive, unless an interrupted download has done so; a bad one is removed."""
    if tree.is_dir():
        return
    strip, (kind, _, promised) = item.get("strip", ""), item.get("checksum", "").partition(":")
    try:
        if kind == "git-tree" and (found := archives.git_tree(path, strip)) != promised:
            raise SerkitError(
                f"{item['address']}: what was received is the git tree {found} instead of {promised}, and is removed. "
                "Start the same command again; if it fails again, the host has something else by now: see its page"
            )
        limit = item.get("unpacked") or EXPANSION * path.stat().st_size
        archives.unpack(path, tree, limit, strip, item.get("drop", ()))
    except SerkitError as error:
        if not files.nothing_can_be_kept(error):
            path.unlink()  # the same command fetches it again
        raise


def _replace_pointers(tree: Path, address: str, folder: Path) -> int:
    """Replace the Git LFS pointers in a folder by what they point to; returns how many there were, now or before.

    A pointer has three lines: version, ``oid sha256:<64 digits>`` and ``size <bytes>``.
    """
    jobs, done = [], 0
    for path in sorted(path for path in tree.rglob("*") if path.is_file()):
        content = path.read_bytes() if path.stat().st_size < SHORT else b""
        if not content.startswith(POINTER):
            done += 1
            continue
        said = dict(line.split(" ", 1) for line in content.decode("ascii").splitlines())
        inner = path.relative_to(tree).as_posix()
        jobs.append((f"{address}{inner}", folder / inner, int(said["size"]), said["oid"], path))
    transfer.require_space(tree, sum(size for _, _, size, *_ in jobs), "the recordings")
    for _, fetched, *_, target in _fetch_all(jobs):
        fetched.replace(target)
    return done + len(jobs)


def _get_listed(item: dict, staging: Path, tree: Path) -> dict:
    """Fetch all files of a list into a folder; returns what is to be recorded."""
    path = staging / _title(item)
    path.unlink(missing_ok=True)  # that of today
    transfer.fetch(item["address"], path)
    listed = LISTINGS[item["listing"]](path, item["address"])
    wanted = [one for one in listed if fnmatch(PurePosixPath(one[1]).name, item.get("only", "*"))]
    if not wanted:
        raise SerkitError(f"{item['address']} lists none of {item.get('only', '*')}: see the host's page")
    for _, to, *_ in wanted:
        if PurePosixPath(to).is_absolute() or ".." in PurePosixPath(to).parts:
            raise SerkitError(f"{item['address']} lists {to!r}, which would lie outside the folder: do not use it")
    jobs = [(address, tree / to, size, checksum) for address, to, size, checksum in wanted]
    transfer.require_space(staging, sum(size or 0 for _, _, size, _ in jobs), "the files of the list")
    for _ in _fetch_all(jobs):
        pass
    without = sum(not checksum for *_, checksum in jobs)
    checksum = f"one each of {len(jobs) - without} files" + f", none of {without}" * bool(without)
    return {"bytes": sum(one[1].stat().st_size for one in jobs), "checksum": checksum, "whose": item.get("whose", "")}


def _dataverse(path: Path, address: str) -> Iterator[tuple[str, str, int | None, str]]:
    """Read the list of files that a Dataverse gives of a data set: address, path, bytes and checksum of each."""
    begin = address.partition("/api/")[0]
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["data"]["latestVersion"]["files"]
        for one in found:
            about = one["dataFile"]
            kind, value = about.get("checksum", {}).get("type", "MD5"), about.get("checksum", {}).get("value", "")
            checksum = f"{kind.lower().replace('-', '')}:{value or about.get('md5', '')}"
            to = str(PurePosixPath(one.get("directoryLabel", ""), about["filename"]))
            yield (
                f"{begin}/api/access/datafile/{about['id']}",
                to,
                about.get("filesize"),
                checksum if checksum.split(":")[1] else "",
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SerkitError(f"{address} is no list of files of a Dataverse ({error!r}): see the host's page") from error


LISTINGS = {"dataverse": _dataverse}


def _fetch_all(jobs: list[tuple]) -> Iterator[tuple]:
    """Fetch many small files, several at a time; yields each job (address, path, size, checksum, ...) that is done."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            fetched = pool.map(lambda job: transfer.fetch(*job[:4], quiet=True), jobs)
            for _, job in progress.track(zip(fetched, jobs, strict=True), "files", len(jobs)):
                yield job
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _whole(item: dict, directory: Path, record: dict) -> bool:
    """Whether an item is there, as it was recorded.

    Raises:
        SerkitError: something else is there, or not all of it is as it was.
    """
    target, entry = directory / item.get("to", ""), record["items"].get(_key(item))
    if entry is None:
        if target.is_file() and not item.get("unpack") and _as_promised(item, target):
            checksum = item.get("checksum") or f"sha256:{files.sha256(target)}"
            there = {"address": item["address"], "to": item["to"], "fetched": "", "bytes": target.stat().st_size}
            there |= {"checksum": checksum, "whose": item.get("whose", "received"), "files": [["", there["bytes"]]]}
            _record(there, record)
            return True
        if target.is_file() or (target.is_dir() and any(target.iterdir())):
            raise SerkitError(
                f"{target} is there already, and is not what would be downloaded there: name another folder, or see "
                f"whether it is a whole copy with serkit check {record['corpus']} {directory}"
            )
        return False
    changed = [inner for inner, size in entry["files"] if not _has(target / inner, size)]
    if changed and not item.get("unpack") and "listing" not in item and not target.exists():
        return False
    if changed:
        raise SerkitError(
            f"{target} is not as it was downloaded: {len(changed)} of {len(entry['files'])} files are missing or of "
            f"another size, first {changed[0] or target.name}. Move it away and start the same command again"
        )
    return True


def _as_promised(item: dict, path: Path) -> bool:
    import pooch

    checksum = item.get("checksum", "")
    return bool(checksum) and pooch.file_hash(str(path), checksum.partition(":")[0]) == checksum.partition(":")[2]


def _has(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _needed(items: Iterable[dict], staging: Path) -> int:
    """Bytes that are still needed, as far as sizes are known: an archive stands beside what it becomes for a while."""
    total = 0
    for item in items:
        size = item.get("size") or 0
        there = staging / _title(item)
        have = max((path.stat().st_size for path in (there, Path(f"{there}.part")) if path.is_file()), default=0)
        total += max(size - have, 0) + ((item.get("unpacked") or size) if item.get("unpack") else 0)
    return total


def _told(entry: dict) -> str:
    """What is said of an item that was fetched."""
    size = transfer.shown_size(entry["bytes"])
    if entry["whose"] == "received":
        digest = entry["checksum"].partition(":")[2]
        return f"{size}; no checksum is published: SHA-256 of what was received is {digest} (kept in {RECORD})"
    return f"{size}; its checksum ({entry['checksum']}) is as stated by {entry['whose']}"


def _read_record(name: str, directory: Path) -> dict:
    """Read what was downloaded into a folder: "corpus" and "items", by `_key`."""
    path = directory / RECORD
    if not path.is_file():
        return {"corpus": name, "items": {}}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        written, _ = record["corpus"], record["items"].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SerkitError(f"cannot read {path} ({error}); move the folder away, or name another") from error
    if written != name:
        raise SerkitError(f"{directory} holds {written}, not {name}: name another folder")
    return record


def _record(entry: dict, record: dict) -> None:
    source = module(record["corpus"])
    record |= {"licence": source.LICENCE, "citation": source.CITATION}
    record["items"][_key(entry)] = entry


def _key(item: dict) -> str:
    return f"{item['address']} -> {item.get('to', '')}"


def _title(item: dict) -> str:
    """What an item is called, and its file while it is fetched."""
    return "listing.json" if "listing" in item else PurePosixPath(urlsplit(item["address"]).path).name


def _staging(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.download")
