"""Accuracy of a classifier's outputs."""

from __future__ import annotations


def accuracy(outputs, labels):
    """Return the share of images whose highest output is that of their class."""
    return (outputs.argmax(1) == labels).float().mean()


def find_labels(outputs, labels):
    """Return multi-hot labels with 0 in place of each 1 that the outputs do not find.

    A label of an image with k labels is found if its output is among the k highest.
    """
    ranks = outputs.argsort(1, descending=True).argsort(1)
    return (ranks < labels.sum(1, keepdim=True)) * labels


def multi_hot_accuracy(outputs, labels):
    """Return the share of all labels that `find_labels` finds."""
    return find_labels(outputs, labels).sum() / labels.sum().clamp(min=1)
