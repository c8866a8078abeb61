"""Batch normalization with a gain and a bias for each class."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from ganspec.kinds.layer import Lowering
from ganspec.kinds.layers.batch_norm import BatchStatistics
from ganspec.program.ir import Call, Value


class ClassBatchNorm(nn.Module):
    """Batch norm whose gain and bias are rows of two tables, one row per class."""

    def __init__(
        self,
        classes,
        channels,
        eps=1e-5,
        momentum=0.1,
        track_running_stats=True,
        norm=nn.BatchNorm2d,
    ):
        super().__init__()
        self.norm = norm(channels, eps, momentum, False, track_running_stats)
        self.gain = nn.Parameter(torch.ones(classes, channels))
        self.bias = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x, y):
        x = self.norm(x)
        row = (*x.shape[:2], *[1] * (x.dim() - 2))  # shape: one number per channel
        return self.gain[y].view(row) * x + self.bias[y].view(row)


class ConditionalBatchNorm(BatchStatistics, kind="class_batch_norm"):
    """Batch normalization with a gain and a bias for each class (Dumoulin et al., 2017; de Vries et
    al., 2017), which start at 1 and 0.

    Labels are single classes, not multi-hot. `momentum` is the new batch's share in the running
    statistics, which all classes share. With `statistics: batch` there are no running statistics:
    each batch is normalized by its own mean and variance outside training, too.
    """

    role: ClassVar = "norm"
    conditional: ClassVar = True
    primary: ClassVar = "eps"
    framework_defaults: ClassVar = {
        "keras": {"eps": 1e-3, "momentum": 0.01},
        "tensorflow": {"eps": 1e-3, "statistics": "batch", "momentum": 1e-3},
    }

    def lower(self, net: Lowering, x: Value) -> Value:
        label = net.label
        if not label.is_index:
            message = "class_batch_norm takes labels of one class each, not multi-hot ones"
            help = "use batch_norm, and join the label with `join_label` or `condition`"
            net.refuse("label-mismatch", message, None, help)
        call = Call(
            ClassBatchNorm,
            label.channels,
            x.channels,
            **self.settings,
            norm=nn.BatchNorm2d if x.is_map else nn.BatchNorm1d,
        )
        return net.add(call, x, label)
