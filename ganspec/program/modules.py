"""The module of one call."""

from __future__ import annotations

from torch import nn

from ganspec.program.ir import Call


def module_of(call: Call) -> nn.Module:
    """Return the call's module, inside its weight norms; the call is of no block."""
    built = call.build()
    for wrap in call.wraps:
        built = wrap.target(built, **wrap.kwargs)
    return built
