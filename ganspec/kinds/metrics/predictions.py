"""Accuracy of a network's outputs."""

from __future__ import annotations


def accuracy(outputs, labels):
    """Return the share of images whose highest output is that of their class."""
    return (outputs.argmax(1) == labels).float().mean()


def find_labels(outputs, labels):
    """Return multi-hot labels without those that the outputs miss.

    An image with k labels keeps those that are among its k highest outputs.
    """
    ranks = outputs.argsort(1, descending=True).argsort(1)
    return (ranks < labels.sum(1, keepdim=True)) * labels


def multi_hot_accuracy(outputs, labels):
    """Return the share of all labels that `find_labels` keeps."""
    return find_labels(outputs, labels).sum() / labels.sum().clamp(min=1)
