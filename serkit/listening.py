"""Speech that is heard in a notebook's output, and in every page made of it: no kernel, no network.

The sound lies within the HTML, so whoever passes that on passes the speech on: whether it may is the corpus' to say
(`serkit.corpora.Corpus.redistributable`).
"""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from serkit import audio, metrics
from serkit.errors import SerkitError

if TYPE_CHECKING:
    from IPython.display import HTML

RATE = 16000  # Hz
DARK = (8, 81, 156)  # red, green and blue of a share of 1; white is 0
_WHITE_ABOVE = 0.75  # share above which white text is easier to read than black
_PLAY = (  # the next recording of a cell; all others stop
    "const all=this.closest('div').querySelectorAll('audio'),own=this.querySelectorAll('audio');"
    "all.forEach(one=>{one.pause();one.currentTime=0});"
    "const turn=+(this.dataset.turn||0)%own.length;this.dataset.turn=turn+1;own[turn].play();"
    "this.closest('div').querySelector('output').textContent=own[turn].title;"
)
_CELL = "border:1px solid #999;text-align:center;padding:0;width:7em;height:3.4em"


def source(signal: np.ndarray, sample_rate: int) -> str:
    """A sound as an address that holds it: MP3, about 4 kB a second.

    Args:
        signal: mono, in [-1, 1], shape (samples,).
        sample_rate: in Hz.
    """
    import soundfile

    stream = io.BytesIO()
    soundfile.write(stream, np.clip(signal, -1, 1), sample_rate, format="MP3")
    return f"data:audio/mpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def players(recordings: dict[str, Path | str]) -> "HTML":
    """Players side by side.

    Args:
        recordings: what stands above each player -> its file.
    """
    from IPython.display import HTML

    figures = [
        f'<figure style="margin:0"><figcaption>{html.escape(name)}</figcaption>'
        f'<audio controls preload="none" style="width:15em" src="{source(*audio.read(path, RATE))}"></audio></figure>'
        for name, path in recordings.items()
    ]
    return HTML(f'<div style="display:flex;flex-wrap:wrap;gap:1em">{"".join(figures)}</div>')


def confusion(
    predictions: pd.DataFrame, classes: Sequence[str], recordings: dict[str, Path | str] | None = None, heard: int = 2
) -> "HTML":
    """A confusion matrix; a click on a cell plays an utterance of it, another click the next one.

    Args:
        predictions: one row an utterance; columns id, speaker, label and predicted.
        classes: in the order of rows and columns.
        recordings: id -> its file; None for a matrix that is silent.
        heard: utterances that a cell can play, each of another speaker as long as there are some.

    Raises:
        SerkitError: an utterance is there twice, a label is not among the classes, or a recording is missing.
    """
    from IPython.display import HTML

    if predictions["id"].duplicated().any():
        twice = predictions.loc[predictions["id"].duplicated(), "id"].iloc[0]
        raise SerkitError(f"utterance {twice!r} is there twice: take one seed, and folds that test everything once")
    counts = metrics.confusion(predictions["label"], predictions["predicted"], list(classes))
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    head = "".join(f'<th style="text-align:center">{html.escape(name)}</th>' for name in classes)
    lines = [f"<tr><td></td>{head}</tr>"]
    for true in classes:
        cells = []
        for predicted in classes:
            part = predictions[(predictions["label"] == true) & (predictions["predicted"] == predicted)]
            sounds = _sounds(part, recordings, heard) if recordings is not None else ""
            cells.append(
                _cell(counts.loc[true, predicted], shares.loc[true, predicted], f"{true}, {predicted}", sounds)
            )
        lines.append(f'<tr><th style="text-align:right">{html.escape(true)}</th>{"".join(cells)}</tr>')
    table = f'<table style="border-collapse:collapse;margin:0">{"".join(lines)}</table>'
    said = "Rows: true class; columns: predicted class; share of the row, and utterances."
    said += " Click a cell to hear one, again for the next." if recordings is not None else ""
    return HTML(f'<div><p>{said}</p>{table}<p><output aria-live="polite">&nbsp;</output></p></div>')


def _sounds(part: pd.DataFrame, recordings: dict[str, Path | str], heard: int) -> str:
    """Players of a cell's first utterances, without controls; all speakers come before one comes again."""
    part = part.sort_values("id")
    part = part.assign(turn=part.groupby("speaker", dropna=False).cumcount()).sort_values(["turn", "id"]).head(heard)
    sounds = []
    for row in part.itertuples():
        if row.id not in recordings:
            raise SerkitError(f"there is no recording of {row.id!r}")
        title = html.escape(f"{row.label}, heard as {row.predicted}: {row.id} ({row.speaker})")
        address = source(*audio.read(recordings[row.id], RATE))
        sounds.append(f'<audio preload="none" title="{title}" src="{address}"></audio>')
    return "".join(sounds)


def _cell(count: int, share: float, name: str, sounds: str) -> str:
    """A cell of the matrix: a button where it can be heard."""
    red, green, blue = (round(255 + share * (dark - 255)) for dark in DARK)
    look = f"background:rgb({red},{green},{blue});color:{'white' if share > _WHITE_ABOVE else 'black'}"
    text = f"{'&#9654; ' * bool(sounds)}{100 * share:.0f} %<br>{count}"
    if sounds:
        button = f"{look};width:100%;height:100%;border:0;font:inherit;cursor:pointer"
        name = html.escape(f"hear {name}")
        text = f'<button type="button" aria-label="{name}" style="{button}" onclick="{_PLAY}">{text}{sounds}</button>'
    return f'<td style="{_CELL};{look}">{text}</td>'
