"""What must be importable where there is little: on a GPU machine with torch, torchvision, numpy and Pillow alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LACKING = (
    "av", "cv2", "jinja2", "jsonschema", "matplotlib", "psutil", "pyarrow", "pynvml", "rarfile", "requests",
    "safetensors", "simplejpeg", "snakemake", "tensorboardX", "tqdm", "yaml",
)  # fmt: skip
MODULES = (
    "training.loop", "training.checkpoint", "inference", "features", "loader", "meter", "provenance", "runs",
    "models.recurrent_resnet", "weights", "benchmarks.end_to_end", "benchmarks.evaluation", "benchmarks.resident",
    "benchmarks.paper_cost", "benchmarks.made_frames",
)  # fmt: skip
SCRIPTS = ("benchmark_training",)


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a Python in which the packages of `LACKING` cannot be imported."""
    block = f"import sys; sys.modules.update(dict.fromkeys({LACKING!r}))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, "-c", f"{block}\n{code}"], capture_output=True, text=True, env=environment, check=False
    )


def test_training_test_and_benchmark_need_no_more_than_torch() -> None:
    """Each imports by itself what it needs at its top, and that is there."""
    lines = [
        f"try:\n    import recurrent_residual.{name}\nexcept ImportError as error:\n    print('{name}:', error)"
        for name in MODULES
    ]
    done = run("\n".join(lines))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_needs_no_more_than_torch(script: str) -> None:
    """The benchmark starts by itself, also with no PYTHONPATH."""
    path = str(ROOT / "scripts" / f"{script}.py")
    code = f"import os, runpy; sys.path.remove({str(ROOT / 'src')!r}); sys.argv = [{path!r}, '--help']"
    done = run(f"{code}; runpy.run_path({path!r}, run_name='__main__')")
    assert done.returncode == 0 and "usage:" in done.stdout, done.stderr
