"""Figures that several papers need: axes have names and units, colours work for the colour-blind."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from serkit.errors import SerkitError

_ARROW_ROOM, _MOST_GROWTH = 12, 1.5  # points between two boxes; of a figure
_FEW_RUNS = 5  # of a model, that are drawn one by one
_END_OF_A_RUN = "end of a run"
_MIDDLE_HALF = "the middle half of a model's runs"
_AFTER_AN_END = "some runs have ended, and count with their last value"
_RUN_COLUMNS = ("dataset", "dimension", "setting", "share", "fold", "seed")
# Okabe and Ito (2008): eight colours that remain apart under every common colour-vision deficiency.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000"]


def axes(columns: int = 1, rows: int = 1, width: float = 4.5, height: float = 3.2, **options):
    """A figure with a grid of axes; `width` and `height` in inches are of one of them."""
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), layout="constrained", squeeze=False, **options
    )
    for axis in grid.flat:
        axis.set_prop_cycle(color=COLOURS)
    return figure, grid


def class_histogram(labels: pd.Series, groups: pd.Series, classes: Sequence[str]):
    """How many utterances each class has, stacked by group (for example by gender)."""
    figure, ((axis,),) = axes(width=1.5 + 0.9 * len(classes))
    below, groups = np.zeros(len(classes)), groups.fillna("not given").astype(str)
    for group in sorted(groups.unique()):
        counts = np.array([((labels == name) & (groups == group)).sum() for name in classes])
        axis.bar(classes, counts, bottom=below, label=str(group))
        below += counts
    for place, total in enumerate(below):
        axis.annotate(f"{total:.0f}", (place, total), ha="center", va="bottom")
    axis.set(ylabel="utterances", ylim=(0, below.max() * 1.12))
    axis.legend(title=groups.name, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def waveform(axis, signal: np.ndarray, sample_rate: int):
    """Draw a signal: the lowest and the highest sample of each of up to 2000 stretches."""
    size = max(len(signal) // 2000, 1)
    parts = signal[: len(signal) // size * size].reshape(-1, size)
    times = np.arange(len(parts)) * size / sample_rate
    axis.fill_between(times, parts.min(axis=1), parts.max(axis=1), color="0.35", linewidth=0.3)
    axis.set(xlabel="time (s)", ylabel="amplitude", xlim=(0, len(signal) / sample_rate))


def attention_over_time(
    signal: np.ndarray, sample_rate: int, times: np.ndarray, weights: np.ndarray, quiet: np.ndarray
):
    """An utterance's waveform above the weights with which its frames are pooled; pauses are shaded.

    Args:
        signal: shape (samples,).
        sample_rate: in Hz.
        times: the middle of each frame in seconds, evenly spaced, shape (T,).
        weights: shape (T,).
        quiet: which frames are pauses, shape (T,).
    """
    hop = times[1] - times[0] if len(times) > 1 else len(signal) / sample_rate
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(int)))
    figure, ((upper,), (lower,)) = axes(rows=2, width=8, height=2, sharex=True)
    waveform(upper, signal, sample_rate)
    lower.fill_between(times, weights, step="mid", linewidth=0)
    lower.axhline(1 / len(weights), color="black", linestyle="--", linewidth=1, label="mean pooling")
    for axis in (upper, lower):
        for begin, end in edges.reshape(-1, 2):
            axis.axvspan(times[begin] - hop / 2, times[end - 1] + hop / 2, color="0.85", linewidth=0, zorder=0)
    upper.set(xlabel="")
    lower.set(xlabel="time (s)", ylabel="weight", ylim=(0, None))
    lower.legend(frameon=False)
    return figure


def spectrogram(axis, values: np.ndarray, hop: float, top: float, bands: str = "linear", **options):
    """Draw (frames, bins) with time in seconds and frequency in kHz.

    Args:
        axis: where.
        values: one row a frame.
        hop: seconds between two frames.
        top: Hz at the upper edge.
        bands: "linear" bins are equally wide in Hz, "mel" ones on Slaney's mel scale, whose ticks then stand unevenly.
        options: passed on to ``imshow``.
    """
    extent = (0, len(values) * hop, 0, top / 1000)
    image = axis.imshow(values.T, origin="lower", aspect="auto", extent=extent, **({"cmap": "magma"} | options))
    axis.set(xlabel="time (s)", ylabel="frequency (kHz)")
    if bands == "mel":
        from librosa import hz_to_mel

        shown = np.array([kilohertz for kilohertz in (0, 0.5, 1, 2, 4, 8) if 1000 * kilohertz <= top])
        places = hz_to_mel(1000 * shown) / hz_to_mel(top) * top / 1000
        axis.set_yticks(places, [f"{kilohertz:g}" for kilohertz in shown])
    return image


def overlay(axis, values: np.ndarray, hop: float, top: float, frames: int, signed: bool = False):
    """Draw a coarse map over a spectrogram: the stronger, the less transparent.

    Args:
        axis: where a `spectrogram` was drawn.
        values: (bins, frames) of the map, in the orientation of a network's input.
        hop: seconds between two frames of the spectrogram.
        top: Hz at the upper edge.
        frames: of the spectrogram.
        signed: whether the sign matters; then orange is positive and purple negative, otherwise the colour goes from
            least to greatest.

    Returns:
        What ``figure.colorbar`` takes.
    """
    import matplotlib as mpl

    if signed:
        limit = max(float(np.abs(values).max()), 1e-12)
        norm, colours = mpl.colors.Normalize(-limit, limit), mpl.colormaps["PuOr_r"]
        strength = np.abs(values) / limit
    else:
        norm, colours = mpl.colors.Normalize(values.min(), values.max()), mpl.colormaps["viridis"]
        strength = norm(values).data if values.max() > values.min() else np.zeros_like(values)
    image = colours(norm(values))
    image[..., 3] = 0.75 * strength
    axis.imshow(image, origin="lower", aspect="auto", extent=(0, frames * hop, 0, top / 1000), interpolation="nearest")
    return mpl.cm.ScalarMappable(norm, colours)


def confusions(matrices: dict[str, pd.DataFrame]):
    """Confusion matrices side by side: share of each true class in colour and percent, counts below.

    Counts may be parts of one, where an utterance is of two classes; one digit of these is shown.
    """
    side = 0.5 * max(map(len, matrices.values()))  # inches, of the cells
    figure, ((*panels,),) = axes(columns=len(matrices), width=max(side, 2) + 1.6, height=max(side, 2) + 1.4)
    for axis, (title, counts) in zip(panels, matrices.items(), strict=True):
        share = counts.div(counts.sum(axis=1).clip(lower=1), axis=0).to_numpy()
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(share.shape):
            text = f"{100 * share[row, column]:.0f} %\n{round(float(counts.iloc[row, column]), 1):.10g}"
            axis.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=8,
                color="white" if share[row, column] > 0.55 else "black",
            )
        axis.set_xticks(range(len(counts)), counts.columns, rotation=30, ha="right")
        axis.set_yticks(range(len(counts)), counts.index)
        axis.set(title=title, xlabel="predicted class", ylabel="true class")
    return figure


def learning_curves(
    histories: pd.DataFrame,
    measures: dict[str, str],
    along: tuple[str, str] = ("epoch", "epoch"),
    columns: int = 0,
):
    """One panel a measure, a colour a model: the mean of its runs as a thick line, as far as all of them went.

    Beyond the first end of a run there is no thick line: it would be the mean of the runs that are left, which are not
    the same ones. A model of few runs (`_FEW_RUNS`) has a thin line for each, and a dot where it has ended. More would
    hide one another: then a band holds the middle half of the runs, and the mean goes on as a thin line; in both a run
    that has ended counts with its last value.

    Args:
        histories: of all runs; columns model, epoch, the measures, and fold, seed, dataset, dimension, setting or
            share where there are several.
        measures: column name -> axis label with unit.
        along: the column that grows with the epochs, and its axis label.
        columns: panels in a row; 0: all of them.

    Raises:
        SerkitError: an epoch occurs twice in a run, so that a column that tells runs apart is missing.
    """
    apart = ["model", *(name for name in _RUN_COLUMNS if name in histories)]
    if histories.duplicated([*apart, "epoch"]).any():
        raise SerkitError(f"epochs occur twice where only {', '.join(apart)} tell runs apart: plot one part at a time")
    columns = columns or len(measures)
    figure, panels = axes(columns=columns, rows=-(-len(measures) // columns), height=3.4)
    for axis, (column, label) in zip(panels.flat, measures.items(), strict=False):
        for number, (model, part) in enumerate(histories.groupby("model", sort=False)):
            style = {"color": COLOURS[number % len(COLOURS)], "linestyle": ("-", "--")[number // len(COLOURS) % 2]}
            _model_curve(axis, [run for _, run in part.groupby(apart, sort=False)], column, along[0], model, style)
        axis.set(xlabel=along[1], ylabel=label)
        axis.spines[["top", "right"]].set_visible(False)
        axis.xaxis.get_major_locator().set_params(integer=True)
    for axis in panels.flat[len(measures) :]:
        axis.set_visible(False)
    handles, labels = panels.flat[0].get_legend_handles_labels()
    named = dict(zip(labels, handles, strict=True))  # the same explanation for all models
    explained = [name for name in (_END_OF_A_RUN, _MIDDLE_HALF, _AFTER_AN_END) if name in named]
    names = [name for name in named if name not in explained] + explained
    handles, across = [named[name] for name in names], max(columns, 2)
    figure.legend(handles, names, frameon=False, ncols=across, loc="outside upper left")
    return figure


def _model_curve(axis, runs: list[pd.DataFrame], column: str, along: str, model: str, style: dict) -> None:
    """Draw one model's runs, or where they lie, and their mean."""
    by_epoch = [run.set_index("epoch", drop=False) for run in runs]
    table = pd.concat([run[column] for run in by_epoch], axis=1).sort_index()  # (epochs, runs)
    places = pd.concat([run[along] for run in by_epoch]).groupby(level=0).mean()
    common = min(run["epoch"].max() for run in runs)
    if len(runs) <= _FEW_RUNS:
        for run in (run.sort_values("epoch") for run in runs):
            axis.plot(run[along], run[column], linewidth=0.7, alpha=0.5 if len(runs) > 1 else 1, **style)
            axis.plot(run[along].iloc[-1:], run[column].iloc[-1:], color=style["color"], marker="o", markersize=4)
        axis.plot([], [], color="0.4", marker="o", markersize=4, linestyle="none", label=_END_OF_A_RUN)
    else:
        held = table.ffill()
        low, high = (held.quantile(share, axis=1) for share in (0.25, 0.75))
        axis.fill_between(places, low, high, color=style["color"], alpha=0.15, linewidth=0)
        axis.plot(places, held.mean(axis=1), linewidth=0.8, **style)
        axis.fill_between([], [], [], color="0.8", label=_MIDDLE_HALF)
        axis.plot([], [], color="0.4", linewidth=0.8, label=_AFTER_AN_END)
    mean = table.loc[:common].mean(axis=1)
    name = f"{model} (mean of {len(runs)} runs)" if len(runs) > 1 else model
    axis.plot(places.loc[:common], mean, linewidth=2, label=name, **style)


def fold_spread(
    by_fold: pd.DataFrame,
    measures: dict[str, str],
    floors: dict[str, float],
    published: dict[str, dict[str, float]] | None = None,
):
    """Each run's score as a point, by model, with the mean and the majority-class floor.

    Where no model has more than one run there is no spread: the title says so, and no mean is drawn.

    Args:
        by_fold: columns model and the measures, one row a fold and seed.
        measures: column name -> axis label with unit.
        floors: column name -> floor.
        published: column name -> model -> the paper's number, drawn as a diamond.
    """
    figure, ((*panels,),) = axes(columns=len(measures))
    models = list(by_fold["model"].unique())
    single = not by_fold["model"].duplicated().any()
    for axis, (column, label) in zip(panels, measures.items(), strict=True):
        for place, model in enumerate(models):
            values = by_fold.loc[by_fold["model"] == model, column].to_numpy()
            spread = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else [0]
            axis.scatter(place + np.asarray(spread), values, color=COLOURS[place % len(COLOURS)], s=18, zorder=3)
            if len(values) > 1:
                axis.hlines(values.mean(), place - 0.25, place + 0.25, color="black", zorder=4)
        printed = {model: value for model, value in (published or {}).get(column, {}).items() if model in models}
        if printed:
            axis.scatter(
                [models.index(model) for model in printed],
                printed.values(),
                marker="D",
                s=40,
                zorder=5,
                facecolors="none",
                edgecolors="black",
                label="the paper",
            )
        axis.axhline(floors[column], color="0.5", linestyle="--", label="majority class")
        axis.set_xticks(range(len(models)), models, rotation=25, ha="right", rotation_mode="anchor")
        axis.set(ylabel=label, ylim=(0, 100), xlim=(-0.5, len(models) - 0.5))
        axis.spines[["top", "right"]].set_visible(False)
    if single:
        figure.suptitle("one run of each model: no spread to be seen", fontsize=10)
    panels[0].legend(frameon=False, loc="best")
    return figure


def published_beside_measured(claims: pd.DataFrame):
    """Published and measured numbers as bars, with the measured ones' intervals: one panel a table and metric.

    Args:
        claims: as `serkit.report.Results.claims` returns them; rows without a measured number are left out. A filled
            bar is comparable with the paper's, a hatched one is not.
    """
    claims = claims[claims["measured"].notna()]
    panels = list(claims.groupby(["table", "metric"], sort=False))
    if not panels:
        raise SerkitError("nothing was measured: there is nothing to draw")
    most = max(len(part) for _, part in panels)
    figure, grid = axes(columns=min(len(panels), 2), rows=-(-len(panels) // 2), width=5.5, height=0.9 + 0.5 * most)
    for axis, ((number, metric), part) in zip(grid.flat, panels, strict=False):
        places = np.arange(len(part))
        axis.barh(places - 0.2, part["published"], height=0.38, color="0.75")
        bars = axis.barh(places + 0.2, part["measured"], height=0.38, color=COLOURS[0])
        for bar, comparable in zip(bars, part["comparable"], strict=True):
            if not comparable:
                bar.set(facecolor="white", edgecolor=COLOURS[0], hatch="///")
        ends = (part["measured"] - part["low"], part["high"] - part["measured"])
        known = np.isfinite(ends[0].to_numpy() + ends[1].to_numpy())
        if known.any():
            error = np.array([end.to_numpy()[known] for end in ends])
            axis.errorbar(
                part["measured"][known], places[known] + 0.2, xerr=error, fmt="none", ecolor="black", capsize=3
            )
        axis.set_yticks(places, part["row"])
        axis.invert_yaxis()
        axis.set(title=f"table {number}, {metric}", xlabel="in the paper's unit")
        axis.spines[["top", "right"]].set_visible(False)
    for axis in list(grid.flat)[len(panels) :]:
        axis.set_visible(False)
    handles = _legend_bars(claims)
    figure.legend(handles=handles, frameon=False, ncols=len(handles), loc="outside upper left")
    return figure


def _legend_bars(claims: pd.DataFrame) -> list:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [Patch(facecolor="0.75", label="published")]
    if claims["comparable"].any():
        handles.append(Patch(facecolor=COLOURS[0], label="measured"))
    if not claims["comparable"].all():
        style: dict[str, Any] = {"facecolor": "white", "edgecolor": COLOURS[0], "hatch": "///"}
        handles.append(Patch(label="measured, not comparable", **style))
    if claims["low"].notna().any():
        handles.append(Line2D([], [], color="black", label="95 % interval over speakers"))
    return handles


def boxes(axis, nodes: dict[str, tuple], arrows: Sequence[tuple] = (), fontsize: float = 9) -> None:
    """Draw a network as boxes and arrows; the figure becomes larger where boxes leave an arrow too little room.

    Args:
        axis: where; its frame is taken away, and its limits are set so that all boxes are inside.
        nodes: name -> (x, y, text) or (x, y, text, colour), x and y the middle of the box; text may have several lines.
            Boxes with an empty text are drawn as points, to which and from which arrows may go.
        arrows: (from, to), (from, to, label) or (from, to, label, bend): names of two nodes, and how much the arrow
            is bent: 0 is straight, 0.3 is a good arc to its right.
        fontsize: of the texts in points.

    Raises:
        SerkitError: an arrow names a node that is not there.
    """
    if missing := [name for arrow in arrows for name in arrow[:2] if name not in nodes]:
        raise SerkitError(f"an arrow goes to or from {missing[0]!r}, which is not among the nodes {', '.join(nodes)}")
    axis.set_axis_off()
    drawn = {}
    for name, (x, y, text, *colour) in nodes.items():
        style = {"boxstyle": "round,pad=0.4", "facecolor": colour[0] if colour else "0.94", "edgecolor": "0.3"}
        if not text:
            style = {"boxstyle": "circle,pad=0.3", "facecolor": "0.3", "edgecolor": "0.3"}
        size = fontsize if text else fontsize / 4
        drawn[name] = axis.text(x, y, text or " ", ha="center", va="center", fontsize=size, bbox=style, zorder=3)
    _make_room(axis, list(drawn.values()))
    if _enlarge(axis.figure, [(drawn[begin], drawn[end]) for begin, end, *_ in arrows]):
        _make_room(axis, list(drawn.values()))
    for begin, end, *rest in arrows:
        label, bend = [*rest, "", 0.0][:2] if not rest else [*rest, 0.0][:2]
        start, stop = drawn[begin].get_position(), drawn[end].get_position()
        look = {"arrowstyle": "-|>", "color": "0.3", "connectionstyle": f"arc3,rad={bend}", "shrinkA": 1, "shrinkB": 1}
        look |= {"patchA": drawn[begin].get_bbox_patch(), "patchB": drawn[end].get_bbox_patch()}
        # Above the boxes: a box knows its size at a new resolution only once it is drawn, and the arrow ends there.
        axis.annotate("", stop, start, arrowprops=look, zorder=4)
        if label:
            (x, y), (to_x, to_y) = axis.transData.transform([start, stop])
            middle = (x + to_x + bend * (to_y - y)) / 2, (y + to_y - bend * (to_x - x)) / 2
            paper = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"}
            place = axis.transData.inverted().transform(middle)
            axis.text(*place, label, ha="center", va="center", fontsize=0.85 * fontsize, bbox=paper, zorder=5)


def _enlarge(figure, pairs: list[tuple]) -> bool:
    """Make a figure so large that there is room for an arrow between the boxes of each pair; say whether it was not."""
    room, growth = _ARROW_ROOM * figure.dpi / 72, np.ones(2)
    for pair in pairs:
        boxes_drawn = [text.get_bbox_patch().get_window_extent() for text in pair]
        (left, bottom), (right, top) = [(box.x0 + box.width / 2, box.y0 + box.height / 2) for box in boxes_drawn]
        apart = np.abs([right - left, top - bottom])
        needed = room + np.mean([box.size for box in boxes_drawn], axis=0)
        along = int(np.argmax(apart - needed))  # boxes need room beside or above one another, not both
        if 0 < apart[along] < needed[along]:
            growth[along] = max(growth[along], needed[along] / apart[along])
    figure.set_size_inches(figure.get_size_inches() * np.minimum(growth, _MOST_GROWTH))
    return bool((growth > 1).any())


def _make_room(axis, texts: list) -> None:
    """Set the limits so that all texts with their boxes are inside."""
    x, y = np.array([text.get_position() for text in texts], float).T
    axis.set(xlim=(x.min() - 0.5, x.max() + 0.5), ylim=(y.min() - 0.5, y.max() + 0.5))
    for _ in range(4):  # a wider range makes a box wider in data coordinates
        axis.figure.draw_without_rendering()  # a constrained layout moves the axes, and boxes follow their texts
        boxes_drawn = [text.get_bbox_patch().get_window_extent() for text in texts]
        corners = np.concatenate([axis.transData.inverted().transform(box.get_points()) for box in boxes_drawn])
        (left, bottom), (right, top) = corners.min(axis=0), corners.max(axis=0)
        wide, high = 0.02 * (right - left), 0.02 * (top - bottom)
        axis.set(xlim=(left - wide, right + wide), ylim=(bottom - high, top + high))
