"""The training of a classifier."""

from __future__ import annotations

from pathlib import Path

import torch

from ganspec.kinds.dataset import Dataset
from ganspec.kinds.metrics.predictions import find_labels
from ganspec.systems.batches import spaced
from ganspec.systems.classifier.step import predict, score
from ganspec.systems.feed import at
from ganspec.systems.labels import fit_labels
from ganspec.systems.single.training import SingleTraining
from ganspec.systems.spec import Label
from ganspec.systems.training import Start

SHOWN = 2000  # most training images that a picture counts, if no images are held out


class ClassifierTraining(SingleTraining):
    """The training of a classifier, with plots of its predictions as pictures."""

    def __init__(self, label: Label, dataset: Dataset, start: Start):
        test, names = start.images.test, start.images.names

        def fit(labels: torch.Tensor | None) -> torch.Tensor:
            return fit_labels(labels, label, "label", dataset, names).to(start.device)

        self.labels = fit(start.images.labels)
        self.held_out = (test[0], fit(test[1])) if test else None
        super().__init__(start, self.labels)
        size = int(label.size)
        self.names = list(names) if len(names) == size else [str(i) for i in range(size)]
        # the step after which outputs for the held-out images were computed, and these outputs
        self.outputs_step, self.outputs = -1, torch.empty(0)

    def measures(self) -> dict[str, torch.Tensor]:
        if self.held_out is None:
            return {}
        images, labels = self.held_out
        self.outputs_step, self.outputs = self.step, predict(self.network, images, self.cfg)
        return score(self.outputs, labels, self.cfg)

    def picture(self, path: Path) -> None:
        """Plot a confusion matrix or, for multi-hot labels, the share of each label found."""
        from ganspec.plots import confusion  # matplotlib is slow to import

        images, labels = self.held_out or self._shown_images()
        where = "test images" if self.held_out else "training images"
        current = self.outputs_step == self.step
        outputs = self.outputs if current else predict(self.network, images, self.cfg)
        outputs, labels = outputs.cpu(), labels.cpu()
        if self.cfg.labels == "classes":
            counts = confusion.count(outputs.argmax(1), labels, len(self.names))
            confusion.plot_matrix(counts, self.names, where, path)
        else:
            hits = find_labels(outputs, labels).sum(0)
            confusion.plot_shares(hits, labels.sum(0), self.names, where, path)

    def _shown_images(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return at most SHOWN evenly spaced training images, uint8, and their labels."""
        images = self.batches.images
        chosen = spaced(len(images), min(SHOWN, len(images)))
        return at(images, chosen), self.labels[chosen.to(self.labels.device)]
