"""The marked tree to the models: kinds chosen, expressions evaluated, every mistake collected."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ValidationError

from ganspec.language.errors import Diagnostic, Mark, nearest, suggestion
from ganspec.language.expr import ExpressionError, Width, evaluate
from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.source import Node

MAX_LAYERS = 2000  # of one spec, repeats and blocks opened
YAML_1_1_WORDS = {
    "yes": "true",
    "on": "true",
    "y": "true",
    "no": "false",
    "off": "false",
    "n": "false",
}
MISSING = object()


class Resolver:
    """Turns nodes into models under a scope of names; findings gather in `diagnostics`."""

    def __init__(self, scope: Mapping[str, int | float], framework: str, blocks: dict[str, Node]):
        self.scope, self.framework, self.blocks = dict(scope), framework, blocks
        self.diagnostics: list[Diagnostic] = []
        self.layer_count = 0
        self.calls: tuple[str, ...] = ()  # blocks being opened
        self.path: tuple[str, ...] = ()
        self.opened: set[str] = set()  # blocks that were called

    def report(
        self, code: str, message: str, mark: Mark, help: str | None = None, *notes: str
    ) -> None:
        self.diagnostics.append(Diagnostic(code, message, mark, notes, help))

    # -- maps ---------------------------------------------------------------------------------

    def model(
        self, cls: type[BaseModel], node: Node, title: str, **given: object
    ) -> BaseModel | None:
        """`node`, a map, as an instance of `cls`; None where anything in it is wrong."""
        before = len(self.diagnostics)
        fields = {f.alias or name: f for name, f in cls.model_fields.items()}
        values = dict(given)
        for key, child in node.value.items():
            if key not in fields or key == "tree":
                known = [name for name in fields if name not in given]
                help = suggestion(key, known, "fields") if known else f"write `{title}` alone"
                self.report(
                    "unknown-field",
                    f"{title} has no field `{key}`",
                    child.key_mark,
                    help,
                )
            elif key not in given:
                value = self.inside(key, self.field, fields[key].annotation, child, key)
                if value is not MISSING:
                    values[key] = value
        for key, default in self.defaults(cls).items():
            if key not in node.value:
                values[key] = self.field(fields[key].annotation, Node(default, node.mark), key)
        for key, field in fields.items():
            if field.is_required() and key not in node.value and key not in given:
                mark = node.key_mark or node.mark
                self.report("missing-field", f"{title} needs `{key}`", mark, f"add `{key}:`")
        if len(self.diagnostics) > before:
            return None
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            self.invalid(error, node, title, fields)
            return None

    def inside(self, key: str, function, *arguments: object) -> object:
        """`function(*arguments)`, with `key` added to the path of what it makes."""
        self.path = (*self.path, key)
        result = function(*arguments)
        self.path = self.path[:-1]
        return result

    def defaults(self, cls: type[BaseModel]) -> dict[str, object]:
        """What the spec's framework sets otherwise than torch does."""
        return getattr(cls, "framework_defaults", {}).get(self.framework, {})

    def invalid(self, error: ValidationError, node: Node, title: str, fields: dict) -> None:
        seen = set()
        for item in error.errors(include_url=False):
            key = item["loc"][0] if item["loc"] else None
            if key in seen:
                continue
            # of a union's complaints, one about the bounds is about the type that was meant
            same = [e for e in error.errors() if e["loc"][:1] == (key,)]
            item = next((e for e in same if e["type"].startswith(("greater", "less"))), item)
            seen.add(key)
            child = node.value.get(key) if key is not None else None
            at = node.find(
                tuple(part for part in item["loc"] if part == key or isinstance(part, int))
            )
            mark = at.mark if child else (node.key_mark or node.mark)
            annotation = fields[key].annotation if key in fields else None
            code, message, help = _explain(item, key, title, annotation)
            self.report(code, message, mark, help)

    # -- values -------------------------------------------------------------------------------

    def field(self, annotation: object, node: Node, name: str) -> object:
        """One value as its annotation asks: a kind, kinds, a section, or plain data."""
        if node.value is None and _accepts_none(annotation):
            return None
        if family := _family(annotation):
            return self.kind(family, node) or MISSING
        if many := _many(annotation):
            return self.many(many, node, name)
        if section := _section(annotation):
            if isinstance(node.value, dict):
                return self.section(section, node, name)
            if _plain_only(section, annotation):
                self.report("wrong-type", f"`{name}` is a map, not {_shown(node)}", node.mark)
                return MISSING
        return self.data(annotation, node, name)

    def section(self, cls: type[BaseModel], node: Node, name: str) -> object:
        if cls.__name__ == "Optimizers" and not set(node.value) & set(cls.model_fields):
            both = Node(dict.fromkeys(cls.model_fields, node), node.mark, node.key_mark)
            return self.model(cls, both, name) or MISSING
        return self.model(cls, node, name) or MISSING

    def many(self, family: str, node: Node, name: str) -> object:
        """A list of kinds, repeats and blocks opened."""
        if not isinstance(node.value, list):
            self.report(
                "wrong-type",
                f"`{name}` is a list, not {_shown(node)}",
                node.mark,
                "begin each entry with `- `",
            )
            return MISSING
        if not node.value and name == "layers":
            self.report(
                "out-of-range",
                f"`{name}` is empty",
                node.mark,
                "list at least one layer",
            )
        found = [
            self.inside(str(i), self.kind, family, child) for i, child in enumerate(node.value)
        ]
        return MISSING if None in found else tuple(found)

    def kind(self, family: str, node: Node) -> Kind | None:
        """The kind that a word or a map of one key chooses, built from its fields."""
        kinds = kinds_of(family)
        shown = family.replace("_", " ")
        if isinstance(node.value, str):
            word, mark, body = node.value, node.mark, Node({}, node.mark, node.mark)
        elif isinstance(node.value, dict) and len(node.value) == 1:
            ((word, body),) = node.value.items()
            mark = body.key_mark
        else:
            message = f"one {shown} is a word or a map of one key, not {_shown(node)}"
            help = f"write `{next(iter(kinds))}` or `{next(iter(kinds))}: {{...}}`"
            if isinstance(node.value, dict) and node.value:
                help = "begin each with `- `, or put the second key inside the first"
                node = node.value[list(node.value)[1]]
            self.report("wrong-type", message, node.key_mark or node.mark, help)
            return None
        if family == "layer":
            self.layer_count += 1
            if self.layer_count > MAX_LAYERS:
                if self.layer_count == MAX_LAYERS + 1:
                    self.report(
                        "too-large",
                        f"more than {MAX_LAYERS} layers",
                        mark,
                        "repeat less",
                    )
                return None
            if word in self.blocks:
                return self.placed(self.inside(word, self.block, word, body, mark), mark)
        if word not in kinds:
            options = [*kinds, *self.blocks] if family == "layer" else kinds
            help = suggestion(word, options, f"{shown}s")
            self.report("unknown-kind", f"no {shown} is called `{word}`", mark, help)
            return None
        return self.placed(self.inside(word, self.fields, kinds[word], body), mark)

    def placed(self, kind: Kind | None, mark: Mark) -> Kind | None:
        return kind.place(".".join(self.path), mark) if kind else None

    def fields(self, cls: type[Kind], body: Node) -> Kind | None:
        """A kind from what stands behind its name: a map of fields, or its commonest field."""
        if cls.kind == "repeat":
            return self.repeat(cls, body)
        own = {f.alias or name for name, f in cls.model_fields.items()}
        value = body.value
        is_map = isinstance(value, dict) and not (
            len(value) == 1 and cls.primary and not set(value) & own and _is_kind(cls, value)
        )
        if value is None:
            body = Node({}, body.mark, body.key_mark)
        elif not is_map:
            if cls.primary is None:
                help = f"write `{cls.kind}`, or `{cls.kind}: {{...}}` with named fields"
                self.report("wrong-type", f"{cls.kind} takes no bare value", body.mark, help)
                return None
            inner = Node(body.value, body.mark, body.mark)
            body = Node({cls.primary: inner}, body.mark, body.key_mark)
        return self.model(cls, body, cls.kind)

    def repeat(self, cls: type[Kind], body: Node) -> Kind | None:
        """`repeat`: its layers once for every value of the names under `with`."""
        if isinstance(body.value, dict):
            body = Node(dict(body.value), body.mark, body.key_mark)
        else:
            self.report(
                "wrong-type",
                f"repeat is a map, not {_shown(body)}",
                body.mark,
                "write `repeat: {times: 2, layers: [...]}`",
            )
            return None
        for key in body.value:
            if key not in ("with", "times", "layers"):
                help = suggestion(key, ["with", "times", "layers"], "fields")
                mark = body.value[key].key_mark
                self.report("unknown-field", f"repeat has no field `{key}`", mark, help)
                return None
        if "layers" not in body.value or not {"with", "times"} & set(body.value):
            lacks = "layers" if "layers" not in body.value else "times"
            self.report(
                "missing-field",
                f"repeat needs `{lacks}`",
                body.key_mark or body.mark,
                "write `repeat: {with: {c: [4 * ch, 2 * ch]}, layers: [...]}`",
            )
            return None
        rounds = self.rounds(body)
        if rounds is None:
            return None
        outer, found = self.scope, []
        for i, names in enumerate(rounds):
            self.scope = {**outer, **names}
            before = len(self.diagnostics)
            found.append(self.inside(str(i), self.many, "layer", body.value["layers"], "layers"))
            if len(self.diagnostics) > before:
                break
        self.scope = outer
        return None if MISSING in found else cls(rounds=tuple(found))

    def rounds(self, body: Node) -> list[dict] | None:
        """The names of each round of a repeat."""
        count, names = None, {}
        if times := body.get("times"):
            count = self.data(int, times, "times")
            if count is MISSING:
                return None
            if not isinstance(count, int) or not 0 < count <= MAX_LAYERS:
                message = f"`times` is a whole number from 1 to {MAX_LAYERS}, not {_shown(times)}"
                self.report("out-of-range", message, times.mark)
                return None
        for name, values in (body.get("with") or Node({}, body.mark)).value.items():
            if not isinstance(values.value, list) or not values.value:
                message = f"`{name}` is a list of values, not {_shown(values)}"
                self.report("wrong-type", message, values.mark, f"write `{name}: [64, 128]`")
                return None
            found = [self.data(int | float, value, name) for value in values.value]
            if MISSING in found:
                return None
            if count is not None and len(found) != count:
                message = f"`{name}` has {len(found)} values for {count} rounds"
                self.report("wrong-type", message, values.mark, "give every name as many values")
                return None
            count, names[name] = len(found), found
        return [{name: values[i] for name, values in names.items()} for i in range(count)]

    # -- blocks -------------------------------------------------------------------------------

    def block(self, word: str, body: Node, mark: Mark) -> Kind | None:
        """A call of a block: its arguments, and its layers with those arguments for names."""
        definition = self.blocks[word]
        self.opened.add(word)
        if word in self.calls:
            chain = " -> ".join([*self.calls, word])
            self.report("recursive-block", f"block `{word}` uses itself", mark, None, chain)
            return None
        params = (
            [p.value for p in definition.get("params").value] if definition.get("params") else []
        )
        arguments = self.arguments(word, params, body, mark)
        if arguments is None:
            return None
        outer, calls = self.scope, self.calls
        named = {k: Width(v, k) if isinstance(v, int) else v for k, v in arguments.items()}
        self.scope, self.calls = {**outer, **named}, (*calls, word)
        layers = self.many("layer", definition["layers"], "layers")
        self.scope, self.calls = outer, calls
        if layers is MISSING:
            return None
        doc = definition.get("doc")
        cls = kinds_of("layer")["block"]
        return cls(
            block=word,
            doc=str(doc.value) if doc else "",
            arguments=arguments,
            layers=layers,
        )

    def arguments(self, word: str, params: list[str], body: Node, mark: Mark) -> dict | None:
        given = body.value if isinstance(body.value, dict) else {}
        if not isinstance(body.value, dict):
            values = body.value if isinstance(body.value, list) else [body]
            values = [] if body.value is None else values
            if len(values) > len(params):
                message = f"block `{word}` takes {len(params)} values, got {len(values)}"
                self.report("unknown-field", message, body.mark)
                return None
            given = dict(zip(params, values, strict=False))
        for name in given:
            if name not in params:
                help = suggestion(name, params, "parameters") if params else "it takes none"
                where = given[name].key_mark or given[name].mark
                self.report(
                    "unknown-field",
                    f"block `{word}` has no parameter `{name}`",
                    where,
                    help,
                )
                return None
        for name in params:
            if name not in given:
                self.report(
                    "missing-field",
                    f"block `{word}` needs `{name}`",
                    mark,
                    f"add `{name}:`",
                )
                return None
        found = {name: self.data(int | float, given[name], name) for name in params}
        return None if MISSING in found.values() else found

    # -- plain data ---------------------------------------------------------------------------

    def data(self, annotation: object, node: Node, name: str) -> object:
        """Plain data; a text where a number belongs is an expression."""
        if isinstance(node.value, list):
            found = [self.data(annotation, child, name) for child in node.value]
            return MISSING if MISSING in found else tuple(found)
        if isinstance(node.value, dict):
            found = {key: self.data(annotation, child, key) for key, child in node.value.items()}
            return MISSING if MISSING in found.values() else found
        allowed = set(_leaves(annotation))
        words = _words(annotation)
        if not isinstance(node.value, str) or node.value in words or str in allowed:
            whole = isinstance(node.value, int) and not isinstance(node.value, bool)
            return (
                float(node.value)
                if whole and float in allowed and int not in allowed
                else node.value
            )
        if bool in allowed and node.value.lower() in YAML_1_1_WORDS:
            message = f"`{node.value}` is a word here, not true or false"
            self.report(
                "wrong-type",
                message,
                node.mark,
                f"write `{YAML_1_1_WORDS[node.value.lower()]}`",
            )
            return MISSING
        if int not in allowed and float not in allowed:
            return node.value
        return self.number(node, name, words, float in allowed and int not in allowed)

    def number(self, node: Node, name: str, words: list[str], real: bool) -> object:
        try:
            value = evaluate(node.value, self.scope)
            return float(value) if real else value
        except ExpressionError as error:
            if words and node.value.isidentifier():
                help = suggestion(node.value, words, "values")
                self.report(
                    "unknown-value",
                    f"`{name}` cannot be `{node.value}`",
                    node.mark,
                    help,
                )
            else:
                mark = node.mark.within(error.start, error.end)
                self.report(error.code, error.message, mark, error.help)
            return MISSING


# -- what annotations say -------------------------------------------------------------------------


def _options(annotation: object) -> Iterable[object]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for option in typing.get_args(annotation):
            yield from _options(option)
    elif typing.get_origin(annotation) is typing.Annotated:
        yield from _options(typing.get_args(annotation)[0])
    else:
        yield annotation


def _leaves(annotation: object) -> Iterable[object]:
    for option in _options(annotation):
        if typing.get_origin(option) in (tuple, dict, list):
            arguments = typing.get_args(option)
            for argument in arguments[1:] if typing.get_origin(option) is dict else arguments:
                yield from _leaves(argument)
        elif typing.get_origin(option) is typing.Literal:
            yield from {
                type(value) for value in typing.get_args(option) if not isinstance(value, str)
            }
        else:
            yield option


def _words(annotation: object) -> list[str]:
    literals = [o for o in _options(annotation) if typing.get_origin(o) is typing.Literal]
    return [word for o in literals for word in typing.get_args(o) if isinstance(word, str)]


def _accepts_none(annotation: object) -> bool:
    return type(None) in _options(annotation)


def _family(annotation: object) -> str | None:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, Kind):
            return option.family
    return None


def _many(annotation: object) -> str | None:
    for option in _options(annotation):
        if typing.get_origin(option) is tuple and (family := _family(typing.get_args(option)[0])):
            return family
    return None


def _section(annotation: object) -> type[BaseModel] | None:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _plain_only(section: type[BaseModel], annotation: object) -> bool:
    return all(o in (section, type(None)) for o in _options(annotation))


def _is_kind(cls: type[Kind], value: dict) -> bool:
    family = _family(cls.model_fields[cls.primary].annotation)
    return bool(family) and set(value) <= set(kinds_of(family))


def is_kind_path(root: type[BaseModel], path: tuple[str | int, ...]) -> bool:
    """Whether `path` of a spec holds a kind, which another kind replaces whole."""
    cls: type[BaseModel] | None = root
    for i, part in enumerate(path):
        field = cls.model_fields.get(part) if cls and isinstance(part, str) else None
        if field is None:
            return False
        if i == len(path) - 1:
            optimizers = getattr(_section(field.annotation), "__name__", "") == "Optimizers"
            return bool(_family(field.annotation)) or optimizers
        cls = _section(field.annotation)
    return False


# -- what pydantic says, in the language's words ------------------------------------------------------


def _shown(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a map"
    if isinstance(node.value, list):
        return "a list"
    return "nothing" if node.value is None else f"`{node.value}`"


def _named(value: object) -> str:
    if isinstance(value, (dict, list, tuple)):
        return "a map" if isinstance(value, dict) else "a list"
    return (
        "nothing"
        if value is None
        else f"`{value}`".lower()
        if isinstance(value, bool)
        else f"`{value}`"
    )


def _describe(annotation: object) -> str:
    """What a field takes, in words."""
    names = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "a text",
    }
    found = []
    for option in _options(annotation):
        if option in names:
            found.append(names[option])
        elif typing.get_origin(option) is typing.Literal:
            found += [f"`{value}`" for value in typing.get_args(option)]
        elif typing.get_origin(option) is tuple:
            parts = [_describe(a) for a in typing.get_args(option) if a is not Ellipsis]
            same = len(set(parts)) == 1 and Ellipsis not in typing.get_args(option)
            numbers = "numbers" if "number" in parts[0] else "values"
            found.append(f"a list of {len(parts)} {numbers}" if same else "a list")
        elif typing.get_origin(option) is dict:
            found.append("a map")
    found = list(dict.fromkeys(found)) or ["something else"]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}"


def _explain(
    item: dict, key: str | int | None, title: str, annotation: object
) -> tuple[str, str, str | None]:
    """Code, message and help for one of pydantic's errors."""
    got = _named(item.get("input"))
    kind, context = item["type"], item.get("ctx", {})
    bounds = {
        "greater_than": "more than {gt}",
        "greater_than_equal": "at least {ge}",
        "less_than": "less than {lt}",
        "less_than_equal": "at most {le}",
    }
    if kind in bounds:
        bound = bounds[kind].format(**context)
        return "out-of-range", f"`{key}` must be {bound}, got {got}", None
    if kind == "finite_number":
        return "out-of-range", f"`{key}` must be finite, got {got}", None
    if kind == "value_error":
        return "bad-value", str(context["error"]), None
    words = _words(annotation)
    if kind == "literal_error" and isinstance(item.get("input"), str) and words:
        close = nearest(item["input"], words)
        help = f"use `{close}`" if close else f"values: {', '.join(words)}"
        return "unknown-value", f"`{key}` cannot be {got}", help
    if kind == "too_short":
        return "out-of-range", f"`{key}` of {title} is empty", None
    return "wrong-type", f"`{key}` is {_describe(annotation)}, not {got}", None
