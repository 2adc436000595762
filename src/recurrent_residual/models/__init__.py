"""One module a model; `experiments.yaml` names it.

Each says of itself, in plain literals that are read without importing it:

- `KIND`: "network" (trained end to end on frames) or "baseline" (trained on frozen features);
- `SETTINGS`: the settings that an experiment may give, each with its JSON schema; `REQUIRED`: those that it must give.

A network has `build(settings, backbone) -> nn.Module`; its `frames` is the number T of frames in a chunk, and it maps
chunks (B, T, 3, H, W) to log-probabilities (B, classes). A baseline has `build(settings, dimensions, classes) ->
nn.Module`; its `summarise` turns a video's vectors (frames, D) into the sequence that it reads, (L, D), and it maps
padded sequences (B, L, D) with their lengths (B,) to log-probabilities (B, classes); `block` (2, 3, 4) and `znorm` are
settings of every baseline.

A model is imported only by the runs that use it, so that editing one retrains nothing else.
"""

from __future__ import annotations

import importlib
from types import ModuleType


def load_model(name: str) -> ModuleType:
    """The module `recurrent_residual.models.<name>`; that it is there was checked when the workflow was planned."""
    return importlib.import_module(f"{__name__}.{name}")
