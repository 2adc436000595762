"""`claims.yaml`: what the paper concludes from its rows, and what we ask beyond it, as comparisons of sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from recurrent_residual.config import read_yaml, validate
from recurrent_residual.errors import UserError

KINDS = ("order", "equal", "relative", "value")


def read_claims(path: str | Path, paper: Mapping[str, Any]) -> dict[str, Any]:
    """The content of `claims.yaml`, validated.

    Args:
        path: the file.
        paper: `paper.yaml`, whose rows the sides name.

    Raises:
        UserError: the file is not there or malformed, names a row, a side or a claim that is not there, or an id twice.
    """
    claims = validate(read_yaml(path), "claims", source=str(path))
    rows = {f"{key}.{row}": entry for key, table in paper["tables"].items() for row, entry in table["rows"].items()}
    for name, side in claims["sides"].items():
        for row in side["rows"]:
            if row not in rows:
                raise UserError(f"{path}: sides: {name}: {row!r} is no row of paper.yaml")
        if any(rows[row].get("quoted") for row in side["rows"]) and (len(side["rows"]) > 1 or side["shuffled"]):
            raise UserError(f"{path}: sides: {name}: a row quoted from other papers stands alone, and is not shuffled")
    names = {claim["id"] for claim in claims["claims"]}
    for claim in claims["claims"]:
        if (caveat := claim.get("caveat")) and caveat["see"] not in names - {claim["id"]}:
            raise UserError(f"{path}: claims: {claim['id']}: caveat: {caveat['see']!r} is no other claim")
        for pair in pairs(claim):
            if unknown := [side for side in pair["sides"] if side not in claims["sides"]]:
                raise UserError(f"{path}: claims: {claim['id']}: {unknown[0]!r} is none of the sides above")
    for name, count in Counter(claim["id"] for claim in claims["claims"]).items():
        if count > 1:
            raise UserError(f"{path}: claims: {name}: {count} claims have this id; give each its own")
    return claims


def pairs(claim: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The comparisons of a claim, two sides each: {"kind", "sides", "margin", "margin_why", "target"}.

    An order of several sides is one comparison of each with the next; a value has one side.
    """
    for comparison in claim["comparisons"]:
        kind = next(kind for kind in KINDS if kind in comparison)
        bounds = {key: comparison.get(key) for key in ("margin", "margin_why", "target")}
        sides = comparison[kind]
        if kind == "order":
            for pair in pairwise(sides):
                yield {"kind": kind, "sides": list(pair), **bounds}
        else:
            yield {"kind": kind, "sides": [sides] if kind == "value" else list(sides), **bounds}
