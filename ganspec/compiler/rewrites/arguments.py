"""The arguments of calls, by name."""

from __future__ import annotations

import inspect
from functools import cache

from torch import nn

from ganspec.program.ir import Call, plain


@cache
def _signature(target: type[nn.Module]) -> inspect.Signature:
    return inspect.signature(target)


def arguments(call: Call) -> dict[str, object]:
    """Return all arguments of a module's call by name, defaults too; pairs of equal numbers as one.

    So a kernel of (3, 3) is 3.
    """
    bound = _signature(call.function).bind(*call.args, **call.kwargs)
    bound.apply_defaults()
    return {name: _single(plain(value)) for name, value in bound.arguments.items()}


def _single(value: object) -> object:
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def is_plain_conv(call: Call) -> bool:
    """Return True for a convolution of step 1 with a square kernel, zeros as padding, no groups."""
    given = arguments(call)
    kernel, padding = given["kernel_size"], given["padding"]
    return (
        isinstance(kernel, int)
        and isinstance(padding, int)
        and padding < kernel
        and (given["stride"], given["dilation"], given["groups"]) == (1, 1, 1)
        and given["padding_mode"] == "zeros"
    )
