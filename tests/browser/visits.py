"""A page as somebody opened it: what the browser complained of and asked for, and questions about what it shows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@dataclass
class Visit:
    """One opened page."""

    page: Page
    file: Path
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)  # other than for the page itself and what it holds inline

    @staticmethod
    def open(browser: Browser, file: Path, **options: Any) -> Visit:
        """Open a page from its file, without a network; options are those of playwright's `new_context`."""
        context = browser.new_context(**{"offline": True, "viewport": DESKTOP, "reduced_motion": "reduce", **options})
        context.set_default_timeout(15_000)  # milliseconds
        visit = Visit(context.new_page(), file)
        visit.page.on("console", visit._heard)
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on("request", visit._asked)
        visit.page.goto(file.as_uri())
        return visit

    @cached_property
    def tables(self) -> Any:
        """What the page was made from."""
        return json.loads((self.file.parent / "tables.json").read_text(encoding="utf-8"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        if request.url.split("#")[0] != self.file.as_uri() and not request.url.startswith("data:"):
            self.requests.append(request.url)
