"""Official lists: their lines, and whether they are complete and keep train and test apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from recurrent_residual.datasets import SPLITS, TEST, TRAIN, Dataset, Entry
from recurrent_residual.errors import UserError

NAMED = 5  # list files that one message names


def lines(path: Path, title: str) -> Iterator[tuple[str, str]]:
    """("file:line", text) of the lines of `path` that are not blank, without the CR of a CRLF or the file's BOM.

    Raises `UserError` when the file cannot be read; `title` is the data set whose lists are to be taken then.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not a text file"
        raise UserError(f"{path}: {reason}; the folder of lists needs the official files of {title}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield f"{path}:{number}", line.strip()


def check_complete(data: Dataset, lists: str | Path, classes: Sequence[str], entries: Sequence[Entry]) -> None:
    """Raise `UserError` for official lists that lack a class, lack clips or have too many, naming the files.

    Lists with a class that `data` has not are somebody's own: nothing is known of their size.
    """
    known, own = ({name.casefold() for name in names} for names in (data.CLASSES, classes))
    if not own <= known:
        return
    if lacking := [name for name in data.CLASSES if name.casefold() not in own]:
        few = ", ".join(lacking[:NAMED]) + (", ..." if len(lacking) > NAMED else "")
        raise UserError(
            f"{lists}: {len(lacking)} of {len(known)} classes of {data.TITLE} are missing ({few}); take the official "
            "lists (dataset.classes chooses some of their classes)"
        )
    off: list[str] = []
    for split, sizes in data.SPLIT_SIZES.items():
        for role, expected in zip((TRAIN, TEST), sizes, strict=True):
            places = [entry.where[split - 1] for entry in entries if entry.roles[split - 1] == role]
            if len(places) != expected:
                off += _files_that_are_off(places, expected, f"{role} clips of split {split}", lists)
    if not off and len(entries) != data.CLIPS:
        off.append(f"{lists}: {len(entries):,} clips in all instead of {data.CLIPS:,}")
    if off:
        more = f"; and {len(off) - NAMED} more" if len(off) > NAMED else ""
        raise UserError(f"{'; '.join(off[:NAMED])}{more}; take the official lists of {data.TITLE}")


def _files_that_are_off(places: Sequence[str], expected: int, what: str, lists: str | Path) -> list[str]:
    """The files whose counts make the sum wrong; where a file a class is usual, all have the same share."""
    counts = Counter(place.rpartition(":")[0] for place in places)
    share, rest = divmod(expected, max(len(counts), 1))
    off = [f"{file}: {n:,} {what} instead of {share:,}" for file, n in counts.items() if n != share]
    return off if off and not rest else [f"{lists}: {len(places):,} {what} instead of {expected:,}"]


def check_groups(entries: Sequence[Entry]) -> None:
    """Raise `UserError` for a group with clips in both train and test of a split: a test that is no test.

    Likewise for a name that two classes share, since a clip goes by its name from here on.
    """
    names: dict[str, Entry] = {}
    for entry in entries:
        other = names.setdefault(entry.video.casefold(), entry)
        if other is not entry:
            raise UserError(
                f"{next(filter(None, entry.where))}: {entry.video} is a clip of {other.class_name} as well as of "
                f"{entry.class_name}; remove it from one of them"
            )
    for split in SPLITS:
        sides: dict[tuple[str, int], Entry] = {}
        for entry in entries:
            role = entry.roles[split - 1]
            if role not in (TRAIN, TEST):
                continue
            first = sides.setdefault((entry.class_name, entry.group), entry)
            if first.roles[split - 1] != role:
                raise UserError(
                    f"{entry.where[split - 1]}: group g{entry.group:02d} of {entry.class_name} is in train and in test "
                    f"of split {split} ({first.video}, {entry.video}); clips of a group share a scene, so keep them on "
                    "one side"
                )
