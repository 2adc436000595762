"""The report's pictures as SVG to be put into the page: text stays text, colours are the page's CSS variables.

The same tables give the same bytes (no date, ids from a fixed salt). Colours are Okabe and Ito's, which colour-blind
readers can tell apart; lines differ in their dashes and marks as well.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, PowerNorm

from recurrent_residual.report import words

# Stand-ins that matplotlib writes and `svg` turns into CSS: the page decides what ink and colours are, light or dark.
INK, QUIET, GROUND = "#010203", "#040506", "#070809"
SERIES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c6bb1", "#7f7f7f"]
CSS = {
    INK: "currentColor",
    QUIET: "var(--quiet)",
    GROUND: "var(--ground)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)},
}
DASHES = ["-", "--", ":", "-."]
ANNOTATED_CLASSES = 20
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "recurrent-residual",
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


def svg(figure: plt.Figure, name: str, *, alternative: str) -> str:
    """The figure as an <svg> element: its ids begin with `name`, and it has a text for those who cannot see it."""
    buffer = io.StringIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(buffer, format="svg", metadata=metadata, bbox_inches="tight", pad_inches=0.05, transparent=True)
    plt.close(figure)
    text = buffer.getvalue()
    text = text[text.index("<svg") :].rstrip()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(id="|href="#|url\(#)', rf"\1{name}-", text)
    for colour, css in CSS.items():
        text = text.replace(colour, css)
    label = alternative.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def errors(name: str, figure: Mapping[str, Any]) -> str | None:
    """Our errors of a table's rows beside the paper's; None where nothing was run.

    Ours are of the splits that stand beside the paper's number, with their intervals; small rings are other splits.
    """
    points, which = figure["points"], words.splits(figure["splits"])
    if not any(point["by_split"] for point in points):
        return None
    with plt.rc_context(STYLE):
        canvas, axes = plt.subplots(figsize=(6.4, 3.5))
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
        return svg(canvas, name, alternative=f"{figure['title']}, ours on {which}. {listed}.")


def curves(name: str, histories: Sequence[tuple[str, Sequence[Mapping[str, float]]]]) -> str:
    """Training loss and training error by epoch, a line an experiment.

    Args:
        name: makes the ids of the picture its own.
        histories: (title, lines of the history) of each experiment.
    """
    with plt.rc_context(STYLE):
        canvas, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.1))
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
            axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        canvas.legend(loc="upper left", bbox_to_anchor=(0.07, -0.02), ncols=2, fontsize=9, handlelength=3)
        canvas.subplots_adjust(wspace=0.22)
        last = "; ".join(f"{title}: loss {history[-1]['loss']:.3f}" for title, history in histories)
        return svg(canvas, name, alternative=f"Training curves. After the last epoch: {last}.")


def confusion(name: str, matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """A confusion matrix, each row (true class) as shares of its clips; numbers are written in where there is room."""
    counts = np.asarray(matrix, dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(classes)
    annotated = size <= ANNOTATED_CLASSES
    side = max(3.2, 0.52 * size) if annotated else 9.5
    # From transparent to full colour, so that the empty cells are the page's ground, light or dark.
    ramp = LinearSegmentedColormap.from_list("ramp", [(0, 0.447, 0.698, 0), (0, 0.447, 0.698, 1)])
    with plt.rc_context({**STYLE, "axes.grid": False}):
        canvas, axes = plt.subplots(figsize=(side, side))
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
        return svg(canvas, name, alternative=f"Confusion matrix, rows are true classes. {right}.")


def _error(value: float | None) -> str:
    return "not run" if value is None else f"{value:.3f}"
