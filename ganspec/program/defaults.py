"""Arguments of calls that differ from the defaults of what is called."""

from __future__ import annotations

import inspect

from ganspec.language.expr import Width
from ganspec.program.ir import Call


def non_defaults(call: Call) -> dict[str, object]:
    """Return the call's keyword arguments that differ from the target's defaults.

    A symbolic width always counts as different, since the names in it may get other values.
    """
    parameters = inspect.signature(call.function).parameters
    return {
        key: value
        for key, value in call.kwargs.items()
        if key not in parameters or not _is_default(value, parameters[key].default)
    }


def _is_default(value: object, default: object) -> bool:
    if isinstance(value, bool) != isinstance(default, bool):
        return False
    if isinstance(value, Width) and value.symbolic:
        return False
    return value is default or value == default
