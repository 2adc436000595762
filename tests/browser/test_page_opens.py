"""The page opens from its file, on any machine: it asks for nothing, complains of nothing, and needs no script."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from made_pages import TEMPLATES
from made_runs import ROOT
from visits import Visit

MEBIBYTE = 2**20
RENDER = """
import json, pathlib, sys
from recurrent_residual.report import html
tables = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
sys.stdout.buffer.write(html.render(tables, pathlib.Path(sys.argv[2])).encode())
"""

TEXTS = """() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), texts = [];
    while (walker.nextNode())
        if (!walker.currentNode.parentElement.closest('script, style, label, output'))
            texts.push(walker.currentNode.data);
    return texts;
}"""
# Elements with a text of their own that are not shown, and that no reader can open.
HIDDEN = """() => [...document.body.querySelectorAll('*')]
    .filter(element => [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim()))
    .filter(element => !element.checkVisibility())
    .filter(element => !element.closest('script, style, svg, label, output, details:not([open]), [popover]'))
    .map(element => element.outerHTML.slice(0, 200))"""


def squeezed(text: str) -> str:
    """A text without its white space, which the layout adds and takes away."""
    return "".join(text.split())


def test_nothing_is_loaded_and_nothing_complained_of(visit: Callable[..., Visit]) -> None:
    """With a network, too, nothing leaves the page: not as it opens, and not when all of it is scrolled through."""
    online = visit(offline=False)
    assert online.page.title() == online.tables["report"]["title"]
    online.page.keyboard.press("End")
    online.page.wait_for_load_state("networkidle")
    assert (online.complaints, online.requests) == ([], [])


def test_the_visit_notices_what_is_loaded(visit: Callable[..., Visit]) -> None:
    """That nothing was loaded says something: an added picture and an added error are noticed."""
    visitor = visit(bypass_csp=True)  # or the page's own policy would refuse the picture before it is asked for
    visitor.page.evaluate("document.body.append(Object.assign(new Image(), {src: 'beside.png'}))")
    visitor.page.evaluate("console.error('made by a test')")
    visitor.page.wait_for_timeout(200)
    assert visitor.requests == [(visitor.file.parent / "beside.png").as_uri()]
    assert "made by a test" in visitor.complaints
    visitor.requests.clear()
    visitor.complaints.clear()


def test_all_can_be_read_without_javascript(visit: Callable[..., Visit]) -> None:
    """All text stands there that a script's page has, but the script's own controls, and none of them is dead."""
    with_script, without = visit(), visit(java_script_enabled=False)
    with_it, without_it = (set(map(squeezed, opened.page.evaluate(TEXTS))) for opened in (with_script, without))
    assert len(without_it) > 500
    assert with_it - without_it == set()
    assert without.page.evaluate(HIDDEN) == []
    dead = "buttons => buttons.filter(button => !button.popoverTargetElement).map(button => button.outerHTML)"
    assert without.page.get_by_role("button").evaluate_all(dead) == []
    assert without.page.locator("input:visible, select:visible, textarea:visible").count() == 0


def test_size(page_file: Path) -> None:
    """A page of the paper's size can be sent by mail."""
    assert page_file.stat().st_size < 5 * MEBIBYTE


def test_same_bytes_in_another_process(page_file: Path) -> None:
    """The same tables give the same bytes, however Python orders its sets."""
    others = [
        subprocess.Popen(
            [sys.executable, "-c", RENDER, page_file.with_name("tables.json"), TEMPLATES],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
        )
        for hash_seed in ("1", "2")
    ]
    pages = [other.communicate()[0] for other in others]
    assert [other.returncode for other in others] == [0, 0]
    assert all(page == page_file.read_bytes() for page in pages)
