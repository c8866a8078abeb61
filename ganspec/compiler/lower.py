"""Lower a spec's networks to programs, layer by layer."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from ganspec.compiler.builder import Builder
from ganspec.compiler.own_kinds import faults
from ganspec.kinds.conditions.none import Unconditional
from ganspec.kinds.initializer import filling
from ganspec.kinds.initializers.framework import Framework
from ganspec.kinds.layer import Layer, Weighted
from ganspec.kinds.layers.join_label import JoinLabel
from ganspec.kinds.normalization import word
from ganspec.kinds.weight_norm import WeightNorm
from ganspec.language.errors import Diagnostic, SpecError, fail
from ganspec.language.expr import Width
from ganspec.language.kinds import within
from ganspec.program.ir import LABEL, Input, Net, Step, Value
from ganspec.program.probe import hollow
from ganspec.systems.agreement import label_help
from ganspec.systems.spec import Interface, Network, Spec


def lower_network(
    name: str,
    network: Network,
    scope: dict[str, int | float],
    interface: Interface,
    labels: Input | None = None,
) -> Net:
    """Return the program of `network`, called `name`. Raise SpecError at the first error.

    `scope` has the values of names in expressions. `interface` says what the network's input and
    outputs are. `labels` is the input for labels, or None if the spec has no labels.
    """
    net = Builder(network, scope, labels.value if labels else None)
    start = interface.input
    placed = any(isinstance(k, JoinLabel) and k.condition is None for k in within(network.layers))
    first = None if placed else network.condition
    x = net.join(first, start.value) if first else start.value
    x = net.layers(network.layers, x)
    outputs = {key: net.layers([head], x, key) for key, head in interface.heads.items()}
    outputs = {**(outputs or {interface.output: x}), **net.heads}
    net.heads = outputs
    main, *rest = outputs.values()
    net.check_all_read(main)
    steps = _heads_last(net.steps, main) if rest else net.steps
    lowered = Net(
        name=name,
        doc=network.doc or interface.doc,
        params={k: Width(v, k) for k, v in net.parameters({}).items()},
        inputs=net.inputs(start),
        steps=tuple(steps),
        outputs=outputs,
        initialize=filling(network.init),
    )
    _refuse_unused(name, network, net.norms_read)
    _refuse_unused_init(network, lowered)
    _refuse_lost(network, lowered)
    _refuse_labels_under_none(network, lowered)
    _refuse_zeros_under_weight_norm(lowered)
    return lowered


def _heads_last(steps: list[Step], output: Value) -> list[Step]:
    """Return the steps in a new order: first those that `output` depends on, then the others."""
    needed = {output.id}
    for step in reversed(steps):
        if step.output.id in needed:
            needed.update(step.inputs)
    return sorted(steps, key=lambda step: step.output.id not in needed)


def _refuse_unused(name: str, network: Network, read: Container[object]) -> None:
    """Raise SpecError for an entry of the network's `normalization` that changes nothing.

    `read` are the entries that some layer reads. The value `none` is an error only if there are
    normalizations among the layers, since it does not remove them.
    """
    layers = [layer for layer in within(network.layers) if isinstance(layer, Layer)]
    written = next((layer for layer in layers if layer.role == "norm"), None)
    for norm in network.norms:
        is_none = norm.kind == "none"
        if (is_none and not written) or (norm in read and not is_none):
            continue
        message = f"nothing reads `{word(norm)}`: the {name.lower()} has no layer `norm`"
        # without the key, a normalization of the file that `extends` names would come back
        without = (
            "remove it" if written or len(network.norms) > 1 else "write `normalization: none`"
        )
        help = f"add `norm` where its layers are to be normalized, or {without}"
        if isinstance(norm, WeightNorm) and not is_none:
            message = f"nothing reads `{norm.kind}`: no layer has a weight that takes it"
            help = without
        elif written:
            at = f" at {written.mark.seen_from(norm.mark)}" if written.mark else ""
            help = f"write `norm` in place of {written.kind}{at}"
            if is_none:
                message = f"`none` removes no {written.kind} that is written among the layers"
        fail("unused-normalization", message, norm.mark, help)


def _refuse_unused_init(network: Network, net: Net) -> None:
    """Raise SpecError if the network's `init` fills no weights: each layer has its own `init`."""
    init = network.init
    if isinstance(init, Framework):  # specs of Keras and TensorFlow have it by default
        return
    if init and init.mark and net.initialize and _replaces_init(net):
        message = f"nothing reads `init: {init.kind}`: each layer with weights has its own `init`"
        fail("unused-init", message, init.mark, "remove it, or `init` of layers that it is for")


def _replaces_init(net: Net) -> bool:
    """Return True if each layer with parameters, norms included, has its own `init`."""
    for step in net.steps:
        block = step.call.target if isinstance(step.call.target, Net) else None
        if step.initialize or (block and _replaces_init(block)):
            continue
        if block or (step.is_module and any(True for _ in hollow(step.call).parameters())):
            return False
    return bool(net.steps)


def _refuse_lost(network: Network, net: Net) -> None:
    """Raise SpecError for a layer of the user's own that ignores its `init` or the weight norm."""
    for layer in within(network.layers):
        if not (isinstance(layer, Weighted) and layer.is_own and layer.mark):
            continue
        steps = [step for step in net.leaves() if step.origin.mark == layer.mark]
        norm = layer.weight_norm or network.weight_norm
        lost = None
        if layer.init and not any(step.initialize for step in steps):
            lost = "init"
        if norm and norm.wrap() and not any(step.may_be_normed for step in steps):
            lost = "weight norm"
        if lost:
            message = f"`lower` of {layer.kind} leaves out its {lost}"
            fail("unfit-kind", message, layer.mark, "let it call `self.add(net, call, x)`")


def _refuse_labels_under_none(network: Network, net: Net) -> None:
    """Raise SpecError if a layer reads labels although the network's `condition` is `none`."""
    if not isinstance(network.condition, Unconditional) or not net.conditional:
        return
    step = next(step for step in net.steps if LABEL in step.inputs)
    kind = step.origin.kind
    message = f"the network says `condition: none`, but {kind} reads the label"
    fail("label-mismatch", message, step.origin.mark, f"remove {kind}, or `condition: none`")


def _refuse_zeros_under_weight_norm(net: Net) -> None:
    """Raise SpecError for initial weights of 0, which have no direction for weight norm to keep."""
    for step in net.leaves():
        functions = [w.target for w in step.call.wraps] + list(step.call.kwargs.values())
        init = step.initialize or net.initialize
        if init and init.kwargs.get("fill") is nn.init.zeros_ and weight_norm in functions:
            message = "weight norm keeps a weight's direction, and weights of 0 have none"
            help = "write another `init`, or `spectral` in place of `weight`"
            fail("bad-value", message, step.origin.mark, help)


def _advised(spec: Spec, key: str, diagnostic: Diagnostic) -> Diagnostic:
    """Return `diagnostic`, an error in the network `key`, with a remedy if labels are missing.

    If the spec's labels are `unknown`, the error is moved to their place.
    """
    if diagnostic.code != "missing-condition":
        return diagnostic
    message = f"{diagnostic.message}, but the spec does not say what they are"
    if gap := next((gap for gap in spec.gaps if gap.path == "condition"), None):
        message = f"{message}: {gap.seen}"
        place = diagnostic.mark and diagnostic.mark.seen_from(gap.mark)
        notes = (f"the layer is at {place}",) if place else ()
        help = "write what they are in place of `unknown`, such as `{kind: classes, size: 10}`"
        return replace(
            diagnostic, code="not-read", message=message, mark=gap.mark, notes=notes, help=help
        )
    if not spec.takes_labels:
        message = f"{diagnostic.message}, but the {key} gets none"
        return replace(diagnostic, message=message, help=diagnostic.help or "remove it")
    other = f", or {diagnostic.help}" if diagnostic.help else ""
    return replace(diagnostic, message=message, help=f"{label_help(spec)}{other}")


def _lower(spec: Spec, key: str, interface: Interface) -> Net:
    return lower_network(
        key.capitalize(), spec.network(key), spec.scope, interface, spec.label_input
    )


def _with_shape(spec: Spec) -> Spec:
    """Return the spec with the shape of the images that it draws, if `data` leaves that open.

    Return it unchanged if no network draws images, or if their shape cannot be found.
    """
    key = spec.draws
    if None not in spec.data.known_shape or key is None or key in spec.unread:
        return spec
    try:
        shape = _lower(spec, key, spec.interfaces()[key]).output.shape
    except SpecError:
        return spec
    if len(shape) != 3:
        return spec
    data = spec.data.model_copy(update={"channels": shape[0], "size": shape[1:]})
    return spec.model_copy(update={"data": data})


def lower_valid(spec: Spec) -> tuple[dict[str, Net], list[Diagnostic]]:
    """Return the programs of networks without errors by key, and the others' first errors.

    Networks that are `unknown` as a whole are left out. If users' own kinds fail when they are
    tried, return no programs and only these errors.
    """
    nets: dict[str, Net] = {}
    if diagnostics := faults(spec):
        return nets, diagnostics
    for key, interface in _with_shape(spec).interfaces().items():
        if key in spec.unread:
            continue
        try:
            nets[key] = _lower(spec, key, interface)
        except SpecError as error:
            diagnostics += [_advised(spec, key, each) for each in error.diagnostics]
    return nets, diagnostics


def lower(spec: Spec) -> dict[str, Net]:
    """Return the programs of the spec's networks by key, without those `unknown` as a whole.

    Raise SpecError with the errors that `lower_valid` returns and those of `Spec.contract`.
    """
    nets, diagnostics = lower_valid(spec)
    diagnostics += [d for d in spec.contract(nets) if d.severity == "error"]
    if diagnostics:
        raise SpecError(diagnostics)
    return nets
