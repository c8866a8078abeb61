"""Captions of layers for tables and pictures, from the settings of their torch modules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import nn

from ganspec.kinds.conditions.label import OneHot, label_planes
from ganspec.kinds.layers.padding import shorten
from ganspec.language.types import pair
from ganspec.language.unread import NOT_READ
from ganspec.program.ir import Step, Value
from ganspec.program.probe import hollow

# words for calls, by their targets
CALLS: dict[object, str] = {
    nn.Embedding: "embedding",
    nn.Flatten: "flatten",
    nn.Linear: "linear",
    nn.Unflatten: "reshape",
    OneHot: "one_hot",
    label_planes: "planes",
}
# attributes of torch modules whose values a caption shows, and the names of their fields in specs
FIELDS = {
    "stride": "stride",
    "dilation": "dilation",
    "groups": "groups",
    "num_groups": "groups",
    "out_features": "out",
    "embedding_dim": "size",
    "negative_slope": "slope",
    "p": "rate",
    "std": "std",
    "scale_factor": "factor",
    "upscale_factor": "factor",
}
# settings that a caption names by their fields, unless they have these usual values
USUAL = {"stride": 1, "dilation": 1, "groups": 1, "num_groups": 1}


def caption(steps: list[Step], name: str | None = None) -> str:
    """Return one line about a layer, whose steps are `steps`: `conv 4 x 4, stride 2, spectral`.

    The line begins with `name`, by default the layer's kind. If there are several steps, and one of
    them reads two values, as in a condition, the line is the kind alone: the settings of so many
    calls would not fit on it.
    """
    if len(steps) > 1 and any(len(step.inputs) > 1 for step in steps):
        return steps[0].origin.kind
    modules = [step for step in steps if step.is_module]
    # of a `project`, only the reshape at its end is shown: the width of its linear module follows
    shaped = modules[-1:] if modules and modules[-1].call.target is nn.Unflatten else modules
    details = ", ".join(detail for step in shaped for detail in _details(step))
    named = f"{name or steps[0].origin.kind} {details}".rstrip()
    return ", ".join([named, *(norm for step in modules for norm in _weight_norms(step))])


def call_name(step: Step) -> str:
    """Return a word for a step's call, such as `reshape` or `relu`; "" if its target is unnamed."""
    target = step.call.target
    return CALLS.get(target) or getattr(target, "__name__", "").lower()


def sides(values: Sequence[int]) -> str:
    """Return sizes as text, joined by ` x `: `4 x 4`."""
    return " x ".join(map(str, values))


def is_lost(value: Value) -> bool:
    """Return True if the shape of a value, or a label's size, depends on unknown labels."""
    return value.origin is not None and "output" in value.origin.lost


def shape_text(value: Value) -> str:
    """Return a shape without its batch as text: `64 x 32 x 32` for a map, `1,024` for a vector.

    Return NOT_READ if it is unknown.
    """
    if is_lost(value):
        return NOT_READ
    return sides(value.shape) if len(value.shape) > 1 else f"{value.shape[0]:,}"


def label_text(label: Value) -> str:
    """Return a label's size as text: with ten classes, `1 of 10` for a class, `10` if multi-hot.

    Return NOT_READ if it is unknown.
    """
    if is_lost(label):
        return NOT_READ
    count = f"{int(label.channels):,}"
    return f"1 of {count}" if label.is_index else count


def _details(step: Step) -> Iterator[str]:
    """Yield texts about a step's module: the kernel's size, then settings, such as `stride 2`.

    Settings with usual values, such as a stride of 1, are left out. For `nn.Unflatten`, yield only
    the shape of its output.
    """
    if step.call.target is nn.Unflatten:
        yield sides(step.output.shape)
        return
    module, unread = hollow(step.call), step.origin.unread
    kernel, usual = getattr(module, "kernel_size", None), USUAL
    if kernel is not None:
        yield f"kernel {NOT_READ}" if "kernel" in unread else sides(pair(kernel))
        if not hasattr(module, "out_channels"):
            usual = USUAL | {"stride": kernel}  # a pooling layer's stride, unless it is set
    for attribute, field in FIELDS.items():
        value = getattr(module, attribute, None)
        is_width = attribute == "out_features" and is_lost(step.output)
        if value is not None and (field in unread or is_width):
            yield f"{field} {NOT_READ}"
            continue
        if value is None or (attribute in usual and pair(value) == pair(usual[attribute])):
            continue
        value = shorten(value) if isinstance(value, tuple) else value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        text = sides(value) if isinstance(value, tuple) else f"{value:,}"
        yield f"{field} {text}" if attribute in usual else text
    if "mode" in unread:
        yield f"mode {NOT_READ}"
    elif getattr(module, "mode", None) == "bilinear":
        yield "bilinear"


def _weight_norms(step: Step) -> Iterator[str]:
    """Yield the names of the weight norms of a step's module, such as `spectral`."""
    functions: list[object] = [wrap.target for wrap in step.call.wraps]
    if step.call.bare and step.call.kwargs.get("norm"):  # attention applies it to the layers inside
        functions.append(step.call.kwargs["norm"])
    for function in functions:
        name = getattr(getattr(function, "func", function), "__name__", "")
        yield name.removesuffix("_norm")
