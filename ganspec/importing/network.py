"""Import of one network: its layers, and notes on the parts that they leave out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import nn

from ganspec.importing.entries import Data, Entry, shortened, walk
from ganspec.importing.graph import BATCH, RecordedCall, RecordedGraph, Shape, sized
from ganspec.importing.guesses import layer_kinds
from ganspec.importing.labels import GraphLabel
from ganspec.importing.likeness import fill, modes_of
from ganspec.importing.missing import marked, scope_of
from ganspec.importing.python_file import CodeInput, UnreadableError
from ganspec.importing.recording import record
from ganspec.importing.simplifying import simplify
from ganspec.importing.structure import Structure
from ganspec.importing.weights import few, places, shared
from ganspec.kinds.layer import Weighted
from ganspec.kinds.normalization import word
from ganspec.language.errors import one_line
from ganspec.language.expr import Width
from ganspec.language.unread import UNREAD
from ganspec.program.ir import Input, label_input

NAMES = ("as", "from")  # fields that name a layer's output or the value that it reads


@dataclass(eq=False)
class NetworkDraft:
    """A network's layers and settings; `reads` and `makes` are its input and output shape.

    `classes` is the number of classes, or the length of the multi-hot label, that the network reads
    or that a layer `auxiliary` predicts; None if there is no label.
    """

    title: str
    reads: Shape
    makes: Shape
    entries: list[Entry]
    label: Input | None = None
    classes: int | None = None
    condition: Data = None
    weight_norm: Data = None
    activation_norm: Data = None
    notes: list[str] = field(default_factory=list)
    # in words, parts that were not read, other than the layers `unknown`
    unknown: list[str] = field(default_factory=list)

    @property
    def reads_images(self) -> bool:
        """True if the input is a feature map; one of 1 x 1 pixel is a latent, not an image."""
        return len(self.reads) == 3 and self.reads[1:] != (1, 1)

    @property
    def judges(self) -> bool:
        """True if the output is one score, or a map of scores smaller than the image."""
        if math.prod(self.makes) == 1:
            return True
        is_map = len(self.makes) == 3 and self.makes[0] == 1
        return self.reads_images and is_map and self.makes[1] < self.reads[1]

    @property
    def missing(self) -> list[Entry]:
        """The layers `unknown`."""
        return [entry for entry in walk(self.entries) if entry.kind == UNREAD]

    @property
    def gaps(self) -> list[str]:
        """All parts that were not read, in words: `unknown`, then the layers `unknown`."""
        return [*self.unknown, *(str(entry.fields["seen"]) for entry in self.missing)]


@dataclass(eq=False, kw_only=True)
class CodeNetwork(NetworkDraft):
    """A network that was read from Python code, with the graph that was recorded on `inputs`."""

    network: nn.Module
    graph: RecordedGraph
    inputs: list[torch.Tensor]
    # calls that the network's `condition` expresses: they join the label to the input
    before: list[RecordedCall] = field(default_factory=list)
    compared: list[int] = field(default_factory=list)  # indices of the outputs that were read


def read_network(title: str, network: nn.Module, inputs: list[CodeInput]) -> CodeNetwork:
    """Return `network` as layers, after its weights are replaced by random numbers.

    Raise UnreadableError if it does not run on the inputs, or if its output depends on none of them
    or on the label alone.
    """
    fill(network)
    at = places(network)
    network.train()
    graph, tensors = _recorded(title, network, inputs)
    values = list(zip(graph.inputs, inputs, strict=True))
    start = next(value for value, each in values if each.classes is None)
    label, classes = None, None
    for value, each in values:
        if each.classes is not None:
            classes, is_index = each.classes, not each.shape
            label = GraphLabel(value, label_input(Width(classes), is_index))
    structure = Structure(graph, start, label)
    outputs = _outputs(title, graph)
    # a single number is the score, even if it is not returned first
    main, *heads = sorted(outputs, key=lambda value: math.prod(graph.shapes[value]) != 1)
    if main not in structure.derived:
        raise UnreadableError(
            f"the output of {title} depends on the label alone; let it read a latent or image, too"
        )
    draft = CodeNetwork(
        title,
        graph.shapes[start],
        graph.shapes[main],
        structure.entries(start, main),
        label=label.input if label else None,
        classes=classes,
        network=network,
        graph=graph,
        inputs=tensors,
    )
    heads = [head for head in heads if _insert_auxiliary(draft, structure, head)]
    draft.compared = [outputs.index(value) for value in (main, *heads)]
    draft.entries = marked(graph, structure.named(draft.entries), start)
    _lift_condition(draft)
    _lift_weight_norm(draft)
    _note_weights(draft, at)
    return draft


def _recorded(
    title: str, network: nn.Module, inputs: list[CodeInput]
) -> tuple[RecordedGraph, list[torch.Tensor]]:
    """Return the network's graph and inputs; if it rejects a latent (n,), it gets (n, 1, 1).

    Raise UnreadableError if it runs on neither.
    """
    pixels = [CodeInput("z", (*i.shape, 1, 1)) if i.name == "z" else i for i in inputs]
    is_vector = any(i.name == "z" and len(i.shape) == 1 for i in inputs)
    failures = []
    for attempt in (inputs, pixels) if is_vector else (inputs,):
        tensors = [drawn(each) for each in attempt]
        try:
            graph = record(network, [tensor.clone() for tensor in tensors])
            simplify(graph)
            return graph, tensors
        except Exception as error:  # the user's code may raise anything
            failures.append(error)
    texts = " and ".join(each.text for each in inputs)
    raise UnreadableError(
        f"{title} does not run on {texts}: {one_line(failures[0])[:200]}; check --input, and that "
        f"the code fixes no batch size: ganspec used {BATCH}"
    )


def drawn(code_input: CodeInput) -> torch.Tensor:
    """Return a random batch for an input: normal numbers, or labels."""
    generator = torch.Generator().manual_seed(0)
    shape = (BATCH, *code_input.shape)
    if code_input.classes is None:
        return torch.randn(shape, generator=generator)
    if code_input.shape:
        return torch.randint(0, 2, shape, generator=generator).float()
    return torch.randint(0, code_input.classes, shape, generator=generator)


def _outputs(title: str, graph: RecordedGraph) -> list[int]:
    """Return the values of the network's outputs; for a reshaped score, the value before.

    Raise UnreadableError if no output depends on the inputs.
    """
    if not graph.outputs:
        raise UnreadableError(
            f"{title} returns no tensor that depends on its inputs; name another network"
        )
    maker = {call.output: call for call in graph.calls}
    outputs = list(graph.outputs)
    for i, value in enumerate(outputs):
        is_reshape = value in maker and graph.is_reshape(maker[value])
        if is_reshape and math.prod(graph.shapes[value]) == 1:
            outputs[i] = maker[value].inputs[0]
    return outputs


def _insert_auxiliary(draft: CodeNetwork, structure: Structure, head: int) -> bool:
    """Insert a layer `auxiliary` for the further output `head`. Return True if it was inserted.

    Otherwise, note that the output was not read. Only a discriminator can have such a layer, and
    only one. The output must come from a `linear` with a bias, or from a softmax after it.
    """
    trunk = {entry.output: i for i, entry in enumerate(draft.entries)}
    common = [value for value in draft.graph.before(head) if value in trunk]
    start = max(common, key=lambda value: trunk[value], default=structure.start)
    layers = structure.entries(start, head) if head in structure.derived else []
    kinds = [entry.kind or "a part that no layer expresses" for entry in layers]
    softmax = layers.pop() if layers and layers[-1].kind == "softmax" else None
    last = layers.pop() if layers else None
    is_free = draft.judges and all(entry.kind != "auxiliary" for entry in draft.entries)
    if (
        not is_free
        or last is None
        or last.kind != "linear"
        or last.fields.get("bias") is False
        or any(entry.kind is None for entry in walk(layers))
    ):
        shape = sized(draft.graph.shapes[head])
        draft.unknown.append(f"a further output of {shape}: {', '.join(kinds) or 'an inner value'}")
        return False
    size = last.fields.pop("out")
    if isinstance(size, int):
        draft.classes = draft.classes or size
    fields: dict[str, Data] = {"layers": layers} if layers else {}
    fields |= last.fields | ({"softmax": True} if softmax else {})
    entry = Entry("auxiliary", fields, last.calls, output=start)
    draft.entries.insert(trunk.get(start, -1) + 1, entry)
    return True


def _lift_condition(draft: CodeNetwork) -> None:
    """If the first layer is `join_label`, without a name, make it the network's `condition`."""
    first = draft.entries[0] if draft.entries else None
    if first is not None and first.kind == "join_label" and "as" not in first.fields:
        draft.condition = first.fields["condition"]
        draft.weight_norm = first.fields.get("weight_norm")
        draft.before = first.calls
        draft.entries = draft.entries[1:]


def _lift_weight_norm(draft: CodeNetwork) -> None:
    """Make the weight norm of a joined label, or of most layers with weights, the network's."""
    entries = list(walk(draft.entries))
    kinds = {name for name, kind in layer_kinds().items() if issubclass(kind, Weighted)}
    weighted = [entry for entry in entries if entry.kind in kinds]
    joins = [entry for entry in entries if entry.kind == "join_label"]
    norms = [entry.fields.get("weight_norm") for entry in weighted]
    present = [norm for norm in norms if norm is not None]
    usual = draft.weight_norm or next(
        (e.fields["weight_norm"] for e in joins if "weight_norm" in e.fields), None
    )
    if usual is None and len(present) > 1 and 2 * norms.count(present[0]) > len(norms):
        usual = present[0]
    if usual is None:
        return
    draft.weight_norm = usual
    for entry, norm in zip(weighted, norms, strict=True):
        entry.fields.pop("weight_norm", None)
        if norm != usual:
            entry.fields["weight_norm"] = norm or "none"
    for entry in joins:
        entry.fields.pop("weight_norm", None)


def lift_activation_norm(draft: NetworkDraft) -> None:
    """Move the settings of the normalization layers to `activation_norm`; the layers become `norm`.

    Do nothing unless they are equal but for NAMES.
    """
    norms = {n: kind for n, kind in layer_kinds().items() if kind.role == "norm"}
    layers = [entry for entry in walk(draft.entries) if entry.kind in norms]
    settings = [(e.kind, {k: v for k, v in e.fields.items() if k not in NAMES}) for e in layers]
    if not layers or any(each != settings[0] for each in settings):
        return
    name, fields = settings[0]
    kind = norms[name or ""]
    draft.activation_norm = shortened(word(kind), fields, kind.primary)
    for entry in layers:
        entry.kind = "norm"
        entry.fields = {k: v for k, v in entry.fields.items() if k in NAMES}


def _note_weights(draft: CodeNetwork, at: dict[int, int]) -> None:
    """Note weights that calls share, weights that no layer uses, and torch's older spectral norm.

    `at` is the result of `places`.
    """
    calls = [call for call in draft.graph.calls if call.has_state]
    used = [call.module for call in calls if call.module is not None]
    paths = {call.module: call.path for call in reversed(calls)}
    for module in dict.fromkeys(used):
        if (count := used.count(module)) > 1:
            draft.unknown.append(f"`{paths[module]}` is called {count} times with the same weights")
    if tied := shared({module: paths[module] for module in used}, at):
        draft.unknown.append(f"weights that layers share: {few(tied)}")
    if modes_of([draft.network]) == (False,):
        text = "the older `torch.nn.utils.spectral_norm` iterates in another order than `spectral`"
        draft.notes.append(f"{text}: compared in evaluation mode only")
    read = {id(parameter) for module in used for parameter in module.parameters()}
    scopes = [scope_of(draft.graph, entry.calls) for entry in draft.missing]
    # these modules are named by layers `unknown`, so their weights need no further note
    inside = tuple(f"{scope.path}." for scope in scopes if scope)
    parameters = draft.network.named_parameters()
    left = [n for n, p in parameters if id(p) not in read and not n.startswith(inside)]
    if left:
        draft.unknown.append(f"weights that no layer uses: {few(left)}")
