"""Resolve the marked tree to the models: choose kinds, open blocks, collect every mistake."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from ganspec.language.annotations import (
    accepts_none,
    family,
    fields_of,
    many,
    mapping,
    options,
    section,
    sections,
    words,
)
from ganspec.language.complaints import complaints
from ganspec.language.errors import Mark, nearest, quoted, suggestion
from ganspec.language.expr import UNKNOWN, Width
from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.names import name_problem
from ganspec.language.opening import (
    HIDDEN,
    LAYERS,
    MAX_CALLS,
    MAX_LAYERS,
    Rounds,
    is_even,
    read_arguments,
)
from ganspec.language.scope import MISSING, Scope
from ganspec.language.tree import Node, ScalarNode, node_of

MAX_NESTING = 60  # names on the way to a value, repeats and blocks opened


class Partial(dict):
    """A map of which some entries are wrong, so that the others are checked all the same."""


class Resolver(Scope):
    """A scope that turns its nodes into models."""

    # -- maps ---------------------------------------------------------------------------------

    def model(
        self,
        cls: type[BaseModel],
        node: Node,
        title: str,
        elsewhere: tuple[str, ...] = (),
        required: tuple[str, ...] = (),
        **given: object,
    ) -> BaseModel | None:
        """Return `node`, a map, as an instance of `cls`; None where anything in it is wrong.

        The caller gives the fields `given`, and itself reads the keys `elsewhere`, some `required`.
        """
        fields, values, whole = fields_of(cls), dict(given), True
        read = {**node.value, **self.defaults(cls, node)}
        for key, child in read.items():
            if key in fields and key not in given:
                value = self.inside(key, self.field, fields[key].annotation, child, key)
                if value is not MISSING:
                    values[key] = value
                whole = whole and value is not MISSING and not isinstance(value, Partial)
        whole = self.known(node, [*fields, *elsewhere], title) and whole
        needed = [k for k, f in fields.items() if f.is_required() and k not in given]
        whole = self.complete(node, [*needed, *required], title) and whole
        try:
            result = cls.model_validate(values)
            return result if whole else None
        except ValidationError as error:
            for finding in complaints(error, cls, node.holding(read), title):
                self.report(
                    finding.code, finding.message, finding.mark, finding.help, *finding.notes
                )
            return None

    def defaults(self, cls: type[BaseModel], node: Node) -> dict[str, Node]:
        """Return defaults of the spec's framework that differ from torch's."""
        own = getattr(cls, "framework_defaults", {}).get(self.framework, {})
        return {k: node_of(v, node.mark) for k, v in own.items() if k not in node.value}

    # -- values -------------------------------------------------------------------------------

    def field(self, annotation: object, node: Node, name: str) -> object:
        """Return a value as its annotation asks: a kind, kinds, a section, a map, or plain data."""
        if node.value is None and accepts_none(annotation):
            return None
        if chosen := family(annotation):
            kind = self.kind(chosen, node)
            return MISSING if kind is None else kind
        if listed_family := many(annotation):
            return self.many(listed_family, node, name)
        if cls := section(annotation):
            node = cls.opened(node)
            if isinstance(node.value, dict):
                model = self.model(cls, node, name)
                return MISSING if model is None else model
            if set(options(annotation)) <= {cls, type(None)}:
                help = f"fields: {', '.join(fields_of(cls))}"
                return self.wrong(node, f"`{name}` is a map", help)
        if cls := sections(annotation):
            return self.sections(cls, node, name)
        if (pair := mapping(annotation)) and isinstance(node.value, dict):
            return self.map(*pair, node, name)
        return self.data(annotation, node, name)

    def map(self, keys: object, values: object, node: Node, name: str) -> object:
        """Return a map whose keys the spec chooses, of a closed set or freely."""
        closed = words(keys)
        whole = not closed or self.known(node, closed, name)
        found = {
            key: self.inside(key, self.field, values, child, key)
            for key, child in node.value.items()
        }
        right = {k: v for k, v in found.items() if v is not MISSING and k in (closed or found)}
        return found if whole and right == found else Partial(right)

    def many(self, family: str, node: Node, name: str) -> object:
        """Return a list of kinds, repeats and blocks opened."""
        if not isinstance(node.value, list):
            return self.wrong(node, f"`{name}` is a list", "begin each entry with `- `")
        found = [
            self.inside(str(i), self.kind, family, child) for i, child in enumerate(node.value)
        ]
        return MISSING if None in found else tuple(found)

    def sections(self, cls: type[BaseModel], node: Node, name: str) -> object:
        """Return a list of sections."""
        if not isinstance(node.value, list):
            return self.wrong(node, f"`{name}` is a list", "begin each entry with `- `")
        found = []
        for i, child in enumerate(node.value):
            if isinstance(child.value, dict):
                found.append(self.inside(str(i), self.model, cls, child, name))
            else:
                help = f"fields: {', '.join(fields_of(cls))}"
                self.wrong(child, f"an entry of `{name}` is a map", help)
                found.append(None)
        return MISSING if None in found else tuple(found)

    # -- kinds --------------------------------------------------------------------------------

    def kind(self, family: str, node: Node) -> Kind | None:
        """Return the kind that a word or a map of one key chooses, built from its fields."""
        if isinstance(node.value, str):
            word, mark, body = node.value, node.mark, ScalarNode(None, node.mark, node.mark)
        elif isinstance(node.value, dict) and len(node.value) == 1:
            ((word, body),) = node.value.items()
            mark = body.key_mark or node.mark
        else:
            return self.no_kind(family, node)
        if family == "layer" and not self.room(mark):
            return None
        kinds = {k: v for k, v in kinds_of(family).items() if k not in HIDDEN}
        if family == "layer" and word in self.blocks:
            kind = self.inside(word, self.block, word, body, mark)
        elif word in kinds:
            kind = self.inside(word, self.body, kinds[word], body)
        else:
            return self.unknown_kind(family, word, list(kinds), mark)
        return kind.place(".".join(self.path), mark) if kind else None

    def unknown_kind(self, family: str, word: str, names: list[str], mark: Mark) -> None:
        """Report a kind that does not exist, listing those that do once a family."""
        names = [*names, *self.blocks] if family == "layer" else names
        shown = family.replace("_", " ")
        help = f"use `{close}`" if (close := nearest(word, names)) else None
        if not help and family not in self.listed:
            self.listed.add(family)
            help = suggestion(word, names, f"known {plural(shown)}")
        self.report("unknown-kind", f"no {shown} is called {quoted(word)}", mark, help)

    def no_kind(self, family: str, node: Node) -> None:
        """Report what is neither a word nor a map of one key."""
        shown, kinds = family.replace("_", " "), kinds_of(family)
        words = (word for word in kinds if word not in HIDDEN)
        first = min(words, key=lambda word: kinds[word].__module__)  # imported in any order
        if not isinstance(node.value, dict) or not node.value:
            message = f"one {shown} is a word or a map of one key, not {quoted(node.value)}"
            help = f"write `{first}` or `{first}: {{...}}`"
            self.report("wrong-type", message, node.mark, help)
            return
        chosen, second = list(node.value)[:2]
        message = f"one {shown} is a map of one key, and {quoted(second)} is a second"
        help = "begin it with `- `" if second in kinds and family == "layer" else None
        if chosen in kinds and second in fields_of(kinds[chosen]):
            help = f"write `{chosen}: {{..., {second}: ...}}`"
        at = node.value[second]
        self.report("wrong-type", message, at.key_mark or at.mark, help)

    def room(self, mark: Mark) -> bool:
        """Return True if the spec may hold one more layer here; report it if not."""
        if self.layer_count > MAX_LAYERS:  # said once, at the first layer too many
            return False
        self.layer_count += 1
        if self.layer_count > MAX_LAYERS:
            self.report("too-large", f"more than {MAX_LAYERS} layers", mark, "repeat less")
        elif len(self.path) > MAX_NESTING or len(self.calls) > MAX_CALLS:
            self.layer_count = MAX_LAYERS + 1
            self.report("too-deep", "too many layers inside each other", mark, "nest less")
        return self.layer_count <= MAX_LAYERS

    def body(self, cls: type[Kind], body: Node) -> Kind | None:
        """Return a kind from the value of its key: a map of fields, or its commonest field."""
        if cls.kind == "repeat":
            return self.repeat(cls, body)
        opened = self.opened_body(cls, body)
        if not isinstance(opened.value, dict):
            help = f"write `{cls.kind}`, or `{cls.kind}: {{...}}` with named fields"
            self.report("wrong-type", f"{cls.kind} takes no bare value", body.mark, help)
            return None
        return self.model(cls, opened, cls.kind)

    def opened_body(self, cls: type[Kind], body: Node) -> Node:
        """Return the fields; the primary one may be a kind, written `{primary: {kind: ...}}`."""
        if isinstance(body.value, dict) and len(body.value) == 1 and cls.primary:
            inner = family(cls.model_fields[cls.primary].annotation)
            (word,) = body.value
            if inner and word in kinds_of(inner) and word not in fields_of(cls):
                return body.holding({cls.primary: body.as_value()})
        return cls.opened(body)

    # -- repeats and blocks -------------------------------------------------------------------

    def layers(self, node: Node, names: dict[str, object]) -> tuple | None:
        """Return the layers in `node` with `names` in scope; None where one is wrong."""
        outer, self.names = self.names, {**self.names, **names}
        layers = self.many("layer", node, "layers")
        self.names = outer
        if isinstance(layers, tuple) and not layers:
            self.report("out-of-range", "`layers` is empty", node.mark, "list at least one")
        return layers if isinstance(layers, tuple) and layers else None

    def repeat(self, cls: type[Kind], body: Node) -> Kind | None:
        """Return a repeat with its layers read once a round."""
        if not isinstance(body.value, dict):
            self.wrong(body, "repeat is a map", "write `repeat: {times: 2, layers: [...]}`")
            return None
        rounds = self.model(Rounds, body, "repeat", **LAYERS)
        if rounds is None:
            # its layers are checked all the same, once, under names of no known value
            names = body.get("with")
            names = names.value if names and isinstance(names.value, dict) else {}
            if layers := body.get("layers"):
                self.layers(layers, dict.fromkeys(names, UNKNOWN))
            return None
        if not is_even(self, rounds, body):
            return None
        found = []
        for i, names in enumerate(rounds.scopes()):
            layers = self.inside(str(i), self.layers, body.value["layers"], names)
            if layers is None:  # the other rounds would only say the same
                return None
            found.append(layers)
        return cls(rounds=tuple(found))

    def block(self, word: str, body: Node, mark: Mark) -> Kind | None:
        """Return the block that a call opens, its layers read under the call's arguments."""
        signature, layers = self.blocks[word]
        self.opened.add(word)
        if signature is None or layers is None:  # reported where it is defined
            return None
        if word in self.calls:
            chain = " -> ".join([*self.calls[self.calls.index(word) :], word])
            self.report("recursive-block", f"block `{word}` uses itself", mark, None, chain)
            return None
        arguments = read_arguments(self, word, signature.params, body, mark)
        known = arguments or dict.fromkeys(signature.params, UNKNOWN)
        # inside, an argument goes by its parameter's name: the block becomes a class of its own
        named = {k: Width(v, k) if isinstance(v, int) else v for k, v in known.items()}
        # nothing of the caller's repeats is in sight: a block means the same wherever it is called
        calls, names = self.calls, self.names
        self.calls, self.names = (*calls, word), self.vars
        opened = self.layers(layers, named)
        self.calls, self.names = calls, names
        if opened is None or arguments is None or name_problem(word):
            return None
        block = kinds_of("layer")["block"]
        return block(block=word, doc=signature.doc, arguments=arguments, layers=opened)

    def unused(self) -> None:
        """Check blocks that nothing calls, under parameters of no known value."""
        for name, (signature, layers) in self.blocks.items():
            if name not in self.opened and signature and layers:
                self.calls = (name,)
                self.layers(layers, dict.fromkeys(signature.params, UNKNOWN))
        self.calls = ()


def plural(noun: str) -> str:
    """Return the plural of a noun."""
    if noun == "criterion":
        return "criteria"
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"
