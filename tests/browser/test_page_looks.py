"""What the page looks like: light, dark, on a phone and on paper. BROWSER_SHOTS=FOLDER keeps the pictures."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from visits import DESKTOP, PHONE, Visit

SHEET = 673  # CSS pixels between margins of 16 mm on A4, 210 mm wide
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE, "is_mobile": True, "has_touch": True, "device_scale_factor": 2},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark"},
    "print": {"color_scheme": "dark"},  # somebody who reads on a dark screen prints on white paper all the same
}
# What reaches beyond the window's right edge, other than within a box that scrolls.
WIDE = """() => [...document.body.querySelectorAll('*')].filter(element => {
    if (!element.checkVisibility() || element.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let box = element.parentElement; box !== document.body; box = box.parentElement)
        if (getComputedStyle(box).overflowX !== 'visible') return false;
    return true;
}).map(element => element.outerHTML.slice(0, 100))"""


@pytest.fixture
def shoot(visit: Callable[..., Visit], page_file: Path, tmp_path: Path) -> Callable[[str], np.ndarray]:
    """Takes a picture of the page's beginning, in one of the looks; returns every other pixel, (height, width, 3)."""
    folder = Path(os.environ.get("BROWSER_SHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def take(look: str) -> np.ndarray:
        opened = visit(**LOOKS[look])
        if look == "print":
            opened.page.emulate_media(media="print")
        # The browser draws no picture of a page's whole length, if it is long.
        height = min(opened.page.evaluate("document.documentElement.scrollHeight"), 6000)
        opened.page.set_viewport_size({"width": LOOKS[look].get("viewport", DESKTOP)["width"], "height": height})
        picture = opened.page.screenshot()
        size = page_file.parent.name.rstrip("0123456789")
        (folder / f"{size}-{look}.png").write_bytes(picture)
        return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))[::2, ::2]

    return take


def background(pixels: np.ndarray) -> float:
    """The luminance that most pixels have, in [0, 255]."""
    luminance = (pixels @ [0.2126, 0.7152, 0.0722]).round().astype(int)
    return int(np.bincount(luminance.ravel()).argmax())


def test_no_look_is_blank(shoot: Callable[[str], np.ndarray]) -> None:
    """Each has text and colours on it, all the way down; the dark ones are dark, and paper is white."""
    for look in LOOKS:
        pixels = shoot(look)
        assert len(np.unique(pixels @ [65536, 256, 1])) > 100, look
        for part in np.array_split(pixels, 4):
            assert part.std() > 5, look
        shade = background(pixels)
        assert shade < 60 if "dark" in look else shade > 230, (look, shade)
        if look == "print":
            assert shade > 250, shade


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_width_has_to_be_scrolled_sideways(visit: Callable[..., Visit], width: int) -> None:
    """What is wider than a phone scrolls in a box of its own, also when all that can be opened is open."""
    opened = visit(viewport={"width": width, "height": 844})
    for _ in range(2):
        wide = opened.page.evaluate(WIDE)
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width, wide[:5]
        opened.page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")


def test_nothing_is_wider_than_a_sheet(visit: Callable[..., Visit]) -> None:
    """Or the browser would print the whole page smaller, down to what is hard to read."""
    opened = visit(viewport={"width": SHEET, "height": 1000})
    opened.page.emulate_media(media="print")
    wide = """() => [...document.querySelectorAll('table, figure, pre, svg')]
        .filter(part => part.checkVisibility() && part.getBoundingClientRect().right > innerWidth + 1)
        .map(part => [(part.caption ?? part).outerHTML.slice(0, 100), part.getBoundingClientRect().right])"""
    assert opened.page.evaluate(wide) == []


def test_the_page_prints(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """As A4 with all tables and the beginning of the page; nothing of the controls is printed."""
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext: apt-get install poppler-utils")
    opened = visit()
    file = tmp_path / "page.pdf"
    opened.page.pdf(path=file, format="A4")
    text = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True).stdout
    pages = text.count("\f")
    assert pages >= 3
    said = "".join(text.split())
    assert "".join(opened.tables["report"]["title"].split()) in said
    for table in opened.tables["tables"]:
        title = re.split(r"[:(]", table["title"])[0]
        assert "".join(title.split()) in said, title
    assert all(part.strip() for part in text.split("\f")[:-1]), "a page is empty"


@pytest.mark.parametrize("page_file", ["small"], indirect=True)
def test_a_filter_is_not_printed(visit: Callable[..., Visit]) -> None:
    """Paper has no search box to empty: all rows are printed, none of them pale."""
    page = visit().page
    page.get_by_role("searchbox").fill("no such row")
    rows = page.locator("table.results tbody tr")
    assert rows.count() > 10 and not any(row.is_visible() for row in rows.all())
    page.emulate_media(media="print")
    assert all(row.is_visible() for row in rows.all())
    assert page.locator("table.results").first.evaluate("table => getComputedStyle(table).opacity") == "1"


@pytest.mark.parametrize("page_file", ["small"], indirect=True)
def test_a_phone_keeps_the_rows_names_and_shows_ours(visit: Callable[..., Visit]) -> None:
    """Table 4 shows a number of ours without scrolling; scrolled, each row's first cell stays where it was."""
    page = visit(viewport=PHONE).page
    name = page.locator("#table4 tbody tr:has(button.n) th").first
    number = page.locator("#table4 td.main button.n").first
    name.scroll_into_view_if_needed()
    box, before = number.bounding_box(), name.bounding_box()
    assert box and before and box["x"] + box["width"] <= PHONE["width"]
    page.locator("#table4 .scroll").evaluate("box => { box.scrollLeft = 100; }")
    after = name.bounding_box()
    assert after and abs(after["x"] - before["x"]) <= 1


def test_nothing_moves_for_those_who_want_it_still(visit: Callable[..., Visit]) -> None:
    """With reduced motion, no element has an animation or a transition, and links do not scroll smoothly."""
    moving = """() => [...document.querySelectorAll('*')].filter(element => {
        const style = getComputedStyle(element), still = text => text.split(',').every(t => parseFloat(t) < 0.01);
        return !(still(style.transitionDuration) && (style.animationName === 'none' || still(style.animationDuration)))
            || style.scrollBehavior === 'smooth';
    }).map(element => element.outerHTML.slice(0, 100))"""
    assert visit(reduced_motion="reduce").page.evaluate(moving) == []
