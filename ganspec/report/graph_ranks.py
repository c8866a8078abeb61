"""Ranks of a graph's nodes from the top down, its main path, and the chains beside it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ganspec.report.graph import NetworkGraph


@dataclass
class Chain:
    """A branch: nodes in one column, from a fork in the rank `low` to a join in the rank `high`.

    Without a fork, `low` is the rank above the first node; without a join, `high` is the last
    node's rank. `nodes` are indices. `edges` are the branch's lines, as pairs of the indices of a
    node and its reader. A chain without nodes is a single line, such as an empty skip. Chains that
    begin at the label, and single lines to them, have `is_label` and are drawn on the left.
    """

    nodes: list[int]
    edges: tuple[tuple[int, int], ...]
    low: int
    high: int
    is_label: bool = False


def ranked(graph: NetworkGraph) -> list[int]:
    """Return each node's rank: one more than the largest rank of the nodes that it reads, or 0.

    The label, and nodes that only the label leads to, are just above their first reader instead.
    """
    ranks: list[int] = []
    for node in graph.nodes:
        ranks.append(1 + max((ranks[i] for i in node.reads), default=-1))
    for i in reversed(range(len(ranks))):
        if graph.nodes[i].tone == "label" and graph.readers[i]:
            ranks[i] = min(ranks[reader] for reader in graph.readers[i]) - 1
    return ranks


def main_path(graph: NetworkGraph) -> list[int]:
    """Return the indices of the nodes on the way from a source to the first result.

    The way is found backwards: before each node comes its first input.
    """
    at = next(i for i, node in enumerate(graph.nodes) if node.form == "result")
    path = [at]
    while graph.nodes[at].reads:
        at = graph.nodes[at].reads[0]
        path.append(at)
    return path[::-1]


def chains(graph: NetworkGraph, main: list[int], ranks: list[int]) -> list[Chain]:
    """Return the chains beside the path `main`, the shortest first.

    In this order they get columns, the first nearest to the path. `ranks` has all nodes' ranks.
    """
    seen, covered = set(main), set(pairwise(main))
    result: list[Chain] = []
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
        result.append(Chain(nodes, edges, low, high, graph.nodes[i].tone == "label"))
    lefts = {i for chain in result if chain.is_label for i in chain.nodes}
    for i, node in enumerate(graph.nodes):
        for read in node.reads:
            if (read, i) not in covered and ranks[i] > ranks[read] + 1:
                result.append(Chain([], ((read, i),), ranks[read], ranks[i], i in lefts))
    return sorted(result, key=lambda chain: chain.high - chain.low)


def _next(graph: NetworkGraph, index: int) -> int | None:
    """Return the index of the first node whose first input is the node `index`, or None."""
    after = (r for r in graph.readers[index] if graph.nodes[r].reads[0] == index)
    return next(after, None)
