"""The report's page of some experiments, made once for all who read it; not to be changed."""

from __future__ import annotations

from typing import Any

import pytest
from made_runs import small_tables
from read_page import TEMPLATES, Page

from recurrent_residual.report import html


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The tables of some experiments and of a user's own, as they come out of the JSON file."""
    return small_tables(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def drawn(tables: dict[str, Any]) -> dict[str, Any]:
    """The pictures of `tables`, which take longer than the rest of the page."""
    return html.draw(tables)


@pytest.fixture(scope="session")
def source(tables: dict[str, Any], drawn: dict[str, Any]) -> str:
    """The page's HTML."""
    return html.lay_out(tables, drawn, TEMPLATES)


@pytest.fixture(scope="session")
def page(source: str) -> Page:
    """The page, parsed; its elements must be nested properly."""
    return Page(source)
