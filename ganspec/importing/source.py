"""`ganspec import FILE.py`: classes of a Python file to a spec, and what is to be said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from ganspec.compiler.lower import lower_network
from ganspec.importing.checking import difference, initial_weights
from ganspec.importing.network import Found, read_network
from ganspec.importing.python_file import (
    Given,
    UnreadableError,
    arity,
    build,
    class_of,
    run_file,
    takes,
)
from ganspec.importing.symbols import named
from ganspec.importing.system import Draft, draft, role_of, text_of
from ganspec.language.errors import SpecError, listed
from ganspec.program.ir import Net
from ganspec.systems.load import loads
from ganspec.systems.spec import Spec

EQUAL = "equal outputs on random input"
UNKNOWN_INIT = "initial weights: torch's own here; the constructor's were not recognized"


@dataclass(frozen=True)
class Imported:
    """A spec's text; `verified` says of each network how it was held against the code."""

    name: str
    text: str
    verified: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def import_file(
    path: Path, classes: dict[str, str], inputs: list[Given], settings: dict[str, object]
) -> Imported:
    """A spec of the classes, which are named by role, or `network` for what the shapes say.

    Raises UnreadableError where the file, a class or an input does not fit.
    """
    module = run_file(path)
    kinds = {role: class_of(module, name, path) for role, name in classes.items()}
    known = set().union(*(takes(cls) for cls in kinds.values()))
    if strange := [name for name in settings if name not in known]:
        raise UnreadableError(
            f"no constructor takes {listed(strange)}; --with is for its arguments"
        )
    makers = {role: lambda cls=cls: build(cls, settings) for role, cls in kinds.items()}
    networks: dict[str, Found] = {}
    variables: dict[str, int] = {}
    for role, make in makers.items():
        network = make()
        title = kinds[role].__name__
        given = inputs_of(role, title, network, inputs, networks)
        networks[role] = read_network(title, network, given)
        names = named(networks[role], given, kinds[role], settings)
        if any(variables.get(name, value) != value for name, value in names.items()):
            networks[role] = read_network(title, network, given)  # one name, two values
        else:
            variables |= names
    if "network" in networks:
        role = role_of(networks["network"])
        networks, makers = {role: networks["network"]}, {role: makers["network"]}
    spec = draft(path.stem, path.name, networks, variables=variables)
    return finished(spec, makers)


def inputs_of(
    role: str, title: str, network: nn.Module, inputs: list[Given], before: dict[str, Found]
) -> list[Given]:
    """Those of the inputs that a network reads, in their order; raises UnreadableError."""
    fitting = {"generator": "zy", "discriminator": "xy"}.get(role, "xyz")
    found = [given for given in inputs if given.name in fitting]
    if role == "discriminator" and not any(g.name == "x" for g in found) and "generator" in before:
        found.insert(0, Given("x", before["generator"].makes))
    count = arity(network)
    if len(found) > count:  # a label is for the networks that take one
        found = [given for given in found if not given.is_label]
    if not [g for g in found if not g.is_label]:
        example = {"generator": "z:100", "discriminator": "x:3x64x64"}
        options = example.get(role, "z:100, or --input x:3x64x64")
        raise UnreadableError(f"{title} reads something; say what, as --input {options}")
    if len(found) < count:
        raise UnreadableError(f"{title} reads {count} tensors; add --input y:class10 or y:10")
    return found


def finished(spec: Draft, makers: dict[str, Callable[[], nn.Module]]) -> Imported:
    """The draft's text, held against the code."""
    text, warnings = text_of(spec), []
    verified = {}
    try:
        loaded = loads(text, f"{spec.name}.yaml")
    except SpecError as error:
        reason = f"does not fit: {error.diagnostics[0].message}"
        return Imported(spec.name, text, dict.fromkeys(spec.networks, reason))
    for role, found in spec.networks.items():
        gaps = [entry.note for entry in found.missing]
        warnings += [f"{role}: {note}" for note in [*gaps, *found.notes]]
        verified[role] = compared(loaded, role, found)
        if verified[role] == EQUAL:
            init = initial_weights(found, makers[role], lambda i, r=role: lowered(loaded, r, i))
            if init is False:
                found.notes.append(UNKNOWN_INIT)
            else:
                spec.inits[role] = init
        elif not gaps:
            warnings.append(f"{role}: {verified[role]}")
    return Imported(spec.name, text_of(spec), verified, warnings)  # now with initial weights


def compared(spec: Spec, role: str, found: Found) -> str:
    """What is to be said of one network of the spec beside the code's."""
    if gaps := len(found.missing):
        return f"not compared: {gaps} of its parts {'is' if gaps == 1 else 'are'} not expressed"
    try:
        return difference(found, lowered(spec, role)) or EQUAL
    except SpecError as error:
        return f"does not fit: {error.diagnostics[0].message}"


def lowered(spec: Spec, role: str, init: object = None) -> Net:
    """One network's program, with other initial weights; raises SpecError."""
    network = getattr(spec, role)
    if init is not None:
        network = network.model_copy(update={"init": init})
    interface = spec.interfaces()[role]
    return lower_network(role.capitalize(), network, spec.scope, interface, spec.label_input)
