"""A spec's networks to programs: layers folded over a value."""

from __future__ import annotations

from dataclasses import replace

from torch.nn.utils.parametrizations import weight_norm

from ganspec.compiler.builder import Builder
from ganspec.language.errors import Diagnostic, SpecError
from ganspec.program.ir import Input, Net, Step, Value
from ganspec.systems.spec import Interface, Network, Spec


def lower_network(
    name: str,
    network: Network,
    scope: dict,
    interface: Interface,
    labels: Input | None = None,
) -> Net:
    """Return one network's program; raises SpecError at its first shape error."""
    net = Builder(network, scope, labels.value if labels else None)
    start = interface.input
    x = net.join(network.condition, start.value) if network.condition else start.value
    x = net.layers(network.layers, x)
    outputs = {key: net.layers([head], x, key) for key, head in interface.heads.items()}
    outputs = {**(outputs or {interface.output: x}), **net.heads}
    net.heads = outputs
    main, *rest = outputs.values()
    net.finish(main)
    steps = heads_last(net.steps, main) if rest else net.steps
    lowered = Net(
        name,
        network.doc or interface.doc,
        net.parameters(net.steps, {}),
        net.inputs(start),
        tuple(steps),
        outputs,
        initialize=network.init.call() if network.init else None,
    )
    _refuse_init_under_weight_norm(lowered)
    return lowered


def heads_last(steps: list[Step], output: Value) -> list[Step]:
    """Return the steps with those that only heads read after the output's, as it is returned."""
    needed = {output.id}
    for step in reversed(steps):
        if step.output.id in needed:
            needed.update(step.inputs)
    return sorted(steps, key=lambda step: step.output.id not in needed)


def _refuse_init_under_weight_norm(net: Net) -> None:
    """Weight norm keeps a length and a direction: no tensor of its own to fill."""
    for step in net.leaves():
        functions = [w.target for w in step.call.wraps] + list(step.call.kwargs.values())
        if (net.initialize or step.initialize) and weight_norm in functions:
            message = "initial weights cannot be set under `norm: weight`, which draws its own"
            help = "take `init` away, or use `norm: spectral`"
            raise SpecError([Diagnostic("bad-value", message, step.origin.mark, (), help)])


def _advised(spec: Spec, key: str, finding: Diagnostic) -> Diagnostic:
    """Return a finding with the help that holds in such a system: not all can have labels."""
    if finding.code != "missing-condition" or spec.takes_labels:
        return finding
    return replace(finding, help=f"remove it: the {key} reads images only")


def lower(spec: Spec) -> dict[str, Net]:
    """Return the programs of the spec's networks; raises SpecError with every finding."""
    nets, diagnostics = {}, []
    for key, interface in spec.interfaces().items():
        try:
            network, name = getattr(spec, key), key.capitalize()
            nets[key] = lower_network(name, network, spec.scope, interface, spec.label_input)
        except SpecError as error:
            diagnostics += [_advised(spec, key, finding) for finding in error.diagnostics]
    diagnostics += [d for d in spec.contract(nets) if d.severity == "error"]
    if diagnostics:
        raise SpecError(diagnostics)
    return nets
