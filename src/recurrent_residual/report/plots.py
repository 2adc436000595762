"""The report's pictures, built apart from how they are written: the page wants SVG, LaTeX wants PDF.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; lines differ in their dashes and marks as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from recurrent_residual.report import words

# Ink and quiet ink are as good as black in a PDF; the page replaces them by its own, light or dark (see `svg`).
INK, QUIET = "#010203", "#040506"
SERIES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c6bb1", "#7f7f7f"]
DASHES = ["-", "--", ":", "-."]
ANNOTATED_CLASSES = 20
STYLE: Any = {
    "text.parse_math": False,  # a name may hold a dollar sign
    "font.size": 10,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": QUIET,
    "grid.linewidth": 0.6,
    "grid.alpha": 0.3,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


@dataclass(frozen=True)
class Picture:
    """A figure, to be written with `STYLE` in force."""

    figure: Figure
    alternative: str
    """What it shows, in words, for those who cannot see it."""


def pictures(tables: Mapping[str, Any]) -> dict[str, Picture]:
    """All pictures of tables.json by name; those for which nothing was run are left out.

    Names: those of `figures`, `curves-<model>` for each model, and `confusion`.
    """
    drawn = {name: errors(figure) for name, figure in tables["figures"].items()}
    histories: dict[str, list[tuple[str, list[dict[str, float]]]]] = {}
    for experiment in tables["experiments"].values():
        if experiment["runs"] and (history := experiment["runs"][0]["history"]):
            histories.setdefault(experiment["model"], []).append((experiment["title"], history))
    for model, lines in histories.items():
        drawn[f"curves-{model}"] = curves(lines)
    if best := tables["best"]:
        drawn["confusion"] = confusion(best["confusion"], best["classes"])
    return {name: picture for name, picture in drawn.items() if picture}


def errors(figure: Mapping[str, Any]) -> Picture | None:
    """Our errors of a table's rows beside the paper's; None where nothing was run.

    Ours are of the splits that stand beside the paper's number, with their intervals; small rings are other splits.
    """
    points, which = figure["points"], words.splits(figure["splits"])
    if not any(point["by_split"] for point in points):
        return None
    with matplotlib.rc_context(STYLE):
        canvas = Figure(figsize=(6.4, 3.5))
        axes = canvas.subplots()
        places = np.arange(len(points))
        ours = [point["ours"] for point in points]
        means = np.array([summary["error"] if summary else np.nan for summary in ours])
        ends = np.array([summary["interval"] if summary else [np.nan, np.nan] for summary in ours])
        axes.plot(places - 0.09, [p["paper"] for p in points], "D--", color=SERIES[1], label="the paper")
        if any(ours):
            look: dict[str, Any] = {"fmt": "o-", "color": SERIES[0], "capsize": 3, "label": f"ours, {which}"}
            axes.errorbar(places + 0.09, means, yerr=np.abs(ends.T - means), **look)
        single = [
            (x + 0.24, summary["error"], summary["splits"][0])
            for x, point in zip(places, points, strict=True)
            for summary in point["by_split"].values()
            if summary and summary["splits"] != figure["splits"]
        ]
        if single:
            rings: dict[str, Any] = {"color": SERIES[0], "markerfacecolor": "none", "markersize": 4, "alpha": 0.6}
            x, y, others = zip(*single, strict=True)
            axes.plot(x, y, "o", label=f"ours, {words.splits(sorted(set(others)))}", **rings)
        if reference := figure["reference"]["ours"]:
            axes.axhline(reference["error"], color=QUIET, linestyle=":", linewidth=1.4)
            beside: dict[str, Any] = {
                "xycoords": ("axes fraction", "data"),
                "xytext": (5, 0),
                "textcoords": "offset points",
            }
            text = "ours, trained\nwithout a skip"
            axes.annotate(text, (1, reference["error"]), va="center", color=QUIET, fontsize=9, **beside)
        axes.set_xticks(places, [point["label"] for point in points])
        axes.set_xlim(-0.5, len(points) - 0.5)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(figure["axis"], labelpad=8)
        axes.set_ylabel("error rate")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=3, columnspacing=1.6, handlelength=2.4)
    listed = "; ".join(
        f"{p['label']}: paper {_error(p['paper'])}, ours {_error(p['ours'] and p['ours']['error'])}" for p in points
    )
    return Picture(canvas, f"{figure['title']}, ours on {which}. {listed}.")


def curves(histories: Sequence[tuple[str, Sequence[Mapping[str, float]]]]) -> Picture:
    """Training loss and training error by epoch, a line for each experiment's (title, lines of the history)."""
    with matplotlib.rc_context(STYLE):
        canvas = Figure(figsize=(8.2, 3.1))
        left, right = canvas.subplots(1, 2)
        for number, (title, history) in enumerate(histories):
            epochs = [line["epoch"] for line in history]
            look: dict[str, Any] = {
                "color": SERIES[number % len(SERIES)],
                "linestyle": DASHES[(number // len(SERIES) + number) % len(DASHES)],
                "marker": "o" if len(epochs) < 15 else None,
                "markersize": 3,
                "linewidth": 1.5,
            }
            left.plot(epochs, [line["loss"] for line in history], label=title, **look)
            right.plot(epochs, [line["error"] for line in history], **look)
        for axes, label in ((left, "training loss"), (right, "training error")):
            axes.set_title(label)
            axes.set_xlabel("epoch")
            axes.set_ylim(bottom=0)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        canvas.legend(loc="upper left", bbox_to_anchor=(0.07, -0.02), ncols=2, fontsize=9, handlelength=3)
        canvas.subplots_adjust(wspace=0.22)
    last = "; ".join(f"{title}: loss {history[-1]['loss']:.3f}" for title, history in histories)
    return Picture(canvas, f"Training curves. After the last epoch: {last}.")


def confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> Picture:
    """A confusion matrix, each row (true class) as shares of its clips; numbers are written in where there is room."""
    counts = np.asarray(matrix, dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(classes)
    annotated = size <= ANNOTATED_CLASSES
    side = max(3.2, 0.52 * size) if annotated else 9.5
    # From transparent to full colour, so that the empty cells are the page's ground, light or dark.
    ramp = LinearSegmentedColormap.from_list("ramp", [(0, 0.447, 0.698, 0), (0, 0.447, 0.698, 1)])
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        canvas = Figure(figsize=(side, side))
        axes = canvas.subplots()
        # Of many classes, a confusion is a small share of a row and would not be seen on an even scale.
        norm = PowerNorm(1 if annotated else 0.5, vmin=0, vmax=1)
        axes.imshow(shares, cmap=ramp, norm=norm, interpolation="nearest")
        font = 9 if annotated else 4.6
        axes.set_xticks(range(size), classes, rotation=90, fontsize=font)
        axes.set_yticks(range(size), classes, fontsize=font)
        axes.tick_params(length=0, pad=3)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        axes.spines[:].set_visible(False)
        if annotated:
            axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
            axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
            axes.grid(which="minor", axis="both", color=QUIET, linewidth=0.5, alpha=0.25)
            axes.tick_params(which="minor", length=0)
            for i, j in zip(*np.nonzero(counts), strict=True):
                axes.text(
                    j, i, f"{100 * shares[i, j]:.0f}", ha="center", va="center", fontsize=9,
                    color="#ffffff" if shares[i, j] > 0.5 else INK,
                )  # fmt: skip
    right = "; ".join(f"{name}: {100 * shares[i, i]:.0f} % right" for i, name in enumerate(classes))
    return Picture(canvas, f"Confusion matrix, rows are true classes. {right}.")


def probabilities(clip: Mapping[str, Any], *, title: str, beside: str) -> Picture:
    """The true class's probability over a clip's time, chunk by chunk, of two networks.

    Args:
        clip: an entry of `looks`' clips.
        title: the network's name.
        beside: the name of the one that it is compared with.
    """
    chunks = clip["chunks"]
    last = [chunk["frames"][-1] for chunk in chunks]
    lines = [[chunk[key] for chunk in chunks] for key in ("probability", "beside_probability")]
    with matplotlib.rc_context(STYLE):
        canvas = Figure(figsize=(6.4, 1.5))
        axes = canvas.subplots()
        for values, label, mark, dash, color in zip(lines, (title, beside), "os", DASHES, SERIES, strict=False):
            axes.plot(last, values, mark + dash, label=label, color=color, markersize=4, linewidth=1.5)
        axes.set_ylim(-0.04, 1.04)
        axes.set_yticks([0, 0.5, 1])
        axes.set_xticks(last[:: -(-len(last) // 8)])  # at most eight labels, which have room
        axes.set_xlabel("last frame of the chunk")
        axes.set_ylabel("probability")
        axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=2, fontsize=9, handlelength=3, borderpad=0)
    means = [words.share(sum(values) / len(values)) for values in lines]
    return Picture(
        canvas,
        f"Probability of {clip['class']} over the {len(chunks)} chunks of {clip['video']}: "
        f"on average {means[0]} ({title}) and {means[1]} ({beside}).",
    )


def _error(value: float | None) -> str:
    return "not run" if value is None else f"{value:.3f}"
