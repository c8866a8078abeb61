"""A network of somebody else's, read: its layers, and what they do not say."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import nn

from ganspec.importing.entries import Entry
from ganspec.importing.graph import Graph, graph_of
from ganspec.importing.labels import label_of
from ganspec.importing.likeness import fill, modes_of
from ganspec.importing.missing import marked, scope_of
from ganspec.importing.python_file import Given, UnreadableError
from ganspec.importing.recording import BATCH, Op, record
from ganspec.importing.structure import Structure
from ganspec.kinds.layer import Weighted
from ganspec.language.kinds import kinds_of
from ganspec.program.ir import Value


@dataclass(eq=False)
class Sketch:
    """A network's layers; `reads` and `makes` are shapes without the batch."""

    title: str
    reads: tuple[int, ...]
    makes: tuple[int, ...]
    entries: list[Entry]
    label: Value | None = None
    classes: int | None = None
    condition: object = None
    norm: object = None
    notes: list[str] = field(default_factory=list)


@dataclass(eq=False, kw_only=True)
class Found(Sketch):
    """A network of code, with what it did to `inputs`."""

    network: nn.Module
    graph: Graph
    inputs: list[torch.Tensor]
    before: list[Op] = field(default_factory=list)  # calls of the condition
    compared: int | None = None  # outputs that the spec's network has as they are; None for all

    @property
    def missing(self) -> list[Entry]:
        return [e for top in self.entries for e in top.walk() if e.kind is None]


def read_network(title: str, network: nn.Module, given: list[Given]) -> Found:
    """What `network` does with the inputs; raises UnreadableError where it does not run."""
    fill(network)
    network.train()
    graph, inputs = _recorded(title, network, given)
    main = next(i for i, g in enumerate(given) if not g.is_label)
    label = next((i for i, g in enumerate(given) if g.is_label), None)
    start, side = graph.inputs[main], None if label is None else graph.inputs[label]
    labels = None if label is None else label_of(graph, side, given[label].classes)
    structure = Structure(graph, start, side, labels)
    score, *heads = _outputs(title, graph)
    found = Found(
        title,
        graph.shapes[start],
        graph.shapes[score],
        structure.entries(start, score),
        labels,
        None if label is None else given[label].classes,
        network=network,
        graph=graph,
        inputs=inputs,
    )
    for head in heads:
        _auxiliary(found, structure, head)
    found.entries = structure.named(found.entries)
    found.entries = marked(graph, found.entries, start)
    _lift_condition(found)
    _lift_norm(found)
    _note_weights(found)
    return found


def _recorded(title: str, network: nn.Module, given: list[Given]) -> tuple[Graph, list]:
    """The network's graph; a vector is tried as a map of one pixel, too."""
    attempts, failures = [given], []
    if any(g.name == "z" and len(g.shape) == 1 for g in given):
        attempts.append([_pixel(g) for g in given])
    for attempt in attempts:
        inputs = [drawn(g) for g in attempt]
        try:
            return graph_of(record(network, [x.clone() for x in inputs])), inputs
        except Exception as error:
            failures.append(error)
    texts = " and ".join(g.text for g in given)
    reason = (str(failures[0]).strip().splitlines() or [type(failures[0]).__name__])[0]
    raise UnreadableError(f"{title} does not run on {texts}: {reason[:200]}")


def _pixel(given: Given) -> Given:
    return Given("z", (*given.shape, 1, 1)) if given.name == "z" else given


def drawn(given: Given, seed: int = 0) -> torch.Tensor:
    """A small batch of random numbers, or of labels."""
    generator = torch.Generator().manual_seed(seed)
    if given.is_label and not given.shape:
        return torch.randint(0, given.classes, (BATCH,), generator=generator)
    if given.is_label:
        return torch.randint(0, 2, (BATCH, *given.shape), generator=generator).float()
    return torch.randn((BATCH, *given.shape), generator=generator)


def _outputs(title: str, graph: Graph) -> list[int]:
    """The network's outputs, the image or score first, without a reshape of single numbers."""
    if not graph.outputs:
        raise UnreadableError(f"what {title} gives back is made of none of its inputs")
    outputs = []
    for value in graph.outputs:
        op = graph.maker.get(value)
        if graph.roles.get(op) == "reshape" and math.prod(graph.shapes[value]) == 1:
            value = op.inputs[0]
        outputs.append(value)
    return (
        sorted(outputs, key=lambda v: math.prod(graph.shapes[v]) != 1) if outputs[1:] else outputs
    )


def _auxiliary(found: Found, structure: Structure, head: int) -> None:
    """Put a second output in as the layer `auxiliary`, where it is a linear layer's."""
    graph, trunk = found.graph, {e.output: i for i, e in enumerate(found.entries)}
    shared = [v for v in graph.before(head) if v in trunk]
    start = max(shared, key=lambda v: trunk[v], default=structure.start)
    layers = structure.entries(start, head)
    if layers and layers[-1].kind == "softmax":
        layers.pop()
        found.compared = 1
        found.notes.append("the classifier's softmax is left out: its loss reads logits")
    last = layers.pop() if layers else None
    if last is None or last.kind != "linear" or last.fields.get("bias") is False:
        found.notes.append("not expressed: a second output that ends in no linear layer")
        return
    size = last.fields.pop("out")
    found.classes = found.classes or size
    fields = {"layers": layers} if layers else {}
    entry = Entry("auxiliary", {**fields, **last.fields}, last.ops, "", "layers", start)
    found.entries.insert(trunk.get(start, -1) + 1, entry)


def _lift_condition(found: Found) -> None:
    """A label that joins the input is the network's own condition."""
    first = found.entries[0] if found.entries else None
    if first is not None and first.kind == "join_label" and "as" not in first.fields:
        found.condition = first.fields["condition"]
        if norm := first.fields.get("norm"):
            found.norm = norm
        found.before = first.ops
        found.entries = found.entries[1:]


def _lift_norm(found: Found) -> None:
    """A weight norm of most layers is the network's."""
    kinds = kinds_of("layer")
    entries = [e for top in found.entries for e in top.walk() if e.kind in kinds]
    weighted = [e for e in entries if issubclass(kinds[e.kind], Weighted)]
    norms = [e.fields.get("norm") for e in weighted]
    given = [n for n in norms if n is not None]
    usual = found.norm or next(
        (e.fields["norm"] for e in entries if e.kind == "join_label" and "norm" in e.fields), None
    )
    if usual is None and given and len(given) > 1 and 2 * norms.count(given[0]) > len(norms):
        usual = given[0]
    if usual is None:
        return
    found.norm = usual
    for entry, norm in zip(weighted, norms, strict=True):
        entry.fields.pop("norm", None)
        if norm != usual:
            entry.fields["norm"] = norm or "none"
    for entry in entries:
        if entry.kind == "join_label":
            entry.fields.pop("norm", None)


def _note_weights(found: Found) -> None:
    """Weights that are shared, or that no call reads."""
    used = [op.module for op in found.graph.ops if op.module is not None and op.module.state_dict()]
    for module in dict.fromkeys(used):
        if (count := used.count(module)) > 1:
            path = next(op.path for op in found.graph.ops if op.module is module)
            found.notes.append(
                f"not expressed: `{path}` is called {count} times with the same weights; "
                "the spec has a layer for each"
            )
    if modes_of([found.network]) == (False,):
        text = "the older `torch.nn.utils.spectral_norm` iterates in another order than `spectral`"
        found.notes.append(f"{text}: compared after training only")
    read = {id(p) for module in used for p in module.parameters()}
    told = [scope.path for e in found.missing if (scope := scope_of(found.graph, e.ops))]
    left = [
        name
        for name, parameter in found.network.named_parameters()
        if id(parameter) not in read and not any(name.startswith(f"{path}.") for path in told)
    ]
    if left:
        names = ", ".join(left[:4]) + (" ..." if len(left) > 4 else "")
        found.notes.append(f"not expressed: weights that no layer here has: {names}")
