"""The report's page as tests read it, and tables to be changed before it is made."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from made_runs import CLIPS, MANIFEST, ROOT, SETTINGS, claims, experiments, groups, project

from recurrent_residual.tables import collect

TEMPLATES = ROOT / "report" / "templates"
ODD = """<b onclick='x'>"a" & 'b'</b> 50 %_\u00fc\u5b57</script>"""


class Page(HTMLParser):
    """What the tests look at: addresses that a browser loads, ids and links, visible text, rows of tables."""

    VOID = frozenset({"meta", "link", "br", "img", "hr", "input", "use", "path", "circle", "polyline"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.ids: list[str] = []
        self.anchors: list[str] = []
        self.shown: list[str] = []
        """Ids of the cards that the numbers show."""
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.rows: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for key, value in attrs:
            self.attributes.add(key)
            if key in ("src", "srcset", "data", "poster", "action") or (key.endswith("href") and tag != "a"):
                self.loaded.append(value or "")
            if key == "id":
                self.ids.append(value or "")
            if key == "popovertarget":
                self.shown.append(value or "")
            if tag == "a" and key == "href" and (value or "").startswith("#"):
                self.anchors.append((value or "")[1:])
        if tag == "tr":
            self.rows.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] in (["style"], ["script"]):
            return
        self.text += data
        if self.rows and "tr" in self.open:
            self.rows[-1] += f" {data.strip()}"

    @property
    def words(self) -> str:
        """The text with its spaces made one."""
        return " ".join(self.text.split())

    def row(self, *starts: str) -> str:
        """The one row that begins with these labels, its spaces made one."""
        wanted = " ".join(starts)
        found = [row for row in (" ".join(row.split()) for row in self.rows) if row.startswith(wanted)]
        assert len(found) == 1, (wanted, found)
        return found[0]


def copy(tables: dict[str, Any]) -> dict[str, Any]:
    """Tables that a test may change."""
    return json.loads(json.dumps(tables))


def comparable(tables: dict[str, Any]) -> dict[str, Any]:
    """The same tables, said to be comparable, with nothing against it, no clip missing and none damaged."""
    changed = copy(tables)
    changed["report"] |= {"comparable": True, "reasons": []}
    changed["clips"] |= {"missing": 0, "missing_videos": []}
    changed["manifest"]["damaged"] = []
    for claim in changed["claims"]:
        claim["reason"] = "The numbers decide."
    return changed


def row_of(tables: dict[str, Any], row: str) -> dict[str, Any]:
    """The row with this id."""
    return next(r for table in tables["tables"] for r in table["rows"] if r["id"] == row)


def text_of(source: str, identifier: str, *, until: str) -> str:
    """The text from the element with this id up to the next `until`, its spaces made one."""
    start = source.index(f'id="{identifier}"')
    markup = source[start : source.index(until, start)].partition(">")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def unfinished(runs: Path, *, chosen: list[str]) -> dict[str, Any]:
    """The tables of what is in the folder of runs, before anything else was made of it."""
    project_files = {name: project(name) for name in ("paper", "decisions")}
    collected = collect(
        runs, experiments=experiments(), claims=claims(), clips=CLIPS, manifest=MANIFEST, settings=SETTINGS,
        chosen=chosen, groups=groups(), **project_files,
    )  # fmt: skip
    return json.loads(json.dumps(collected))
