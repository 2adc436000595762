"""How far the data of a plan are: lists, videos, archives, frames, weights."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recurrent_residual.data_plan import chosen_classes
from recurrent_residual.doctor.estimates import Estimate
from recurrent_residual.doctor.network import File
from recurrent_residual.doctor.plan import Plan
from recurrent_residual.doctor.rows import Row, Status
from recurrent_residual.errors import UserError
from recurrent_residual.fetch.mirrors import Mirror
from recurrent_residual.lists import check_complete, check_groups
from recurrent_residual.weights_source import check_sha256

GB = 1e9
VERIFIED = "verified by the run"
BY_THE_RUN = {"download": "downloaded by the run", "demo": "made by the run", "local": "yours (dataset.source: local)"}


@dataclass(frozen=True)
class State:
    """What is there already."""

    lists: bool
    videos: bool
    """All videos that the run wants."""
    clips: int
    """Clips on disk (of the lists, where these are there)."""
    wanted_clips: int
    """Clips that the run will use: those of the lists, or those on disk where missing ones are left out."""
    wanted_classes: int
    classes_extracted: int


def state(plan: Plan) -> State:
    """Look at the folders of `plan`; reads names only."""
    found = _clips_on_disk(plan.videos)
    clips = found if plan.listed is None else found & plan.listed
    frames = len(list((plan.results / "frames").glob("*.tar")))
    have_lists = all(file.is_file() for file in plan.list_files)
    if clips and plan.settings["dataset"]["missing_videos"] == "drop":
        return State(have_lists, True, len(clips), len(clips), len({name for name, _ in clips}), frames)
    return State(have_lists, len(clips) >= plan.clips > 0, len(clips), plan.clips, plan.classes, frames)


def lists(plan: Plan, now: State) -> list[Row]:
    """The lists of train and test clips."""
    there = sum(file.is_file() for file in plan.list_files)
    found = f"{there} of {len(plan.list_files)} files in {plan.lists}"
    if now.lists:
        try:
            classes = plan.dataset.read_classes(plan.lists)
            entries = plan.dataset.read_lists(plan.lists, classes)
            check_complete(plan.dataset, plan.lists, classes, entries)
            check_groups(entries)
        except UserError as error:
            return [Row("lists", found, BY_THE_RUN[plan.source], "lack", str(error))]
        return [Row("lists", f"{found}, {plan.clips:,} clips", BY_THE_RUN[plan.source], "ok")]
    remedy = f"put the official lists of {plan.dataset.TITLE} there, or correct dataset.lists"
    return [_missing(plan, "lists", found, remedy)]


def videos(plan: Plan, now: State) -> list[Row]:
    """The videos that the lists name."""
    found = f"{now.clips:,} of {plan.clips:,} clips in {plan.videos}"
    if now.lists or plan.source != "local":
        try:
            chosen_classes(plan.settings["dataset"], plan.all_classes)
        except UserError as error:
            return [Row("videos", found, BY_THE_RUN[plan.source], "lack", str(error))]
    if now.videos:
        return [Row("videos", found, BY_THE_RUN[plan.source], "ok")]
    if plan.source != "local" and plan.videos.exists() and any(plan.videos.iterdir()):
        remedy = f"the folder is not complete: complete it, or remove it (rm -r {plan.videos}) to have it made again"
        return [Row("videos", found, f"all; {BY_THE_RUN[plan.source]}", "lack", remedy)]
    remedy = "complete the folder, correct dataset.videos, choose dataset.classes, or set dataset.missing_videos: drop"
    return [_missing(plan, "videos", found, remedy)]


def _missing(plan: Plan, what: str, found: str, remedy: str) -> Row:
    status: Status = "lack" if plan.source == "local" else "-"
    return Row(what, found, BY_THE_RUN[plan.source], status, remedy if status == "lack" else "")


def archives(plan: Plan, now: State) -> list[Row]:
    """Archives that are there whole or in part, of what is not unpacked yet."""
    rows: list[Row] = []
    if plan.source != "download":
        return rows
    parts = (("videos", plan.dataset.VIDEOS, now.videos), ("lists", plan.dataset.LISTS, now.lists))
    for part, mirrors in ((part, mirrors) for part, mirrors, unpacked in parts if not unpacked):
        if (done := _unpacked_next(plan, part)).is_file():
            rows.append(Row("archive", f"{done}: {done.stat().st_size / GB:.2f} GB", "unpacked by the run", "ok"))
        names = {mirror.name: mirror for mirror in mirrors}  # one file may have two addresses
        found = [row for m in names.values() for row in _archive(plan.resources / m.name, m.bytes)]
        right = any(row.needed == VERIFIED and row.status == "ok" for row in found)  # then nobody minds a wrong one
        rows += [row for row in found if row.status == "ok" or not right]
    return rows


def _archive(whole: Path, expected: int | None) -> list[Row]:
    of = f" of {expected / GB:.2f} GB" if expected else ""
    partial = whole.with_name(f"{whole.name}.part")
    if whole.is_file():
        size = whole.stat().st_size
        found = f"{whole}: {size / GB:.2f} GB"
        if expected in (None, size):
            return [Row("archive", found, VERIFIED, "ok")]
        remedy = f"{size:,} bytes where {expected:,} belong: complete, replace or remove {whole}"
        return [Row("archive", found + of, VERIFIED, "lack", remedy)]
    if partial.is_file():
        found = f"{partial}: {partial.stat().st_size / GB:.2f} GB"
        return [Row("archive", found + of, "the run goes on from there", "ok")]
    return []


def _unpacked_next(plan: Plan, part: str) -> Path:
    """Where the workflow has an archive that is downloaded and verified, until it is unpacked."""
    return plan.resources / f"{part}.archive"


def frames(plan: Plan, now: State) -> list[Row]:
    """Classes whose frames are extracted."""
    found = f"{now.classes_extracted} of {now.wanted_classes} classes in {plan.results / 'frames'}"
    return [Row("frames", found, "extracted by the run", "ok" if now.classes_extracted else "-")]


def weights(plan: Plan) -> list[Row]:
    """The image network's weights; torchvision's are compared with their checksum."""
    source = plan.weights
    if source.kind == "stills":
        return [Row("weights", "stills", "pretrained by the run", "-")]
    assert source.path and source.sha256
    if source.kind == "file":  # compared when the plan was made
        return [Row("weights", f"{source.path}, the right sha256", "yours", "ok")]
    if not Path(source.path).is_file():
        return [Row("weights", f"no {source.path} yet", BY_THE_RUN["download"], "-")]
    try:
        check_sha256(source.path, source.sha256)
    except UserError as error:
        return [Row("weights", str(error), source.name, "lack", f"rm {source.path}")]
    return [Row("weights", f"{source.path}, the right sha256", source.name, "ok")]


def downloads(plan: Plan, now: State) -> list[File]:
    """The files that the run would download, the user's own mirrors first."""
    from recurrent_residual.fetch.download import with_mirrors

    own, files = plan.settings["mirrors"], []
    if plan.source == "download":
        for part, known, done in (
            ("videos", plan.dataset.VIDEOS, now.videos),
            ("lists", plan.dataset.LISTS, now.lists),
        ):
            places = [_unpacked_next(plan, part), *(plan.resources / mirror.name for mirror in known)]
            there = done or any(place.is_file() for place in places)
            files.append(File(f"{part}' mirror", with_mirrors(own, known), f"{plan.resources}/", not there))
    if plan.weights.kind == "download":
        assert plan.weights.path
        entry = plan.known_weights[plan.settings["backbone"]["architecture"]][plan.weights.name]
        known = (Mirror(entry["url"], entry.get("bytes"), entry["sha256"]),)
        path = Path(plan.weights.path)
        files.append(File("weights' mirror", with_mirrors(own, known), f"{path.parent}/", not path.is_file()))
    return files


def still_to_write(plan: Plan, now: State, whole: Estimate) -> list[tuple[Path, float]]:
    """Bytes that the run will still write below resources/ and results/, at their peak."""
    names = [_unpacked_next(plan, "videos").name, *(mirror.name for mirror in plan.dataset.VIDEOS)]
    parts = [plan.resources / f"{name}{end}" for name in names for end in ("", ".part")]
    fetched = max((part.stat().st_size for part in parts if part.is_file()), default=0)
    resources = 0 if now.videos else max(0.0, whole.archive - fetched) + whole.videos
    left = max(0.0, 1 - now.classes_extracted / max(1, now.wanted_classes))
    features = 0 if (plan.results / "features" / "features.json").is_file() else whole.features
    trained = sum(file.is_file() for file in plan.networks)
    results = whole.frames * left + features + whole.network * (len(plan.networks) - trained)
    return [(Path("resources"), resources), (Path("results"), results)]


def _clips_on_disk(folder: Path) -> set[tuple[str, str]]:
    """(class folder, file name without its ending) of all .avi files, without regard to case."""
    found = set()
    for class_folder in _entries(folder):
        if class_folder.is_dir():
            for file in _entries(Path(class_folder.path)):
                stem, ending = os.path.splitext(file.name.casefold())
                if ending == ".avi":
                    found.add((class_folder.name.casefold(), stem))
    return found


def _entries(folder: Path) -> Sequence[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
