"""The report as LaTeX: a document that compiles by itself with pdflatex, and each table alone, for somebody's paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from recurrent_residual.report import latex_cells, latex_claims, words
from recurrent_residual.report.latex_text import TeX, escape


def render(
    tables: Mapping[str, Any], templates: Path, *, pictures: Sequence[str] = (), figures_folder: str = "figures"
) -> str:
    """The whole report as one document.

    Args:
        tables: the content of tables.json.
        templates: folder of the report's templates; LaTeX's stand in its folder `latex`.
        pictures: names of the figures that the document shows.
        figures_folder: where they stand as <name>.pdf, from the document's folder; it compiles without them, too.
    """
    document = _environment(templates).get_template("paper_tables.tex")
    content = _content(tables)
    return document.render(**content, pictures=list(pictures), figures_folder=figures_folder) + "\n"


def render_tables(tables: Mapping[str, Any], templates: Path) -> dict[str, str]:
    """Each table as LaTeX to be put into a paper by \\input, by its id: those of the paper, ours, and "claims".

    They are the same tables as in the document, in an environment `table` with caption and label, no wider than the
    text of a plain article, and want the packages booktabs and siunitx only.
    """
    template = _environment(templates).get_template("includable.tex")
    content = _content(tables)
    texts = {
        table["id"]: template.render(**content, id=table["id"], what=table["title"], table=table, template="table.tex")
        for table in tables["tables"]
    }
    if tables["claims"]:
        texts["claims"] = template.render(**content, id="claims", what="The claims", template="claims.tex")
    return {name: text + "\n" for name, text in texts.items()}


def _content(tables: Mapping[str, Any]) -> dict[str, Any]:
    """What the templates show: the claims in the order of their numbers, which is one for all lists of them."""
    return {**tables, "claims": latex_claims.in_order(tables["claims"])}


def _environment(templates: Path) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates / "latex"),
        autoescape=False,
        finalize=lambda content: content if isinstance(content, TeX) else escape(content),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
    )
    environment.filters |= words.FILTERS | latex_cells.FILTERS | latex_claims.FILTERS
    return environment
