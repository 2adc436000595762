"""axe-core's judgement of the page: contrast, names, roles, order of headings, labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from visits import PHONE, Visit


def faults(visit: Visit) -> list[str]:
    """The rules that the page breaks, as it stands now: impact, rule, how often, and the first place."""
    return [
        f"{rule['impact']}: {rule['id']} ({len(rule['nodes'])} times): {rule['help']}: {rule['nodes'][0]['html'][:200]}"
        for rule in Axe().run(visit.page).response["violations"]
    ]


# Of what is alike by the hundred, the first are enough: classes, and the experiments' runs with their cards.
FEW = """() => document.querySelectorAll('tbody tr:nth-child(n + 13), .experiment:nth-of-type(n + 5)')
    .forEach(part => part.remove())"""
LIGHT: dict[str, Any] = {"color_scheme": "light"}
DARK_PHONE: dict[str, Any] = {"color_scheme": "dark", "viewport": PHONE}


@pytest.mark.parametrize(
    ("page_file", "look"),
    [("small", LIGHT), ("small", DARK_PHONE), ("paper", LIGHT)],
    ids=["small", "small-dark-phone", "paper"],
    indirect=["page_file"],
)
def test_axe_finds_no_fault(visit: Callable[..., Visit], look: dict[str, Any]) -> None:
    """With all that can be opened open, for what is hidden is not looked at; minor faults count, too."""
    opened = visit(**look)
    opened.page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    opened.page.evaluate(FEW)
    opened.page.evaluate("document.querySelector('[popover]').showPopover()")
    assert faults(opened) == []


@pytest.mark.parametrize("page_file", ["small"], indirect=True)
def test_axe_finds_faults(visit: Callable[..., Visit]) -> None:
    """That it found none says something: it does find a picture without a text, and grey on grey."""
    opened = visit()
    opened.page.evaluate(
        """document.querySelector('main').insertAdjacentHTML('afterbegin',
            '<img src="data:,"><p style="color: #999; background: #aaa">hardly to be read</p>')"""
    )
    found = "\n".join(faults(opened))
    assert "image-alt" in found and "color-contrast" in found, found
