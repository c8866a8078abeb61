"""Rules of a schema for the names of layers, which depend on the blocks of the spec.

A spec may define blocks and name them among its layers, and a schema cannot list these names. If a
spec has no blocks and extends no file, each layer's name must be that of a known kind. Otherwise,
only a name that is one typing slip away from a known kind, such as `cnov`, is an error. If the name
of one of the spec's blocks is so close to a kind's, no name is an error.
"""

from __future__ import annotations

import re

from ganspec.language.document import systems
from ganspec.language.fields import FieldType
from ganspec.language.kinds import Kind
from ganspec.language.opening import LAYERS
from ganspec.language.section import Section
from ganspec.reference.misspelt import misspelt_pattern
from ganspec.reference.values import Schema
from ganspec.reference.words import needs_nothing, words_of, written_fields

# matches a spec that may have blocks, its own or those of the spec that it extends
BLOCKED = {"anyOf": [{"required": ["blocks"]}, {"required": ["extends"]}]}


def add_layer_names(made: Schema, definitions: Schema) -> None:
    """Add rules for the names of layers to the schema `made` of a whole spec."""
    words = words_of("layer")
    known = {"enum": list(words)}
    alone = {"enum": [word for word, cls in words.items() if needs_nothing(cls)]}
    definitions["misspelt_layer"] = {"pattern": misspelt_pattern(words)}
    misspelt = {"$ref": "#/definitions/misspelt_layer"}
    close = {"if": misspelt, "then": known}
    calls = {"propertyNames": {"not": misspelt}}
    own = {"required": ["blocks"], "properties": {"blocks": {"type": "object", "not": calls}}}
    exact, near = _LayerRules("known", known, alone), _LayerRules("close", close, close)
    made["allOf"] = [
        {
            "if": BLOCKED,
            "then": {"if": own, "else": near.whole(definitions)},
            "else": exact.whole(definitions),
        }
    ]


class _LayerRules:
    """Rules for every place of a spec where layers can be.

    A layer is a map, whose key must match the schema `keys`, or its name alone, which must match
    the schema `words`. The names of the rules' definitions begin with `name`. Methods return None
    for places that hold no layers.
    """

    def __init__(self, name: str, keys: Schema, words: Schema):
        self.name, self.keys, self.words = f"{name}_layers", keys, words
        self.made: dict[str, Schema | None] = {}  # references by family
        self.inner: dict[str, Schema] = {}  # rules for the values of kinds, by family and kind

    def whole(self, definitions: Schema) -> Schema:
        """Return a reference to the rule for a whole spec; write the rules into `definitions`."""
        self.definitions = definitions
        found: Schema = {"blocks": {"additionalProperties": _under({"layers": self.value(LAYERS)})}}
        for system in systems():
            found |= self.fields(system)
        definitions[f"{self.name}.spec"] = _under(found)
        return {"$ref": f"#/definitions/{self.name}.spec"}

    def value(self, kind: FieldType) -> Schema | None:
        """Return the rule for a value of the type `kind`; None if it can hold no layers."""
        if kind.families:
            inner = self.kinds(kind.families)
            return {"items": inner} if inner else None
        if kind.family:
            return self.kinds(kind.family)
        found = self.fields(kind.section) if kind.section else {}
        return _under(found) if found else None

    def kinds(self, family: str) -> Schema | None:
        """Return a reference to the rule for any kind of a family; None if none holds layers."""
        name = f"{self.name}.{family}"
        reference = {"$ref": f"#/definitions/{name}"}
        if family not in self.made:
            self.made[family] = reference if family == "layer" else None  # layers may hold layers
            members = {word: self.body(cls) for word, cls in words_of(family).items()}
            found = {word: rule for word, rule in members.items() if rule}
            named = {"propertyNames": self.keys, "if": {"type": "string"}, "then": self.words}
            if found or family == "layer":
                self.made[family] = reference
                self.inner[family] = found
                self.definitions[name] = _under(found) | (named if family == "layer" else {})
        return self.made[family]

    def body(self, cls: type[Kind]) -> Schema | None:
        """Return the rule for the value under a kind's key; None if it can hold no layers."""
        found = self.fields(cls)
        if cls.primary not in found:
            return _under(found) if found else None
        primary, bare = written_fields(cls)[cls.primary].type, found[cls.primary]
        inner = self.inner.get(primary.family or "", {})  # the value may be a kind of this family
        return {
            **_under({**inner, **found}),
            **({"items": bare["items"]} if "items" in bare else {}),
        }

    def fields(self, cls: type[Section]) -> Schema:
        """Return the rules for the fields of a section or kind that hold layers, by their names."""
        rules = {name: self.value(field.type) for name, field in written_fields(cls).items()}
        return {name: rule for name, rule in rules.items() if rule}


def _under(rules: Schema) -> Schema:
    """Return the schema that applies `rules` to the values of a map by key.

    It has no `properties`, so that editors do not propose the keys a second time.
    """
    return {"patternProperties": {f"^{re.escape(key)}$": rule for key, rule in rules.items()}}
