"""The top of the report's page: who, when and on what, and what is wrong with its numbers."""

from __future__ import annotations

from typing import Any

from made_runs import SETTINGS
from read_page import TEMPLATES, Page, comparable, copy

from recurrent_residual.report import html


def test_who_when_and_on_what_stands_at_the_top(tables: dict[str, Any], drawn: dict[str, Any]) -> None:
    """Who ran it, from when to when, and for how long on GPUs; what is not known is said to be so."""
    unknown = copy(tables)
    unknown["summary"]["ran_by"] = []
    unknown["summary"]["gpu_hours"] = None
    said = Page(html.lay_out(unknown, drawn, TEMPLATES)).words
    assert "Ran bynot recorded" in said and "GPU-hours, training and evaluationnone" in said
    known = copy(tables)
    known["summary"] |= {"ran_by": ["Ana & Zo\u00eb"], "started": "2026-11-20T08:15:00+00:00", "gpu_hours": 123.4}
    top = Page(html.lay_out(known, drawn, TEMPLATES)).words.partition("The verdicts at a glance")[0]
    said = (
        "Ana & Zo\u00eb",
        "2026-11-20 08:15 UTC",
        "GPU-hours, training and evaluation123 h",
        "A made set",
        "A processor & co",
    )
    assert all(fact in top for fact in (*said, "0123456789+changes"))


def test_banner_stands_first_where_numbers_are_not_comparable(tables: dict[str, Any], page: Page) -> None:
    """Nobody can take the demo's numbers for the paper's: banner before the verdicts, and a mark at each table."""
    text = page.words
    assert "These numbers are NOT comparable with the paper’s. " + SETTINGS["report"]["notice"] in text
    assert text.index("NOT comparable") < text.index("The verdicts at a glance")
    with_paper = sum(table["in_paper"] for table in tables["tables"])
    assert text.count("Numbers not comparable with the paper’s") == with_paper
    assert len(tables["report"]["reasons"]) == 6
    for reason in tables["report"]["reasons"]:
        assert text.index("NOT comparable") < text.index(reason) < text.index("The verdicts at a glance")
    assert "they say nothing about the paper’s claims" in text


def test_no_banner_where_numbers_are_comparable(tables: dict[str, Any], drawn: dict[str, Any]) -> None:
    """The full reproduction carries neither banner nor marks, nor a word of missing clips."""
    text = html.lay_out(comparable(tables), drawn, TEMPLATES)
    assert "comparable with" not in text and 'class="banner"' not in text and 'class="missing"' not in text
    assert "say nothing about" not in text


def test_where_the_code_is_stands_at_the_top(tables: dict[str, Any], drawn: dict[str, Any]) -> None:
    """Who has only the page finds the code and the files of numbers; what is no address of the web is text."""
    changed = copy(tables)
    for address, shown in (
        ("https://example.org/code", '<a href="https://example.org/code">'),
        ("javascript:alert(1)", "<code>javascript:alert(1)</code>"),
        ("", '<p class="beside">Beside this page'),
    ):
        changed["report"]["repository"] = address
        source = html.lay_out(changed, drawn, TEMPLATES)
        assert shown in source and 'javascript:alert(1)"' not in source
        assert "paper_tables.json" in source.partition('id="verdicts"')[0]


def test_missing_clips_are_said_and_named(page: Page) -> None:
    """How many clips of the lists were missing stands at the top, with the names."""
    assert "694 of 844 clips of the lists were missing and left out." in page.words
    assert "v_Archery_g01_c01, v_Odd_Name_g09_c02" in page.words


def test_damaged_clips_are_said_and_named(page: Page) -> None:
    """Clips that were left out because they do not decode stand at the top, each with the reason."""
    assert "1 damaged clip was left out." in page.words
    assert "v_Archery_g02_c01: cut short, 7 of 80 bytes" in page.words
    assert "1 clips hold many frames less than their headers announce" in page.words
    assert "v_Archery_g07_c02 (51 of 80)." in page.words
