"""How far an error would move with other test clips: a bootstrap over groups.

Clips of a group share a scene, so the group is the independent unit, not the clip: intervals drawn over clips are too
narrow. The same groups are drawn for every experiment of a split, so that differences
of two experiments are paired.
"""

from __future__ import annotations

import numpy as np

from recurrent_residual.results import FinishedRun

RESAMPLES = 2000
LEVEL = 0.95


def bootstrap(runs: list[FinishedRun], *, split: int) -> np.ndarray:
    """Errors of one experiment on resampled groups, (RESAMPLES,); its seeds' runs are averaged.

    Args:
        runs: the experiment's runs on `split`, one a seed, all on the same test clips.
        split: seeds the drawing.
    """
    names, which = np.unique(runs[0].groups, return_inverse=True)
    clips = np.bincount(which)
    wrong = np.bincount(which, weights=np.mean([run.wrong for run in runs], axis=0))
    draw = np.random.default_rng(split).multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    return (draw @ wrong) / (draw @ clips)


def interval(samples: np.ndarray) -> list[float]:
    """Lower and upper end of the central interval of `LEVEL`."""
    tail = (1 - LEVEL) / 2
    return [float(end) for end in np.quantile(samples, [tail, 1 - tail])]
