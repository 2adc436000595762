"""The recurrence of gated recurrent units on a processor, for sequences of unequal length, with its own gradient.

    r, z = sigmoid(x_rz + W_rz h + b_rz)    n = tanh(x_n + r * (W_n h + b_n))    h' = (1 - z) * n + z * h

x is the input's part of the gates, which needs no recurrence and is computed for all steps at once. This is
`torch.nn.GRU` (PyTorch's equations, gates in the order r, z, n) up to rounding. PyTorch's own spends most of a step's
time outside the arithmetic: on the processor a step is twenty operations forward and more backward, here six and three.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Recurrence(torch.autograd.Function):
    """The states after each sequence's last step: (N, 3 * units), ... -> (B, units), from states of zero.

    `apply(gates, weight, bias, sizes)`: `gates` are the input's, packed as in `torch.nn.utils.rnn.PackedSequence`: the
    first step of all B sequences, the longest first, then the second of those that have one, ...; `sizes` says how many
    there are at each step; `weight` (3 * units, units) and `bias` (3 * units,) are the state's.
    """

    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor, bias: Tensor, sizes: list[int]) -> Tensor:
        """Keeps what the gradient needs of each step: the state before, W_n h + b_n, r, z and n."""
        frames, units = len(gates), weight.shape[1]
        states = gates.new_zeros(sizes[0], units)
        before, new = gates.new_empty(frames, units), gates.new_empty(frames, units)
        hidden, rz = gates.new_empty(frames, 3 * units), gates.new_empty(frames, 2 * units)
        end = 0
        for size in sizes:
            step = slice(end, end := end + size)
            state = states[:size]
            before[step] = state
            h = torch.addmm(bias, state, weight.t(), out=hidden[step])
            rz_now = torch.add(gates[step, : 2 * units], h[:, : 2 * units], out=rz[step]).sigmoid_()
            r, z = rz_now[:, :units], rz_now[:, units:]
            n = torch.addcmul(gates[step, 2 * units :], r, h[:, 2 * units :], out=new[step]).tanh_()
            torch.lerp(n, state, z, out=state)
        ctx.save_for_backward(weight, before, hidden[:, 2 * units :], rz, new)
        ctx.sizes = sizes
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """All that does not depend on the gradient of later steps is computed before the loop."""
        weight, before, hidden_n, rz, n = ctx.saved_tensors
        units = weight.shape[1]
        r, z = rz[:, :units], rz[:, units:]
        by_n = (1 - z) * (1 - n.square())
        by_hidden_n = by_n * r
        by_r, by_z = by_hidden_n * hidden_n * (1 - r), (before - n) * z * (1 - z)
        # d state' / d (r, z, W_n h, n) before their activations; times the gradient of state', step by step
        slopes = torch.stack([by_r, by_z, by_hidden_n, by_n], dim=1)  # (N, 4, units)
        flat = slopes.flatten(1)
        gradient = grads[0].clone()  # of each sequence's state, (B, units)
        start = len(slopes)
        for size in reversed(ctx.sizes):
            step = slice(start := start - size, start + size)
            state = gradient[:size]
            slopes[step] *= state[:, None]
            torch.addmm(state * z[step], flat[step, : 3 * units], weight, out=state)
        by_state = flat[:, : 3 * units]
        by_input = torch.cat([flat[:, : 2 * units], flat[:, 3 * units :]], dim=1)
        return by_input, by_state.t() @ before, by_state.sum(dim=0), None
