"""Notebooks side by side: the numbers of one after the other, one failing alone, and nothing left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from notebook_checks import check_outputs

from serkit import jobs, notebooks

SMALL = {
    "models": ["CNN_TF_GAP", "CNN_TF_Att.pooling"], "filter_heights": [], "filter_widths": [],
    "baseline_features": ["own features"], "classes": ["neutral", "angry"],
}  # fmt: skip


def execution(out, **given):
    return ("li2018", "cheavd", "", "smoke", str(out), SMALL | given)


def contents(folder):
    """Numbers of an execution: what each run predicted, and tables that hold no times."""
    found = {path.parent.name: path.read_bytes() for path in folder.glob("runs/*/predictions.csv")}
    return found | {
        path.name: path.read_bytes()
        for path in folder.glob("tables/*.csv")
        if path.stem not in ("runs", "cost", "baselines")
    }


def test_numbers_do_not_depend_on_what_runs_beside_and_one_that_fails_leaves_the_others_alone(tmp_path):
    alone, beside = tmp_path / "one", tmp_path / "two"
    cheavd = execution(beside)
    other = ("papers_by_numbers", "", "", "smoke", str(tmp_path / "three"), {})
    nowhere = ("li2018", "iemocap", "/nowhere", "smoke", str(beside), {})
    events = list(jobs.execute_all([cheavd, other, nowhere], 2))
    assert [outcome is None for _, outcome in events[:2]] == [True, True], "both have begun before one ends"
    outcomes = {one[1:5]: outcome for one, outcome in events if outcome}
    assert "there is no /nowhere" in str(outcomes[nowhere[1:5]])
    assert outcomes[cheavd[1:5]] == beside / "cheavd-miniature" / "li2018"
    check_outputs(outcomes[cheavd[1:5]])
    assert outcomes[other[1:5]] == tmp_path / "three" / "published" / "papers_by_numbers"
    *_, given = cheavd
    ended = notebooks.execute("li2018", corpus="cheavd", profile="smoke", out=alone, workers=2, **given)
    first, second = contents(ended), contents(outcomes[cheavd[1:5]])
    assert len(first) > 10
    assert first == second, "whether another notebook ran beside it, or its own runs did on two workers"


def processes_with(text):
    """Processes of this machine whose environment holds a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if text.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def is_kernel(process):
    """Whether a process executes a notebook; others come and go with imports."""
    with contextlib.suppress(OSError):
        return b"ipykernel" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind(tmp_path, number):
    mark = f"SERKIT_TEST_MARK={tmp_path}"
    name, _, value = mark.partition("=")
    command = [sys.executable, "-m", "serkit", "reproduce", "li2018", "--profile", "smoke", "--jobs", "2"]
    command += ["--out", str(tmp_path), "--corpus", f"iemocap={_miniature('iemocap')}"]
    command += ["--corpus", f"cheavd={_miniature('cheavd')}", "--set", "classes=neutral,angry"]
    begun = {"env": os.environ | {name: value}, "stderr": subprocess.PIPE, "text": True}
    # The tests themselves may have been started where Ctrl-C is ignored.
    if number == signal.SIGINT:
        begun["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
    started = subprocess.Popen(command, **begun)
    for _ in range(1200):
        if sum(map(is_kernel, processes_with(mark))) == 2:  # of the command's two workers
            break
        time.sleep(0.1)
    else:
        pytest.fail("there were never two kernels")
    started.send_signal(number)
    _, printed = started.communicate(timeout=60)
    assert started.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert "Traceback" not in printed
    if number == signal.SIGINT:
        assert "Interrupted. What was finished is kept" in printed
    for _ in range(600):
        if not processes_with(mark):
            break
        time.sleep(0.1)
    assert not processes_with(mark)


def _miniature(corpus):
    from serkit.corpora import miniatures

    return miniatures.ensure(corpus)
