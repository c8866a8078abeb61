"""JSON Schemas of sections and kinds, made from their tables of fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ganspec.kinds.layer import Weighted
from ganspec.language.document import systems
from ganspec.language.fields import Field, FieldType, fields_of
from ganspec.language.kinds import Kind
from ganspec.language.section import Section
from ganspec.language.tree import MapNode, node_of
from ganspec.language.unread import GUESS, UNREAD
from ganspec.reference.values import Forms, Schema, add_scalars, list_keywords
from ganspec.reference.words import (
    MARK,
    NAME,
    cleaned,
    facts,
    field_text,
    kind_text,
    needs_nothing,
    short_family,
    words_of,
    written_fields,
)

NAMED: Schema = {"pattern": f"{NAME.scalars[0].pattern}|^<<$"}  # `<<` is YAML's merge key
SEEN: Schema = {"type": ["string", "null"], "description": "what was seen of an unknown part"}
PROBES = {"number": 1, "string": "word", "boolean": True, "array": []}  # samples by JSON type


class Definitions:
    """The definitions of a schema, by name. A method that returns a reference adds its definition.

    In all methods, `extending` is True for a value in a spec that extends another one: the value
    is merged with the other spec's, so that required fields may be left out. `null` is True if the
    value may be null.
    """

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}
        self.names: dict[object, str] = {}

    def reference(
        self, thing: object, name: str, extending: bool, make: Callable[[], Schema]
    ) -> Schema:
        """Return a reference to the definition of `thing`, which `make` returns if it is new.

        The definition is called `name`, or `name.extending`, with `_` after it if another thing's
        definition is called so.
        """
        key = (thing, extending)
        if key not in self.names:
            name += ".extending" if extending else ""
            while name in self.names.values():
                name += "_"
            self.names[key] = name  # before `make`, since a definition may refer to itself
            self.definitions[name] = make()
        return {"$ref": f"#/definitions/{self.names[key]}"}

    # -- sections and kinds -------------------------------------------------------------------

    def section(self, classes: tuple[type[Section], ...], extending: bool) -> Schema:
        """Return the schema of a map that is a section of one of `classes`."""
        fields: dict[str, dict[FieldType, tuple[type[Section], Field]]] = {}
        for cls in classes:
            for name, field in fields_of(cls).items():
                fields.setdefault(name, {}).setdefault(field.type, (cls, field))
        schema: Schema = {"description": cleaned(classes[0])} if len(classes) == 1 else {}
        properties = {name: self.field(list(f.values()), extending) for name, f in fields.items()}
        schema |= {"type": "object", "properties": properties, "additionalProperties": False}
        required = [n for n, f in fields.items() if all(each.required for _, each in f.values())]
        return schema | ({"required": required} if required and not extending else {})

    def field(self, owners: list[tuple[type[Section], Field]], extending: bool) -> Schema:
        """Return the schema of a field, with its description.

        `owners` has the classes that have a field of this name, each with its field; the fields
        differ in type.
        """
        schema = self.value(tuple(field.type for _, field in owners), extending)
        cls, field = owners[0]
        schema = {**schema, **({"description": field.description} if field.description else {})}
        if len(owners) == 1:
            schema["markdownDescription"] = field_text(cls, field)
            if isinstance(field.default, (bool, int, float, str)) and field.default != "":
                schema["default"] = field.default
        return schema

    def part(self, classes: tuple[type[Section], ...], extending: bool, null: bool) -> Schema:
        """Return a reference to the schema of a section of any of `classes` as a field's value.

        Besides the section's map, its short forms and `{unknown: ...}` are valid.
        """

        def make() -> Schema:
            schema = self.section(classes, extending)
            forms, families = self.short_forms(classes, extending)
            forms.types[:0] = ["object", *(["null"] if null else [])]
            schema = {**schema, **forms.schema()}
            _admit_unknown(schema)
            required = schema.pop("required", [])
            for family in families:
                schema["properties"] |= self.kinds(family, extending)
            if families:  # a map that names a kind has no required field; any other map has all
                schema["dependencies"] = dict.fromkeys(required, required)
                schema |= {} if extending else {"minProperties": 1}
            elif required:
                schema["allOf"] = [*schema.get("allOf", []), _unless_unknown(required)]
            return schema

        name = ".".join(cls.__name__ for cls in classes)
        return self.reference((classes, null), name, extending, make)

    def short_forms(
        self, classes: tuple[type[Section], ...], extending: bool
    ) -> tuple[Forms, list[str]]:
        """Return the forms of a section besides its map, and the families whose kinds stand for it.

        A class's `opened` is tried on each of PROBES. If the value is a short form of a field,
        `opened` returns a map with that field.
        """
        forms, families = Forms(), []
        for cls in classes:
            for json_type, value in PROBES.items():
                if isinstance(opened := cls.opened(node_of(value, MARK)), MapNode):
                    field = fields_of(cls)[next(iter(opened.value))].type
                    self.add_forms(forms, (field,), extending, {json_type})
            if family := short_family(cls):
                families.append(family)
        return forms, families

    def kinds(self, family: str, extending: bool) -> dict[str, Schema]:
        """Return the schema of each kind of a family under its name."""
        return {word: self.body(cls, extending) for word, cls in words_of(family).items()}

    def kind(self, family: str, extending: bool, null: bool) -> Schema:
        """Return a reference to the schema of a value that is any one kind of a family."""

        def make() -> Schema:
            forms = Forms()
            self.add_forms(forms, (FieldType(null=null, family=family),), extending)
            return self.chosen(forms, (family,), extending)

        name = f"{family}.null" if null else family
        return self.reference((family, null), name, extending, make)

    def chosen(self, forms: Forms, families: Iterable[str], extending: bool) -> Schema:
        """Return the schema of a kind of any of `families`.

        The kind is a map whose one key is its name, or a value of one of the other `forms`.
        """
        forms.types.insert(0, "object")
        schema: Schema = {**forms.schema(), "minProperties": 1, "maxProperties": 1}
        schema["properties"] = {k: v for f in families for k, v in self.kinds(f, extending).items()}
        if "layer" in families:  # blocks of the spec are layers, too; see `layer_names`
            schema["propertyNames"] = NAMED
        else:
            schema["additionalProperties"] = False
            _admit_unknown(schema)
        return schema

    def body(self, cls: type[Kind], extending: bool) -> Schema:
        """Return a reference to the schema of the value under a kind's key."""
        name = f"{cls.family}.{cls.kind}"
        return self.reference(cls, name, extending, lambda: self._body(cls, extending))

    def _body(self, cls: type[Kind], extending: bool) -> Schema:
        fields = written_fields(cls)
        required = [n for n, field in fields.items() if field.required and not extending]
        forms = Forms()
        if not required:
            forms.admit("null")
        inner: dict[str, Schema] = {}
        if cls.primary:
            primary = fields[cls.primary].type
            self.add_forms(forms, (primary,), extending)
            inner = self.kinds(primary.family, extending) if primary.family else {}
        forms.types.insert(0, "object")
        schema = {"description": cleaned(cls), **forms.schema()}
        if facts(cls):
            schema["markdownDescription"] = kind_text(cls)
        own = {name: self.kind_field(cls, field, extending) for name, field in fields.items()}
        schema |= {"properties": {**inner, **own}, "additionalProperties": False}
        return schema | ({"required": required} if required and not inner else {})

    def kind_field(self, cls: type[Kind], field: Field, extending: bool) -> Schema:
        """Return the schema of a kind's field, or a reference if it is a field of `Weighted`."""
        if field not in fields_of(Weighted).values():
            return self.field([(cls, field)], extending)
        name = f"layers.{field.name}"
        return self.reference(name, name, extending, lambda: self.field([(cls, field)], extending))

    # -- values -------------------------------------------------------------------------------

    def value(
        self, types: tuple[FieldType, ...], extending: bool, reads_unknown: bool = True
    ) -> Schema:
        """Return the schema of a value of any of `types`.

        Without `reads_unknown`, `{unknown: ...}` is not valid in place of a scalar or a list.
        """
        null = extending or any(form.null for form in types)
        sections = tuple(dict.fromkeys(form.section for form in types if form.section))
        families = tuple(dict.fromkeys(form.family for form in types if form.family))
        other = any(f.map or f.scalars or f.literals or f.lists for f in types)
        if sections and not (families or other):
            return self.part(sections, extending, null)
        if len(families) == 1 and not (sections or other):
            return self.kind(families[0], extending, null)
        forms = Forms()
        self.add_forms(forms, types, extending)
        if null:
            forms.admit("null")
        if families:
            return self.chosen(forms, families, extending)
        maps = [form.map for form in types if form.map]
        if not (sections or maps) and not reads_unknown:
            return forms.schema()
        forms.types.insert(0, "object")
        schema = forms.schema()
        if sections:
            schema |= {k: v for k, v in self.section(sections, True).items() if k != "type"}
        elif maps:
            schema |= self.map(maps[0].keys, maps[0].values, extending)
        elif all(form.is_plain for form in types):
            schema["propertyNames"] = {"enum": [UNREAD, GUESS]}
        else:
            schema["propertyNames"] = {"const": UNREAD}
        if sections or maps:
            _admit_unknown(schema)
        return schema

    def add_forms(
        self,
        forms: Forms,
        types: tuple[FieldType, ...],
        extending: bool,
        only: set[str] | None = None,
    ) -> None:
        """Add to `forms` the forms of `types`, except maps.

        `only`, if not None, limits them to these JSON types; `number` includes `integer`.
        """
        added, words = Forms(), []
        for family in (form.family for form in types if form.family):
            if family == "layer":  # any name may be a block's
                added.admit("string", **NAMED)
                continue
            # a kind's name alone is enough if it has no required fields, or if the extended spec
            # may have set them
            options = words_of(family).items()
            words += [w for w, cls in options if extending or needs_nothing(cls)]
        add_scalars(added, types, words)
        for form in types:
            if form.null:
                added.admit("null")
            if form.lists:
                added.admit("array", **list_keywords(form.lists, self.entry))
        if only is not None:
            added.types = [t for t in added.types if t.replace("integer", "number") in only]
        forms.types += [t for t in added.types if t not in forms.types]
        forms.keywords |= added.keywords
        forms.rules += [rule for rule in added.rules if rule not in forms.rules]

    def entry(self, form: FieldType) -> Schema:
        """Return the schema of a list's entry, which must have all required fields.

        A list replaces that of the extended spec, so its entries are merged with nothing.
        """
        return self.value((form,), False, reads_unknown=False)

    def map(self, keys: FieldType, values: FieldType, extending: bool) -> Schema:
        """Return the keywords of a map whose keys are names, or words that `keys` lists."""
        value = self.value((values,), extending, reads_unknown=False)
        networks = [key for system in systems() for key in system.networks]
        if words := networks if keys.family == "network" else keys.words:
            return {"properties": dict.fromkeys(words, value), "additionalProperties": False}
        named = {"propertyNames": NAMED} if keys == NAME else {}
        return {**named, "properties": {}, "additionalProperties": value}


def _admit_unknown(schema: Schema) -> None:
    """Add `{unknown: ...}`, which stands for a part that was not read, to the schema of a map."""
    own = schema["properties"].setdefault(UNREAD, SEEN)
    if own is not SEEN:  # the section has a field of this name, as a network has
        types = own["type"] if isinstance(own["type"], list) else [own["type"]]
        own["type"] = list(dict.fromkeys([*types, *SEEN["type"]]))


def _unless_unknown(required: list[str]) -> Schema:
    """Return the rule that a map has the keys `required`, unless it has the key `unknown`."""
    return {"if": {"not": {"required": [UNREAD]}}, "then": {"required": required}}
