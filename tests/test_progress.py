"""A bar on a terminal and in a notebook, quiet lines elsewhere, a file between processes."""

import io
import json

import IPython
import pytest
from IPython.core.events import EventManager, available_events

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


class Cell:
    """A notebook's shell while its seventh cell runs, and what stands below that cell."""

    kernel, execution_count = object(), 7

    def __init__(self):
        self.events = EventManager(self, available_events)
        self.outputs, self.all = [], []

    def display(self, data, raw, display_id):
        assert display_id
        self.outputs.append(None)
        place = Place(self, len(self.outputs) - 1)
        place.update(data, raw)
        return place


class Place:
    def __init__(self, cell, number):
        self.cell, self.number = cell, number

    def update(self, data, raw):
        assert raw
        self.cell.outputs[self.number] = data.get("text/plain")
        self.cell.all.append(data.get("text/plain"))


@pytest.fixture
def cell(monkeypatch):
    running = Cell()
    monkeypatch.setattr(IPython, "get_ipython", lambda: running)
    monkeypatch.setattr(IPython.display, "display", running.display)
    monkeypatch.setattr(progress, "CELL_SECONDS", -1.0)
    yield running
    progress._places.clear()


def test_a_cell_has_one_bar_which_goes(cell, capsys):
    for number in progress.track([1, 2], "counting"):
        progress.detail("epoch 1/2")
        assert list(progress.track("ab", "inside")) == ["a", "b"]
        assert cell.outputs == [None], "the inner one is done"
        progress.detail("epoch 2/2")
        assert cell.outputs[0].startswith(f"counting:{50 * (number - 1):4}%|")
        assert "epoch 2/2" in cell.outputs[0]
        assert f" {number - 1}/2 [00:00<" in cell.outputs[0]
    assert list(progress.track([1], "again")) == [1]
    assert cell.outputs == [None]
    assert {text.partition(":")[0] for text in cell.all if text} == {"counting", "inside", "again"}
    assert capsys.readouterr() == ("", "")


def test_the_bar_of_a_cell_that_fails_goes_with_it(cell):
    work = progress.track([1, 2], "counting")
    next(work)  # an error here keeps the generator alive, in its traceback
    assert cell.outputs[0].startswith("counting")
    cell.events.trigger("post_run_cell", None)
    assert cell.outputs == [None]
    cell.execution_count += 1
    progress.detail("of nothing")
    assert cell.outputs == [None]
    assert list(progress.track([1], "next")) == [1]
    assert cell.outputs == [None, None], "another cell, another place"
    work.close()


def test_what_is_quick_has_no_bar(cell, monkeypatch):
    monkeypatch.setattr(progress, "CELL_SECONDS", 60.0)
    assert list(progress.track([1], "quick")) == [1]
    assert cell.outputs == []
