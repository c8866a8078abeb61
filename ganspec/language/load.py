"""A spec file to a validated `Spec`."""

from __future__ import annotations

import builtins
from pathlib import Path

from ganspec.language.errors import Diagnostic, SpecError, suggestion
from ganspec.language.expr import Width, is_identifier
from ganspec.language.kinds import kinds_of
from ganspec.language.resolve import MISSING, Resolver, is_kind_path
from ganspec.language.source import Node, override, parse, read
from ganspec.language.spec import Spec

MAX_NAMES = 100
# Names that mean something else in the Python that is written from a spec.
RESERVED = {
    "self",
    "torch",
    "nn",
    "partial",
    "in_channels",
    "spectral_norm",
    "weight_norm",
    "math",
}
SECTIONS = [
    *(name for name in Spec.model_fields if name != "tree"),
    "blocks",
    "extends",
]


def load(path: str | Path, settings: list[str] = ()) -> Spec:
    """The validated spec at `path`, with `key.path=value` settings laid over it.

    Raises SpecError, whose `diagnostics` are all of its mistakes in order of place.
    """
    return resolve(override(read(path, is_kind), list(settings), is_kind))


def loads(text: str, name: str = "<text>") -> Spec:
    """The validated spec in `text`; raises SpecError as `load` does. `extends` is not followed."""
    return resolve(parse(text, name))


def is_kind(path: tuple[str | int, ...]) -> bool:
    """Whether `path` of a spec holds one chosen kind."""
    return is_kind_path(Spec, path)


def resolve(tree: Node) -> Spec:
    """The validated spec in a marked tree; raises SpecError."""
    framework = tree.get("framework")
    word = framework.value if framework and framework.value in ("keras", "tensorflow") else "torch"
    resolver = Resolver({}, word, {})
    _unknown_sections(resolver, tree)
    _vars(resolver, tree.get("vars"))
    _blocks(resolver, tree.get("blocks"))
    known = {k: v for k, v in tree.value.items() if k in Spec.model_fields and k != "tree"}
    scope = {k: int(v) if isinstance(v, int) else v for k, v in resolver.scope.items()}
    node = Node({k: v for k, v in known.items() if k != "vars"}, tree.mark)
    spec = resolver.model(Spec, node, "the spec", vars=scope, tree=tree)
    _unused_blocks(resolver)
    if spec is None or resolver.diagnostics:
        raise SpecError(resolver.diagnostics)
    return spec


def _unknown_sections(resolver: Resolver, tree: Node) -> None:
    for key, node in tree.value.items():
        if key not in SECTIONS:
            message = f"a spec has no section `{key}`"
            help = suggestion(key, SECTIONS, "sections")
            resolver.report("unknown-field", message, node.key_mark, help)


def name_problem(name: str) -> str | None:
    """Why `name` cannot be a name in a spec and in the Python written from it, or None."""
    if not is_identifier(name) or not (name[0].islower() or name[0] == "_"):
        return "is not a plain name: small letters, digits and `_`, a letter first"
    if name in RESERVED or hasattr(builtins, name) or name.startswith("init_"):
        return "means something else in the Python that is written from a spec"
    return None


def _vars(resolver: Resolver, node: Node | None) -> None:
    if node is None:
        return
    if not isinstance(node.value, dict) or len(node.value) > MAX_NAMES:
        message = f"`vars` is a map of at most {MAX_NAMES} names to numbers"
        resolver.report("wrong-type", message, node.mark, "write `vars: {z: 128, ch: 64}`")
        return
    for name, child in node.value.items():
        if problem := name_problem(name):
            resolver.report("bad-name", f"`{name}` {problem}", child.key_mark)
            continue
        value = resolver.data(int | float, child, name)
        if value is MISSING:
            value = 8  # a stand-in, so that this one mistake makes no others
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            resolver.report("wrong-type", f"`{name}` must be a number", child.mark)
            value = 8
        resolver.scope[name] = Width(value, name) if isinstance(value, int) else value


def _blocks(resolver: Resolver, node: Node | None) -> None:
    if node is None:
        return
    if not isinstance(node.value, dict):
        resolver.report("wrong-type", "`blocks` is a map of names to blocks", node.mark)
        return
    kinds = kinds_of("layer")
    for name, block in node.value.items():
        if name in kinds:
            message = f"`{name}` is a layer already"
            resolver.report("bad-name", message, block.key_mark, "give the block another name")
        elif problem := name_problem(name):
            resolver.report("bad-name", f"`{name}` {problem}", block.key_mark)
        elif _is_block(resolver, name, block):
            resolver.blocks[name] = block


def _is_block(resolver: Resolver, name: str, node: Node) -> bool:
    before = len(resolver.diagnostics)
    fields = ["doc", "params", "layers"]
    if not isinstance(node.value, dict) or node.get("layers") is None:
        help = "write `params: [out]` and `layers: [...]` below it"
        resolver.report("missing-field", f"block `{name}` needs `layers`", node.key_mark, help)
        return False
    for key, child in node.value.items():
        if key not in fields:
            help = suggestion(key, fields, "fields")
            resolver.report("unknown-field", f"a block has no field `{key}`", child.key_mark, help)
    params = node.get("params")
    if params and not isinstance(params.value, list):
        message = "`params` is a list of names"
        resolver.report("wrong-type", message, params.mark, "write `params: [out]`")
    elif params:
        for child in params.value:
            if problem := name_problem(str(child.value)):
                resolver.report("bad-name", f"`{child.value}` {problem}", child.mark)
    return len(resolver.diagnostics) == before


def _unused_blocks(resolver: Resolver) -> None:
    """Check blocks that nothing calls, with a stand-in for each parameter."""
    scope = dict(resolver.scope)
    for name, node in resolver.blocks.items():
        if name in resolver.opened:
            continue
        params = node.get("params")
        names = [child.value for child in params.value] if params else []
        resolver.scope = {**scope, **{n: Width(8, n) for n in names}}
        resolver.calls = (name,)
        resolver.many("layer", node["layers"], "layers")
    resolver.scope, resolver.calls = scope, ()


def warn(code: str, message: str, mark, help: str | None = None, *notes: str) -> Diagnostic:
    """A finding that does not stop a build."""
    return Diagnostic(code, message, mark, notes, help, severity="warning")
