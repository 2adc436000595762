"""From nothing to a manifest: a data set that is one module, fetched from a server that breaks off, unpacked, decoded.

The module is the one of docs/adding-a-dataset.md, so that what is written there works.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from checkouts import REPOSITORY, TINY, Checkout, environment, refused, with_changes
from faulty_server import Answer, Server, serving

CONFIGS = ("--configfile", "config/tiny.yaml", "config/example2.yaml")
TO_MANIFEST = (*CONFIGS, "--", "results/example2/manifest.tsv")
VIDEOS = "resources/example2/videos"


@dataclass(frozen=True)
class Example:
    """A checkout with the data set example2, and the two servers that its module names."""

    checkout: Checkout
    videos: Server
    lists: Server


def archives(small_videos: Path, folder: Path) -> tuple[bytes, bytes]:
    """The made videos and lists as zip files: clips two folders deep among strays, the lists as one CSV table."""
    with zipfile.ZipFile(folder / "videos.zip", "w") as archive:
        for clip in sorted((small_videos / "videos").rglob("*.avi")):
            archive.write(clip, f"all/of it/{clip.relative_to(small_videos / 'videos')}")
        archive.writestr("all/Thumbs.db", "stray")
    roles: dict[str, list[str]] = {}
    for split in (1, 2, 3):
        for role in ("train", "test"):
            for line in (small_videos / f"lists/{role}list0{split}.txt").read_text().splitlines():
                roles.setdefault(line.split()[0], ["-", "-", "-"])[split - 1] = role
    with open(folder / "clips.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["clip", "class", "group", "role1", "role2", "role3"])
        for path, of_splits in roles.items():
            class_name, name = path.split("/")
            group = re.search(r"_g(\d+)_", name)
            assert group
            table.writerow([Path(name).stem, class_name, int(group[1]), *of_splits])
    with zipfile.ZipFile(folder / "lists.zip", "w") as archive:
        archive.write(folder / "clips.csv", "lists/clips.csv")
    return (folder / "videos.zip").read_bytes(), (folder / "lists.zip").read_bytes()


@pytest.fixture
def example(
    checkout: Checkout, small_videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Example]:
    """The documentation's module and configuration, with the servers' addresses and checksums in them."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    page = (REPOSITORY / "docs/adding-a-dataset.md").read_text()
    module, configuration = (re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("python", "yaml"))
    assert module and configuration
    videos_zip, lists_zip = archives(small_videos, tmp_path)
    with serving(videos_zip) as videos, serving(lists_zip) as lists:
        code = module[1]
        for name, server in (("videos", videos), ("lists", lists)):
            old = f'"http://127.0.0.1:8000/{name}.zip", sha256="..."'
            assert code.count(old) == 1
            digest = hashlib.sha256(server.content).hexdigest()
            code = code.replace(old, f'"{server.url}/{name}.zip", sha256="{digest}"')
        (checkout.root / "src/recurrent_residual/datasets/example2.py").write_text(code)
        checkout.configure("tiny", with_changes({k: v for k, v in TINY.items() if k != "dataset"}))
        (checkout.root / "config/example2.yaml").write_text(configuration[1])
        yield Example(checkout, videos, lists)


def manifest(checkout: Checkout) -> list[dict[str, str]]:
    """The rows of the manifest."""
    with open(checkout.root / "results/example2/manifest.tsv", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_from_nothing_to_the_manifest(example: Example) -> None:
    """`fetch` gets all that needs a network, over breaks; then, with the servers gone, the manifest is complete."""
    example.videos.faults += [Answer(status=503, headers={"Retry-After": "0"}), Answer(cut_body=10_000)]
    output = example.checkout.succeed(*CONFIGS, "--", "fetch")
    assert example.videos.starts == [0, 0, 10_000], "the download goes on where it broke off"
    assert "Downloading the videos of Example-2" in output and "1 other files in the archive are ignored" in output
    left = {path.name for path in (example.checkout.root / "resources/example2").iterdir()}
    assert left == {"videos", "lists"}, "the archives are gone when they are unpacked"

    asked = len(example.videos.asked) + len(example.lists.asked)
    example.checkout.succeed(*TO_MANIFEST)
    assert len(example.videos.asked) + len(example.lists.asked) == asked
    rows = manifest(example.checkout)
    assert len(rows) == 30 and {row["class"] for row in rows} == {"BallFalls", "BallRises"}
    summary = json.loads((example.checkout.root / "results/example2/manifest.json").read_text())
    assert summary["damaged"] == [] and summary["splits"]["1"] == {"train": 16, "test": 14, "unused": 0}
    assert not example.checkout.plan(*CONFIGS, "--", "fetch").jobs, "what is there is not fetched again"

    rules = example.checkout.root / "workflow/rules/data.smk"
    rules.write_text(rules.read_text().replace("scripts/unpack.py ", "scripts/unpack.py  "))
    assert not example.checkout.plan(*CONFIGS, "--", "fetch").jobs, "nor because a rule was edited"


def test_killed_and_started_again(example: Example) -> None:
    """kill -9 of snakemake and of the downloader in the middle: the next start goes on from what has come."""
    whole = len(example.videos.content)
    example.videos.faults.append(Answer(piece=whole // 50, pause=0.2))
    command = ["snakemake", "--cores", "2", *CONFIGS, "--", "fetch"]
    process = subprocess.Popen(
        command, cwd=example.checkout.root, env=environment(), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    part = example.checkout.root / "resources/example2/videos.zip.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > whole // 10):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    come = part.stat().st_size
    assert 0 < come < whole
    unlocked = example.checkout.snakemake("--unlock", *CONFIGS)
    assert unlocked.returncode == 0, unlocked.stdout
    example.checkout.succeed(*CONFIGS, "--", "fetch")
    assert example.videos.starts == [0, come], "what had come was not fetched again"
    assert len(list((example.checkout.root / VIDEOS).rglob("*.avi"))) == 30


def test_wrong_content_is_never_unpacked(example: Example) -> None:
    """A server that gives other bytes: one line with address, checksum and the way on by hand; nothing is unpacked."""
    example.videos.after = Answer(body=bytes(len(example.videos.content)))
    result = example.checkout.snakemake("--cores", "2", *CONFIGS, "--", "fetch")
    refused(result, f"{example.videos.url}/videos.zip", "sha256", "resources/example2")
    assert not (example.checkout.root / VIDEOS).exists()

    by_hand = example.checkout.root / "resources/example2/videos.zip"
    by_hand.write_bytes(example.videos.content)
    example.checkout.succeed(*CONFIGS, "--", "fetch")
    assert by_hand.read_bytes() == example.videos.content, "a file put there by hand stays the user's"
    assert len(list((example.checkout.root / VIDEOS).rglob("*.avi"))) == 30


def test_a_clip_that_is_lost(example: Example) -> None:
    """A clip less than the lists name, or lists other than the official ones: the run stops, and says which."""
    example.checkout.succeed(*CONFIGS, "--", "fetch")
    lost = example.checkout.root / VIDEOS / "BallFalls/v_BallFalls_g03_c01.avi"
    content = lost.read_bytes()
    lost.unlink()
    refused(example.checkout.snakemake("--cores", "2", *TO_MANIFEST), "1 of 30", lost.stem)
    lost.write_bytes(content)
    table = example.checkout.root / "resources/example2/lists/clips.csv"
    table.write_text("".join(line for line in table.read_text().splitlines(True) if lost.stem not in line))
    refused(
        example.checkout.snakemake("--cores", "2", *TO_MANIFEST),
        "13 test clips of split 1 instead of 14",
        "official lists",
    )
