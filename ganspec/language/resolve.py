"""Turn a spec's tree into pydantic models: choose kinds, open blocks, collect mistakes."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ganspec.language.errors import Mark, quoted
from ganspec.language.expr import UNKNOWN, Names, Unknown, Width
from ganspec.language.fields import Field, FieldType, MapType, fields_of
from ganspec.language.gaps import read_unknown
from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.names import name_problem
from ganspec.language.opening import (
    HIDDEN,
    LAYERS,
    MAX_CALLS,
    MAX_LAYERS,
    Rounds,
    has_rounds,
    map_help,
    opened_body,
    read_arguments,
)
from ganspec.language.scope import MISSING, Scope
from ganspec.language.section import Section
from ganspec.language.tree import ListNode, MapNode, Node, ScalarNode, find, node_of
from ganspec.language.unread import seen_in

MAX_NESTING = 60  # keys on the path to a layer, with repeats and blocks opened
Model = TypeVar("Model", bound=Section)


class Partial(dict[str, object]):
    """A map without its wrong entries, in which pydantic can still validate the right ones."""


class Resolver(Scope):
    """A scope whose methods turn nodes of the tree into pydantic models."""

    # -- maps ---------------------------------------------------------------------------------

    def model(
        self,
        cls: type[Model],
        node: MapNode,
        title: str,
        elsewhere: tuple[str, ...] = (),
        required: tuple[str, ...] = (),
        given: dict[str, object] | None = None,
    ) -> Model | None:
        """Return `node` as an instance of `cls`; None if anything in it is wrong.

        `given` are the values of fields that are not read from `node`. `elsewhere` are keys that
        `node` may have although `cls` has no such fields; the caller reads them. Keys in `required`
        are reported if `node` lacks them. `title` names the map in messages.
        """
        fields, values, valid = fields_of(cls), dict(given or {}), True
        read = {**node.value, **self.defaults(cls, node)}
        for key, child in read.items():
            if key in fields and key not in (given or {}):
                value = self.inside(key, self.value, fields[key], child)
                if value is not MISSING:
                    values[key] = value
                valid = valid and value is not MISSING and not isinstance(value, Partial)
        valid = self.known(node, [*fields, *elsewhere], title) and valid
        needed = [k for k, field in fields.items() if field.required and k not in (given or {})]
        valid = self.complete(node, [*needed, *required], title) and valid
        try:
            model = cls.model_validate(values, context={"written": node.value.keys()})
        except ValidationError as error:
            for item in error.errors(include_url=False):
                self.refusal(item, MapNode(read, node.mark, node.key_mark))
            return None
        unread = [field.attribute for k, field in fields.items() if k in read and seen_in(read[k])]
        return model.with_unread(unread) if valid else None

    def value(self, field: Field, node: Node) -> object:
        """Return a field's value as `field` does; if it is `unknown`, a valid one in its place."""
        if seen_in(node):
            return read_unknown(self, field, node, self.field)
        value = self.field(field.type, node, field.name)
        if value is MISSING and field.type.null and node.value == "none":
            self.advise("write `null` for none")
        return value

    def refusal(self, item: ErrorDetails, node: MapNode) -> None:
        """Report an error that pydantic found when it validated `node`, a whole section or kind."""
        place, context = item["loc"], item.get("ctx", {})
        if item["type"] == "missing" and len(place) == 1:
            return  # reported already: the field is absent, or its value is wrong
        at = find(node, tuple(part for part in place if part != "[key]"))
        mark = at.start if "[key]" in place or not place else at.mark
        if item["type"] == "refusal":
            self.report(context["code"], context["message"], mark, context["help"])
        else:  # a constraint that the table of fields does not check
            name = f"`{place[0]}`: " if place else ""
            self.report("bad-value", f"{name}{item['msg']}", mark)

    def defaults(self, cls: type[Section], node: MapNode) -> dict[str, Node]:
        """Return the framework's own defaults of fields that `node` lacks, by key."""
        own = cls.framework_defaults.get(self.framework, {})
        return {k: node_of(v, node.mark) for k, v in own.items() if k not in node.value}

    # -- values -------------------------------------------------------------------------------

    def field(self, kind: FieldType, node: Node, name: str) -> object:
        """Return the value of a field `name`; if it is wrong, MISSING or, for a map, a Partial."""
        if node.value is None and kind.null:
            return None
        if kind.family and not (kind.families and isinstance(node, ListNode)):
            chosen = self.kind(kind.family, node)
            return MISSING if chosen is None else chosen
        if kind.families:
            return self.many(kind, kind.families, node, name)
        if cls := kind.section:
            node = cls.opened(node)
            if isinstance(node, MapNode):
                model = self.model(cls, node, name)
                return MISSING if model is None else model
            if kind.takes_only_maps:
                return self.wrong(node, f"`{name}` is a map", map_help(cls, f"{name}:", node))
        if kind.sections:
            return self.sections(kind.sections, node, name)
        if kind.map and isinstance(node, MapNode):
            return self.map(kind.map, node, name)
        return self.data(kind, node, name)

    def map(self, kind: MapType, node: MapNode, name: str) -> object:
        """Return the values of a map without fixed fields; a Partial if an entry is wrong."""
        closed = list(kind.keys.words)
        valid = not closed or self.known(node, closed, name)
        values = {
            key: self.inside(key, self.field, kind.values, child, key)
            for key, child in node.value.items()
        }
        right = {k: v for k, v in values.items() if v is not MISSING and k in (closed or values)}
        return right if valid and right == values else Partial(right)

    def many(self, kind: FieldType, family: str, node: Node, name: str) -> object:
        """Return a list of kinds as a tuple, with repeats and blocks opened; MISSING if wrong."""
        if not isinstance(node, ListNode):
            return self.wrong(node, f"`{name}` is a list", "begin each entry with `- `")
        if not kind.list_of(len(node.value)).fits(len(node.value)):
            self.size(kind, node, name)
            return MISSING
        kinds = [
            self.inside(str(i), self.kind, family, child) for i, child in enumerate(node.value)
        ]
        return MISSING if None in kinds else tuple(kinds)

    def sections(self, cls: type[Section], node: Node, name: str) -> object:
        """Return a list of sections as a tuple; MISSING if it is wrong."""
        if not isinstance(node, ListNode):
            return self.wrong(node, f"`{name}` is a list", "begin each entry with `- `")
        models: list[Section | None] = []
        for i, child in enumerate(node.value):
            if isinstance(child, MapNode):
                models.append(self.inside(str(i), self.model, cls, child, name))
            else:
                self.wrong(child, f"an entry of `{name}` is a map", map_help(cls, "-", child))
                models.append(None)
        return MISSING if None in models else tuple(models)

    # -- kinds --------------------------------------------------------------------------------

    def kind(self, family: str, node: Node) -> Kind | None:
        """Return the kind that a word or a map of one key names; None if it is wrong."""
        body: Node
        if isinstance(node.value, str):
            word, mark, body = node.value, node.mark, ScalarNode(None, node.mark, node.mark)
        elif isinstance(node, MapNode) and len(node.value) == 1:
            ((word, body),) = node.value.items()
            mark = body.key_mark or node.mark
        else:
            self.no_kind(family, node)
            return None
        if family == "layer" and not self.room(mark):
            return None
        kinds = {k: v for k, v in kinds_of(family).items() if k not in HIDDEN}
        if family == "layer" and word in self.blocks:
            kind = self.inside(word, self.block, word, body, mark)
        elif word in kinds:
            kind = self.inside(word, self.body, kinds[word], body)
        else:
            self.unknown_kind(family, word, kinds, mark)
            return None
        return kind.place(".".join(self.path), mark) if kind else None

    def no_kind(self, family: str, node: Node) -> None:
        """Report a value that names no kind, as it is neither a word nor a map of one key."""
        shown, kinds = family.replace("_", " "), kinds_of(family)
        words = (word for word in kinds if word not in HIDDEN)
        first = min(words, key=lambda word: kinds[word].__module__)  # the same in any import order
        if not isinstance(node, MapNode) or not node.value:
            message = f"one {shown} is a word or a map of one key, not {quoted(node.value)}"
            self.report("wrong-type", message, node.mark, f"write `{first}` or `{first}: {{...}}`")
            return
        chosen, second = list(node.value)[:2]
        message = f"one {shown} is a map of one key, and {quoted(second)} is a second"
        lists = {"layer": "begin it with `- `", "normalization": f"write `[{chosen}, {second}]`"}
        help = lists.get(family) if second in kinds else None
        if chosen in kinds and second in fields_of(kinds[chosen]):
            help = f"write `{chosen}: {{..., {second}: ...}}`"
        self.report("wrong-type", message, node[second].start, help)

    def room(self, mark: Mark) -> bool:
        """Count a layer. Return False if it is one too many or too deep, and report the first."""
        if self.layer_count > MAX_LAYERS:
            return False
        self.layer_count += 1
        if self.layer_count > MAX_LAYERS:
            self.report("too-large", f"more than {MAX_LAYERS} layers", mark, "repeat less")
        elif len(self.path) > MAX_NESTING or len(self.calls) > MAX_CALLS:
            self.layer_count = MAX_LAYERS + 1
            self.report("too-deep", "too many layers inside each other", mark, "nest less")
        return self.layer_count <= MAX_LAYERS

    def body(self, cls: type[Kind], body: Node) -> Kind | None:
        """Return a kind from its key's value, a map of fields or one value; None if wrong."""
        if cls.kind == "repeat":
            return self.repeat(cls, body)
        opened = opened_body(cls, body)
        if not isinstance(opened, MapNode):
            named = f", or `{cls.kind}: {{...}}` with named fields" if fields_of(cls) else ""
            help = f"write `{cls.kind}`{named}"
            self.report("wrong-type", f"{cls.kind} takes no bare value", body.mark, help)
            return None
        return self.model(cls, opened, cls.kind)

    # -- repeats and blocks -------------------------------------------------------------------

    def layers(self, node: Node, names: Names) -> tuple[object, ...] | None:
        """Return the layers in `node` with `names` in scope; None if one is wrong."""
        outer, self.names = self.names, {**self.names, **names}
        layers = self.many(LAYERS, "layer", node, "layers")
        self.names = outer
        return layers if isinstance(layers, tuple) else None

    def repeat(self, cls: type[Kind], body: Node) -> Kind | None:
        """Return a repeat, whose layers are read once for each round; None if it is wrong."""
        if not isinstance(body, MapNode):
            self.wrong(body, "repeat is a map", "write `repeat: {times: 2, layers: [...]}`")
            return None
        rounds = self.model(Rounds, body, "repeat", ("layers",), ("layers",))
        if rounds is None:
            # although the repeat is wrong, check its layers once, with unknown values of its names
            names = body.get("with")
            if layers := body.get("layers"):
                unknown = names.value if isinstance(names, MapNode) else ()
                self.layers(layers, dict.fromkeys(unknown, UNKNOWN))
            return None
        if not has_rounds(self, rounds, body):
            return None
        opened = []
        for i, scope in enumerate(rounds.scopes()):
            in_round = self.inside(str(i), self.layers, body["layers"], scope)
            if in_round is None:  # the other rounds would only repeat the mistake
                return None
            opened.append(in_round)
        return cls.model_validate({"rounds": tuple(opened)})

    def block(self, word: str, body: Node, mark: Mark) -> Kind | None:
        """Return the layer that a call of the block `word` becomes; None if anything is wrong.

        The block's layers are read anew for each call, with the call's arguments.
        """
        signature, layers = self.blocks[word]
        self.opened.add(word)
        if signature is None or layers is None:  # reported where it is defined
            return None
        if word in self.calls:
            chain = " -> ".join([*self.calls[self.calls.index(word) :], word])
            help = "remove one of these calls"
            self.report("recursive-block", f"block `{word}` uses itself", mark, help, chain)
            return None
        arguments = read_arguments(self, word, signature.params, body, mark)
        named: dict[str, int | float | Unknown] = dict.fromkeys(signature.params, UNKNOWN)
        # widths print as parameters, since the block is emitted as a class with parameters
        named |= {k: Width(v, k) if isinstance(v, int) else v for k, v in (arguments or {}).items()}
        # the caller's repeat variables are not visible, so a block means the same in every call
        calls, names = self.calls, self.names
        self.calls, self.names = (*calls, word), self.vars
        opened = self.layers(layers, named)
        self.calls, self.names = calls, names
        if opened is None or arguments is None or name_problem(word):
            return None
        values = {"block": word, "doc": signature.doc, "arguments": arguments, "layers": opened}
        return kinds_of("layer")["block"].model_validate(values)

    def unused(self) -> None:
        """Report mistakes in blocks that nothing calls; values of their parameters are unknown."""
        for name, (signature, layers) in self.blocks.items():
            if name not in self.opened and signature and layers:
                self.calls = (name,)
                self.layers(layers, dict.fromkeys(signature.params, UNKNOWN))
        self.calls = ()
