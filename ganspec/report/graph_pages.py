"""Tall graphs, set in columns as a page is."""

from __future__ import annotations

from dataclasses import replace

from ganspec.report.graph import Graph, Node
from ganspec.report.graph_layout import FORK, GAP, Drawing, Wire, layout
from ganspec.report.graph_ranks import ranked

COLUMN = 48  # between two columns, in pixels


def paged(graph: Graph, limit: float) -> Drawing:
    """A graph in columns no higher than `limit`, cut where a single line goes down."""
    whole = layout(graph)
    count = -(-int(whole.height) // int(limit))
    if count == 1:
        return whole
    drawing, x = Drawing(), 0.0
    for part in parts(graph, whole, whole.height / count):
        column = layout(part)
        if drawing.places:  # from the foot of one column to the head of the next
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


def parts(graph: Graph, whole: Drawing, height: float) -> list[Graph]:
    """The graph cut into pieces of about this height."""
    ranks, found, start, top = ranked(graph), [], 0, 0.0
    order = sorted(range(len(ranks)), key=lambda i: ranks[i])
    edges = [(read, i) for i, node in enumerate(graph.nodes) for read in node.reads]
    for rank in range(max(ranks)):
        crossing = [e for e in edges if ranks[e[0]] <= rank < ranks[e[1]]]
        below = max(whole.places[i].bottom for i in order if ranks[i] == rank)
        following = max(whole.places[i].bottom for i in order if ranks[i] == rank + 1)
        if len(crossing) == 1 and following - top > height:
            found.append((start, rank, crossing[0][0]))
            start, top = rank + 1, below
    return _pieces(graph, ranks, [*found, (start, max(ranks), None)])


def _pieces(graph: Graph, ranks: list[int], cuts: list[tuple]) -> list[Graph]:
    pieces, entry = [], None
    for start, end, leaving in cuts:
        inside = [i for i, rank in enumerate(ranks) if start <= rank <= end]
        nodes, places = [], {}
        if entry is not None:
            places[entry] = 0
            nodes.append(Node("source", (), (), graph.nodes[entry].shape))
        for i in inside:
            places[i] = len(nodes)
            node = graph.nodes[i]
            nodes.append(replace(node, reads=tuple(places[r] for r in node.reads)))
        if leaving is not None:
            nodes.append(Node("result", (), (places[leaving],), ""))
        pieces.append(Graph(tuple(nodes)))
        entry = leaving
    return pieces
