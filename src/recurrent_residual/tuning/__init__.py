"""Choosing learning rate and epochs on held-out groups of split 1's train clips; its test clips play no part."""

SECTIONS = {"networks": "training", "baselines": "baselines"}
"""Section of the configuration's `tuning` -> section of the configuration in which the choice belongs."""
