"""The layout of a tall graph, in several columns from left to right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

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


def _parts(graph: NetworkGraph, whole: Drawing, height: float) -> Iterator[NetworkGraph]:
    """Yield a graph in pieces that are about `height` pixels high, from the top down.

    `whole` is the drawing of the graph in one column.
    """
    ranks, start, top = ranked(graph), 0, 0.0
    bottoms = [0.0] * (max(ranks) + 1)
    for place, rank in zip(whole.places, ranks, strict=True):
        bottoms[rank] = max(bottoms[rank], place.bottom)
    edges = [(read, i) for i, node in enumerate(graph.nodes) for read in node.reads]
    entry: int | None = None
    for rank in range(max(ranks)):
        crossing = [e for e in edges if ranks[e[0]] <= rank < ranks[e[1]]]
        if len(crossing) == 1 and bottoms[rank + 1] - top > height:
            leaving = crossing[0][0]
            inside = [i for i, own in enumerate(ranks) if start <= own <= rank]
            yield _piece(graph, inside, entry, leaving)
            start, top, entry = rank + 1, bottoms[rank], leaving
    yield _piece(graph, [i for i, own in enumerate(ranks) if start <= own], entry, None)


def _piece(
    graph: NetworkGraph, inside: list[int], entry: int | None, leaving: int | None
) -> NetworkGraph:
    """Return the nodes `inside`, given by their indices, as a graph.

    `entry` is the node above that they read; a source without text stands for it. `leaving` is the
    node among them that is read below, by a result without text. Both are None if there is none.
    """
    nodes: list[GraphNode] = []
    places: dict[int, int] = {}
    if entry is not None:
        places[entry] = 0
        nodes.append(GraphNode("source", (), (), graph.nodes[entry].shape))
    for i in inside:
        places[i] = len(nodes)
        node = graph.nodes[i]
        nodes.append(replace(node, reads=tuple(places[r] for r in node.reads)))
    if leaving is not None:
        nodes.append(GraphNode("result", (), (places[leaving],), ""))
    return NetworkGraph(tuple(nodes))
