"""Read YAML text as a tree of marked nodes: each key and value has its file, line and column.

PyYAML's composer builds the tree, with YAML 1.2's scalars: `1e-4` is a number, `no` and `on` are
words. `extends` is merged here, so that an inherited value keeps its place in its own file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import yaml

from ganspec.language.errors import Mark, Text, fail, listed, nearest, printable, quoted
from ganspec.language.merging import ShapeAt, merge
from ganspec.language.syntax import LINE_END, character_error, syntax_error
from ganspec.language.tree import MapNode, Node, node_of
from ganspec.streams import DASH, STDIN, read_stdin

MAX_CHARACTERS = 200_000  # in a spec's file
LARGEST = 4 * MAX_CHARACTERS + 1  # most bytes to read, since a device such as /dev/zero has no end
MAX_NODES = 20_000  # keys and values in a spec, with every alias counted as a copy
MAX_DEPTH = 60  # maps and lists inside each other
MAX_DIGITS = 1000  # characters of a number
MAX_EXTENDS = 16  # files in a chain of `extends`
SHORTER = "say what repeats with `repeat` or `blocks`"  # help for a spec that is too large
OWN = ("report",)  # not inherited: what a publication says of one system is not true of another
Content = Callable[[Path, Mark | None], str]


class _UnboundedError(Exception):
    """Raised for YAML that is nested deeper than MAX_DEPTH or has more than MAX_NODES nodes."""

    def __init__(self, code: str, at: yaml.Mark):
        super().__init__(code)
        self.code, self.at = code, at


class Loader(yaml.SafeLoader):
    """PyYAML's reader with decimal numbers and words as in YAML 1.2, bounded in depth and size."""

    yaml_implicit_resolvers: dict = {}
    depth = count = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth, self.count = self.depth + 1, self.count + 1
        if self.depth > MAX_DEPTH or self.count > MAX_NODES:
            code = "too-deep" if self.depth > MAX_DEPTH else "too-large"
            raise _UnboundedError(code, self.peek_event().start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def scan_flow_scalar_non_spaces(self, double: bool, start_mark: yaml.Mark) -> list[str]:
        start = self.get_mark()
        try:
            chunks = super().scan_flow_scalar_non_spaces(double, start_mark)
        except (ValueError, OverflowError):  # PyYAML raises them for `\U00110000`
            chunks, start = ["\ud800"], self.get_mark()
        if re.search("[\ud800-\udfff]", "".join(chunks)):
            raise yaml.scanner.ScannerError(None, None, "no character has this escape", start)
        return chunks


for _tag, _pattern, _first in [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+0123456789."),
    ),
    ("merge", r"<<", ["<"]),
]:
    Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first
    )

SCALARS: dict[str, Callable[[str], object]] = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": lambda text: float(re.sub(r"\.(?=[a-z])", "", text.lower())),  # .inf and .nan, too
    "str": str,
}


# -- texts ------------------------------------------------------------------------------------


def parse(text: str, name: str = "<text>") -> MapNode:
    """Return the tree of `text`, the YAML of the file `name`. Raises SpecError for a mistake."""
    text = text.removeprefix("\ufeff")
    source = Text(name, tuple(re.split(LINE_END, text)))
    start = Mark(source, 1, 1, 2)
    if len(text) > MAX_CHARACTERS:
        fail("too-large", f"the spec has more than {MAX_CHARACTERS:,} characters", None, SHORTER)
    try:
        root = yaml.compose(text, Loader=Loader)
    except _UnboundedError as error:
        line, column = error.at.line + 1, error.at.column + 1
        _refuse_size(Mark(source, line, column, column + 1), error.code)
    except yaml.MarkedYAMLError as error:
        raise syntax_error(source, error) from None
    except yaml.reader.ReaderError as error:
        raise character_error(source, text, error) from None
    if root is None:
        message = "the file holds only comments" if text.strip() else "the file is empty"
        fail("empty", message, start, "start from `ganspec new my.yaml --from dcgan`")
    tree = _Converter(source).convert(root)
    if not isinstance(tree, MapNode):
        message = f"a spec is a map of keys, not {quoted(tree.value)}"
        fail("wrong-type", message, tree.mark, "begin with `name: my_gan`")
    first = next(iter(tree.value.values()), tree)
    return MapNode(tree.value, first.key_mark or start)


def _refuse_size(mark: Mark, code: str) -> NoReturn:
    if code == "too-deep":
        fail(code, f"nested deeper than {MAX_DEPTH} levels", mark, "nest less")
    fail(code, f"the spec holds more than {MAX_NODES:,} keys and values", mark, SHORTER)


class _Converter:
    """Converts PyYAML's nodes to marked nodes. Each alias is converted to a copy, and counted."""

    def __init__(self, source: Text):
        self.source, self.count = source, 0
        self.open: set[int] = set()

    def mark(self, node: yaml.Node) -> Mark:
        """Return the mark of a node; of its first line, if the node has several."""
        start, end = node.start_mark, node.end_mark
        column = start.column + 1
        if end.line == start.line:
            return Mark(self.source, start.line + 1, column, max(end.column + 1, column + 1))
        line = self.source.lines[start.line]
        line = re.sub(r"(^|\s)#.*", "", line[start.column :]).rstrip()
        return Mark(self.source, start.line + 1, column, column + max(len(line), 1))

    def convert(self, node: yaml.Node, key: Mark | None = None) -> Node:
        """Return the marked node of a PyYAML node. `key` is the mark of its key, if it has one."""
        mark = self.mark(node)
        self.count += 1
        if self.count > MAX_NODES:
            _refuse_size(mark, "too-large")
        if id(node) in self.open:
            fail("recursive-alias", "an anchor that holds itself", mark, "remove its alias inside")
        if len(self.open) >= MAX_DEPTH:
            _refuse_size(mark, "too-deep")
        self.open.add(id(node))
        value = self.value(node, mark)
        self.open.discard(id(node))
        return node_of(value, mark, key)

    def value(self, node: yaml.Node, mark: Mark) -> object:
        """Return a PyYAML node's value: a dict or list of marked nodes, or a scalar."""
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        if kind not in SCALARS and kind not in ("map", "seq", "merge"):
            fail("yaml", f"the tag {quoted(tag)} means nothing in a spec", mark, "remove it")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.convert(child) for child in node.value]
        if kind in ("int", "float") and len(node.value) > MAX_DIGITS:
            fail("out-of-range", f"a number of {len(node.value)} characters", mark, "shorten it")
        try:
            return SCALARS.get(kind, str)(node.value)
        except ValueError:
            fail("wrong-type", f"{quoted(node.value)} is not a number", mark, f"remove `{tag}`")

    def mapping(self, node: yaml.MappingNode) -> dict[str, Node]:
        """Return the entries of a map, and those that `<<` adds for keys that the map lacks."""
        result: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            mark = self.mark(key)
            if key.tag == "tag:yaml.org,2002:merge":
                for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    merged = {**self.merged(part), **merged}
                continue
            if not isinstance(key, yaml.ScalarNode):
                noun = "map" if isinstance(key, yaml.MappingNode) else "list"
                fail("yaml", f"a key is one word, not a {noun}", mark)
            if key.value in result:
                first = result[key.value].start.line
                message = f"{quoted(key.value)} is given twice"
                note = f"first given at line {first}"
                fail("duplicate-key", message, mark, "keep one of the two", note)
            result[key.value] = self.convert(value, mark)
        return {**{k: v for k, v in merged.items() if k not in result}, **result}

    def merged(self, part: yaml.Node) -> dict[str, Node]:
        node = self.convert(part)
        if not isinstance(node, MapNode):
            fail("wrong-type", f"`<<` merges maps, not {quoted(node.value)}", node.mark)
        return node.value


# -- files ------------------------------------------------------------------------------------


def read(path: str | Path, shape: ShapeAt, content: Content | None = None) -> MapNode:
    """Return the tree of the spec file at `path`, merged into the file that it extends, if any.

    The path `-` is standard input, which extends files as a file in the current folder does. A
    `report` is not inherited. `shape(path)` returns the `Shape` at a key path, for `merge`.
    `content(path, at)` returns a file's text; `at` is the mark of the `extends` that names the
    file, None for the first file. By default, files are read from the disk. Raises SpecError.
    """
    return _extended(Path(path), shape, content or file_text, (), None)


def _extended(
    path: Path, shape: ShapeAt, content: Content, seen: tuple[Path, ...], at: Mark | None
) -> MapNode:
    tree = parse(content(path, at), name_of(path, at))
    base = tree.get("extends")
    if base is None:
        return tree
    own = MapNode({k: v for k, v in tree.value.items() if k != "extends"}, tree.mark)
    if not isinstance(base.value, str) or not base.value:
        message = f"`extends` names one spec file, not {quoted(base.value)}"
        fail("wrong-type", message, base.mark, "write `extends: dcgan.yaml`")
    seen = (*seen, path)
    target = path.parent / base.value
    if real(target) in map(real, seen):
        chain = " -> ".join(p.name for p in (*seen, target))
        fail("circular-extends", "a spec cannot extend itself", base.mark, "remove it", chain)
    if len(seen) >= MAX_EXTENDS:
        fail("too-deep", f"more than {MAX_EXTENDS} files extend each other", base.mark, "merge two")
    inherited = _extended(target, shape, content, seen, base.mark)
    kept = {k: v for k, v in inherited.value.items() if k not in OWN}
    empty = {k: MapNode({}, inherited.mark) for k in OWN if k in own.value}
    merged = merge(MapNode({**kept, **empty}, inherited.mark), own, shape)
    assert isinstance(merged, MapNode)  # merging two maps gives a map
    return merged


def real(path: Path) -> Path:
    """Return the absolute path without links; `path` itself if the links cannot be followed."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # links in a circle, or an invalid path
        return path


def name_of(path: Path | str, at: Mark | None = None) -> str:
    """Return a file's name in messages; `at` is the mark of the `extends` that names it, if any."""
    is_stdin = at is None and str(path) == DASH  # in `extends`, `-` is a file
    return STDIN if is_stdin else str(path)


def file_text(path: Path, at: Mark | None) -> str:
    """Return the text of a file, or of standard input for `-`. Raises SpecError.

    `at` is the mark of the `extends` that names the file, None for other files.
    """
    name = quoted(name_of(path, at)) if at else f"`{printable(name_of(path))}`"  # not cut
    try:
        if at is None and str(path) == DASH:
            return _decoded(read_stdin(LARGEST), name, at)
        if path.is_dir():
            fail("unreadable", f"{name} is a directory", at, "name a file in it")
        if at is not None and not path.is_file() and path.exists():
            fail("unreadable", f"{name} is not a file", at, "name a YAML file")
        with path.open("rb") as file:
            return _decoded(file.read(LARGEST), name, at)
    except FileNotFoundError:
        fail("missing-file", f"{name} does not exist", at, _beside(path, at))
    except UnicodeDecodeError as error:
        fail("encoding", f"{name} is not UTF-8 at byte {error.start}", at, "save it as UTF-8")
    except OSError as error:
        reason = error.strerror or str(error)
        fail("unreadable", f"{name} cannot be read: {reason.lower()}", at)
    except ValueError:
        fail("unreadable", f"{name} is not the name of a file", at, "name a YAML file")


def _decoded(data: bytes, name: str, at: Mark | None) -> str:
    if len(data) == LARGEST:
        message = f"{name} is larger than {4 * MAX_CHARACTERS:,} bytes"
        fail("too-large", message, at, "name a spec file")
    return data.decode("utf-8")


def _beside(path: Path, at: Mark | None) -> str | None:
    """Return help for a missing file: the spec in its folder with the most similar name.

    If none is similar, the help lists the specs there; it is None if they are more than 5, or none.
    """
    own = Path(at.text.name).name if at else None
    names = {p.stem: p.name for p in sorted(path.parent.glob("*.yaml")) if p.name != own}
    if close := nearest(path.stem, names):  # with `.yaml`, all names would be similar
        return f"use `{names[close]}`"
    return f"specs there: {listed(names.values())}" if 0 < len(names) <= 5 else None
