"""The report as PDF, where there is LaTeX; and one line that says what to do where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from typeset_latex import typesets

from recurrent_residual.errors import UserError
from recurrent_residual.report.typesetting import typeset

DOCUMENT = (
    r"\documentclass{{article}}\pdfinfoomitdate=1 \pdftrailerid{{}}\begin{{document}}\input{{part}} {}\end{{document}}"
)


@pytest.fixture
def tex(tmp_path: Path) -> Path:
    """A document in a folder with a space in its name, which wants a file beside it."""
    folder = tmp_path / "my report"
    folder.mkdir()
    (folder / "part.tex").write_text("A part.", encoding="utf-8")
    (folder / "paper.tex").write_text(DOCUMENT.format("The rest."), encoding="utf-8")
    return folder / "paper.tex"


@typesets
def test_a_pdf_and_nothing_else_is_left(tmp_path: Path, tex: Path) -> None:
    """The report's folder is not littered by what LaTeX writes, and twice gives the same bytes."""
    outputs = [tmp_path / "a" / "paper.pdf", tmp_path / "b" / "paper.pdf"]
    for output in outputs:
        typeset(tex, output)
    assert outputs[0].read_bytes()[:5] == b"%PDF-" and outputs[0].read_bytes() == outputs[1].read_bytes()
    assert sorted(path.name for path in tex.parent.iterdir()) == ["paper.tex", "part.tex"]
    assert [path.name for path in outputs[0].parent.iterdir()] == ["paper.pdf"]


@typesets
@pytest.mark.parametrize(
    ("fault", "said"),
    [(r"\nosuchcommand", "Undefined control sequence"), (r"\input{absent}", "File `absent.tex' not found")],
)
def test_an_error_of_latex_is_one_line(tmp_path: Path, tex: Path, fault: str, said: str) -> None:
    """The first error is told, the log is kept, and an older PDF stays as it was; the next success removes the log."""
    output = tmp_path / "paper.pdf"
    output.write_bytes(b"before")
    tex.write_text(DOCUMENT.format(fault), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        typeset(tex, output)
    message = str(caught.value)
    assert said in message and "\n" not in message and str(tmp_path / "paper.log") in message
    assert ("texlive-science" in message) == ("not found" in message)
    assert said in (tmp_path / "paper.log").read_text() and output.read_bytes() == b"before"
    tex.write_text(DOCUMENT.format("Mended."), encoding="utf-8")
    typeset(tex, output)
    assert not (tmp_path / "paper.log").exists()


def test_no_latexmk_is_told(tmp_path: Path, tex: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no LaTeX the message says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"latexmk: not installed; install LaTeX .*texlive-science"):
        typeset(tex, tmp_path / "paper.pdf")


def test_no_document_is_told(tmp_path: Path) -> None:
    """The message names what is missing and what makes it."""
    with pytest.raises(UserError, match=r"absent.tex: no such file; render_latex"):
        typeset(tmp_path / "absent.tex", tmp_path / "paper.pdf")
