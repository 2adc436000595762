"""Where a number is from: each of ours leads, by mouse, key or finger, to the runs, settings and command behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from visits import Visit

# Opens whatever an element is folded into.
UNFOLD = "element => { for (; element; element = element.parentElement) if ('open' in element) element.open = true; }"


def errors_of(row: dict[str, Any]) -> Iterator[float]:
    """Our errors that a row of the tables must show."""
    for summary in (row["compared"], row["mean"], row["shuffled"], *row["by_split"].values()):
        if summary:
            yield summary["error"]


def squeezed(text: str | None) -> str:
    return "".join((text or "").split())


def card_of(page: Page, number: Locator) -> Locator:
    """What a number opens."""
    return page.locator(f"[popover][id='{number.get_attribute('popovertarget')}']")


def first_number(page: Page) -> Locator:
    return page.locator("tr[id^='row-'] button[popovertarget]").first


def test_every_number_of_ours_is_a_button_to_its_own_runs(visit: Callable[..., Visit]) -> None:
    """Of each row in each table: all its errors can be pressed, and what opens names the row's experiment."""
    opened = visit()
    shown = opened.page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('tr[id]')].map(row => [row.id,
            [...row.querySelectorAll('button[popovertarget]')].map(button => [button.textContent.trim(),
                document.getElementById(button.getAttribute('popovertarget'))?.textContent ?? ''])]))"""
    )
    checked = 0
    for table in opened.tables["tables"]:
        for row in table["rows"]:
            numbers = shown[f"row-{row['id']}"]
            if not row["runs"]:
                assert numbers == [], f"{row['id']} was not run"
                continue
            assert {f"{error:.3f}" for error in errors_of(row)} == {text for text, _ in numbers}, row["id"]
            assert all(row["experiment"] in card for _, card in numbers), row["id"]
            checked += len(numbers)
    assert checked >= 20


def test_every_number_says_its_settings_seeds_history_and_commands(visit: Callable[..., Visit]) -> None:
    """A click shows them: all that runs of the experiment had in common, and each run's own."""
    opened = visit()
    page = opened.page
    for name, experiment in opened.tables["experiments"].items():
        if not experiment["runs"]:
            continue
        number = page.locator(f"button[popovertarget$='{name}']:not([popovertargetaction=hide])").first
        number.evaluate(UNFOLD)
        number.click()
        card = card_of(page, number)
        expect(card).to_be_visible()
        text = squeezed(card.text_content())
        for run in experiment["runs"]:
            assert f"{run['split']}{run['seed']}{run['error']:.3f}" in text, name
            for key in run["settings"]:
                assert key in text, (name, key)
            assert squeezed(run["command"]) in text, (name, run["split"], run["seed"])
        assert card.locator("svg").count() == len(experiment["runs"]), f"{name}: a run without its history"
        page.keyboard.press("Escape")
        expect(card).to_be_hidden()


def test_a_number_is_asked_by_keyboard(visit: Callable[..., Visit]) -> None:
    """Enter opens, Tab goes into what it opened, Escape closes and gives the focus back."""
    page = visit().page
    number = first_number(page)
    card = card_of(page, number)
    number.focus()
    expect(card).to_be_hidden()
    page.keyboard.press("Enter")
    expect(card).to_be_visible()
    page.keyboard.press("Tab")
    assert card.evaluate("card => card.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(number).to_be_focused()


def test_a_number_is_asked_without_javascript(visit: Callable[..., Visit]) -> None:
    """The browser itself opens and closes what a number leads to."""
    page = visit(java_script_enabled=False).page
    number = first_number(page)
    card = card_of(page, number)
    number.click()
    expect(card).to_be_visible()
    card.get_by_role("button", name="Close").click()
    expect(card).to_be_hidden()


def test_pointing_shows_and_leaving_hides(visit: Callable[..., Visit]) -> None:
    """Hovering is enough for a look; a click keeps it open. It lies within the window, and beside the number."""
    page = visit().page
    number = first_number(page)
    card = card_of(page, number)
    number.hover()
    expect(card).to_be_visible()
    box, size = card.bounding_box(), page.viewport_size
    assert box and size
    assert min(box["x"], box["y"]) >= 0
    assert box["x"] + box["width"] <= size["width"] and box["y"] + box["height"] <= size["height"]
    page.mouse.move(1, 1)
    expect(card).to_be_hidden()
    number.click()
    expect(card).to_be_visible()
    page.mouse.move(1, 1)
    page.wait_for_timeout(600)
    expect(card).to_be_visible()


@pytest.mark.parametrize("page_file", ["small"], indirect=True)
def test_what_was_clicked_stays(visit: Callable[..., Visit]) -> None:
    """Also when the pointer rests on another number on its way, and comes back to the first."""
    page = visit().page
    numbers = page.locator("#table3 tbody tr:has(button.n) td.main button.n")
    first, other = numbers.first, numbers.last
    other.scroll_into_view_if_needed()
    assert first.get_attribute("popovertarget") != other.get_attribute("popovertarget")
    other.click()  # the lower one, whose card does not lie over the other
    card = card_of(page, other)
    for element in (first, other, page.locator("#table3 h2")):
        box = element.bounding_box()
        assert box
        page.mouse.move(box["x"] + 3, box["y"] + 3)
        page.wait_for_timeout(600)
        expect(card).to_be_visible()
        expect(card_of(page, first)).to_be_hidden()


def test_a_number_is_asked_on_a_phone(visit: Callable[..., Visit]) -> None:
    """A tap opens it, it fits the screen, and the page does not get wider."""
    page = visit(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True).page
    number = first_number(page)
    card = card_of(page, number)
    number.tap()
    expect(card).to_be_visible()
    box = card.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_keyboard_begins_at_the_verdicts(visit: Callable[..., Visit]) -> None:
    """The first stop of Tab is a link past the page's head; it is seen when it has the focus, and works."""
    page = visit().page
    page.keyboard.press("Tab")
    link = page.locator("a:focus")
    assert link.count() == 1
    expect(link).to_be_in_viewport()
    target = link.get_attribute("href")
    page.keyboard.press("Enter")
    expect(page.locator(target or "")).to_be_in_viewport()
    page.keyboard.press("Tab")
    assert page.locator(target or "").evaluate("target => target.contains(document.activeElement)")


def test_the_focus_is_always_seen(visit: Callable[..., Visit]) -> None:
    """Whatever Tab reaches has an outline, and lies in the window."""
    page = visit().page
    for _ in range(60):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => { const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e);
                return e === document.body || (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0
                    && box.bottom > 0 && box.top < innerHeight) || e.outerHTML.slice(0, 200); }"""
        )
        assert seen is True, seen
