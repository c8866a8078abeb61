"""Read the short forms of a spec: values of kinds, rounds of a `repeat`, arguments of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from ganspec.language.errors import Mark
from ganspec.language.fields import FieldType, ListType, field_type, fields_of
from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.scope import Scope
from ganspec.language.section import Section
from ganspec.language.tree import ListNode, MapNode, Node, find
from ganspec.language.types import Name, Number, Whole

MAX_LAYERS = 2000  # in one spec, with repeats and blocks opened
MAX_CALLS = 12  # blocks that call each other, one inside the other
HIDDEN = ("block",)  # kinds that a spec cannot name: a call of a block becomes one
NUMBER = field_type(int | float)
LAYERS = FieldType(
    families="layer", lists=(ListType((FieldType(family="layer"),), endless=True, least=1),)
)


class Rounds(Section):
    """The fields of a `repeat` in a spec, except `layers`."""

    times: Annotated[int, Field(gt=0, le=MAX_LAYERS)] | None = None
    with_: dict[Name, tuple[Whole | Number, ...]] = Field({}, alias="with")

    def scopes(self) -> Iterator[dict[str, int | float]]:
        """Yield the values of the names in `with`, by name, once for each round."""
        count = self.times or len(next(iter(self.with_.values())))
        for i in range(count):
            yield {name: values[i] for name, values in self.with_.items()}


def has_rounds(scope: Scope, rounds: Rounds, body: MapNode) -> bool:
    """Return True if a repeat has a number of rounds, and each name in `with` a value per round.

    Otherwise, report the mistake and return False. `body` is the node of `rounds` in the spec.
    """
    if rounds.times is None and not rounds.with_:
        message = "repeat needs `times` or `with`"
        help = "write `times: 2`, or `with: {c: [4 * ch, 2 * ch]}`"
        scope.report("missing-field", message, body.start, help)
        return False
    count = rounds.times
    for name, values in rounds.with_.items():
        mark = find(body, ("with", name)).mark
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


def opened_body(cls: type[Kind], body: Node) -> Node:
    """Return the value of a kind's key as a map of fields.

    If the key has no value, the map is empty. Any other value that is not a map becomes the primary
    field: for `conv`, `64` becomes `{out: 64}`. So does a map that chooses a kind, if the primary
    field takes one: for `join_label`, `{embedding: 64}` becomes `{condition: {embedding: 64}}`.
    Other maps do not change, nor do other values if the kind has no primary field.
    """
    if isinstance(body, MapNode) and len(body.value) == 1 and cls.primary:
        inner = fields_of(cls)[cls.primary].type.family
        (word,) = body.value
        if inner and word in kinds_of(inner) and word not in fields_of(cls):
            return body.holding({cls.primary: body.as_value()})
    return cls.opened(body)


def read_arguments(
    scope: Scope, word: str, params: tuple[str, ...], body: Node, mark: Mark
) -> dict[str, int | float] | None:
    """Return the values of the parameters `params` in a call of the block `word`, by name.

    If the call is wrong, report the mistake and return None. `mark` is the place of the call, and
    `body` its arguments.
    """
    title = f"block `{word}`"
    if isinstance(body, MapNode):
        arguments = body.value
    else:
        values = body.value if isinstance(body, ListNode) else [body]
        values = [] if body.value is None else values
        if len(values) > len(params):
            message = f"{title} takes {_count(len(params), 'value')}, got {len(values)}"
            help = f"its parameters: {', '.join(params)}" if params else f"write `{word}` alone"
            scope.report("wrong-type", message, body.mark, help)
            return None
        arguments = dict(zip(params, values, strict=False))
    placed = MapNode(arguments, body.mark, mark)
    known = scope.known(placed, list(params), title)
    if not scope.complete(placed, list(params), title) or not known:
        return None
    numbers = {name: scope.data(NUMBER, arguments[name], name) for name in params}
    right = {name: n for name, n in numbers.items() if isinstance(n, (int, float))}
    return right if len(right) == len(params) else None


def map_help(cls: type[Section], key: str, node: Node) -> str:
    """Return the help for a value that stands where a map with the fields of `cls` should.

    If exactly one required field takes the value, or else exactly one field, the help is the map to
    write after `key`. Otherwise it lists the fields.
    """
    fields, value = fields_of(cls), node.value
    fits = [field for field in fields.values() if _takes(field.type, value)]
    fits = [field for field in fits if field.required] or fits
    if len(fits) != 1:
        return f"fields: {', '.join(fields)}"
    given = {field.name: "..." for field in fields.values() if field.required}
    given[fits[0].name] = str(value)
    return f"write `{key} {{{', '.join(f'{name}: {text}' for name, text in given.items())}}}`"


def _takes(kind: FieldType, value: object) -> bool:
    """Return True if a field takes `value`, a number, a literal or the name of a kind."""
    if isinstance(value, str):
        family = kinds_of(kind.family) if kind.family else {}
        return value in kind.words or (value in family and value not in HIDDEN)
    return isinstance(value, (int, float)) and kind.scalar(value) is not None
