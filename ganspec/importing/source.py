"""`ganspec import FILE.py`: import of networks in a Python file as a spec."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from torch import nn

from ganspec.compiler.lower import lower_network
from ganspec.importing.checking import difference, initial_weights
from ganspec.importing.graph import Shape
from ganspec.importing.network import CodeNetwork, read_network
from ganspec.importing.python_file import (
    CodeInput,
    UnreadableError,
    arity,
    build,
    maker_of,
    run_file,
)
from ganspec.importing.symbols import name_widths
from ganspec.importing.system import SpecDraft, draft_spec, role_of, text_of
from ganspec.kinds.initializer import Initializer
from ganspec.language.errors import SpecError, listed
from ganspec.program.ir import Net
from ganspec.systems.load import loads
from ganspec.systems.spec import Spec

EQUAL = "equal outputs on random input"
UNKNOWN_INIT = "initial weights: torch's own here; the constructor's were not recognized"


@dataclass(frozen=True)
class Imported:
    """The text of an imported spec; `verified` has, by role, the result of each comparison."""

    name: str
    text: str
    verified: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def import_file(
    path: Path, names: dict[str, str], inputs: list[CodeInput], settings: dict[str, object]
) -> Imported:
    """Import the classes or functions in `names`, by role. Shapes decide for the role `network`.

    Raise UnreadableError if the file, a name, a setting or an input does not fit, or if networks
    differ in the shape of their images.
    """
    module = run_file(path)
    makers = {role: maker_of(module, name, path) for role, name in names.items()}
    known = {each for maker in makers.values() for each in inspect.signature(maker).parameters}
    if strange := [name for name in settings if name not in known]:
        raise UnreadableError(
            f"no constructor takes {listed(strange)}; --with is for its arguments"
        )
    builders = {role: partial(build, maker, settings) for role, maker in makers.items()}
    networks: dict[str, CodeNetwork] = {}
    variables: dict[str, int] = {}
    for role, maker in makers.items():
        network, title = builders[role](), maker.__name__
        image = networks["generator"].makes if "generator" in networks else None
        own = inputs_of(role, title, arity(network), inputs, image)
        networks[role] = read_network(title, network, own)
        named = name_widths(networks[role], own, maker, settings)
        if any(variables.get(name, value) != value for name, value in named.items()):
            # an earlier network has another value for a name
            networks[role] = read_network(title, network, own)
        else:
            variables |= named
    if "network" in networks:
        role = role_of(networks["network"])
        networks, builders = {role: networks["network"]}, {role: builders["network"]}
    draft = draft_spec(path.stem, path.name, networks)
    draft.variables = variables
    return finish(draft, networks, builders)


def inputs_of(
    role: str, title: str, count: int, inputs: list[CodeInput], image: Shape | None
) -> list[CodeInput]:
    """Return the `inputs` that a network reads.

    A discriminator without an input `x` reads `image`, the shape of the generator's output. Labels
    are left out if there are more inputs than the `count` that `forward` requires. Raise
    UnreadableError if there are fewer than `count`, or labels alone.
    """
    fitting = {"generator": "zy", "discriminator": "xy"}.get(role, "xyz")
    own = [each for each in inputs if each.name in fitting]
    if role == "discriminator" and image and not any(each.name == "x" for each in own):
        own.insert(0, CodeInput("x", image))
    if len(own) > count:  # this network reads no label
        own = [each for each in own if not each.is_label]
    if all(each.is_label for each in own):
        example = {"generator": "z:100", "discriminator": "x:3x64x64"}
        options = example.get(role, "z:100, or --input x:3x64x64")
        raise UnreadableError(f"{title} needs an input; add --input {options}")
    if len(own) < count:
        raise UnreadableError(f"{title} reads {count} tensors; add --input y:class10 or y:10")
    return own


def finish(
    draft: SpecDraft,
    networks: dict[str, CodeNetwork],
    builders: Mapping[str, Callable[[], nn.Module]],
) -> Imported:
    """Return the draft's text with initial weights, and the comparison of each network."""
    text = text_of(draft)
    try:
        spec = loads(text, f"{draft.name}.yaml")
    except SpecError as error:
        reason = f"does not fit: {error.diagnostics[0].message}"
        return Imported(draft.name, text, dict.fromkeys(networks, reason))
    warnings, verified = [], {}
    for role, network in networks.items():
        gaps = [entry.note for entry in network.missing]
        warnings += [f"{role}: {note}" for note in [*gaps, *network.notes]]
        verified[role] = compared(spec, role, network)
        if verified[role] == EQUAL:
            recognized, draft.inits[role] = initial_weights(
                network, builders[role], partial(lowered, spec, role)
            )
            network.notes += [] if recognized else [UNKNOWN_INIT]
        elif not gaps:
            warnings.append(f"{role}: {verified[role]}")
    return Imported(draft.name, text_of(draft), verified, warnings)  # now with initial weights


def compared(spec: Spec, role: str, network: CodeNetwork) -> str:
    """Describe the difference of a network and its code in words; `EQUAL` if there is none."""
    if gaps := len(network.missing):
        return f"not compared: {gaps} of its parts {'is' if gaps == 1 else 'are'} not expressed"
    try:
        return difference(network, lowered(spec, role)) or EQUAL
    except SpecError as error:
        return f"does not fit: {error.diagnostics[0].message}"


def lowered(spec: Spec, role: str, init: Initializer | None = None) -> Net:
    """Lower one network of a spec, with `init` in place of its own if given. Raises SpecError."""
    network = getattr(spec, role)
    if init is not None:
        network = network.model_copy(update={"init": init})
    interface = spec.interfaces()[role]
    return lower_network(role.capitalize(), network, spec.scope, interface, spec.label_input)
