"""slurm/config.yaml as a cluster's user edits it. What it does on a Slurm, tests/slurm sees."""

from __future__ import annotations

import re

import pytest
import yaml
from checkouts import TINY, Checkout

PROFILE = "slurm/config.yaml"
GPU_SCRIPTS = ("pretrain", "extract_features", "train_network", "evaluate_network", "look_into_model")


def uncommented(text: str, *keys: str) -> str:
    """The profile with its examples of `keys` in force."""
    for key in keys:
        text, count = re.subn(rf"^( +)# ({key}: [^#\n]*)( # .*)?$", r"\1\2", text, flags=re.M)
        assert count, key
    return text


@pytest.fixture
def cluster_user(checkout: Checkout) -> Checkout:
    """Somebody without conda."""
    profile = checkout.root / PROFILE
    profile.write_text(re.sub("^software-deployment-method", "# \\g<0>", profile.read_text(), flags=re.M))
    checkout.configure("tiny", TINY)
    return checkout


@pytest.mark.parametrize(
    ("keys", "gpus"),
    [
        ((), 1),
        (("slurm_account", "slurm_partition", "slurm_extra", "tmpdir", "gpu_model"), 1),
        (("gpu", "gres"), 1),  # generic resources are GPUs, too
        (("gpu",), 0),
    ],
    ids=["as it is", "account and model", "generic resources", "no GPU"],
)
def test_examples(cluster_user: Checkout, keys: tuple[str, ...], gpus: int) -> None:
    """Each line that is commented out works as it stands there, and a training is told of its GPU, however it came."""
    profile = cluster_user.root / PROFILE
    profile.write_text(uncommented(profile.read_text(), *keys))
    result = cluster_user.snakemake("-n", "-p", "--profile", "slurm", "--configfile", "config/tiny.yaml")
    assert result.returncode == 0, result.stdout
    told = re.findall(r"scripts/(\w+)\.py .*--gpus (\d)", result.stdout)
    assert {script for script, _ in told} == set(GPU_SCRIPTS)
    assert {int(number) for _, number in told} == {gpus}


def test_every_gpu_rule_has_its_resources(pristine: Checkout) -> None:
    """A job with a GPU gets more than the default: none was forgotten."""
    rules = "\n".join(path.read_text() for path in (pristine.root / "workflow/rules").glob("*.smk"))
    blocks = re.split(r"^rule (\w+):$", rules, flags=re.M)[1:]
    with_gpu = {name for name, body in zip(blocks[::2], blocks[1::2], strict=True) if "gpu=1" in body}
    assert with_gpu == {*GPU_SCRIPTS, "tune_network"}
    assert with_gpu <= yaml.safe_load((pristine.root / PROFILE).read_text())["set-resources"].keys()
