"""A Slurm, a conda, and checkouts in which `snakemake --profile slurm` has really run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import one_node
import pytest
import stand_in
from checkouts import Checkout
from cluster import CONFIGFILE, SMALL, Cluster, Finished


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    try:
        one_node.install()
    except one_node.Unavailable as error:
        pytest.skip(str(error))
    if stand_in.uv() is None:
        pytest.skip("no uv, which makes the jobs' environments")
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp") as folder:
        slurm = one_node.OneNode(Path(folder))
        try:
            slurm.up()
            home = tmp_path_factory.mktemp("login")
            yield Cluster(stand_in.install(home / "conda"), home / "environments")
        finally:
            slurm.down()


@pytest.fixture(scope="session")
def on_slurm(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Run by `snakemake --profile slurm`."""
    checkout = Checkout.fresh(tmp_path_factory.mktemp("slurm") / "checkout")
    checkout.configure("small", SMALL)
    result = cluster.run(checkout, *CONFIGFILE)
    assert result.returncode == 0, result.stdout
    return Finished(checkout, result.stdout)


@pytest.fixture(scope="session")
def on_this_machine(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The same by `snakemake --cores 2`, with neither Slurm nor conda."""
    checkout = Checkout.fresh(tmp_path_factory.mktemp("local") / "checkout")
    checkout.configure("small", SMALL)
    checkout.succeed(*CONFIGFILE)
    return checkout
