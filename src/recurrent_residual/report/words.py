"""How the report writes numbers: errors as the paper does (0.236), differences in points with their sign (+1.3)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

DASH = "\u2013"
MINUS = "\u2212"


def error(value: float | None) -> str:
    """An error rate as the paper prints it; a dash for None."""
    return DASH if value is None else f"{round(value, 9):.3f}"  # or 1/16 is 0.062 and a mean that is 1/16 is 0.063


def points(value: float | None) -> str:
    """A difference of error rates in points, with its sign."""
    if value is None:
        return DASH
    text = f"{abs(value):.1f}"
    return "0.0" if text == "0.0" else ("+" if value > 0 else MINUS) + text


def percent(value: float | None) -> str:
    """A relative difference, in per cent with its sign."""
    return DASH if value is None else f"{points(value)} %"


def interval(ends: Sequence[float]) -> str:
    """An interval of error rates."""
    return f"{ends[0]:.3f}{DASH}{ends[1]:.3f}"


def points_interval(ends: Sequence[float]) -> str:
    """An interval of differences in points."""
    return f"{points(ends[0])} to {points(ends[1])}"


def duration(seconds: float | None) -> str:
    """A time in the unit that fits: < 0.1 s, 4.2 s, 12 min 5 s, 3 h 20 min; a dash for None."""
    if seconds is None:
        return DASH
    if 0 < seconds < 0.05:
        return "< 0.1 s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def energy(joules: float | None) -> str:
    """Energy as electricity is sold, two digits and more: 12 Wh, 3.4 kWh; a dash for None."""
    if joules is None:
        return DASH
    watt_hours = joules / 3600
    if watt_hours >= 999.5:
        return f"{watt_hours / 1000:,.1f} kWh"
    return f"{watt_hours:.0f} Wh" if watt_hours >= 9.95 else f"{watt_hours:.2g} Wh"


def memory(size: int | None) -> str:
    """A number of bytes as memory is sold: 310 MiB, 18.4 GiB; a dash for None."""
    if size is None:
        return DASH
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def count(value: int | None) -> str:
    """A number of things, with commas at the thousands."""
    return DASH if value is None else f"{value:,}"


def splits(numbers: Sequence[int]) -> str:
    """Which splits: "split 1", "splits 1 and 3", "splits 1\u20133"."""
    if len(numbers) == 1:
        return f"split {numbers[0]}"
    if list(numbers) == list(range(numbers[0], numbers[-1] + 1)) and len(numbers) > 2:
        return f"splits {numbers[0]}{DASH}{numbers[-1]}"
    return f"splits {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def probability(value: float | None, floor: bool = False) -> str:
    """A p value to two digits: "0.031", "0.0062", "< 0.001"; a dash for None.

    At the `floor` of a bootstrap, which is as small a p as its draws can give, "\u2264 0.0062": it may be smaller.
    """
    if value is None:
        return DASH
    if value < 0.001:
        return "< 0.001"
    digits = 2 if value >= 0.0995 else 3 if value >= 0.00995 else 4
    return ("\u2264 " if floor else "") + f"{value:.{digits}f}"


def percent_interval(ends: Sequence[float]) -> str:
    """An interval of relative differences."""
    return f"{points(ends[0])} to {percent(ends[1])}"


def agreement(name: str) -> str:
    """What a row's error says beside the paper's number: whether that lies within our interval."""
    return {"within": "within our interval", "better": "fewer errors", "worse": "more errors"}[name]


def sentence(text: str) -> str:
    """A text as a sentence begins it: with its first letter large."""
    return text[:1].upper() + text[1:]


def hours(value: float | None) -> str:
    """GPU-hours, a digit behind the point below 100; a dash for None."""
    if value is None:
        return DASH
    return f"{value:,.0f} h" if value >= 99.95 else f"{value:.1f} h" if value >= 0.095 else f"{value:.2g} h"


def share(value: float | None) -> str:
    """A probability in per cent; a dash for None."""
    return DASH if value is None else f"{100 * value:.0f}\u00a0%"


def value(content: Any) -> str:
    """A value of the configuration on one line."""
    if isinstance(content, Mapping):
        return ", ".join(f"{key}: {value(item)}" for key, item in content.items())
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def settings(content: Mapping[str, Any]) -> str:
    """A flat or nested section of settings on one line: "block: 4; znorm: true"."""
    return "; ".join(f"{key}: {value(item)}" for key, item in content.items())


def commit(name: str) -> str:
    """A commit's short name, with its "+changes" where the working tree differed from it."""
    identifier, plus, changes = name.partition("+")
    return identifier[:10] + plus + changes


def moment(text: str | None) -> str:
    """A time stamp (ISO 8601, UTC) for the reader."""
    return DASH if text is None else text[:16].replace("T", " ") + " UTC"


FILTERS = {
    "error": error,
    "points": points,
    "percent": percent,
    "interval": interval,
    "points_interval": points_interval,
    "duration": duration,
    "energy": energy,
    "memory": memory,
    "count": count,
    "splits": splits,
    "probability": probability,
    "percent_interval": percent_interval,
    "agreement": agreement,
    "sentence": sentence,
    "hours": hours,
    "share": share,
    "value": value,
    "settings": settings,
    "commit": commit,
    "moment": moment,
}
