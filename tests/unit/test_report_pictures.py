"""Pictures and classes on the report's page."""

from __future__ import annotations

import re
from typing import Any

from read_page import TEMPLATES, Page, copy, text_of

from recurrent_residual.report import html, words


def test_extremes_are_said_to_be_noisy(source: str) -> None:
    """Of many classes some gain by chance: the table of the largest says so, and what its sign means."""
    note = text_of(source, "classes", until="</p>")
    assert "noisy" in note and "none was tested" in note and "Negative points are a gain" in note


def test_pictures_are_there_with_a_text_for_the_blind(source: str, tables: dict[str, Any]) -> None:
    """Position, context, training curves, confusion matrix and each clip that was looked into, each described."""
    labels = re.findall(r'<svg role="img" aria-label="([^"]+)"', source)
    for beginning, count in {
        "Error by position": 1, "Error by temporal context": 1, "Confusion matrix": 1,
        "Training curves": 2,  # networks and baselines apart
        "Probability of": len(tables["looks"]["clips"]),
    }.items():  # fmt: skip
        assert sum(label.startswith(beginning) for label in labels) == count, beginning
    assert len(re.findall(r"<img [^>]*>", source)) == len(re.findall(r'<img [^>]*alt="[^"]+"', source)) > 6


def test_pictures_say_which_splits(source: str) -> None:
    """The point beside the paper's is split 1, as in the table; the others are rings."""
    for beginning in ("Error by position", "Error by temporal context"):
        picture = source.partition(f'aria-label="{beginning}')[2].partition("</figure>")[0]
        assert "ours, split 1<" in picture and "ours, splits 2 and 3<" in picture
        assert "Ours beside the paper’s: split 1" in picture


def test_classes_that_gain_and_lose_are_named(tables: dict[str, Any], page: Page) -> None:
    """Per pair of networks; and the errors of every class can be looked up."""
    assert tables["per_class"]["pairs"]
    for pair in tables["per_class"]["pairs"]:
        for change in (*pair["gains"], *pair["losses"]):
            numbers = f"{change['error']:.3f} {change['beside']:.3f} {words.points(change['points'])}"
            assert f"{change['class']} {numbers}" in " ".join(" ".join(page.rows).split())
    for number, name in enumerate(tables["per_class"]["classes"]):
        errors = [words.error(errors[number]) for errors in tables["per_class"]["errors"].values()]
        assert page.row(f"{name} {tables['per_class']['clips'][number]} {errors[0]}").endswith(" ".join(errors))


def test_a_confused_pair_without_a_frame_is_told_all_the_same(tables: dict[str, Any], drawn: dict[str, Any]) -> None:
    """Where the frames were not there, no empty picture stands on the page."""
    changed = copy(tables)
    pictures = html.lay_out(changed, drawn, TEMPLATES).count("<img ")
    first = changed["best"]["confused"][0]
    first["example"] = None
    source = html.lay_out(changed, drawn, TEMPLATES)
    assert source.count("<img ") == pictures - 1
    assert f"{first['true']} taken for {first['predicted']}" in Page(source).words


def test_without_looks_there_is_no_such_part(tables: dict[str, Any], drawn: dict[str, Any]) -> None:
    """Looking into a model is another job; a report without it has neither the part nor a link to it."""
    page = Page(html.lay_out({**tables, "looks": None}, drawn, TEMPLATES))
    assert "looks" not in page.ids and "looks" not in page.anchors
