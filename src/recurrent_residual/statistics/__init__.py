"""What a difference of two errors is worth: resampled test groups, noise of the seeds, tests. Arrays only, no torch.

Two things move an error: which groups of clips are in the test set (`groups`), and the seed of the training (`seeds`).
They are estimated apart, and added up where both are known.
"""

LEVEL = 0.95
"""Of every interval; a test is taken for significant at 1 - LEVEL."""

RESAMPLES = 10_000
"""Draws of every bootstrap."""
