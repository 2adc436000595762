"""Each data set is one module with one interface, found by its name and light to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from recurrent_residual import datasets
from recurrent_residual.datasets import Dataset
from recurrent_residual.errors import UserError

INTERFACE = [name for name in vars(Dataset) if not name.startswith("_")]


def test_names() -> None:
    """A data set is there because its module is; an unknown name is refused with those that there are."""
    assert {"hmdb51", "ucf101"} <= set(datasets.names())
    with pytest.raises(UserError, match="no data set 'kinetics'; there are .*hmdb51.*, ucf101"):
        datasets.dataset("kinetics")
    with pytest.raises(UserError, match="no data set '__init__'"):
        datasets.source_file("__init__")


@pytest.mark.parametrize("name", datasets.names())
def test_interface(name: str) -> None:
    """Every module has all that the workflow asks of a data set, and facts that agree with each other."""
    data = datasets.dataset(name)
    assert len(INTERFACE) == 10 and all(hasattr(data, part) for part in INTERFACE)
    assert data.__doc__ and datasets.source_file(name) == Path(str(vars(data)["__file__"]))
    assert data.TITLE and len(set(data.CLASSES)) == len(data.CLASSES)
    assert all(class_name.isidentifier() for class_name in data.CLASSES)  # \w+: they name files and Snakemake wildcards
    assert sorted(data.SPLIT_SIZES) == list(datasets.SPLITS)
    assert all(train + test <= data.CLIPS for train, test in data.SPLIT_SIZES.values())
    files = data.list_files(data.CLASSES)
    assert files and len(files) == len(set(files))
    for mirror in (*data.VIDEOS, *data.LISTS):
        assert mirror.url.startswith("https://")
        assert len(mirror.sha256 or "") == 64 or len(mirror.md5 or "") == 32  # vouches for a server that cannot


@pytest.mark.parametrize(("name", "classes", "clips", "files"), [("ucf101", 101, 13320, 7), ("hmdb51", 51, 6766, 153)])
def test_published_sizes(name: str, classes: int, clips: int, files: int) -> None:
    """The figures of the two publications."""
    data = datasets.dataset(name)
    assert (len(data.CLASSES), data.CLIPS, len(data.list_files(data.CLASSES))) == (classes, clips, files)


def test_import_is_light() -> None:
    """The Snakefile imports the data sets each time it is parsed: no library that takes its time may come along."""
    code = (
        "import sys; from recurrent_residual import class_folders, datasets; "
        "[datasets.dataset(name) for name in datasets.names()]; "
        "print(*{name.partition('.')[0] for name in sys.modules} - {'recurrent_residual'} - sys.stdlib_module_names)"
    )
    bare = [sys.executable, "-S", "-c", code]  # without site-packages and what .pth files there import
    done = subprocess.run(bare, cwd=Path(datasets.__file__).parents[2], capture_output=True, text=True, check=True)
    assert done.stdout.split() in ([], ["__main__"])
