"""Write the demo's clips as MPEG-4 AVI files in the UCF-101 layout, with lists in the official format."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path

from recurrent_residual.demo import CLASSES
from recurrent_residual.demo.scenes import FPS, HEIGHT, WIDTH, render
from recurrent_residual.errors import UserError

# UCF-101's own rule: the groups that each split tests on; it trains on all others.
TEST_GROUPS = {1: range(1, 8), 2: range(8, 15), 3: range(15, 22)}

Clip = tuple[str, int, int]  # class, group, clip


def has_b_frames(group: int) -> bool:
    """Whether a group's files carry B-frames: a third of the groups do (of UCF-101's clips, half)."""
    return group % 3 == 0


def video_name(clip: Clip) -> str:
    """The path of a clip as UCF-101's lists spell it, `Class/v_Class_g01_c01.avi`."""
    class_name, group, number = clip
    return f"{class_name}/v_{class_name}_g{group:02d}_c{number:02d}.avi"


def write_clip(folder: Path, clip: Clip) -> None:
    """Render and encode one clip to its place below `folder`, whose class folder must exist.

    The bitexact flags leave out versions and dates and every processor-specific shortcut; with a constant quantiser
    and one thread the file depends on the libraries only.
    """
    import av
    from av.video.reformatter import Interpolation

    class_name, group, number = clip
    exact = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
    options = {"qmin": "3", "qmax": "3", "flags": "+bitexact", "bf": "2" if has_b_frames(group) else "0"}
    with av.open(folder / video_name(clip), "w", format="avi", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count = 1
        for pixels in render(class_name, group, number):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", interpolation=exact, threads=1)))
        container.mux(stream.encode())


def write_lists(folder: Path, clips: Sequence[Clip], classes: Sequence[str]) -> None:
    """Write classInd.txt and the lists of the three splits: CRLF, 1-based labels, none in the test lists."""

    def write(name: str, lines: Iterator[str]) -> None:
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="ascii", newline="\r\n")

    write("classInd.txt", (f"{i} {name}" for i, name in enumerate(classes, 1)))
    for split, tested in TEST_GROUPS.items():
        train = (clip for clip in clips if clip[1] not in tested)
        write(f"trainlist{split:02d}.txt", (f"{video_name(clip)} {classes.index(clip[0]) + 1}" for clip in train))
        write(f"testlist{split:02d}.txt", (video_name(clip) for clip in clips if clip[1] in tested))


def make_videos(
    videos: Path,
    lists: Path,
    classes: Sequence[str] = CLASSES,
    groups: int = 25,
    clips: int = 2,
    processes: int = 1,
    progress: Callable[[Iterator[None], int], Iterable[None]] = lambda done, total: done,
) -> int:
    """Make the data set: `clips` clips of each of `groups` groups of `classes`; return the number of clips.

    Both folders appear whole or not at all, `videos` last. The bytes do not depend on `processes`. `progress` wraps
    an iterator over finished clips, as tqdm does. Raises UserError for an unknown class, a number below 1, and a
    folder that is there already and not empty.
    """
    if unknown := sorted(set(classes) - set(CLASSES)):
        raise UserError(f"--classes: the demo has no class {', '.join(unknown)}; it has {', '.join(CLASSES)}")
    for name, number in (("groups", groups), ("clips", clips), ("processes", processes)):
        if number < 1:
            raise UserError(f"--{name}: {number} is below 1")
    one, other = videos.absolute(), lists.absolute()
    if one == other or one in other.parents or other in one.parents:
        raise UserError(f"--videos {videos} and --lists {lists}: name two folders apart from each other")
    chosen = [name for name in CLASSES if name in classes]
    todo = list(product(chosen, range(1, groups + 1), range(1, clips + 1)))
    with ExitStack() as stack:
        video_part = stack.enter_context(_whole_folder(videos))
        list_part = stack.enter_context(_whole_folder(lists))
        write_lists(list_part, todo, chosen)
        for name in chosen:
            (video_part / name).mkdir()
        work = partial(write_clip, video_part)
        if processes == 1:
            done: Iterator[None] = map(work, todo)
        else:
            # "spawn": a fork of a process that runs threads (NumPy, a test) may hang
            pool = stack.enter_context(get_context("spawn").Pool(processes))
            done = pool.imap_unordered(work, todo, chunksize=4)
        for _ in progress(done, len(todo)):
            pass
    return len(todo)


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`; renamed to `folder` on success, removed on failure."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: is there already; remove it or name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.part-{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)  # of a killed process that had the same number
    part.mkdir()
    try:
        yield part
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
