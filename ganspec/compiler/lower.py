"""Lower a spec's networks to programs, layer by layer."""

from __future__ import annotations

from dataclasses import replace

from torch.nn.utils.parametrizations import weight_norm

from ganspec.compiler.builder import Builder
from ganspec.language.errors import Diagnostic, SpecError
from ganspec.language.expr import Width
from ganspec.program.ir import Input, Net, Step, Value
from ganspec.systems.spec import Interface, Network, Spec


def lower_network(
    name: str,
    network: Network,
    scope: dict[str, int | float],
    interface: Interface,
    labels: Input | None = None,
) -> Net:
    """Return one network's program. Raises SpecError at its first shape error."""
    net = Builder(network, scope, labels.value if labels else None)
    start = interface.input
    x = net.join(network.condition, start.value) if network.condition else start.value
    x = net.layers(network.layers, x)
    outputs = {key: net.layers([head], x, key) for key, head in interface.heads.items()}
    outputs = {**(outputs or {interface.output: x}), **net.heads}
    net.heads = outputs
    main, *rest = outputs.values()
    net.check_all_read(main)
    steps = heads_last(net.steps, main) if rest else net.steps
    lowered = Net(
        name=name,
        doc=network.doc or interface.doc,
        params={k: Width(v, k) for k, v in net.parameters({}).items()},
        inputs=net.inputs(start),
        steps=tuple(steps),
        outputs=outputs,
        initialize=network.init.call() if network.init else None,
    )
    _refuse_init_under_weight_norm(lowered)
    return lowered


def heads_last(steps: list[Step], output: Value) -> list[Step]:
    """Return the steps, those that `output` needs first and those of other heads after them."""
    needed = {output.id}
    for step in reversed(steps):
        if step.output.id in needed:
            needed.update(step.inputs)
    return sorted(steps, key=lambda step: step.output.id not in needed)


def _refuse_init_under_weight_norm(net: Net) -> None:
    """Raise SpecError for initial weights under a weight norm, which has no tensor to fill."""
    for step in net.leaves():
        functions = [w.target for w in step.call.wraps] + list(step.call.kwargs.values())
        if (net.initialize or step.initialize) and weight_norm in functions:
            message = "initial weights cannot be set under `norm: weight`, which draws its own"
            help = "take `init` away, or use `norm: spectral`"
            raise SpecError([Diagnostic("bad-value", message, step.origin.mark, (), help)])


def _advised(spec: Spec, key: str, diagnostic: Diagnostic) -> Diagnostic:
    """Return the diagnostic, with other help if a system without labels lacks a condition."""
    if diagnostic.code != "missing-condition" or spec.takes_labels:
        return diagnostic
    return replace(diagnostic, help=f"remove it: the {key} reads images only")


def lower(spec: Spec) -> dict[str, Net]:
    """Return the programs of the spec's networks. Raises SpecError with every error.

    A network that is `unknown` as a whole has no program.
    """
    nets: dict[str, Net] = {}
    diagnostics: list[Diagnostic] = []
    for key, interface in spec.interfaces().items():
        if key in spec.unread:
            continue
        try:
            network, name = getattr(spec, key), key.capitalize()
            nets[key] = lower_network(name, network, spec.scope, interface, spec.label_input)
        except SpecError as error:
            diagnostics += [_advised(spec, key, each) for each in error.diagnostics]
    diagnostics += [d for d in spec.contract(nets) if d.severity == "error"]
    if diagnostics:
        raise SpecError(diagnostics)
    return nets
