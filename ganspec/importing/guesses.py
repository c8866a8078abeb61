"""Guesses of the layer that expresses recorded calls.

Its kind is guessed from the names of the calls, its fields from their settings. `likeness.py`
compares each guess with the calls, so a wrong guess does no harm.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import TypeVar

from pydantic import ValidationError
from torch import nn

from ganspec.importing.entries import SHARED
from ganspec.importing.graph import RecordedCall, RecordedGraph, Shape
from ganspec.importing.likeness import is_plain, lowered, parametrizations, plain_settings
from ganspec.kinds.layer import Layer
from ganspec.kinds.weight_norm import WeightNorm
from ganspec.language.errors import SYNONYMS
from ganspec.language.expr import Width
from ganspec.language.fields import Field, fields_of
from ganspec.language.kinds import Kind, cached_by_kinds, kinds_of
from ganspec.language.opening import HIDDEN
from ganspec.language.unread import UNREAD
from ganspec.program.ir import Net, Step, label_input, single
from ganspec.program.probe import hollow

# kinds of layers that are never guessed from the names of calls
STRUCTURE = (
    *HIDDEN,
    *("repeat", "residual", "add", "concat", "identity", "norm", "join_label", "auxiliary"),
    UNREAD,
)
# fields for which all numbers among a call's settings are tried, if none has a similar name
LOOSE = ("factor", "size", "slope", "rate", "alpha", "std", "kernel")
MOST = 400  # most guesses that are tried for one kind of layer

AnyKind = TypeVar("AnyKind", bound=Kind)


def bare_name(name: str) -> str:
    """Return a name's letters in lower case, without a final `1d`, `2d` or `3d`.

    `leaky_relu_` gives `leakyrelu`.
    """
    return re.sub(r"\dd$|[^a-z]", "", name.lower())


def target_names(net: Net) -> list[str]:
    """Return the name of the class or function that each step of a program calls."""
    return [getattr(step.call.target, "__name__", "") for step in net.steps]


@dataclass(frozen=True)
class Sample:
    """The program of one example of a kind of layer, lowered with or without a label input.

    `is_first` is True for the first of the kind's examples.
    """

    kind: type[Layer]
    net: Net
    is_first: bool
    has_label: bool


def layer_kinds() -> dict[str, type[Layer]]:
    """Return every kind of layer by its name."""
    return {n: kind for n, kind in kinds_of("layer").items() if issubclass(kind, Layer)}


@cached_by_kinds("layer")
def samples() -> list[Sample]:
    """Return the lowered examples of the kinds of layer that are not in STRUCTURE.

    Each example is lowered twice, without and with a label input; where that fails, there is no
    sample. A kind without examples is lowered with its defaults, on a feature map and on a vector.
    """
    result = []
    for name, kind in layer_kinds().items():
        examples = kind.examples or [({}, (8, 4, 4)), ({}, (8,))]
        for i, (fields, shape) in enumerate(examples if name not in STRUCTURE else ()):
            for label in (None, label_input(Width(5), True)):
                layer = kind_with(kind, fields or {})
                if layer and (net := lowered(layer, shape, label)):
                    result.append(Sample(kind, net, i == 0, label is not None))
    return result


@cached_by_kinds("layer")
def kinds_by_names() -> dict[tuple[str, ...], list[type[Layer]]]:
    """Return the kinds of layer by the names of their examples' calls, such as `("conv",)`."""
    kinds: dict[tuple[str, ...], list[type[Layer]]] = {}
    for sample in samples():
        alike = kinds.setdefault(tuple(map(bare_name, target_names(sample.net))), [])
        if sample.kind not in alike:
            alike.append(sample.kind)
    return kinds


@cached_by_kinds("layer")
def labelled() -> list[type[Layer]]:
    """Return the kinds of layer, but those of STRUCTURE, whose examples all need a label input."""
    plain = {sample.kind for sample in samples() if not sample.has_label}
    return list(dict.fromkeys(s.kind for s in samples() if s.kind not in plain))


@cached_by_kinds("layer")
def weightless() -> list[type[Layer]]:
    """Return the kinds whose first example needs no label and has no weights."""
    firsts = [sample for sample in samples() if sample.is_first and not sample.has_label]
    return [sample.kind for sample in firsts if not any(map(_has_weights, sample.net.steps))]


def _has_weights(step: Step) -> bool:
    return step.is_module and bool(hollow(step.call).state_dict())


def kind_with(kind: type[AnyKind], fields: Mapping[str, object]) -> AnyKind | None:
    """Return an instance of `kind` with these fields, or None if they are not valid."""
    try:
        return kind.model_validate({name: _frozen(value) for name, value in fields.items()})
    except ValidationError:
        return None


def _frozen(value: object) -> object:
    """Return `value` with lists as tuples, because strict pydantic models reject lists."""
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    if isinstance(value, dict):
        return {key: _frozen(part) for key, part in value.items()}
    return value


# -- settings of calls ------------------------------------------------------------------------


def settings_of(graph: RecordedGraph, calls: Iterable[RecordedCall]) -> dict[str, object]:
    """Return the settings of all calls but reshapes in one dict, by torch's names.

    If two calls have a setting of the same name, that of a call with weights counts.
    """
    settings: dict[str, object] = {}
    for call in sorted(calls, key=lambda call: call.has_state):
        if not graph.is_reshape(call):
            settings |= _settings(call)
    return settings


def _settings(call: RecordedCall) -> dict[str, object]:
    """Return a call's settings that are plain values, by torch's names such as `kernel_size`."""
    if call.module is not None:
        parameters = call.module._parameters
        bias = {"bias": parameters["bias"] is not None} if "bias" in parameters else {}
        return plain_settings(call.module) | bias
    try:
        bound = inspect.signature(call.target).bind(*call.args, **call.kwargs)
        bound.apply_defaults()
        settings = dict(bound.arguments)
    except (ValueError, TypeError):  # a builtin has no signature
        settings = {}
    if not set(settings) - {"args", "kwargs"}:
        # after its input, a function such as `relu` takes the arguments of the module `ReLU`
        settings = dict(zip(_argument_names(call), call.args[1:], strict=False)) | call.kwargs
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    return {name: value for name, value in settings.items() if is_plain(value)}


def _argument_names(call: RecordedCall) -> list[str]:
    """Return names for a function's arguments after the first, its input.

    They are the arguments of the constructor of the torch module of the same name, or `argument0`,
    `argument1` and so on if there is no such module.
    """
    wanted = bare_name(call.name)
    classes = [
        cls for n, cls in vars(nn).items() if bare_name(n) == wanted and isinstance(cls, type)
    ]
    names = list(inspect.signature(classes[0]).parameters) if classes else []
    return [*names, *(f"argument{i}" for i in range(len(names), len(call.args)))]


# -- fields -----------------------------------------------------------------------------------


def guesses(
    kind: type[AnyKind], settings: dict[str, object], shape: Shape = ()
) -> Iterator[AnyKind]:
    """Yield up to MOST instances of `kind` that may fit calls with these settings, likeliest first.

    `shape` is the shape of the calls' output. Nothing is yielded if there is no value to try for a
    required field.
    """
    known = fields_of(kind).values()
    fields = [f for f in known if f.name not in SHARED and not f.type.family]
    pools = {f.name: [_fitted(f, v) for v in pool(f, settings, shape)] for f in fields}
    if any(field.required and not pools[field.name] for field in fields):
        return
    pools = {name: values for name, values in pools.items() if values}
    filled = (dict(zip(pools, values, strict=True)) for values in product(*pools.values()))
    yield from islice(filter(None, (kind_with(kind, each) for each in filled)), MOST)


def pool(field: Field, settings: dict[str, object], shape: Shape) -> list[object]:
    """Return values worth trying for a field, the likeliest first."""
    known = [single(v) for n, v in settings.items() if alike(field.name, n) and v is not None]
    words = field.type.literals
    default = [] if field.required else [field.default]
    if bool in {scalar.python for scalar in field.type.scalars}:
        fits = [value for value in known if isinstance(value, bool)]
        # both, since the setting may mean another thing
        return unique([*fits, *default, True, False])
    if words and not field.type.scalars and not field.type.lists:
        return [value for value in known if value in words] or list(words)
    if field.name == "shape":
        return [shape]
    if field.name == "out":
        known += shape[:1]
    if words:  # a word such as `same` reads better than an equal number
        return unique([*default, *known, *words])
    if field.name in LOOSE and not known:
        numbers = map(sides, settings.values())
        known = [n for n in numbers if isinstance(n, (int, float, tuple)) and type(n) is not bool]
    if default == [None]:  # such as the `stride` of a pool: None is the kernel's size
        return [None, *unique(known)]
    return unique([*known, *default])


def alike(field: str, name: str) -> bool:
    """Return True if torch's `name` can be the spec's `field`: `kernel_size` can be `kernel`."""
    words = {name, name.removeprefix("n_"), *name.split("_")}
    return field in words | {SYNONYMS.get(word) for word in words}


def sides(value: object) -> object:
    """Return a padding (left, right, top, bottom) as (rows, columns) if opposite sides are equal.

    A tuple of equal numbers becomes one number. Other values are returned unchanged.
    """
    if isinstance(value, tuple) and len(value) == 4 and value[::2] == value[1::2]:
        value = value[2], value[0]
    return single(value)


def unique(values: list[object]) -> list[object]:
    """Return the values, each once, in order; they need not be hashable."""
    return [value for i, value in enumerate(values) if value not in values[:i]]


def _fitted(field: Field, value: object) -> object:
    """Return a whole number as the int or float that the field accepts, other values unchanged.

    Code may have True for a number: the first argument of `nn.ELU(True)` is `alpha`.
    """
    types = {scalar.python for scalar in field.type.scalars}
    if isinstance(value, bool) and float in types and bool not in types:
        return float(value)
    if isinstance(value, int) and not isinstance(value, bool) and int not in types:
        return float(value) if float in types else value
    if isinstance(value, float) and value.is_integer() and int in types:
        return int(value)
    return value


# -- weight norms -----------------------------------------------------------------------------


def norms(calls: Sequence[RecordedCall]) -> list[WeightNorm | None]:
    """Return the weight norms that the first module with one may have; [None] if none has one."""
    for module in (call.module for call in calls if call.module is not None):
        settings = [each for part in module.modules() for each in _norm_settings(part)]
        if settings:
            kinds = [k for k in kinds_of("weight_norm").values() if issubclass(k, WeightNorm)]
            return [n for k in kinds if k.kind != "none" for n in guesses(k, settings[0])]
    return [None]


def _norm_settings(part: nn.Module) -> Iterator[dict[str, object]]:
    """Yield the settings of each weight norm on a module: parametrizations, then older hooks."""
    for _, norm in parametrizations(part):
        yield plain_settings(norm)
    for hook in part._forward_pre_hooks.values():
        if type(hook).__module__.startswith("torch.nn.utils"):
            yield plain_settings(hook)
