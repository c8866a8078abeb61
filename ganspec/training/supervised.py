"""Training of one network on pairs of inputs and targets: a classifier, or an autoencoder."""

from __future__ import annotations

from pathlib import Path

import torch

from ganspec.atomic import replacing
from ganspec.compiler.lower import lower
from ganspec.language.supervised import Autoencoder, Classifier, Supervised
from ganspec.training import classification, reconstruction
from ganspec.training.config import configure
from ganspec.training.grid import save_grid
from ganspec.training.images import Feed, StreamedImages
from ganspec.training.labels import fit_labels
from ganspec.training.trainer import Trainer, built

SHOWN = 2000  # training images that a classifier's picture is of, where none are held out


class SupervisedTrainer(Trainer):
    """A network, its optimizer, and the images that it is tested on.

    `images` are uint8 N x C x H x W, `labels` int64 N or, 0 and 1, N x classes, and None for an
    autoencoder; `held_out` are such a pair, or None.
    """

    def __init__(self, spec: Supervised, images, labels, held_out, device, seed: int):
        self.device, nets = device, lower(spec)
        self.cfg = configure(spec, nets)
        self.networks = built(nets, seed, device)
        (self.network,) = self.networks.values()
        self.optimizers = {self.cfg.key: self.cfg.optimizer(self.network.parameters())}
        self.fixed = {}
        labels = self.targets(spec, labels)
        self.held_out = held_out and (held_out[0], self.targets(spec, held_out[1]))
        self.batches = Feed(images, labels, seed, self.cfg)

    def targets(self, spec: Supervised, labels):
        """`labels` as the criterion reads them; raises DataError where they are others."""
        return None

    def advance(self) -> dict[str, torch.Tensor]:
        self.step += 1
        (optimizer,) = self.optimizers.values()
        return self.cfg.train_step(self.network, optimizer, self.batches, self.cfg)


class ClassifierTrainer(SupervisedTrainer):
    """Pictured by what it takes for what; `names` are those of the classes, if they have any."""

    def __init__(self, spec: Classifier, images, labels, held_out, device, seed, names=()):
        super().__init__(spec, images, labels, held_out, device, seed)
        size = int(spec.label.size)
        self.names = list(names) if len(names) == size else [str(i) for i in range(size)]
        self.predicted = (-1, None)  # after which step, and the outputs for the test images

    def targets(self, spec: Classifier, labels):
        return fit_labels(labels, spec.label, "label", spec.data.dataset).to(self.device)

    def measures(self) -> dict[str, torch.Tensor]:
        if self.held_out is None:
            return {}
        images, labels = self.held_out
        outputs = classification.predict(self.network, images, self.cfg)
        self.predicted = (self.step, outputs)
        return classification.score(outputs, labels, self.cfg)

    def picture(self, path: Path) -> None:
        """What is taken for what: a confusion matrix, or the share found of each label."""
        from ganspec.report import confusion  # matplotlib is slow to import

        images, labels = self.held_out or self.some()
        where = "test images" if self.held_out else "training images"
        step, outputs = self.predicted
        if step != self.step:
            outputs = classification.predict(self.network, images, self.cfg)
        outputs, labels = outputs.cpu(), labels.cpu()
        if self.cfg.labels == "classes":
            counts = confusion.count(outputs.argmax(1), labels, len(self.names))
            confusion.plot_matrix(counts, self.names, where, path)
        else:
            found = classification.find_labels(outputs, labels).sum(0)
            confusion.plot_shares(found, labels.sum(0), self.names, where, path)

    def some(self):
        """Training images and their labels, evenly spaced."""
        images, labels = self.batches.images, self.batches.labels
        chosen = reconstruction.spaced(len(images), min(SHOWN, len(images)))
        return at(images, chosen), labels[chosen.to(labels.device)]


class AutoencoderTrainer(SupervisedTrainer):
    """Pictured by what it makes of a few images."""

    def __init__(self, spec: Autoencoder, images, labels, held_out, device, seed: int):
        super().__init__(spec, images, None, held_out, device, seed)
        source, count = held_out[0] if held_out else images, self.cfg.columns
        self.fixed = {"images": at(source, reconstruction.spaced(len(source), count))}

    def measures(self) -> dict[str, torch.Tensor]:
        if self.held_out is None:
            return {}
        return reconstruction.evaluate(self.network, self.held_out[0], self.cfg)

    def picture(self, path: Path) -> None:
        """Rows of noisy images, what is made of them, and the clean ones."""
        save_comparison(self.network, self.fixed["images"], path, self.cfg)


def at(images, chosen: torch.Tensor) -> torch.Tensor:
    """The images of some indices, wherever all of them are."""
    if isinstance(images, StreamedImages):
        return torch.stack([images.files[i] for i in chosen.tolist()]).to(images.device)
    return images[chosen.to(images.device)]


def save_comparison(autoencoder, images, path: Path, cfg) -> None:
    """What an autoencoder makes of images, a row of each kind below another; atomically.

    More images than a row holds go on in further rows.
    """
    parts = []
    for part in images.split(cfg.columns):
        shown = reconstruction.compare(autoencoder, part, cfg)
        kinds = shown.unflatten(0, (-1, len(part)))
        lacking = cfg.columns - len(part) if parts else 0
        white = kinds.new_ones(len(kinds), lacking, *kinds.shape[2:])
        parts.append(torch.cat([kinds, white], 1).flatten(0, 1))
    with replacing(path) as temporary:
        save_grid(torch.cat(parts), temporary, min(cfg.columns, len(images)), cfg)
