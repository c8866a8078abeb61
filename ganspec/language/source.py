"""YAML text to a tree of marked nodes: every key and value knows its file, line and column.

The tree is built from PyYAML's composer, which keeps marks, with YAML 1.2's scalars: `1e-4` is
a number, `no` and `on` are words. `extends` is resolved here, so that a value that came from
a base file still points at that file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from ganspec.language.errors import Diagnostic, Mark, SpecError, Text, suggestion

MAX_BYTES = 1_000_000
MAX_NODES = 20_000  # what a spec may hold once its aliases are followed
MAX_DEPTH = 60
MAX_EXTENDS = 16

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Node:
    """A value with its place; `value` is a dict or list of nodes, or a scalar."""

    value: dict[str, Node] | list[Node] | str | int | float | bool | None
    mark: Mark
    key_mark: Mark | None = None

    def __getitem__(self, key: str | int) -> Node:
        return self.value[key]

    def get(self, key: str) -> Node | None:
        """The value under `key` of a map, else None."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def find(self, path: Path_) -> Node:
        """The node at `path`, or the deepest one on the way to it."""
        node = self
        for part in path:
            try:
                node = node.value[part]
            except (KeyError, IndexError, TypeError):
                return node
        return node

    def plain(self) -> object:
        """Plain data without marks."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


class _Loader(yaml.SafeLoader):
    """PyYAML's reader with the scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict = {}


for _tag, _pattern, _first in [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
        list("-+0123456789."),
    ),
    ("merge", r"<<", ["<"]),
]:
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first
    )

SCALARS: dict[str, Callable[[str], object]] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": float,
    "str": str,
}


def fail(code: str, message: str, mark: Mark | None, help: str | None = None, *notes: str):
    """Raise a SpecError of one diagnostic."""
    raise SpecError([Diagnostic(code, message, mark, notes, help)])


def parse(text: str, name: str = "<text>") -> Node:
    """The marked tree of one YAML text; raises SpecError where it is no YAML map."""
    source = Text(name, tuple(text.splitlines()))
    start = Mark(source, 1, 1, 2)
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise _syntax(source, error) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, max(error.position, 0)) + 1
        shown = f"#x{error.character:04x}" if isinstance(error.character, int) else "?"
        fail(
            "yaml",
            f"character {shown} is not allowed in YAML",
            Mark(source, line, 1, 2),
        )
    except RecursionError:
        fail("too-deep", f"nested deeper than {MAX_DEPTH} levels", start)
    if root is None:
        fail(
            "empty",
            "the file is empty",
            start,
            "start from `ganspec new my.yaml --from dcgan`",
        )
    tree = _Converter(source).convert(root)
    if not isinstance(tree.value, dict):
        fail(
            "wrong-type",
            "a spec is a map of keys",
            tree.mark,
            "begin with `name: my_gan`",
        )
    return tree


def _syntax(source: Text, error: yaml.MarkedYAMLError) -> SpecError:
    at = error.problem_mark or error.context_mark
    mark = Mark(source, at.line + 1, at.column + 1, at.column + 2) if at else None
    problem = (error.problem or str(error)).splitlines()[0]
    line = source.lines[at.line] if at and at.line < len(source.lines) else ""
    if "'\\t'" in problem or line[: at.column + 1 if at else 0].strip(" ").startswith("\t"):
        problem, help = "a tab cannot indent YAML", "use spaces"
        column = line.index("\t") + 1 if "\t" in line else mark.column
        mark = Mark(source, mark.line, column, column + 1)
    elif "mapping values are not allowed" in problem:
        help = "put a space after the colon, quote a text that holds `: `, or mend the indentation"
    else:
        help = "mend the YAML here or on the line above" if at else None
    notes = ()
    if error.context and error.context_mark and error.context_mark is not at:
        notes = (f"{error.context}, line {error.context_mark.line + 1}",)
    return SpecError([Diagnostic("yaml", problem, mark, notes, help)])


class _Converter:
    """Composed YAML nodes to marked nodes, bounded in size and depth."""

    def __init__(self, source: Text):
        self.source, self.count, self.open = source, 0, set()

    def mark(self, node: yaml.Node) -> Mark:
        start, end = node.start_mark, node.end_mark
        column = start.column + 1
        if end.line == start.line:
            return Mark(self.source, start.line + 1, column, max(end.column + 1, column + 1))
        line = self.source.lines[start.line].split(" #")[0].rstrip()
        return Mark(self.source, start.line + 1, column, max(len(line) + 1, column + 1))

    def convert(self, node: yaml.Node, key: Mark | None = None) -> Node:
        mark = self.mark(node)
        self.count += 1
        if self.count > MAX_NODES:
            fail(
                "too-large",
                f"the spec holds more than {MAX_NODES} values",
                mark,
                "say what repeats with `repeat` or `blocks` in place of anchors",
            )
        if id(node) in self.open:
            fail("recursive-alias", "an alias stands inside its own anchor", mark)
        if len(self.open) >= MAX_DEPTH:
            fail("too-deep", f"nested deeper than {MAX_DEPTH} levels", mark)
        self.open.add(id(node))
        value = self.value(node, mark)
        self.open.discard(id(node))
        return Node(value, mark, key)

    def value(self, node: yaml.Node, mark: Mark) -> object:
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.convert(child) for child in node.value]
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if kind not in SCALARS:
            fail(
                "yaml-tag",
                f"the tag `{node.tag}` has no meaning in a spec",
                mark,
                "remove it",
            )
        if kind in ("int", "float") and len(node.value) > 40:
            fail("out-of-range", f"a number of {len(node.value)} digits", mark)
        try:
            return SCALARS[kind](node.value)
        except ValueError:
            fail("wrong-type", f"`{node.value[:40]}` is not a number", mark)

    def mapping(self, node: yaml.MappingNode) -> dict[str, Node]:
        result: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            mark = self.mark(key)
            if key.tag == "tag:yaml.org,2002:merge":
                for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    merged = {**self.merge(part), **merged}
                continue
            if not isinstance(key, yaml.ScalarNode):
                fail("yaml", "a key is one word", mark)
            if key.value in result:
                first = result[key.value].key_mark.line
                fail(
                    "duplicate-key",
                    f"`{key.value}` is given twice",
                    mark,
                    "keep one of the two",
                    f"first given at line {first}",
                )
            result[key.value] = self.convert(value, mark)
        return {**{k: v for k, v in merged.items() if k not in result}, **result}

    def merge(self, part: yaml.Node) -> dict[str, Node]:
        node = self.convert(part)
        if not isinstance(node.value, dict):
            fail("wrong-type", "`<<` merges maps", node.mark)
        return node.value


def read(path: str | Path, is_kind: Callable[[Path_], bool]) -> Node:
    """The tree of the spec file at `path` with its `extends` merged in.

    `is_kind(path)` tells where one of several kinds is chosen by a map's single key: there a
    different kind replaces the inherited one, in place of being merged with it.
    """
    return _extended(Path(path), is_kind, ())


def _extended(path: Path, is_kind: Callable[[Path_], bool], seen: tuple[Path, ...]) -> Node:
    tree = parse(_text(path), str(path))
    base = tree.get("extends")
    if base is None:
        return tree
    seen = (*seen, path.resolve())
    if not isinstance(base.value, str) or not base.value.strip():
        fail(
            "wrong-type",
            "`extends` names one spec file",
            base.mark,
            "write `extends: dcgan.yaml`",
        )
    target = path.parent / base.value
    if target.resolve() in seen:
        chain = " -> ".join(p.name for p in (*seen, target))
        fail("circular-extends", "a spec cannot extend itself", base.mark, None, chain)
    if len(seen) >= MAX_EXTENDS:
        fail("too-deep", f"more than {MAX_EXTENDS} files extend each other", base.mark)
    if not target.is_file():
        near = [p.name for p in target.parent.glob("*.yaml") if p != path]
        help = suggestion(target.name, near, "specs beside this one") if near else None
        fail("missing-file", f"`{base.value}` does not exist", base.mark, help)
    inherited = _extended(target, is_kind, seen)
    values = {k: v for k, v in tree.value.items() if k != "extends"}
    return merge(inherited, Node(values, tree.mark), is_kind)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            fail("too-large", f"{path} is larger than {MAX_BYTES} bytes", None)
        return path.read_text("utf-8")
    except FileNotFoundError:
        near = [p.name for p in path.parent.glob("*.yaml")] if path.parent.is_dir() else []
        help = suggestion(path.name, near, "specs there") if near else None
        fail("missing-file", f"{path} does not exist", None, help)
    except UnicodeDecodeError as error:
        fail(
            "encoding",
            f"{path} is not UTF-8 at byte {error.start}",
            None,
            "save it as UTF-8",
        )
    except OSError as error:
        fail("unreadable", f"{path} cannot be read: {error.strerror}", None)


def merge(base: Node, over: Node, is_kind: Callable[[Path_], bool], path: Path_ = ()) -> Node:
    """`over` laid on `base`: maps merge, everything else replaces, null removes."""
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    if is_kind(path) and list(base.value) != list(over.value):
        return over
    merged = dict(base.value)
    for key, node in over.value.items():
        if node.value is None and key in merged:
            del merged[key]
        elif key in merged:
            merged[key] = merge(merged[key], node, is_kind, (*path, key))
        else:
            merged[key] = node
    return Node(merged, over.mark, over.key_mark)


def override(tree: Node, settings: list[str], is_kind: Callable[[Path_], bool]) -> Node:
    """`tree` with every `path.to.key=value` laid over it, values read as YAML."""
    for setting in settings:
        dotted, equals, value = setting.partition("=")
        name = f"--set {setting}"
        whole = Mark(Text(name, (setting,)), 1, 1, len(setting) + 1)
        parts = dotted.strip().split(".")
        if not equals or not all(parts):
            fail(
                "bad-setting",
                f"`{setting}` sets nothing",
                whole,
                "write `--set train.batch=64`",
            )
        keyed = Mark(whole.text, 1, 1, len(dotted) + 1)
        node = _remarked(parse(f"value: {value}", name).value["value"], whole, len(dotted) + 1)
        tree = _laid(tree, parts, node, keyed, is_kind, ())
    return tree


def _remarked(node: Node, whole: Mark, shift: int) -> Node:
    mark = Mark(whole.text, 1, shift + 1, whole.end)
    if isinstance(node.value, dict):
        return Node({k: _remarked(v, whole, shift) for k, v in node.value.items()}, mark, mark)
    if isinstance(node.value, list):
        return Node([_remarked(v, whole, shift) for v in node.value], mark, mark)
    return Node(node.value, mark, mark)


def _laid(tree: Node, parts: list[str], value: Node, keyed: Mark, is_kind, path: Path_) -> Node:
    head, rest = parts[0], parts[1:]
    if isinstance(tree.value, list):
        if not head.isdigit() or int(head) >= len(tree.value):
            fail(
                "bad-setting",
                f"`{head}` is no index of a list of {len(tree.value)}",
                keyed,
            )
        items = list(tree.value)
        old = items[int(head)]
        items[int(head)] = (
            _laid(old, rest, value, keyed, is_kind, (*path, int(head))) if rest else value
        )
        return Node(items, tree.mark, tree.key_mark)
    values = dict(tree.value) if isinstance(tree.value, dict) else {}
    old = values.get(head, Node({}, keyed, keyed))
    new = _laid(old, rest, value, keyed, is_kind, (*path, head)) if rest else value
    if isinstance(old.value, dict) and not rest:
        new = merge(old, new, is_kind, (*path, head))
    values[head] = Node(new.value, new.mark, keyed)
    if new.value is None:
        del values[head]
    return Node(values, tree.mark, tree.key_mark)


def walk(node: Node, path: Path_ = ()) -> Iterator[tuple[Path_, Node]]:
    """Every node below and including `node`, with its path."""
    yield path, node
    items: object = ()
    if isinstance(node.value, dict):
        items = node.value.items()
    elif isinstance(node.value, list):
        items = enumerate(node.value)
    for key, child in items:
        yield from walk(child, (*path, key))
