"""JSON Schemas of the numbers, words, texts and lists that fields take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from ganspec.language.expr import MAX_CHARACTERS
from ganspec.language.fields import FieldType, ListType, ScalarType

Schema: TypeAlias = dict[str, Any]

# matches texts that may be an expression of a number, perhaps with a Python comment after it; only
# `ganspec check` reads names and syntax
EXPRESSION = "^[^\"'`,;:<>=!?@$&|^~{}\\\\\\[\\]#]*(#.*)?$"
BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


class Forms:
    """The forms of a value: its JSON types, and further demands on values of each type.

    `keywords` are keywords of JSON Schema that apply to one type, such as `minimum`, and proposals
    for editors. `rules` are schemas, each an `if` with a `then`, for demands that no such keyword
    expresses.
    """

    def __init__(self) -> None:
        self.types: list[str] = []
        self.keywords: Schema = {}
        self.rules: list[Schema] = []

    def admit(self, kind: str, **keywords: object) -> None:
        """Allow values of the JSON type `kind` that fulfil `keywords`."""
        if kind not in self.types:
            self.types.append(kind)
        self.keywords.update(keywords)

    def choose(self, kind: str, options: Iterable[object]) -> None:
        """Allow `options`, and no other values of the type `kind`."""
        options = list(options)
        self.admit(kind)
        self.rules.append({"if": {"type": kind}, "then": {"enum": options}})
        self.propose(options)

    def propose(self, options: Iterable[object]) -> None:
        """Let editors propose `options`, because they do not propose an `enum` under a `then`."""
        found = self.keywords.setdefault("defaultSnippets", [])
        found += [{"label": str(option), "body": option} for option in options]

    def schema(self) -> Schema:
        """Return the schema of a value in any of the forms."""
        types = self.types[0] if len(self.types) == 1 else self.types
        made: Schema = {"type": types, **self.keywords}
        if len(self.rules) == 1 and self.rules[0]["if"] == {"type": types}:
            made.pop("defaultSnippets", None)
            return made | self.rules[0]["then"]
        if len(self.rules) == 1:
            return made | self.rules[0]
        return made | ({"allOf": self.rules} if self.rules else {})


def add_scalars(forms: Forms, types: Iterable[FieldType], words: Iterable[str]) -> None:
    """Add the numbers, expressions, words and texts of `types` to `forms`, and `words` as texts."""
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
        if bounds and values:  # a value may be out of bounds, such as -1 for a size to compute
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
    """Return the bounds of all `numbers` as keywords of JSON Schema; {} if their bounds differ."""
    if len({number.limits for number in numbers}) > 1:
        return {}
    return {BOUNDS[limit.relation]: limit.bound for limit in numbers[0].limits}


def _text(texts: list[ScalarType]) -> Schema:
    """Return the keywords of a text's length and pattern; {} for texts of several types."""
    if len(texts) > 1:
        return {}
    found: Schema = {"minLength": texts[0].shortest} if texts[0].shortest else {}
    if texts[0].longest is not None:
        found["maxLength"] = texts[0].longest
    return found | ({"pattern": texts[0].pattern} if texts[0].pattern else {})


def list_keywords(lists: tuple[ListType, ...], item: Callable[[FieldType], Schema]) -> Schema:
    """Return the keywords of a list of any of the types `lists`.

    `item` makes the schema of an entry.
    """
    counts = [each.least if each.endless else len(each.items) for each in lists]
    found: Schema = {"minItems": min(counts)} if min(counts) else {}
    if not any(each.endless for each in lists):
        found["maxItems"] = max(counts)
    if len(lists) == 1:
        items = [item(each) for each in lists[0].items]
        found["items"] = items if any(each != items[0] for each in items) else items[0]
    return found
