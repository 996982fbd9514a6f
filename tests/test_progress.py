"""A bar on a terminal, quiet lines elsewhere, a file between processes."""

import io
import json

from serkit import progress


def test_quiet_when_short_and_lines_when_long(capsys, monkeypatch):
    assert list(progress.track([1, 2, 3], "counting")) == [1, 2, 3]
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "QUIET_SECONDS", -1.0)
    for _ in progress.track(iter("ab"), "counting", 2):
        progress.detail("epoch 1/2")
    assert "counting: 0/2 epoch 1/2\n" in (printed := capsys.readouterr().err)
    assert printed.endswith("counting: 2/2\n")


def test_the_state_goes_into_the_file_that_the_command_names(tmp_path, monkeypatch, capsys):
    path = tmp_path / "state.json"
    monkeypatch.setenv("SERKIT_PROGRESS", str(path))
    items = progress.track([1, 2], "counting")
    next(items)
    progress.detail("epoch 3/5")
    assert json.loads(path.read_text()) == {"what": "counting", "done": 0, "total": 2, "detail": "epoch 3/5"}
    list(items)
    assert json.loads(path.read_text())["done"] == 2
    assert capsys.readouterr().err == ""


def test_relay_shows_what_the_file_says(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_SECONDS", -1.0)
    monkeypatch.setattr(progress, "POLL_SECONDS", 0.01)
    path, stream = tmp_path / "state.json", io.StringIO()
    with progress.relay(path, stream):
        path.write_text(json.dumps({"what": "runs", "done": 1, "total": 3, "detail": ""}))
        for _ in range(500):
            if "runs: 1/3" in stream.getvalue():
                break
            progress.time.sleep(0.01)
    assert "runs: 1/3\n" in stream.getvalue()
