"""One step of training a classifier, and its test; the functions are also emitted."""

from __future__ import annotations

import torch

from ganspec.systems.batches import scale_pixels
from ganspec.systems.update import update


def predict(classifier, images, cfg):
    """Return the classifier's outputs for uint8 images, in evaluation mode."""
    classifier.eval()
    with torch.no_grad():
        parts = images.split(cfg.batch)
        outputs = torch.cat([classifier(scale_pixels(part, cfg)) for part in parts])
    classifier.train()
    return outputs


def score(outputs, labels, cfg):
    """Return loss and accuracy of the outputs for held-out images, by name."""
    loss = cfg.criterion.loss(outputs, labels, cfg.criterion)
    return {"test_loss": loss, "test_accuracy": cfg.accuracy(outputs, labels)}


def evaluate(classifier, images, labels, cfg):
    """Return loss and accuracy on held-out images, by name."""
    return score(predict(classifier, images, cfg), labels, cfg)


def train_step(classifier, optimizer, batches, cfg):
    """Make one step on a batch. Return loss and accuracy before the step, by name."""
    images, labels = next(batches)
    outputs = classifier(images)
    loss = cfg.criterion.loss(outputs, labels, cfg.criterion)
    update(optimizer, loss, cfg)
    return {"loss": loss.detach(), "accuracy": cfg.accuracy(outputs, labels)}
