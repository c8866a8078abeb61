"""The marked tree to the models: kinds chosen, expressions evaluated, every mistake collected."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
from ganspec.language.errors import (
    Diagnostic,
    Mark,
    SpecError,
    listed,
    nearest,
    quoted,
    suggestion,
)
from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.opening import HIDDEN, MAX_CALLS, MAX_LAYERS, open_block, open_repeat
from ganspec.language.scalars import MISSING, read_data
from ganspec.language.tree import Node

MAX_ERRORS = 50
MAX_NESTING = 60  # names on the way to a value, repeats and blocks opened


class Part(dict):
    """A map of which some entries are wrong, so that the others are checked all the same."""


class Resolver:
    """Turns nodes into models under a scope of names; findings gather in `diagnostics`."""

    def __init__(self, framework: str):
        self.framework = framework
        self.scope: Mapping[str, object] = {}
        self.vars: Mapping[str, object] = {}  # the part of the scope that is in sight everywhere
        self.blocks: dict[
            str, tuple[BaseModel | None, Node | None]
        ] = {}  # by name: signature and layers
        self.diagnostics: list[Diagnostic] = []
        self.layer_count = 0
        self.calls: tuple[str, ...] = ()  # blocks being opened
        self.path: tuple[str, ...] = ()
        self.opened: set[str] = set()  # blocks that were called
        self.names_known = True  # False where `vars` itself cannot be read
        self.listed: set[str] = set()  # families whose kinds a help has listed

    def report(
        self, code: str, message: str, mark: Mark, help: str | None = None, *notes: str
    ) -> None:
        """Note one finding; raises SpecError where there are too many to read."""
        self.diagnostics.append(Diagnostic(code, message, mark, notes, help))
        if len(self.diagnostics) >= MAX_ERRORS:
            rest = Diagnostic("too-many", f"{MAX_ERRORS} mistakes or more; not all are shown")
            raise SpecError([*self.diagnostics, rest])

    def inside(self, key: str, function: Callable, *arguments: object) -> object:
        """`function(*arguments)`, with `key` added to the path of what it makes."""
        outer, self.path = self.path, (*self.path, key)
        result = function(*arguments)
        self.path = outer
        return result

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
        """`node`, a map, as an instance of `cls`; None where anything in it is wrong.

        `given` are fields that the caller knows, `elsewhere` keys that it reads itself, of
        which some are `required`.
        """
        fields, values, whole = fields_of(cls), dict(given), True
        read = {**node.value, **self.defaults(cls, node)}
        for key, child in read.items():
            if key in fields and key not in given:
                value = self.inside(key, self.field, fields[key].annotation, child, key)
                if value is not MISSING:
                    values[key] = value
                whole = whole and value is not MISSING and not isinstance(value, Part)
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
        """What the spec's framework sets otherwise than torch does, where the spec is silent."""
        own = getattr(cls, "framework_defaults", {}).get(self.framework, {})
        return {k: Node(v, node.mark) for k, v in own.items() if k not in node.value}

    def known(self, node: Node, names: list[str], title: str) -> bool:
        """Whether every key of a map is one of `names`."""
        unknown = [key for key in node.value if key not in names]
        what = "section" if title == "the spec" else "field"
        for key in unknown:
            help = suggestion(key, names, f"{what}s") if names else "it takes no fields"
            message = f"{title} has no {what} {quoted(key)}"
            self.report("unknown-field", message, node.value[key].key_mark or node.mark, help)
        return not unknown

    def complete(self, node: Node, needed: list[str], title: str) -> bool:
        """Whether a map has every key that it needs."""
        lacking = [name for name in needed if name not in node.value]
        # a misspelt key is one mistake, and was reported as such
        misspelt = [nearest(k, lacking) for k in node.value if k not in needed] if lacking else []
        missing = [name for name in lacking if name not in misspelt]
        if missing:
            message, mark = f"{title} needs {listed(missing)}", node.key_mark or node.mark
            self.report("missing-field", message, mark, f"add {listed(f'{m}:' for m in missing)}")
        return not lacking

    # -- values -------------------------------------------------------------------------------

    def field(self, annotation: object, node: Node, name: str) -> object:
        """One value as its annotation asks: a kind, kinds, a section, a map, or plain data."""
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

    def wrong(self, node: Node, wanted: str, help: str | None = None) -> object:
        """Report a value of another type than `wanted`."""
        self.report("wrong-type", f"{wanted}, not {quoted(node.value)}", node.mark, help)
        return MISSING

    def map(self, keys: object, values: object, node: Node, name: str) -> object:
        """A map whose keys the spec chooses, of a closed set or freely."""
        closed = words(keys)
        whole = not closed or self.known(node, closed, name)
        found = {
            key: self.inside(key, self.field, values, child, key)
            for key, child in node.value.items()
        }
        right = {k: v for k, v in found.items() if v is not MISSING and k in (closed or found)}
        return found if whole and right == found else Part(right)

    def many(self, family: str, node: Node, name: str) -> object:
        """A list of kinds, repeats and blocks opened."""
        if not isinstance(node.value, list):
            return self.wrong(node, f"`{name}` is a list", "begin each entry with `- `")
        found = [
            self.inside(str(i), self.kind, family, child) for i, child in enumerate(node.value)
        ]
        return MISSING if None in found else tuple(found)

    def sections(self, cls: type[BaseModel], node: Node, name: str) -> object:
        """A list of maps with fields of their own."""
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
        """The kind that a word or a map of one key chooses, built from its fields."""
        if isinstance(node.value, str):
            word, mark, body = node.value, node.mark, Node(None, node.mark, node.mark)
        elif isinstance(node.value, dict) and len(node.value) == 1:
            ((word, body),) = node.value.items()
            mark = body.key_mark or node.mark
        else:
            return self.no_kind(family, node)
        if family == "layer" and not self.room(mark):
            return None
        kinds = {k: v for k, v in kinds_of(family).items() if k not in HIDDEN}
        if family == "layer" and word in self.blocks:
            kind = self.inside(word, open_block, self, word, body, mark)
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
        first = next(kind for kind in kinds if kind not in HIDDEN)
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
        """Whether the spec may hold one layer more, here."""
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
        """A kind from what stands behind its name: a map of fields, or its commonest field."""
        if cls.kind == "repeat":
            return open_repeat(self, cls, body)
        opened = self.opened_body(cls, body)
        if not isinstance(opened.value, dict):
            help = f"write `{cls.kind}`, or `{cls.kind}: {{...}}` with named fields"
            self.report("wrong-type", f"{cls.kind} takes no bare value", body.mark, help)
            return None
        return self.model(cls, opened, cls.kind)

    def opened_body(self, cls: type[Kind], body: Node) -> Node:
        """The fields, `{primary: {kind: ...}}` included where the primary field is a kind."""
        if isinstance(body.value, dict) and len(body.value) == 1 and cls.primary:
            inner = family(cls.model_fields[cls.primary].annotation)
            (word,) = body.value
            if inner and word in kinds_of(inner) and word not in fields_of(cls):
                return body.holding({cls.primary: Node(body.value, body.mark, body.mark)})
        return cls.opened(body)

    def data(self, annotation: object, node: Node, name: str) -> object:
        """Plain data; a text where a number belongs is an expression."""
        return read_data(self, annotation, node, name)


def plural(noun: str) -> str:
    """More than one of what the noun names."""
    if noun == "criterion":
        return "criteria"
    if noun.endswith("y"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"
