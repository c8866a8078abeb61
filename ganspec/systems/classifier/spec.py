"""The spec of a classifier."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import ClassVar

from pydantic import Field

from ganspec.kinds.criterion import Criterion
from ganspec.kinds.metrics.predictions import accuracy, multi_hot_accuracy
from ganspec.kinds.optimizer import Optimizer
from ganspec.language.errors import Diagnostic
from ganspec.language.tree import find
from ganspec.program.ir import Net
from ganspec.systems.agreement import check_labels, output_mark
from ganspec.systems.classifier import step
from ganspec.systems.classifier.training import SHOWN, ClassifierTraining
from ganspec.systems.passes import Pass, TrainingSize, split_passes
from ganspec.systems.schedule import Schedule
from ganspec.systems.single.contract import check_criterion, check_outputs, check_statistics
from ganspec.systems.single.fields import CriterionObjective, CriterionSpec
from ganspec.systems.single.program import main
from ganspec.systems.single.settings import single_settings
from ganspec.systems.spec import Interface, Label, Network, image_input
from ganspec.systems.training import Start, Training


class Prediction(CriterionObjective):
    """The objective of a classifier."""

    loss: Criterion = Field(description="loss that compares the outputs with the labels")


class Classifier(CriterionSpec, system="classifier"):
    """A classifier, from images to the logits or probabilities of their labels.

    Its spec has `name`, `doc`, `extends`, `framework`, `report`, `vars`, `data` and `blocks` as a
    GAN's has, and the following. With multi-hot labels, the predictions for an image with k labels
    are its k highest outputs, and the accuracy is the share of all labels that are predicted.
    """

    networks: ClassVar = ("classifier",)
    noun: ClassVar = "classifier"
    caption: ClassVar = "Predicted against true labels"
    predicts: ClassVar = "classifier"
    main: ClassVar = staticmethod(main)

    label: Label = Field(description="the labels of the images")
    classifier: Network
    objective: Prediction
    optimizer: Optimizer = Field(description="optimizer of the classifier")
    train: Schedule = Schedule()

    @property
    def labelled(self) -> Label:
        return self.label

    def interfaces(self) -> dict[str, Interface]:
        return {"classifier": Interface(image_input(self), "labels", "Image to labels.")}

    def contract(self, nets: dict[str, Net]) -> Iterator[Diagnostic]:
        yield from check_labels(self, "label", self.label)
        yield from check_statistics(nets)
        if self.evaluate is not None:
            message = "`evaluate` has no effect: it scores images, and a classifier makes none"
            node = find(self.tree, ("evaluate",))
            yield Diagnostic("rule-conflict", message, node.mark, (), "take `evaluate` away")
        known = not self.label.is_unread
        mismatch = list(check_criterion(self, self.label.kind)) if known else []
        yield from mismatch
        if net := nets.get("classifier"):
            if known:
                yield from self._check_classes(net)
            if not mismatch:  # the right criterion may read other outputs
                yield from check_outputs(self, "classifier", net)

    def _check_classes(self, net: Net) -> Iterator[Diagnostic]:
        """Yield an error if the classifier's output is not a vector of one number per class."""
        size = int(self.label.size)
        if net.output.shape == (size,):
            return
        mark = output_mark(self, "classifier", net)
        place = find(self.tree, ("label", "size")).mark.seen_from(mark)
        message = f"the classifier makes {net.output}, not one number for each of {size} classes"
        notes = (f"the number of classes is at {place}",)
        yield Diagnostic("class-mismatch", message, mark, notes, f"end it in `linear: {size}`")

    def settings(self, nets: dict[str, Net]) -> SimpleNamespace:
        several = self.label.kind == "multi_hot"
        return single_settings(
            self,
            step,
            labels=self.label.kind,
            accuracy=multi_hot_accuracy if several else accuracy,
            columns=0,
        )

    def passes(self, cfg: SimpleNamespace, size: TrainingSize) -> Iterator[Pass]:
        yield from super().passes(cfg, size)
        if size.images and not size.test:
            shown = min(SHOWN, size.images)
            yield from split_passes(self.networks, cfg.batch, shown, "plotted image")

    def training(self, start: Start) -> Training:
        return ClassifierTraining(self.label, self.data.dataset, start)
