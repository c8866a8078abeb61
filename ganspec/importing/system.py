"""Networks that were read, as the text of a whole spec."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from ganspec.importing.blocks import Blocks
from ganspec.importing.entries import Entry
from ganspec.importing.network import Found, Sketch
from ganspec.importing.page import flow, layers, noted, remark
from ganspec.importing.python_file import UnreadableError
from ganspec.importing.repeats import repeated
from ganspec.language.kinds import kinds_of
from ganspec.language.names import name_problem


@dataclass(eq=False)
class Draft:
    """A spec being written: its networks by role, the images, what is guessed."""

    name: str
    doc: str
    source: str
    networks: dict[str, Sketch]
    images: tuple[int, int, int]
    inits: dict[str, object] = field(default_factory=dict)
    framework: str = "torch"
    report: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    blocks: Blocks = field(default_factory=Blocks)
    variables: dict[str, int] = field(default_factory=dict)


def role_of(found: Sketch) -> str:
    """What a network is, by its shapes; raises UnreadableError."""
    reads, makes = found.reads, found.makes
    if len(reads) == 3 and reads[1:] != (1, 1):
        if math.prod(makes) == 1 or (len(makes) == 3 and makes[0] == 1 and makes[1] < reads[1]):
            return "discriminator"
        return "autoencoder" if makes == reads else "classifier"
    if math.prod(makes) == 1:
        return "discriminator"
    return "generator" if image_of(makes) else "classifier"


def image_of(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """`shape` as an image's; a vector as long as a square one counts."""
    if len(shape) == 3:
        return shape if shape[0] in (1, 3) else None
    for channels in (1, 3) if len(shape) == 1 else ():
        side = math.isqrt(shape[0] // channels)
        if side > 1 and channels * side * side == shape[0]:
            return channels, side, side
    return None


def draft(name: str, source: str, networks: dict[str, Sketch], **more: object) -> Draft:
    """The beginnings of a spec; raises UnreadableError where the networks are of no images."""
    shapes = [f.makes if role == "generator" else f.reads for role, f in networks.items()]
    images = [image_of(shape) for shape in shapes]
    if None in images:
        shape = " x ".join(map(str, shapes[images.index(None)]))
        raise UnreadableError(f"a network of {shape}; ganspec knows images of 1 or 3 channels")
    if len(set(images)) > 1:
        one, two = (" x ".join(map(str, image)) for image in images)
        raise UnreadableError(f"the generator makes {one}, the discriminator reads {two}")
    titles = " and ".join(found.title for found in networks.values())
    for role, found in networks.items():
        adapt(role, found, images[0])
    spec = Draft(plain_name(name), f"{titles} of {source}", source, networks, images[0], **more)
    for found in networks.values():
        if isinstance(found, Found):  # a table has no calls
            spec.blocks.fold(found.graph, found.entries)
    return spec


def adapt(role: str, found: Sketch, image: tuple[int, int, int]) -> None:
    """Layers for what the code leaves to its caller: an image read or made as a vector."""
    entries = found.entries
    if role == "generator":
        if len(found.reads) == 3:
            entry = Entry("reshape", {"shape": list(found.reads)}, primary="shape")
            entries.insert(0, entry)
        if len(found.makes) == 1:
            note = "the code makes a vector"
            entries.append(Entry("reshape", {"shape": list(image)}, note=note, primary="shape"))
    elif len(found.reads) == 1 and (not entries or entries[0].kind != "flatten"):
        if found.condition is not None:  # it joins the vector, not the image
            joined = Entry("join_label", {"condition": found.condition}, primary="condition")
            if isinstance(found, Found):
                joined.ops, found.before = found.before, []
            entries.insert(0, joined)
            found.condition = None
        entries.insert(0, Entry("flatten", {}, note="the code reads a vector"))


def plain_name(text: str) -> str:
    """`text` as a name that a spec may have."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_").lstrip("0123456789_")[:40]
    return plain if plain and name_problem(plain) is None else f"my_{plain}"[:40].rstrip("_")


# -- text -------------------------------------------------------------------------------------


def text_of(spec: Draft) -> str:
    """The spec as it is written; what is not in the code is marked."""
    folded = {role: repeated(found.entries) for role, found in spec.networks.items()}
    lines = [remark(f"Written by `ganspec import` from {spec.source}.")]
    lines += [remark(text) for text in spec.remarks]
    lines += [f"name: {spec.name}", f"doc: {flow(spec.doc)}"]
    lines += [f"framework: {spec.framework}"] if spec.framework != "torch" else []
    lines += [*spec.report, ""]
    lines += [f"vars: {flow(spec.variables)}"] if spec.variables else []
    lines += _data(spec)
    if spec.blocks.found:
        lines += ["", "blocks:"]
        for name, (params, body) in spec.blocks.found.items():
            lines.append(f"  {name}:")
            lines += [f"    params: {flow(params)}"] if params else []
            lines += ["    layers:", *layers(body, 6)]
    for role, found in spec.networks.items():
        lines += ["", f"{role}:", *_network(spec, role, found, folded[role])]
    for role in _partners(spec):
        lines += ["", *_stand_in(spec, role)]
    return "\n".join([*lines, "", *_training(spec)]) + "\n"


def _network(spec: Draft, role: str, found: Sketch, entries: list[Entry]) -> list[str]:
    lines = []
    if found.condition is not None:
        lines.append(f"  condition: {flow(found.condition)}")
    if found.norm is not None:
        lines.append(f"  norm: {flow(found.norm)}")
    if role in spec.inits and spec.inits[role] is not None:
        lines.append(f"  init: {flow(spec.inits[role])}")
    lines += [f"  {remark(note)}" for note in found.notes]
    return [*lines, "  layers:", *layers(entries)]


def _data(spec: Draft) -> list[str]:
    channels, height, width = spec.images
    size = height if height == width else [height, width]
    data = {"dataset": "image_folder", "size": size, "channels": channels, "range": _range(spec)}
    lines = [noted(f"data: {flow(data)}", "dataset: a guess")]
    roles = spec.networks
    if label := _label(spec):
        key = "label" if "classifier" in roles else "condition"
        lines.append(f"{key}: {flow(label)}")
    if _is_gan(spec):
        found = roles.get("generator")
        size = next((n for n in found.reads if n > 1), 1) if found else 100
        note = "normal: a guess" if found else "a stand-in: no generator was read"
        lines.append(noted(f"latent: {flow({'size': size})}", note))
    return lines


def _is_gan(spec: Draft) -> bool:
    return bool({"generator", "discriminator"} & set(spec.networks))


def _partners(spec: Draft) -> list[str]:
    """The network of a GAN that was not read."""
    if not _is_gan(spec):
        return []
    return [r for r in ("generator", "discriminator") if r not in spec.networks]


def _stand_in(spec: Draft, role: str) -> list[str]:
    last = f"    - project: {flow(list(spec.images))}"
    body = [last] if role == "generator" else ["    - flatten", "    - linear: 1"]
    return [noted(f"{role}:", f"a stand-in: no {role} was read"), "  layers:", *body]


def _label(spec: Draft) -> dict[str, object] | None:
    for role, found in spec.networks.items():
        if found.label is not None:
            kind = "classes" if found.label.is_index else "multi_hot"
            return {"kind": kind, "size": found.classes}
        if role == "classifier":
            kind = "multi_hot" if ending(found) == "sigmoid" else "classes"
            return {"kind": kind, "size": math.prod(found.makes)}
    sizes = [found.classes for found in spec.networks.values() if found.classes]
    return {"kind": "classes", "size": sizes[0]} if sizes else None


def ending(found: Sketch | None) -> str | None:
    """The kind of the last layer that changes numbers."""
    kinds = [e.kind for e in found.entries if e.kind not in ("flatten", "reshape")] if found else []
    return kinds[-1] if kinds else None


def _range(spec: Draft) -> list[int]:
    maker = spec.networks.get("generator") or spec.networks.get("autoencoder")
    kind = kinds_of("layer").get(ending(maker) or "")
    found = getattr(kind, "output_range", None)
    return [0, 1] if found and found[0] == 0 else [-1, 1]


def _training(spec: Draft) -> list[str]:
    """Objective and optimizers, which are in no network."""
    lines = [remark("What follows stands in no network: guesses.")]
    if _is_gan(spec):
        found = spec.networks.get("discriminator")
        is_probability = ending(found) == "sigmoid"
        loss = (
            {"non_saturating": {"reads": "probabilities"}} if is_probability else "non_saturating"
        )
        objective: dict[str, object] = {"loss": loss}
        if found and any(e.kind == "auxiliary" for e in found.entries):
            objective["auxiliary"] = 1
        adam = {"adam": {"lr": 2e-4, "betas": [0.5, 0.999]}}
        return [*lines, f"objective: {flow(objective)}", f"optimizers: {flow(adam)}"]
    (role, found), *_ = spec.networks.items()
    return [
        *lines,
        f"objective: {{loss: {flow(_criterion(spec, role, found))}}}",
        "optimizer: adam",
    ]


def _criterion(spec: Draft, role: str, found: Sketch) -> object:
    last = ending(found)
    if role == "autoencoder":
        is_binary = last == "sigmoid"
        return (
            {"binary_cross_entropy": {"reads": "probabilities"}}
            if is_binary
            else "mean_squared_error"
        )
    if last == "sigmoid":
        return {"binary_cross_entropy": {"reads": "probabilities"}}
    return {"cross_entropy": {"reads": "probabilities"}} if last == "softmax" else "cross_entropy"
