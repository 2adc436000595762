"""The report as one HTML page that needs nothing beside it: no script, no address loaded, its pictures inlined."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from recurrent_residual.report import plots, words


def render(tables: Mapping[str, Any], templates: Path) -> str:
    """The page of `tables` (the content of tables.json), laid out by the templates in a folder."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= words.FILTERS
    pictures = {name: Markup(picture) for name, picture in draw(tables).items()}  # escaped there
    settings_json = json.dumps(tables["settings"], indent=2, ensure_ascii=False)
    return environment.get_template("paper_tables.html").render(
        **tables, pictures=pictures, settings_json=settings_json
    )


def draw(tables: Mapping[str, Any]) -> dict[str, str]:
    """All pictures by name; those for which nothing was run are left out.

    Names: those of `figures`, `curves-<model>` for each model, and `confusion`.
    """
    pictures = {name: plots.errors(name, figure) for name, figure in tables["figures"].items()}
    histories: dict[str, list[tuple[str, list[dict[str, float]]]]] = {}
    for experiment in tables["experiments"].values():
        if experiment["runs"] and (history := experiment["runs"][0]["history"]):
            histories.setdefault(experiment["model"], []).append((experiment["title"], history))
    for model, lines in histories.items():
        pictures[f"curves-{model}"] = plots.curves(f"curves-{model}", lines)
    if best := tables["best"]:
        pictures["confusion"] = plots.confusion("confusion", best["confusion"], best["classes"])
    return {name: picture for name, picture in pictures.items() if picture}
