"""Dry runs on a fresh clone: the plan follows from the configuration, and is made without network, data or GPU."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml
from checkouts import REPORT, TINY, Checkout, Plan, counted, refused, with_changes

DEMO = "config/demo.yaml"


def read(checkout: Checkout, name: str) -> Any:
    return yaml.safe_load((checkout.root / "config" / name).read_text())


def jobs_of_stages(checkout: Checkout, *, classes: int, trainings: int) -> dict[str, int]:
    """Jobs from frames to report, counted from the entries of experiments.yaml and not by the project's own code."""
    models = [entry["model"] for entry in checkout.experiments().values()]
    networks = models.count("recurrent_resnet")
    baselines = models.count("average_pool") + models.count("gru")
    assert networks + baselines == len(models), "a new model: say here whether it is a network"
    return {
        **counted("list_clips", "build_manifest", "extract_features"),
        "extract_frames": classes,
        "train_network": networks * trainings,
        "evaluate_network": networks,
        "train_baseline": baselines,
        "evaluate_baseline": baselines,
        **counted("look_into_model", *REPORT),
    }


def test_paper(checkout: Checkout) -> None:
    """The default is the whole paper: 101 classes, 12 baselines, 8 variants, 2 controls, 3 + 1 + 1 trainings each."""
    seeds = read(checkout, "config.yaml")["seeds"]
    before = checkout.files()
    plan = checkout.plan()
    stages = jobs_of_stages(checkout, classes=101, trainings=sum(seeds.values()))
    downloads = counted("download_videos", "unpack_videos", "download_lists", "unpack_lists", "download_weights")
    assert plan.jobs == {**downloads, **stages}
    assert plan.jobs["train_baseline"] == 12 and plan.jobs["train_network"] == 10 * 5
    assert plan.trained == plan.tested == set(checkout.experiments())
    assert checkout.files() == before, "a dry run writes nothing into the clone"


def test_resources_on_another_disk(checkout: Checkout, tmp_path: Path) -> None:
    """resources/, or a folder in it, may be a link to where there is room."""
    (tmp_path / "large").mkdir()
    (checkout.root / "resources").symlink_to(tmp_path / "large")
    assert checkout.plan().jobs["download_videos"] == 1
    (tmp_path / "large/ucf101").write_text("an archive, copied to where its folder belongs")
    refused(checkout.snakemake("-n"), "resources/ucf101: is a file")
    (tmp_path / "large/ucf101").unlink()
    (tmp_path / "larger").mkdir()
    (tmp_path / "large/ucf101").symlink_to(tmp_path / "larger")
    assert checkout.plan().jobs["download_videos"] == 1


def test_weights_that_are_there(checkout: Checkout) -> None:
    """A file of the user's may lie among the downloads; one that is put in a download's place must be right."""
    folder = checkout.root / "resources/weights"
    folder.mkdir(parents=True)
    (folder / "mine.pth").write_bytes(b"mine")
    mine = {"weights": "resources/weights/mine.pth", "weights_sha256": hashlib.sha256(b"mine").hexdigest()}
    jobs = checkout.plan("--configfile", checkout.configure("mine", {"backbone": mine})).jobs
    assert "download_weights" not in jobs and "download_videos" in jobs
    (folder / "resnet50-0676ba61.pth").write_bytes(b"cut short")
    refused(checkout.snakemake("-n"), "resources/weights/resnet50-0676ba61.pth", "sha256", "replace it")


def test_demo(checkout: Checkout) -> None:
    """The demo runs every experiment on all its classes and fetches nothing."""
    config = read(checkout, "demo.yaml")
    plan = checkout.plan("--configfile", DEMO)
    stages = jobs_of_stages(checkout, classes=8, trainings=sum(config["seeds"].values()))
    assert plan.jobs == {**counted("make_demo_videos", "pretrain"), **stages}
    assert plan.trained == plan.tested == set(checkout.experiments())


def test_chosen_experiment_and_split(checkout: Checkout) -> None:
    """`experiments` and `seeds` leave out what they do not name; without a baseline no features are extracted."""
    chosen = with_changes(TINY, experiments=["control_no_skip"], seeds={"split1": 2, "split2": 0, "split3": 1})
    plan = checkout.plan("--configfile", checkout.configure("chosen", chosen))
    made = counted("make_demo_videos", "list_clips", *["extract_frames"] * 3, "build_manifest", "pretrain")
    assert plan.jobs == {**made, "train_network": 3, "evaluate_network": 1, **counted(*REPORT)}
    assert plan.trained == plan.tested == {"control_no_skip"}


def test_quick_on_a_folder(checkout: Checkout, small_videos: Path) -> None:
    """`make quick` plans all experiments on the classes that are in the user's folder, and touches nothing in it."""
    before = sorted(path.name for path in small_videos.rglob("*"))
    folders = ("--videos", str(small_videos / "videos"), "--lists", str(small_videos / "lists"))
    result = checkout.script("run_workflow", "--configfile", "config/quick.yaml", *folders, "--", "-n")
    assert result.returncode == 0, result.stdout
    plan = Plan.parse(result.stdout)
    trainings = sum(read(checkout, "quick.yaml")["seeds"].values())
    assert plan.jobs == {"pretrain": 1, **jobs_of_stages(checkout, classes=2, trainings=trainings)}
    assert sorted(path.name for path in small_videos.rglob("*")) == before
