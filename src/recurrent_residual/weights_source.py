"""Where the image network's weights come from, decided while planning: no torch in here.

`backbone.weights` is `stills` (pretrained here on made images), the name of one of torchvision's weights enums
(IMAGENET1K_V2, DEFAULT, ResNet50_Weights.IMAGENET1K_V2; config/weights.yaml has them all), or a file of the user's.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from recurrent_residual.errors import UserError

FOLDER = "resources/weights"
STILLS = "stills"


@dataclass(frozen=True)
class WeightsSource:
    """What the rules need to know of `backbone.weights`."""

    kind: Literal["stills", "download", "file"]
    name: str
    """`stills`, torchvision's name without its class (never DEFAULT), or the file as the user wrote it."""
    path: str | None
    """The file; None for stills, which the workflow puts into its results."""
    sha256: str | None
    """The file's sha256 in lower case, or its first digits (at least 8); None for stills, which nobody knows before."""


def weights_source(
    architecture: str, weights: str, weights_sha256: str | None, known: Mapping[str, Any]
) -> WeightsSource:
    """Say what `backbone.weights` means.

    Args:
        architecture: `backbone.architecture`.
        weights: `backbone.weights`.
        weights_sha256: `backbone.weights_sha256`; a file needs it, anything else must not have it.
        known: the content of config/weights.yaml.

    Raises:
        UserError: no such architecture or weights, weights of another architecture, or a file that is missing, has no
            `weights_sha256` or another one.
    """
    if architecture not in known and not re.fullmatch(r"small-\d+", architecture):
        raise UserError(f"backbone.architecture: there is no {architecture!r}{_hint(architecture, known)}")
    own = known.get(architecture, {})
    name = _enum_name(architecture, weights, own, known)
    if weights != STILLS and name is None:
        return _file(architecture, weights, weights_sha256, own)
    if weights_sha256 is not None:
        raise UserError(
            f"backbone.weights_sha256: is for a file of yours, but backbone.weights is {weights!r}; leave it out"
        )
    if name is None:
        return WeightsSource("stills", STILLS, None, None)
    entry = own[name]
    return WeightsSource("download", name, f"{FOLDER}/{entry['url'].rsplit('/', 1)[-1]}", entry["sha256"])


def check_download(source: WeightsSource) -> None:
    """Refuse torchvision's weights that are there already, put there by hand perhaps, and are wrong ones.

    Raises:
        UserError: the file has another digest.
    """
    if source.kind == "download" and source.path and source.sha256 and Path(source.path).exists():
        check_sha256(source.path, source.sha256)


def sha256_of(path: str | Path) -> str:
    """The sha256 of a file, 64 digits. Raises `UserError` where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; it must be a file that can be read") from error


def check_sha256(path: str | Path, sha256: str) -> None:
    """Refuse the file at `path` unless its digest starts with `sha256`.

    Raises:
        UserError: it does not, with both digests.
    """
    found = sha256_of(path)
    if not found.startswith(sha256.lower()):
        raise UserError(f"{path}: sha256 is {found}, not {sha256}; this is another file, or a damaged one: replace it")


def _enum_name(architecture: str, weights: str, own: Mapping[str, Any], known: Mapping[str, Any]) -> str | None:
    """The member of torchvision's enum that `weights` names, if it names one."""
    prefix, _, name = weights.rpartition(".")
    if prefix:
        # torchvision's classes are ResNet50_Weights, ResNeXt50_32X4D_Weights, Wide_ResNet50_2_Weights ...
        spelled = re.fullmatch(r"(\w+)_weights", prefix.lower())
        if not spelled or spelled[1] not in known:
            return None
        if spelled[1] != architecture:
            raise UserError(
                f"backbone.weights: {weights!r} are of {spelled[1]}, but backbone.architecture is {architecture}"
            )
    if name == "DEFAULT" and own:
        return list(own)[-1]
    if prefix and name not in own:
        raise UserError(f"backbone.weights: there is no {weights!r}{_hint(name, [*own, 'DEFAULT'])}")
    return name if name in own else None


def _file(architecture: str, weights: str, sha256: str | None, own: Mapping[str, Any]) -> WeightsSource:
    path = Path(weights).expanduser()
    if not path.is_file():
        if len(path.parts) > 1 or path.suffix:
            raise UserError(f"backbone.weights: {weights!r} is no file; {_names(architecture, own)}")
        close = difflib.get_close_matches(weights.upper(), [*own, "DEFAULT"], n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise UserError(f"backbone.weights: there is no {weights!r}{hint}; {_names(architecture, own)}")
    if sha256 is None:
        raise UserError(
            f"backbone.weights: {weights}: set backbone.weights_sha256, so that no other file is taken for it; "
            f"if it is the right one: weights_sha256: {sha256_of(path)}"
        )
    if not re.fullmatch(r"[0-9a-fA-F]{8,64}", sha256):
        raise UserError(f"backbone.weights_sha256: {sha256!r} is no sha256; it has 64 hexadecimal digits (at least 8)")
    check_sha256(path, sha256)  # a tenth of a second now, or a failed job when all frames are extracted
    return WeightsSource("file", weights, str(path), sha256.lower())


def _names(architecture: str, own: Mapping[str, Any]) -> str:
    return f"for {architecture} there are {', '.join([*own, *(['DEFAULT'] if own else []), STILLS])}, or name a file"


def _hint(word: str, there: Iterable[str]) -> str:
    spelled = {name.casefold(): name for name in there}
    close = difflib.get_close_matches(word.casefold(), spelled, n=1)
    return f"; did you mean {spelled[close[0]]!r}?" if close else f"; there are {', '.join(spelled.values())}"
