"""The models of a spec: what may be written, section by section."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ganspec.datasets.dataset import Dataset
from ganspec.initializers.initializer import Initializer
from ganspec.language.expr import Width as WidthValue
from ganspec.language.tree import Node
from ganspec.language.types import Count, Doc, Name, Number, Pair, Positive, Width, pair, refusal
from ganspec.layers.layer import Layer
from ganspec.losses.loss import Loss
from ganspec.optimizers.optimizer import Optimizer
from ganspec.penalties.penalty import Penalty
from ganspec.weight_norms.weight_norm import WeightNorm


class Section(BaseModel):
    """A map of the spec: frozen, and nothing in it that is not a field."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def opened(cls, node: Node) -> Node:
        """The section's full form, where it also has a short one."""
        return node


def _check_range(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds not in ((-1.0, 1.0), (0.0, 1.0)):
        shown = f"[{bounds[0]:g}, {bounds[1]:g}]"
        raise refusal("bad-value", f"images cannot be in {shown}", "use [-1, 1] or [0, 1]")
    return bounds


def _check_distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise refusal("duplicate-name", f"`{twice[0]}` is given twice", "rename one of the two")
    return names


def _check_bounds(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] < bounds[1]:
        shown = f"[{bounds[0]:g}, {bounds[1]:g}]"
        raise refusal("bad-value", f"nothing lies in {shown}", "write the smaller bound first")
    return bounds


def _check_normalization(layer: Layer | None) -> Layer | None:
    if layer is not None and any(inner.kind == "norm" for inner in _opened_layers(layer)):
        help = "name a layer, such as `batch_norm`"
        raise refusal("bad-value", "`normalization` says what `norm` is, and cannot use it", help)
    return layer


def _opened_layers(layer: Layer) -> Iterator[Layer]:
    """A layer and the layers inside it."""
    yield layer
    parts = [getattr(layer, name) for name in type(layer).model_fields]
    while parts:
        part = parts.pop()
        if isinstance(part, Layer):
            yield from _opened_layers(part)
        elif isinstance(part, tuple):
            parts.extend(part)


class Report(Section):
    """Where the architecture comes from and what it claims; `check` verifies the counts."""

    cite: Doc = Field("", description="where the architecture was published")
    params: dict[Literal["generator", "discriminator"], Count | Counts] = Field(
        {}, description="claimed parameters by network: the total, or a map of counts"
    )
    notes: tuple[Doc, ...] = Field((), description="anything else that the report claims")


class Counts(Section):
    """Claimed parameter counts of one network; `total` includes buffers, as Keras counts."""

    total: Count | None = Field(None, description="all numbers that the network stores")
    trainable: Count | None = Field(None, description="those that training changes")
    buffers: Annotated[int, Field(ge=0)] | None = Field(
        None, description="the others, such as running statistics; Keras's non-trainable"
    )


class Data(Section):
    """The real images: which, at what size, in what range."""

    dataset: Dataset = Field(description="which images, as a kind of data set")
    size: Pair | None = Field(None, description="height and width; the data set's own if not given")
    channels: Literal[1, 3] | None = Field(None, description="grey or colour; the data set's own")
    range: Annotated[tuple[Number, Number], AfterValidator(_check_range)] = Field(
        (-1.0, 1.0), description="what black and white become: [-1, 1] or [0, 1]"
    )
    flip: bool = Field(False, description="mirror half of the images, at random")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        size = self.size or self.dataset.size
        return (self.channels or self.dataset.channels, *pair(size))


class Latent(Section):
    """What the generator reads."""

    size: Width = Field(description="numbers in one latent vector")
    distribution: Literal["normal", "uniform"] = Field(
        "normal", description="what they are drawn from"
    )
    range: Annotated[tuple[Number, Number], AfterValidator(_check_bounds)] = Field(
        (-1.0, 1.0), description="bounds of `uniform`"
    )


class Network(Section):
    """A generator or a discriminator."""

    framework_defaults: ClassVar = {
        "keras": {"init": "framework"},
        "tensorflow": {"init": "framework"},
    }

    doc: Doc = Field("", description="docstring of the emitted class")
    norm: WeightNorm | None = Field(None, description="weight norm of every layer with a weight")
    normalization: Annotated[Layer | None, AfterValidator(_check_normalization)] = Field(
        None, description="what the layer `norm` stands for"
    )
    init: Initializer | None = Field(None, description="initial weights of every layer")
    layers: tuple[Layer, ...] = Field(min_length=1, description="from the input to the output")


class Objective(Section):
    """What the two networks are trained for."""

    loss: Loss = Field(description="what both networks minimise")
    penalty: Penalty | None = Field(None, description="added to the discriminator's loss")
    clip: Positive | None = Field(None, description="bound of the discriminator's weights")


class Optimizers(Section):
    """One optimizer for each network; a single one given is used for both."""

    generator: Optimizer = Field(description="the generator's")
    discriminator: Optimizer = Field(description="the discriminator's")

    @classmethod
    def opened(cls, node: Node) -> Node:
        """`adam: {...}` alone is an optimizer for each network."""
        one = isinstance(node.value, str) or (
            isinstance(node.value, dict)
            and node.value
            and not set(node.value) & set(cls.model_fields)
        )
        return node.holding(dict.fromkeys(cls.model_fields, node)) if one else node


class Steps(Section):
    """Updates of each network in one iteration."""

    discriminator: Count = Field(1, description="the discriminator's, first")
    generator: Count = Field(1, description="the generator's, each with fresh latents")


class Train(Section):
    """How long and in what portions."""

    batch: Annotated[int, Field(gt=0, le=65536)] = Field(64, description="images in a batch")
    epochs: Count = Field(100, description="times that every real image is seen")
    steps: Steps = Field(Steps(), description="updates of each network in one iteration")
    batches: Literal["fresh", "shared"] = Field(
        "fresh",
        description="a real batch for each discriminator update, or one an iteration",
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        0, description="decides weights, latents and the order of images"
    )


class Signature(Section):
    """What a block says before its layers."""

    doc: Doc = ""
    params: Annotated[tuple[Name, ...], AfterValidator(_check_distinct)] = ()


class Block(Signature):
    """A reusable piece of a network with parameters."""

    layers: tuple[Layer, ...] = Field(min_length=1)


class Spec(Section):
    """A whole GAN: data, latent, two networks, objective, optimizers and training."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: Name = Field(description="what files and runs are called")
    doc: Doc = Field("", description="first line of the emitted file")
    framework: Literal["torch", "keras", "tensorflow"] = Field(
        "torch", description="whose defaults hold for what the spec leaves out"
    )
    report: Report = Field(Report(), description="where it comes from and what it claims")
    vars: dict[Name, int | Number] = Field(
        {}, description="numbers by name, for expressions; the emitted classes' parameters"
    )
    data: Data
    latent: Latent
    generator: Network
    discriminator: Network
    objective: Objective
    optimizers: Optimizers
    train: Train = Train()
    tree: Node = Field(exclude=True, repr=False, description="the marked text it came from")

    @property
    def scope(self) -> dict[str, int | float]:
        """`vars` as expressions see them: whole numbers remember their names."""
        return {
            name: WidthValue(value, name) if isinstance(value, int) else value
            for name, value in self.vars.items()
        }


Report.model_rebuild()
