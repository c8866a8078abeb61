"""The layout of a tall graph, in several columns from left to right."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ganspec.report.graph import GraphNode, NetworkGraph
from ganspec.report.graph_layout import FORK, GAP, Drawing, Wire, layout
from ganspec.report.graph_ranks import ranked

COLUMN = 48  # distance between two columns, in pixels


def paged(graph: NetworkGraph, limit: float) -> Drawing:
    """Return a drawing of a graph, in columns if it is higher than `limit` pixels.

    Columns are about equally high. But a graph is cut only between ranks that a single line joins,
    so a column may be higher than `limit`. The line goes on from the bottom of a column to the top
    of the next.
    """
    whole = layout(graph)
    count = -(-int(whole.height) // int(limit))
    if count == 1:
        return whole
    drawing, x = Drawing(), 0.0
    for part in _parts(graph, whole, whole.height / count):
        column = layout(part)
        if drawing.places:
            gutter, last = x - COLUMN / 2, drawing.places[-1]
            foot = last.bottom + FORK
            turns = [(last.x, last.bottom), (last.x, foot), (gutter, foot), (gutter, -GAP / 2)]
            turns += [(x + column.x, -GAP / 2), (x + column.x, 0)]
            drawing.wires.append(Wire(tuple(turns)))
        drawing.add(column, x)
        x += column.width + COLUMN
    drawing.width, drawing.height = x - COLUMN, max(p.bottom for p in drawing.places) + FORK
    drawing.x = drawing.places[0].x
    return drawing


@dataclass(frozen=True)
class _Cut:
    """The first and the last rank of one piece of a graph.

    `leaving` is the index of the node that the next piece reads, None in the last piece.
    """

    start: int
    end: int
    leaving: int | None


def _parts(graph: NetworkGraph, whole: Drawing, height: float) -> list[NetworkGraph]:
    """Return a graph in pieces that are about `height` pixels high, from the top down.

    `whole` is the drawing of the graph in one column.
    """
    ranks, start, top = ranked(graph), 0, 0.0
    cuts: list[_Cut] = []
    bottoms = [0.0] * (max(ranks) + 1)
    for place, rank in zip(whole.places, ranks, strict=True):
        bottoms[rank] = max(bottoms[rank], place.bottom)
    edges = [(read, i) for i, node in enumerate(graph.nodes) for read in node.reads]
    for rank in range(max(ranks)):
        crossing = [e for e in edges if ranks[e[0]] <= rank < ranks[e[1]]]
        if len(crossing) == 1 and bottoms[rank + 1] - top > height:
            cuts.append(_Cut(start, rank, crossing[0][0]))
            start, top = rank + 1, bottoms[rank]
    return _pieces(graph, ranks, [*cuts, _Cut(start, max(ranks), None)])


def _pieces(graph: NetworkGraph, ranks: list[int], cuts: list[_Cut]) -> list[NetworkGraph]:
    """Return the pieces of a graph that `cuts` describe.

    Where a piece is cut off, it ends in a result without text, and the next begins with a source.
    """
    pieces: list[NetworkGraph] = []
    entry: int | None = None
    for cut in cuts:
        inside = [i for i, rank in enumerate(ranks) if cut.start <= rank <= cut.end]
        nodes: list[GraphNode] = []
        places: dict[int, int] = {}
        if entry is not None:
            places[entry] = 0
            nodes.append(GraphNode("source", (), (), graph.nodes[entry].shape))
        for i in inside:
            places[i] = len(nodes)
            node = graph.nodes[i]
            nodes.append(replace(node, reads=tuple(places[r] for r in node.reads)))
        if cut.leaving is not None:
            nodes.append(GraphNode("result", (), (places[cut.leaving],), ""))
        pieces.append(NetworkGraph(tuple(nodes)))
        entry = cut.leaving
    return pieces
