"""The report's tables as a LaTeX file that compiles by itself with pdflatex; each table can be copied out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from recurrent_residual.report import words

ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"\textasciigrave{}",
    "'": "'",
    "\u2013": "--",
    "\u2014": "---",
    "\u2212": "$-$",
    "\u00a0": "~",
    "\u201c": "``",
    "\u201d": "''",
    "\u2018": "`",
    "\u2019": "'",
    "\u2026": r"\dots{}",
}

# What the standard fonts can print of Latin-1: all but guillemets, eth and thorn.
LATIN_1 = {chr(code) for code in range(0xA1, 0x100)} - set("\u00ab\u00bb\u00ad\u00d0\u00de\u00f0\u00fe")


class TeX(str):
    """Text that is LaTeX already; everything else that a template prints is escaped."""


def escape(content: object) -> str:
    """Any text as LaTeX that pdflatex prints as it stands; letters that its fonts lack are named by their number."""
    text = re.sub(r'(?<![^\s(])"(?=\S)', "\u201c", str(content))
    return re.sub(r"[^ -~]|[\\{}~^&%$#_<>|\"`]", lambda match: _escape(match[0]), text)


def _escape(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    if character.isspace():
        return " "
    return character if character in LATIN_1 else f"[U+{ord(character):04X}]"


def breakable(content: object) -> TeX:
    """A path, command or name, escaped, which may break its line at its punctuation."""
    return TeX(re.sub(r"(/|\\_|=|,|\.)", r"\1\\allowbreak{}", escape(content)))


def cells(contents: Iterable[object]) -> TeX:
    """Several cells of a table's row, escaped."""
    return TeX(" & ".join(escape(content) for content in contents))


def render(tables: Mapping[str, Any], templates: Path) -> str:
    """The LaTeX file of `tables` (the content of tables.json), laid out by the templates in a folder."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
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
    environment.filters |= words.FILTERS | {"breakable": breakable, "cells": cells}
    return environment.get_template("paper_tables.tex").render(**tables)
