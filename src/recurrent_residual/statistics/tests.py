"""Tests that statsmodels has: McNemar's of two models on the same clips, and Holm's correction for several tests.

statsmodels is imported where it is called: it takes two seconds, and not every reader of the results wants a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def mcnemar(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """McNemar's exact test of whether two models are wrong equally often, from the clips that only one got wrong.

    It takes clips for independent, which those of a group are not, so its p is too small: it stands beside the
    bootstrap over groups and decides nothing.

    Args:
        first: whether the first model was wrong, (clips,) bool.
        second: the same of the second model.
    """
    from statsmodels.stats.contingency_tables import mcnemar as test

    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    p = test([[0, only_first], [only_second, 0]], exact=True).pvalue
    return {"first_only": only_first, "second_only": only_second, "p": float(p)}


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several tests, each corrected for all of them, in the same order (Holm, 1979)."""
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]] if len(p_values) else []
