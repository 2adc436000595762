"""Which classes a configuration uses, and whether its folders may be made: known before any job runs.

The Snakefile and the doctor both plan by this. Light imports only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recurrent_residual import class_folders
from recurrent_residual.datasets import Dataset
from recurrent_residual.demo import CLASSES as DEMO_CLASSES
from recurrent_residual.errors import UserError


def check_folders(settings: Mapping[str, Any], repository: str | Path) -> None:
    """Refuse to make a folder outside resources/, which may be the user's: Snakemake deletes what it makes anew.

    `settings` is the configuration's section `dataset`. Links are not followed: resources/ may lie on another disk.
    A file where the archives' folder belongs, copied there in its place, is refused as well.
    """
    folder = Path("resources") / settings["kind"]
    if folder.is_file():
        raise UserError(f"{folder}: is a file, and a folder belongs there; move it away, make the folder, move it in")
    resources = os.path.join(os.path.abspath(repository), "resources", "")
    for key in ("videos", "lists"):
        if settings["source"] != "local" and not os.path.abspath(settings[key]).startswith(resources):
            raise UserError(
                f"dataset.{key}: {settings[key]} would be overwritten with source: {settings['source']}; for a folder "
                "of yours set dataset.source: local"
            )


def all_classes(settings: Mapping[str, Any], data: Dataset) -> list[str]:
    """Names of all classes, in the order of their labels: of the user's lists, or of the data set itself.

    Raises `UserError` where the lists cannot be read, or a name cannot be a file's.
    """
    if settings["source"] == "local":
        names = data.read_classes(settings["lists"])
    else:
        names = list(DEMO_CLASSES if settings["source"] == "demo" else data.CLASSES)
    for name in names:
        if not re.fullmatch(r"\w+", name):
            raise UserError(f"{settings['lists']}: class {name!r}: a class's name has letters, digits and _ only")
    return names


def chosen_classes(settings: Mapping[str, Any], everything: Sequence[str]) -> list[str]:
    """Those of the classes `everything` that are used: chosen, or on disk, or all.

    Raises `UserError` for a chosen class that is not there, and as `class_folders.available_classes` does.
    """
    local = settings["source"] == "local"
    there = class_folders.available_classes(settings["videos"], everything) if local else list(everything)
    for name in settings["classes"]:
        if name not in there:
            where = f"has no videos in {settings['videos']}" if local else f"is no class of {settings['title']}"
            raise UserError(f"dataset.classes: {name!r} {where}; there are {', '.join(there)}")
    if settings["classes"]:
        return list(settings["classes"])
    if not local:
        return list(everything)
    return class_folders.default_classes(settings["videos"], everything, missing_videos=settings["missing_videos"])
