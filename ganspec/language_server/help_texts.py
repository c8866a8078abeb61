"""Help texts for the key or value under the pointer: reference, shapes and counts."""

from __future__ import annotations

from ganspec.language.errors import quoted
from ganspec.language.tree import ListNode, MapNode, Node
from ganspec.language_server.analysis import Analysis
from ganspec.language_server.spots import SpecWalk, Spot
from ganspec.program.measure import totals
from ganspec.reference.words import SPEC_KEYS, cleaned, field_text, flow, kind_text


def help_text(spot: Spot, walk: SpecWalk, analysis: Analysis) -> str | None:
    """Return the help for a key or value as Markdown; None if there is nothing to say about it.

    Shapes and counts are left out if `analysis` has no valid spec.
    """
    heading, text = _described(spot, walk)
    if heading is None:
        return None
    parts = [heading]
    if analysis.spec and spot.family == "layer":
        parts += ["  \n".join(analysis.costs_at(spot.mark))]
    if len(spot.path) == 1 and spot.path[0] in analysis.nets:
        counts = totals(analysis.costs[str(spot.path[0])])
        both = f"trainable {counts['trainable']:,}, non-trainable {counts['buffers']:,}"
        parts += [f"{counts['total']:,} parameters ({both})"]
    return "\n\n".join(filter(None, [*parts, text]))


def _described(spot: Spot, walk: SpecWalk) -> tuple[str | None, str]:
    """Return a heading and a text about a key or value; (None, "") if there is nothing to say."""
    if spot.block and spot.family == "layer":
        block = walk.blocks[spot.block]
        params = ", ".join(walk.parameters(spot.block))
        doc = block.get("doc")
        return f"block **{spot.block}**({params})", str(doc.value) if doc else ""
    if spot.kind:
        family = (spot.kind.family or spot.family or "").replace("_", " ")
        return f"{family} **{spot.kind.kind}**", kind_text(spot.kind)
    if spot.field and spot.section and spot.is_key:
        section = spot.field.type.section
        about = f"{cleaned(section)}\n\n" if section and not spot.field.description else ""
        return f"**{spot.field.name}**", about + field_text(spot.section, spot.field)
    if spot.is_key and len(spot.path) == 1 and spot.path[0] in SPEC_KEYS:
        return f"**{spot.path[0]}**", SPEC_KEYS[str(spot.path[0])]
    if spot.field and spot.field.description and not spot.is_key:
        return f"**{spot.field.name}**", spot.field.description
    return None, ""


def number_text(name: str, node: Node) -> str:
    """Return the help for `name`, which an expression reads and `node` defines, as Markdown."""
    if node.value == name:  # a block's parameter, which each call sets
        return f"**{name}**, a parameter of the block"
    value = flow(node.plain()) if isinstance(node, (ListNode, MapNode)) else quoted(node.value)
    where = f"line {node.start.line} of {node.start.text.name.rpartition('/')[2]}"
    return f"**{name}** = {value} ({where})"
