"""One step of training a classifier, and its test: text that is also emitted."""

from __future__ import annotations

import torch

from ganspec.training.batches import scale_pixels
from ganspec.training.step import update


def accuracy(outputs, labels):
    """Share of the images whose highest output is that of their class."""
    return (outputs.argmax(1) == labels).float().mean()


def find_labels(outputs, labels):
    """Labels, 0 and 1, less those that are not among their image's highest outputs.

    As many outputs of an image count as it has labels.
    """
    ranks = outputs.argsort(1, descending=True).argsort(1)
    return (ranks < labels.sum(1, keepdim=True)) * labels


def multi_hot_accuracy(outputs, labels):
    """Share of all labels that are among their image's highest outputs."""
    return find_labels(outputs, labels).sum() / labels.sum().clamp(min=1)


def predict(classifier, images, cfg):
    """The classifier's outputs for uint8 images, in batches."""
    classifier.eval()
    with torch.no_grad():
        parts = images.split(cfg.batch)
        outputs = torch.cat([classifier(scale_pixels(part, cfg)) for part in parts])
    classifier.train()
    return outputs


def score(outputs, labels, cfg):
    """Loss and accuracy of outputs for images that training does not see."""
    loss = cfg.loss(outputs, labels, cfg)
    return {"test_loss": loss, "test_accuracy": cfg.accuracy(outputs, labels)}


def evaluate(classifier, images, labels, cfg):
    """Loss and accuracy on images that training does not see."""
    return score(predict(classifier, images, cfg), labels, cfg)


def train_step(classifier, optimizer, batches, cfg):
    """One step down the loss of a batch; loss and accuracy before it."""
    images, labels = next(batches)
    outputs = classifier(images)
    loss = cfg.loss(outputs, labels, cfg)
    update(optimizer, loss)
    return {"loss": loss.detach(), "accuracy": cfg.accuracy(outputs, labels)}
