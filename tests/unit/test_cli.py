"""Protects the scripts' manners: help, one-line errors, files whole or not at all."""

import os
import subprocess
import sys

import pytest

from recurrent_residual.code_inputs import SOURCE
from recurrent_residual.files import atomic, write_text

SCRIPTS = sorted((SOURCE.parent / "scripts").glob("*.py"))


def call(script, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_help_is_the_scripts_docstring(script) -> None:
    printed = call(script, "--help")
    first_line = script.read_text().split('"""')[1].splitlines()[0]
    assert printed.returncode == 0 and first_line in printed.stdout


def test_a_users_error_is_one_line_and_status_1(tmp_path) -> None:
    script = SOURCE.parent / "scripts" / "build_manifest.py"
    arguments = ("--clips", str(tmp_path / "none.tsv"), "--indexes", "x", "--output", str(tmp_path / "m.tsv"))
    arguments += ("--summary", str(tmp_path / "m.json"))
    printed = call(script, *arguments)
    assert printed.returncode == 1
    assert printed.stderr.startswith("error: ") and "none.tsv" in printed.stderr and printed.stderr.count("\n") == 1
    assert not (tmp_path / "m.tsv").exists()


def test_a_file_is_written_whole_or_not_at_all(tmp_path) -> None:
    file = tmp_path / "folder" / "file.txt"
    write_text(file, "first")
    with pytest.raises(RuntimeError), atomic(file) as part:
        part.write_text("half of the sec")
        raise RuntimeError
    assert file.read_text() == "first" and [p.name for p in file.parent.iterdir()] == ["file.txt"]


FULL = """
import sys
from recurrent_residual import cli
from recurrent_residual.errors import UserError

class Later(UserError):
    status = 75

def main(options):
    sys.stderr = open("/dev/full", "w")
    if options.end == "later":
        raise Later("stopped; the same command goes on")
    if options.end == "wrong":
        raise UserError("bad")

parser = cli.parser("")
parser.add_argument("end")
cli.run(main, parser)
"""


@pytest.mark.parametrize(("end", "status"), [("well", 0), ("wrong", 1), ("later", 75)])
def test_the_exit_status_is_right_even_where_nothing_can_be_told(tmp_path, end: str, status: int) -> None:
    """A log on a full disk: Snakemake goes by the status alone."""
    script = tmp_path / "script.py"
    script.write_text(FULL)
    assert call(script, end).returncode == status


def test_what_is_no_error_is_not_called_one(tmp_path) -> None:
    script = tmp_path / "script.py"
    script.write_text(FULL.replace('sys.stderr = open("/dev/full", "w")', "pass"))
    assert call(script, "later").stderr == "stopped; the same command goes on\n"
    assert call(script, "wrong").stderr == "error: bad\n"
