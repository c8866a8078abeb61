"""Steps that turn the label into a one-hot vector, an embedding, or channels of a map."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ganspec.kinds.layer import Layer, Lowering
from ganspec.program.ir import Call, Value


class OneHot(nn.Module):
    """Turns class indices, N, into rows of 0s with a single 1, N x classes."""

    def __init__(self, classes):
        super().__init__()
        self.classes = classes

    def forward(self, y):
        return F.one_hot(y, self.classes).float()


def label_planes(label, x):
    """Repeat the numbers of a label, N x K, over the map `x`: N x K x H x W."""
    return label[:, :, None, None].expand(-1, -1, *x.shape[2:])


def label_vector(net: Lowering) -> Value:
    """Return the label as a vector. An added step makes a class index one-hot."""
    label = net.label
    return net.add(Call(OneHot, label.channels), label) if label.is_index else label


def embedding(label: Value, size: int) -> Call:
    """Return the call that turns `label` into a learned vector of `size` numbers.

    For a class index it is an embedding, for a multi-hot label a linear layer without bias.
    """
    if not label.is_index:
        return Call(nn.Linear, label.channels, size, bias=False, channels=size)
    # without `_weight`, an embedding draws weights, which on the meta device imports torch's
    # compiler: that takes seconds
    undrawn = torch.empty(int(label.channels), int(size), device="meta")
    bare = Call(nn.Embedding, label.channels, size, _weight=undrawn)
    return Call(nn.Embedding, label.channels, size, channels=size, bare=bare)


def embed(net: Lowering, size: int) -> Value:
    """Add an embedding of the label, with the network's weight norm. Return its output."""
    return net.add(net.wrap(embedding(net.label, size)), net.label)


def linear(net: Lowering, label: Value, size: int, hidden: Layer | None) -> Value:
    """Add a linear layer from `label` to `size` numbers, then the layer `hidden` if not None.

    Return the last value.
    """
    label = net.add(net.wrap(Call(nn.Linear, label.channels, size, channels=size)), label)
    return activate(net, label, hidden)


def activate(net: Lowering, label: Value, hidden: Layer | None) -> Value:
    """Add the layer `hidden`, if not None, after `label`. Return the last value.

    Raise SpecError if the layer changes the shape.
    """
    if hidden is None:
        return label
    # with the condition's key path, tables count `hidden` as a part of the condition
    output = net.layer(hidden.model_copy().place(net.key_path, hidden.mark), label)
    if output.shape != label.shape:
        message = f"`hidden` makes {output} of a vector of {label}"
        net.refuse("bad-value", message, None, "use an activation, such as relu")
    return output


def plane(net: Lowering, label: Value, x: Value, hidden: Layer | None) -> Value:
    """Return a channel of the size of `x`, computed from `label` by a linear layer and `hidden`."""
    height, width = x.size
    label = linear(net, label, height * width, hidden)
    return net.add(Call(nn.Unflatten, 1, (1, height, width), channels=1), label)


def concatenate(net: Lowering, x: Value, other: Value) -> Value:
    """Append `other`, a vector or a map, to `x`. Return the joined value.

    To a map, a vector appends one constant channel for each of its numbers.
    """
    if x.is_map and not other.is_map:
        other = net.add(Call(label_planes), other, x)
    channels = x.channels + other.channels
    return net.add(Call(torch.cat, dim=1, pack=True, channels=channels), x, other)
