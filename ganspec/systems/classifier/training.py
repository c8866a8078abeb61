"""Training of a classifier."""

from __future__ import annotations

from pathlib import Path

import torch

from ganspec.kinds.metrics.predictions import find_labels
from ganspec.systems.batches import spaced
from ganspec.systems.classifier.step import predict, score
from ganspec.systems.feed import at
from ganspec.systems.labels import fit_labels
from ganspec.systems.single.training import SingleTraining
from ganspec.systems.spec import Spec
from ganspec.systems.training import Start

SHOWN = 2000  # training images that a classifier's picture is of, where none are held out


class ClassifierTraining(SingleTraining):
    """Pictured by its confusion matrix, or by the share of each label that it finds."""

    def __init__(self, spec: Spec, start: Start):
        super().__init__(spec, start)
        size = int(spec.label.size)
        names = start.images.names
        self.names = list(names) if len(names) == size else [str(i) for i in range(size)]
        self.predicted = (-1, None)  # after which step, and the outputs for the test images

    def targets(self, spec: Spec, labels: torch.Tensor) -> torch.Tensor:
        return fit_labels(labels, spec.label, "label", spec.data.dataset).to(self.device)

    def measures(self) -> dict[str, torch.Tensor]:
        if self.held_out is None:
            return {}
        images, labels = self.held_out
        outputs = predict(self.network, images, self.cfg)
        self.predicted = (self.step, outputs)
        return score(outputs, labels, self.cfg)

    def picture(self, path: Path) -> None:
        """What is taken for what: a confusion matrix, or the share found of each label."""
        from ganspec.plots import confusion  # matplotlib is slow to import

        images, labels = self.held_out or self.some()
        where = "test images" if self.held_out else "training images"
        step, outputs = self.predicted
        if step != self.step:
            outputs = predict(self.network, images, self.cfg)
        outputs, labels = outputs.cpu(), labels.cpu()
        if self.cfg.labels == "classes":
            counts = confusion.count(outputs.argmax(1), labels, len(self.names))
            confusion.plot_matrix(counts, self.names, where, path)
        else:
            found = find_labels(outputs, labels).sum(0)
            confusion.plot_shares(found, labels.sum(0), self.names, where, path)

    def some(self):
        """Training images and their labels, evenly spaced."""
        images, labels = self.batches.images, self.batches.labels
        chosen = spaced(len(images), min(SHOWN, len(images)))
        return at(images, chosen), labels[chosen.to(labels.device)]
