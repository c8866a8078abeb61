"""Repeats and blocks, opened: what they stand for takes their place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from ganspec.language.errors import Mark, quoted
from ganspec.language.expr import UNKNOWN, Width
from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.names import name_problem
from ganspec.language.tree import Node
from ganspec.language.types import Name, Number, Whole

if TYPE_CHECKING:
    from ganspec.language.resolve import Resolver

MAX_LAYERS = 2000  # of one spec, repeats and blocks opened
MAX_CALLS = 12  # of blocks, one inside another
LAYERS = {"elsewhere": ("layers",), "required": ("layers",)}  # what is read after the head
HIDDEN = ("block",)  # kinds that a spec cannot write: what a block's call becomes


class Rounds(BaseModel):
    """What a repeat says before its layers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    times: Annotated[int, Field(gt=0, le=MAX_LAYERS)] | None = None
    with_: dict[Name, tuple[Whole | Number, ...]] = Field({}, alias="with")

    def scopes(self) -> Iterator[dict[str, object]]:
        """The names of each round; they stand for their values, and are no names in Python."""
        count = self.times or len(next(iter(self.with_.values())))
        for i in range(count):
            yield {name: values[i] for name, values in self.with_.items()}


def open_repeat(resolver: Resolver, cls: type[Kind], body: Node) -> Kind | None:
    """A repeat's layers, once for every value of the names under `with`, or `times` over."""
    example = "write `repeat: {times: 2, layers: [...]}`"
    if not isinstance(body.value, dict):
        message = f"repeat is a map, not {quoted(body.value)}"
        resolver.report("wrong-type", message, body.mark, example)
        return None
    rounds = resolver.model(Rounds, body, "repeat", **LAYERS)
    if rounds is None:
        # its layers are checked all the same, once, under names of no known value
        names = body.get("with")
        names = names.value if names and isinstance(names.value, dict) else {}
        if layers := body.get("layers"):
            _layers(resolver, layers, dict.fromkeys(names, UNKNOWN))
        return None
    if not _even(resolver, rounds, body):
        return None
    found = []
    for i, names in enumerate(rounds.scopes()):
        layers = resolver.inside(str(i), _layers, resolver, body.value["layers"], names)
        if layers is None:  # the other rounds would only say the same
            return None
        found.append(layers)
    return cls(rounds=tuple(found))


def _even(resolver: Resolver, rounds: Rounds, body: Node) -> bool:
    """Whether every name of a repeat has as many values."""
    if rounds.times is None and not rounds.with_:
        message = "repeat needs `times` or `with`"
        help = "write `times: 2`, or `with: {c: [4 * ch, 2 * ch]}`"
        resolver.report("missing-field", message, body.key_mark or body.mark, help)
        return False
    count = rounds.times
    for name, values in rounds.with_.items():
        mark = body.value["with"].value[name].mark
        if not values:
            resolver.report("out-of-range", f"`{name}` has no values", mark, "list some")
            return False
        if count is not None and len(values) != count:
            message = f"`{name}` has {_count(len(values), 'value')} for {_count(count, 'round')}"
            resolver.report("bad-value", message, mark, "give every name as many values")
            return False
        count = len(values)
    return True


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _layers(resolver: Resolver, node: Node, names: dict[str, object]) -> tuple | None:
    """The layers in `node` with `names` in scope."""
    outer = resolver.scope
    resolver.scope = {**outer, **names}
    layers = resolver.many("layer", node, "layers")
    resolver.scope = outer
    if isinstance(layers, tuple) and not layers:
        resolver.report("out-of-range", "`layers` is empty", node.mark, "list at least one")
    return layers if isinstance(layers, tuple) and layers else None


def open_block(resolver: Resolver, word: str, body: Node, mark: Mark) -> Kind | None:
    """A call of a block: its arguments, and its layers with those arguments for names."""
    signature, layers = resolver.blocks[word]
    resolver.opened.add(word)
    if signature is None or layers is None:  # reported where it is defined
        return None
    if word in resolver.calls:
        chain = " -> ".join([*resolver.calls[resolver.calls.index(word) :], word])
        resolver.report("recursive-block", f"block `{word}` uses itself", mark, None, chain)
        return None
    arguments = _arguments(resolver, word, signature.params, body, mark)
    calls, resolver.calls = resolver.calls, (*resolver.calls, word)
    known = arguments or dict.fromkeys(signature.params, UNKNOWN)
    # inside, an argument goes by its parameter's name: the block becomes a class of its own
    named = {k: Width(v, k) if isinstance(v, int) else v for k, v in known.items()}
    # nothing of the caller's repeats is in sight: a block means the same wherever it is called
    outer, resolver.scope = resolver.scope, resolver.vars
    opened = _layers(resolver, layers, named)
    resolver.scope = outer
    resolver.calls = calls
    if opened is None or arguments is None or name_problem(word):
        return None
    block = kinds_of("layer")["block"]
    return block(block=word, doc=signature.doc, arguments=arguments, layers=opened)


def _arguments(
    resolver: Resolver, word: str, params: tuple[str, ...], body: Node, mark: Mark
) -> dict | None:
    """The values that a call gives to a block's parameters, by name; None where one is wrong."""
    given, title = body, f"block `{word}`"
    if not isinstance(body.value, dict):
        values = body.value if isinstance(body.value, list) else [body]
        values = [] if body.value is None else values
        if len(values) > len(params):
            message = f"{title} takes {_count(len(params), 'value')}, got {len(values)}"
            help = f"its parameters: {', '.join(params)}" if params else f"write `{word}` alone"
            resolver.report("wrong-type", message, body.mark, help)
            return None
        given = body.holding(dict(zip(params, values, strict=False)))
    placed = Node(given.value, given.mark, mark)
    known = resolver.known(placed, list(params), title)
    if not resolver.complete(placed, list(params), title) or not known:
        return None
    found = {name: resolver.data(int | float, given.value[name], name) for name in params}
    for name, value in found.items():
        if value is None or isinstance(value, (bool, tuple)):
            resolver.wrong(given.value[name], f"`{name}` is a number")
            return None
    return found if all(isinstance(value, (int, float)) for value in found.values()) else None


def check_unused(resolver: Resolver) -> None:
    """Check blocks that nothing calls, under parameters of no known value."""
    for name, (signature, layers) in resolver.blocks.items():
        if name not in resolver.opened and signature and layers:
            resolver.calls = (name,)
            _layers(resolver, layers, dict.fromkeys(signature.params, UNKNOWN))
    resolver.calls = ()
