"""What the full run of a configuration would do: all that the doctor's checks ask of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from recurrent_residual.data_plan import all_classes, check_folders
from recurrent_residual.datasets import Dataset, dataset
from recurrent_residual.errors import UserError
from recurrent_residual.weights_source import WeightsSource, weights_source

BASE = Path("config/config.yaml")
DEMO_CLIPS_A_CLASS = 50  # demo/videos.py: 25 groups of 2


@dataclass(frozen=True)
class Plan:
    """A configuration, resolved. Paths are relative to the repository, where the workflow runs."""

    settings: dict[str, Any]
    dataset: Dataset
    weights: WeightsSource
    networks: list[Path]
    """The files of weights that the trainings of networks write."""
    known_weights: Mapping[str, Any]

    @property
    def source(self) -> str:
        """dataset.source: download, local or demo."""
        return self.settings["dataset"]["source"]

    @property
    def videos(self) -> Path:
        """The folder of videos."""
        return Path(self.settings["dataset"]["videos"])

    @property
    def lists(self) -> Path:
        """The folder of lists."""
        return Path(self.settings["dataset"]["lists"])

    @property
    def resources(self) -> Path:
        """Where the data set's archives are downloaded."""
        return Path("resources") / self.settings["dataset"]["kind"]

    @property
    def results(self) -> Path:
        """Where the data set's results are written."""
        return Path("results") / self.settings["dataset"]["name"]

    @cached_property
    def list_files(self) -> list[Path]:
        """The files that make up the lists."""
        return [self.lists / name for name in self.dataset.list_files(self.all_classes)]

    @cached_property
    def listed(self) -> set[tuple[str, str]] | None:
        """(class, video) of every clip of the chosen classes, without regard to case; None where lists are missing."""
        if not all(file.is_file() for file in self.list_files):
            return None
        classes = self.dataset.read_classes(self.lists)
        chosen = self.settings["dataset"]["classes"] or classes
        entries = self.dataset.read_lists(self.lists, classes)
        return {(e.class_name.casefold(), e.video.casefold()) for e in entries if e.class_name in chosen}

    @property
    def classes(self) -> int:
        """How many classes are used, as far as the configuration and the lists tell."""
        if self.listed is not None:
            return len({class_name for class_name, _ in self.listed})
        return len(self.settings["dataset"]["classes"]) or len(self.all_classes)

    @property
    def all_classes(self) -> Sequence[str]:
        """All classes: of the user's lists where they can be read, else of the data set."""
        with suppress(UserError):  # lists that are not there have a row of their own
            return all_classes(self.settings["dataset"], self.dataset)
        return self.dataset.CLASSES

    @property
    def clips(self) -> int:
        """How many clips the lists have, or will have."""
        if self.listed is not None:
            return len(self.listed)
        whole = DEMO_CLIPS_A_CLASS * len(self.all_classes) if self.source == "demo" else self.dataset.CLIPS
        return round(whole * self.classes / len(self.all_classes))


def make_plan(configfiles: Sequence[Path]) -> Plan:
    """The plan of config/config.yaml with `configfiles` laid over it, as Snakemake does.

    Raises:
        UserError: the configuration is wrong.
    """
    from recurrent_residual.config import read_config, read_experiments, read_yaml, resolve_experiments, runs
    from recurrent_residual.rows import row_owners

    settings = read_config([BASE, *configfiles])
    entries = read_experiments(settings["experiments_file"])
    experiments = resolve_experiments(settings, entries)
    row_owners(entries, read_yaml("config/paper.yaml"), source=settings["experiments_file"])
    check_folders(settings["dataset"], ".")
    folder = Path("results") / settings["dataset"]["name"] / "runs"
    networks = [
        folder / name / f"split{split}" / f"seed{seed}" / "weights.safetensors"
        for name, experiment in experiments.items()
        if experiment.kind == "network"
        for split, seed in runs(settings)
    ]
    known = read_yaml("config/weights.yaml")
    weights = weights_source(**settings["backbone"], known=known)
    return Plan(settings, dataset(settings["dataset"]["kind"]), weights, networks, known)
