"""What the machine has: Python, packages, processors, memory, GPU, programs."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from recurrent_residual.doctor.plan import Plan
from recurrent_residual.doctor.rows import ENVIRONMENT, Row, Status
from recurrent_residual.fetch.unrar import RAR_TOOLS
from recurrent_residual.gpus import visible_gpus

GB = 1e9
PYTHON = (3, 11)
SHOWN = ("torch", "torchvision", "snakemake", "av")
DEMO_MEMORY = 1.4 * GB  # README.md, measured
CONDA = (24, 7, 1)  # what Snakemake 9 wants


def answer(*command: str, timeout: float = 20) -> str | None:
    """What a program says, or None where there is no such program or it fails."""
    if not shutil.which(command[0]):
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def python() -> list[Row]:
    """The interpreter that runs this."""
    needed = ".".join(map(str, PYTHON))
    fine = sys.version_info >= PYTHON
    remedy = "" if fine else f"install Python {needed} or newer; make environment PYTHON=/path/to/python3"
    return [Row("Python", f"{platform.python_version()}, {sys.executable}", f">= {needed}", _ok(fine), remedy)]


def packages(repository: Path) -> list[Row]:
    """The packages of requirements.in beside the versions of requirements.txt; a row for each that deviates."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    names = re.findall(r"^[A-Za-z][\w.-]*", (repository / "requirements.in").read_text(encoding="utf-8"), re.MULTILINE)
    pins: dict[str, str] = {}
    for line in (repository / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if re.match(r"[A-Za-z][\w.-]*==", line):
            pin = Requirement(line.rstrip("\\ "))
            if pin.marker is None or pin.marker.evaluate():
                pins[canonicalize_name(pin.name)] = next(iter(pin.specifier)).version
    rows, fine = [], []
    for name in map(canonicalize_name, names):  # tensorboardX is tensorboardx in the one file
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            rows.append(Row(name, "not installed", pins[name], "lack", ENVIRONMENT))
            continue
        if version.partition("+")[0] == pins[name]:  # "2.15.0+cu132" is a build of 2.15.0
            fine.append(f"{name} {version}")
        else:
            rows.append(Row(name, version, pins[name], "warning", f"not the version that was tested; {ENVIRONMENT}"))
    if fine:
        shown = [each for each in fine if each.split()[0] in SHOWN]
        text = ", ".join([*shown, f"{len(fine) - len(shown)} more"])
        rows.insert(0, Row("packages", text, "as in requirements.txt", "ok"))
    return rows


def processors(plan: Plan) -> list[Row]:
    """Cores that this process may use."""
    cores, threads = len(os.sched_getaffinity(0)), plan.settings["threads"]
    remedy = "" if cores >= threads else f"it works, slower; on a cluster ask for {threads} cores a job"
    return [Row("processors", f"{cores} cores", f"{threads} a job (threads)", _ok(cores >= threads, "warning"), remedy)]


def memory() -> list[Row]:
    """Main memory: the machine's, or the container's or job's limit where that is lower."""
    kilobytes = re.search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    assert kilobytes
    total = int(kilobytes[1]) * 1024
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else ""
    total = min(total, int(text)) if text.isdigit() else total
    fine = total >= DEMO_MEMORY
    needed = f"{DEMO_MEMORY / GB:.1f} GB for the demo; for ResNet-50 not measured"
    return [Row("memory", f"{total / GB:.1f} GB", needed, _ok(fine), "" if fine else "take a larger machine")]


def gpu(plan: Plan) -> list[Row]:
    """The NVIDIA GPUs that the driver has, and whether torch can use them."""
    listed = answer("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits")
    found = []
    for line in (listed or "").splitlines():
        name, megabytes, driver = (part.strip() for part in line.rsplit(",", 2))
        size = f"{int(megabytes) * 2**20 / GB:.0f} GB" if megabytes.isdigit() else f"memory: {megabytes}"
        found.append(f"{name}, {size}, driver {driver}")
    import torch

    if torch.cuda.is_available():
        if not found:
            devices = (torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count()))
            found = [f"{device.name}, {device.total_memory / GB:.0f} GB" for device in devices]
        text = f"{'; '.join(found)}; torch uses CUDA {torch.version.cuda}{_at_once(plan.settings)}"
        return [Row("GPU", text, "one from NVIDIA", "ok")]
    if plan.settings["backbone"]["architecture"].startswith("small-"):
        return [Row("GPU", "; ".join(found) or "none", "none for a small network", "ok")]
    needed = f"one from NVIDIA for {plan.settings['backbone']['architecture']}"
    if found:
        build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
        remedy = f"torch {torch.__version__} ({build}) does not see it: update NVIDIA's driver, or {ENVIRONMENT}"
        return [Row("GPU", f"{'; '.join(found)}; torch cannot use it", needed, "lack", remedy)]
    if shutil.which("sbatch"):
        return [Row("GPU", "none on this node", needed, "warning", "let the cluster's GPU nodes run the trainings")]
    return [Row("GPU", "none", needed, "lack", "run on a machine with an NVIDIA GPU; without: make demo, make quick")]


def _at_once(settings: Mapping[str, Any]) -> str:
    """How many trainings run at once, where there are several GPUs: fewer where the cores do not suffice for all."""
    gpus = len(visible_gpus())
    if gpus < 2:
        return ""
    cores, threads = len(os.sched_getaffinity(0)), settings["threads"]
    if cores >= gpus * threads:
        return f"; {gpus} trainings at once, each on a GPU of its own"
    return f"; {max(1, cores // threads)} of {gpus} trainings at once, for each takes {threads} cores (threads)"


def video_decoder() -> list[Row]:
    """Whether MPEG-4 with B-frames, as half of UCF-101 has it, comes out of PyAV in the right order."""
    import av
    import numpy as np

    from recurrent_residual.video import decode_every

    grays = range(20, 236, 15)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "b_frames.avi"
        with av.open(str(clip), "w", format="avi") as container:
            stream = container.add_stream("mpeg4", rate=25, options={"bf": "2", "q:v": "2"})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for gray in grays:
                image = np.full((48, 64, 3), gray, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        decoded = decode_every(clip, 1, lambda image: float(image.mean()))
    fine = len(decoded.kept) == len(grays) and all(
        abs(mean - gray) < 5 for mean, gray in zip(decoded.kept, grays, strict=True)
    )
    found = f"PyAV {av.__version__}: {len(decoded.kept)} of {len(grays)} frames, {'in' if fine else 'not in'} order"
    return [Row("video decoder", found, "MPEG-4 with B-frames", _ok(fine), "" if fine else ENVIRONMENT)]


def jpeg() -> list[Row]:
    """Whether a JPEG makes the round trip."""
    import numpy as np
    import simplejpeg

    image = np.full((48, 64, 3), 90, np.uint8)
    fine = abs(float(simplejpeg.decode_jpeg(simplejpeg.encode_jpeg(image, quality=95)).mean()) - 90) < 3
    found = f"simplejpeg {metadata.version('simplejpeg')}"
    return [Row("JPEG", found, "encodes and decodes", _ok(fine), "" if fine else ENVIRONMENT)]


def unpackers(plan: Plan, *, unpacked: bool) -> list[Row]:
    """Programs that unpack RAR, where an archive of the data set is one and is not unpacked yet."""
    there = [name for name in RAR_TOOLS if shutil.which(name)]
    found = ", ".join(there) or "none"
    if plan.source != "download" or unpacked:
        return [Row("unpackers", found, "nothing to unpack", "ok" if there else "-")]
    files = (plan.dataset.VIDEOS, plan.dataset.LISTS)
    rars = [mirror.name for mirrors in files for mirror in mirrors if _is_rar(mirror.name)]
    must = any(all(_is_rar(mirror.name) for mirror in mirrors) for mirrors in files)
    if not rars:
        return [Row("unpackers", found, "none for a zip", "ok")]
    needed = f"one of {', '.join(RAR_TOOLS)} for {', '.join(dict.fromkeys(rars))}"
    needed += "" if must else " (the zip needs none)"
    remedy = "" if there else "apt install unar, or: conda install -c conda-forge unrar"
    return [Row("unpackers", found, needed, _ok(bool(there), "lack" if must else "warning"), remedy)]


def conda() -> list[Row]:
    """conda, for --use-conda."""
    wanted = ".".join(map(str, CONDA))
    needed = f">= {wanted}, for --use-conda and --profile slurm only"
    text = answer("conda", "--version")
    if text is None:
        return [Row("conda", "none", needed, "-")]
    version = tuple(map(int, re.findall(r"\d+", text)))
    remedy = "" if version >= CONDA else f"conda update -n base conda (to {wanted} or newer), or do without conda"
    return [Row("conda", text, needed, _ok(version >= CONDA, "warning"), remedy)]


def slurm() -> list[Row]:
    """The commands that Snakemake's Slurm plugin calls."""
    commands = ("sbatch", "squeue", "sacct", "scancel")
    there = [name for name in commands if shutil.which(name)]
    needed = "for --profile slurm only"
    if not there:
        return [Row("Slurm", "none", needed, "-")]
    missing = [name for name in commands if name not in there]
    remedy = f"no {', '.join(missing)}: ask the cluster's administrators" if missing else ""
    version = answer("sbatch", "--version") or ", ".join(there)
    return [Row("Slurm", version, needed, _ok(not missing, "warning"), remedy)]


def programs() -> list[Row]:
    """Programs that are handy, and not needed."""
    wanted = {"make": "make demo", "git": "the commit in run.json", "pdflatex": "paper_tables.pdf"}
    there = [name for name in wanted if shutil.which(name)]
    needed = "not needed: " + ", ".join(f"{name} ({purpose})" for name, purpose in wanted.items())
    return [Row("programs", ", ".join(there) or "none", needed, "ok" if len(there) == len(wanted) else "-")]


def disk(needs: Sequence[tuple[Path, float]]) -> list[Row]:
    """Free space beside the bytes that are still to be written below each folder; folders on one disk share a row."""
    disks: dict[int, list[tuple[Path, float]]] = {}
    for folder, size in needs:
        # Where the folder will be made, and through a link where the link leads.
        place = folder.resolve()
        there = next(path for path in (place, *place.parents) if path.exists())
        disks.setdefault(there.stat().st_dev, []).append((folder, size))
    rows = []
    for group in disks.values():
        place = group[0][0].resolve()
        free = shutil.disk_usage(next(path for path in (place, *place.parents) if path.exists())).free
        need, names = sum(size for _, size in group), " and ".join(f"{folder}/" for folder, _ in group)
        remedy = "" if free >= need else f"free {(need - free) / GB:.0f} GB, or make {names} a link to a larger disk"
        needed = f"about {need / GB:.1f} GB more (estimated)" if need > GB / 20 else "next to nothing more"
        rows.append(Row("disk", f"{free / GB:.0f} GB free for {names}", needed, _ok(free >= need), remedy))
    return rows


def _is_rar(name: str) -> bool:
    return name.lower().endswith(".rar")


def _ok(fine: bool, otherwise: Status = "lack") -> Status:
    return "ok" if fine else otherwise
