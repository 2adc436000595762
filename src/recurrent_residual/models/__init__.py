"""One module a model; `experiments.yaml` names it.

Each says of itself, in plain literals that are read without importing it:

- `KIND`: "network" (trained end to end on frames) or "baseline" (trained on frozen features);
- `SETTINGS`: the settings that an experiment may give, each with its JSON schema; `REQUIRED`: those that it must give.

A network has `build(settings, backbone) -> nn.Module`; its `frames` is the number T of frames in a chunk, `reads` how
many of them, the last ones, it looks at, and it maps these, (B, reads, 3, H, W), to log-probabilities (B, classes). Its
`context`, where it says one, is how many of them each of its outputs sees: with 1 their order cannot matter, and the
test with shuffled frames is left out. It may have `dense(frames, lengths)`: the log-probabilities of every window of
several videos, whose frames (N, 3, H, W) stand one after the other, each frame computed once. Without it a dense test
takes T times as long.

A baseline has `build(settings, dimensions, classes) -> nn.Module`, and says with the literal `READS` what it reads of a
video: all "frames" in the order of time, or their "mean". It is called with (frames (N, D), starts (B,), lengths (B,)),
of which video i's vectors are rows starts[i] ... starts[i] + lengths[i] - 1, and gives log-probabilities (B, classes);
`block` (2, 3, 4) and `znorm` are settings of every baseline.

A model is imported only by the runs that use it, so that editing one retrains nothing else.
"""

from __future__ import annotations

import importlib
from types import ModuleType


def load_model(name: str) -> ModuleType:
    """The module `recurrent_residual.models.<name>`; that it is there was checked when the workflow was planned."""
    return importlib.import_module(f"{__name__}.{name}")
