"""A JSON Schema (draft 7) of specs, for editors and other programs.

The tables of fields, by which specs are resolved, become definitions: one for each section and
kind. These may have no other keys than their fields, so that an editor reports a misspelt key. A
spec that extends another one may leave out any field, and may reset a field with null. If it names
no network, it may have the fields of all systems, since the other spec decides the system. Every
spec that `ganspec check` accepts is valid by the schema, unless it calls a block of another file
that is named like a misspelt layer. The reverse is not so: shapes, names and the agreement of
values are checked by `ganspec check` alone.
"""

from __future__ import annotations

from ganspec.language.document import Document, systems
from ganspec.reference.definitions import NAMED, Definitions
from ganspec.reference.layer_names import add_layer_names
from ganspec.reference.misspelt import misspelt_pattern
from ganspec.reference.values import Schema
from ganspec.reference.words import SPEC_KEYS
from ganspec.systems.spec import BlockDefinition

DRAFT = "http://json-schema.org/draft-07/schema#"
WRITTEN = "Written by `ganspec schema`; write it again after an update of ganspec."


def schema() -> Schema:
    """Return the schema of specs, with every kind that is loaded."""
    return _Specs().whole()


class _Specs(Definitions):
    """The definitions of a schema, those of whole specs and blocks included."""

    def whole(self) -> Schema:
        """Return the schema of a spec with all definitions."""
        standard, *others = systems()
        alone = self.system((standard,), False)
        for system in reversed(others):
            # a network's misspelt name chooses its system, too: else a GAN's fields are demanded
            no_network = {"propertyNames": {"not": {"pattern": misspelt_pattern(system.networks)}}}
            alone = {"if": no_network, "then": alone, "else": self.system((system,), False)}
        extending = self.system(tuple(systems()), True)
        for system in systems():
            own = {"anyOf": [_present(name) for name in system.networks]}
            extending = {"if": own, "then": self.system((system,), True), "else": extending}
        made = {
            "$schema": DRAFT,
            "$comment": WRITTEN,
            "title": "ganspec spec",
            "type": "object",
            "if": {"required": ["extends"]},
            "then": extending,
            "else": alone,
        }
        add_layer_names(made, self.definitions)
        return {**made, "definitions": dict(sorted(self.definitions.items()))}

    def system(self, classes: tuple[type[Document], ...], extending: bool) -> Schema:
        """Return a reference to the schema of a whole spec of any of the systems `classes`."""

        def make() -> Schema:
            made = self.section(classes, extending)
            made["properties"]["blocks"] = self.blocks(extending)
            if extending:
                text = {"type": "string", "minLength": 1, "description": SPEC_KEYS["extends"]}
                made["properties"]["extends"] = text
            return made

        name = classes[0].__name__.lower() if len(classes) == 1 else "any"
        return self.reference(classes, name, extending, make)

    def blocks(self, extending: bool) -> Schema:
        """Return the schema of the section `blocks`."""
        null = ["null"] if extending else []

        def make() -> Schema:
            made = {**self.section((BlockDefinition,), extending), "type": ["object", *null]}
            if extending:  # null removes a key of the extended spec, so any key may have it
                made["additionalProperties"] = {"type": "null"}
            return made

        block = self.reference(BlockDefinition, "block", extending, make)
        return {
            "description": SPEC_KEYS["blocks"],
            "type": ["object", *null],
            "propertyNames": NAMED,
            "additionalProperties": block,
        }


def _present(key: str) -> Schema:
    """Return the schema of a map in which `key` has another value than null."""
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}
