"""A network as a graph of boxes, joins and frames, for pictures.

A heavy layer resizes its input or has a weight, as `conv` has, that a weight norm may wrap; all
others, such as normalizations and activations, are light. A box has at most one heavy layer, and
the light layers around it, with a line of text for each layer, as in figures of papers. A join is a
function of several values, such as a sum. A frame is a block, or a sequence of nodes that repeats,
with a graph of its own inside.
"""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import torch
from torch import nn

from ganspec.kinds.conditions.label import label_planes
from ganspec.kinds.layer import Weighted
from ganspec.language.kinds import kinds_of
from ganspec.program.ir import Net, Step, Value
from ganspec.report.captions import call_name, caption, label_text, shape_text

JOINS: dict[object, str] = {operator.add: "+", operator.mul: "x", torch.cat: "concat"}
# modules that do not count as heavy, although they change a shape
MOVES = (nn.Flatten, nn.Unflatten, nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d)
INPUTS = {"x": "image", "z": "latent"}  # words for a program's names of inputs
ROUND = re.compile(r".*\.repeat\.\d+\.")  # the part of a layer's key path that names one repetition


@dataclass(frozen=True)
class GraphNode:
    """One element of a picture, with its `lines` of text.

    `form` is `source` (an input), `result` (an output), `box`, `join` or `frame`. `reads` has the
    indices of the nodes that the node reads. `shape` is the shape of its output, as text. `tone`
    decides its colour: `label` for the label and boxes that only it leads to, else `weights` for a
    box with a layer such as `conv`, else `plain`. `label` is True if the node reads the label
    besides another input. `inner` is the graph inside a frame, else None. `count` is how often the
    node is applied in a row.
    """

    form: str
    lines: tuple[str, ...]
    reads: tuple[int, ...]
    shape: str
    tone: str = "plain"
    label: bool = False
    inner: NetworkGraph | None = None
    count: int = 1


@dataclass(frozen=True)
class NetworkGraph:
    """A network, or the inside of a frame, as a sequence of nodes, each after those that it reads.

    The source and the result of a graph inside a frame have no text.
    """

    nodes: tuple[GraphNode, ...]

    @cached_property
    def readers(self) -> list[list[int]]:
        """For each node, the indices of the nodes that read it."""
        readers: list[list[int]] = [[] for _ in self.nodes]
        for i, node in enumerate(self.nodes):
            for read in node.reads:
                readers[read].append(i)
        return readers


def graph(net: Net) -> NetworkGraph:
    """Return the graph of a network or, for the inside of a frame, of a block."""
    return NetworkGraph(tuple(folded(list(_Gathering(net).nodes()))))


@dataclass
class _Part:
    """Steps that become one node. `label` is True if they read the label."""

    form: str
    steps: list[Step]
    reads: list[int]  # ids of the values that the first step reads, without the label's
    label: bool

    @property
    def value(self) -> Value:
        return self.steps[-1].output


class _Gathering:
    """The steps of one program, grouped into parts, of which each becomes a node."""

    def __init__(self, net: Net):
        self.net, steps = net, net.steps
        self.label = net.inputs[1].value if net.conditional else None
        self.uses = Counter(i for step in steps for i in _read(step))
        self.uses.update(value.id for value in net.outputs.values())
        self.calls = Counter((step.origin.path, step.origin.kind) for step in steps)
        paths = Counter(step.origin.path for step in steps)
        joining = {step.origin.path for step in steps if len(step.inputs) > 1}
        self.split = {path for path in joining if paths[path] > 1}  # layers shown call by call
        self.heavy = {step.origin.path for step in steps if self.is_heavy(step)}
        self.parts: list[_Part] = []
        for step in steps:
            self.add(step)

    def add(self, step: Step) -> None:
        """Add a step to the last part if it belongs there, or else as a new part."""
        reads = _read(step)
        others = [i for i in reads if self.label is None or i != self.label.id]
        form = "join" if len(reads) > 1 and not step.is_module else "box"
        if isinstance(step.call.target, Net):
            form = "frame"
        part = _Part(form, [step], others, len(others) < len(reads))
        if self.parts and form == "box" and self.continues(self.parts[-1], part):
            self.parts[-1].steps.append(step)
        else:
            self.parts.append(part)

    def continues(self, before: _Part, part: _Part) -> bool:
        """Return True if `part`, a box of one step, belongs in the box `before`.

        A box has at most one heavy layer, and only steps that follow each other without forks.
        """
        (step,), last = part.steps, before.steps[-1]
        if before.form != "box" or part.label or part.reads != [last.output.id]:
            return False
        if self.uses[last.output.id] > 1 or _round(last) != _round(step):
            return False
        if last.origin.path == step.origin.path:
            return True
        is_light = last.output.shape == step.output.shape and not _is_weighted(step)
        return is_light or not self.heavy & {s.origin.path for s in before.steps}

    def is_heavy(self, step: Step) -> bool:
        """Return True if a step is of a `Weighted` layer or resizes its first input.

        Flattening, reshaping and padding do not count as resizing.
        """
        resizes = self.net.values[step.inputs[0]].shape != step.output.shape
        return _is_weighted(step) or (resizes and step.call.target not in MOVES)

    def nodes(self) -> Iterator[GraphNode]:
        """Yield the source, a node for each part, and the results."""
        start = self.net.inputs[0]
        name = INPUTS.get(start.name, start.name)
        yield GraphNode("source", self.titled(name), (), shape_text(start.value))
        places, count = {start.value.id: 0}, 1
        for part in self.parts:
            reads = tuple(dict.fromkeys(places[i] for i in part.reads))
            if self.label and part.label and not reads:  # it reads nothing but the label
                yield GraphNode("source", ("label",), (), label_text(self.label), "label")
                reads, part.label = (count,), False
                count += 1
            yield self.node(part, reads)
            places[part.value.id] = count
            count += 1
        branches = {step.output.id: step.branch for step in self.net.steps}
        for name, value in self.net.outputs.items():
            title = name if branches.get(value.id) == name else "output"
            yield GraphNode("result", self.titled(title), (places[value.id],), "")

    def titled(self, name: str) -> tuple[str, ...]:
        """Return `(name,)` as the text of an input or output; (), no text, if this is a block."""
        return () if self.net.is_block else (name,)

    def node(self, part: _Part, reads: tuple[int, ...]) -> GraphNode:
        """Return the node of a part, which reads the nodes with the indices `reads`."""
        shape, first = shape_text(part.value), part.steps[0]
        if part.form == "join":
            lines = (JOINS.get(first.call.target) or call_name(first),)
            return GraphNode("join", lines, reads, shape, label=part.label)
        if isinstance(first.call.target, Net):
            lines, inner = (first.origin.kind,), graph(first.call.target)
            return GraphNode("frame", lines, reads, shape, label=part.label, inner=inner)
        tone = "weights" if any(map(_is_weighted, part.steps)) else "plain"
        if any(step.branch == "label" for step in part.steps):
            tone = "label"
        return GraphNode("box", tuple(self.lines(part)), reads, shape, tone, part.label)

    def lines(self, part: _Part) -> Iterator[str]:
        """Yield a line for each layer of a box, or for each call of a layer in `split`."""
        for path, group in groupby(part.steps, key=lambda step: step.origin.path):
            steps = list(group)
            if path not in self.split:
                yield caption(steps)
                continue
            for step in steps:  # a layer's only call of a kind, such as relu, has the kind's name
                kind = step.origin.kind
                yield caption([step], kind if self.calls[path, kind] == 1 else call_name(step))


def _read(step: Step) -> tuple[int, ...]:
    """Return the ids of the values that a step reads, except one that it reads only for its size.

    That is the second input of `label_planes`.
    """
    return step.inputs[:1] if step.call.target is label_planes else step.inputs


def _is_weighted(step: Step) -> bool:
    """Return True if a step is of a `Weighted` layer, such as `conv`."""
    kind = kinds_of("layer").get(step.origin.kind)
    return kind is not None and issubclass(kind, Weighted)


def _round(step: Step) -> str:
    """Return the key path of the repetition that a step is in, `...repeat.2.`; "" if in none."""
    match = ROUND.match(step.origin.path)
    return match[0] if match else ""


# -- repetitions ------------------------------------------------------------------------------


def folded(nodes: list[GraphNode]) -> list[GraphNode]:
    """Return `nodes` with one node, which has a `count`, in place of each sequence that repeats."""
    width = 1
    while width <= len(nodes) // 2:
        for start in range(1, len(nodes) - 2 * width + 1):
            if count := _times(nodes, start, width):
                nodes = _once(nodes, start, width, count)
                width = 0
                break
        width += 1
    return nodes


def _times(nodes: list[GraphNode], start: int, width: int) -> int:
    """Return how often the `width` nodes from `start` on occur in a row; 0 if only once.

    Return 0, too, if one node cannot stand for all repetitions: if they change the shape, contain a
    result, or read further back than the node before them, or if a later node reads another of
    their nodes than the last.
    """
    run, end = nodes[start : start + width], start + width
    if nodes[start - 1].shape != run[-1].shape or any(n.form == "result" for n in run):
        return 0
    while _shifted(run, end - start) == nodes[end : end + width]:
        end += width
    inside = range(start, end)
    for i, node in enumerate(nodes):
        first = start + (i - start) // width * width
        for read in node.reads:
            # a repetition may read its own nodes and the node just before it; of all nodes in the
            # repetitions, nodes outside may read only the very last
            if (read < first - 1) if i in inside else (read in inside and read != end - 1):
                return 0
    return (end - start) // width if end > start + width else 0


def _shifted(run: list[GraphNode], by: int) -> list[GraphNode]:
    """Return copies of the nodes `run`, with `by` added to each index that they read."""
    return [replace(node, reads=tuple(read + by for read in node.reads)) for node in run]


def _once(nodes: list[GraphNode], start: int, width: int, count: int) -> list[GraphNode]:
    """Return `nodes` with one node for `count` repetitions of the `width` nodes from `start` on.

    It is a frame around these nodes or, if `width` is 1, the node itself with another count.
    """
    run, end = nodes[start : start + width], start + count * width
    if width == 1:
        whole = replace(run[0], count=run[0].count * count)
    else:
        source = GraphNode("source", (), (), nodes[start - 1].shape)
        result = GraphNode("result", (), (width,), "")
        inner = NetworkGraph((source, *_shifted(run, 1 - start), result))
        whole = GraphNode("frame", (), (start - 1,), run[-1].shape, inner=inner, count=count)
    shift = end - start - 1
    rest = [
        replace(node, reads=tuple(r - shift if r >= end - 1 else r for r in node.reads))
        for node in nodes[end:]
    ]
    return [*nodes[:start], whole, *rest]
