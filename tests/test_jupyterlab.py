"""Notebooks run by hand: a headless browser opens JupyterLab and runs every cell of the smoke profile.

One quick notebook, wherever a browser is installed; with SERKIT_TEST_JUPYTERLAB=all every notebook, minutes each. The
pictures and the saved notebooks stay in the folder SERKIT_TEST_SCREENSHOTS, if it is set.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from browsers import chromium  # noqa: F401 (the fixture browser)

import serkit
from serkit import files, notebooks, papers, solutions

QUICK = "papers_by_numbers"
SECONDS = 1800  # a notebook may take, on a busy machine
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # or what is not in sight is not drawn
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
IDLE, RUNNING = "[ ]:", "[*]:"
BAR = r"\d+/\d+ \[\d+:\d+<"  # of tqdm
ON_THE_PAGE = """() => {
    const outputs = [...document.querySelectorAll('.jp-Notebook .jp-OutputArea-output')];
    const images = outputs.flatMap(one => [...one.querySelectorAll('img')]);
    const red = outputs.filter(one => /(stderr|error)$/.test(one.dataset.mimeType));
    return {
        red: red.map(one => one.innerText),
        bars: outputs.map(one => one.innerText).filter(text => /BAR/.test(text)),
        blank: images.filter(one => one.naturalWidth === 0).map(one => one.outerHTML.slice(0, 200)),
        images: images.length,
        prompts: [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(one => one.innerText),
    };
}""".replace("BAR", BAR.replace("/", r"\/"))

TO_THE_BAR = """() => [...document.querySelectorAll('.jp-Notebook .jp-OutputArea-output')]
    .find(one => /BAR/.test(one.innerText))?.scrollIntoView()""".replace("BAR", BAR.replace("/", r"\/"))


READY = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext, kernel = context?.session?.kernel;
    return context?.isReady && kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
BEGUN = """() => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].some(one => one.innerText !== 'IDLE')"""


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """A server of JupyterLab, as a user starts it, where there is a browser for it: its address and its folder."""
    home = tmp_path_factory.mktemp("lab")
    notebooks.copy(home / "notebooks")
    for name, values in SETTINGS.items():
        files.write_text(home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings", json.dumps(values))
    ours = ("PYTEST_CURRENT_TEST", "TF_CPP_MIN_LOG_LEVEL", "MPLBACKEND", "SERKIT_PROGRESS")  # which users have not
    places = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ours},
        **{f"JUPYTER_{name}_DIR": str(home / folder) for name, folder in places.items()},
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": str(Path(serkit.__file__).parents[1]),
    }
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--port=0",
        "--allow-root",
        "--IdentityProvider.token=",
    ]
    command += ["--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={home}"]
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=home)
    try:
        for _ in range(600):
            if found := list((home / "runtime").glob("jpserver-*.json")):
                break
            assert server.poll() is None, (home / "server.log").read_text()
            time.sleep(0.1)
        yield json.loads(found[0].read_text())["url"], home
    finally:
        server.terminate()
        server.wait()
        if kept := os.environ.get("SERKIT_TEST_SCREENSHOTS"):
            shutil.copy(home / "server.log", kept)


def give(home, key, **given):
    """Write the smoke profile into the parameters cell, as a user would, and further lines."""
    paper = papers.find(key)
    path = home / "notebooks" / paper.notebook
    notebook = nbformat.read(path, as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    values = notebooks.resolve(paper, "smoke", {}) | given
    cell.source = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    nbformat.write(notebook, path)
    return path


def run_all(browser, address, path):
    """Open a notebook and run all its cells.

    Returns:
        What is on the page at last; the bars that were seen on the way, at most one at a time; the notebook as saved.
    """
    page, pictures = (
        browser.new_page(viewport={"width": 1200, "height": 1600}),
        os.environ.get("SERKIT_TEST_SCREENSHOTS"),
    )
    try:
        page.goto(f"{address}lab/tree/notebooks/{path.name}?reset")
        # The page says "idle" before there is a kernel, and whoever runs a cell then is asked to select one.
        page.wait_for_function(READY, timeout=120_000)
        before = path.stat().st_mtime_ns
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_function(BEGUN.replace("IDLE", IDLE), timeout=120_000)
        seen, end = [], time.monotonic() + SECONDS
        while RUNNING in (found := page.evaluate(ON_THE_PAGE))["prompts"]:
            assert time.monotonic() < end, f"{path.name} has not ended after {SECONDS} s"
            assert len(found["bars"]) <= 1, found["bars"]
            if found["bars"] and not seen and pictures:
                page.evaluate(TO_THE_BAR)
                page.screenshot(path=f"{pictures}/{path.stem}_bar.png")
            seen += found["bars"]
            page.wait_for_timeout(300)
        page.keyboard.press("Control+s")
        for _ in range(100):
            if path.stat().st_mtime_ns > before:
                break
            page.wait_for_timeout(100)
        page.wait_for_timeout(500)
        found = page.evaluate(ON_THE_PAGE)
        if pictures:
            take_pictures(page, Path(pictures) / path.stem)
            shutil.copy(path, pictures)
        return found, seen, nbformat.read(path, as_version=4)
    finally:
        page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
        page.close()


def take_pictures(page, start):
    """Of the whole notebook, a screen after the other."""
    page.set_viewport_size({"width": 1100, "height": 3000})
    scroll = "top => {const one = document.querySelector('.jp-WindowedPanel-outer'); one.scrollTop = top;"
    scroll += " return one.scrollHeight - one.clientHeight;}"
    left, number = page.evaluate(scroll, 0), 0
    while number == 0 or 2700 * (number - 1) < left:
        page.evaluate(scroll, 2700 * number)
        page.wait_for_timeout(300)
        page.screenshot(path=f"{start}_{number:02}.png")
        number += 1


def outputs_of(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_a_misspelt_parameter_is_refused(lab, browser):
    address, home = lab
    path = give(home, QUICK, borowed_root="")
    try:
        found, _, notebook = run_all(browser, address, path)
    finally:
        path.unlink()
        nbformat.write(solutions.without(notebooks._path_of(papers.find(QUICK))), path)
    assert found["prompts"][2:] == [IDLE] * (len(found["prompts"]) - 2), "nothing runs after it"
    (error,) = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "error"
    ]
    assert "unknown parameter of papers_by_numbers 'borowed_root' (did you mean 'borrowed_root'?)" in error.evalue
    assert len(found["red"]) == 1
    assert "did you mean 'borrowed_root'" in found["red"][0]


MINUTES_EACH = pytest.mark.skipif(
    os.environ.get("SERKIT_TEST_JUPYTERLAB") != "all", reason="SERKIT_TEST_JUPYTERLAB=all"
)
KEYS = [pytest.param(key, marks=[MINUTES_EACH] * (key != QUICK)) for key in papers.PAPERS | papers.COMPANIONS]


@pytest.mark.parametrize("key", KEYS)
def test_every_cell_runs_and_every_figure_shows(lab, browser, key):
    address, home = lab
    found, bars, notebook = run_all(browser, address, give(home, key))
    outputs = outputs_of(notebook)
    assert [output for output in outputs if output.output_type == "error"] == []
    assert found["red"] == []
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [*range(1, len(code) + 1)], "each cell ran, in order"

    shown = {"".join(output.data["image/png"].split()) for output in outputs if "image/png" in output.get("data", {})}
    figures = list((home / "results").glob(f"*/{key}/figures/*.png"))
    assert figures
    assert not [path.name for path in figures if base64.b64encode(path.read_bytes()).decode() not in shown]
    assert found["images"] >= len(figures)
    assert found["blank"] == []

    if key in ("tao2018", "zhao2018", "chang2017"):  # which train for long
        assert bars
    assert found["bars"] == [], "a bar goes when its work is done"
    emptied = [output for output in outputs if output.get("data") == {}]
    assert len(emptied) <= len(code), "one place for a bar in a cell"
