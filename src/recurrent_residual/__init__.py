"""Recurrent Residual Learning for Action Recognition (Iqbal et al., 2017, arXiv 1706.08807), reproduced."""
