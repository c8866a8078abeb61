"""A classifier as a system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import ClassVar

from pydantic import Field

from ganspec.kinds.criterion import Criterion
from ganspec.kinds.optimizer import Optimizer
from ganspec.language.errors import Diagnostic
from ganspec.language.section import Section
from ganspec.program.ir import Net
from ganspec.systems.classifier.contract import contract
from ganspec.systems.classifier.settings import settings
from ganspec.systems.classifier.training import ClassifierTraining
from ganspec.systems.schedule import Schedule
from ganspec.systems.single.program import main
from ganspec.systems.single.wording import properties
from ganspec.systems.spec import Interface, Label, Network, Spec, image_input
from ganspec.systems.training import Start, Training


class Prediction(Section):
    """What a classifier is trained for."""

    loss: Criterion = Field(description="of its outputs against the labels")


class Classifier(Spec, system="classifier"):
    """A classifier, from images to the logits or probabilities of their labels.

    Its spec has `name`, `doc`, `framework`, `report`, `vars`, `data` and `blocks` as a GAN's has,
    and beside them the following. Of multi-hot labels the accuracy is the share of all labels that
    stand among their image's highest outputs, as many outputs as the image has labels.
    """

    networks: ClassVar = ("classifier",)
    noun: ClassVar = "classifier"
    caption: ClassVar = "What the classifier takes for what"
    predicts: ClassVar = "classifier"
    reads_test: ClassVar = True

    label: Label = Field(description="what each image is labelled with")
    classifier: Network
    objective: Prediction
    optimizer: Optimizer = Field(description="the classifier's")
    train: Schedule = Schedule()

    @property
    def labelled(self) -> Label:
        return self.label

    def interfaces(self) -> dict[str, Interface]:
        return {"classifier": Interface(image_input(self), "labels", "Image to labels.")}

    def contract(self, nets: dict[str, Net]) -> Iterator[Diagnostic]:
        return contract(self, nets)

    def settings(self, nets: dict[str, Net]) -> SimpleNamespace:
        return settings(self)

    def main(self) -> Callable:
        return main

    def training(self, start: Start) -> Training:
        return ClassifierTraining(self, start)

    def properties(self) -> dict[str, dict[str, str]]:
        return properties(self)
