"""Unpack zip and tar archives of strangers: nothing lands outside the folder, and no more than is allowed.

A member may be a file or a folder. One that would leave the folder (an absolute path, ``..``), a link, a device or a
pipe makes the archive refused as a whole, and so does more than the limit, or than the disk has room for (a "bomb": a
few kilobytes that become terabytes). Nothing of a refused archive is kept.
"""

import gzip
import hashlib
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, NamedTuple

from serkit import files
from serkit.errors import SerkitError
from serkit.transfer import require_space, shown_size

BLOCK = 2**20
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError)
DAMAGED += (NotImplementedError, RuntimeError)  # of zipfile: a way of packing that it does not know


class _Member(NamedTuple):
    """A file of an archive.

    Attributes:
        path: below the top folder that is left out.
        executable: whether it may be run.
        size: in bytes.
        open: to read it.
    """

    path: PurePosixPath
    executable: bool
    size: int
    open: Callable[[], IO[bytes]]


def unpack(archive: Path, folder: Path, limit: int, strip: str = "", drop: Iterable[str] = ()) -> None:
    """Unpack an archive; the folder is there when all of it is, and not before.

    Args:
        archive: zip, or tar, compressed or not.
        folder: what it becomes.
        limit: bytes that it may become.
        strip: its top folder, which is left out: every member must lie in it.
        drop: folders (below `strip`, where it is given, or beside it) that are left out.

    Raises:
        SerkitError: it is no such archive, is damaged, has a member that is refused, becomes more than `limit` or than
            the disk has room for.
    """
    left, dropped = limit, set(drop)
    with files.atomic(folder) as temporary:
        temporary.mkdir()
        try:
            for member in _members(archive, strip, dropped):
                if member.size > left:
                    raise _refusal(archive, f"it becomes more than {shown_size(limit)}")
                left -= member.size
                require_space(temporary, member.size, f"unpacking {archive.name}")
                target = temporary / member.path
                target.parent.mkdir(parents=True, exist_ok=True)
                with member.open() as source, target.open("wb") as stream:
                    shutil.copyfileobj(source, stream, BLOCK)  # neither kind gives more than it has announced
                if target.stat().st_size != member.size:
                    raise EOFError(f"{member.path} is cut short")
        except (*DAMAGED, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise SerkitError(f"{archive} cannot be unpacked ({error}): it is damaged. Download it again") from error


def git_tree(archive: Path, strip: str = "") -> str:
    """The name that git gives to what an archive holds: SHA-1 over names, modes and contents of all of its files.

    A host of git repositories packs an archive anew for whoever asks for it, and its bytes may change; this does not.

    Args:
        archive: as in `unpack`.
        strip: as in `unpack`.

    Returns:
        40 hexadecimal digits, as ``git rev-parse COMMIT^{tree}`` prints.

    Raises:
        SerkitError: as `unpack`.
    """
    root: dict = {}
    try:
        for member in _members(archive, strip, set()):
            blob = hashlib.sha1(b"blob %d\0" % member.size, usedforsecurity=False)
            with member.open() as source:
                while block := source.read(BLOCK):
                    blob.update(block)
            folder = root
            for part in member.path.parts[:-1]:
                folder = folder.setdefault(part, {})
                if not isinstance(folder, dict):
                    raise EOFError(f"{member.path} lies below a file")
            if isinstance(folder.get(member.path.name), dict):
                raise EOFError(f"{member.path} is a folder, too")
            folder[member.path.name] = (b"100755" if member.executable else b"100644", blob.digest())
    except DAMAGED as error:
        raise SerkitError(f"{archive} cannot be read ({error}): it is damaged. Download it again") from error
    return _tree(root).hex()


def _tree(folder: dict) -> bytes:
    lines = []
    for name, entry in folder.items():
        is_folder = isinstance(entry, dict)
        mode, digest = (b"40000", _tree(entry)) if is_folder else entry
        lines.append((f"{name}/" if is_folder else name, b"%s %s\0%s" % (mode, name.encode(), digest)))
    content = b"".join(line for _, line in sorted(lines, key=lambda one: one[0].encode()))
    return hashlib.sha1(b"tree %d\0" % len(content) + content, usedforsecurity=False).digest()


def _members(archive: Path, strip: str, drop: set[str]) -> Iterator[_Member]:
    """List the files of an archive, each looked at before anything of it is read."""
    if zipfile.is_zipfile(archive):
        found = _of_zip(archive)
    elif tarfile.is_tarfile(archive):
        found = _of_tar(archive)
    else:
        raise SerkitError(f"{archive} is neither a zip nor a tar archive: the host sent something else; see its page")
    for name, is_file, is_folder, executable, size, opened in found:
        path = PurePosixPath(name)
        if path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts or "\0" in name:
            raise _refusal(archive, f"its member {name!r} would lie outside the folder")
        if not (is_file or is_folder):
            raise _refusal(
                archive, f"its member {name!r} is no plain file or folder, but a link, a device or encrypted"
            )
        if path.parts and path.parts[0] in drop:
            continue
        if strip and path.parts:
            if path.parts[0] != strip:
                raise _refusal(archive, f"its member {name!r} is not in {strip}/, as expected")
            path = PurePosixPath(*path.parts[1:])
        if is_file and path.parts and path.parts[0] not in drop:
            yield _Member(path, executable, size, opened)


def _of_zip(archive: Path) -> Iterator[tuple]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            mode = info.external_attr >> 16
            kind, encrypted = stat.S_IFMT(mode), info.flag_bits & 1
            name = info.filename.replace("\\", "/")  # as some programs for Windows write it
            ends = info.is_dir() or (name.endswith("/") and not info.file_size)
            is_file = kind in (0, stat.S_IFREG) and not ends and not encrypted
            is_folder = ends and kind in (0, stat.S_IFDIR)
            yield name, is_file, is_folder, bool(mode & 0o100), info.file_size, lambda i=info: opened.open(i)


def _of_tar(archive: Path) -> Iterator[tuple]:
    with tarfile.open(archive) as opened:
        for info in opened:
            executable = bool(info.mode & 0o100)
            yield info.name, info.isreg(), info.isdir(), executable, info.size, lambda i=info: opened.extractfile(i)
        while opened.fileobj.read(BLOCK):  # to the checksum at the end of a compressed file
            pass


def _refusal(archive: Path, why: str) -> SerkitError:
    return SerkitError(f"{archive} is not unpacked: {why}. Nothing of it was kept; tell the host, and do not use it")
