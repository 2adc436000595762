"""Archives made byte by byte, sound and hostile: packing a RAR takes a licensed tool, writing a stored one does not.

RAR4 and RAR5 with stored (not compressed) members, after RARLAB's technical notes on the two formats. The solid flag is
that of a solid archive; what it would change, the window shared by compressed members, stored ones do not use.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

RAR4, RAR5 = b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00"


@dataclass(frozen=True)
class Made:
    """A member to write. `size` and `crc` lie where they are given; `link` makes it a symbolic link to that place.

    `second_name` is what Info-ZIP's Unicode path field says in a zip.
    """

    name: str
    data: bytes = b""
    folder: bool = False
    link: str = ""
    hard_link: str = ""
    mode: int = 0o100644
    encrypted: bool = False
    size: int | None = None
    crc: int | None = None
    second_name: str = ""


def rar4(
    path: Path, members: Sequence[Made], *, solid: bool = False, volume: bool = False, locked: bool = False
) -> Path:
    """Write a RAR of the third version: what UCF-101 and HMDB-51 came in. `locked` encrypts the headers (says so)."""
    flags = 0x0008 * solid | 0x0101 * volume | 0x0080 * locked
    blocks = [RAR4, _block4(0x73, flags, bytes(6))]
    first = next((number for number, member in enumerate(members) if not member.folder), 0)
    for number, member in enumerate(members):
        data = member.link.encode() or member.data
        size, crc = _announced(member, data)
        mode = 0o120777 if member.link else 0o040755 if member.folder else member.mode
        name = member.name.replace("/", "\\").encode()
        flags = 0x8000 | 0x00E0 * member.folder | 0x0010 * (solid and number > first) | 0x0404 * member.encrypted
        flags |= 0x0200 * (not name.isascii())
        sizes = struct.pack("<II", len(data), size & 0xFFFFFFFF)
        rest = struct.pack("<BIIBBHI", 3, crc, 0x5A8D7B6A, 29, 0x30, len(name), mode)
        large = size >= 1 << 32
        high = struct.pack("<II", 0, size >> 32) if large else b""
        salt = bytes(8) if member.encrypted else b""
        blocks += [_block4(0x74, flags | 0x0100 * large, sizes + rest + high + name + salt), data]
    path.write_bytes(b"".join([*blocks, _block4(0x7B, 0x4000, b"")]))
    return path


def rar5(
    path: Path, members: Sequence[Made], *, solid: bool = False, volume: bool = False, locked: bool = False
) -> Path:
    """Write a RAR of the fifth version."""
    blocks = [RAR5]
    if locked:
        blocks.append(_block5(_vint(4), _vint(0), _vint(0), _vint(0), b"\x0f", bytes(16)))
    blocks.append(_block5(_vint(1), _vint(0), _vint(0x0004 * solid | 0x0001 * volume)))
    first = next((number for number, member in enumerate(members) if not member.folder), 0)
    for number, member in enumerate(members):
        size, crc = _announced(member, member.data)
        mode = 0o120777 if member.link else 0o040755 if member.folder else member.mode
        name = member.name.encode()
        extra = b""
        if target := (member.link or member.hard_link).encode():
            kind = 1 if member.link else 4
            extra += _record(_vint(5), _vint(kind), _vint(0), _vint(len(target)), target)
        if member.encrypted:
            extra += _record(_vint(1), _vint(0), _vint(0), b"\x0f", bytes(32))
        how = 0x0040 * (solid and number > first)
        fields = [_vint(0x0001 * member.folder | 0x0004), _vint(size), _vint(mode), struct.pack("<I", crc), _vint(how)]
        fields += [_vint(1), _vint(len(name)), name]
        head = [_vint(2), _vint(0x0002 | 0x0001 * bool(extra)), _vint(len(extra)) if extra else b""]
        blocks += [_block5(*head, _vint(len(member.data)), *fields, extra), member.data]
    path.write_bytes(b"".join([*blocks, _block5(_vint(5), _vint(0), _vint(0))]))
    return path


def zipped(path: Path, members: Sequence[Made]) -> Path:
    """Write a zip, deflated, whose external attributes hold the members' modes as those of Unix do."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            info = zipfile.ZipInfo(member.name + "/" * (member.folder and not member.name.endswith("/")))
            info.create_system, info.compress_type = 3, zipfile.ZIP_DEFLATED
            info.external_attr = (0o120777 if member.link else 0o040755 if member.folder else member.mode) << 16
            if member.second_name:
                field = struct.pack("<BI", 1, crc32(info.filename.encode())) + member.second_name.encode()
                info.extra = struct.pack("<HH", 0x7075, len(field)) + field
            archive.writestr(info, member.link or member.data)
    content = bytearray(path.read_bytes())
    for member in members:  # zipfile itself writes no wrong size, checksum or flag
        for magic, flag, crc, name in ((b"PK\x01\x02", 8, 16, 46), (b"PK\x03\x04", 6, 14, 30)):
            if not (member.encrypted or member.size is not None or member.crc is not None):
                continue
            encoded, start = member.name.encode(), content.index(magic)
            while content[start + name : start + name + len(encoded)] != encoded:
                start = content.index(magic, start + 1)
            content[start + flag] |= member.encrypted
            if member.crc is not None:
                content[start + crc : start + crc + 4] = struct.pack("<I", member.crc)
            if member.size is not None:
                content[start + crc + 8 : start + crc + 12] = struct.pack("<I", member.size)
    path.write_bytes(content)
    return path


MAKERS = {"zip": zipped, "rar4": rar4, "rar5": rar5}


def _announced(member: Made, data: bytes) -> tuple[int, int]:
    return len(data) if member.size is None else member.size, crc32(data) if member.crc is None else member.crc


def _block4(kind: int, flags: int, rest: bytes) -> bytes:
    head = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
    return struct.pack("<H", crc32(head) & 0xFFFF) + head


def _block5(*fields: bytes) -> bytes:
    body = b"".join(fields)
    head = _vint(len(body)) + body
    return struct.pack("<I", crc32(head)) + head


def _record(*fields: bytes) -> bytes:
    body = b"".join(fields)
    return _vint(len(body)) + body


def _vint(number: int) -> bytes:
    """Seven bits a byte, lowest first; the eighth says that more follow."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
