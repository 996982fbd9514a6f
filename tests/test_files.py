"""Files are complete or absent."""

import errno

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
