"""`ganspec import FILE.py`: import of networks in a Python file as a spec."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from torch import nn

from ganspec.compiler.check import check
from ganspec.compiler.lower import lower_network
from ganspec.importing.checking import difference, initial_weights
from ganspec.importing.entries import walk
from ganspec.importing.filling import FillReader, Fills
from ganspec.importing.gradients import cut_gradients
from ganspec.importing.graph import Shape, sized
from ganspec.importing.missing import unknown
from ganspec.importing.network import CodeNetwork, read_network
from ganspec.importing.python_file import (
    CodeInput,
    Maker,
    UnreadableError,
    arity,
    maker_of,
    refuse_unread,
    unpassed,
)
from ganspec.importing.running import run_file
from ganspec.importing.symbols import name_widths
from ganspec.importing.system import SpecDraft, draft_spec, ending, role_of, text_of
from ganspec.kinds.initializer import Initializer
from ganspec.language.errors import SpecError, listed
from ganspec.program.ir import Net
from ganspec.systems.load import loads
from ganspec.systems.spec import Spec

EQUAL = "equal outputs on random input"
UNSAID = "the code does not say what it is"
UNKNOWN_INIT = "no kind of `init` was found that draws the initial weights of the code"


@dataclass(frozen=True)
class Imported:
    """The text of an imported spec; `verified` has, by role, the result of each comparison.

    A result is a text, such as EQUAL. `is_equal` is True if all imported networks have the outputs,
    gradients and initial weights of their code, and if the spec passes `ganspec check`.
    """

    name: str
    text: str
    verified: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    is_equal: bool = False


def import_file(
    path: Path, names: dict[str, str], inputs: list[CodeInput], settings: dict[str, object]
) -> Imported:
    """Import networks of a Python file as a spec.

    `names` has, by role, the name of each network's class or of a function that returns it. If the
    role is `network`, its input and output decide the role. `settings` are arguments of the classes
    and functions by name.

    Raise UnreadableError if the code fails, if a name, a setting or an input does not fit it, or if
    a spec cannot have such networks.
    """
    module = run_file(path, set(names.values()))
    makers = {role: maker_of(module, name, path) for role, name in names.items()}
    _reject_unknown(settings, makers.values())
    reader = FillReader(path, module, names.values())
    fills = reader.fills(names)
    builders = {role: partial(fills[role].made, maker, settings) for role, maker in makers.items()}
    networks: dict[str, CodeNetwork] = {}
    variables: dict[str, int] = {}
    read: list[CodeInput] = []
    for role, maker in makers.items():
        network, title = builders[role](), maker.__name__
        image = networks["generator"].makes if "generator" in networks else None
        own = inputs_of(role, title, *arity(network), inputs, image)
        read += own
        networks[role] = read_network(title, network, own)
        named = name_widths(networks[role], own, maker, settings)
        if any(variables.get(name, value) != value for name, value in named.items()):
            # an earlier network has such a name for another value: these widths stay numbers
            networks[role] = read_network(title, network, own)
        else:
            variables |= named
        networks[role].unknown += cut_gradients(network, networks[role].inputs)
        networks[role].notes += [*unpassed(network, len(own)), *reader.arguments(maker, settings)]
        networks[role].notes += fills[role].idle
    refuse_unread(each for each in inputs if each not in read)
    if "network" in networks:
        role = role_of(networks["network"], any(each.name == "x" for each in read))
        networks, builders = {role: networks["network"]}, {role: builders["network"]}
        fills = {role: fills["network"]}
    note_classes(networks)
    draft = draft_spec(path.stem, path.name, networks)
    draft.variables = variables
    return finish(draft, networks, builders, fills)


def note_classes(networks: Mapping[str, CodeNetwork]) -> None:
    """Note which outputs are read as scores of classes, although the code does not say so."""
    if any(network.label is not None for network in networks.values()):
        return
    for role, network in networks.items():
        heads = [entry for entry in walk(network.entries) if entry.kind == "auxiliary"]
        outputs = [
            f"further output of {network.classes}" for e in heads if not e.fields.get("softmax")
        ]
        if role == "classifier" and ending(network) not in ("softmax", "sigmoid"):
            outputs.append(f"output of {sized(network.makes)}")
        network.notes += [f"its {each} is read as scores of classes: {UNSAID}" for each in outputs]


def _reject_unknown(settings: dict[str, object], makers: Iterable[Maker]) -> None:
    """Raise UnreadableError if one of `settings` is an argument of none of `makers`."""
    parameters = [p for maker in makers for p in inspect.signature(maker).parameters.values()]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return  # such as `**options`, which takes any argument
    known = {p.name for p in parameters}
    if unknown_names := [name for name in settings if name not in known]:
        raise UnreadableError(
            f"no constructor takes {listed(unknown_names)}; correct the name in --with"
        )


def inputs_of(
    role: str, title: str, least: int, most: int, inputs: list[CodeInput], image: Shape | None
) -> list[CodeInput]:
    """Return those of `inputs` that a network reads; its `forward` takes `least` to `most` tensors.

    Labels are left out if `forward` does not take them. If there is no `x`, a discriminator reads
    an image of the shape `image`, the generator's output, unless that is None. Raise
    UnreadableError if the inputs do not fit, or if the network reads several images, latents or
    labels, which no spec can express.
    """
    fitting = {"generator": "zy", "discriminator": "xy"}.get(role, "xyz")
    own = [each for each in inputs if each.name in fitting]
    if role == "discriminator" and image and not any(each.name == "x" for each in own):
        own.insert(0, CodeInput("x", image))
    if len(own) > most:  # this network reads no label
        own = [each for each in own if not each.is_label]
    if all(each.is_label for each in own):
        example = {"generator": "z:100", "discriminator": "x:3x64x64"}
        options = example.get(role, "z:100, or --input x:3x64x64")
        other = ""
        if role == "generator" and any(each.name == "x" for each in inputs):
            other = f"; if it turns images into images, import it alone, as FILE.py:{title}"
        raise UnreadableError(f"{title} needs an input; add --input {options}{other}")
    if len(own) < least and any(each.is_label for each in own):
        what = "a latent or an image, and a label: give further arguments of `forward` defaults"
        raise UnreadableError(f"{title} reads {least} tensors; ganspec's networks read {what}")
    if len(own) < least:
        raise UnreadableError(f"{title} reads {least} tensors; add --input y:class10 or y:10")
    if len(own) > most:
        count = f"{most} tensor{'s' * (most != 1)}, not {len(own)}"
        raise UnreadableError(f"{title} reads {count}; leave out one --input")
    labels = sum(each.is_label for each in own)
    if len(own) - labels > 1 or labels > 1:
        what = "labels" if labels > 1 else "images or latents"
        raise UnreadableError(
            f"{title} reads several {what}; ganspec's networks read one: give further arguments of "
            "`forward` defaults, and leave out their --input"
        )
    return own


def finish(
    draft: SpecDraft,
    networks: dict[str, CodeNetwork],
    builders: Mapping[str, Callable[[], nn.Module]],
    fills: Mapping[str, Fills],
) -> Imported:
    """Compare each network of a draft with its code, and return the import.

    By role, `builders` has a function that makes the network anew, to find its initial weights;
    `fills` has the code outside of its class that draws them.
    """
    text = text_of(draft)
    try:
        spec = loads(text, f"{draft.name}.yaml")
    except SpecError as error:
        reason = f"does not fit: {error.diagnostics[0].message}"
        return Imported(draft.name, text, dict.fromkeys(networks, reason))
    warnings, verified = [], {}
    for role, network in networks.items():
        verified[role] = compared(spec, role, network)
        draft.inits[role] = unknown("not compared, because the networks may not be equal")
        if verified[role] == EQUAL:
            reason = f"weights are drawn by {fills[role].unclear}"
            if not fills[role].unclear:
                recognized, draft.inits[role] = initial_weights(
                    network, builders[role], partial(program_of, spec, role)
                )
                reason = "" if recognized else UNKNOWN_INIT
            if reason:
                draft.inits[role] = unknown(reason)
                verified[role] += ", but not its initial weights"
                warnings.append(f"{role}: not read: its initial weights; {reason}")
        elif not network.gaps:
            network.unknown.append(f"a difference: {verified[role]}")
        warnings += [f"{role}: not read: {gap}" for gap in network.gaps]
        warnings += [f"{role}: {note}" for note in network.notes]
    text, is_equal = text_of(draft), set(verified.values()) == {EQUAL}
    if is_equal:
        try:
            check(loads(text, f"{draft.name}.yaml"))
        except SpecError as error:
            is_equal = False
            warnings.append(f"the spec does not pass check: {error.diagnostics[0].message}")
    return Imported(draft.name, text, verified, warnings, is_equal)


def compared(spec: Spec, role: str, network: CodeNetwork) -> str:
    """Return in words the difference of a network and its code; EQUAL if there is none.

    If parts of the network were not read, the words say that it was not compared.
    """
    if gaps := len(network.gaps):
        return f"not compared: {gaps} of its parts {'was' if gaps == 1 else 'were'} not read"
    try:
        return difference(network, program_of(spec, role)) or EQUAL
    except SpecError as error:
        return f"does not fit: {error.diagnostics[0].message}"


def program_of(spec: Spec, role: str, init: Initializer | None = None) -> Net:
    """Return the program of the spec's network `role`; an `init` replaces the network's own.

    Raise SpecError if its layers do not fit together.
    """
    network = getattr(spec, role)
    if init is not None:
        network = network.model_copy(update={"init": init})
    interface = spec.interfaces()[role]
    return lower_network(role.capitalize(), network, spec.scope, interface, spec.label_input)
