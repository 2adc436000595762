"""Checkouts to test in: a fresh one for each test, and copies of one in which the tiny configuration has really run."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkouts import TINY, Checkout, FinishedRun


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The project's files. Not to be changed."""
    return Checkout.fresh(tmp_path_factory.mktemp("pristine"))


@pytest.fixture
def checkout(pristine: Checkout, tmp_path: Path) -> Checkout:
    """A fresh clone."""
    return pristine.copy(tmp_path / "checkout")


@pytest.fixture(scope="session")
def finished(pristine: Checkout, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """The tiny configuration, really run by the command behind `make demo`."""
    checkout = pristine.copy(tmp_path_factory.mktemp("finished") / "checkout")
    configfile = checkout.configure("tiny", TINY)
    result = checkout.script("run_workflow", "--configfile", configfile, "--cores", "2", timeout=400)
    assert result.returncode == 0, result.stdout
    return FinishedRun(checkout, result.stdout)


@pytest.fixture
def populated(finished: FinishedRun, tmp_path: Path) -> Checkout:
    """A copy of the finished run, to change."""
    return finished.checkout.copy(tmp_path / "populated")


@pytest.fixture(scope="session")
def small_videos(pristine: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `videos` and `lists` in UCF-101's layout: 2 classes, 15 groups, 30 clips. Not to be changed."""
    folder = tmp_path_factory.mktemp("small")
    places = ("--videos", str(folder / "videos"), "--lists", str(folder / "lists"))
    # Fifteen groups are the fewest of which each split has some to test on.
    sizes = ("--classes", "BallFalls", "BallRises", "--groups", "15", "--clips", "1")
    result = pristine.script("make_demo_videos", *places, *sizes)
    assert result.returncode == 0, result.stdout
    return folder
