"""Measure how often a network's outputs are right."""

from __future__ import annotations


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
