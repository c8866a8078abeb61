"""The layout of a graph: a main column, branches to its right, labels to its left.

A node's rank is its row, counted from the top. The main path leads from an input to the first
output, down the main column. Other nodes form chains, most from a fork to a join, each in one
column. A chain without nodes, such as an empty skip, is a line in its column. Units are pixels.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, replace

from ganspec.report.graph import GraphNode, NetworkGraph
from ganspec.report.graph_ranks import chains, main_path, ranked

FONT = 11  # size of the font
LINE = 15  # distance between the lines in a box
PAD = 7  # distance between a box's edge and its text
GAP = 34  # distance between ranks, enough for an arrow and the text of a shape beside it
SHORT = 22  # distance between ranks without the text of a shape between them
FORK = 8  # distance from a rank down to where lines that leave it turn sideways
ROUND = 8  # distance from the end of a rounded node to the nearest line that enters it from above
SIDE = 18  # distance between columns
PILL = 30  # length of the arrow from the word `label` to its reader
TITLE = 20  # height of a frame's title
# letters that are narrow or wide in usual sans-serif fonts
NARROW, WIDE = frozenset(" !'(),-./:;I[\\]fijlt|"), frozenset("mwMW@%#&+<=>^~")


def measured(text: str, size: float = FONT) -> float:
    """Return a width in pixels that `text` does not exceed in usual sans-serif fonts."""
    return size * sum(map(_width, text))


def _width(letter: str) -> float:
    """Return the width of a letter as a share of the font's size."""
    if letter in WIDE or unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    if letter in NARROW:
        return 0.41
    return 0.8 if letter.isupper() else 0.65


@dataclass
class PlacedNode:
    """A node at its place.

    `x` is its axis, at which lines leave it, and most enter it. `y` is its top. `inner` is the
    drawing inside a frame, None for other nodes.
    """

    node: GraphNode
    x: float
    y: float
    left: float  # distance from x to the node's left edge
    right: float  # distance from x to its right edge
    height: float
    inner: Drawing | None = None

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height


@dataclass(frozen=True)
class Wire:
    """A line through `points`, pairs of x and y; an arrow if it ends at a visible node."""

    points: tuple[tuple[float, float], ...]
    is_arrow: bool = False

    def moved(self, x: float) -> Wire:
        """Return the line, `x` pixels further to the right."""
        return replace(self, points=tuple((px + x, py) for px, py in self.points))


@dataclass
class Drawing:
    """A graph's nodes, lines and shapes at their positions; lines enter and leave it at `x`.

    `shapes` are the texts of output shapes, beside lines: x and y of the left end of the text's
    baseline, and the text.
    """

    width: float = 0
    height: float = 0
    x: float = 0
    places: list[PlacedNode] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    shapes: list[tuple[float, float, str]] = field(default_factory=list)

    def add(self, other: Drawing, x: float) -> None:
        """Add the parts of `other`, moved to the right by `x` pixels."""
        self.places += [replace(place, x=place.x + x) for place in other.places]
        self.wires += [wire.moved(x) for wire in other.wires]
        self.shapes += [(sx + x, sy, text) for sx, sy, text in other.shapes]


def size(node: GraphNode, inner: Drawing | None) -> tuple[float, float, float]:
    """Return how far a node reaches left and right of its axis, and how high it is.

    The axis is the vertical line at which lines leave it. `inner` is the drawing inside a frame,
    None for other nodes. If a node has neither text nor `inner`, all three numbers are 0.
    """
    if inner is not None:
        title = measured(title_of(node)) + 2 * PAD  # right of the line that enters the frame
        right = max(inner.width - inner.x + 2 * PAD, title)
        return inner.x + 2 * PAD, right, inner.height + TITLE
    if not node.lines:
        return 0, 0, 0
    width = max(map(measured, node.lines)) + 2 * PAD
    height = len(node.lines) * LINE + PAD
    if node.form == "join":
        width = max(20, width - PAD)
        height = 20
    return width / 2, width / 2, height


def title_of(node: GraphNode) -> str:
    """Return the title of a frame, or the text beside a box that repeats; "" if there is none."""
    times = f" x {node.count}" if node.count > 1 else ""
    return (node.lines[0] if node.form == "frame" and node.lines else "") + times


def layout(graph: NetworkGraph) -> Drawing:
    """Return a drawing with a place for every node and line of a graph."""
    return _Layout(graph).drawing


class _Layout:
    """The positions of a graph's nodes and lines, computed step by step into `drawing`.

    `axis` has the x of each node, by its index. `lanes` has, for the lines of chains, the x of the
    chain's column, by the indices of the nodes at the line's ends.
    """

    def __init__(self, graph: NetworkGraph):
        self.graph, self.nodes = graph, graph.nodes
        self.ranks = ranked(graph)
        self.main = main_path(graph)
        self.chains = chains(graph, self.main, self.ranks)
        self.inner = [layout(node.inner) if node.inner else None for node in self.nodes]
        self.sizes = [size(*pair) for pair in zip(self.nodes, self.inner, strict=True)]
        self.axis = dict.fromkeys(self.main, 0.0)
        self.lanes: dict[tuple[int, int], float] = {}
        self.drawing = Drawing()
        self.spread()
        self.place()
        self.connect()

    # -- places -------------------------------------------------------------------------------

    def spread(self) -> None:
        """Set `axis` and `lanes`: each chain is as near to the main path as other nodes allow."""
        # each rank has a band for its nodes and one for the gap below; `left` and `right` have the
        # outermost x that is taken in each band
        bands = 2 * max(self.ranks) + 2
        left, right = [0.0] * bands, [0.0] * bands
        for i in self.main:
            self.cover(i, 0.0, left, right)
        for chain in self.chains:
            here = range(2 * chain.low + 1, 2 * chain.high + 1)
            sizes = [self.room(i) for i in chain.nodes] or [(0, 0, 0)]
            if chain.is_label:
                x = min(left[band] for band in here) - SIDE - max(max(s[1:]) for s in sizes)
            else:
                x = max(right[band] for band in here) + SIDE + max(s[0] for s in sizes)
            for band in here:
                left[band], right[band] = min(left[band], x), max(right[band], x)
            for i in chain.nodes:
                self.axis[i] = x
                self.cover(i, x, left, right)
            self.lanes |= dict.fromkeys(chain.edges, x)
        shift = -min(left)
        self.axis = {i: x + shift for i, x in self.axis.items()}
        self.lanes = {edge: x + shift for edge, x in self.lanes.items()}
        self.drawing.x, self.drawing.width = shift, max(right) + shift

    def cover(self, index: int, x: float, left: list[float], right: list[float]) -> None:
        """Widen `left` and `right` in the bands of a node and the gap below, to hold it at `x`."""
        before, after, below = self.room(index)
        band = 2 * self.ranks[index]
        left[band] = min(left[band], x - before)
        right[band] = max(right[band], x + after)
        right[band + 1] = max(right[band + 1], x + below)

    def room(self, index: int) -> tuple[float, float, float]:
        """Return the distances from a node's axis to its left edge, right edge and end of text.

        The edges include the word `label` and the count beside the node. The text is the output's
        shape, which begins at the axis, below the node. Its distance is 0 if it is not shown.
        """
        node, (left, right, _) = self.nodes[index], self.sizes[index]
        if node.label:
            left += measured("label") + 2 * PAD + PILL
        if node.form == "box" and node.count > 1:
            right += measured(title_of(node)) + 4
        return left, right, measured(node.shape) + 8 if self.shows_shape(index) else 0

    def shows_shape(self, index: int) -> bool:
        """Return True if the shape of a node's output is written below the node.

        At the ends of a frame's graph it is not, since it would be beside the frame's own shape.
        """
        readers = self.graph.readers[index]
        node, others = self.nodes[index], [i for i in readers if self.nodes[i].form != "result"]
        is_end = node.form == "source" and not node.lines
        ends_in_text = any(self.nodes[i].lines for i in readers)
        return bool(readers) and not is_end and bool(others or ends_in_text)

    def place(self) -> None:
        """Add all nodes to the drawing, and set `bottoms`, the lower edge of each rank."""
        tops, self.bottoms = self.rows()
        for i, node in enumerate(self.nodes):
            left, right, height = self.sizes[i]
            rank, x = self.ranks[i], self.axis[i]
            y = tops[rank]
            if node.form == "join":
                y += (self.bottoms[rank] - y - height) / 2
            elif node.tone == "label":  # at the bottom of the rank, near the node that reads it
                y = self.bottoms[rank] - height
            self.drawing.places.append(PlacedNode(node, x, y, left, right, height, self.inner[i]))
        self.drawing.height = max(self.bottoms)

    def rows(self) -> tuple[list[float], list[float]]:
        """Return the upper edges of all ranks, and their lower edges, from the top down."""
        tops, bottoms, y = [], [], 0.0
        for rank in range(max(self.ranks) + 1):
            nodes = [i for i, r in enumerate(self.ranks) if r == rank]
            tops.append(y)
            bottoms.append(y + max(self.sizes[i][2] for i in nodes))
            y = bottoms[-1] + (GAP if any(map(self.shows_shape, nodes)) else SHORT)
        return tops, bottoms

    # -- lines --------------------------------------------------------------------------------

    def connect(self) -> None:
        """Add all lines to the drawing, and the shapes beside them."""
        for i, node in enumerate(self.nodes):
            place = self.drawing.places[i]
            if self.shows_shape(i):
                below = self.bottoms[self.ranks[i]]
                self.drawing.shapes.append((place.x + 5, below + GAP / 2 + 6, node.shape))
            for read in node.reads:
                is_arrow = bool(node.lines or node.inner)
                self.drawing.wires.append(Wire(tuple(self.wire(read, i)), is_arrow))

    def wire(self, start: int, end: int) -> list[tuple[float, float]]:
        """Return the points of the line from the node `start` to its reader `end`."""
        a, b = self.drawing.places[start], self.drawing.places[end]
        fork = self.bottoms[self.ranks[start]] + FORK
        if (start, end) not in self.lanes and a.x != b.x:  # `a` is in the rank just above `b`
            enter = b.x - b.left / 2
            if a.x > b.x:  # the line must not cross the text of a shape above `b`
                enter = b.x + max(b.right / 2, min(b.right - ROUND, self.text_above(end)))
            return [(a.x, a.bottom), (a.x, fork), (enter, fork), (enter, b.y)]
        x = self.lanes.get((start, end), b.x)
        points = [(a.x, a.bottom)]
        if x != a.x:
            points += [(a.x, fork), (x, fork)]
        if x == b.x:
            return [*points, (b.x, b.y)]
        if self.is_free(end, x):
            return [*points, (x, b.middle), (b.x + (b.right if x > b.x else -b.left), b.middle)]
        above = b.y - FORK - 2
        enter = b.x + (b.right if x > b.x else -b.left) / 2
        return [*points, (x, above), (enter, above), (enter, b.y)]

    def text_above(self, end: int) -> float:
        """Return how far the text of a shape above the node `end` reaches right of its axis."""
        above = (
            i
            for i in self.nodes[end].reads
            if self.drawing.places[i].x == self.drawing.places[end].x
        )
        return max((self.room(i)[2] for i in above), default=0)

    def is_free(self, end: int, x: float) -> bool:
        """Return True if nothing is between a line at `x` and the side of the node `end`.

        Nodes and the word `label` count, lines do not.
        """
        at = self.drawing.places[end]
        if at.node.label and x < at.x:
            return False
        for i, place in enumerate(self.drawing.places):
            between = min(x, at.x) < place.x < max(x, at.x)
            if i != end and between and self.ranks[i] == self.ranks[end]:
                return False
        return True
