"""Run pdflatex on what the tests rendered, and read what it says and prints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest


def lacking() -> str | None:
    """What the tests that typeset lack; None where all is there."""
    for program in ("pdflatex", "latexmk", "pdftotext"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    for package in ("siunitx", "lmodern"):
        if subprocess.run(["kpsewhich", f"{package}.sty"], capture_output=True, check=False).returncode:
            return f"LaTeX's package {package} is not installed"
    return None


typesets = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))


def typeset_latex(source: str, folder: Path) -> tuple[str, str]:
    """The log and the printed text of a document, typeset twice so that references are known."""
    (folder / "document.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    for _ in range(2):
        environment = os.environ | {"max_print_line": "1000"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    printed = subprocess.run(["pdftotext", "-layout", "document.pdf", "-"], cwd=folder, capture_output=True, check=True)
    log = (folder / "document.log").read_text(encoding="utf-8", errors="replace")
    return log, " ".join(printed.stdout.decode().split())


def overfull(log: str) -> list[float]:
    """By how many points (TeX's) lines and tables stick out to the right, without what nobody sees."""
    return [width for width in map(float, re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)) if width > 2]
