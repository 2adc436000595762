"""Unpack the archives of videos and lists into the layout that `ucf101` describes."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import zipfile
from pathlib import Path, PurePosixPath

from recurrent_residual import ucf101
from recurrent_residual.errors import UserError

# Which of them reads a RAR depends on its kind: UCF-101's is solid, and on solid archives of RAR's third version bsdtar
# and Debian's 7z give up (tried with libarchive 3.6 and p7zip 16.02), on those of the fifth unar and 7z.
RAR_TOOLS = {
    "unrar": ["unrar", "x", "-idq", "-o+", "{archive}", "{folder}/"],
    "unar": ["unar", "-quiet", "-no-directory", "-output-directory", "{folder}", "{archive}"],
    "bsdtar": ["bsdtar", "-x", "-f", "{archive}", "-C", "{folder}"],
    "7z": ["7z", "x", "-y", "-bso0", "-bsp0", "-o{folder}", "{archive}"],
}


def unpack(archive: str | Path, output: str | Path, *, strip: bool = False) -> int:
    """Unpack `archive` (.zip or .rar) to the folder `output`; return the number of files.

    `strip` lays the content out as UCF-101: `output` itself holds the class folders or classInd.txt, whatever folders
    the archive wraps them in, and nothing else. `output` appears only when all is unpacked.
    Raises `UserError` for a damaged archive, one whose members would leave the folder, or a filled `output`.
    """
    archive, output = Path(archive), Path(output)
    if not archive.is_file():
        raise UserError(f"{archive}: no such file; download it first")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"{output}: is there already; remove it to unpack again")
    part = output.with_name(f".{output.name}.part-{os.getpid()}")
    for killed in output.parent.glob(f".{glob.escape(output.name)}.part-*"):
        shutil.rmtree(killed)  # what an earlier try left: gigabytes
    content, laid_out = part / "content", part / "laid_out"
    content.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, content)
        else:
            _unrar(archive, content)
        if strip:
            _lay_out(content, laid_out)
            content = laid_out
        count = sum(path.is_file() for path in content.rglob("*"))
        if not count:
            raise UserError(f"{archive}: holds neither clips nor lists; download it again")
        os.replace(content, output)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return count


def _unzip(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as content:
            for name in content.namelist():
                path = PurePosixPath(name.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts:
                    raise UserError(f"{archive}: member {name} would leave the folder; do not trust this archive")
            content.extractall(folder)
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError) as error:
        raise UserError(f"{archive}: does not unpack ({error}); download it again") from error


def _unrar(archive: Path, folder: Path) -> None:
    """Unpack with the first tool that can; the folder is emptied between two tries."""
    failures = []
    for tool, words in RAR_TOOLS.items():
        if not shutil.which(tool):
            continue
        command = [word.format(archive=archive.resolve(), folder=folder.resolve()) for word in words]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode == 0:
            break
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        failures.append(f"{tool}: {lines[-1].strip()}")
        shutil.rmtree(folder)
        folder.mkdir()
    else:
        why = "; ".join(failures) or "none is installed"
        raise UserError(f"{archive}: needs one of {', '.join(RAR_TOOLS)} ({why}); install another or download it again")
    # The tools refuse ".." and absolute names by themselves; a link could still lead outside later.
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise UserError(f"{archive}: member {path.relative_to(folder)} is a link; do not trust this archive")


def _lay_out(source: Path, target: Path) -> None:
    """Move the lists, or the clips each into the folder of its class, from wherever they lie in `source`.

    The official archive has class folders, the mirror's zip has all clips in one. Where a clip lies in a folder of its
    class, that folder's spelling holds (v_HandStandPushups_* belong to HandstandPushups).
    """
    index = next(source.rglob(ucf101.CLASS_INDEX), None)
    if index:
        os.replace(index.parent, target)
        return
    target.mkdir()
    for clip in source.rglob("v_*.avi"):
        name, parent = ucf101.class_of(clip.stem), clip.parent.name
        folder = target / (parent if parent.casefold() == name.casefold() else name)
        folder.mkdir(exist_ok=True)
        os.replace(clip, folder / clip.name)
