"""Schemas of numbers, words, texts and lists, as fields take them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from ganspec.language.expr import MAX_CHARACTERS
from ganspec.language.fields import FieldType, ListType, ScalarType

Schema: TypeAlias = dict[str, Any]

# An expression may end in a comment of Python. Names and syntax are for `check`.
EXPRESSION = "^[^\"'`,;:<>=!?@$&|^~{}\\\\\\[\\]#]*(#.*)?$"
BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


class Forms:
    """The forms of a value, as keywords of JSON Schema, of which each applies to one type.

    A rule that has no keyword of its own is an `if` of the type with a `then`.
    """

    def __init__(self) -> None:
        self.types: list[str] = []
        self.keywords: Schema = {}
        self.rules: list[Schema] = []

    def admit(self, kind: str, **keywords: object) -> None:
        """Admit values of one type, under the conditions of `keywords`."""
        if kind not in self.types:
            self.types.append(kind)
        self.keywords.update(keywords)

    def choose(self, kind: str, options: Iterable[object]) -> None:
        """Admit only `options` among the values of one type."""
        options = list(options)
        self.admit(kind)
        self.rules.append({"if": {"type": kind}, "then": {"enum": options}})
        self.propose(options)

    def propose(self, options: Iterable[object]) -> None:
        """Let editors propose values that no `enum` on its own lists."""
        found = self.keywords.setdefault("defaultSnippets", [])
        found += [{"label": str(option), "body": option} for option in options]

    def schema(self) -> Schema:
        """Return the schema of all forms."""
        types = self.types[0] if len(self.types) == 1 else self.types
        made: Schema = {"type": types, **self.keywords}
        if len(self.rules) == 1 and self.rules[0]["if"] == {"type": types}:
            made.pop("defaultSnippets", None)
            return made | self.rules[0]["then"]
        if len(self.rules) == 1:
            return made | self.rules[0]
        return made | ({"allOf": self.rules} if self.rules else {})


def add_scalars(forms: Forms, types: Iterable[FieldType], words: Iterable[str] = ()) -> None:
    """Add numbers, expressions, words and texts. `words` are texts besides the fields' own."""
    types = list(types)
    words = [*words, *(word for kind in types for word in kind.words)]
    scalars = [scalar for kind in types for scalar in kind.scalars]
    values = [v for kind in types for v in kind.literals if not isinstance(v, str)]
    numbers = [scalar for scalar in scalars if scalar.python in (int, float)]
    texts = [scalar for scalar in scalars if scalar.python is str]
    if any(scalar.python is bool for scalar in scalars):
        forms.admit("boolean")
    if numbers:
        kind = "number" if float in {scalar.python for scalar in numbers} else "integer"
        bounds = _bounds(numbers)
        if bounds and values:  # words of their own, such as -1 for a size to be found
            forms.admit(kind)
            unlike = {"type": kind, "not": {"enum": values}}
            forms.rules.append({"if": unlike, "then": bounds})
        else:
            forms.admit(kind, **bounds)
    elif values:
        forms.choose("number", values)
    if texts:
        forms.admit("string", **_text(texts))
    elif numbers or values:
        forms.admit("string", pattern=EXPRESSION, maxLength=MAX_CHARACTERS)
        if words:
            forms.propose(words)
    elif words:
        forms.choose("string", dict.fromkeys(words))


def _bounds(numbers: list[ScalarType]) -> Schema:
    """Return the bounds of one number; none if there are several that differ."""
    if len({number.limits for number in numbers}) > 1:
        return {}
    return {BOUNDS[limit.relation]: limit.bound for limit in numbers[0].limits}


def _text(texts: list[ScalarType]) -> Schema:
    if len(texts) > 1:
        return {}
    found: Schema = {"minLength": texts[0].shortest} if texts[0].shortest else {}
    if texts[0].longest is not None:
        found["maxLength"] = texts[0].longest
    return found | ({"pattern": texts[0].pattern} if texts[0].pattern else {})


def list_keywords(lists: tuple[ListType, ...], item: Callable[[FieldType], Schema]) -> Schema:
    """Return the keywords of a list; `item` returns the schema of an entry."""
    counts = [each.least if each.endless else len(each.items) for each in lists]
    found: Schema = {"minItems": min(counts)} if min(counts) else {}
    if not any(each.endless for each in lists):
        found["maxItems"] = max(counts)
    if len(lists) == 1:
        items = list(_distinct(map(item, lists[0].items)))
        found["items"] = items[0] if len(items) == 1 else list(map(item, lists[0].items))
    return found


def _distinct(schemas: Iterable[Schema]) -> Iterator[Schema]:
    seen: list[Schema] = []
    for schema in schemas:
        if schema not in seen:
            seen.append(schema)
            yield schema
