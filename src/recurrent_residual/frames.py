"""The sampled frames of a class in one uncompressed tar of JPEGs, and random access to them.

101 tars instead of 250,000 files, because cluster file systems choke on small files; a tar opens with standard tools.
Members are named "<video>/<frame:06d>.jpg"; the frame is its 0-based index in display order. Beside the tar stands a
table of what each clip really holds. `extraction` writes both; to read them needs neither PyAV nor an encoder.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from recurrent_residual.errors import UserError

# sha256: first 16 digits of the digest of the clip's JPEGs, one after the other, so that the table tells of any change.
MEASURES = ("frames", "width", "height", "fps", "sha256")
# announced: frames by the clip's header, 0 where it does not say; problem: what is wrong with a damaged clip, which has
# no frames, else empty.
INDEX_COLUMNS = ("video", *MEASURES, "announced", "problem")
BLOCK = 512  # bytes: a tar is a row of such blocks, a header and then the content of each member


def sampled_frames(frames: int, every: int) -> range:
    """The indices of the sampled frames of a clip of `frames` frames: 0, every, 2 * every, ..."""
    return range(0, frames, every)


def member(video: str, frame: int) -> str:
    """The name of a frame in the tar of its class."""
    return f"{video}/{frame:06d}.jpg"


class FrameReader:
    """Random access to the frames of all classes in `folder`, which holds a "<Class>.tar" each.

    A tar is mapped and its headers read once, when a clip of its class is first asked for. It may be empty, where all
    clips of the class are damaged. A reader may be shared by threads and by forked workers; when pickled it takes only
    what it was made with along.

    `only`: names of the clips that it may read; for any other it raises `PermissionError` before it opens a file, so
    that a job which must not see the test clips cannot. None: all.
    """

    def __init__(self, folder: str | Path, *, only: Iterable[str] | None = None) -> None:
        self.folder = Path(folder)
        self.only = None if only is None else frozenset(only)
        self._tars = {path.stem: path for path in self.folder.glob("*.tar")}
        self._open: dict[str, tuple[memoryview, dict[str, tuple[int, int]]]] = {}
        if not self._tars:
            raise UserError(f"{self.folder}: no tar of frames; run extract_frames first")

    def __reduce__(self) -> tuple[Callable[[Path], FrameReader], tuple[Path]]:
        return partial(type(self), only=self.only), (self.folder,)

    def read(self, class_name: str, video: str, frame: int) -> memoryview:
        """The JPEG of frame `frame` of the clip `video`, not copied. Raises `UserError` when it is not there."""
        if self.only is not None and video not in self.only:
            raise PermissionError(f"{video}: is none of the clips that this job may read")
        tar = self._tars.get(class_name)
        if tar is None:
            raise UserError(f"{self.folder}: no tar for {class_name}, the class of {video}; run extract_frames for it")
        if class_name not in self._open:  # two threads may both do this; they get equal entries
            self._open[class_name] = _map(tar)
        content, index = self._open[class_name]
        place = index.get(member(video, frame))
        if place is None:
            raise UserError(f"{tar}: no {member(video, frame)}; delete the file and run extract_frames")
        return content[place[0] : place[0] + place[1]]


def _map(path: Path) -> tuple[memoryview, dict[str, tuple[int, int]]]:
    """Map the tar at `path`; return its bytes and {member: (offset, size)}.

    Reads the fields that are needed of each header (POSIX ustar: name 0-99, size 124-135 in octal, magic 257-262, and
    prefix 345-499, the folder in front of a name that would not fit), five times faster than `tarfile`. Raises
    `UserError` when the tar breaks off before the empty block at its end.
    """
    try:
        with open(path, "rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); delete it and run extract_frames again") from error
    index: dict[str, tuple[int, int]] = {}
    offset = 0
    try:
        while content[offset] != 0:
            header = bytes(content[offset : offset + BLOCK])
            size = int(header[124:136].rstrip(b"\0 "), 8)
            name = header[:100].rstrip(b"\0").decode()
            # GNU's format has times where ustar has the prefix; its magic ends in a blank.
            if header[345] and header[257:263] == b"ustar\0":
                name = header[345:500].rstrip(b"\0").decode() + "/" + name
            index[name] = (offset + BLOCK, size)
            offset += BLOCK + (size + BLOCK - 1) // BLOCK * BLOCK
    except (IndexError, ValueError) as error:
        raise UserError(f"{path}: cut short or damaged; delete it and run extract_frames again") from error
    return content, index
