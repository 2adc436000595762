"""The conda environments hold what their rules' scripts import, at the versions that were locked and tested."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from checkouts import REPOSITORY
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from recurrent_residual.code_inputs import code_of, model_file

ENVIRONMENTS = sorted(path.stem for path in (REPOSITORY / "envs").glob("*.yaml"))
LOCKED = sorted(REPOSITORY.glob("requirements*.txt"))
MODELS = sorted(path.stem for path in (REPOSITORY / "src/recurrent_residual/models").glob("[a-z]*.py"))


def entries(file: Path) -> list[str]:
    """The entries of a locked requirements file, each with its hashes in one line."""
    joined = file.read_text().replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def locked_versions(python: str) -> dict[str, str]:
    """Package -> version that requirements.txt installs on Linux with this Python."""
    machine = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    found: dict[str, str] = {}
    for entry in entries(REPOSITORY / "requirements.txt"):
        requirement = Requirement(entry.partition("--hash")[0].strip())
        if requirement.marker is None or requirement.marker.evaluate({**machine, "platform_system": "Linux"}):
            (specifier,) = requirement.specifier
            found[canonicalize_name(requirement.name)] = specifier.version
    return found


def pinned(environment: str) -> tuple[str, dict[str, str]]:
    """The Python version of envs/<environment>.yaml and its packages from pip, package -> version."""
    dependencies = yaml.safe_load((REPOSITORY / f"envs/{environment}.yaml").read_text())["dependencies"]
    (python,) = (str(item).partition("=")[2] for item in dependencies if str(item).startswith("python="))
    (packages,) = (item["pip"] for item in dependencies if isinstance(item, dict))
    pairs = (package.split("==") for package in packages)
    return python, {canonicalize_name(name): version for name, version in pairs}


def rules() -> dict[str, tuple[str, str, bool]]:
    """Rule -> its environment, its script, and whether it runs a model that an experiment names."""
    text = "\n".join(path.read_text() for path in sorted((REPOSITORY / "workflow/rules").glob("*.smk")))
    parts = re.split(r"^ *rule (\w+):$", text, flags=re.M)[1:]
    found = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        (environment,) = re.findall(r'conda:\s+"\.\./\.\./envs/(\w+)\.yaml"', body)
        (script,) = re.findall(r"python scripts/(\w+)\.py", body)
        found[name] = (environment, script, "model_code(" in body)
    return found


def imported_packages(files: set[Path]) -> set[str]:
    """Packages outside the standard library and this project that `files` import, as a package index names them."""
    names: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    distributions = packages_distributions()
    third_party = names - sys.stdlib_module_names - {"recurrent_residual"}
    return {canonicalize_name(distributions[name][0]) for name in third_party}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_pins_are_the_locked_versions(environment: str) -> None:
    """With --use-conda the versions run that were tested without: an environment pins what requirements.txt locks."""
    python, packages = pinned(environment)
    locked = locked_versions(python)
    assert packages and packages == {name: locked[name] for name in packages}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_solves_to_one_version(environment: str) -> None:
    """What comes from a channel is pinned, too (but for pip, which installs the rest), and only conda-forge is asked,
    whatever channels the user has set."""
    content = yaml.safe_load((REPOSITORY / f"envs/{environment}.yaml").read_text())
    assert content.keys() == {"channels", "dependencies"}
    assert content["channels"] == ["conda-forge", "nodefaults"]
    packages = [item for item in content["dependencies"] if isinstance(item, str)]
    assert packages[0].startswith("python=") and packages[1] == "pip"
    assert all(re.fullmatch(r"[a-z0-9_.-]+=[0-9]+(\.[0-9a-z]+)+", package) for package in packages if package != "pip")


def test_can_unpack_rar() -> None:
    """The data's environment brings a program for RAR, so that a fall-back to UCF-101's RAR needs nothing else."""
    content = yaml.safe_load((REPOSITORY / "envs/data.yaml").read_text())
    assert any(str(item).startswith("libunrar=") for item in content["dependencies"])


@pytest.mark.parametrize("rule", rules())
def test_holds_all_imports(rule: str) -> None:
    """Every package that a rule's script can import, through whatever module, is in the rule's environment."""
    environment, script, runs_models = rules()[rule]
    files = set(code_of(REPOSITORY / "scripts" / f"{script}.py"))
    if runs_models:
        files.update(*(code_of(model_file(model)) for model in MODELS))
    missing = imported_packages(files) - set(pinned(environment)[1])
    assert not missing, f"envs/{environment}.yaml lacks {missing}, which scripts/{script}.py imports"


def test_every_environment_is_used() -> None:
    """No environment file is left over, and no rule names one that is not there."""
    assert {environment for environment, _, _ in rules().values()} == set(ENVIRONMENTS)


@pytest.mark.parametrize("file", LOCKED, ids=lambda file: file.name)
def test_requirements_are_hashed(file: Path) -> None:
    """Every requirement has one exact version and hashes; none names a URL or an index, so that any mirror serves."""
    found = entries(file)
    assert found
    for entry in found:
        assert re.match(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==[^\s;]+( ; .*?)? +--hash=sha256:[0-9a-f]{64}\b", entry), entry
        assert "://" not in entry and "index" not in entry.partition("==")[2], entry
    assert not re.search(r"://|^\s*-", file.read_text().replace("    --hash", ""), re.M)
