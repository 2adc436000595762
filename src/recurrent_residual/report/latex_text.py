"""Any text as LaTeX that pdflatex prints as it stands, whatever the encoding of the document's font."""

from __future__ import annotations

import re
import unicodedata

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
    "[": "{[}",  # or it is an option of the \\ or \item before it
    "*": "{*}",
    '"': "''",
    "`": r"\textasciigrave{}",
    "\u0132": "IJ",
    "\u0133": "ij",
    "\u2122": r"\textsuperscript{TM}",
    "\u00a0": "~",
    "\u00ad": r"\-",
    "\u200b": r"\allowbreak{}",
    "\u2011": "-",
    "\u2013": "--",
    "\u2014": "---",
    "\u2018": "`",
    "\u2019": "'",
    "\u201c": "``",
    "\u201d": "''",
    "\u2026": r"\dots{}",
    "\u2190": r"$\leftarrow$",
    "\u2192": r"$\rightarrow$",
    "\u2212": "$-$",
    "\u221a": r"$\surd$",
    "\u221e": r"$\infty$",
    "\u2248": r"$\approx$",
    "\u2260": r"$\neq$",
    "\u2264": r"$\leq$",
    "\u2265": r"$\geq$",
}

# What LaTeX's own inputenc knows from U+00A1 to U+017F, and Romanian's letters: in each font encoding, but for those
# that only T1 has, which are printed in T1 wherever they stand. Ohm, micro and the like are Greek letters: `_greek`.
NOT_THERE = set("\u0126\u0127\u0132\u0133\u0138\u013f\u0140\u0149\u0166\u0167\u017f")
ONLY_IN_T1 = set("«»ÐðÞþĄąĐđĘęĮįŊŋŲų\u201a\u201e\u2039\u203a")
KNOWN = {chr(code) for code in range(0xA1, 0x180)} - NOT_THERE | ONLY_IN_T1 | set("ȘșȚț€\u2020\u2021\u2022\u2030")

# Capital letters that Greek shares with Latin, for which TeX has no command of their own.
SHARED_CAPITALS = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True))


class TeX(str):
    """Text that is LaTeX already; everything else that a template prints is escaped."""


def escape(content: object) -> TeX:
    """Any text as LaTeX; a character that pdflatex's fonts lack is named by its number, as in [U+6F22]."""
    text = unicodedata.normalize("NFC", str(content))
    text = re.sub(r'(?<![^\s(])"(?=\S)', "\u201c", text)
    return TeX(re.sub(r"[^ -~]|[\\{}~^&%$#_<>|\"`*[]|-(?=-)|,(?=,)|'(?=')", lambda match: _escape(match[0]), text))


def code(content: object) -> TeX:
    """A path, command or name in typewriter type, with straight quotes; it may break its line at its punctuation."""
    pieces = re.split(r"([\"'])", str(content))
    quotes = {'"': r"\char34{}", "'": r"\textquotesingle{}"}
    text = "".join(quotes.get(piece) or escape(piece) for piece in pieces)
    return TeX(r"\texttt{" + re.sub(r"([/_=,.:])", r"\1\\allowbreak{}", text) + "}")


def _escape(character: str) -> str:
    if character in "-,'":  # two of them would become one: a dash, a low or a closing quotation mark
        return character + "{}"
    if character in ESCAPES:
        return ESCAPES[character]
    if character.isspace():
        return " "
    if character in ONLY_IN_T1:
        return rf"{{\fontencoding{{T1}}\selectfont {character}}}"
    return character if character in KNOWN else _greek(character) or f"{{[}}U+{ord(character):04X}]"


def _greek(character: str) -> str | None:
    """A Greek letter by its name in Unicode, which is TeX's, too; None for what is none, or carries an accent."""
    if character in SHARED_CAPITALS:
        return rf"$\mathrm{{{SHARED_CAPITALS[character]}}}$"
    found = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER ([A-Z]+)", unicodedata.name(character, ""))
    if not found or character not in "αβγδεζηθικλμνοπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ":
        return None
    name = {"LAMDA": "LAMBDA", "OMICRON": "O"}.get(found[2], found[2])
    if name == "O":
        return "$o$"
    return rf"$\{name.lower() if found[1] == 'SMALL' else name.capitalize()}$"
