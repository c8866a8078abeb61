"""Shares of a network's outputs that are right."""

from __future__ import annotations


def accuracy(outputs, labels):
    """Return the share of images whose highest output is that of their class."""
    return (outputs.argmax(1) == labels).float().mean()


def find_labels(outputs, labels):
    """Return the labels, 0 and 1, that are among the highest outputs of their image.

    The outputs that count are as many as the image has labels.
    """
    ranks = outputs.argsort(1, descending=True).argsort(1)
    return (ranks < labels.sum(1, keepdim=True)) * labels


def multi_hot_accuracy(outputs, labels):
    """Return the share of labels that are among the highest outputs of their image."""
    return find_labels(outputs, labels).sum() / labels.sum().clamp(min=1)
