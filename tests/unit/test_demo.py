"""The demo's data: what it promises to the workflow and to whoever compares models on it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from recurrent_residual.demo import CLASSES
from recurrent_residual.demo.scenes import HEIGHT, LENGTHS, REVERSED, WIDTH, render, scene_of
from recurrent_residual.demo.stills import NAMES, still_images
from recurrent_residual.demo.videos import has_b_frames, make_videos
from recurrent_residual.errors import UserError

ROOT = Path(__file__).parents[2]
PAIR = ("RingGrows", "RingShrinks")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def make(folder: Path, **settings: Any) -> Path:
    make_videos(folder / "videos", folder / "lists", **settings)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two twin classes, all groups, a clip each."""
    return make(tmp_path_factory.mktemp("demo"), classes=PAIR, clips=1)


def decode(file: Path) -> list[av.VideoFrame]:
    with av.open(file) as container:
        return list(container.decode(video=0))


def test_classes_are_known_without_numpy() -> None:
    """The Snakefile reads the classes each time it is parsed: that may not cost an import of NumPy."""
    assert list(CLASSES) == sorted(CLASSES)
    code = "import sys; from recurrent_residual.demo import CLASSES; print(len(CLASSES), 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "src", capture_output=True, text=True, check=True)
    assert done.stdout == "8 False\n"


@pytest.mark.parametrize(("backward", "forward"), REVERSED.items())
def test_twins_are_exact_reversals(backward: str, forward: str) -> None:
    """Only the order of time may tell a pair apart, or models without it could win there."""
    for group in (1, 17):
        frames = render(forward, group, 2)
        np.testing.assert_array_equal(render(backward, group, 2), frames[::-1])
        assert not np.array_equal(frames, frames[::-1])


@pytest.mark.parametrize(("backward", "forward"), REVERSED.items())
def test_twins_give_the_same_samples(backward: str, forward: str) -> None:
    """Every tenth frame of a clip and of its twin must be the same set, or the sampling would tell them apart."""
    for group in range(1, 6):
        np.testing.assert_array_equal(render(backward, group, 1)[::10], render(forward, group, 1)[::10][::-1])


def test_both_lengths_occur_in_each_class() -> None:
    """The length of a clip must not name its class."""
    for class_name in set(CLASSES) - set(REVERSED):
        assert {len(render(class_name, group, 1)) for group in range(1, 11)} == set(LENGTHS)


def test_a_ball_moves_visibly_between_samples() -> None:
    """Coarse feature maps must tell two samples apart: at least an eighth of the height, downwards all the time."""
    for group in range(1, 11):
        samples = render("BallFalls", group, 1)[::10].astype(np.int32)
        ball = np.abs(samples - scene_of(group).fill).sum(3) < 60
        rows = [np.nonzero(frame)[0].mean() for frame in ball]
        steps = np.diff(rows)
        assert (steps > 0).all(), (group, steps)
        assert (steps[1:-1] > HEIGHT / 8).all(), (group, steps)  # at both ends the ball is partly outside


def test_a_group_shares_its_scene() -> None:
    """Splits by group matter only where the clips of a group look alike and those of others do not."""
    same, other = scene_of(3), scene_of(4)
    first, second, third = (
        render("SquareSpins", *clip).astype(float).mean((0, 1, 2)) for clip in ((3, 1), (3, 2), (4, 1))
    )
    np.testing.assert_array_equal(same.background, scene_of(3).background)
    assert not np.array_equal(same.background, other.background)
    assert np.abs(first - second).max() < 6 < np.abs(first - third).max()
    assert not np.array_equal(render("SquareSpins", 3, 1), render("SquareSpins", 3, 2))


def test_lists_are_in_the_official_format(small: Path) -> None:
    """The reader of the lists is written for UCF-101's: CRLF, labels from 1 in the train lists only, test groups."""
    lists = contents(small / "lists")
    assert lists["classInd.txt"] == b"1 RingGrows\r\n2 RingShrinks\r\n"
    assert sorted(lists) == ["classInd.txt"] + [f"{part}list0{s}.txt" for part in ("test", "train") for s in (1, 2, 3)]
    videos = {name for name in contents(small / "videos")}
    for split in (1, 2, 3):
        train = lists[f"trainlist0{split}.txt"].decode().split("\r\n")
        test = lists[f"testlist0{split}.txt"].decode().split("\r\n")
        assert train.pop() == test.pop() == ""
        assert len(test) == 2 * 7 and len(train) == 2 * 18
        assert {line.split()[0] for line in train} | set(test) == videos
        assert all(line.split()[1] == str(1 + PAIR.index(line.split("/")[0])) for line in train)
        assert {int(line[-10:-8]) for line in test} == set(range(7 * split - 6, 7 * split + 1))


def test_files_are_mpeg4_and_decode_to_every_frame(small: Path) -> None:
    """A lost frame at the end, as B-frames in AVI invite, would shift every sample behind it."""
    for group in (1, 2, 3, 6):
        file = small / f"videos/RingGrows/v_RingGrows_g{group:02d}_c01.avi"
        with av.open(file) as container:
            assert container.format.name == "avi"
            assert container.streams.video[0].codec_context.name == "mpeg4"
            assert container.streams.video[0].average_rate == 25
        truth, frames = render("RingGrows", group, 1), decode(file)
        assert len(frames) == len(truth)
        for frame, pixels in zip(frames, truth, strict=True):
            assert (frame.width, frame.height) == (WIDTH, HEIGHT)
            error = frame.to_ndarray(format="rgb24").astype(float) - pixels
            assert np.abs(error).mean() < 12


def test_a_third_of_the_groups_has_b_frames(small: Path) -> None:
    """The demo must exercise the reordering that half of UCF-101 needs, in train and test groups of every split."""
    found = {}
    for group in range(1, 26):
        frames = decode(small / f"videos/RingGrows/v_RingGrows_g{group:02d}_c01.avi")
        found[group] = any(frame.pict_type == PictureType.B for frame in frames)
    assert found == {group: has_b_frames(group) for group in found}
    assert sum(found.values()) == 8


def test_bytes_do_not_depend_on_processes_or_on_the_run(small: Path, tmp_path: Path) -> None:
    """Results on the demo are comparable between machines only if its files are the same."""
    again = make(tmp_path, classes=PAIR[:1], clips=1, processes=2)
    first = {name: data for name, data in contents(small / "videos").items() if name.startswith("RingGrows")}
    assert contents(again / "videos") == first


def test_fewer_groups_keep_the_rule_of_the_splits(tmp_path: Path) -> None:
    """A tiny data set for tests has the splits of the whole one."""
    folder = make(tmp_path, classes=("CrossDrifts",), groups=8, clips=1)
    assert (folder / "lists/testlist02.txt").read_text().split() == ["CrossDrifts/v_CrossDrifts_g08_c01.avi"]
    assert (folder / "lists/trainlist01.txt").read_text().split() == ["CrossDrifts/v_CrossDrifts_g08_c01.avi", "1"]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    """A data set cut short must not be taken for a whole one."""

    def fail(done: object, total: int) -> object:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, classes=PAIR, groups=1, progress=fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"classes": ["Juggles"]}, "no class Juggles"), ({"groups": 0}, "--groups"), ({"clips": -1}, "--clips")],
)
def test_bad_settings_are_named(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    """One clear line, and nothing made."""
    with pytest.raises(UserError, match=message):
        make(tmp_path, **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    """A mistyped --videos must not cost the user a folder."""
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos/mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        make(tmp_path, classes=PAIR, groups=1)
    assert contents(tmp_path) == {"videos/mine.txt": b"mine"}
    with pytest.raises(UserError, match="apart"):
        make_videos(tmp_path / "a", tmp_path / "a/lists", classes=PAIR, groups=1)


def test_stills_are_deterministic_and_balanced() -> None:
    """The pretrained backbone, and with it every number of the demo, hangs on them."""
    images, labels, names = still_images(2 * len(NAMES), seed=5)
    assert images.shape == (2 * len(NAMES), 3, HEIGHT, WIDTH) and images.dtype == np.uint8
    assert labels.dtype == np.int64 and names == NAMES and len(set(names)) == len(names)
    assert np.bincount(labels).tolist() == [2] * len(names)
    np.testing.assert_array_equal(still_images(7, seed=5)[0], images[:7])
    assert not np.array_equal(still_images(7, seed=6)[0], images[:7])
    assert not set(names) & set(CLASSES)
