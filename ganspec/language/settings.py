"""Apply settings to a spec's tree, such as `train.batch=64` or `generator.layers.0.conv.out=32`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from ganspec.language.errors import Diagnostic, Mark, SpecError, Text, fail, quoted, suggestion
from ganspec.language.merging import ShapeAt, is_key, merge
from ganspec.language.source import parse
from ganspec.language.tree import KeyPath, ListNode, MapNode, Node, ScalarNode, node_of
from ganspec.language.unread import seen_in

OPTION = "--set"
ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufffe\uffff]")  # YAML refuses or changes these
# help for a setting of the wrong form, by the option or method that it was given to
HELP = {OPTION: "write `--set train.batch=64`", "with_values": 'write `"train.batch", 64`'}


def override(tree: MapNode, settings: Sequence[str], shape: ShapeAt, name: str = OPTION) -> MapNode:
    """Return `tree` with each setting `path.to.key=value` applied; null removes a key.

    Values are YAML. Raises SpecError, whose marks point into the setting. The marks have `name`, a
    key of HELP, in place of a file's name.
    """
    for setting in settings:
        if not isinstance(setting, str):
            fail("bad-setting", f"a setting is a text, not {quoted(setting)}", None, HELP[name])
        changed = _Setting(setting, shape, name).apply(tree, 0, ())
        assert isinstance(changed, MapNode)  # a path has at least one key
        tree = changed
    return tree


def setting_text(path: object, value: object) -> str:
    """Return the setting `path=value` for a Python value.

    Raises SpecError if `path` is not a text or holds `=`, or if a spec cannot have the value.
    """
    mark = Mark(Text("with_values", (str(path),)), 1, 1, len(str(path)) + 1)
    if not isinstance(path, str) or "=" in path:
        fail("bad-setting", f"{quoted(path)} is not a path of keys", mark, HELP["with_values"])

    def refuse(unfit: object) -> NoReturn:
        message = f"a value of the type `{type(unfit).__name__}` does not fit into a spec"
        fail("bad-setting", message, mark, "write numbers, texts, True, False, None, lists, dicts")

    def plain(other: Any) -> object:
        """Return a range, or numbers of NumPy that are exactly Python's, as lists and numbers."""
        if isinstance(other, range):
            return list(other)
        dtype = getattr(other, "dtype", None)
        is_exact = getattr(dtype, "kind", "") in ("b", "i", "u") or str(dtype) == "float64"
        return other.tolist() if is_exact else refuse(other)

    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=plain)
    except (TypeError, ValueError, RecursionError) as error:  # as of a list that contains itself
        is_finite = "JSON compliant" not in str(error)
    else:  # JSON is YAML
        return f"{path}=" + ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    if not is_finite:
        fail("bad-setting", "a number of a spec is finite", mark, "leave out NaN, infinity")
    refuse(value)


class _Setting:
    """One setting, such as `train.batch=64`.

    The marks of its keys and its value are places in the setting's own text.
    """

    def __init__(self, setting: str, shape: ShapeAt, name: str):
        self.shape = shape
        self.text = Text(name, (setting,))
        dotted, equals, value = setting.partition("=")
        self.parts, self.marks, column = dotted.split("."), [], 1
        for part in self.parts:
            self.marks.append(Mark(self.text, 1, column, column + max(len(part), 1)))
            column += len(part) + 1
        whole = Mark(self.text, 1, 1, len(setting) + 1)
        if not equals or not value.strip():
            fail("bad-setting", f"{quoted(setting)} gives no value", whole, HELP[name])
        if not all(part.strip() == part != "" for part in self.parts):
            fail("bad-setting", f"{quoted(dotted)} is not a path of keys", whole, HELP[name])
        self.value = self.read(value, len(dotted) + 1)

    def read(self, value: str, shift: int) -> Node:
        """Return `value`, read as YAML, with marks that point into the setting.

        `shift` is the offset of `value` in the setting.
        """
        prefix = "value: "
        try:
            return self.moved(parse(prefix + value)["value"], shift - len(prefix))
        except SpecError as error:
            found = error.diagnostics[0]
            mark = self.shifted(found.mark, shift - len(prefix)) if found.mark else self.marks[0]
            moved = Diagnostic(found.code, found.message, mark, help=found.help)
            raise SpecError([moved]) from None

    def moved(self, node: Node, shift: int) -> Node:
        """Return a node that `read` parsed, with all its marks pointing into the setting."""
        value: object = node.value
        if isinstance(node, MapNode):
            value = {key: self.moved(child, shift) for key, child in node.value.items()}
        elif isinstance(node, ListNode):
            value = [self.moved(child, shift) for child in node.value]
        key = self.shifted(node.key_mark, shift) if node.key_mark else None
        return node_of(value, self.shifted(node.mark, shift), key)

    def shifted(self, mark: Mark, shift: int) -> Mark:
        """Return the mark in the setting for `mark` in the text that `read` parsed."""
        if mark.line > 1:  # in a value of several lines, mark the whole setting
            return Mark(self.text, 1, 1, len(self.text.lines[0]) + 1)
        return Mark(self.text, 1, max(mark.column + shift, 1), max(mark.end + shift, 2))

    def apply(self, tree: Node, depth: int, path: KeyPath) -> Node:
        """Return `tree`, the node at `path` of a spec, changed by the setting.

        The first `depth` parts of the setting's path lead to `tree`; the others lie below it.
        """
        if depth == len(self.parts):
            return merge(tree, self.value, self.shape, path)
        part, mark = self.parts[depth], self.marks[depth]
        if isinstance(tree, ListNode):
            return self.apply_to_entry(tree, depth, path)
        if seen_in(tree):  # a setting inside an unknown part replaces the part
            tree = tree.holding(None)
        shape = self.shape(path)
        if opened := getattr(shape, "opened", None):
            tree = opened(tree)
            full = opened(MapNode({part: ScalarNode(None, mark)}, mark))
            # a key of the short form is set in every field of the full form
            if isinstance(full, MapNode) and part not in full.value and isinstance(tree, MapNode):
                changed = {k: self.apply(tree[k], depth, (*path, k)) for k in full.value}
                return tree.holding({**tree.value, **changed})
        # a kind that the spec has as a word becomes a map, in which fields can be set
        if isinstance(tree.value, str) and isinstance(shape, str):
            tree = tree.holding({tree.value: ScalarNode(None, tree.mark, tree.mark)})
        if tree.value is not None and not isinstance(tree, MapNode):
            above = ".".join(self.parts[:depth])
            message = f"{quoted(above)} is {quoted(tree.value)}, which has no key {quoted(part)}"
            fail("bad-setting", message, mark, f"set {quoted(above)} itself")
        values = dict(tree.value) if isinstance(tree, MapNode) else {}
        if path == ("vars",) and values and part not in values:  # no expression reads a new name
            help = suggestion(part, values, "names")
            fail("unknown-name", f"{quoted(part)} is no name of `vars`", mark, help)
        child = values.get(part, ScalarNode(None, mark, mark))
        child = self.apply(child, depth + 1, (*path, part))
        if isinstance(shape, str) and list(values) != [part]:  # the setting chooses another kind
            values = {}
        known = part in values or is_key(path, part)
        values[part] = node_of(child.value, child.mark, mark)
        if child.value is None and not isinstance(shape, str) and known:
            del values[part]
        return MapNode(values, tree.mark, tree.key_mark)

    def apply_to_entry(self, tree: ListNode, depth: int, path: KeyPath) -> Node:
        """Return a list in which the entry that the setting names at `depth` is changed."""
        part, count = self.parts[depth], len(tree.value)
        if not (part.isascii() and part.isdigit() and len(part) < 6 and int(part) < count):
            message = f"{quoted(part)} is no entry of a list of {count}"
            help = f"entries count from 0 to {count - 1}" if count else None
            fail("bad-setting", message, self.marks[depth], help)
        items = list(tree.value)
        items[int(part)] = self.apply(items[int(part)], depth + 1, (*path, int(part)))
        return tree.holding(items)
