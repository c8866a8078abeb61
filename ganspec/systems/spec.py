"""The sections that all specs share, and the methods that every system defines.

A system is one folder, whose `spec.py` has the system's subclass of `Spec`. Code outside the folder
calls the methods of `Spec`, and seldom tests which system a spec belongs to.
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
from ganspec.kinds.initializer import Initializer
from ganspec.kinds.layer import Layer
from ganspec.kinds.layers.identity import Identity
from ganspec.kinds.normalization import Norms, check_norms
from ganspec.kinds.optimizer import Optimizer
from ganspec.kinds.weight_norm import WeightNorm
from ganspec.language.document import Document, Signature
from ganspec.language.errors import Diagnostic
from ganspec.language.expr import Width as WidthValue
from ganspec.language.section import Section
from ganspec.language.types import Doc, Name, Number, Width
from ganspec.program.ir import Input, Net, start_input
from ganspec.systems.claims import Report
from ganspec.systems.data import Data
from ganspec.systems.evaluation import Evaluation
from ganspec.systems.passes import Pass, TrainingSize, real_passes, split_passes
from ganspec.systems.schedule import Schedule
from ganspec.systems.training import Start, Training


class Label(Section):
    """The labels of images: their kind, and the number of classes."""

    kind: Literal["classes", "multi_hot"] = Field(
        description="`classes`: an image has one class; `multi_hot`: any number of classes"
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
        None, description="how the label joins the input; if not given, it does not join the input"
    )
    normalization: Annotated[Norms, AfterValidator(check_norms)] = Field(
        None, description="the layer that `norm` stands for, the weight norm, or a list of both"
    )
    init: Initializer | None = Field(
        None, description="initial weights of layers without an `init` of their own"
    )
    unknown: tuple[Doc, ...] = Field(
        (), description="parts of the network that `layers` leaves out, each in words"
    )
    layers: tuple[Layer, ...] = Field(min_length=1, description="layers from input to output")

    @property
    def norms(self) -> tuple[Layer | WeightNorm, ...]:
        """The entries of `normalization`: at most one layer, at most one weight norm; or ()."""
        norms = self.normalization
        return norms if isinstance(norms, tuple) else (norms,) if norms else ()

    @property
    def activation_norm(self) -> Layer | None:
        """The layer that `norm` stands for.

        It is `identity` if only a weight norm is set, and None if no normalization is.
        """
        layers = (norm for norm in self.norms if isinstance(norm, Layer))
        return next(layers, Identity() if self.norms else None)

    @property
    def weight_norm(self) -> WeightNorm | None:
        """The weight norm of all layers without a `weight_norm` of their own; None if not set."""
        return next((norm for norm in self.norms if isinstance(norm, WeightNorm)), None)


class BlockDefinition(Signature):
    """Layers that several places of a spec use, with parameters."""

    layers: tuple[Layer, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Interface:
    """The input and outputs of a network, and the docstring of its emitted class.

    `output` is a name for the last layer's output. `heads` are further layers by name, which all
    read this output. A network with heads returns their outputs in its place.
    """

    input: Input
    output: str
    doc: str
    heads: dict[str, Layer] = field(default_factory=dict)


class Spec(Document):
    """The base of every system's spec: real images, and networks that are trained on them.

    A subclass adds the sections of its networks, `objective` and `train`, and sets these constants.
    `noun` is the system's name in sentences, and `caption` describes the pictures of its training.
    Four constants are each the key of one network, or None if the system has no such network:
    `draws` maps latents to images, `restores` maps images to images, `predicts` maps images to
    scores of classes, and `judges` maps images to scores of being real. `reads_test` is True if
    training measures losses on held-out images, `takes_labels` if networks may read labels. `main`
    is the main function of the emitted program. It must read images by `cfg.load_images`, and swap
    rows and columns if `cfg.transpose`.
    """

    noun: ClassVar[str]
    caption: ClassVar[str]
    draws: ClassVar[str | None] = None
    restores: ClassVar[str | None] = None
    predicts: ClassVar[str | None] = None
    reads_test: ClassVar[bool] = False
    takes_labels: ClassVar[bool] = False
    judges: ClassVar[str | None] = None
    main: ClassVar[Callable[..., None]]

    name: Name = Field(description="name of the emitted file and of runs")
    doc: Doc = Field("", description="first line of the emitted file")
    framework: Literal["torch", "keras", "tensorflow"] = Field(
        "torch", description="framework whose defaults apply where the spec sets nothing"
    )
    report: Report = Field(Report(), description="publication and its claims")
    vars: dict[Name, int | Number] = Field({}, description="numbers by name, for expressions")
    data: Data
    evaluate: Evaluation | None = Field(None, description="scores to measure during training")

    if TYPE_CHECKING:
        # each system declares `train` itself, so that printed specs have it after the networks
        train: Schedule

    def __repr__(self) -> str:
        networks = [key for key in self.networks if getattr(self, key) is not None]
        return f"<{self.noun} {self.name}: {', '.join(networks)}>"

    __str__ = __repr__

    @property
    def scope(self) -> dict[str, int | float]:
        """The values of `vars` by name; a whole number is a `Width` that remembers its name."""
        return {
            name: WidthValue(value, name) if isinstance(value, int) else value
            for name, value in self.vars.items()
        }

    def network(self, key: str) -> Network:
        """Return the section of the network `key`."""
        return getattr(self, key)

    # -- for systems to define -------------------------------------------------------------------

    @property
    def labelled(self) -> Label | None:
        """The label that the spec declares; None if it declares none."""
        return None

    @property
    def label_input(self) -> Input | None:
        """The label as an input of networks; None if they cannot read one."""
        return None

    def interfaces(self) -> dict[str, Interface]:
        """Return the interface of each network, by its key."""
        raise NotImplementedError

    def contract(self, nets: dict[str, Net]) -> Iterator[Diagnostic]:
        """Yield errors and warnings if networks, data, objective and rules do not fit each other.

        `nets` are the networks that were lowered without errors, by key.
        """
        raise NotImplementedError

    def optimizer_of(self, key: str) -> Optimizer:
        """Return the optimizer of the network `key`."""
        raise NotImplementedError

    def settings(self, nets: dict[str, Net]) -> SimpleNamespace:
        """Return the `cfg` of the training functions: constants and functions, by name."""
        raise NotImplementedError

    def passes(self, cfg: SimpleNamespace, size: TrainingSize) -> Iterator[Pass]:
        """Yield batches that networks read in training, for pictures or as test images.

        Here each training step draws one real batch for all networks.
        """
        yield from real_passes(self.networks, cfg, size.images, size.steps)
        if size.test:
            yield from split_passes(self.networks, cfg.batch, size.test, "test image")

    def training(self, start: Start) -> Training:
        """Return a new training, before its first step.

        Raises DataError if the images do not fill a batch, or if their labels are not the spec's.
        """
        raise NotImplementedError

    def restore(
        self,
        network: nn.Module,
        images: torch.Tensor,
        random: torch.Generator,
        cfg: SimpleNamespace,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the inputs and the outputs of `network`, which restores `images`.

        The inputs are `images`, uint8 N x C x H x W, scaled to the range of `data`, with noise that
        `random` draws, if any. The outputs are on the same scale. Systems with `restores` define
        this.
        """
        raise NotImplementedError

    def compared(self, section: str, values: dict[str, object]) -> dict[str, object]:
        """Return `values`, a section's values by field, without fields that have no effect.

        `values` may be changed. Fields may be rewritten, so that equal meanings compare as equal.
        """
        return values

    def properties(self) -> dict[str, dict[str, str]]:
        """Return texts for comparison tables, by the section and the name of their row."""
        raise NotImplementedError


def image_input(spec: Spec) -> Input:
    """Return the input of a network that reads the spec's images."""
    return start_input(spec.data.shape, role="image")


def latent_input(size: int) -> Input:
    """Return the input of a network that reads latents, or codes, of `size` numbers."""
    assert isinstance(size, WidthValue)  # pydantic converts the fields of type `Width`
    return start_input((int(size),), size, "latent")
