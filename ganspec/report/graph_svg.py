"""A system's networks as one self-contained SVG file, on white, for screens and paper."""

from __future__ import annotations

from html import escape

from ganspec.language.errors import printable
from ganspec.program.ir import Net
from ganspec.program.measure import parameters_text
from ganspec.report.graph import graph
from ganspec.report.graph_layout import (
    FONT,
    LINE,
    PAD,
    PILL,
    TITLE,
    Drawing,
    PlacedNode,
    measured,
    title_of,
)
from ganspec.report.graph_pages import paged
from ganspec.seal import BLANK, sealed
from ganspec.systems.spec import Spec

MARGIN = 20  # pixels of white around the networks
TALLEST = 1100  # height of a network in pixels above which it is set in columns
NAME = 14  # size of the font of a network's name
HEAD = 50  # height of the lines with a network's name and its number of parameters
# the colours of a node's inside and of its edge, by its tone
FILLS = {
    "weights": ("#e6eef8", "#4a6fa5"),
    "label": ("#fdf1dc", "#b7791f"),
    "plain": ("#f4f4f4", "#8a8a8a"),
}
STYLE = """
  text { font: 11px Helvetica, Arial, "Liberation Sans", sans-serif; fill: #1a1a1a }
  .name { font-size: 14px; font-weight: bold }
  .note, .shape { fill: #555 }
  .shape { font-size: 10px }
  .wire { fill: none; stroke: #333; stroke-width: 1.1 }
  .frame { fill: none; stroke: #8a8a8a; stroke-dasharray: 4 3 }
""".rstrip()


def svg(spec: Spec, nets: dict[str, Net]) -> str:
    """Return the text of an SVG file of all networks side by side; equal specs give equal text.

    `nets` has the programs of the spec's networks.
    """
    comment = f"<!-- Written by ganspec from the spec `{spec.name}` ({BLANK}). -->\n"
    title = " ".join(f"{spec.name}: {spec.doc}".split()) if spec.doc else spec.name
    return sealed(f"{comment}{picture(title, nets)}\n")


def picture(title: str, nets: dict[str, Net]) -> str:
    """Return an `<svg>` element of all networks side by side; `title` is for screen readers."""
    parts, x, height = [], float(MARGIN), 0.0
    for name, net in nets.items():
        drawing = paged(graph(net), TALLEST)
        note = parameters_text(net)
        half = max(measured(note), measured(name, NAME)) / 2
        axis = x + max(drawing.x, half)
        parts.append(_text(axis, MARGIN + 10, name, "name"))
        parts.append(_text(axis, MARGIN + 25, note, "note"))
        parts += _drawn(drawing, axis - drawing.x, MARGIN + HEAD)
        x = axis + max(drawing.width - drawing.x, half) + 3 * MARGIN
        height = max(height, drawing.height + HEAD)
    width, height = x - 2 * MARGIN, height + 2 * MARGIN
    return "\n".join([*_opening(title, width, height), *parts, "</svg>"])


def _opening(title: str, width: float, height: float) -> list[str]:
    """Return the first lines of an `<svg>` element: tag, title, style, arrow, background."""
    size = f'width="{_n(width)}" height="{_n(height)}"'
    box = f'viewBox="0 0 {_n(width)} {_n(height)}"'
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} role="img">',
        f"<title>{escape(printable(title))}</title>",
        f"<style>{STYLE}\n</style>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7"'
        ' markerHeight="7" orient="auto-start-reverse">'
        '<path d="M0 0.8 L8 4 L0 7.2 z" fill="#333"/></marker></defs>',
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]


def _drawn(drawing: Drawing, x: float, y: float) -> list[str]:
    """Return the SVG elements of a drawing whose upper left corner is at `x`, `y`."""
    parts = []  # lines first, so that boxes cover them
    for wire in drawing.wires:
        parts.append(_wire([(px + x, py + y) for px, py in wire.points], wire.is_arrow))
    for sx, sy, text in drawing.shapes:
        parts.append(_text(sx + x, sy + y, text, "shape", "start"))
    for place in drawing.places:
        parts += _node(place, x, y)
    return parts


def _node(place: PlacedNode, x: float, y: float) -> list[str]:
    """Return the SVG elements of a node; the drawing's upper left corner is at `x`, `y`."""
    node, cx, top = place.node, place.x + x, place.y + y
    left, width = cx - place.left, place.left + place.right
    parts = []
    if node.label:
        end, middle = left, place.middle + y
        pill = measured("label") + 2 * PAD
        parts += _box(end - PILL - pill, middle - 11, pill, 22, 11, FILLS["label"], ("label",))
        parts.append(_wire([(end - PILL, middle), (end, middle)]))
    if place.inner:
        parts.append(_rect(left, top, width, place.height, 8, 'class="frame"'))
        parts.append(_text(left + width - PAD, top + 14, title_of(node), "note", "end"))
        parts.append(_wire([(cx, top), (cx, top + TITLE)], is_arrow=False))
        parts += _drawn(place.inner, cx - place.inner.x, top + TITLE)
    elif node.lines:
        radius = {"join": place.height / 2, "source": 11, "result": 11}.get(node.form, 3)
        fill = FILLS[node.tone]
        if node.form != "box" and node.tone == "plain":
            fill = ("#fff", "#333")
        parts += _box(left, top, width, place.height, radius, fill, node.lines)
        if node.count > 1:
            parts.append(_text(left + width + 2, place.middle + y + 4, title_of(node), "", "start"))
    return parts


def _box(x, y, width, height, radius, fill, lines) -> list[str]:
    """Return the SVG elements of a rounded rectangle with lines of text in its middle.

    `fill` has the colours of its inside and of its edge.
    """
    parts = [_rect(x, y, width, height, radius, f'fill="{fill[0]}" stroke="{fill[1]}"')]
    first = y + (height - len(lines) * LINE) / 2 + FONT
    for i, line in enumerate(lines):
        parts.append(_text(x + width / 2, first + i * LINE, line))
    return parts


def _rect(x, y, width, height, radius, look) -> str:
    size = f'width="{_n(width)}" height="{_n(height)}" rx="{_n(radius)}"'
    return f'<rect x="{_n(x)}" y="{_n(y)}" {size} {look}/>'


def _wire(points: list[tuple[float, float]], is_arrow: bool = True) -> str:
    """Return the SVG element of a line through `points`, with an arrow at its end if `is_arrow`."""
    path = " L".join(f"{_n(x)} {_n(y)}" for x, y in points)
    head = ' marker-end="url(#arrow)"' if is_arrow else ""
    return f'<path class="wire" d="M{path}"{head}/>'


def _text(x: float, y: float, text: str, look: str = "", anchor: str = "middle") -> str:
    look = f' class="{look}"' if look else ""
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"{look}>{escape(times(text))}</text>'
    )


def times(text: str) -> str:
    """Return `text` with a multiplication sign in place of each ` x `."""
    return f" {text} ".replace(" x ", " \N{MULTIPLICATION SIGN} ").strip()


def _n(number: float) -> str:
    """Return a number as text for SVG, rounded to one decimal, which is left out if it is 0."""
    return f"{number:.1f}".removesuffix(".0")
