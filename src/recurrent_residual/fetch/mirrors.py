"""Where a file can be fetched, and how to tell that it is the right one. Light: the Snakefile reads this."""

from __future__ import annotations

import re
from dataclasses import dataclass

from recurrent_residual.errors import UserError

SHA256_DIGITS = 64


@dataclass(frozen=True)
class Mirror:
    """One place of a file that is to be downloaded.

    A file is a tuple of mirrors in order of preference. They may hold different files with the same use, as UCF-101's
    zip and its RAR are. `sha256` may be its first digits only (at least 8), as in the names of torchvision's weights.
    """

    url: str
    bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None

    def __post_init__(self) -> None:
        for key, digits, least, most in (("sha256", self.sha256, 8, SHA256_DIGITS), ("md5", self.md5, 32, 32)):
            if digits is not None and not re.fullmatch(rf"[0-9a-fA-F]{{{least},{most}}}", digits):
                raise UserError(
                    f"{self.url}: {key} {digits!r} is none: it has {most} hexadecimal digits; None if not known"
                )

    @property
    def name(self) -> str:
        """The file's name, the last part of its address."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def vouched(self) -> bool:
        """Whether the whole digest is known: it tells the right file by itself, whatever server it came from."""
        return bool(self.md5) or len(self.sha256 or "") == SHA256_DIGITS
