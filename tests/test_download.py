"""serkit.download, transfer and archives, against a server of our own that misbehaves. No network."""

import errno
import functools
import hashlib
import io
import json
import os
import re
import stat
import subprocess
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from serkit import archives, corpora, download, files, transfer
from serkit.cli import main
from serkit.corpora.loaders import ami, librispeech, ravdess
from serkit.errors import SerkitError


class Server(ThreadingHTTPServer):
    """Serves `contents` by path; `manners` says how a path misbehaves, `asked` what was asked for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.contents, self.manners, self.asked = {}, {}, []

    def at(self, path, content, **manners):
        """Serve bytes at a path; returns the address."""
        self.contents[path], self.manners[path] = content, manners
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        server, path = self.server, self.path.partition("?")[0]
        server.asked.append((path, dict(self.headers)))
        content, manners = server.contents.get(path), server.manners.get(path, {})
        if answers := manners.get("answers"):
            self.send_response(answers.pop(0))
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if content is None:
            self.send_error(404)
            return
        if "leads_to" in manners:
            self.send_response(302)
            self.send_header("Location", manners["leads_to"])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        begin, tag = 0, manners.get("tag", '"1"')
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range", tag) == tag
        if wanted and manners.get("ranges", True) and same:
            begin = int(wanted[1])
            if begin >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if tag:
            self.send_header("ETag", tag)
        if manners.get("length", True):
            self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        breaks = manners.get("breaks_after", [])
        end = min(begin + breaks.pop(0), len(content)) if breaks else len(content)
        self.wfile.write(content[begin:end])
        self.close_connection = True


@pytest.fixture(scope="module")
def _running():
    server = Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(_running, monkeypatch):
    monkeypatch.setattr(transfer, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    _running.contents.clear()
    _running.manners.clear()
    _running.asked.clear()
    return _running


PAYLOAD = bytes(range(256)) * 40
MD5 = f"md5:{hashlib.md5(PAYLOAD).hexdigest()}"


def ranges(server):
    return [headers.get("Range") for _, headers in server.asked]


# Transfer


def test_a_file_arrives_once_and_says_who_asks(server, tmp_path):
    address = server.at("/a.bin", PAYLOAD)
    path = transfer.fetch(address, tmp_path / "new" / "a.bin", len(PAYLOAD), MD5)
    assert path.read_bytes() == PAYLOAD
    assert [one.name for one in path.parent.iterdir()] == ["a.bin"], "no part, no mark"
    assert server.asked[0][1]["User-Agent"].startswith("serkit/")
    assert server.asked[0][1]["Accept-Encoding"] == "identity"
    transfer.fetch(address, path, len(PAYLOAD), MD5)
    assert len(server.asked) == 1, "what is there and whole is not fetched again"
    path.write_bytes(b"damaged")
    assert transfer.fetch(address, path, len(PAYLOAD), MD5).read_bytes() == PAYLOAD


def test_a_connection_that_breaks_goes_on_where_it_ended(server, tmp_path, capsys):
    address = server.at("/a.bin", PAYLOAD, breaks_after=[3000, 100, 0, 500])
    path = transfer.fetch(address, tmp_path / "a.bin", len(PAYLOAD), MD5)
    assert path.read_bytes() == PAYLOAD
    assert ranges(server) == [None, "bytes=3000-", "bytes=3100-", "bytes=3100-", "bytes=3600-"]
    assert {headers.get("If-Range") for _, headers in server.asked} == {None, '"1"'}
    assert "trying again in 0 s" in capsys.readouterr().err
    server.asked.clear()  # an end that only the published size tells
    address = server.at("/b.bin", PAYLOAD, length=False, breaks_after=[3000])
    assert transfer.fetch(address, tmp_path / "b.bin", len(PAYLOAD), MD5).read_bytes() == PAYLOAD
    assert ranges(server) == [None, "bytes=3000-"]
    assert "the connection ended after 3000 of 10240 bytes" in capsys.readouterr().err


def test_a_stopped_download_is_taken_up_by_the_next_command(server, tmp_path):
    """Also where the server does not say how long the file is: then nothing tells that it was cut, but its checksum."""
    address = server.at("/a.bin", PAYLOAD, breaks_after=[4000, 0, 0, 0, 0])
    with pytest.raises(SerkitError, match=r"4 attempts in a row brought nothing \(.*\). What has arrived is kept"):
        transfer.fetch(address, tmp_path / "a.bin", len(PAYLOAD), MD5)
    assert (tmp_path / "a.bin.part").stat().st_size == 4000
    assert not (tmp_path / "a.bin").exists()
    server.asked.clear()
    assert transfer.fetch(address, tmp_path / "a.bin", len(PAYLOAD), MD5).read_bytes() == PAYLOAD
    assert ranges(server) == ["bytes=4000-"]
    (tmp_path / "b.bin.part").write_bytes(PAYLOAD)
    address = server.at("/b.bin", PAYLOAD, tag="")
    assert transfer.fetch(address, tmp_path / "b.bin", None, MD5).read_bytes() == PAYLOAD
    assert ranges(server)[1:] == [f"bytes={len(PAYLOAD)}-"], "416 with the length that is here: nothing is missing"


def test_another_version_starts_anew(server, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(b"old" * 100)
    (tmp_path / "a.bin.part.mark").write_text('"0"')
    address = server.at("/a.bin", PAYLOAD)
    assert transfer.fetch(address, tmp_path / "a.bin").read_bytes() == PAYLOAD
    assert server.asked[0][1]["If-Range"] == '"0"'


def test_nothing_is_joined_that_cannot_be_told_apart(server, tmp_path):
    """Without ETag, date and checksum two ends may be of two files."""
    (tmp_path / "a.bin.part").write_bytes(PAYLOAD[:300])
    address = server.at("/a.bin", PAYLOAD, tag="")
    assert transfer.fetch(address, tmp_path / "a.bin").read_bytes() == PAYLOAD
    assert ranges(server) == [None]


def test_a_server_without_ranges_starts_anew(server, tmp_path):
    address = server.at("/a.bin", PAYLOAD, ranges=False, breaks_after=[5000])
    assert transfer.fetch(address, tmp_path / "a.bin", None, MD5).read_bytes() == PAYLOAD
    assert ranges(server) == [None, "bytes=5000-"]


def test_a_part_that_is_too_long_starts_anew(server, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(PAYLOAD + b"more")
    address = server.at("/a.bin", PAYLOAD)
    assert transfer.fetch(address, tmp_path / "a.bin", len(PAYLOAD), MD5).read_bytes() == PAYLOAD
    assert len(server.asked) == 2


def test_a_wrong_checksum_leaves_nothing(server, tmp_path):
    address = server.at("/a.bin", PAYLOAD[:-1] + b"!")
    with pytest.raises(SerkitError, match=rf"{address}: what was received is not what its checksum {MD5} promises"):
        transfer.fetch(address, tmp_path / "a.bin", len(PAYLOAD), MD5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [True, False])
def test_a_size_that_is_not_the_published_one(server, tmp_path, length):
    address = server.at("/a.bin", PAYLOAD, length=length)
    with pytest.raises(SerkitError, match=r"10240 bytes now, instead of the 10000|more than the 10000 bytes"):
        transfer.fetch(address, tmp_path / "a.bin", 10000, MD5)
    assert list(tmp_path.glob("a.bin*")) == []


def test_answers_that_pass_are_waited_for(server, tmp_path, monkeypatch):
    address = server.at("/a.bin", PAYLOAD, answers=[500, 429, 503])
    assert transfer.fetch(address, tmp_path / "a.bin", None, MD5).read_bytes() == PAYLOAD
    server.at("/b.bin", PAYLOAD, answers=[503] * 9)
    with pytest.raises(SerkitError, match=r"4 attempts in a row brought nothing .the server answers 503"):
        transfer.fetch(address.replace("a.bin", "b.bin"), tmp_path / "b.bin")
    assert len(server.asked) == 8


@pytest.mark.parametrize("code", [403, 404, 410])
def test_answers_that_stay_are_said_at_once(server, tmp_path, code):
    address = server.at("/a.bin", PAYLOAD, answers=[code] * 9)
    with pytest.raises(SerkitError, match=rf"{address}: the server answers {code} .*Has the file moved"):
        transfer.fetch(address, tmp_path / "a.bin")
    assert len(server.asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_redirects_are_followed_where_they_are_safe(server, tmp_path, monkeypatch):
    server.at("/there.bin", PAYLOAD, breaks_after=[700])
    address = server.at("/a.bin", b"", leads_to="/there.bin")
    assert transfer.fetch(address, tmp_path / "a.bin", None, MD5).read_bytes() == PAYLOAD
    assert ranges(server) == [None, None, "bytes=700-", "bytes=700-"], "a range is asked for there too"
    for elsewhere in ("file:///etc/hostname", "ftp://127.0.0.1/x"):
        address = server.at("/b.bin", b"", leads_to=elsewhere)
        with pytest.raises(SerkitError, match=rf"b.bin leads to {elsewhere}, which is not followed"):
            transfer.fetch(address, tmp_path / "b.bin")
    address = server.at("/c.bin", b"", leads_to="/c.bin")
    with pytest.raises(SerkitError, match="leads from one address to the next, 10 times"):
        transfer.fetch(address, tmp_path / "c.bin")


def test_https_does_not_lead_to_http(monkeypatch):
    class Session:
        def get(self, *_, **__):
            answer = transfer_answer(302)
            answer.headers["Location"] = "http://example.org/a"
            return answer

    with pytest.raises(
        SerkitError, match=r"leads to http://example.org/a, which is not followed: only https addresses are"
    ):
        transfer._open(Session(), "https://example.org/a", {})


def transfer_answer(code):
    import requests

    answer = requests.Response()
    answer.status_code, answer.raw = code, io.BytesIO()
    return answer


def test_a_server_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "PAUSES", (0.0,))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(SerkitError, match=r"2 attempts in a row brought nothing"):
        transfer.fetch("http://127.0.0.1:9/a.bin", tmp_path / "a.bin")


def test_a_disk_that_is_too_small_is_said_before(server, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: shutil_usage(free=9000))
    address = server.at("/a.bin", PAYLOAD)
    with pytest.raises(SerkitError, match=r"a.bin needs 10.2 kB, and the disk of .* has 9.0 kB left"):
        transfer.fetch(address, tmp_path / "a.bin")


def shutil_usage(free):
    from collections import namedtuple

    return namedtuple("Usage", "total used free")(free, 0, free)


# Archives


def zipped(entries, path):
    """Write entries (name, content) or (name, content, mode) into a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, *mode in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (mode[0] if mode else stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content)
    return path


def tarred(entries, path):
    """Write entries (name, content) or (name, what to set of its TarInfo) into a tar."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, dict):
                for attribute, value in content.items():
                    setattr(info, attribute, value)
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_is_unpacked(tmp_path, pack):
    path = pack(
        [("top/a/x.txt", b"x"), ("top/y.txt", b"yy"), ("__MACOSX/top/y", b"z"), ("top/no/z", b"z")], tmp_path / "a"
    )
    archives.unpack(path, tmp_path / "out", 100, strip="top", drop=("no", "__MACOSX"))
    found = {one.relative_to(tmp_path / "out").as_posix(): one.read_bytes() for one in (tmp_path / "out").rglob("*.*")}
    assert found == {"a/x.txt": b"x", "y.txt": b"yy"}
    with pytest.raises(SerkitError, match="its member '__MACOSX/top/y' is not in top/"):
        archives.unpack(path, tmp_path / "other", 100, strip="top")
    assert not (tmp_path / "other").exists()


def test_a_zip_of_windows(tmp_path):
    path = zipped([("top\\wav\\", b"", 0), ("top\\wav\\x.wav", b"x"), ("top\\no\\y", b"y")], tmp_path / "a.zip")
    archives.unpack(path, tmp_path / "out", 100, strip="top", drop=("no",))
    assert [one.relative_to(tmp_path / "out").as_posix() for one in sorted((tmp_path / "out").rglob("*"))] == [
        "wav",
        "wav/x.wav",
    ]


LINK = stat.S_IFLNK | 0o777
MALICIOUS = [
    (zipped, [("../out.txt", b"x")], "would lie outside"),
    (zipped, [("a/../../out.txt", b"x")], "would lie outside"),
    (zipped, [("/tmp/out.txt", b"x")], "would lie outside"),
    (zipped, [("a", b"/etc", LINK), ("a/passwd", b"x")], "'a' is no plain file or folder"),
    (zipped, [("a", b"", stat.S_IFIFO | 0o644)], "'a' is no plain file or folder"),
    (zipped, [("bomb", bytes(10**6))], "it becomes more than 20.0 kB"),
    (zipped, [(f"{number}", bytes(5000)) for number in range(5)], "it becomes more than 20.0 kB"),
    (zipped, [("..\\out.txt", b"x")], "would lie outside"),
    (zipped, [("a\\..\\..\\out.txt", b"x")], "would lie outside"),
    (zipped, [("\\out.txt", b"x")], "would lie outside"),
    (zipped, [("C:\\out.txt", b"x")], "would lie outside"),
    (tarred, [("../out.txt", b"x")], "would lie outside"),
    (tarred, [("/tmp/out.txt", b"x")], "would lie outside"),
    (tarred, [("a", {"type": tarfile.SYMTYPE, "linkname": ".."}), ("a/out.txt", b"x")], "'a' is no plain file"),
    (tarred, [("a", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"})], "'a' is no plain file"),
    (tarred, [("a", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3})], "'a' is no plain file"),
    (tarred, [("a", {"type": tarfile.FIFOTYPE})], "'a' is no plain file"),
    (tarred, [("bomb", bytes(10**6))], "it becomes more than 20.0 kB"),
]  # fmt: skip


@pytest.mark.parametrize(("pack", "entries", "message"), MALICIOUS)
def test_a_malicious_archive_is_refused_as_a_whole(tmp_path, pack, entries, message):
    (tmp_path / "in").mkdir()
    path = pack([("good.txt", b"good"), *entries], tmp_path / "in" / "archive")
    with pytest.raises(SerkitError, match=message):
        archives.unpack(path, tmp_path / "in" / "deep" / "out", 20000)
    assert [one.name for one in tmp_path.rglob("*") if one.is_file()] == ["archive"]
    assert not (tmp_path / "in" / "deep" / "out").exists()


def test_a_damaged_archive_is_refused(tmp_path):
    noise = np.random.default_rng(0).bytes(3000)
    for pack in (zipped, tarred):
        path = pack([("a.bin", noise)], tmp_path / "a")
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes(bytes(content))
        with pytest.raises(SerkitError, match=r"cannot be unpacked \(.*\): it is damaged. Download it again"):
            archives.unpack(path, tmp_path / "out", 10**6)
    path.write_bytes(b"<html>please log in</html>")
    with pytest.raises(SerkitError, match="is neither a zip nor a tar archive: the host sent something else"):
        archives.unpack(path, tmp_path / "out", 10**6)
    assert not (tmp_path / "out").exists()


def test_a_disk_without_room_for_what_is_in_an_archive(tmp_path, monkeypatch):
    path = zipped([("a.bin", bytes(5000))], tmp_path / "a")
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: shutil_usage(free=900))
    with pytest.raises(SerkitError, match=r"unpacking a needs 5.0 kB"):
        archives.unpack(path, tmp_path / "out", 10**6)


def test_the_name_of_a_tree_is_that_of_git(tmp_path):
    entries = [("top/b/x.txt", b"x\n"), ("top/b.txt", b"y\n"), ("top/b-1", b"", stat.S_IFREG | 0o755)]
    path = zipped([("top/", b"", stat.S_IFDIR | 0o755), *entries], tmp_path / "a.zip")
    archives.unpack(path, tmp_path / "out", 100, "top")
    (tmp_path / "out" / "b-1").chmod(0o755)
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    for command in (["init", "-q"], ["add", "."], ["write-tree"]):
        whole = ["git", "-C", str(tmp_path / "out"), "-c", "core.autocrlf=false", *command]
        ran = subprocess.run(whole, env=surroundings, check=True, capture_output=True, text=True)
    assert archives.git_tree(path, "top") == ran.stdout.strip()


# Corpora


@pytest.fixture
def small(server, tmp_path, monkeypatch):
    """RAVDESS of one actor, in an archive on the server; returns its item."""
    folder = tmp_path / "source" / "Actor_01"
    folder.mkdir(parents=True)
    entries = []
    for number, name in enumerate(ravdess._names_of(1)):
        path = folder / f"{name}.wav"
        soundfile.write(path, np.full(160, (number + 1) / 100), 48000)
        entries.append((f"Actor_01/{path.name}", path.read_bytes()))
    content = zipped(entries, tmp_path / "speech.zip").read_bytes()
    item = {"size": len(content), "checksum": f"md5:{hashlib.md5(content).hexdigest()}", "whose": "the test"}
    item |= {"address": server.at("/records/speech.zip", content) + "?download=1", "unpack": True}
    monkeypatch.setattr(ravdess, "DOWNLOADS", {"speech": (item,), "other": ()})
    monkeypatch.setattr(ravdess, "ACTORS", (1,))
    monkeypatch.delenv("SERKIT_RAVDESS", raising=False)
    return item


def serkit(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_corpus_is_downloaded_checked_and_loaded(small, server, tmp_path):
    folder = tmp_path / "my corpora" / "ravdess"
    result = serkit("download", "ravdess", folder)
    assert result.exit_code == 0, result.output
    said = result.output
    assert said.index("licence: CC BY-NC-SA 4.0") < said.index("1 of 1 to fetch") < said.index("speech.zip: ")
    assert f"its checksum ({small['checksum']}) is as stated by the test" in said
    assert said.index("60 utterances at") < said.index("This copy is as expected.") < said.index("@article{livingstone")
    assert f"serkit reproduce li2018 --corpus 'ravdess={folder}'" in said
    assert len(corpora.load("ravdess", folder).utterances) == 60
    assert sorted(one.name for one in folder.iterdir()) == [download.RECORD, "Actor_01"]
    assert [one.name for one in folder.parent.iterdir()] == ["ravdess"], "nothing is left beside it"
    (entry,) = json.loads((folder / download.RECORD).read_text())["items"].values()
    assert (entry["address"], entry["checksum"], entry["bytes"]) == (small["address"], small["checksum"], small["size"])
    assert len(entry["files"]) == 60
    result = serkit("download", "ravdess", folder)
    assert "is whole: nothing is fetched" in result.output
    assert len(server.asked) == 1
    (folder / "Actor_01" / "03-01-01-01-01-01-01.wav").unlink()
    result = serkit("download", "ravdess", folder)
    assert result.exit_code == 1
    assert (
        "1 of 60 files are missing or of another size, first Actor_01/03-01-01-01-01-01-01.wav. Move it"
        in result.output
    )


def test_an_interrupted_download_of_a_corpus_goes_on(small, server, tmp_path):
    """First while it arrives, then while it is unpacked: nothing stands at the corpus' place before it is whole."""
    folder, half = tmp_path / "ravdess", small["size"] // 2
    server.manners["/records/speech.zip"]["breaks_after"] = [half, 0, 0, 0, 0]
    with pytest.raises(SerkitError, match="attempts in a row brought nothing"):
        download.fetch("ravdess", folder)
    assert not folder.exists()
    assert (tmp_path / ".ravdess.download" / "speech.zip.part").stat().st_size == half
    server.asked.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archives.shutil, "copyfileobj", stop)
        with pytest.raises(KeyboardInterrupt):
            download.fetch("ravdess", folder)
    assert ranges(server) == [f"bytes={half}-"]
    assert not folder.exists()
    assert [one.name for one in (tmp_path / ".ravdess.download").iterdir()] == ["speech.zip"]
    download.fetch("ravdess", folder)
    assert len(server.asked) == 1, "the archive was there"
    assert len(corpora.load("ravdess", folder).utterances) == 60


def stop(*arguments):
    raise KeyboardInterrupt


def test_where_a_corpus_goes(small, tmp_path, monkeypatch):
    monkeypatch.setenv("SERKIT_CACHE", str(tmp_path / "cache"))
    assert download.place("ravdess") == tmp_path / "serkit-corpora" / "ravdess"
    monkeypatch.setenv("SERKIT_RAVDESS", str(tmp_path / "speech"))
    assert download.place("ravdess") == tmp_path / "speech"
    assert download.place("ravdess", tmp_path / "named") == tmp_path / "named"
    assert download.fetch("ravdess")[0] == tmp_path / "speech"


def test_a_folder_with_something_else_is_left_alone(small, server, tmp_path):
    mine = tmp_path / "ravdess" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(SerkitError, match=r"ravdess is there already, .*serkit check ravdess"):
        download.fetch("ravdess", mine.parent)
    assert mine.read_text() == "mine"
    files.write_json(mine.parent / download.RECORD, {"corpus": "ami", "items": {}})
    with pytest.raises(SerkitError, match="holds ami, not ravdess: name another folder"):
        download.fetch("ravdess", mine.parent)
    assert not server.asked


def test_a_disk_that_is_too_small_for_a_corpus(small, server, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: shutil_usage(free=1.5 * small["size"]))
    with pytest.raises(SerkitError, match="the download of ravdess needs "):
        download.fetch("ravdess", tmp_path / "ravdess")
    assert not server.asked


def test_a_place_where_no_folder_can_be(small, server, tmp_path, monkeypatch):
    """It is said before anything is fetched."""
    (tmp_path / "file").touch()
    for place, message in (("file/ravdess", "file is no folder; name"), ("file", "is a file: name a folder")):
        with pytest.raises(SerkitError, match=message):
            download.fetch("ravdess", tmp_path / place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download.Path, "is_mount", lambda _: True)
        with pytest.raises(SerkitError, match=r"disk is a mount point, .*: name a folder within it"):
            download.fetch("ravdess", tmp_path / "disk")
    assert not server.asked
    monkeypatch.setattr(download, "_move", functools.partial(moved_by, busy))
    with pytest.raises(SerkitError, match=r"ravdess cannot be replaced by what was downloaded \(.*busy\): name"):
        download.fetch("ravdess", tmp_path / "ravdess")


def busy(*_):
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def moved_by(replace, path, target, real=download._move):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download.Path, "replace", replace)
        real(path, target)


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a")])
def test_a_member_that_is_a_file_and_a_folder(tmp_path, pack, names):
    path = pack([(name, b"x") for name in names], tmp_path / "archive")
    with pytest.raises(SerkitError, match="it is damaged"):
        archives.unpack(path, tmp_path / "out", 100)
    with pytest.raises(SerkitError, match="it is damaged"):
        archives.git_tree(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["iemocap"], "serkit does not download iemocap. IEMOCAP is free for research: send the release form"),
        (["recola"], "serkit does not download recola. RECOLA is free for research: send the agreement"),
        (["cheavd"], "serkit does not download cheavd. CHEAVD 2.0 is given for research on application"),
        (["manifest"], "serkit does not download manifest. Write a CSV file"),
        (["ravdes"], "unknown corpus 'ravdes' (did you mean 'ravdess'?)"),
        (["ravdess", "--part", "song"], "unknown part of ravdess 'song'"),
        (["librispeech", "--part", "dev"], "valid: dev-clean, test-clean, train-clean-100"),
    ],
)
def test_what_is_not_downloaded(arguments, message):
    result = serkit("download", *arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


def test_recordings_and_an_archive_without_published_checksum(server, tmp_path, monkeypatch):
    """Like AMI's: files that go each to its place, of which some may be there, and annotations that are unpacked."""
    soundfile.write(tmp_path / "mix.wav", np.full(1600, 0.1), 16000)
    mix = (tmp_path / "mix.wav").read_bytes()
    words = zipped([("words/ES2002a.A.words.xml", b"<x/>")], tmp_path / "w.zip").read_bytes()
    to = "amicorpus/{0}/audio/{0}.Mix-Headset.wav"
    items = [{"address": server.at(f"/{name}.wav", mix), "to": to.format(name)} for name in ("ES2002a", "ES2002b")]
    items.append({"address": server.at("/words.zip", words), "to": "ami_public_manual_1.6.2", "unpack": True})
    monkeypatch.setattr(ami, "DOWNLOADS", {"one": items[:1], "more": items})
    result = serkit("download", "ami", tmp_path / "ami")
    assert result.exit_code == 0, result.output
    digest = hashlib.sha256(mix).hexdigest()
    assert f"no checksum is published: SHA-256 of what was received is {digest}" in result.output
    assert f"serkit reproduce chang2017 --set unlabelled=ami --set unlabelled_root={tmp_path / 'ami'}" in result.output
    _, entries = download.fetch("ami", tmp_path / "ami", "more")
    assert [entry["checksum"] for entry in entries[:2]] == [f"sha256:{digest}"] * 2
    assert len(server.asked) == 3, "the first was there"
    assert (tmp_path / "ami" / "ami_public_manual_1.6.2" / "words" / "ES2002a.A.words.xml").read_bytes() == b"<x/>"
    assert len(corpora.load("ami", tmp_path / "ami").utterances) == 2
    (tmp_path / "ami" / items[1]["to"]).unlink()
    download.fetch("ami", tmp_path / "ami", "more")
    assert [path for path, _ in server.asked[3:]] == ["/ES2002b.wav"], "what is missing alone"
    record = tmp_path / "ami" / download.RECORD
    record.unlink()
    items[0]["checksum"] = f"sha256:{digest}"
    assert download.fetch("ami", tmp_path / "ami", "one")[1][0]["bytes"] == len(mix), "brought here by other means"
    items[0]["checksum"] = "sha256:" + "0" * 64
    with pytest.raises(SerkitError, match=r"ES2002a.Mix-Headset.wav is there already, and is not what would"):
        download.fetch("ami", tmp_path / "ami", "one")


def test_a_git_repository_with_pointers_to_its_recordings(server, tmp_path, monkeypatch):
    contents = {f"Wav/{name}.wav": name.encode() * 100 for name in ("a", "b", "c")}
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"
    pointers = {path: pointer.format(hashlib.sha256(one).hexdigest(), len(one)) for path, one in contents.items()}
    entries = [
        (f"Repo-1/{path}", text.encode()) for path, text in {**pointers, "votes.csv": "a,b", "No/v": "x"}.items()
    ]
    path = zipped(entries, tmp_path / "repo.zip")
    media = server.at("/media/", b"")
    for one, content in contents.items():
        server.at(f"/media/{one}", content)
    item = {
        "address": server.at("/archive/1.zip", path.read_bytes()),
        "unpack": True,
        "strip": "Repo-1",
        "drop": ("No",),
    }
    item |= {"checksum": f"git-tree:{archives.git_tree(path, 'Repo-1')}", "whose": "git", "pointers": media}
    monkeypatch.setattr(ravdess, "DOWNLOADS", {"all": (item,)})
    server.contents["/media/Wav/b.wav"] = b"another one".ljust(100)
    with pytest.raises(SerkitError, match=r"media/Wav/b.wav: what was received is not what its checksum sha256:"):
        download.fetch("ravdess", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    server.contents["/media/Wav/b.wav"] = contents["Wav/b.wav"]
    server.asked.clear()
    folder, (entry,) = download.fetch("ravdess", tmp_path / "out")
    assert {path: (folder / path).read_bytes() for path in contents} == contents
    assert (folder / "votes.csv").read_text() == "a,b"
    assert not (folder / "No").exists()
    assert "/archive/1.zip" not in {path for path, _ in server.asked}, "it was there"
    assert "as stated by git" in download._told(entry)
    item["checksum"] = "git-tree:" + "0" * 40
    with pytest.raises(SerkitError, match=r"what was received is the git tree [0-9a-f]{40} instead of 0{40}"):
        download.fetch("ravdess", tmp_path / "other")


@pytest.mark.parametrize("kind", ["git-tree", ""])
@pytest.mark.parametrize("bad", ["login page", "cut short", "another"])
def test_a_bad_answer_is_not_kept(server, tmp_path, monkeypatch, bad, kind):
    """Nothing tells it from a whole archive but that it cannot be unpacked."""
    path = zipped([("Repo-1/a.wav", b"a" * 5000)], tmp_path / "repo.zip")
    good = path.read_bytes()
    tree = archives.git_tree(path, "Repo-1")
    other = zipped([("Repo-2/a.wav", b"b")], tmp_path / "other.zip").read_bytes()
    first = {"login page": b"<html>please log in</html>", "cut short": good[:80], "another": other}[bad]
    item = {"address": server.at("/1.zip", first, length=False), "unpack": True, "strip": "Repo-1"}
    item |= {"checksum": f"git-tree:{tree}", "whose": "git"} if kind else {}
    monkeypatch.setattr(ravdess, "DOWNLOADS", {"all": (item,)})
    with pytest.raises(SerkitError, match=r"neither a zip nor a tar|not in Repo-1"):
        download.fetch("ravdess", tmp_path / "out")
    server.at("/1.zip", good)
    assert (download.fetch("ravdess", tmp_path / "out")[0] / "a.wav").read_bytes() == b"a" * 5000


def test_an_archive_that_the_disk_has_no_room_for_is_kept(small, server, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer.shutil, "disk_usage", lambda _: shutil_usage(free=1))
        patch.setattr(transfer, "require_space", lambda *_: None)
        with pytest.raises(SerkitError, match=r"unpacking speech\.zip needs"):
            download.fetch("ravdess", tmp_path / "ravdess")
    download.fetch("ravdess", tmp_path / "ravdess")
    assert len(server.asked) == 1


def test_a_list_of_files_with_checksums(server, tmp_path, monkeypatch):
    """As a Dataverse gives it."""
    listed = []
    for number, name in enumerate(("OAF_back_angry.wav", "YAF_back_sad.wav", "readme.txt")):
        content = name.encode()
        server.at(f"/api/access/datafile/{number}", content)
        about = {"id": number, "filename": name, "filesize": len(content)}
        about |= {"checksum": {"type": "MD5", "value": hashlib.md5(content).hexdigest()}}
        listed.append({"directoryLabel": "wav", "dataFile": about} if number else {"dataFile": about})
    path = "/api/datasets/:persistentId/"

    def listing():
        return json.dumps({"status": "OK", "data": {"latestVersion": {"files": listed}}}).encode()

    item = {"address": server.at(path, listing()) + "?persistentId=doi:1", "listing": "dataverse", "only": "*.wav"}
    monkeypatch.setattr(ravdess, "DOWNLOADS", {"all": (item | {"whose": "the Dataverse"},)})
    folder, (entry,) = download.fetch("ravdess", tmp_path / "tess")
    assert sorted(one for one, _ in entry["files"]) == ["OAF_back_angry.wav", "wav/YAF_back_sad.wav"]
    assert (folder / "wav" / "YAF_back_sad.wav").read_text() == "YAF_back_sad.wav"
    assert "one each of 2 files" in download._told(entry)
    listed[1]["directoryLabel"] = "../.."
    server.at(path, listing())
    with pytest.raises(SerkitError, match=r"lists '\.\./\.\./YAF_back_sad.wav', which would lie outside"):
        download.fetch("ravdess", tmp_path / "other")
    server.at(path, b'{"status": "ERROR"}')
    with pytest.raises(SerkitError, match="is no list of files of a Dataverse"):
        download.fetch("ravdess", tmp_path / "other")
    server.at(path, b'{"data": {"latestVersion": {"files": []}}}')
    with pytest.raises(SerkitError, match=r"lists none of \*.wav"):
        download.fetch("ravdess", tmp_path / "other")


DIGITS = {"md5": 32, "sha256": 64, "git-tree": 40}
ITEM = {
    "address",
    "to",
    "size",
    "checksum",
    "whose",
    "unpack",
    "strip",
    "drop",
    "unpacked",
    "pointers",
    "listing",
    "only",
}


@pytest.mark.parametrize("name", [name for name in corpora.NAMES if hasattr(corpora.module(name), "DOWNLOADS")])
def test_what_the_loaders_say_can_be_downloaded(name, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_get", lambda *_: pytest.fail("asks for nothing but what is missing"))
    monkeypatch.setattr(transfer, "require_space", stop)
    for part, items in corpora.module(name).DOWNLOADS.items():
        with pytest.raises(KeyboardInterrupt):  # all that comes before the first request
            download.fetch(name, tmp_path / name, part)
        assert isinstance(download._needed(items, tmp_path), int)
        assert len({item.get("to", "") for item in items}) == len(items) > 0, "each has its own place"
        assert len({download._title(item) for item in items}) == len(items)
        for item in items:
            assert set(item) <= ITEM
            assert item["address"].startswith("https://")
            assert item.get("to") or item.get("unpack") or item.get("listing")
            kind, _, digits = item.get("checksum", "").partition(":")
            assert item.get("size", 1) > 0 < item.get("unpacked", 1)
            assert not kind or re.fullmatch(rf"[0-9a-f]{{{DIGITS[kind]}}}", digits)
            assert bool(item.get("whose")) == bool(kind or item.get("listing")), "whose checksum it is"


def test_the_loaders_data_is_what_the_loaders_read():
    assert set(ami.FEW) <= ami.MEETINGS
    assert len(ami.DOWNLOADS["all"]) == len(ami.MEETINGS) + 1
    assert "dev-clean" in librispeech.HOW_TO_GET
    assert next(iter(librispeech.DOWNLOADS)) == "dev-clean"
    listed = serkit("corpora").output
    assert "or: serkit download ravdess" in listed
    assert "serkit download iemocap" not in listed
