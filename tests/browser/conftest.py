"""Debian's Chromium, without a window or a network, and the pages to look at with it."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import made_pages
import pytest
from playwright.sync_api import Browser, sync_playwright
from visits import Visit

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; each visit has a profile of its own."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])  # root has no sandbox
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def made_page(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes the page of a size, once."""
    return functools.cache(lambda size: made_pages.make(tmp_path_factory.mktemp(size), size=size))


@pytest.fixture(params=["small", "paper"])
def page_file(request: pytest.FixtureRequest, made_page: Callable[[str], Path]) -> Path:
    """The page in both sizes, or one that a test names, with its tables.json beside it. Not to be changed."""
    return made_page(request.param)


@pytest.fixture
def visit(browser: Browser, page_file: Path) -> Iterator[Callable[..., Visit]]:
    """Opens the page from its file, offline, with the options of a browser's context.

    However a test visits the page, the browser must find nothing to complain of and nothing to load.
    """
    visits: list[Visit] = []

    def open_page(**options: Any) -> Visit:
        visits.append(Visit.open(browser, page_file, **options))
        return visits[-1]

    yield open_page
    for visit in visits:
        visit.page.context.close()
    assert [visit.complaints for visit in visits if visit.complaints] == []
    assert [visit.requests for visit in visits if visit.requests] == []
