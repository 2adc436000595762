"""Protects what the loader's benchmark compares: all methods read the same frames; the work of processes counts."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from made_clips import write_avi

from recurrent_residual.frames import FrameReader
from recurrent_residual.views import ViewSettings

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    module = importlib.import_module("benchmark_loader")
    monkeypatch.setattr(module, "VIEW", ViewSettings((64, 48), 32, (48,), flip=False))
    return module


def test_all_methods_end_with_the_same_views(script: ModuleType, tmp_path: Path) -> None:
    """As many chunks, and equal pictures but for JPEG, order and rounding: nobody is compared on easier work."""
    paths = [write_avi(tmp_path / "videos" / f"Class{i}" / f"v_Class{i}_g01_c01.avi", 45) for i in range(3)]
    (tmp_path / "frames").mkdir()
    clips = script.extracted(paths, tmp_path / "videos", tmp_path / "frames")
    found = script.methods(paths, clips, FrameReader(tmp_path / "frames"), 1)
    views = {}
    for name, batches in found.items():
        if isinstance(batches, str):
            assert "not installed" in batches or "does not load" in batches
        elif name != script.NO_VIEWS:
            chunks = torch.cat([batch.reshape(-1, script.T, 3, 32, 32) for batch in batches])
            views[name] = chunks[chunks[:, 0].mean(dim=(1, 2, 3)).argsort()]  # a painted number is a brightness
    assert sum(batch.shape[0] for batch in found[script.NO_VIEWS]) == len(views[script.OURS]) == 6
    for name, chunks in views.items():
        assert chunks.shape == views[script.OURS].shape, name
        if name != "VideoClips, DataLoader":  # its frames are torchcodec's, wrong ones in AVIs with B-frames
            assert (chunks - views[script.OURS]).abs().mean() < 0.1, name


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_cpu_time_of_workers_counts(script: ModuleType) -> None:
    from multiprocessing import get_context

    before = script.cpu_seconds()
    context = get_context("fork")
    done, end = context.Event(), context.Event()
    process = context.Process(target=_burn, args=(done, end), daemon=True)
    process.start()
    done.wait(60)
    assert script.cpu_seconds() - before > 0.2
    end.set()
    process.join()


def _burn(done, end) -> None:
    import time

    while time.process_time() < 0.3:
        pass
    done.set()
    end.wait(60)
