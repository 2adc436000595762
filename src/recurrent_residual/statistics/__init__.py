"""What a difference of two errors is worth: resampled test groups, noise of the seeds, tests. Arrays only, no torch.

Two things move an error: which groups of clips are in the test set (`groups`), and the seed of the training (`seeds`).
They are estimated apart, and added up where both are known.
"""

LEVEL = 0.95
"""Of every interval; a test is taken for significant at 1 - LEVEL."""

RESAMPLES = 10_000
"""Draws of every bootstrap."""

LEAST = 2 / (1 + RESAMPLES)
"""The smallest p that so many draws can give."""

MIN_DEGREES = 40
"""Degrees of freedom of the groups below which no interval is trusted.

With fewer, the tails that Holm's correction reads are too light: without any effect, 30 groups in 15 classes (15
degrees) fall below p = 0.16 % in about 1 % of tests, 40 degrees in 0.3 %, 48 (the demo's) in 0.16 %.
"""
