"""The layers of an imported network, each with the recorded calls that it expresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeGuard

from pydantic import BaseModel

from ganspec.importing.graph import RecordedCall
from ganspec.language.expr import Width
from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.opening import HIDDEN

SHARED = ("weight_norm", "init", "as", "from")  # fields of many kinds, which a spec writes last

# plain data, as in YAML, with an Entry for each layer
Data: TypeAlias = "bool | int | float | str | Sequence[Data] | Mapping[str, Data] | Entry | None"


@dataclass(eq=False)
class Entry:
    """One layer of a list: its kind, its fields that are not at their defaults, and a note.

    `kind` may be the name of a block. It is None if no layer expresses the calls. A field may be a
    list of entries, as `main` of a residual is. `calls` are the recorded calls that the layer
    expresses, in the order in which a program has them. `note` becomes a comment in the spec.
    `output` is the number of the layer's output among the values of the recorded graph, or -1 if
    the graph has no such value.
    """

    kind: str | None
    fields: dict[str, Data] = field(default_factory=dict)
    calls: list[RecordedCall] = field(default_factory=list)
    note: str = ""
    output: int = -1

    @property
    def primary(self) -> str | None:
        """Name of the field that a bare value sets: `out` for `conv: 8`; None if there is none.

        For a call of a block it is the first field that is not in SHARED.
        """
        if self.kind in kinds_of("layer") and self.kind not in HIDDEN:
            return kinds_of("layer")[self.kind].primary
        return next((name for name in self.fields if name not in SHARED), None)

    def inner(self) -> Iterator[list[Entry]]:
        """Yield each field's value that is a list of layers, such as a residual's `main`."""
        yield from filter(is_layers, self.fields.values())


def is_layers(value: Data) -> TypeGuard[list[Entry]]:
    """Return True if a field's value is a list of one or more layers."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], Entry)


def lists(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Yield `entries`, then every list of layers nested in it at any depth."""
    yield entries
    for entry in entries:
        for part in entry.inner():
            yield from lists(part)


def walk(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield `entries` and all layers nested in them, each layer before those inside it."""
    for entry in entries:
        yield entry
        for part in entry.inner():
            yield from walk(part)


def calls_of(entries: Iterable[Entry]) -> Iterator[RecordedCall]:
    """Yield calls in a program's order: first those of nested layers, then a layer's own."""
    for entry in entries:
        for part in entry.inner():
            yield from calls_of(part)
        yield from entry.calls


def layers_of(entries: list[Entry], calls: set[RecordedCall]) -> list[Entry] | None:
    """Return the adjacent layers, at any depth of `entries`, that express just `calls`; or None."""
    for part in lists(entries):
        inside = [i for i, entry in enumerate(part) if calls & set(calls_of([entry]))]
        layers = part[inside[0] : inside[-1] + 1] if inside else []
        if layers and set(calls_of(layers)) == calls:
            return layers
    return None


def entry_of(layer: Kind, calls: Sequence[RecordedCall]) -> Entry:
    """Return the entry of `layer`, which expresses `calls`."""
    return Entry(layer.kind, written(layer), list(calls), output=calls[-1].output)


def written(kind: Kind, framework: str = "torch") -> dict[str, Data]:
    """Return a kind's fields that are neither None nor the framework's defaults, as plain data."""
    fields = {
        type(kind).model_fields[name].alias or name: data(value, framework)
        for name, value in kind.changed(framework).items()
        if value is not None
    }
    return dict(sorted(fields.items(), key=lambda item: item[0] in SHARED))


def data(value: object, framework: str = "torch") -> Data:
    """Return a field's value as plain data, in the form in which a spec writes it."""
    if isinstance(value, Kind):
        return shortened(value.kind, written(value, framework), type(value).primary)
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, tuple):
        return [data(part, framework) for part in value]
    if isinstance(value, Width):
        return value.text if value.symbolic else int(value)
    assert value is None or isinstance(value, (bool, int, float, str))
    return value


def shortened(kind: str, fields: dict[str, Data], primary: str | None) -> Data:
    """Return a kind and its fields in the shortest form: `relu`, `elu: 0.2`, `conv: {out: 8}`."""
    if not fields:
        return kind
    # The keys of a map after a kind are the kind's fields, so a value that is a map is written with
    # the name of its field. The map after `join_label` names the kind of condition instead.
    value = fields.get(primary or "")
    is_bare = list(fields) == [primary] and (kind == "join_label" or not isinstance(value, dict))
    return {kind: value if is_bare else fields}
