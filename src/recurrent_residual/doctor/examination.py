"""All checks, one after the other, and what follows from them."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recurrent_residual.doctor import data, machine
from recurrent_residual.doctor.estimates import estimate
from recurrent_residual.doctor.network import mirrors
from recurrent_residual.doctor.plan import Plan, make_plan
from recurrent_residual.doctor.rows import Row, checked


@dataclass(frozen=True)
class Examination:
    """The doctor's findings."""

    rows: list[Row]
    estimate: str
    """How much disk and time the whole run takes, in a line; empty where the configuration is wrong."""
    can_start: bool
    """Whether the full run can start here: nothing is lacking."""
    next: str
    """What to do next, in a line."""


def examine(configfiles: Sequence[Path], *, repository: Path, offline: bool) -> Examination:
    """Look at this machine for the full run of config/config.yaml with `configfiles` laid over it.

    Never raises: a check that fails is a row. Run it in the repository, where relative paths of the configuration lie.
    """
    rows: list[Row] = []
    plans: list[Plan] = []

    def configuration() -> list[Row]:
        plan = make_plan(configfiles)
        plans.append(plan)
        name = " + ".join(["config/config.yaml", *map(str, configfiles)])
        work = f"{plan.settings['dataset']['title']}, {len(plan.networks)} trainings of networks"
        return [Row("configuration", f"{name}: {work}", "", "ok")]

    rows += checked("configuration", configuration, "lack")
    rows += checked("Python", machine.python)
    rows += checked("packages", lambda: machine.packages(repository), "lack")
    rows += checked("memory", machine.memory)
    summary = ""
    if plans:
        plan = plans[0]
        rows += checked("processors", lambda: machine.processors(plan))
        rows += checked("GPU", lambda: machine.gpu(plan), "lack")
    rows += checked("video decoder", machine.video_decoder, "lack")
    rows += checked("JPEG", machine.jpeg, "lack")
    for what, check in (("conda", machine.conda), ("Slurm", machine.slurm), ("programs", machine.programs)):
        rows += checked(what, check)
    if plans:
        found, summary = _of_data(plans[0], offline=offline)
        rows += found
    lacks = [row.what for row in rows if row.status == "lack"]
    return Examination(rows, summary, not lacks, _next(lacks, configfiles))


def _of_data(plan: Plan, *, offline: bool) -> tuple[list[Row], str]:
    """What depends on how far the data are, and the estimate."""
    states: list[data.State] = []

    def look() -> list[Row]:
        states.append(data.state(plan))
        return []

    rows = list(checked("data", look, "lack"))
    if not states:
        return rows, ""
    now, summary = states[0], []

    def disk() -> list[Row]:
        whole = estimate(plan, now.wanted_clips)
        size = whole.archive + whole.videos + whole.frames + whole.features + whole.network * len(plan.networks)
        summary.append(f"Estimated for the whole run (README.md, scaled): {size / machine.GB:.1f} GB of disk")
        if whole.hours is not None:
            summary.append(f"{whole.hours:.1f} hours of one GPU at 1,000 frames of ResNet-50 a second")
        return machine.disk(data.still_to_write(plan, now, whole))

    rows += checked("disk", disk)
    rows += checked("unpackers", lambda: machine.unpackers(plan, unpacked=now.lists and now.videos))
    rows += checked("lists", lambda: data.lists(plan, now))
    rows += checked("archive", lambda: data.archives(plan, now))
    rows += checked("videos", lambda: data.videos(plan, now))
    rows += checked("frames", lambda: data.frames(plan, now))
    rows += checked("weights", lambda: data.weights(plan))
    if offline:
        rows.append(Row("network", "not looked at (--offline)", "", "-"))
    else:
        rows += checked("network", lambda: mirrors(data.downloads(plan, now)))
    return rows, ", ".join(summary)


def _next(lacks: Sequence[str], configfiles: Sequence[Path]) -> str:
    if lacks:
        names = ", ".join(dict.fromkeys(lacks))
        return f"The full run cannot start here yet: {names}. Do what stands above, then look again."
    # Also where the environment is not activated.
    snakemake = ["snakemake"] if shutil.which("snakemake") else [sys.executable, "-m", "snakemake"]
    words = [*snakemake, "--cores", "all", *(["--configfile", *map(str, configfiles)] if configfiles else [])]
    return f"Nothing is lacking. Next: {shlex.join(words)}"
