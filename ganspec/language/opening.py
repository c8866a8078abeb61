"""Heads of repeats and calls of blocks: how often, and with which values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ganspec.language.errors import Mark
from ganspec.language.scope import Scope
from ganspec.language.tree import Node, node_of
from ganspec.language.types import Name, Number, Whole

MAX_LAYERS = 2000  # of one spec, repeats and blocks opened
MAX_CALLS = 12  # of blocks, one inside another
LAYERS = {"elsewhere": ("layers",), "required": ("layers",)}  # what is read after the head
HIDDEN = ("block",)  # kinds that a spec cannot write: what a block's call becomes


class Rounds(BaseModel):
    """The head of a repeat: everything but its layers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    times: Annotated[int, Field(gt=0, le=MAX_LAYERS)] | None = None
    with_: dict[Name, tuple[Whole | Number, ...]] = Field({}, alias="with")

    def scopes(self) -> Iterator[dict[str, object]]:
        """Yield the names of each round; they stand for values, and are no names in Python."""
        count = self.times or len(next(iter(self.with_.values())))
        for i in range(count):
            yield {name: values[i] for name, values in self.with_.items()}


def is_even(scope: Scope, rounds: Rounds, body: Node) -> bool:
    """Return True if every name of a repeat has as many values; report the first that has not."""
    if rounds.times is None and not rounds.with_:
        message = "repeat needs `times` or `with`"
        help = "write `times: 2`, or `with: {c: [4 * ch, 2 * ch]}`"
        scope.report("missing-field", message, body.key_mark or body.mark, help)
        return False
    count = rounds.times
    for name, values in rounds.with_.items():
        mark = body.value["with"].value[name].mark
        if not values:
            scope.report("out-of-range", f"`{name}` has no values", mark, "list some")
            return False
        if count is not None and len(values) != count:
            message = f"`{name}` has {_count(len(values), 'value')} for {_count(count, 'round')}"
            scope.report("bad-value", message, mark, "give every name as many values")
            return False
        count = len(values)
    return True


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def read_arguments(
    scope: Scope, word: str, params: tuple[str, ...], body: Node, mark: Mark
) -> dict | None:
    """Return the values of a block's parameters in a call, by name; None where one is wrong."""
    given, title = body, f"block `{word}`"
    if not isinstance(body.value, dict):
        values = body.value if isinstance(body.value, list) else [body]
        values = [] if body.value is None else values
        if len(values) > len(params):
            message = f"{title} takes {_count(len(params), 'value')}, got {len(values)}"
            help = f"its parameters: {', '.join(params)}" if params else f"write `{word}` alone"
            scope.report("wrong-type", message, body.mark, help)
            return None
        given = body.holding(dict(zip(params, values, strict=False)))
    placed = node_of(given.value, given.mark, mark)
    known = scope.known(placed, list(params), title)
    if not scope.complete(placed, list(params), title) or not known:
        return None
    found = {name: scope.data(int | float, given.value[name], name) for name in params}
    for name, value in found.items():
        if value is None or isinstance(value, (bool, tuple)):
            scope.wrong(given.value[name], f"`{name}` is a number")
            return None
    return found if all(isinstance(value, (int, float)) for value in found.values()) else None
