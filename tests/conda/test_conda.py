"""`snakemake --cores all --use-conda`, really run, with a stand-in for conda (stand_in.py says what that proves)."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import stand_in
import yaml
from checkouts import (
    NOTHING_TO_DO,
    REPORT,
    REPOSITORY,
    TINY,
    Checkout,
    Plan,
    check_same_results,
    counted,
    with_changes,
)

ENVIRONMENTS = sorted((REPOSITORY / "envs").glob("*.yaml"))
# Every kind of job, on one split.
CONFIG = with_changes(
    TINY,
    experiments=["block2_gru", "rrn_block4_identity", "control_average"],
    seeds={"split1": 1, "split2": 0, "split3": 0},
)
CONFIGFILE = ("--configfile", "config/tiny.yaml")
# What a conda user installs to run workflows; `pygments` comes with Bioconda's snakemake.
SNAKEMAKE = ("snakemake", "snakemake-executor-plugin-slurm", "pygments")
# All triggers but the software environment: for a change from one way of deployment to another.
OTHER_TRIGGERS = ("--rerun-triggers", "code", "input", "mtime", "params")


@dataclass(frozen=True)
class User:
    """Somebody with conda and a Python that has Snakemake, and none of what the jobs need."""

    python: Path
    path: str

    def snakemake(self, checkout: Checkout, *words: str) -> subprocess.CompletedProcess[str]:
        """Run snakemake in a checkout."""
        return checkout.run("snakemake", *words, timeout=400, PATH=self.path)

    def succeed(self, checkout: Checkout, *words: str) -> str:
        """Run snakemake in a checkout; return its output."""
        result = self.snakemake(checkout, *words)
        assert result.returncode == 0, result.stdout
        return result.stdout

    def plan(self, checkout: Checkout, *words: str) -> dict[str, int]:
        """The jobs by rule that `snakemake -n <words>` would run."""
        return Plan.parse(self.succeed(checkout, "-n", *words)).jobs


@pytest.fixture(scope="session")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    """The user, with an environment made from the package index."""
    folder = tmp_path_factory.mktemp("user")
    uv = stand_in.uv()
    if uv is None:
        pytest.skip("no uv, which makes the environments")
    for words in (
        ("venv", "--no-python-downloads", "--python", "3.11", str(folder / "own")),
        ("pip", "install", "--python", str(folder / "own"), "-c", str(REPOSITORY / "requirements.txt"), *SNAKEMAKE),
    ):
        result = subprocess.run([uv, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode:
            pytest.skip(f"no Python 3.11 or no package index: {result.stdout}")
    programs = (stand_in.install(folder / "conda"), folder / "own/bin", "/usr/local/bin", "/usr/bin", "/bin")
    return User(folder / "own/bin/python", ":".join(map(str, programs)))


@dataclass(frozen=True)
class CondaRun:
    """A checkout in which the command ran to its end, and what that printed. Not to be changed: copy it."""

    checkout: Checkout
    output: str

    def copy(self, root: Path) -> Checkout:
        """The checkout once more, with the same environments in place of copies of their gigabytes."""
        environments = self.checkout.root / ".snakemake/conda"

        def left_out(folder: str, names: list[str]) -> list[str]:
            return [name for name in names if Path(folder, name) == environments]

        shutil.copytree(self.checkout.root, root, symlinks=True, ignore=left_out)
        (root / ".snakemake/conda").symlink_to(environments)
        return Checkout(root)


@pytest.fixture(scope="session")
def finished(user: User, tmp_path_factory: pytest.TempPathFactory) -> CondaRun:
    """The tiny configuration in a fresh clone, by the command as it stands."""
    checkout = Checkout.fresh(tmp_path_factory.mktemp("conda") / "checkout")
    checkout.configure("tiny", CONFIG)
    return CondaRun(checkout, user.succeed(checkout, "--cores", "all", "--use-conda", *CONFIGFILE))


@pytest.fixture
def checkout(finished: CondaRun, tmp_path: Path) -> Checkout:
    """A copy of the finished run, to change."""
    return finished.copy(tmp_path / "checkout")


def prefixes(checkout: Checkout) -> dict[str, Path]:
    """Name of an environment file -> the folder of the environment made of it."""
    content = {file.read_text(): file.stem for file in (checkout.root / "envs").glob("*.yaml")}
    made = (checkout.root / ".snakemake/conda").glob("*.env_setup_done")
    folders = [Path(str(file).removesuffix(".env_setup_done")) for file in made]
    return {content[Path(f"{folder}.yaml").read_text()]: folder for folder in folders}


def test_same_numbers_as_without(finished: CondaRun, tmp_path: Path) -> None:
    """Frames, features, weights and predictions are those of a run without conda, byte for byte, and so is every number
    of the report but times and costs."""
    plain = Checkout.fresh(tmp_path / "plain")
    plain.configure("tiny", CONFIG)
    plain.succeed(*CONFIGFILE)
    check_same_results(plain, finished.checkout)


def test_jobs_ran_in_the_environments(user: User, finished: CondaRun) -> None:
    """The user's own Python lacks something that each environment's jobs import, and each of them was activated."""
    for package in ("av", "torch", "pyarrow"):
        assert subprocess.run([user.python, "-c", f"import {package}"], capture_output=True).returncode == 1
    environments = prefixes(finished.checkout)
    assert environments.keys() == {file.stem for file in ENVIRONMENTS}
    for prefix in environments.values():
        assert f"Activating conda environment: {prefix.relative_to(finished.checkout.root)}" in finished.output


@pytest.mark.parametrize("file", ENVIRONMENTS, ids=lambda file: file.stem)
def test_holds_what_it_lists(finished: CondaRun, file: Path) -> None:
    """Nothing comes along with an environment's packages but what is listed with them, pinned: a later build is the
    same. (pip and what it brings are conda's.)"""
    prefix, uv = prefixes(finished.checkout)[file.stem], stand_in.uv()
    assert uv is not None
    words = [uv, "pip", "list", "--python", str(prefix / "bin/python"), "--format", "json"]
    listed = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    found = {f"{package['name']}=={package['version']}".lower() for package in listed}
    pins = {pin.lower() for pin in stand_in.read_environment(file)[1]}
    assert pins <= found
    by_conda = {package.partition("==")[0] for package in found - pins}
    assert by_conda <= {"pip", "setuptools", "wheel", "packaging"}


def test_second_run_does_nothing(user: User, checkout: Checkout) -> None:
    """The same command again makes no environment and changes no file."""
    before = checkout.files()
    output = user.succeed(checkout, "--cores", "all", "--use-conda", *CONFIGFILE)
    assert NOTHING_TO_DO in output and "Creating conda environment" not in output
    assert checkout.files() == before


def test_edited_code_runs_again(user: User, checkout: Checkout) -> None:
    """Scripts' code is tracked with conda as without: an edited module runs again what uses it, and nothing else."""
    module = checkout.root / "src/recurrent_residual/report/html.py"
    module.write_text(module.read_text() + "# edited\n")
    output = user.succeed(checkout, "--cores", "all", "--use-conda", *CONFIGFILE)
    assert Plan.parse(output).jobs == counted("render_html")


def test_edited_environment_runs_again(user: User, checkout: Checkout) -> None:
    """Other versions run again what runs in that environment, and nothing else."""
    file = checkout.root / "envs/report.yaml"
    file.write_text(file.read_text().replace("- pip\n", "- pip=25.2\n", 1))
    jobs = counted(*REPORT)
    assert user.plan(checkout, "--use-conda", *CONFIGFILE) == jobs


def test_switching(user: User, finished: CondaRun, checkout: Checkout) -> None:
    """Without conda everything would run again, which was made by other software; unless the user says that it counts,
    with all triggers but that one: edited code is then still seen."""
    everything = Plan.parse(finished.output).jobs
    assert user.plan(checkout, *CONFIGFILE) == everything
    assert user.plan(checkout, *CONFIGFILE, *OTHER_TRIGGERS) == {}
    module = checkout.root / "src/recurrent_residual/report/html.py"
    module.write_text(module.read_text() + "# edited\n")
    assert user.plan(checkout, *CONFIGFILE, *OTHER_TRIGGERS) == counted("render_html")


def test_environments_only(user: User, tmp_path: Path) -> None:
    """`--conda-create-envs-only` makes the environments and runs nothing; a file that conda refuses stops it before
    any job, with the file's name and conda's words."""
    checkout = Checkout.fresh(tmp_path / "checkout")
    checkout.configure("tiny", CONFIG)
    small = yaml.safe_dump({"channels": ["conda-forge"], "dependencies": ["python=3.11", "pip"]})
    for file in (checkout.root / "envs").glob("*.yaml"):
        file.write_text(f"# {file.stem}\n{small}")
    good, broken = small, small.replace("pip", "nonesuch=1.0")
    (checkout.root / "envs/data.yaml").write_text(broken)
    words = ("--cores", "all", "--use-conda", "--conda-create-envs-only", *CONFIGFILE)
    result = user.snakemake(checkout, *words)
    assert result.returncode == 1, result.stdout
    assert "Could not create conda environment from" in result.stdout and "envs/data.yaml" in result.stdout
    assert "PackagesNotFoundError" in result.stdout and "nonesuch=1.0" in result.stdout

    (checkout.root / "envs/data.yaml").write_text(good)
    user.succeed(checkout, *words)
    assert prefixes(checkout).keys() == {file.stem for file in ENVIRONMENTS}
    assert all((prefix / "bin/python").exists() for prefix in prefixes(checkout).values())
    assert not (checkout.root / "results").exists() and not (checkout.root / "resources").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("channels: [conda-forge", "EnvironmentFileInvalid"),
        ("dependencies: python", "no list of dependencies"),
        ("{dependencies: [python=3.11], pip: [numpy]}", "EnvironmentSectionNotValid"),
        ("{channels: [elsewhere], dependencies: [python=3.11]}", "ChannelNotFound"),
        ("dependencies: [python=3.11, numpy=2.0]", "PackagesNotFoundError"),
        ("dependencies: [python==3.11]", "PackagesNotFoundError"),
        ("dependencies: [python=3.11, {pip: [numpy]}]", "pip before its section"),
        ("dependencies: [pip]", "python=<version>"),
        ("dependencies: [python=3.11, pip, {npm: [left-pad]}]", "the one pip section"),
    ],
)
def test_stand_in_is_strict(tmp_path: Path, text: str, words: str) -> None:
    """What conda would refuse, or is not known here, is refused, lest a broken file pass for a good one."""
    file = tmp_path / "environment.yaml"
    file.write_text(text)
    with pytest.raises(stand_in.CondaError, match=words):
        stand_in.read_environment(file)
