"""Typeset a LaTeX document as PDF with latexmk, which runs pdflatex as often as references and widths want it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from recurrent_residual.errors import UserError
from recurrent_residual.files import atomic

PACKAGES = "Debian's packages: latexmk, texlive-latex-recommended, texlive-science and lmodern"


def typeset(tex: Path, output: Path) -> None:
    """Typeset `tex` and write the PDF to `output`; nothing else is left behind.

    Files that the document names are found from its own folder. When LaTeX fails, its log stands beside `output` as
    <name>.log.

    Raises:
        UserError: latexmk is not installed, the document is not there, or LaTeX stopped at an error.
    """
    if not tex.is_file():
        raise UserError(f"{tex}: no such file; render_latex writes it")
    latexmk = shutil.which("latexmk")
    if latexmk is None:
        raise UserError(f"latexmk: not installed; install LaTeX ({PACKAGES}), or typeset {tex} where there is LaTeX")
    log = output.with_suffix(".log")
    with tempfile.TemporaryDirectory() as folder:
        options = ["-norc", "-pdf", "-interaction=nonstopmode", "-halt-on-error", f"-outdir={folder}"]
        # A line of the log is not to be broken within an error's message.
        environment = os.environ | {"max_print_line": "1000"}
        done = subprocess.run(
            [latexmk, *options, tex.name],
            cwd=tex.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        made = Path(folder, tex.stem)
        if done.returncode:
            written = made.with_suffix(".log")
            with atomic(log) as part:
                part.write_bytes(written.read_bytes() if written.is_file() else done.stdout)
            raise UserError(f"{tex}: LaTeX stopped: {_reason(log)}; its log is {log}")
        with atomic(output) as part:
            shutil.copyfile(made.with_suffix(".pdf"), part)
    log.unlink(missing_ok=True)


def _reason(log: Path) -> str:
    """The first error that a log tells of, in one line; with what to install where a file of LaTeX's is missing."""
    text = log.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^! *(.+?)\.?$", text, flags=re.MULTILINE)
    message = " ".join(found[1].split()) if found else "no error in its log"
    return f"{message} ({PACKAGES})" if re.search(r"File `.*' not found", message) else message
