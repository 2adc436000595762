"""Protects the choice of the image network's weights: torchvision's by name, a file only with its digest."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from torchvision.models import get_model_weights

from recurrent_residual.code_inputs import SOURCE
from recurrent_residual.config import read_yaml
from recurrent_residual.errors import UserError
from recurrent_residual.weights import torchvision_resnets
from recurrent_residual.weights_source import sha256_of, weights_source

KNOWN = read_yaml(SOURCE.parent / "config" / "weights.yaml")


def test_the_table_has_what_torchvision_has() -> None:
    """Every ResNet of torchvision with every name of its enum, at the address of today, the default one last."""
    assert sorted(KNOWN) == sorted(torchvision_resnets())
    for architecture, entries in KNOWN.items():
        enum = get_model_weights(architecture)
        assert {name: entry["url"] for name, entry in entries.items()} == {each.name: each.url for each in enum}
        assert list(entries)[-1] == enum.DEFAULT.name


def test_every_digest_is_the_one_that_the_files_name_carries() -> None:
    """torch.hub's rule: <name>-<at least 8 digits of the sha256>.pth; YAML must not read digits as a number."""
    for entry in (entry for entries in KNOWN.values() for entry in entries.values()):
        start = re.fullmatch(r".*-([0-9a-f]{8,})\.pth", entry["url"])[1]
        assert isinstance(entry["sha256"], str) and entry["sha256"].startswith(start)
        assert set(entry) <= {"url", "bytes", "sha256"}


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        ("IMAGENET1K_V1", "IMAGENET1K_V1"),
        ("DEFAULT", "IMAGENET1K_V2"),
        ("ResNet50_Weights.IMAGENET1K_V2", "IMAGENET1K_V2"),
        ("ResNet50_Weights.DEFAULT", "IMAGENET1K_V2"),
    ],
)
def test_torchvisions_weights_by_every_name_that_torchvision_takes(weights: str, name: str) -> None:
    source = weights_source("resnet50", weights, None, KNOWN)
    url = KNOWN["resnet50"][name]["url"]
    assert (source.kind, source.name, source.path) == ("download", name, f"resources/weights/{Path(url).name}")
    assert source.sha256 == KNOWN["resnet50"][name]["sha256"]


def test_the_spelled_out_name_of_every_architecture_is_understood() -> None:
    for architecture in KNOWN:
        enum = get_model_weights(architecture)
        for each in enum:
            assert weights_source(architecture, str(each), None, KNOWN).path.endswith(Path(each.url).name)


def test_a_file_with_its_digest(tmp_path: Path) -> None:
    file = tmp_path / "mine.pth"
    file.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    for given in (digest, digest.upper(), digest[:8]):
        source = weights_source("small-16", str(file), given, KNOWN)
        assert (source.kind, source.path, source.sha256) == ("file", str(file), given.lower())


def test_stills_have_no_file_yet() -> None:
    for architecture in ("small-16", "resnet18"):
        assert weights_source(architecture, "stills", None, KNOWN).kind == "stills"


@pytest.mark.parametrize(
    ("architecture", "weights", "sha256", "message"),
    [
        (
            "resnet50",
            "IMAGENET1K_V3",
            None,
            r"there is no 'IMAGENET1K_V3'; did you mean 'IMAGENET1K_V\d'\?; for resnet50",
        ),
        ("resnet50", "imagenet1k_v2", None, r"did you mean 'IMAGENET1K_V2'\?"),
        ("resnet18", "IMAGENET1K_V2", None, "for resnet18 there are IMAGENET1K_V1, DEFAULT, stills, or name a file"),
        ("resnet50", "ResNet50_Weights.V2", None, "there are IMAGENET1K_V1, IMAGENET1K_V2, DEFAULT$"),
        ("resnet50", "ResNet18_Weights.IMAGENET1K_V1", None, "are of resnet18, but .* is resnet50"),
        ("small-16", "IMAGENET1K_V1", None, "for small-16 there are stills, or name a file"),
        ("resnet51", "stills", None, r"backbone.architecture: there is no 'resnet51'; did you mean 'resnet50'\?"),
        ("resnet50", "mine/none.pth", "0" * 64, "backbone.weights: 'mine/none.pth' is no file"),
        ("resnet50", "none.pth", None, "'none.pth' is no file; for resnet50 there are IMAGENET1K_V1"),
        ("resnet50", "IMAGENET1K_V1", "0" * 64, "weights_sha256: is for a file of yours"),
        ("resnet50", "stills", "0" * 64, "weights_sha256: is for a file of yours"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_key(
    architecture: str, weights: str, sha256: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        weights_source(architecture, weights, sha256, KNOWN)
    assert str(error.value).startswith("backbone.") and "\n" not in str(error.value)


def test_a_file_without_its_digest_is_refused_with_the_digest_to_paste(tmp_path: Path) -> None:
    file = tmp_path / "mine.pth"
    file.write_bytes(b"weights")
    with pytest.raises(UserError, match=rf"weights_sha256: {sha256_of(file)}$") as error:
        weights_source("resnet50", str(file), None, KNOWN)
    pasted = str(error.value).rpartition(" ")[2]
    assert weights_source("resnet50", str(file), pasted, KNOWN).kind == "file"


def test_another_file_than_the_digest_says_is_refused_while_planning(tmp_path: Path) -> None:
    file = tmp_path / "mine.pth"
    file.write_bytes(b"weights")
    with pytest.raises(UserError, match=rf"mine.pth: sha256 is {sha256_of(file)}, not {'0' * 64}"):
        weights_source("resnet50", str(file), "0" * 64, KNOWN)
    for wrong in ("xyz", "0" * 7, "0" * 65, "0x00000000"):
        with pytest.raises(UserError, match="weights_sha256: .* is no sha256"):
            weights_source("resnet50", str(file), wrong, KNOWN)


def test_planning_does_not_import_torch() -> None:
    """Every Slurm job parses the Snakefile again."""
    code = "import sys, recurrent_residual.weights_source; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(SOURCE)}).returncode == 0
