"""Load a spec: read its text, and resolve the tree into a validated document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ganspec.language.document import Document, Signature, systems
from ganspec.language.errors import SpecError, fail, listed, nearest, quoted
from ganspec.language.expr import MAX_VALUE, UNKNOWN, Unknown, Width
from ganspec.language.kinds import kinds_of
from ganspec.language.merging import ELSEWHERE, Shape, shape_at
from ganspec.language.names import name_problem
from ganspec.language.opening import HIDDEN, NUMBER
from ganspec.language.resolve import Resolver
from ganspec.language.settings import override, setting_text
from ganspec.language.source import parse, read
from ganspec.language.tree import KeyPath, MapNode, Node

MAX_NAMES = 100


def load(path: str | Path, settings: Sequence[str] = ()) -> Document:
    """Return the validated spec at `path`, changed by `settings` such as `train.batch=32`.

    Raises SpecError, whose `diagnostics` list the mistakes by file and line.
    """
    return resolve(override(read(path, shape), settings, shape))


def loads(text: str, name: str = "<text>") -> Document:
    """Return the validated spec in `text`; `name` stands for a file in messages.

    Raises SpecError, whose `diagnostics` list the mistakes. The key `extends` is a mistake here,
    since only a file can extend a file.
    """
    return resolve(parse(text, name))


def shape(path: KeyPath) -> Shape:
    """Return the `Shape` of the map at a key path of a spec whose system is not known yet.

    The first system that has the path decides; None if no system has it.
    """
    shapes = (shape_at(system, path) for system in systems())
    return next((shape for shape in shapes if shape is not None), None)


def _refuse_several_systems(tree: MapNode) -> None:
    known = {name: system for system in systems() for name in system.networks}
    names = [name for name in tree.value if name in known]
    names.sort(key=lambda name: not known[name].standard)
    if len({known[name] for name in names}) > 1:
        mark = tree[names[-1]].key_mark
        message = f"a spec describes one system; these belong to several: {listed(names)}"
        fail("bad-value", message, mark, "write a spec for each system")


def system_of(tree: MapNode) -> type[Document]:
    """Return the class of the system to which a spec's networks, even misspelt ones, belong.

    Without such networks it is the standard system. Raises SpecError for networks of several
    systems.
    """
    standard, *rest = systems()
    others = {name: system for system in rest for name in system.networks}
    _refuse_several_systems(tree)
    for name, system in others.items():
        if name in tree.value:
            return system
    # a misspelt network still chooses its system, so that no GAN's sections are reported missing
    close = [nearest(key, [*standard.model_fields, *others]) for key in tree.value]
    return next((others[name] for name in close if name and name in others), standard)


def resolve(tree: MapNode) -> Document:
    """Return the validated spec of a tree. Raises SpecError with its mistakes."""
    framework = tree.get("framework")
    word = framework.value if framework else None
    resolver = Resolver(word if word in ("keras", "tensorflow") else "torch")
    if base := tree.get("extends"):  # `read` has removed it from the trees of files
        message = "only a file can extend another"
        resolver.report("bad-value", message, base.start, "write it into the spec's file")
    numbers = _vars(resolver, tree.get("vars"))
    resolver.vars = resolver.names
    _blocks(resolver, tree.get("blocks"))
    given = {"tree": tree, "vars": numbers}
    spec = resolver.model(system_of(tree), tree, "the spec", ELSEWHERE, given=given)
    resolver.unused()
    if spec is None or resolver.diagnostics:
        raise SpecError(resolver.diagnostics)
    return spec.with_gaps(resolver.gaps, changed)


def changed(spec: Document, values: Mapping[str, object]) -> Document:
    """Return `spec` with each value at its key path; None removes a key. Raises SpecError."""
    settings = [setting_text(path, value) for path, value in values.items()]
    assert isinstance(spec.tree, MapNode)  # a spec is a map
    return resolve(override(spec.tree, settings, shape, "with_values"))


def _vars(resolver: Resolver, node: Node | None) -> dict[str, int | float]:
    """Put the names of `vars` into the resolver's scope. Return the valid numbers by name."""
    if node is None:
        return {}
    if not isinstance(node, MapNode):
        resolver.names_known = False
        resolver.wrong(node, "`vars` is a map", "write `vars: {z: 128, ch: 64}`")
        return {}
    if len(node.value) > MAX_NAMES:
        resolver.names_known = False
        message = f"more than {MAX_NAMES} names in `vars`"
        resolver.report("too-large", message, node.mark, "write numbers in place of some names")
        return {}
    numbers: dict[str, int | float] = {}
    for name, child in node.value.items():
        if problem := name_problem(name):
            resolver.report("bad-name", problem[0], child.start, problem[1])
        value = resolver.data(NUMBER, child, name)
        named: int | float | Unknown = UNKNOWN  # uses of a wrong name are not reported again
        if isinstance(value, (int, float)):
            if abs(value) <= MAX_VALUE:
                numbers[name] = int(value) if isinstance(value, int) else value
                named = Width(value, name) if isinstance(value, int) else value
            else:
                message = f"{quoted(name)} must be between -{MAX_VALUE} and {MAX_VALUE}"
                message += f", got {quoted(value)}"
                resolver.report("out-of-range", message, child.mark)
        resolver.names = {**resolver.names, name: named}
        resolver.var_marks[name] = child.mark
    return numbers


def _blocks(resolver: Resolver, node: Node | None) -> None:
    """Record the spec's blocks in the resolver, which resolves their layers at each call."""
    if node is None:
        return
    if not isinstance(node, MapNode):
        help = "write `blocks: {up: {params: [c], layers: [...]}}`"
        resolver.wrong(node, "`blocks` is a map", help)
        return
    for name, block in node.value.items():
        if name in kinds_of("layer") and name not in HIDDEN:
            message = f"`{name}` is a layer already"
            resolver.report("bad-name", message, block.start, "give the block another name")
            continue
        if problem := name_problem(name):
            resolver.report("bad-name", problem[0], block.start, problem[1])
        if not isinstance(block, MapNode):
            help = "write `{params: [out], layers: [...]}`"
            resolver.wrong(block, f"block {quoted(name)} is a map", help)
            resolver.blocks[name] = (None, None)
            continue
        title = f"block {quoted(name)}"
        signature = resolver.model(Signature, block, title, ("layers",), ("layers",))
        # recorded even if its parameters are wrong, so that its calls are not reported
        resolver.blocks[name] = (signature, block.get("layers"))
