"""The page's HTML, and the CSS and SVG in it, by the Nu checker (npm's vnu-jar), which needs Java."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
JAR = FOLDER / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
# It says so of any picture in the page, though the policy allows `data:`; browsers show them and do not complain.
SLIP = "Resource violates Content Security Policy (meta tag): image “data:image/jpeg;base64,"


@pytest.fixture(scope="session")
def checker() -> list[str]:
    """The command that checks files; the version in package-lock.json is installed where there is none or another."""
    for program, package in (("java", "default-jre-headless"), ("npm", "npm")):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}: apt-get install {package}")
    installed = FOLDER / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < (FOLDER / "package-lock.json").stat().st_mtime:
        # Without the package's script, which would download a Java.
        words = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        result = subprocess.run(words, cwd=FOLDER, capture_output=True, text=True, timeout=120)
        if result.returncode:
            pytest.skip(f"npm could not install the Nu checker: {result.stderr}")
    command = ["java", "-Xss8m", "-jar", str(JAR)]
    result = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=120)
    if result.returncode:  # Java 17 is the oldest that it runs on
        pytest.skip(f"the Nu checker does not run here: {result.stderr.splitlines()[0]}")
    return [*command, "--format", "json", "--exit-zero-always"]


def check(checker: list[str], page: Path) -> list[str]:
    """The checker's errors and warnings on a page, with the place and the text that each is about."""
    result = subprocess.run([*checker, str(page)], capture_output=True, text=True, timeout=120)
    return [
        f"line {message.get('lastLine')}: {message['message']} {message.get('extract', '')!r}"
        for message in json.loads(result.stderr)["messages"]
        if not message["message"].startswith(SLIP)
    ]


def test_the_page_is_valid_html(checker: list[str], page_file: Path) -> None:
    """A browser that is no Chromium, and a screen reader, get what the templates mean; no warning either."""
    assert check(checker, page_file) == []


@pytest.mark.parametrize("page_file", ["small"], indirect=True)
def test_the_checker_finds_faults(checker: list[str], page_file: Path, tmp_path: Path) -> None:
    """That it found none says something: it does find an unknown attribute, an id used twice and a wrong property."""
    faulty = tmp_path / "faulty.html"
    text = page_file.read_text(encoding="utf-8")
    for old, new in (
        ("<main", "<main popovr"),
        ("</main>", '<p id="twice">a</p><p id="twice">b</p></main>'),
        ("</style>", "p { colour: red }</style>"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    faulty.write_text(text, encoding="utf-8")
    found = "\n".join(check(checker, faulty))
    assert "popovr" in found and "twice" in found and "colour" in found, found
