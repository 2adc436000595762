"""Two nested values beside each other: which keys differ, and how many of all values do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NAMES = (("id",), ("split", "seed"), ("experiment",))  # keys by which an item of a list is known, wherever it stands
Path = tuple[str, ...]


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """{"what", "a", "b"} of each key whose values differ; None stands where one lacks it."""
    keys = list(dict.fromkeys([*a, *b]))
    return [{"what": key, "a": a.get(key), "b": b.get(key)} for key in keys if not alike(a.get(key), b.get(key))]


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A configuration by its dotted keys: {"training.epochs": 6, ...}."""

    def items() -> Iterator[tuple[str, Any]]:
        for key, value in settings.items():
            if isinstance(value, Mapping) and value:
                yield from flat(value, f"{prefix}{key}.").items()
            else:
                yield f"{prefix}{key}", value

    return dict(items())


def alike(a: Any, b: Any) -> bool:
    """Whether two values are the same, but for the last digits that a sum in another order changes."""
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-11)
    return bool(a == b)


def count_differing(a: Any, b: Any, *, ignored: frozenset[str]) -> int:
    """How many of the values within `a` and `b` differ, or stand in one of them only.

    Args:
        a: mappings and lists, however nested.
        b: the other.
        ignored: keys of mappings below which nothing is looked at, wherever they stand.
    """
    first, second = (dict(_values(value, (), ignored)) for value in (a, b))
    lacking = object()
    return sum(not alike(first.get(path, lacking), second.get(path, lacking)) for path in first.keys() | second.keys())


def _values(value: Any, path: Path, ignored: frozenset[str]) -> Iterator[tuple[Path, Any]]:
    """Each value and where it stands; an empty mapping or list is a value, too."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            if key not in ignored:
                yield from _values(item, (*path, key), ignored)
    elif isinstance(value, list) and value:
        for key, item in zip(_names(value), value, strict=True):
            yield from _values(item, (*path, key), ignored)
    else:
        yield path, value


def _names(items: Sequence[Any]) -> list[str]:
    """A name for each item of a list: what it is known by, else its place."""
    for keys in NAMES:
        if all(isinstance(item, Mapping) and all(key in item for key in keys) for item in items):
            names = [" ".join(str(item[key]) for key in keys) for item in items]
            if len(set(names)) == len(names):
                return names
    return [str(place) for place in range(len(items))]
