"""What is found, before it is a text: layers with the calls that they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import BaseModel

from ganspec.importing.recording import Op
from ganspec.language.expr import Width
from ganspec.language.kinds import Kind

SHARED = ("norm", "init", "as", "from")  # fields of many kinds, written after a kind's own


@dataclass(eq=False)
class Entry:
    """One layer of the list: its kind, the fields that are not defaults, a remark.

    `kind` is None where no layer does what the calls do. Lists of entries stand among the
    fields of a residual, a repeat and a block's definition. `ops` are in the order in which the
    lowered layer has its modules.
    """

    kind: str | None
    fields: dict[str, object]
    ops: list[Op] = field(default_factory=list)
    note: str = ""
    primary: str | None = None
    output: int = -1

    def inner(self) -> Iterator[list[Entry]]:
        """The lists of layers inside."""
        for value in self.fields.values():
            if isinstance(value, list) and value and isinstance(value[0], Entry):
                yield value

    def all_ops(self) -> list[Op]:
        """Calls of this layer and those inside, in the lowered program's order."""
        return [*(op for part in self.inner() for e in part for op in e.all_ops()), *self.ops]

    def walk(self) -> Iterator[Entry]:
        """This entry and those inside."""
        yield self
        for part in self.inner():
            for entry in part:
                yield from entry.walk()


def entry_of(layer: Kind, ops: list[Op]) -> Entry:
    """A layer as it would be written."""
    fields, primary = written(layer), type(layer).primary
    return Entry(layer.kind, fields, list(ops), primary=primary, output=ops[-1].output)


def written(kind: Kind, framework: str = "torch") -> dict[str, object]:
    """A kind's fields that differ from its defaults, as plain data."""
    found = {}
    for name, value in kind.changed(framework).items():
        if value is not None:
            found[type(kind).model_fields[name].alias or name] = data(value, framework)
    return dict(sorted(found.items(), key=lambda item: item[0] in SHARED))


def data(value: object, framework: str = "torch") -> object:
    """A field's value as a spec writes it."""
    if isinstance(value, Kind):
        return shortened(value.kind, written(value, framework), type(value).primary)
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, tuple):
        return [data(part, framework) for part in value]
    if isinstance(value, Width):
        return value.text if value.symbolic else int(value)
    return value


def shortened(kind: str, fields: dict[str, object], primary: str | None) -> object:
    """`relu`, `leaky_relu: 0.2` or `conv: {out: 8, kernel: 4}`."""
    if not fields:
        return kind
    # a map would be taken for fields, unless it chooses a kind
    if list(fields) == [primary] and (
        kind == "join_label" or not isinstance(fields[primary], dict)
    ):
        return {kind: fields[primary]}
    return {kind: fields}
