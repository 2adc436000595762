"""A training of a tiny network on made frames, a second long, and what came of it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from made_frames import MadeSource, made_clip
from torch import nn

from recurrent_residual.backbone import build_backbone
from recurrent_residual.chunks import cut
from recurrent_residual.engine import EngineSettings
from recurrent_residual.models.recurrent_resnet import RecurrentResNet
from recurrent_residual.training.loop import train_network
from recurrent_residual.training.progress import Progress
from recurrent_residual.training.settings import TrainingSettings
from recurrent_residual.views import ViewSettings

SETTINGS = TrainingSettings(
    epochs=3,
    learning_rate=1e-3,
    update_fraction=0.2,
    batch=None,
    micro_batch=64,
    every=10,
    batch_norm="train",
    deterministic=False,
)
DEFAULT = EngineSettings()
ALWAYS = EngineSettings(checkpoint_minutes=0)
VIEW = ViewSettings((32, 24), 16, (24, 20, 16), flip=True)
CLIPS = [made_clip(i, label=i % 3, group=i) for i in range(1, 16)]
CHUNKS = cut(CLIPS, length=2, every=10)
UPDATES = 15  # of SETTINGS in all
TIMES = {"seconds", "frames_per_second"}


class Killed(BaseException):
    """What a signal is to Python code."""


class DyingSource(MadeSource):
    """Dies when a given number of frames were read."""

    def __init__(self, life: int) -> None:
        super().__init__(CLIPS)
        self.life = life

    def read(self, class_name: str, video: str, frame: int) -> bytes:
        if len(self.asked) >= self.life:
            raise Killed
        return super().read(class_name, video, frame)


def made_network(seed: int = 1) -> RecurrentResNet:
    torch.manual_seed(seed)
    return RecurrentResNet(build_backbone("small-8", classes=3), skips=["layer4.-1"])


def network_with(events: dict[int, Callable[[], object]]) -> RecurrentResNet:
    """A network in whose so-manieth pass, from 1 and one an update with SETTINGS, something happens."""
    passes = itertools.count(1)

    def happen(*_: object) -> None:
        events.get(next(passes), bool)()

    network = made_network()
    network.register_forward_pre_hook(happen)
    return network


def train(
    folder: Path,
    source: Any = None,
    *,
    network: nn.Module | None = None,
    settings: TrainingSettings = SETTINGS,
    engine: EngineSettings = DEFAULT,
    seed: int = 1,
    fingerprint: str = "x",
    **options: Any,
) -> tuple[nn.Module, Progress]:
    """Train in `folder`; a checkpoint that is there is gone on from."""
    torch.set_num_threads(1)
    network = network or made_network(seed)
    progress = train_network(
        network,
        CHUNKS,
        source or MadeSource(CLIPS),
        name="tiny",
        settings=settings,
        engine=engine,
        view=VIEW,
        seed=seed,
        device=torch.device("cpu"),
        workers=1,
        checkpoint=folder / "checkpoint.pt",
        fingerprint=fingerprint,
        **options,
    )
    return network, progress


def timeless(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines of a history or log, but for what depends on the time of day."""
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]


def update_lines(folder: Path) -> list[dict[str, Any]]:
    """updates.jsonl."""
    return [json.loads(line) for line in (folder / "updates.jsonl").read_text().splitlines()]


def outcome(folder: Path, network: nn.Module, progress: Progress) -> tuple[dict, list, list]:
    """All that a training leaves behind, but for times: weights, history, updates."""
    return network.state_dict(), timeless(progress.history), timeless(update_lines(folder))


def outcome_of(folder: Path, *arguments: Any, **options: Any) -> tuple[dict, list, list]:
    """Train in `folder` to the end."""
    return outcome(folder, *train(folder, *arguments, **options))


def same(a: tuple[dict, list, list], b: tuple[dict, list, list]) -> bool:
    """Bit for bit."""
    return a[1:] == b[1:] and a[0].keys() == b[0].keys() and all(torch.equal(a[0][key], b[0][key]) for key in a[0])
