"""One module a model; `experiments.yaml` names it.

A network (trained end to end on frames) has a function `build(settings, backbone)`, a baseline (trained on frozen
features) a function `build(settings, dimensions, classes)`; its `KIND` says which of the two it is, its `SETTINGS`
which settings an experiment may give. Both are plain literals, read without importing the module. A model is imported
only by the runs that use it, so that editing one retrains nothing else.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from recurrent_residual.errors import UserError


def load_model(name: str) -> ModuleType:
    """The module `recurrent_residual.models.<name>`.

    Raises:
        UserError: there is no such module.
    """
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise UserError(f"model: {name!r} is no module in src/recurrent_residual/models") from None
