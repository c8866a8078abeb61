"""Load a spec file as a validated document."""

from __future__ import annotations

from pathlib import Path

from ganspec.language.annotations import shape_of
from ganspec.language.document import Document, Signature, systems
from ganspec.language.errors import Diagnostic, SpecError, listed, nearest, quoted
from ganspec.language.expr import MAX_VALUE, UNKNOWN, Width
from ganspec.language.kinds import kinds_of
from ganspec.language.names import name_problem
from ganspec.language.opening import HIDDEN, LAYERS
from ganspec.language.resolve import Resolver
from ganspec.language.scope import MISSING
from ganspec.language.settings import override
from ganspec.language.source import parse, read
from ganspec.language.tree import KeyPath, Node

MAX_NAMES = 100


def load(path: str | Path, settings: list[str] = ()) -> Document:
    """Return the validated spec at `path`, with `key.path=value` settings laid over it.

    Raises SpecError, whose `diagnostics` are all of its mistakes in order of place.
    """
    return resolve(override(read(path, shape), list(settings), shape))


def loads(text: str, name: str = "<text>") -> Document:
    """Return the validated spec in `text`, which extends nothing. Raises SpecError as `load`."""
    return resolve(parse(text, name))


def shape(path: KeyPath) -> object:
    """Return the type of what the language has at a key path of a spec, for `merge`.

    It is asked before anyone knows what the spec describes; no two systems differ in what stands
    at one path, but for which family's kind it is.
    """
    found = (shape_of(system, path) for system in systems())
    return next((what for what in found if what is not None), None)


def _refuse_mixture(tree: Node) -> None:
    """Raise SpecError where a spec has the networks of two systems."""
    known = {name: system for system in systems() for name in system.networks}
    found = [name for name in tree.value if name in known]
    found.sort(key=lambda name: not known[name].standard)
    if len({known[name] for name in found}) > 1:
        mark = tree.value[found[-1]].key_mark
        message = f"a spec describes a GAN or one other network; this one has {listed(found)}"
        help = "write a file for each"
        raise SpecError([Diagnostic("bad-value", message, mark, (), help)])


def system_of(tree: Node) -> type[Document]:
    """Return what a spec describes: the standard system, unless a network's key says another."""
    standard, *rest = systems()
    others = {name: system for system in rest for name in system.networks}
    _refuse_mixture(tree)
    for name, system in others.items():
        if name in tree.value:
            return system
    # a misspelt network is one mistake, and not all that a GAN has more
    close = [nearest(key, [*standard.model_fields, *others]) for key in tree.value]
    return next((others[name] for name in close if name in others), standard)


def resolve(tree: Node) -> Document:
    """Return the validated spec in a marked tree. Raises SpecError."""
    framework = tree.get("framework")
    word = framework.value if framework and framework.value in ("keras", "tensorflow") else "torch"
    resolver = Resolver(word)
    if base := tree.get("extends"):  # `read` has followed those of files
        message = "only a file can extend another"
        resolver.report("bad-value", message, base.key_mark, "write it into the spec's file")
    scope = _vars(resolver, tree.get("vars"))
    resolver.vars = resolver.names
    _blocks(resolver, tree.get("blocks"))
    given = {"vars": {k: int(v) if isinstance(v, int) else v for k, v in scope.items()}}
    also = ("blocks", "extends")
    system = system_of(tree)
    spec = resolver.model(system, tree, "the spec", elsewhere=also, tree=tree, **given)
    resolver.unused()
    if spec is None or resolver.diagnostics:
        raise SpecError(resolver.diagnostics)
    return spec


def _vars(resolver: Resolver, node: Node | None) -> dict[str, int | float]:
    """Return the spec's names with their values, and put them in scope one after another."""
    if node is None:
        return {}
    if not isinstance(node.value, dict):
        resolver.names_known = False
        resolver.wrong(node, "`vars` is a map", "write `vars: {z: 128, ch: 64}`")
        return {}
    if len(node.value) > MAX_NAMES:
        resolver.names_known = False
        resolver.report("too-large", f"more than {MAX_NAMES} names in `vars`", node.mark)
        return {}
    found = {}
    for name, child in node.value.items():
        if problem := name_problem(name):
            resolver.report("bad-name", problem[0], child.key_mark, problem[1])
        value = resolver.data(int | float, child, name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            if value is not MISSING:
                resolver.wrong(child, f"`{name}` is a number")
            value = MISSING
        elif not abs(value) <= MAX_VALUE:
            message = f"{quoted(name)} must be at most {MAX_VALUE}, got {quoted(value)}"
            resolver.report("out-of-range", message, child.mark)
            value = MISSING
        if value is MISSING:  # its own mistake, so that it makes no others
            value = UNKNOWN
        else:
            found[name] = value
        named = Width(value, name) if isinstance(value, int) else value
        resolver.names = {**resolver.names, name: named}
    return found


def _blocks(resolver: Resolver, node: Node | None) -> None:
    """Note the spec's blocks; their layers are read where they are called."""
    if node is None:
        return
    if not isinstance(node.value, dict):
        help = "write `blocks: {up: {params: [c], layers: [...]}}`"
        resolver.wrong(node, "`blocks` is a map", help)
        return
    for name, block in node.value.items():
        if name in kinds_of("layer") and name not in HIDDEN:
            message = f"`{name}` is a layer already"
            resolver.report("bad-name", message, block.key_mark, "give the block another name")
            continue
        if problem := name_problem(name):
            resolver.report("bad-name", problem[0], block.key_mark, problem[1])
        if not isinstance(block.value, dict):
            help = "write `{params: [out], layers: [...]}`"
            resolver.wrong(block, f"block {quoted(name)} is a map", help)
            resolver.blocks[name] = (None, None)
            continue
        signature = resolver.model(Signature, block, f"block {quoted(name)}", **LAYERS)
        # known even where its head is wrong, so that its calls are no mistakes
        resolver.blocks[name] = (signature, block.get("layers"))
