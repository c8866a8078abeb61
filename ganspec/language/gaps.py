"""Reading of fields that are `unknown`: a stand-in takes the place of the value."""

from __future__ import annotations

from collections.abc import Callable

from ganspec.language.fields import Field, FieldType
from ganspec.language.scope import MISSING, Scope
from ganspec.language.section import Section
from ganspec.language.tree import Node
from ganspec.language.unread import GUESS, Unread, seen_in, stand_in


def read_unknown(
    scope: Scope, field: Field, node: Node, read: Callable[[FieldType, Node, str], object]
) -> object:
    """Add a field that is `unknown` to the gaps of `scope`. Return a valid value in its place.

    That is the guess in `node`, which `read` reads, else the field's default, else a section, kind
    or list of layers from `stand_in`. If none of these is valid, or if there is a guess for a field
    that takes none, report a mistake and return MISSING.
    """
    scope.gaps.append(Unread(".".join(scope.path), seen_in(node) or "", node.start))
    guess = node.get(GUESS)
    if guess and (field.type.is_plain or guess.value is None):
        return read(field.type, guess, field.name)
    if guess:
        message = f"an unknown `{field.name}` takes no `{GUESS}`"
        scope.report("unknown-field", message, guess.key_mark or guess.mark, "remove it")
        return MISSING
    if not field.required:
        return field.default
    if isinstance(value := stand_in(field.type, seen_in(node) or ""), (Section, tuple)):
        return value
    help = "make the map around it unknown; in place of a layer, write `unknown: {seen: ...}`"
    if field.type.is_plain:
        help = f"add a value that fits, which ganspec needs but never shows: `{GUESS}: ...`"
    scope.report("bad-value", f"`{field.name}` cannot be unknown alone", node.start, help)
    return MISSING
