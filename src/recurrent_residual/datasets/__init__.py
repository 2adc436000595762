"""The data sets, one module each, found by its name: `dataset("ucf101")` is the module `ucf101` of this package.

What a module has to have is written down in `Dataset`; a further data set is a further module, and nothing else.
The Snakefile imports this package each time it is parsed: keep all imports here light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Protocol, cast

from recurrent_residual.errors import UserError
from recurrent_residual.fetch.mirrors import Mirror

SPLITS = (1, 2, 3)
TRAIN, TEST, UNUSED = "train", "test", "-"


@dataclass(frozen=True)
class Entry:
    """A clip of the lists.

    `video` is the file's name without its ending, as the lists spell it; `label` the class's 0-based place among all
    classes; `group` the number of what the clip was cut from (clips of a group show the same scene), within its class.
    `roles` are train, test or - (unused) in splits 1, 2 and 3, and `where` the "file:line" that says so in each split,
    empty where no list of the split names the clip.
    """

    video: str
    class_name: str
    label: int
    group: int
    clip: int
    roles: tuple[str, ...]
    where: tuple[str, ...]


class Dataset(Protocol):
    """What a module of this package has to have. Its functions raise `UserError` with file and line."""

    @property
    def TITLE(self) -> str:
        """The name that the report shows: "UCF-101"."""
        ...

    @property
    def CLASSES(self) -> tuple[str, ...]:
        """All classes of the official lists; a class's place is its label."""
        ...

    @property
    def CLIPS(self) -> int:
        """Clips of the official lists."""
        ...

    @property
    def SPLIT_SIZES(self) -> dict[int, tuple[int, int]]:
        """Split (1, 2, 3) -> train clips and test clips of the official lists."""
        ...

    @property
    def VIDEOS(self) -> tuple[Mirror, ...]:
        """Where the archive of videos can be fetched, in order of preference."""
        ...

    @property
    def LISTS(self) -> tuple[Mirror, ...]:
        """Where the archive of lists can be fetched, in order of preference."""
        ...

    def list_files(self, classes: Sequence[str]) -> list[str]:
        """Names of the files that make up the lists of `classes`."""
        ...

    def read_classes(self, lists: str | Path) -> list[str]:
        """The classes that the lists in the folder `lists` know, in the order of their labels."""
        ...

    def read_lists(self, lists: str | Path, classes: Sequence[str]) -> list[Entry]:
        """Every clip of the lists in the folder `lists`, once; `classes` are those of `read_classes`."""
        ...

    def class_folder(self, path: PurePosixPath) -> str | None:
        """The class to which the file at `path` of the videos' archive belongs; None: it is no clip."""
        ...


def names() -> list[str]:
    """The data sets that there are, in alphabetical order."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def dataset(name: str) -> Dataset:
    """The data set `name`. Raises `UserError` when there is none."""
    return cast(Dataset, import_module(f"{__name__}.{source_file(name).stem}"))


def source_file(name: str) -> Path:
    """The file of the data set `name`, which jobs that use it depend on. Raises `UserError` when there is none."""
    if name not in names():
        raise UserError(f"there is no data set {name!r}; there are {', '.join(names())}")
    return Path(__file__).with_name(f"{name}.py")
