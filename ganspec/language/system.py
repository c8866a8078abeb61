"""The models that all specs share: images, labels, networks, blocks."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field

from ganspec.conditions.condition import Condition
from ganspec.datasets.dataset import Dataset
from ganspec.initializers.initializer import Initializer
from ganspec.language.claims import Report
from ganspec.language.evaluation import Evaluation
from ganspec.language.expr import Width as WidthValue
from ganspec.language.kinds import within
from ganspec.language.section import Section
from ganspec.language.tree import Node
from ganspec.language.types import Doc, Name, Number, Pair, Width, pair, refusal
from ganspec.layers.layer import Layer
from ganspec.weight_norms.weight_norm import WeightNorm


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


def _check_normalization(layer: Layer | None) -> Layer | None:
    if layer is not None and any(inner.kind == "norm" for inner in within(layer)):
        help = "name a layer, such as `batch_norm`"
        raise refusal("bad-value", "`normalization` says what `norm` is, and cannot use it", help)
    return layer


class Data(Section):
    """The real images: which, at what size, in what range."""

    framework_defaults: ClassVar = {
        "keras": {"resize": "bilinear"},
        "tensorflow": {"resize": "tensorflow1"},
    }

    dataset: Dataset = Field(description="which images, as a kind of data set")
    size: Pair | None = Field(None, description="height and width; the data set's own if not given")
    channels: Literal[1, 3] | None = Field(None, description="grey or colour; the data set's own")
    resize: Literal["antialias", "bilinear", "tensorflow1"] = Field(
        "antialias",
        description="how images get that size, always bilinear: smoothed when made smaller, as "
        "by PIL and torchvision; from the four nearest pixels, as by TensorFlow 2 and OpenCV; or "
        "as by TensorFlow 1, half a pixel off",
    )
    range: Annotated[tuple[Number, Number], AfterValidator(_check_range)] = Field(
        (-1.0, 1.0), description="what black and white become: [-1, 1] or [0, 1]"
    )
    flip: bool = Field(False, description="mirror half of the images, at random")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        size = self.size or self.dataset.size
        return (self.channels or self.dataset.channels, *pair(size))


class Label(Section):
    """What each image is labelled with, for networks that read labels."""

    kind: Literal["classes", "multi_hot"] = Field(
        description="one class out of several, or any number of them at once"
    )
    size: Width = Field(description="how many classes there are")


class Network(Section):
    """A network, from its input to its output."""

    framework_defaults: ClassVar = {
        "keras": {"init": "framework"},
        "tensorflow": {"init": "framework"},
    }

    doc: Doc = Field("", description="docstring of the emitted class")
    condition: Condition | None = Field(
        None, description="how the label joins the input; without it the network reads no label"
    )
    norm: WeightNorm | None = Field(None, description="weight norm of every layer with a weight")
    normalization: Annotated[Layer | None, AfterValidator(_check_normalization)] = Field(
        None, description="what the layer `norm` stands for"
    )
    init: Initializer | None = Field(None, description="initial weights of every layer")
    layers: tuple[Layer, ...] = Field(min_length=1, description="from the input to the output")


class Signature(Section):
    """What a block says before its layers."""

    doc: Doc = ""
    params: Annotated[tuple[Name, ...], AfterValidator(_check_distinct)] = ()


class Block(Signature):
    """A reusable piece of a network with parameters."""

    layers: tuple[Layer, ...] = Field(min_length=1)


class System(Section):
    """What every spec says: the images, and networks that are trained on them.

    A subclass adds its networks, what they are trained for, and `train`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)
    networks: ClassVar[tuple[str, ...]]

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
    evaluate: Evaluation | None = Field(None, description="scores that training takes on its way")
    tree: Node = Field(exclude=True, repr=False, description="the marked text it came from")

    @property
    def scope(self) -> dict[str, int | float]:
        """`vars` as expressions see them: whole numbers remember their names."""
        return {
            name: WidthValue(value, name) if isinstance(value, int) else value
            for name, value in self.vars.items()
        }
