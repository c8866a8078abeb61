"""A system's networks as a Mermaid flowchart, which GitHub and many editors draw."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ganspec.program.ir import Net
from ganspec.program.measure import parameters_text
from ganspec.report.graph import GraphNode, NetworkGraph, graph
from ganspec.report.graph_layout import title_of
from ganspec.report.graph_svg import FILLS, times
from ganspec.seal import BLANK, sealed
from ganspec.systems.spec import Spec

SHAPES = {"box": '["{}"]', "source": '(["{}"])', "result": '(["{}"])', "join": '(["{}"])'}


def mermaid(spec: Spec, nets: dict[str, Net]) -> str:
    """Return the flowchart's text, with a subgraph for each network."""
    lines = [f"%% Written by ganspec from the spec `{spec.name}` ({BLANK}).", "flowchart TB"]
    for name, net in nets.items():
        lines.append(f'  subgraph {name} ["{_quoted(f"{name}: {parameters_text(net)}")}"]')
        lines.append("    direction TB")  # else Mermaid draws subgraphs without inputs sideways
        lines += (f"    {line}" for line in _Flow(name, graph(net)).lines)
        lines.append("  end")
    for tone, (fill, stroke) in FILLS.items():
        lines.append(f"  classDef {tone} fill:{fill},stroke:{stroke},color:#1a1a1a")
    return sealed("\n".join([*lines, ""]))


class _Flow:
    """The statements of one network, in `lines`: nodes, frames as subgraphs, then arrows."""

    def __init__(self, name: str, whole: NetworkGraph):
        self.name = name
        self.arrows: list[str] = []
        self.lines = list(self.graph(whole, name, ""))
        if any(f"{name}_y " in arrow for arrow in self.arrows):
            self.lines.insert(0, f'{name}_y(["label"]):::label')
        self.lines += self.arrows

    def graph(self, part: NetworkGraph, prefix: str, entry: str) -> Iterator[str]:
        """Yield the statements of a graph, whose nodes' names begin with `prefix`.

        A subgraph of Mermaid has no nodes for its input and output. So arrows into a frame start at
        the node `entry` outside, which the frame reads, and end at the nodes inside that read the
        frame's input. Arrows out of a frame start at the node inside that makes its output:
        `self.end` is set to that node's name once the statements of the frame are yielded.
        """
        ends: list[str] = []  # for each node, the Mermaid node at which its arrows start
        for i, node in enumerate(part.nodes):
            own = f"{prefix}_{i}"
            reads = [(ends[read], part.nodes[read].shape) for read in node.reads]
            if node.form == "source" and not node.lines:
                own = entry
            elif node.form == "source" and node.tone == "label":
                own = f"{self.name}_y"
            elif node.form == "result" and not node.lines:
                self.end = reads[0][0]
            elif node.inner is not None:
                yield f'subgraph {own} ["{_quoted(title_of(node)) or " "}"]'
                inner = self.graph(node.inner, own, reads[0][0])
                yield from (f"  {line}" for line in inner)
                yield "end"
                own = self.end
            else:
                yield self.node(own, node)
                self.arrows += [f'{a} -->|"{_quoted(shape)}"| {own}' for a, shape in reads]
                self.arrows += [f"{self.name}_y --> {own}"] * node.label
            ends.append(own)

    def node(self, own: str, node: GraphNode) -> str:
        """Return the statement that draws `node` under the name `own`."""
        lines = [*node.lines, *([title_of(node).strip()] if node.count > 1 else [])]
        text = "<br/>".join(map(_quoted, lines))
        return f"{own}{SHAPES[node.form].format(text)}:::{node.tone}"


def _quoted(text: str) -> str:
    """Return `text` for a quoted Mermaid string: special characters become codes such as `#35;`."""
    return re.sub(r"[^\w .,:+×-]", lambda match: f"#{ord(match[0])};", times(text))  # noqa: RUF001
