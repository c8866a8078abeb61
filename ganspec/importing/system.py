"""Writing of imported networks as the text of a whole spec."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ganspec.importing.blocks import fold_blocks
from ganspec.importing.differing import Template
from ganspec.importing.entries import Data, Entry
from ganspec.importing.graph import Shape, sized
from ganspec.importing.guesses import layer_kinds
from ganspec.importing.missing import unknown
from ganspec.importing.network import CodeNetwork, NetworkDraft, lift_activation_norm
from ganspec.importing.page import flow, layer_lines, remark
from ganspec.importing.python_file import UnreadableError
from ganspec.importing.repeats import repeated
from ganspec.language.names import name_problem
from ganspec.language.unread import UNREAD

Image = tuple[int, int, int]
UNTRAINED = "a network alone does not say how it is trained"


@dataclass(eq=False)
class SpecDraft:
    """A spec before it is text.

    `networks` and their initial weights, `inits`, are by role. `source` is the imported file's
    name, `images` the shape of the images, `report` the lines of the section `report`, and
    `variables` are the values under `vars`.
    """

    name: str
    doc: str
    source: str
    networks: Mapping[str, NetworkDraft]
    images: Image
    inits: dict[str, Data] = field(default_factory=dict)
    framework: str = "torch"
    report: list[str] = field(default_factory=list)
    blocks: dict[str, Template] = field(default_factory=dict)
    variables: dict[str, int] = field(default_factory=dict)

    @property
    def is_gan(self) -> bool:
        return bool({"generator", "discriminator"} & set(self.networks))


def role_of(network: NetworkDraft, is_image: bool) -> str:
    """Return the role of a network by its input and output shapes, such as `generator`.

    An input that is a vector, or has 1 x 1 pixel, is a latent unless `is_image`. Raise
    UnreadableError if no system has a network with such an input and output.
    """
    reads, makes = network.reads, network.makes
    if network.judges:
        return "discriminator"
    if not network.reads_images and not is_image:
        return "generator" if image_of(makes) else "classifier"
    if len(makes) == 1 and makes != reads:
        return "classifier"
    if makes not in (reads, image_of(reads)):
        what = f"{network.title} makes maps of {sized(makes)} from images of {sized(reads)}"
        reason = "ganspec has networks from images to scores, classes, or images of the same shape"
        fix = f"; if they are scores, name it by --discriminator {network.title}"
        is_code = isinstance(network, CodeNetwork)  # a table cannot be named
        raise UnreadableError(f"{what}; {reason}{fix if is_code and makes[0] == 1 else ''}")
    if network.label is not None:
        raise UnreadableError(
            f"{network.title} makes images from images and a label; ganspec has no such system"
        )
    return "autoencoder"


def image_of(shape: Shape) -> Image | None:
    """Return `shape` if it is an image's, or the square image of a vector: 784 is 1 x 28 x 28.

    Return None for other shapes. Images have 1 or 3 channels.
    """
    if len(shape) == 3:
        return (shape[0], shape[1], shape[2]) if shape[0] in (1, 3) else None
    for channels in (1, 3) if len(shape) == 1 else ():
        side = math.isqrt(shape[0] // channels)
        if side > 1 and channels * side * side == shape[0]:
            return channels, side, side
    return None


def draft_spec(name: str, source: str, networks: Mapping[str, NetworkDraft]) -> SpecDraft:
    """Draft a spec called `name` of the networks, which were read from the file `source`.

    Raise UnreadableError if one has no images of 1 or 3 channels, or two differ in image shape.
    """
    shapes: dict[str, Image] = {}
    for role, network in networks.items():
        shape = network.makes if role == "generator" else network.reads
        image = image_of(shape)
        if image is None:
            verb = "makes" if role == "generator" else "reads"
            what = f"{network.title} {verb} {sized(shape)}"
            raise UnreadableError(
                f"{what}; ganspec reads images of 1 or 3 channels, and square ones as vectors"
            )
        shapes[role] = image
    if len(set(shapes.values())) > 1:
        made, read = sized(shapes["generator"]), sized(shapes["discriminator"])
        raise UnreadableError(
            f"the generator makes {made}, the discriminator reads {read}; import one at a time"
        )
    (images,) = set(shapes.values())
    titles = " and ".join(network.title for network in networks.values())
    draft = SpecDraft(plain_name(name), f"{titles} of {source}", source, networks, images)
    for role, network in networks.items():
        adapt(role, network, images)
        lift_activation_norm(network)
        if isinstance(network, CodeNetwork):  # a table has no calls
            fold_blocks(draft.blocks, network.graph, network.entries)
    return draft


def adapt(role: str, network: NetworkDraft, image: Image) -> None:
    """Add layers for the reshapes that the code leaves to its caller.

    A generator that reads a map, such as n x 1 x 1, gets a reshape of the latent. Another network
    that reads a vector gets a flatten, unless it begins with one. A network that makes images as
    vectors gets a reshape to `image`.
    """
    entries = network.entries
    if role == "generator" and len(network.reads) == 3:
        _join_inside(network)
        entries.insert(0, Entry("reshape", {"shape": list(network.reads)}))
    has_flatten = bool(entries) and entries[0].kind == "flatten"
    if role != "generator" and len(network.reads) == 1 and not has_flatten:
        _join_inside(network)
        entries.insert(0, Entry("flatten", note="the code reads a vector"))
    if role in ("generator", "autoencoder") and len(network.makes) == 1:
        note = "the code makes a vector"
        entries.append(Entry("reshape", {"shape": list(image)}, note=note))


def _join_inside(network: NetworkDraft) -> None:
    """Turn the network's `condition` into its first layer, so that a reshape can precede it."""
    if network.condition is None:
        return
    join = Entry("join_label", {"condition": network.condition})
    if isinstance(network, CodeNetwork):
        join.calls, network.before = network.before, []
    network.entries.insert(0, join)
    network.condition = None


def plain_name(text: str) -> str:
    """Return `text` as a valid name of a spec: `DCGAN-64` gives `dcgan_64`."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_").lstrip("0123456789_")[:40]
    return plain if plain and name_problem(plain) is None else f"my_{plain}"[:40].rstrip("_")


# -- text -------------------------------------------------------------------------------------


def text_of(draft: SpecDraft) -> str:
    """Return the text of the spec; parts that were not read are `unknown`."""
    lines = [remark(f"Written by `ganspec import` from {draft.source}.")]
    lines += [f"name: {draft.name}", f"doc: {flow(draft.doc)}"]
    lines += [f"framework: {draft.framework}"] if draft.framework != "torch" else []
    lines += [*draft.report, ""]
    lines += [f"vars: {flow(draft.variables)}"] if draft.variables else []
    lines += _data(draft)
    lines += ["", "blocks:"] if draft.blocks else []
    for name, block in draft.blocks.items():
        params = [f"    params: {flow(list(block.params))}"] if block.params else []
        lines += [f"  {name}:", *params, "    layers:", *layer_lines(block.layers, 6)]
    for role, network in draft.networks.items():
        lines += ["", f"{role}:", *_network(network, draft.inits.get(role))]
    for role in ("generator", "discriminator") if draft.is_gan else ():
        if role not in draft.networks:
            lines += ["", f"{role}: {flow(unknown(f'no {role} was read'))}"]
    optimizer = "optimizers" if draft.is_gan else "optimizer"
    lines += ["", *(f"{part}: {flow(unknown(UNTRAINED))}" for part in ("objective", optimizer))]
    return "\n".join([*lines, f"train: {flow(unknown(UNTRAINED))}"]) + "\n"


def _network(network: NetworkDraft, init: Data) -> list[str]:
    norms = [norm for norm in (network.weight_norm, network.activation_norm) if norm is not None]
    normalization: Data = norms if len(norms) > 1 else next(iter(norms), None)
    fields: dict[str, Data] = {
        UNREAD: list(network.unknown) or None,
        "condition": network.condition,
        "normalization": normalization,
        "init": init,
    }
    lines = [f"  {key}: {flow(value)}" for key, value in fields.items() if value is not None]
    lines += [f"  {remark(note)}" for note in network.notes]
    return [*lines, "  layers:", *layer_lines(repeated(network.entries))]


def _data(draft: SpecDraft) -> list[str]:
    channels, height, width = draft.images
    size: Data = height if height == width else [height, width]
    fields: Data = {
        "dataset": unknown("a network alone has no data"),
        "size": size,
        "channels": channels,
        "range": _range(draft),
    }
    lines = [f"data: {flow(fields)}"]
    if label := _label(draft):
        key = "label" if "classifier" in draft.networks else "condition"
        lines.append(f"{key}: {flow(label)}")
    if draft.is_gan:
        latent: Data = unknown("no generator was read")
        if generator := draft.networks.get("generator"):
            size = math.prod(generator.reads)
            drawn = unknown("a network alone does not draw latents")
            latent = {"size": size, "distribution": drawn}
        lines.append(f"latent: {flow(latent)}")
    return lines


def _label(draft: SpecDraft) -> dict[str, Data] | None:
    """Return the spec's `label` or `condition`, which says what labels are.

    Return None if no network reads or predicts a label.
    """
    for role, network in draft.networks.items():
        if network.label is not None:
            kind = "classes" if network.label.value.is_index else "multi_hot"
            return {"kind": kind, "size": network.classes}
        if role == "classifier":
            kind = "multi_hot" if ending(network) == "sigmoid" else "classes"
            return {"kind": kind, "size": math.prod(network.makes)}
    sizes = [network.classes for network in draft.networks.values() if network.classes]
    return {"kind": "classes", "size": sizes[0]} if sizes else None


def ending(network: NetworkDraft | None) -> str:
    """Return the kind of the last layer but `flatten` and `reshape`; `""` if there is none."""
    entries = network.entries if network else []
    kinds = [entry.kind for entry in entries if entry.kind not in ("flatten", "reshape")]
    return (kinds[-1] or "") if kinds else ""


def _range(draft: SpecDraft) -> Data:
    """Return `data.range`: the bounds of the last layer of the network that makes images.

    It is `unknown` if they are not [0, 1] or [-1, 1].
    """
    last = ending(draft.networks.get("generator") or draft.networks.get("autoencoder"))
    limits = layer_kinds()[last].output_range if last in layer_kinds() else None
    if limits is not None and limits in ((0, 1), (-1, 1)):
        return list(map(int, limits))
    return unknown("no layer bounds the images to [0, 1] or [-1, 1]")
