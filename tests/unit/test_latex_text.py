"""Any text comes out of LaTeX as it was written."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typeset_latex import typeset_latex, typesets

from recurrent_residual.report import latex_text
from recurrent_residual.report.latex_text import TeX, code, escape

LETTERS = sorted(latex_text.KNOWN - set("´¨¯¸²³¹")) + list("αβγδζηθικλνξπρστυχψωΓΘΛΞΠΣΥΨΩ")
ASCII = "".join(map(chr, range(ord(" "), 0x7F)))
COMMANDS = re.compile(r"\\([A-Za-z]+|[{}&%$#_-])|\$[^$]+\$")


@pytest.mark.parametrize("convert", [escape, code])
@given(text=st.text() | st.text(alphabet=ASCII))
def test_nothing_of_a_text_is_left_to_latex(convert: type[TeX], text: str) -> None:
    """No character of a text starts a command, a comment, a cell or a formula, and braces are balanced."""
    tex = convert(text)
    assert not set(COMMANDS.sub("", tex)) & set('\\&%$#^_"<>|'), "but ~ and `, a fixed space and an opening quote"
    bare = re.sub(r"\\[{}]", "", tex)
    depth = 0
    for character in bare:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    assert "\n" not in tex and "\r" not in tex


@given(st.text(alphabet="abc XYZ 019 .:;!?()/+=@-"))
def test_plain_text_stays_as_it_is(text: str) -> None:
    """Most names need no escape, and can be read in the file."""
    assert escape(text).replace("-{}", "-") == text


def test_text_that_begins_with_a_bracket_is_no_option() -> None:
    r"""After \\ and \item a bracket would be read as an option, and a star as its other form."""
    assert escape("[1] *") == "{[}1] {*}"


def test_characters_that_the_fonts_lack_are_named() -> None:
    """Nothing is dropped silently."""
    assert escape("漢") == "{[}U+6F22]"
    assert escape("e\u0301") == "é", "a letter and its accent are one letter"


@typesets
@pytest.mark.parametrize("encoding", ["OT1", "T1"])
def test_what_is_known_is_printed(tmp_path: Path, encoding: str) -> None:
    """Every character that escape takes for printable compiles, in the old font encoding as in the new."""
    lines = "\n\n".join(f"{escape(letter)} {code(letter)}" for letter in [*LETTERS, *ASCII, *latex_text.ESCAPES])
    fonts = r"\usepackage[T1]{fontenc}\usepackage{lmodern}" if encoding == "T1" else ""
    log, _ = typeset_latex(rf"\documentclass{{article}}{fonts}\begin{{document}}{lines}\end{{document}}", tmp_path)
    assert "Missing character" not in log and "Error" not in log


@typesets
def test_text_is_printed_as_it_was_written(tmp_path: Path) -> None:
    """What can be read in the PDF is the text that went in: markup, quotes, dashes, and letters beyond English."""
    texts = [
        r"Odd_Name & 50% <b>{x}</b> $5 #1 ~tilde ^hat back\slash |pipe|",
        "Łódź, Žižek, Ångström, Ærø, Çağlar Şahin, Gdańsk, Reykjavík",
        "Ω and 漢, x >= 3 -- a---b ,,low,,",
        "*starred* [in brackets]",
    ]
    commands = ["""python x.py --name "a 'b' c" --path a_b/c.d=e,f:g"""]
    body = "\n\n".join([*map(escape, texts), *map(code, commands)])
    fonts = r"\usepackage[T1]{fontenc}\usepackage{lmodern}"
    _, printed = typeset_latex(rf"\documentclass{{article}}{fonts}\begin{{document}}{body}\end{{document}}", tmp_path)
    for text in [*texts, *commands]:
        assert " ".join(text.replace("漢", "[U+6F22]").split()) in unicodedata.normalize("NFKC", printed)
