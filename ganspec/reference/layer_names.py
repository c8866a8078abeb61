"""The names of layers in a schema, which depend on the blocks of the spec.

A spec can call its own blocks, which a schema does not know. If the spec has no blocks and extends
no file, each name is that of a known kind. Otherwise, a name that is a known one with one slip of
the keyboard is reported, unless a block of the spec has such a name itself.
"""

from __future__ import annotations

import re

from ganspec.language.document import systems
from ganspec.language.fields import FieldType, fields_of
from ganspec.language.kinds import Kind
from ganspec.language.opening import LAYERS
from ganspec.language.section import Section
from ganspec.reference.misspelt import slips
from ganspec.reference.values import Schema
from ganspec.reference.words import needs_nothing, words_of, written_fields

BLOCKED = {"anyOf": [{"required": ["blocks"]}, {"required": ["extends"]}]}


def add_layer_names(made: Schema, definitions: Schema) -> None:
    """Add rules for the names of layers to the schema `made` of a whole spec."""
    words = list(words_of("layer"))
    known = {"enum": words}
    alone = {"enum": [word for word, cls in words_of("layer").items() if needs_nothing(cls)]}
    definitions["misspelt_layer"] = {"pattern": slips(words)}
    misspelt = {"$ref": "#/definitions/misspelt_layer"}
    close = {"if": misspelt, "then": known}
    calls = {"propertyNames": {"not": misspelt}}
    own = {"required": ["blocks"], "properties": {"blocks": {"type": "object", "not": calls}}}
    exact, near = _Walk("known", known, alone), _Walk("close", close, close)
    made["allOf"] = [
        {
            "if": BLOCKED,
            "then": {"if": own, "else": near.whole(definitions)},
            "else": exact.whole(definitions),
        }
    ]


class _Walk:
    """Applies rules to the names of layers, as keys and as words, wherever layers can be."""

    def __init__(self, name: str, keys: Schema, words: Schema):
        self.name, self.keys, self.words = f"{name}_layers", keys, words
        self.made: dict[str, Schema | None] = {}  # by family
        self.inner: dict[str, Schema] = {}  # rules for kinds, by family and kind

    def whole(self, definitions: Schema) -> Schema:
        """Return a reference to the rule for a whole spec, and write its definitions."""
        self.definitions = definitions
        found: Schema = {"blocks": {"additionalProperties": _under({"layers": self.value(LAYERS)})}}
        for system in systems():
            found |= self.fields(system)
        definitions[f"{self.name}.spec"] = _under(found)
        return {"$ref": f"#/definitions/{self.name}.spec"}

    def value(self, kind: FieldType) -> Schema | None:
        """Return the rule for a value; None if it holds no layers."""
        if kind.families:
            inner = self.kinds(kind.families)
            return {"items": inner} if inner else None
        if kind.family:
            return self.kinds(kind.family)
        found = self.fields(kind.section) if kind.section else {}
        return _under(found) if found else None

    def kinds(self, family: str) -> Schema | None:
        """Return a reference to the rule for one kind; None if no kind of the family has layers."""
        name = f"{self.name}.{family}"
        reference = {"$ref": f"#/definitions/{name}"}
        if family not in self.made:
            self.made[family] = reference if family == "layer" else None  # while it is made
            members = {word: self.body(cls) for word, cls in words_of(family).items()}
            found = {word: rule for word, rule in members.items() if rule}
            named = {"propertyNames": self.keys, "if": {"type": "string"}, "then": self.words}
            if found or family == "layer":
                self.made[family] = reference
                self.inner[family] = found
                self.definitions[name] = _under(found) | (named if family == "layer" else {})
        return self.made[family]

    def body(self, cls: type[Kind]) -> Schema | None:
        """Return the rule for the value of a kind's key; None if it holds no layers."""
        rules = {name: self.value(field.type) for name, field in written_fields(cls).items()}
        found = {name: rule for name, rule in rules.items() if rule}
        if cls.primary not in found:
            return _under(found) if found else None
        primary, bare = written_fields(cls)[cls.primary].type, found[cls.primary]
        inner = self.inner.get(primary.family or "", {})  # a bare kind
        return {
            **_under({**inner, **found}),
            **({"items": bare["items"]} if "items" in bare else {}),
        }

    def fields(self, cls: type[Section]) -> Schema:
        """Return the rules for the fields of a section that hold layers, by their names."""
        rules = {name: self.value(field.type) for name, field in fields_of(cls).items()}
        return {name: rule for name, rule in rules.items() if rule}


def _under(rules: Schema) -> Schema:
    """Return rules for the values of some keys, which editors do not propose for them again."""
    return {"patternProperties": {f"^{re.escape(key)}$": rule for key, rule in rules.items()}}
