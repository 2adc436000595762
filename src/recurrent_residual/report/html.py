"""The report as one HTML page that needs nothing beside it: no address is loaded, pictures and script are inlined.

What is read needs no script; the script only sorts and filters tables and shows on pointing what a click shows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from recurrent_residual.report import plots, words
from recurrent_residual.report.svg import sparkline, svg


def render(tables: Mapping[str, Any], templates: Path) -> str:
    """The page of `tables` (the content of tables.json), laid out by the folder `page` of the templates' folder."""
    return lay_out(tables, draw(tables), templates)


def lay_out(tables: Mapping[str, Any], pictures: Mapping[str, Markup], templates: Path) -> str:
    """The page with pictures that were drawn before (see `draw`)."""
    settings_json = json.dumps(tables["settings"], indent=2, ensure_ascii=False)
    page = _environment(templates / "page").get_template("page.html")
    return page.render(**tables, pictures=pictures, settings_json=settings_json)


@cache
def _environment(folder: Path) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= words.FILTERS | {"sparkline": sparkline, "plain": plain, "same_settings": same_settings}
    return environment


def draw(tables: Mapping[str, Any]) -> dict[str, Markup]:
    """All pictures by name, as SVG: those of `plots.pictures`, and `look-<n>` of each clip that was looked into."""
    drawn = plots.pictures(tables)
    if looks := tables.get("looks"):
        for number, clip in enumerate(looks["clips"], start=1):
            drawn[f"look-{number}"] = plots.probabilities(clip, title=looks["title"], beside=looks["beside_title"])
    return {name: svg(name, picture) for name, picture in drawn.items()}


def plain(text: str) -> Markup:
    """Text between two tags: quotes stay, of which a command has so many that their escapes would fill the page."""
    return Markup(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def same_settings(runs: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], list[Mapping[str, Any]]]]:
    """An experiment's runs by their settings, (settings, their runs): one group unless the configuration changed."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        groups.setdefault(json.dumps(run["settings"], sort_keys=True), []).append(run)
    return [(group[0]["settings"], group) for group in groups.values()]
