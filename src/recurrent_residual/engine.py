"""How a network's work is done: settings that change nothing of the result but rounding. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from recurrent_residual.errors import UserError


@dataclass(frozen=True)
class EngineSettings:
    """The `engine` section of the configuration; the schema describes each key."""

    compile: str | bool = "auto"
    decoder: str = "auto"
    max_minutes: float | None = None
    checkpoint_minutes: float = 10
    progress_seconds: float = 30
    tensorboard: bool = False

    @classmethod
    def of(cls, settings: dict[str, Any]) -> EngineSettings:
        """From the `engine` section, or a part of it as somebody gives it on a command line.

        Raises:
            UserError: there is no such setting.
        """
        known = [field.name for field in fields(cls)]
        if unknown := [key for key in settings if key not in known]:
            raise UserError(f"--engine: unknown key {unknown[0]!r}; there are {', '.join(known)}")
        return cls(**settings)

    def decoder_for(self, *, deterministic: bool) -> str:
        """`decoder`, but "cpu" where "auto" must give the same pixels twice.

        The GPU's are not the processor's, and which of them is faster is not the same twice.
        """
        return "cpu" if deterministic and self.decoder == "auto" else self.decoder
