"""What a zip or a RAR holds, told by its headers before anything of it is written; hostile ones are refused here.

The kind is told by the content's first bytes, never by a name. RAR's headers are read by `rarfile`, in pure Python:
which tool then unpacks the archive plays no part in what is refused.
"""

from __future__ import annotations

import re
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from recurrent_residual.errors import UserError

MAGIC = {b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"Rar!\x1a\x07\x00": "rar", b"Rar!\x1a\x07\x01\x00": "rar"}
LONGEST_NAME = 255  # bytes that file systems take for one part of a path

_ODD = re.compile(r"[\x00-\x1f\x7f\\]|^[A-Za-z]:")  # control characters, and what Windows takes for a path
_RAR_VOLUME = 0x0001  # flag of the main header: one of several files that make up an archive


@dataclass(frozen=True)
class Member:
    """One file or folder in an archive: its path with "/", its size in bytes unpacked, its CRC-32 where it has one."""

    name: str
    size: int = 0
    crc: int | None = None
    is_folder: bool = False

    @property
    def path(self) -> PurePosixPath:
        """The path as file systems read it: "a//b" and "./a/b" are both "a/b"."""
        return PurePosixPath(self.name)


def kind(path: Path) -> str | None:
    """ "zip", "rar", or None for a file that is no archive."""
    with open(path, "rb") as file:
        start = file.read(8)
    return next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)


def members(path: Path, *, where: str | None = None) -> list[Member]:
    """All files and folders that the archive announces. `where` names the archive in messages; by default its path.

    Raises `UserError` for what is no archive or cannot be read, is encrypted or one volume of several, or has a member
    that leads outside the folder (.., absolute, with a drive), is a link or a device, stands twice or under a file.
    """
    where = where or str(path)
    readers = {"zip": _zip_members, "rar": _rar_members}
    what = kind(path)
    if what is None:
        raise UserError(f"{where}: is neither a zip nor a RAR; download it again")
    try:
        found = readers[what](path)
    except _Refused as error:
        raise UserError(f"{where}: {error}; do not trust this archive, take the official one") from error
    except Exception as error:  # a damaged header trips up the readers in any way
        raise UserError(f"{where}: does not unpack ({one_line(error)}); download it again") from error
    if wrong := _wrong_name(found):
        raise UserError(f"{where}: {wrong}; do not trust this archive, take the official one")
    return found


def one_line(error: Exception) -> str:
    """The message of an exception of a library, in one line; its class where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


class _Refused(Exception):
    pass


def _zip_members(path: Path) -> list[Member]:
    found: list[Member] = []
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            # Not filename, which ends at a null byte and, from Python 3.12 on, may come from an extra field.
            name = info.orig_filename
            if info.flag_bits & 0x1:
                raise _Refused(f"member {name!r} is encrypted")
            _refuse_special(name, info.external_attr >> 16)
            found.append(Member(name, info.file_size, info.CRC, name.endswith("/")))
    return found


def _rar_members(path: Path) -> list[Member]:
    import rarfile  # here: unpacking a zip does not need it

    # Packed comments are nothing to us, and rarfile would start a tool on each, unwatched.
    rarfile.rar3_decompress = lambda *_, **__: b""
    blocks: list[rarfile.RarInfo] = []
    archive = rarfile.RarFile(str(path), errors="strict", part_only=True, info_callback=blocks.append)
    if archive.needs_password():
        raise _Refused("is encrypted")
    found: list[Member] = []
    for block in blocks:  # not infolist, which leaves older versions of a file out
        if block.type == rarfile.RAR_BLOCK_MAIN and block.flags & _RAR_VOLUME:
            raise _Refused("is one of several volumes")
        if block.type != rarfile.RAR_BLOCK_FILE:
            continue
        if block.file_redir:
            raise _Refused(f"member {block.filename!r} is a link")
        if block.host_os == rarfile.RAR_OS_UNIX:
            _refuse_special(block.filename, block.mode)
        found.append(Member(block.filename, block.file_size, block.CRC, block.is_dir()))
    return found


def _refuse_special(name: str, mode: int) -> None:
    """Refuse links, devices, pipes and sockets by their Unix mode; 0 where the archive was made elsewhere."""
    what = stat.S_IFMT(mode)
    if what not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _Refused(f"member {name!r} is a {'link' if what == stat.S_IFLNK else 'device or pipe'}")


def _wrong_name(found: list[Member]) -> str | None:
    """What is wrong with the first member whose name is unsafe or clashes with another's."""
    files: set[PurePosixPath] = set()
    folders: set[PurePosixPath] = set()
    for member in found:
        path = member.path
        if path.is_absolute() or ".." in path.parts or _ODD.search(member.name):
            return f"member {member.name!r} would leave the folder"
        if (not path.parts and not member.is_folder) or any(len(p.encode()) > LONGEST_NAME for p in path.parts):
            return f"member {member.name!r} has no name that a file can have"
        if path in files and not member.is_folder:
            return f"member {member.name!r} stands in it twice"
        (folders if member.is_folder else files).add(path)
        folders.update(path.parents)
    for path in files & folders:
        return f"member {str(path)!r} is both a file and a folder"
    return None
