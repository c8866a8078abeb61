"""The sections that all specs share, and the methods that every system defines.

A system is one folder with one subclass of `Spec`. Code outside the folder calls these methods, and
does not test which system a spec belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch
from pydantic import AfterValidator, Field
from torch import nn

from ganspec.kinds.condition import Condition
from ganspec.kinds.dataset import Dataset
from ganspec.kinds.initializer import Initializer
from ganspec.kinds.layer import Layer
from ganspec.kinds.optimizer import Optimizer
from ganspec.kinds.weight_norm import WeightNorm
from ganspec.language.document import Document, Signature
from ganspec.language.errors import Diagnostic
from ganspec.language.expr import Width as WidthValue
from ganspec.language.kinds import within
from ganspec.language.section import Section
from ganspec.language.types import Doc, Name, Number, Pair, Width, pair, refusal
from ganspec.program.ir import Input, Net, start_input
from ganspec.systems.claims import Report
from ganspec.systems.evaluation import Evaluation
from ganspec.systems.schedule import Schedule
from ganspec.systems.training import Start, Training


def _check_range(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds not in ((-1.0, 1.0), (0.0, 1.0)):
        shown = f"[{bounds[0]:g}, {bounds[1]:g}]"
        raise refusal("bad-value", f"images cannot be in {shown}", "use [-1, 1] or [0, 1]")
    return bounds


def _check_normalization(layer: Layer | None) -> Layer | None:
    if layer is not None and any(inner.kind == "norm" for inner in within(layer)):
        help = "name a layer, such as `batch_norm`"
        raise refusal("bad-value", "`normalization` says what `norm` is, and cannot use it", help)
    return layer


class Data(Section):
    """The real images, their size and their range."""

    framework_defaults: ClassVar = {
        "keras": {"resize": "bilinear"},
        "tensorflow": {"resize": "tensorflow1"},
    }

    dataset: Dataset = Field(description="the data set, such as `mnist`")
    size: Pair | None = Field(None, description="height and width; the data set's own if not given")
    channels: Literal[1, 3] | None = Field(None, description="1 for grey; the data set's own")
    resize: Literal["antialias", "bilinear", "tensorflow1"] = Field(
        "antialias",
        description="resizing to `size`, always bilinear: smoothed when made smaller, as "
        "by PIL and torchvision; from the four nearest pixels, as by TensorFlow 2 and OpenCV; or "
        "as by TensorFlow 1, half a pixel off",
    )
    range: Annotated[tuple[Number, Number], AfterValidator(_check_range)] = Field(
        (-1.0, 1.0), description="values of black and white: [-1, 1] or [0, 1]"
    )
    flip: bool = Field(False, description="mirror half of the images, at random")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        size = self.size or self.dataset.size
        return (self.channels or self.dataset.channels, *pair(size))

    @property
    def shown_shape(self) -> str:
        """The shape as text, such as `3 x 32 x 32`."""
        return " x ".join(map(str, self.shape))


class Label(Section):
    """The label of each image, for networks that read labels."""

    kind: Literal["classes", "multi_hot"] = Field(
        description="one class out of several, or any number of them at once"
    )
    size: Width = Field(description="number of classes")


class Network(Section):
    """A network: its layers in order, and settings for all of them."""

    framework_defaults: ClassVar = {
        "keras": {"init": "framework"},
        "tensorflow": {"init": "framework"},
    }

    doc: Doc = Field("", description="docstring of the emitted class")
    condition: Condition | None = Field(
        None, description="how the label joins the input; if not given, the network reads no label"
    )
    norm: WeightNorm | None = Field(None, description="weight norm of every layer with a weight")
    normalization: Annotated[Layer | None, AfterValidator(_check_normalization)] = Field(
        None, description="the layer that `norm` stands for"
    )
    init: Initializer | None = Field(None, description="initial weights of every layer")
    unknown: tuple[Doc, ...] = Field(
        (), description="parts of the network that the layers do not say, each in words"
    )
    layers: tuple[Layer, ...] = Field(min_length=1, description="layers from input to output")


class BlockDefinition(Signature):
    """A reusable piece of a network with parameters."""

    layers: tuple[Layer, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Interface:
    """The input and outputs of a network, and the docstring of its emitted class.

    `output` is the name of the last layer's output. If there are `heads`, each is one more layer
    that reads this output, and the network returns the heads' outputs, by their names, instead.
    """

    input: Input
    output: str
    doc: str
    heads: dict[str, Layer] = field(default_factory=dict)


class Spec(Document):
    """The base of every system's spec: real images, and networks that are trained on them.

    A subclass adds the sections of its networks, `objective` and `train`, and these constants.
    `noun` is the system's name in sentences, `caption` describes the pictures of its training.
    Four constants are keys of networks, None if the system has no such network: `draws` maps
    latents to images, `restores` images to images, `predicts` images to scores of classes, and
    `judges` images to scores of being real. `reads_test` is True if training measures losses on
    held-out images, `takes_labels` if networks may read labels.
    """

    noun: ClassVar[str]
    caption: ClassVar[str]
    draws: ClassVar[str | None] = None
    restores: ClassVar[str | None] = None
    predicts: ClassVar[str | None] = None
    reads_test: ClassVar[bool] = False
    takes_labels: ClassVar[bool] = False
    judges: ClassVar[str | None] = None

    name: Name = Field(description="name of the emitted file and of runs")
    doc: Doc = Field("", description="first line of the emitted file")
    framework: Literal["torch", "keras", "tensorflow"] = Field(
        "torch", description="framework whose defaults apply where the spec sets nothing"
    )
    report: Report = Field(Report(), description="publication and its claims")
    vars: dict[Name, int | Number] = Field(
        {}, description="numbers by name, for expressions; the emitted classes' parameters"
    )
    data: Data
    evaluate: Evaluation | None = Field(None, description="scores to measure during training")

    if TYPE_CHECKING:
        # every system declares `train` after its networks; a field here would come before them in
        # printed specs and docs/language.md
        train: Schedule

    @property
    def scope(self) -> dict[str, int | float]:
        """The values of `vars` by name; a whole number also carries its name."""
        return {
            name: WidthValue(value, name) if isinstance(value, int) else value
            for name, value in self.vars.items()
        }

    def network(self, key: str) -> Network:
        """Return the section of the network `key`."""
        return getattr(self, key)

    # -- defined by each system ------------------------------------------------------------------

    @property
    def labelled(self) -> Label | None:
        """The label that the spec declares; None if it declares none."""
        return None

    @property
    def label_input(self) -> Input | None:
        """The label as an input of networks; None if the spec declares no label."""
        return None

    def interfaces(self) -> dict[str, Interface]:
        """Return the interface of each network, by its key."""
        raise NotImplementedError

    def contract(self, nets: dict[str, Net]) -> Iterator[Diagnostic]:
        """Yield errors and warnings about `nets`, the networks without errors of their own."""
        raise NotImplementedError

    def optimizer_of(self, key: str) -> Optimizer:
        """Return the optimizer of the network `key`."""
        raise NotImplementedError

    def settings(self, nets: dict[str, Net]) -> SimpleNamespace:
        """Return the constants and functions that training functions read as `cfg.name`."""
        raise NotImplementedError

    def main(self) -> Callable:
        """Return the main function of the emitted program."""
        raise NotImplementedError

    def training(self, start: Start) -> Training:
        """Return a training before its first step."""
        raise NotImplementedError

    def restore(
        self,
        network: nn.Module,
        images: torch.Tensor,
        random: torch.Generator,
        cfg: SimpleNamespace,
    ) -> torch.Tensor:
        """Return restored images, N x C x H x W in the range of `data`, from uint8 ones.

        Only systems that set `restores` define it.
        """
        raise NotImplementedError

    def compared(self, section: str, values: dict[str, object]) -> dict[str, object]:
        """Return a section's `values` to compare, without those that have no effect."""
        return values

    def properties(self) -> dict[str, dict[str, str]]:
        """Return rows that this system adds to comparison tables, by section and name."""
        raise NotImplementedError


def image_input(spec: Spec) -> Input:
    """Return the input of a network that reads the spec's images."""
    return start_input(spec.data.shape, role="image")


def latent_input(size: int) -> Input:
    """Return the input of a network that reads latents, or codes, of `size` numbers."""
    assert isinstance(size, WidthValue)  # pydantic converts the fields of type `Width`
    return start_input((int(size),), size, "latent")
