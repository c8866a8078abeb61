"""Which layers could do what a call does: kinds by the calls they become, fields by likeness.

Nothing here is believed: each guess is lowered, and must do what the call does.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from itertools import product

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from torch import nn
from torch.nn.utils import parametrize

from ganspec.importing.graph import Graph
from ganspec.importing.likeness import PLAIN, lowered, single
from ganspec.importing.recording import Op, Slot
from ganspec.kinds.layer import Layer
from ganspec.language.annotations import family, literals, options
from ganspec.language.errors import SYNONYMS
from ganspec.language.expr import Width
from ganspec.language.kinds import Kind, cached_by_kinds, kinds_of
from ganspec.language.opening import HIDDEN
from ganspec.program.ir import label_input, start_input

OTHERS = ("as", "from", "norm", "init")  # fields that say nothing of the call itself
STRUCTURE = (
    *HIDDEN,
    "repeat",
    "residual",
    "add",
    "concat",
    "identity",
    "norm",
    "join_label",
    "auxiliary",
)
MOST = 400  # guesses at one call


def head(name: str) -> str:
    """`LeakyReLU`, `leaky_relu` and `leaky_relu_` as one word; dimensions left out."""
    return re.sub(r"[^a-z]|\dd$", "", re.sub(r"\dd$", "", name.lower()))


@cached_by_kinds("layer")
def kinds_by_heads() -> dict[tuple[str, ...], list[type[Layer]]]:
    """The kinds of layer by the calls that their own examples become."""
    found: dict[tuple[str, ...], list[type[Layer]]] = {}
    for name, kind in kinds_of("layer").items():
        if name in STRUCTURE:
            continue
        for fields, shape in kind.examples or [({}, (8, 4, 4)), ({}, (8,))]:
            for labels in (None, label_input(Width(5), True).value):
                layer = made(kind, fields or {})
                net = layer and lowered(layer, start_input(shape).value, labels)
                if net is None:
                    continue
                heads = tuple(head(step.call.target.__name__) for step in net.steps)
                if kind not in found.setdefault(heads, []):
                    found[heads].append(kind)
    return found


@cached_by_kinds("layer")
def labelled() -> list[type[Layer]]:
    """Kinds that read the label themselves."""
    start, found = [start_input(shape).value for shape in ((8, 4, 4), (8,))], []
    for kinds in kinds_by_heads().values():
        for kind in kinds:
            layer = made(kind, {})
            if layer and all(lowered(layer, x, None) is None for x in start):
                found += [kind] if kind not in found else []
    return found


@cached_by_kinds("layer")
def weightless() -> list[type[Layer]]:
    """Kinds whose first example has no weights: what a bare function could be."""
    found = []
    for kinds in kinds_by_heads().values():
        for kind in kinds:
            fields, shape = (kind.examples or [(None, (8, 4, 4))])[0]
            layer = made(kind, fields or {})
            net = layer and lowered(layer, start_input(shape).value, None)
            if net and not any(has_weights(step.call) for step in net.steps):
                found += [kind] if kind not in found else []
    return found


def has_weights(call) -> bool:
    if not call.is_module:
        return False
    import torch

    with torch.device("meta"):
        return bool((call.bare or call).build().state_dict())


def made(kind: type[Kind], fields: dict[str, object]) -> Kind | None:
    """A kind with these fields, or None where they are not allowed."""
    try:
        return kind.model_validate({k: _typed(v) for k, v in fields.items()})
    except ValidationError:
        return None


def _typed(value: object) -> object:
    """Plain data as a strict model wants it: lists as tuples, layers inside as layers."""
    if isinstance(value, list):
        return tuple(map(_typed, value))
    if isinstance(value, dict):
        return {k: _typed(v) for k, v in value.items()}
    return value


# -- fields -----------------------------------------------------------------------------------


def told(op: Op) -> dict[str, object]:
    """What a call was told, by the names that torch has for it."""
    if op.module is None:
        return _arguments(op)
    found = {}
    for name, value in vars(op.module).items():
        if not name.startswith("_") and (isinstance(value, PLAIN) or _is_numbers(value)):
            found[name] = value
    found |= {n: p is not None for n, p in op.module._parameters.items() if n == "bias"}
    return found


def _is_numbers(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(v, PLAIN) for v in value)


def _arguments(op: Op) -> dict[str, object]:
    try:
        bound = inspect.signature(op.target).bind(*op.args, **op.kwargs)
        bound.apply_defaults()
        found = dict(bound.arguments)
    except (ValueError, TypeError):  # a builtin does not tell
        found = {}
    if not set(found) - {"args", "kwargs"}:
        # a function takes what the module of its name does, after its input
        found = dict(zip(_constructor(op), op.args[1:], strict=False)) | op.kwargs
    return {
        k: tuple(v) if isinstance(v, list) else v
        for k, v in found.items()
        if not isinstance(v, Slot) and (isinstance(v, PLAIN) or _is_numbers(v))
    }


def _constructor(op: Op) -> list[str]:
    """The constructor's arguments of torch's module that a function is named after."""
    found = [n for n in vars(nn) if head(n) == head(op.name) and isinstance(getattr(nn, n), type)]
    names = list(inspect.signature(getattr(nn, found[0]).__init__).parameters)[1:] if found else []
    return [*names, *(f"argument{i}" for i in range(len(names), len(op.args)))]


def alike(field: str, name: str) -> bool:
    """Whether torch's `name` can be the language's `field`: kernel_size is kernel."""
    if SYNONYMS.get(name) == field or field == name:
        return True
    words = set(name.split("_"))
    return field in words or bool({SYNONYMS.get(w) for w in words} & {field})


def pool(kind: type[Kind], name: str, field: FieldInfo, known: dict, shape: tuple) -> list:
    """Values worth trying for a field, the likeliest first."""
    found = [single(v) for n, v in known.items() if alike(name, n) and v is not None]
    words = literals(field.annotation)
    default = [] if field.is_required() else [field.default]
    if bool in set(options(field.annotation)):
        fits = [v for v in found if isinstance(v, bool)]
        return unique([*fits, *default, True, False])  # a like name may mean another thing
    if words and set(options(field.annotation)) - {type(None)} == {
        o for o in options(field.annotation) if literals(o)
    }:
        return [v for v in found if v in words] or words
    if name == "shape":
        return [shape]
    if name in ("out",):
        found = [*found, shape[0]] if shape else found
    if words:  # a word is plainer than the number that it comes to
        return unique([*default, *found, *(w for w in words if w not in default)])
    numbers = [v for value in known.values() if isinstance(v := sides(value), (int, float, tuple))]
    loose = [v for v in numbers if not isinstance(v, bool)] if not found else []
    if name in ("factor", "size", "slope", "rate", "alpha", "std", "kernel"):
        found = [*found, *loose]
    if default == [None]:  # `stride` of a pool, which is the kernel's size
        return [None, *unique(found)]
    return unique([*found, *default])


def sides(value: object) -> object:
    """Left, right, top and bottom as torch pads them, as rows and columns; or one number."""
    if isinstance(value, tuple) and len(value) == 4 and value[::2] == value[1::2]:
        value = value[2], value[0]
    return single(value)


def unique(values: list) -> list:
    return [v for i, v in enumerate(values) if v not in values[:i]]


def guesses(kind: type[Kind], known: dict, shape: tuple[int, ...]) -> Iterator[Kind]:
    """The kind with fields that the calls' settings suggest; the likeliest first."""
    names, pools = [], []
    for name, field in kind.model_fields.items():
        key = field.alias or name
        if key in OTHERS or family(field.annotation):
            continue
        values = pool(kind, key, field, known, shape)
        if not values and field.is_required():
            return
        if values:
            names.append(key)
            pools.append(values)
    count = 0
    for values in product(*pools):
        found = {n: _fitting(kind, n, v) for n, v in zip(names, values, strict=True)}
        if layer := made(kind, found):
            yield layer
            count += 1
        if count >= MOST:
            return


def _fitting(kind: type[Kind], name: str, value: object) -> object:
    field = next(f for n, f in kind.model_fields.items() if (f.alias or n) == name)
    whole = int in set(options(field.annotation))
    if isinstance(value, int) and not isinstance(value, bool) and not whole:
        return float(value) if float in set(options(field.annotation)) else value
    if isinstance(value, float) and value.is_integer() and whole:
        return int(value)
    return value


def norms(op: Op) -> list[Kind | None]:
    """Weight norms that a module could be wrapped in."""
    if op.module is None:
        return [None]
    settings = [s for part in op.module.modules() for s in _norm_settings(part)]
    if not settings:
        return [None]
    found = []
    for name, kind in kinds_of("weight_norm").items():
        if name != "none":
            found += list(guesses(kind, settings[0], ()))
    return found


def _norm_settings(part: nn.Module) -> Iterator[dict[str, object]]:
    if parametrize.is_parametrized(part):
        for chain in part.parametrizations.values():
            yield from (vars(norm) for norm in chain)
    for hook in part._forward_pre_hooks.values():
        if type(hook).__module__.startswith("torch.nn.utils"):
            yield vars(hook)


def settings_of(graph: Graph, ops: list[Op]) -> dict[str, object]:
    """What several calls were told; of two with one name the call with weights counts."""
    found: dict[str, object] = {}
    for op in sorted(ops, key=lambda op: op.module is not None and bool(op.module.state_dict())):
        if graph.roles.get(op) != "reshape":
            found |= told(op)
    return found
