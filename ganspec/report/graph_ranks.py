"""Ranks of a graph's nodes from the top down, its main path, and the chains beside that."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ganspec.report.graph import Graph


@dataclass
class Chain:
    """Nodes one below the other, between the ranks of a fork and of a join, and their lines.

    One without nodes is a line alone, such as an empty skip. Labels' stand on the left.
    """

    nodes: list[int]
    edges: tuple[tuple[int, int], ...]
    low: int
    high: int
    is_label: bool = False


def ranked(graph: Graph) -> list[int]:
    """Each node below all that it reads; what leads from a label, just above what reads it."""
    ranks = []
    for node in graph.nodes:
        ranks.append(1 + max((ranks[i] for i in node.reads), default=-1))
    for i in reversed(range(len(ranks))):
        if graph.nodes[i].tone == "label" and graph.readers[i]:
            ranks[i] = min(ranks[reader] for reader in graph.readers[i]) - 1
    return ranks


def main_path(graph: Graph) -> list[int]:
    """From the output back to the input, along the first that each node reads."""
    at = next(i for i, node in enumerate(graph.nodes) if node.form == "result")
    path = [at]
    while graph.nodes[at].reads:
        at = graph.nodes[at].reads[0]
        path.append(at)
    return path[::-1]


def chains(graph: Graph, main: list[int], ranks: list[int]) -> list[Chain]:
    """All that is beside the main path; the shortest first, as they stand nearest to it."""
    seen, found, covered = set(main), [], set(pairwise(main))
    for i in range(len(graph.nodes)):
        if i in seen:
            continue
        nodes = [i]
        while (after := _next(graph, nodes[-1])) is not None and after not in seen:
            nodes.append(after)
        seen.update(nodes)
        reads, readers = graph.nodes[i].reads[:1], graph.readers[nodes[-1]][:1]
        low = ranks[reads[0]] if reads else ranks[i] - 1
        high = ranks[readers[0]] if readers else ranks[nodes[-1]]
        edges = tuple(pairwise([*reads, *nodes, *readers]))
        covered.update(edges)
        found.append(Chain(nodes, edges, low, high, graph.nodes[i].tone == "label"))
    lefts = {i for chain in found if chain.is_label for i in chain.nodes}
    for i, node in enumerate(graph.nodes):
        for read in node.reads:
            if (read, i) not in covered and ranks[i] > ranks[read] + 1:
                found.append(Chain([], ((read, i),), ranks[read], ranks[i], i in lefts))
    return sorted(found, key=lambda chain: chain.high - chain.low)


def _next(graph: Graph, index: int) -> int | None:
    """The first node that goes on from this one."""
    after = (r for r in graph.readers[index] if graph.nodes[r].reads[0] == index)
    return next(after, None)
