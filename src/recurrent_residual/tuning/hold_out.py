"""The clips of the tuning: split 1's train clips, some groups of which are held out to choose by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from recurrent_residual.datasets import TEST, TRAIN, UNUSED
from recurrent_residual.errors import UserError
from recurrent_residual.manifest import Clip, class_names

SPLIT = 1


def hold_out(clips: Sequence[Clip], groups: Sequence[int]) -> list[Clip]:
    """The train clips of split 1, and no other; in split 1 those of `groups` are "test", the others "train".

    Whole groups, since clips of a group share a scene: by single clips the error would be far too low. In splits 2 and
    3 all are unused.

    Raises:
        UserError: a group has no train clip in split 1, or a class is left without a clip on one of the two sides.
    """
    train = [clip for clip in clips if clip.role(SPLIT) == TRAIN]
    there = sorted({clip.group for clip in train})
    for group in groups:
        if group not in there:
            known = ", ".join(map(str, there)) or "none"
            raise UserError(
                f"tuning.held_out_groups: {group} is no group of split {SPLIT}'s train clips; there are {known}"
            )
    tuning = [replace(clip, roles=(TEST if clip.group in groups else TRAIN, UNUSED, UNUSED)) for clip in train]
    for role, words in ((TRAIN, "to train on"), (TEST, "to choose by")):
        present = {clip.class_name for clip in tuning if clip.role(SPLIT) == role}
        for name in class_names(clips):
            if name not in present:
                raise UserError(f"tuning.held_out_groups: {name} is left without a clip {words}; choose other groups")
    return tuning


def check_tuning_manifest(clips: Sequence[Clip], path: Path) -> None:
    """Refuse a manifest that `hold_out` did not make: with all clips, say, the choice would go by test clips.

    Raises:
        UserError: a clip has a part in split 2 or 3, or none is held out.
    """
    foreign = [clip.video for clip in clips if any(role != UNUSED for role in clip.roles[SPLIT:])]
    if foreign or not any(clip.role(SPLIT) == TEST for clip in clips):
        reason = f"{foreign[0]} has a part in other splits" if foreign else "no clip is held out"
        raise UserError(f"{path}: is not the tuning's manifest ({reason}); give the one that hold_out.py writes")
