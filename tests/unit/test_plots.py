"""The report's pictures: right for any text, the same bytes each time, small enough for a page."""

from __future__ import annotations

import io
import re

import matplotlib
import pytest

from recurrent_residual.report import plots
from recurrent_residual.report.svg import sparkline, svg

ODD = '<b> "50 %" & $x_2$ id="a" url(#b) #0072b2 \u00fc \u5b57'
HISTORY = [{"epoch": epoch, "loss": 2 / epoch, "error": 0.5 / epoch} for epoch in (1, 2, 3)]


def a_figure() -> plots.Picture:
    """Two rows, of which one was run, with odd names."""
    ours = {"error": 0.2, "interval": [0.1, 0.3], "splits": [1]}
    picture = plots.errors(
        {
            "title": ODD,
            "axis": ODD,
            "splits": [1],
            "points": [
                {"label": ODD, "paper": 0.25, "ours": ours, "by_split": {"1": ours}},
                {"label": "not run", "paper": 0.2, "ours": None, "by_split": {}},
            ],
            "reference": {"ours": None},
        }
    )
    assert picture
    return picture


def test_any_text_comes_out_as_it_is() -> None:
    """No markup, no formula, and nothing that looks like an id or a colour is changed within a text."""
    source = svg("name", a_figure())
    escaped = ODD.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert source.count(f">{escaped}</text>") == 2
    assert "<b>" not in source and re.match(r'<svg role="img" aria-label="&lt;b&gt; &#34;50 %&#34; &amp; ', source)


def test_ids_are_the_pictures_own() -> None:
    """Two pictures on one page do not draw with each other's shapes, and no picture brings rules for the whole page."""
    first, second = (svg(name, a_figure()) for name in ("first", "second"))
    tags = "".join(re.findall(r"<[^>]+>", first))
    ids = re.findall(r'\bid="([^"]*)"', tags)
    assert ids and all(name.startswith("first-") for name in ids)
    assert set(re.findall(r'href="#([^"]*)"', tags)) <= set(ids)
    assert "<style" not in first and not set(ids) & set(re.findall(r'\bid="([^"]*)"', second))


def test_colours_are_the_pages() -> None:
    """Ink and lines follow the page, light or dark."""
    tags = "".join(re.findall(r"<[^>]+>", svg("name", a_figure()))[1:])  # the first holds the description
    assert "var(--series-1)" in tags and "currentColor" in tags
    assert not re.findall("|".join([plots.INK, plots.QUIET, *plots.SERIES]), tags)


def test_the_same_picture_gives_the_same_bytes() -> None:
    """No date, no chance."""
    assert svg("name", a_figure()) == svg("name", a_figure())


def test_pictures_are_built_apart_from_how_they_are_written() -> None:
    """LaTeX writes the same figures as PDF."""
    target = io.BytesIO()
    figure = plots.curves([("with a skip", HISTORY)]).figure
    with matplotlib.rc_context(plots.STYLE):
        figure.savefig(target, format="pdf")
    assert target.getvalue().startswith(b"%PDF")


def test_nothing_run_gives_no_picture() -> None:
    """The paper's numbers alone are no result of ours."""
    points = [{"label": "a", "paper": 0.2, "ours": None, "by_split": {}}]
    figure = {"title": "t", "axis": "x", "splits": [1], "points": points, "reference": {"ours": None}}
    assert plots.errors(figure) is None


def test_hundred_classes_fit() -> None:
    """UCF-101's confusion matrix stays small enough to open, with every class named."""
    names = [f"Class{i}" for i in range(101)]
    matrix = [[30 if i == j else (i * j) % 7 == 0 for j in range(101)] for i in range(101)]
    picture = svg("confusion", plots.confusion(matrix, names))
    assert len(picture) < 500_000
    assert all(f">{name}<" in picture for name in names)


@pytest.mark.parametrize("chunks", [1, 2, 40])
def test_probabilities_over_a_clips_time(chunks: int) -> None:
    """Both networks are named, and the means are told to those who cannot see the lines."""
    chances = [{"frames": [20 * i, 20 * i + 10], "probability": 1.0, "beside_probability": 0.25} for i in range(chunks)]
    picture = plots.probabilities(
        {"class": "A", "video": "v_A", "chunks": chances}, title="with a skip", beside="without"
    )
    assert f"over the {chunks} chunks of v_A" in picture.alternative
    assert "100\u00a0% (with a skip) and 25\u00a0% (without)" in picture.alternative
    assert ">with a skip</text>" in svg("name", picture)


def test_a_sparkline_falls_where_the_loss_falls() -> None:
    """The first point is the highest; a run of one epoch, and one without any, are drawn, too."""
    points = re.findall(r"([\d.]+),([\d.]+)", sparkline(HISTORY))
    heights = [float(y) for _, y in points]
    assert heights == sorted(heights) and len(heights) == 3
    assert "2 after epoch 1, 0.667 after epoch 3" in sparkline(HISTORY)
    assert "polyline" in sparkline(HISTORY[:1]) and sparkline([]) == ""
    assert "nan" not in sparkline([{"epoch": 1, "loss": 0.0}])
