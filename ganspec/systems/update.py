"""One optimizer step; the function is also emitted."""

from __future__ import annotations


def update(optimizer, loss):
    """Make one step down the gradient of `loss`."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
