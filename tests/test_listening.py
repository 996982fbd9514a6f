"""Sound in a notebook's output: players, and the confusion matrix whose cells are heard."""

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
import soundfile
from browsers import Visit, chromium  # noqa: F401

from serkit import audio, listening
from serkit.errors import SerkitError

CLASSES = ["angry", "sad", "calm"]


@pytest.fixture
def recordings(tmp_path, random):
    names = [f"u{number}" for number in range(8)]
    for number, name in enumerate(names):
        tone = 0.3 * np.sin(np.arange(4000) * (number + 1) / 10)
        audio.write(tmp_path / f"{name}.wav", tone, 8000 if number else 16000)
    return {name: tmp_path / f"{name}.wav" for name in names}


@pytest.fixture
def predictions():
    rows = [("u0", "s0", "angry", "angry"), ("u1", "s0", "angry", "angry"), ("u2", "s1", "angry", "angry"),
            ("u3", "s1", "angry", "sad"), ("u4", "s0", "sad", "sad"), ("u5", "s<b>", "sad", "angry")]  # fmt: skip
    return pd.DataFrame(rows, columns=["id", "speaker", "label", "predicted"])


def test_a_sound_holds_itself():
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)).astype(np.float32)
    address = listening.source(tone, 16000)
    head, content = address.split(",", 1)
    assert head == "data:audio/mpeg;base64"
    found, rate = soundfile.read(io.BytesIO(base64.b64decode(content)))
    assert rate == 16000
    assert abs(len(found) - 16000) < 2500, "an MP3 has a frame more at each end"
    assert np.abs(np.fft.rfft(found[2000:14000])).argmax() * 16000 / 12000 == pytest.approx(440, abs=2)
    assert len(content) < 12000


def test_players_have_names_that_are_escaped(recordings):
    shown = listening.players({"<angry>": recordings["u0"], "sad": recordings["u1"]}).data
    assert re.findall(r"<figcaption>(.*?)</figcaption>", shown) == ["&lt;angry&gt;", "sad"]
    assert shown.count("<audio controls") == 2
    assert shown.count('src="data:audio/mpeg;base64,') == 2


def test_cells_play_another_speaker_first(predictions, recordings):
    shown = listening.confusion(predictions, CLASSES, recordings, heard=2).data
    assert shown.count("<button") == 4, "one a cell that has utterances"
    titles = re.findall(r'<audio [^>]*title="([^"]*)"', shown)
    assert titles == [
        "angry, heard as angry: u0 (s0)", "angry, heard as angry: u2 (s1)", "angry, heard as sad: u3 (s1)",
        "sad, heard as angry: u5 (s&lt;b&gt;)", "sad, heard as sad: u4 (s0)",
    ]  # fmt: skip
    assert re.findall(r"(\d+) %<br>(\d+)", shown) == [
        ("75", "3"), ("25", "1"), ("0", "0"), ("50", "1"), ("50", "1"), ("0", "0"), *[("0", "0")] * 3,
    ]  # fmt: skip


def test_without_recordings_nothing_is_heard(predictions):
    shown = listening.confusion(predictions, CLASSES).data
    assert "<audio" not in shown
    assert "<button" not in shown
    assert "Click" not in shown


def test_what_cannot_be_shown(predictions, recordings):
    with pytest.raises(SerkitError, match="utterance 'u0' is there twice"):
        listening.confusion(pd.concat([predictions, predictions.head(1)]), CLASSES)
    with pytest.raises(SerkitError, match=r"labels \['angry'\] are not among the classes"):
        listening.confusion(predictions, CLASSES[1:])
    del recordings["u3"]
    with pytest.raises(SerkitError, match="there is no recording of 'u3'"):
        listening.confusion(predictions, CLASSES, recordings)


def test_a_click_plays_and_another_one_the_next(browser, predictions, recordings, tmp_path):
    """In a page without a kernel, from a file."""
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8>{listening.confusion(predictions, CLASSES, recordings).data}")
    with Visit(browser, page) as visit:
        said, playing = (
            visit.page.locator("output"),
            "[...document.querySelectorAll('audio')].map(one => one.played.length)",
        )
        cells = visit.page.get_by_role("button")
        cells.nth(0).click()
        assert said.text_content() == "angry, heard as angry: u0 (s0)"
        visit.page.wait_for_function(f"({playing})[0] > 0")
        cells.nth(0).click()
        assert said.text_content() == "angry, heard as angry: u2 (s1)"
        cells.nth(0).click()
        assert said.text_content() == "angry, heard as angry: u0 (s0)"
        visit.page.get_by_role("button", name="hear sad, angry").press("Enter")
        assert said.text_content() == "sad, heard as angry: u5 (s<b>)"
        assert visit.said == []
