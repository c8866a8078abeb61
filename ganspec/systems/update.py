"""One optimizer step; the function is also emitted."""

from __future__ import annotations


def update(optimizer, loss, cfg):
    """Make one step down the gradient of `loss`."""
    if cfg.scaler:
        cfg.scaler.update(optimizer, loss)
    else:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
