"""Files are complete or absent."""

import errno
import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Timer

import pandas as pd
import pytest

from serkit import files
from serkit.errors import SerkitError


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "table.csv"
    files.write_csv(path, pd.DataFrame({"a": [1]}))
    with pytest.raises(ValueError, match="Out of range float"):
        files.write_json(path, {"loss": float("inf")})
    with pytest.raises(IsADirectoryError), files.atomic(path) as temporary:
        (temporary.write_text("half"), tmp_path.write_text("fails"))
    assert path.read_text() == "a\n1\n"
    assert [one.name for one in tmp_path.iterdir()] == ["table.csv"]


def test_a_folder_replaces_a_folder(tmp_path):
    for content in ("old", "new"):
        with files.atomic(tmp_path / "run") as building:
            building.mkdir()
            (building / content).write_text(content)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["new"]


def test_a_full_disk_is_said_plainly(tmp_path):
    with (
        pytest.raises(SerkitError, match=r"no space left on the disk while writing .*table\.csv"),
        files.atomic(tmp_path / "table.csv"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_said_plainly(tmp_path):
    with (
        pytest.raises(SerkitError, match=r"table\.csv cannot be written: Read-only file system; name a folder"),
        files.atomic(tmp_path / "table.csv"),
    ):
        raise OSError(errno.EROFS, "Read-only file system")


def test_many_at_once_write_one_folder(tmp_path):
    """All end well, and what stands is whole and of one writer."""
    together = Barrier(8)

    def write(number):
        with files.atomic(tmp_path / "run") as building:
            building.mkdir()
            for part in range(20):
                (building / str(part)).write_text(str(number))
            together.wait()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len({(tmp_path / "run" / str(part)).read_text() for part in range(20)}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_good_folder_that_another_has_put_there_is_kept(tmp_path):
    for content, good in (("first", True), ("second", True), ("third", False)):
        with files.atomic(tmp_path / "run", stands=lambda _, good=good: good) as building:
            building.mkdir()
            (building / "by").write_text(content)
        assert (tmp_path / "run" / "by").read_text() == ("third" if content == "third" else "first")


def test_only_what_dead_processes_of_this_machine_left_is_swept(tmp_path, monkeypatch):
    def begin():
        with files.atomic(tmp_path / "run") as temporary:
            temporary.write_text("x")
            return temporary

    here = begin()
    monkeypatch.setattr(os, "getpid", lambda: 2**22 + 1)  # more than Linux gives
    dead = begin()
    monkeypatch.setattr(files, "_machine", lambda: "another")
    elsewhere, forgotten = begin(), begin()
    for path in (here, dead, elsewhere, forgotten):
        path.mkdir()
    os.utime(forgotten, (0, 0))
    monkeypatch.undo()
    files.write_text(tmp_path / "next", "x")
    assert {path for path in (here, dead, elsewhere, forgotten) if path.exists()} == {here, elsewhere}
    assert len({here, dead, elsewhere, forgotten}) == 4


def test_every_change_of_a_listed_file_is_noticed(tmp_path, monkeypatch):
    for large in (0, files.LARGE):  # read always; read when the time differs
        monkeypatch.setattr(files, "LARGE", large)
        (tmp_path / "a").write_text("1.5")
        (tmp_path / "b").write_text("2.5")
        listed = files.contents(tmp_path)
        assert files.damaged(tmp_path, listed) == ""
        os.utime(tmp_path / "b", (1, 1))  # copied
        assert files.damaged(tmp_path, listed) == ""
        for bad in ("2.6", "2", ""):
            (tmp_path / "b").write_text(bad)
            assert files.damaged(tmp_path, listed) == "b"
        (tmp_path / "b").unlink()
        assert files.damaged(tmp_path, listed) == "b"


HOLDER = """
import sys, time
from serkit import files
with files.locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_is_held_by_one_and_survives_a_dead_holder(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(files, "PATIENCE", 0.01)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "run")], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with files.locked(tmp_path / "run", wait=False) as ours:
        assert not ours
    with files.locked(tmp_path / "another", wait=False) as ours:
        assert ours
    Timer(0.3, holder.kill).start()  # SIGKILL
    with files.locked(tmp_path / "run") as ours:
        assert ours
        assert holder.wait() == -9
    assert f"waiting for another process that makes {tmp_path / 'run'}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_lock_where_the_file_system_has_none(tmp_path, monkeypatch):
    import fcntl

    def refused(*_):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    with (
        pytest.raises(SerkitError, match=r"the file system of .*run keeps no locks \(no locks available\)") as found,
        files.locked(tmp_path / "run"),
    ):
        raise AssertionError("nobody has it")
    assert files.nothing_can_be_kept(found.value)


def test_a_lock_where_nothing_may_be_written(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("filelock.FileLock.acquire", refused)
    refusal = pytest.raises(SerkitError, match="run cannot be written: Read-only file system; name a folder")
    with refusal, files.locked(tmp_path / "run"):
        pass


def test_other_errors_pass_through(tmp_path):
    with pytest.raises(PermissionError), files.atomic(tmp_path / "x"):
        raise PermissionError


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        files.write_json(tmp_path / "x.json", {"loss": float("nan")})


def test_the_key_depends_on_every_value():
    keys = {files.content_key(value) for value in ({"a": 1}, {"a": 2}, {"b": 1}, {"a": "1"}, {"a": 1.5}, [1], None)}
    assert len(keys) == 7


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("SERKIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert files.cache_dir() == tmp_path / "serkit"


def test_nbformat_is_loaded_without_grammars_and_leaves_no_trace():
    code = "from serkit import files; files.nbformat(); import rfc3987_syntax"
    without = "import sys; from serkit import files; files.nbformat().v4.new_notebook(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", without], check=True, capture_output=True, text=True).stdout.split()
    assert "nbformat" in loaded
    assert not {"rfc3987_syntax", "lark"} & set(loaded)
    if importlib.util.find_spec("rfc3987_syntax"):
        subprocess.run([sys.executable, "-c", code], check=True)
