"""Accuracy of a classifier's outputs."""

from __future__ import annotations


def accuracy(outputs, labels):
    """Return the share of images for which the output of their class is the highest."""
    return (outputs.argmax(1) == labels).float().mean()


def find_labels(outputs, labels):
    """Return multi-hot labels with 1 only where the outputs find the label.

    Of an image's k labels, those are found that are among its k highest outputs.
    """
    ranks = outputs.argsort(1, descending=True).argsort(1)
    return (ranks < labels.sum(1, keepdim=True)) * labels


def multi_hot_accuracy(outputs, labels):
    """Return the share of all labels that `find_labels` finds."""
    return find_labels(outputs, labels).sum() / labels.sum().clamp(min=1)
