"""Measuring speed and cost beside peers. Needs torch, torchvision, numpy and Pillow, and nothing else."""
