"""What a user can get wrong ends with one line that names the file or key, and leaves nothing that counts as done."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from checkouts import TINY, Checkout, refused, with_changes

CLIP = "BallFalls/v_BallFalls_g03_c01.avi"


def entry(**changes: Any) -> dict[str, Any]:
    return {"title": "mine", "model": "recurrent_resnet", "settings": {"skips": []}, **changes}


# What is wrong, as changes of the tiny configuration, and words of the line that says so.
CONFIGURATIONS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "unknown section": ({"trainings": {}}, ("'trainings'", "did you mean 'training'?")),
    "unknown key": ({"training": {"epoch": 3}}, ("'training.epoch'", "did you mean 'epochs'?")),
    "wrong type": ({"training": {"epochs": "ten"}}, ("'training.epochs'", "'ten'", "integer")),
    "value out of range": ({"seeds": {"split1": -1}}, ("'seeds.split1'", "-1")),
    "unknown experiment": ({"experiments": ["block4_gruu"]}, ("experiments", "'block4_gruu'", "did you mean")),
    "no such weights": ({"backbone": {"weights": "mine.pth"}}, ("backbone.weights", "'mine.pth'")),
    "no class of the data set": ({"dataset": {"classes": ["BalFalls"]}}, ("dataset.classes", "'BalFalls'")),
    "no such experiments file": ({"experiments_file": "config/other.yaml"}, ("config/other.yaml", "no such file")),
}


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_configuration(checkout: Checkout, case: str) -> None:
    """A wrong configuration is refused before any job, with its key and a hint."""
    changes, words = CONFIGURATIONS[case]
    configfile = checkout.configure("wrong", with_changes(TINY, **changes))
    before = checkout.files()
    refused(checkout.snakemake("--cores", "2", "--configfile", configfile), *words)
    assert checkout.files() == before


@pytest.mark.parametrize(
    "content", [None, "training: [epochs", "training: {epoch: 3}"], ids=["absent", "no YAML", "key"]
)
def test_configuration_file_of_one_command(checkout: Checkout, content: str | None) -> None:
    """The command behind `make demo` and `make quick` names a configuration file that is absent, no YAML, or wrong."""
    if content is not None:
        (checkout.root / "config/mine.yaml").write_text(content)
    word = "training.epoch" if content and "epoch:" in content else "config/mine.yaml"
    refused(checkout.script("run_workflow", "--configfile", "config/mine.yaml", "--cores", "2"), "error", word)
    assert not (checkout.root / "results").exists()


ENTRIES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "unknown model": (entry(model="recurrent_resnett"), ("mine", "'recurrent_resnett'", "recurrent_resnet")),
    "unknown setting": (entry(settings={"skipz": []}), ("mine", "'settings.skipz'", "skips")),
    "impossible setting": (
        entry(settings={"skips": ["layer4.-1"], "kind": "linear"}),
        ("mine", "settings.kind", "linear"),
    ),
    "unknown row": (entry(settings={"skips": []}, rows=["table9.first"]), ("mine", "'table9.first'", "paper.yaml")),
    "unknown key": (entry(setings={}), ("mine.setings", "did you mean 'settings'?")),
    "training of a baseline": (
        entry(model="gru", settings={"block": 2, "znorm": True}, training={"epochs": 1}),
        ("mine", "`training:`"),
    ),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_experiments_file(checkout: Checkout, case: str) -> None:
    """A wrong entry of experiments.yaml is refused before any job, with the file, the entry and what is wrong in it."""
    mine, words = ENTRIES[case]
    checkout.edit_experiments({"mine": mine})
    configfile = checkout.configure("wrong", with_changes(TINY, experiments=["mine"]))
    before = checkout.files()
    refused(checkout.snakemake("--cores", "2", "--configfile", configfile), "config/experiments.yaml", *words)
    assert checkout.files() == before


@pytest.fixture
def data(checkout: Checkout, small_videos: Path) -> Path:
    """`videos` and `lists` in the checkout, to damage, and config/local.yaml that uses them."""
    folder = Path(shutil.copytree(small_videos, checkout.root / "data"))
    places = {"name": "mine", "source": "local", "videos": "data/videos", "lists": "data/lists", "classes": []}
    checkout.configure("local", with_changes(TINY, dataset=places))
    return folder


LOCAL = ("--configfile", "config/local.yaml")
TO_MANIFEST = (*LOCAL, "--", "results/mine/manifest.tsv")
DROP = {"dataset": {"missing_videos": "drop"}}


@pytest.mark.parametrize(("moved", "words"), [("videos", ("data/videos",)), ("lists", ("data/lists/classInd.txt",))])
def test_folder_that_is_not_there(checkout: Checkout, data: Path, moved: str, words: tuple[str, ...]) -> None:
    """A folder that is not there is named before any job."""
    (data / moved).rename(data / "elsewhere")
    refused(checkout.snakemake("--cores", "2", *LOCAL), *words, "No such file or directory")
    assert not (checkout.root / "results").exists()


def test_folder_that_is_no_class(checkout: Checkout, data: Path) -> None:
    """A folder of clips that is no class of the lists is named: they would be lost in silence. Others are strays."""
    (data / "videos/lost+found").mkdir()
    (data / "videos/BallFlies").mkdir()
    shutil.copy(data / "videos" / CLIP, data / "videos/BallFlies/v_BallFlies_g01_c01.avi")
    refused(checkout.snakemake("--cores", "2", *LOCAL), "data/videos/BallFlies", "no class of the lists")
    assert not (checkout.root / "results").exists()


def test_missing_clip(checkout: Checkout, data: Path) -> None:
    """A clip of the lists without a file stops the run with its name; with `drop` it is left out and counted."""
    (data / "videos" / CLIP).unlink()
    refused(checkout.snakemake("--cores", "2", *TO_MANIFEST), "error: data/videos", Path(CLIP).stem, "drop")
    assert not list((checkout.root / "results").rglob("*.tsv"))

    dropping = checkout.configure("dropping", DROP)
    checkout.succeed(*LOCAL, dropping, "--", "results/mine/manifest.tsv")
    summary = json.loads((checkout.root / "results/mine/clips.json").read_text())
    assert (summary["missing"], summary["missing_videos"]) == (1, [Path(CLIP).stem])
    manifest = (checkout.root / "results/mine/manifest.tsv").read_text().splitlines()
    assert len(manifest) == 1 + summary["found"] == 1 + summary["listed"] - 1
    assert not any(Path(CLIP).stem in line for line in manifest)


def test_missing_class(checkout: Checkout, data: Path) -> None:
    """A class of the list without a folder is missing clips: their number and names, not a smaller data set."""
    shutil.rmtree(data / "videos/BallFalls")
    words = ("error: data/videos: 15 of 30", "v_BallFalls_g01_c01", "drop")
    refused(checkout.snakemake("--cores", "2", *TO_MANIFEST), *words)
    assert not list((checkout.root / "results").rglob("*.tsv"))

    dropping = checkout.configure("dropping", DROP)
    checkout.succeed(*LOCAL, dropping, "--", "results/mine/manifest.tsv")
    summary = json.loads((checkout.root / "results/mine/clips.json").read_text())
    assert (summary["classes"], summary["absent_classes"]) == (["BallRises"], ["BallFalls"])


def test_class_without_clips_in_a_split(checkout: Checkout, data: Path) -> None:
    """A class that a used split cannot be tested on is refused, with the ways on; leaving that split out is one."""
    tested = (data / "lists/testlist02.txt").read_text().split()
    for path in tested:
        if path.startswith("BallFalls/"):
            (data / "videos" / path).unlink()
    local = (*LOCAL, checkout.configure("dropping", DROP))
    target = ("--", "results/mine/manifest.tsv")
    words = ("error: BallFalls: no test clip in split 2", "seeds.split2: 0", "dataset.classes")
    refused(checkout.snakemake("--cores", "2", *local, *target), *words)
    checkout.succeed(*local, checkout.configure("two", {"seeds": {"split2": 0}}), *target)


def test_folder_with_spaces(checkout: Checkout, data: Path) -> None:
    """Folders of videos and lists may have spaces and quotes in their names."""
    folder = data.rename(checkout.root / "my d'ata set")
    places = {"name": "mine", "source": "local", "videos": f"{folder}/my videos", "lists": f"{folder.name}/the lists"}
    (folder / "videos").rename(folder / "my videos")
    (folder / "lists").rename(folder / "the lists")
    checkout.configure("local", with_changes(TINY, dataset={**places, "classes": []}))
    checkout.succeed(*TO_MANIFEST)
    assert len((checkout.root / "results/mine/manifest.tsv").read_text().splitlines()) == 1 + 30


def test_damaged_clips(checkout: Checkout, data: Path) -> None:
    """Clips of any class that do not decode, are empty or hold no frame are all named in one line; their classes are
    not done, and are extracted once they are replaced, or without them with `drop`, which the report says."""
    folder, sound = data / "videos/BallFalls", (data / "videos" / CLIP).read_bytes()
    contents = {"01": b"no video" * 99, "02": b"", "03": sound[: sound.index(b"movi") + 4]}
    damaged = {folder / f"v_BallFalls_g{group}_c01.avi": content for group, content in contents.items()}
    originals = {file: file.read_bytes() for file in damaged}
    for file, content in damaged.items():
        file.write_bytes(content)
    other = data / "videos/BallRises/v_BallRises_g04_c01.avi"
    originals[other] = other.read_bytes()
    other.write_bytes(originals[other][:-2000])
    names = [f"{file.parent.name}/{file.name}" for file in originals]
    refused(checkout.snakemake("--cores", "2", *TO_MANIFEST), "error: 4 damaged", *names, "damaged_videos: drop")
    frames = checkout.root / "results/mine/frames"
    assert not (checkout.root / "results/mine/manifest.tsv").exists()
    assert not list(frames.glob("*.tsv")), "a class with a damaged clip is not done"

    dropping = checkout.configure("dropping", {"dataset": {"damaged_videos": "drop"}})
    checkout.succeed(*LOCAL, dropping, "--", "results/mine/manifest.tsv")
    summary = json.loads((checkout.root / "results/mine/manifest.json").read_text())
    assert {row["video"] for row in summary["damaged"]} == {file.stem for file in originals}
    assert summary["clips"] == 30 - 4

    for file, content in originals.items():
        file.write_bytes(content)
    checkout.succeed("-R", "extract_frames", *LOCAL, "--", "results/mine/manifest.tsv")
    with tarfile.open(frames / "BallFalls.tar") as tar:
        assert {name.partition("/")[0] for name in tar.getnames()} == {path.stem for path in folder.iterdir()}


def test_weights_of_another_architecture(populated: Checkout) -> None:
    """Weights that do not fit the architecture are refused with the file's name, and no features stay behind; so are
    those whose digest is another, or none, before any job."""
    weights = "results/demo/weights/small-8-stills.safetensors"
    digest = hashlib.sha256((populated.root / weights).read_bytes()).hexdigest()
    wrong = with_changes(
        TINY, backbone={"architecture": "small-16", "weights": weights, "weights_sha256": digest.upper()}
    )
    features = "results/demo/features/block4.npy"
    result = populated.snakemake("--cores", "2", "--configfile", populated.configure("wrong", wrong), "--", features)
    refused(result, f"error: {weights}", "'conv1.weight'", "shape")
    assert not (populated.root / features).exists()
    for given, words in ((None, (digest, "weights_sha256")), ("0" * 64, (digest, "0" * 64))):
        wrong = with_changes(TINY, backbone={"architecture": "small-8", "weights": weights, "weights_sha256": given})
        result = populated.snakemake("-n", "--configfile", populated.configure("wrong", wrong), "--", features)
        refused(result, weights, *words)
