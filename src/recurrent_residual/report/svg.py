"""Pictures as SVG to be put into the page: text stays text, colours are the page's CSS variables.

The same picture gives the same bytes (no date, ids from a fixed salt).
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence

import matplotlib
from markupsafe import Markup, escape

from recurrent_residual.report.plots import INK, QUIET, SERIES, STYLE, Picture

CSS = {
    INK: "currentColor",
    QUIET: "var(--quiet)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)},
}
SPARKLINE = (90, 18)


def svg(name: str, picture: Picture) -> Markup:
    """The picture as an <svg> element: its ids begin with `name`, and it has a text for those who cannot see it."""
    buffer = io.StringIO()
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with (
        matplotlib.rc_context({**STYLE, "svg.fonttype": "none", "svg.hashsalt": "recurrent-residual"}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", r"Glyph .* missing")  # text stays text: the reader's fonts have it
        picture.figure.savefig(
            buffer, format="svg", metadata=metadata, bbox_inches="tight", pad_inches=0.05, transparent=True
        )
    text = buffer.getvalue()
    text = text[text.index("<svg") :].rstrip()
    # The style sheet of an SVG would hold for the whole page, which has these rules of its own (style.css).
    text = re.sub(r"\s*<metadata>.*?</metadata>|\s*<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", lambda tag: _of_the_page(tag[0], name), text)
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{escape(picture.alternative)}"', 1))


def sparkline(history: Sequence[Mapping[str, float]]) -> Markup:
    """The training loss of one run as a line of the height of a word; empty where no epoch was finished."""
    if not history:
        return Markup("")
    (width, height), losses = SPARKLINE, [line["loss"] for line in history]
    top = max(losses) or 1
    step = width / max(len(losses) - 1, 1)
    points = " ".join(f"{step * i:.0f},{height * (1 - loss / top):.1f}" for i, loss in enumerate(losses))
    label = f"Training loss {losses[0]:.3g} after epoch 1, {losses[-1]:.3g} after epoch {history[-1]['epoch']}"
    return Markup(
        f'<svg class="spark" role="img" aria-label="{label}" viewBox="-1 -1 {width + 2} {height + 2}">'
        f'<polyline points="{points}"/></svg>'
    )


def _of_the_page(tag: str, name: str) -> str:
    """A tag with ids of its own among the page's, and with the page's colours; texts between tags stay as they are."""
    tag = re.sub(r'(\bid="|href="#|url\(#)', rf"\1{name}-", tag)
    for colour, css in CSS.items():
        tag = tag.replace(colour, css)
    return tag
