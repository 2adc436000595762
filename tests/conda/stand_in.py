"""A stand-in for conda, for machines that reach a Python package index but no conda channel.

`install(folder)` makes it; Snakemake then finds a `conda` with which `--use-conda` makes real environments, one a file:
a Python of its own, and the file's pip section installed into it from the index, by uv. So it shows that the pins exist
and go together, that the environments hold all that the jobs import, that Snakemake makes, activates and uses them.

It does not show that conda-forge solves: packages from a channel are only compared with those known here. Of these
`python` is an interpreter of this machine with a fresh environment, `pip` is really installed, and `unrar` of
`libunrar` only says that it is none.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

VERSION = "24.11.3"  # Snakemake wants 24.7.1 or newer
CHANNELS = {"conda-forge", "nodefaults"}
# Package -> its programs; python and pip are made by uv.
STUBS = {"libunrar": ["unrar"]}
SPECIFICATION = re.compile(r"([a-z0-9_.-]+)(?:=([0-9][0-9a-z.]*))?")
ACTIVATE = """# Sourced: activate PREFIX
[ -d "$1/conda-meta" ] || { echo "EnvironmentLocationNotFound: $1" >&2; return 1; }
export CONDA_PREFIX="$1" CONDA_DEFAULT_ENV="$1" CONDA_SHLVL=1 PATH="$1/bin:$PATH"
"""


class CondaError(Exception):
    """What conda would say before it gives up."""


def uv() -> str | None:
    """The path of uv: that of this Python's environment, else the one on PATH."""
    return shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv")


def install(folder: Path) -> Path:
    """Write `conda` and `activate` below `folder`; return the folder to put first on PATH.

    Raises:
        FileNotFoundError: there is no uv.
    """
    program = uv()
    if program is None:
        raise FileNotFoundError("uv")
    programs = folder / "bin"
    programs.mkdir(parents=True)
    (programs / "activate").write_text(ACTIVATE)
    words = [sys.executable, str(Path(__file__).resolve()), str(folder.resolve()), program]
    (programs / "conda").write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    (programs / "conda").chmod(0o755)
    return programs


def read_environment(file: Path) -> tuple[dict[str, str], list[str]]:
    """An environment file's packages from channels, name -> version or "", and its packages for pip.

    Raises:
        CondaError: conda would refuse the file, or a package is not known here.
    """
    try:
        content = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise CondaError(f"EnvironmentFileInvalid: {file}: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("dependencies"), list):
        raise CondaError(f"EnvironmentFileInvalid: {file}: no list of dependencies")
    if unknown := content.keys() - {"name", "channels", "dependencies"}:
        raise CondaError(f"EnvironmentSectionNotValid: {file}: {sorted(unknown)}")
    if not set(content.get("channels", [])) <= CHANNELS:
        raise CondaError(f"ChannelNotFound: {file}: {content['channels']}, but known here are {sorted(CHANNELS)}")
    packages: dict[str, str] = {}
    for entry in (entry for entry in content["dependencies"] if isinstance(entry, str)):
        match = SPECIFICATION.fullmatch(entry)
        if match is None or match[1] not in {"python", "pip", *STUBS}:
            raise CondaError(f"PackagesNotFoundError: {file}: {entry}")
        packages[match[1]] = match[2] or ""
    sections = [entry for entry in content["dependencies"] if not isinstance(entry, str)]
    if not all(isinstance(section, dict) and section.keys() == {"pip"} for section in sections) or len(sections) > 1:
        raise CondaError(f"EnvironmentFileInvalid: {file}: a dependency is neither a package nor the one pip section")
    if not packages.get("python") or (sections and "pip" not in packages):
        raise CondaError(f"EnvironmentFileInvalid: {file}: python=<version>, and pip before its section, are wanted")
    return packages, sections[0]["pip"] if sections else []


def create(program: str, file: Path, prefix: Path) -> None:
    """Make the environment that `file` describes in `prefix`, with uv at `program`."""
    packages, from_pip = read_environment(file)
    leaks = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT")
    clean = {key: value for key, value in os.environ.items() if key not in leaks}

    def run(*words: str) -> None:
        result = subprocess.run([program, *words], env=clean, capture_output=True, text=True)
        if result.returncode:
            raise CondaError(f"{shlex.join(['uv', *words])}\n{result.stdout}{result.stderr}")

    run("venv", "--quiet", "--no-python-downloads", "--python", packages["python"], "--seed", str(prefix))
    if from_pip:
        # Compiled like pip does: the jobs of a test write no bytecode, and torch takes seconds without.
        run("pip", "install", "--quiet", "--compile-bytecode", "--python", str(prefix / "bin/python"), *from_pip)
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta/history").write_text("".join(f"+{name}-{version}\n" for name, version in packages.items()))
    for name in (name for package in packages for name in STUBS.get(package, [])):
        stub = prefix / "bin" / name
        stub.write_text(f"#!/bin/sh\necho '{name}: only a stub, from the stand-in for conda' >&2\nexit 1\n")
        stub.chmod(0o755)


def main(folder: Path, program: str, words: list[str]) -> None:
    """Answer one command line of those that Snakemake gives conda."""
    if words == ["--version"]:
        print(f"conda {VERSION}")
    elif words[:1] == ["info"]:
        print(json.dumps({"conda_prefix": str(folder), "platform": "linux-64", "conda_version": VERSION}))
    elif words[:2] == ["config", "--get"]:
        print(json.dumps({"get": {"channel_priority": "strict"}}))
    elif words[:2] == ["env", "create"]:
        parser = argparse.ArgumentParser(prog="conda env create")
        parser.add_argument("--quiet", action="store_true")
        parser.add_argument("--no-default-packages", action="store_true")
        parser.add_argument("--file", type=Path, required=True)
        parser.add_argument("--prefix", type=Path, required=True)
        options = parser.parse_args(words[2:])
        create(program, options.file, options.prefix)
    elif words[:1] != ["clean"]:
        raise CondaError(f"CommandNotFoundError: not known to this stand-in: {shlex.join(words)}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
    except CondaError as error:
        sys.exit(str(error))
