"""Get a file from the first of its mirrors that gives it whole; one that was put there by hand is verified and used."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from recurrent_residual import files
from recurrent_residual.errors import UserError
from recurrent_residual.fetch.mirrors import Mirror
from recurrent_residual.fetch.partial_file import (
    PartialFile,
    fault_of,
    has_checksum,
    need_writable,
    part_path,
    remove_part,
)
from recurrent_residual.fetch.progress import say, size_in_words
from recurrent_residual.fetch.transfer import MirrorError, Patience, transfer


def download(
    mirrors: Sequence[Mirror],
    folder: str | Path,
    *,
    output: str | Path | None = None,
    room_to_unpack: bool = False,
    patience: Patience | None = None,
) -> Path:
    """Get one of `mirrors` to `output`, by default to its own name in `folder`; return where it is.

    What stands at `output`, or under a mirror's name in `folder`, is verified and used, and never changed: `output` is
    then a link to it. Else the mirrors are tried in order, into `<folder>/<name>.part`, which the next run goes on
    with and which is renamed only when it is whole and right, or linked to where `output` has another name: then it
    stays, until `partial_file.remove_parts_of`. With `room_to_unpack` the disk must have room for as much again.

    Raises:
        UserError: a file that is there is wrong; no mirror gives the file; the disk is too small; another process
            downloads the same file; the folder of either cannot be written to.
    """
    folder = Path(folder)
    path = _get(mirrors, folder, Path(output) if output else None, room_to_unpack, patience or Patience())
    for mirror in mirrors:
        part = part_path(folder / mirror.name)
        if part.exists() and not part.samefile(path):
            remove_part(part)  # begun and not ended: gigabytes
    return path


def with_mirrors(bases: Sequence[str], known: Sequence[Mirror]) -> tuple[Mirror, ...]:
    """The `known` mirrors with the same files below each of the addresses `bases` before them."""
    own = [replace(mirror, url=f"{base.rstrip('/')}/{mirror.name}") for base in bases for mirror in known]
    return tuple(dict.fromkeys([*own, *known]))


def _get(
    mirrors: Sequence[Mirror], folder: Path, output: Path | None, room_to_unpack: bool, patience: Patience
) -> Path:
    if there := _there_already(mirrors, folder, output):
        return there
    if output:
        need_writable(output.parent)  # told before gigabytes have come
    failures: dict[str, str] = {}
    tried: list[Mirror] = []
    # What an earlier run has begun comes first.
    for mirror in sorted(mirrors, key=lambda mirror: not part_path(folder / mirror.name).exists()):
        path = folder / mirror.name
        target = output or path
        if any(other.name == mirror.name and not _same_file(other, mirror) for other in tried):
            remove_part(part_path(path))  # of another file: nothing to go on with
        tried.append(mirror)
        with PartialFile(part_path(path), mirror) as part:
            # The process that had the lock until now may have ended well.
            if there := _there_already(mirrors, folder, output):
                return there
            whole = size_in_words(mirror.bytes) if mirror.bytes else "a size not known"
            say(f"downloading {mirror.url} to {part.path}: {size_in_words(part.size)} of {whole} are there")
            try:
                transfer(mirror, part, patience, room_to_unpack=room_to_unpack)
            except MirrorError as error:
                say(f"{mirror.url}: {error}; given up")
                failures[mirror.url] = str(error)
                continue
            part.finish(target)
            verified = "downloaded and verified" if has_checksum(mirror) else "downloaded; no checksum is known"
            say(f"{target}: {size_in_words(part.size)}, {verified}")
        return target
    reasons = "; ".join(f"{url}: {reason}" for url, reason in failures.items())
    wanted = " or ".join(dict.fromkeys(_description(mirror) for mirror in mirrors))
    raise UserError(
        f"{reasons}. Check the network (`make doctor` does), or put {wanted} by hand into the folder {folder}/, "
        "which you may have to make; then start again"
    )


def _there_already(mirrors: Sequence[Mirror], folder: Path, output: Path | None) -> Path | None:
    """The file that is there and right: `output` itself, or a link to what was put into the folder by hand."""
    if output and output.exists():
        found = [(output, mirror) for mirror in mirrors]
    else:
        found = [(folder / mirror.name, mirror) for mirror in mirrors if (folder / mirror.name).exists()]
    faults: dict[Path, str] = {}
    for path, mirror in dict.fromkeys((path, replace(mirror, url="")) for path, mirror in found):
        if not path.is_file():
            raise UserError(f"{path}: is no file; remove it")
        say(f"{path}: is there; verifying it")
        fault = fault_of(path, mirror)
        if fault is None:
            return _link(path, output or path)
        faults.setdefault(path, fault)
    if faults:
        wrong = "; ".join(f"{path}: {fault}" for path, fault in faults.items())
        raise UserError(f"{wrong}; complete, replace or remove what is there, then start again")
    return None


def _link(path: Path, output: Path) -> Path:
    """Make `output` the file `path` without a copy where that can be; removing `output` leaves `path` alone."""
    if output.exists():
        return output
    need_writable(output.parent)
    output.unlink(missing_ok=True)  # a link to nothing
    for link in (os.link, os.symlink):
        try:
            link(path.resolve(), output)
            return output
        except OSError:
            continue
    with files.atomic(output) as copy:
        shutil.copyfile(path, copy)
    return output


def _same_file(one: Mirror, other: Mirror) -> bool:
    return replace(one, url="") == replace(other, url="")


def _description(mirror: Mirror) -> str:
    facts = [f"{mirror.bytes} bytes" if mirror.bytes else "", f"sha256 {mirror.sha256}" if mirror.sha256 else ""]
    facts = [fact for fact in [*facts, f"md5 {mirror.md5}" if mirror.md5 else ""] if fact]
    return f"{mirror.name} ({', '.join(facts)})" if facts else mirror.name
