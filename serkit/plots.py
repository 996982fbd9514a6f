"""Figures that several papers need: axes have names and units, colours work for the colour-blind."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

# Okabe and Ito (2008): eight colours that remain apart under every common colour-vision deficiency.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000"]


def axes(columns: int = 1, rows: int = 1, width: float = 4.5, height: float = 3.2, **options):
    """A figure with a grid of axes; `width` and `height` in inches are of one of them."""
    import matplotlib.pyplot as plt

    figure, found = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), layout="constrained", squeeze=False, **options
    )
    for axis in found.flat:
        axis.set_prop_cycle(color=COLOURS)
    return figure, found


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


def spectrogram(axis, values: np.ndarray, hop: float, top: float, **options):
    """Draw (frames, bins) with time in seconds and frequency in kHz.

    Args:
        axis: where.
        values: one row a frame.
        hop: seconds between two frames.
        top: Hz at the upper edge.
        options: passed on to ``imshow``.
    """
    extent = (0, len(values) * hop, 0, top / 1000)
    image = axis.imshow(values.T, origin="lower", aspect="auto", extent=extent, **({"cmap": "magma"} | options))
    axis.set(xlabel="time (s)", ylabel="frequency (kHz)")
    return image


def overlay(axis, values: np.ndarray, hop: float, top: float, frames: int, signed: bool = False):
    """Draw a coarse map over a spectrogram that is there: the stronger, the less transparent.

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
    """Confusion matrices side by side: share of each true class in colour and percent, counts below."""
    side = 0.5 * max(map(len, matrices.values()))  # inches, of the cells
    figure, ((*found,),) = axes(columns=len(matrices), width=max(side, 2) + 1.6, height=max(side, 2) + 1.4)
    for axis, (title, counts) in zip(found, matrices.items(), strict=True):
        share = counts.div(counts.sum(axis=1).clip(lower=1), axis=0).to_numpy()
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(share.shape):
            text = f"{100 * share[row, column]:.0f} %\n{counts.iloc[row, column]}"
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


def learning_curves(histories: pd.DataFrame, measures: dict[str, str]):
    """One panel a measure, one line a model: mean over folds and seeds, the range as a band.

    Args:
        histories: columns model, epoch and the measures.
        measures: column name -> axis label with unit.
    """
    figure, ((*found,),) = axes(columns=len(measures))
    for axis, (column, label) in zip(found, measures.items(), strict=True):
        for model, part in histories.groupby("model", sort=False):
            by_epoch = part.groupby("epoch")[column]
            middle = by_epoch.mean()
            (line,) = axis.plot(middle.index, middle, label=model, marker="o", markersize=3)
            axis.fill_between(
                middle.index, by_epoch.min(), by_epoch.max(), color=line.get_color(), alpha=0.15, linewidth=0
            )
        axis.set(xlabel="epoch", ylabel=label)
        axis.spines[["top", "right"]].set_visible(False)
        axis.xaxis.get_major_locator().set_params(integer=True)
    found[0].legend(frameon=False)
    return figure


def fold_spread(
    by_fold: pd.DataFrame,
    measures: dict[str, str],
    floors: dict[str, float],
    published: dict[str, dict[str, float]] | None = None,
):
    """Each fold's score as a point, by model, with the mean and the majority-class floor.

    Args:
        by_fold: columns model and the measures, one row a fold and seed.
        measures: column name -> axis label with unit.
        floors: column name -> floor.
        published: column name -> model -> the paper's number, drawn as a diamond.
    """
    figure, ((*found,),) = axes(columns=len(measures))
    models = list(by_fold["model"].unique())
    for axis, (column, label) in zip(found, measures.items(), strict=True):
        for place, model in enumerate(models):
            values = by_fold.loc[by_fold["model"] == model, column].to_numpy()
            spread = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else [0]
            axis.scatter(place + np.asarray(spread), values, color=COLOURS[place % len(COLOURS)], s=18, zorder=3)
            axis.hlines(values.mean(), place - 0.25, place + 0.25, color="black", zorder=4)
        told = {model: value for model, value in (published or {}).get(column, {}).items() if model in models}
        if told:
            axis.scatter(
                [models.index(model) for model in told],
                told.values(),
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
    found[0].legend(frameon=False, loc="best")
    return figure
