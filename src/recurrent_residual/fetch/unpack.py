"""Unpack the archives of videos and lists into the layout of a data set: a whole folder, or none."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from recurrent_residual.errors import UserError
from recurrent_residual.fetch import archives
from recurrent_residual.fetch.archives import Member
from recurrent_residual.fetch.partial_file import need_writable
from recurrent_residual.fetch.progress import progress, size_in_words
from recurrent_residual.fetch.unrar import Tell, unrar

if TYPE_CHECKING:
    from recurrent_residual.datasets import Dataset

RATIO = 100  # an archive that unpacks to more than this many times its size is taken for a bomb
FLOOR = 16 << 20  # bytes that any archive may unpack to: texts pack well
MARGIN = 64 << 20  # bytes of the disk that stay free
CHUNK = 1 << 20


@dataclass(frozen=True)
class _Found:
    """A file that was unpacked: its path in the archive, the same with the archive in the archive as a folder (a class
    may stand in that one's name alone), and where it lies now."""

    path: PurePosixPath
    origin: PurePosixPath
    file: Path


Place = Callable[[_Found], "str | None"]


@dataclass
class Unpacked:
    """What was laid out, as paths below the output, and which files of the archive were not."""

    files: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    @property
    def classes(self) -> set[str]:
        """The folders that hold files, which for videos are the classes."""
        return {name.rpartition("/")[0] for name in self.files}


def unpack(
    archive: str | Path, output: str | Path, *, dataset: Dataset | None = None, part: str | None = None
) -> Unpacked:
    """Unpack `archive` (zip or RAR, and those in it one level deep) to the folder `output`.

    With `dataset`, `part` is "videos", laid out as <class>/<file name>.avi, or "lists", all files in one folder; all
    else in the archive is ignored. Without, the archive's own layout stays. `output` appears only when all is done;
    lists may join other files there. What a killed try left beside it is removed.
    Raises `UserError` for a filled `output` or one that cannot be written to, an archive that is damaged, hostile
    (`archives.members`), larger than the disk or than `RATIO` times itself, or that lacks a list or any clip, and for
    two files with one place.
    """
    archive, output = Path(archive), Path(output)
    if not archive.is_file():
        raise UserError(f"{archive}: no such file; download it first")
    joins = dataset is not None and part == "lists" and output.is_dir()
    if not joins and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"{output}: is there already; remove it to unpack again")
    with _workplace(output) as work:
        laid_out = work / "laid_out"
        laid_out.mkdir()
        try:
            done = _lay_out(archive, work, laid_out, _place(dataset, part))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise UserError(f"{output}: the disk is full; make room and unpack again") from error
            raise
        if part == "lists" and dataset:
            for name in dataset.list_files(dataset.CLASSES):
                if name not in done.files:
                    raise UserError(f"{archive}: lacks {name}; take the official lists")
        if not done.files:
            what = "file" if dataset is None else f"clip of {dataset.TITLE}"
            raise UserError(f"{archive}: holds no {what}; take the official archive")
        if joins:
            need_writable(output)
            for name in done.files:
                os.replace(laid_out / name, output / name)
        else:
            os.replace(laid_out, output.resolve())  # which may be a link to a larger disk's empty folder
    return done


@contextmanager
def _workplace(output: Path) -> Iterator[Path]:
    """An empty folder beside `output`, this process's alone, removed at the end or by the next try."""
    output = output.resolve()
    work = output.with_name(f".{output.name}.part")
    need_writable(output.parent)
    work.mkdir(exist_ok=True)
    with open(work / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"{output}: another process is unpacking to it; wait for it or end it") from error
        except OSError:
            pass  # a file system without locks
        try:
            for left in work.iterdir():  # by an earlier try that was killed: gigabytes
                if left.is_dir() and not left.is_symlink():
                    shutil.rmtree(left, ignore_errors=True)
                elif left.name != "lock":
                    with suppress(OSError):
                        left.unlink()
            # A folder of its own: what could not be removed, as NFS's .nfs files, must not end up in the output.
            yield Path(tempfile.mkdtemp(dir=work))
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _place(dataset: Dataset | None, part: str | None) -> Place:
    """The function that says where below the output a file belongs; None for nowhere."""
    if dataset is None:
        return lambda found: str(found.path)
    if part == "lists":
        names = set(dataset.list_files(dataset.CLASSES))
        return lambda found: found.path.name if found.path.name in names else None

    def clip(found: _Found) -> str | None:
        if any(name == "__MACOSX" or name.startswith(".") for name in found.origin.parts):
            return None  # what systems and programs keep for themselves, under the clips' own names too
        folder = dataset.class_folder(found.origin) if found.path.suffix.lower() == ".avi" else None
        return f"{folder}/{found.path.name}" if folder else None

    return clip


def _lay_out(archive: Path, work: Path, laid_out: Path, place: Place) -> Unpacked:
    """Unpack to `work` and move each file to its place below `laid_out`."""
    done = Unpacked()
    taken: dict[str, PurePosixPath] = {}
    for found in _contents(archive, work):
        target = place(found)
        if target is None:
            done.ignored.append(str(found.origin))
            continue
        key = target.casefold()  # file systems of other machines, and the lists, do not tell cases apart
        if key in taken:
            both = f"{taken[key]} and {found.origin}"
            raise UserError(f"{archive}: {both} are both to become {target}; take the official archive")
        taken[key] = found.origin
        try:
            (laid_out / target).parent.mkdir(parents=True, exist_ok=True)
            os.replace(found.file, laid_out / target)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise UserError(f"{archive}: {target} is both a file and a folder; take the official archive") from error
        done.files.append(target)
    return done


def _contents(archive: Path, work: Path) -> Iterator[_Found]:
    """Each file of the archive, those of an archive in the archive in that one's place.

    HMDB-51 is a RAR of RARs: each is unpacked when it is reached, and removed before its files are used.
    """
    content, nested = work / "content", work / "nested"
    room = max(FLOOR, RATIO * archive.stat().st_size)
    room -= _extract(archive, content, room, where=str(archive))
    for file in _files(content):
        path = PurePosixPath(file.relative_to(content))
        if not archives.kind(file):
            yield _Found(path, path, file)
            continue
        room -= _extract(file, nested, room, where=f"{archive}: {path}")
        file.unlink()
        for inner in _files(nested):
            name = inner.relative_to(nested)
            yield _Found(path.parent / name, path / name, inner)
        shutil.rmtree(nested)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _extract(archive: Path, folder: Path, room: int, *, where: str) -> int:
    """Unpack `archive` into the new `folder`; the number of bytes, which may be at most `room`."""
    members = archives.members(archive, where=where)
    size = sum(member.size for member in members)
    if size > room:
        raise UserError(
            f"{where}: would unpack to {size_in_words(size)}, all in all more than {RATIO} times the archive's size; "
            "do not trust this archive, take the official one"
        )
    free = shutil.disk_usage(folder.parent).free
    if size + MARGIN > free:
        there = f"{size_in_words(free)} are free in {folder.parents[2]}"
        raise UserError(f"{where}: unpacks to {size_in_words(size)}, and {there}; make room")
    folder.mkdir()
    number = sum(not member.is_folder for member in members)
    with progress(archive.name, total=size) as bar:

        def tell(files: int, count: int) -> None:
            bar.set_description_str(f"{archive.name}: {files} of {number} files", refresh=False)
            bar.update(count - bar.n)

        if archives.kind(archive) == "zip":
            _unzip(archive, folder, members, tell, where=where)
        else:
            unrar(archive, folder, members, tell, where=where)
    return size


def _unzip(archive: Path, folder: Path, members: list[Member], tell: Tell, *, where: str) -> None:
    """Write each member under the name that was checked, no further than it announces; zipfile compares the checksum
    at that point."""
    files = written = 0
    with zipfile.ZipFile(archive) as content:
        for info, member in zip(content.infolist(), members, strict=True):
            target = folder / member.path
            if member.is_folder:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "wb") as file:
                for chunk in _chunks(content, info, where=where):
                    written += file.write(chunk)
                    tell(files, written)
            files += 1
            tell(files, written)


def _chunks(content: zipfile.ZipFile, info: zipfile.ZipInfo, *, where: str) -> Iterator[bytes]:
    left = info.file_size
    try:
        with content.open(info) as source:
            while chunk := source.read(CHUNK):
                left -= len(chunk)
                yield chunk
        if left:
            raise zipfile.BadZipFile(f"{left} bytes less than announced")
    except OSError as error:
        raise UserError(f"{where}: {info.orig_filename}: {archives.one_line(error)}; unpack again") from error
    except Exception as error:  # damaged data trips up the decompressors in any way
        reason = f"{info.orig_filename}: {archives.one_line(error)}"
        raise UserError(f"{where}: does not unpack ({reason}); download it again") from error
