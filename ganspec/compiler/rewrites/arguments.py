"""Read the arguments of modules' calls by name."""

from __future__ import annotations

import inspect
from functools import cache

from torch import nn

from ganspec.program.ir import Call, plain, single


@cache
def _signature(target: type[nn.Module]) -> inspect.Signature:
    return inspect.signature(target)


def arguments(call: Call) -> dict[str, object]:
    """Return all arguments of a module's call by name, defaults included.

    A tuple of equal numbers becomes one number: a kernel of (3, 3) is 3.
    """
    bound = _signature(call.function).bind(*call.args, **call.kwargs)
    bound.apply_defaults()
    return {name: single(plain(value)) for name, value in bound.arguments.items()}


def is_plain_conv(call: Call) -> bool:
    """Return True if a convolution has stride 1, a square kernel, and no dilation or groups.

    It must also pad with zeros, equally in height and width, and by less than the kernel's size.
    """
    conv = arguments(call)
    kernel, padding = conv["kernel_size"], conv["padding"]
    return (
        isinstance(kernel, int)
        and isinstance(padding, int)
        and padding < kernel
        and (conv["stride"], conv["dilation"], conv["groups"]) == (1, 1, 1)
        and conv["padding_mode"] == "zeros"
    )
