"""The label as numbers: one-hot, embedded, through a linear layer, as planes of a map."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ganspec.kinds.layer import Layer
from ganspec.language.expr import Width
from ganspec.program.ir import Call, Value
from ganspec.program.lowering import Lowering


class OneHot(nn.Module):
    """Classes as rows of 0 with a single 1."""

    def __init__(self, classes):
        super().__init__()
        self.classes = classes

    def forward(self, y):
        return F.one_hot(y, self.classes).float()


def label_planes(label, x):
    """Each number of a label as a plane as high and wide as the map `x`."""
    return label[:, :, None, None].expand(-1, -1, *x.shape[2:])


def numbers(net: Lowering) -> Value:
    """The label as a vector: one-hot, or multi-hot as it is."""
    label = net.label
    return net.add(Call(OneHot, label.channels), label) if label.is_index else label


def embedding(label: Value, size: Width) -> Call:
    """Learned vectors, one a class; of several classes their sum, which a linear layer makes."""
    if not label.is_index:
        return Call(nn.Linear, label.channels, size, bias=False, channels=size)
    # its weights are drawn by a kernel that on the meta device would import torch's compiler
    undrawn = torch.empty(int(label.channels), int(size), device="meta")
    bare = Call(nn.Embedding, label.channels, size, _weight=undrawn)
    return Call(nn.Embedding, label.channels, size, channels=size, bare=bare)


def embedded(net: Lowering, size: Width) -> Value:
    """The label's embedding, under the network's weight norm."""
    return net.add(net.weigh(embedding(net.label, size)), net.label)


def linear(net: Lowering, label: Value, size: Width, hidden: Layer | None) -> Value:
    """`label` through a linear layer of `size` outputs, and an activation."""
    label = net.add(net.weigh(Call(nn.Linear, label.channels, size, channels=size)), label)
    return activated(net, label, hidden)


def activated(net: Lowering, label: Value, hidden: Layer | None) -> Value:
    """`label` through `hidden`, which may not change its shape."""
    if hidden is None:
        return label
    # in the condition's place, so that its costs are counted together
    made = net.layer(hidden.model_copy().place(net.place, hidden.mark), label)
    if made.shape != label.shape:
        message = f"hidden makes {made} of a vector of {label}"
        net.refuse("bad-value", message, None, "use an activation, such as relu")
    return made


def plane(net: Lowering, label: Value, x: Value, hidden: Layer | None) -> Value:
    """`label` as one channel of the map `x`, through a linear layer to its height x width."""
    height, width = x.size
    label = linear(net, label, Width(height * width), hidden)
    return net.add(Call(nn.Unflatten, 1, (1, height, width), channels=Width(1)), label)


def joined(net: Lowering, x: Value, label: Value) -> Value:
    """`label` behind `x`: numbers behind a vector's, channels behind a map's."""
    if x.is_map and not label.is_map:
        label = net.add(Call(label_planes), label, x)
    channels = x.channels + label.channels
    return net.add(Call(torch.cat, dim=1, pack=True, channels=channels), x, label)
