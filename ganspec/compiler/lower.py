"""A spec's networks to programs: layers folded over a value."""

from __future__ import annotations

from dataclasses import replace

from torch.nn.utils.parametrizations import weight_norm

from ganspec.compiler.builder import Builder
from ganspec.compiler.contract import contract
from ganspec.compiler.ir import Input, Net, Step, Value
from ganspec.compiler.passes import optimise
from ganspec.language.errors import Diagnostic, SpecError
from ganspec.language.expr import Width
from ganspec.language.spec import Spec
from ganspec.language.system import Label, Network, System


def lower_network(
    name: str,
    doc: str,
    network: Network,
    scope: dict,
    start: Input,
    labels: Value | None = None,
) -> Net:
    """One network's program, with passes applied; raises SpecError at its first shape error."""
    net = Builder(network, scope, labels)
    x = net.join(network.condition, start.value) if network.condition else start.value
    end = net.layers(network.layers, x)
    net.finish(end)
    steps = heads_last(net.steps, end) if net.heads else net.steps
    fill = network.init.call() if network.init else None
    params = net.parameters(net.steps, {})
    lowered = Net(
        name,
        network.doc or doc,
        params,
        net.inputs(start),
        tuple(steps),
        end,
        initialize=fill,
        heads=tuple(net.heads),
    )
    _refuse_init_under_weight_norm(lowered)
    return optimise(lowered)


def heads_last(steps: list[Step], output: Value) -> list[Step]:
    """What only heads read is computed after the output, as it is given back after it."""
    needed = {output.id}
    for step in reversed(steps):
        if step.output.id in needed:
            needed.update(step.inputs)
    return sorted(steps, key=lambda step: step.output.id not in needed)


def labels_of(condition: Label | None) -> Value | None:
    """The labels as a value: an index of a class, or a vector of 0 and 1."""
    if condition is None:
        return None
    is_index = condition.kind == "classes"
    shape = () if is_index else (int(condition.size),)
    return Value(-2, shape, condition.size, is_index=is_index)


def _refuse_init_under_weight_norm(net: Net) -> None:
    """Weight norm keeps a length and a direction: no tensor of its own to fill."""
    for step in net.leaves():
        functions = [w.target for w in step.call.wraps] + list(step.call.kwargs.values())
        if (net.initialize or step.initialize) and weight_norm in functions:
            message = "initial weights cannot be set under `norm: weight`, which draws its own"
            help = "take `init` away, or use `norm: spectral`"
            raise SpecError([Diagnostic("bad-value", message, step.origin.mark, (), help)])


DOCS = {
    "generator": "Latent vector to image.",
    "discriminator": "Image to score.",
    "classifier": "Image to labels.",
    "autoencoder": "Image to image.",
}


def starts(spec: System) -> dict[str, Input]:
    """What each network of the spec reads, labels aside."""
    channels, height, width = spec.data.shape
    x = Input("x", Value(-1, (channels, height, width), Width(channels)))
    found = dict.fromkeys(spec.networks, x)
    if isinstance(spec, Spec):
        size = spec.latent.size
        found["generator"] = Input("z", Value(-1, (int(size),), size))
    return found


def _advised(spec: System, key: str, finding: Diagnostic) -> Diagnostic:
    """A finding with the help that holds in such a system: only a GAN can have a condition."""
    if finding.code != "missing-condition" or isinstance(spec, Spec):
        return finding
    return replace(finding, help=f"remove it: the {key} reads images only")


def lower(spec: System) -> dict[str, Net]:
    """The programs of the spec's networks by name; raises SpecError with every finding."""
    labels = labels_of(spec.condition) if isinstance(spec, Spec) else None
    found, diagnostics = {}, []
    for key, start in starts(spec).items():
        try:
            network, name = getattr(spec, key), key.capitalize()
            found[key] = lower_network(name, DOCS[key], network, spec.scope, start, labels)
        except SpecError as error:
            diagnostics += [_advised(spec, key, finding) for finding in error.diagnostics]
    diagnostics += [d for d in contract(spec, found) if d.severity == "error"]
    if diagnostics:
        raise SpecError(diagnostics)
    return found
