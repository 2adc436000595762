"""HMDB-51's lists in their official format and full size, with made names."""

from __future__ import annotations

from pathlib import Path

from recurrent_residual.datasets import hmdb51

SOURCES = 20  # videos of which a class's clips are cut
EACH = 5  # clips of a source that are train or test; the rest of a class is unused


def name(class_name: str, source: int, clip: int) -> str:
    """A clip's name, with the odd characters that the official ones have."""
    odd = ("#2_", "Re-_what!_(", "a_[b];_", "Rock'n_+_")[source % 4]
    return f"{odd}{source:02d}_{class_name}_{'fuhl'[clip % 4]}_nm_np1_fr_med_{clip}"


def write_lists(folder: Path) -> Path:
    """51 classes, 6,766 clips; of each class 70 train, 30 test and the others unused, sources kept on one side."""
    folder.mkdir(parents=True)
    for label, class_name in enumerate(hmdb51.CLASSES):
        clips = 133 if label < 34 else 132
        assert hmdb51.CLIPS == 34 * 133 + 17 * 132
        for split in (1, 2, 3):
            tested = range(6 * split - 6, 6 * split)
            lines = []
            for source in range(SOURCES):
                for clip in range(clips // SOURCES + (source < clips % SOURCES)):
                    role = 0 if clip >= EACH else 2 if source in tested else 1
                    lines.append(f"{name(class_name, source, clip)}.avi {role} \r\n")
            (folder / f"{class_name}_test_split{split}.txt").write_bytes("".join(lines).encode())
    return folder
