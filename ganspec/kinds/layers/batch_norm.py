"""Batch normalization with a gain, a bias, both or neither."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, ValidationInfo, field_validator
from torch import nn

from ganspec.kinds.layer import Layer
from ganspec.language.types import Positive, refusal
from ganspec.program.ir import Call, Value


class CenteredBatchNorm(nn.BatchNorm2d):
    """Batch normalization of maps or vectors that learns a bias and no gain."""

    def __init__(self, channels, eps=1e-5, momentum=0.1, track_running_stats=True):
        super().__init__(channels, eps, momentum, False, track_running_stats)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        # without a gain, torch computes no gradient of the bias on a GPU
        gain = torch.ones_like(self.bias)
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            gain,
            self.bias,
            self.training or self.running_mean is None,
            self.momentum,
            self.eps,
        )

    def _check_input_dim(self, x):
        pass  # vectors too


class ScaledBatchNorm(nn.BatchNorm2d):
    """Batch normalization of maps or vectors that learns a gain and no bias."""

    def __init__(self, channels, eps=1e-5, momentum=0.1, track_running_stats=True):
        super().__init__(channels, eps, momentum, False, track_running_stats)
        self.weight = nn.Parameter(torch.ones(channels))

    def _check_input_dim(self, x):
        pass  # vectors too


class BatchStatistics(Layer):
    """Base class of batch normalizations, with the fields that they share."""

    eps: Positive = 1e-5
    statistics: Literal["running", "batch"] = Field(
        "running",
        description="statistics that normalize outside training: `running` ones, which training "
        "updates, or those of the `batch`",
    )
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1

    @field_validator("momentum")
    @classmethod
    def _check_momentum(cls, momentum: float, info: ValidationInfo) -> float:
        """Refuse a momentum that the spec sets beside `statistics: batch`, which ignores it."""
        written = (info.context or {}).get("written", ())
        if info.data.get("statistics") == "batch" and "momentum" in written:
            message = "`momentum` moves running statistics, and `statistics: batch` keeps none"
            help = "remove `momentum`, or write `statistics: running`"
            raise refusal("bad-value", message, help)
        return momentum

    @property
    def settings(self) -> dict[str, Any]:
        """The keyword arguments of torch's batch norms, except `affine`."""
        if self.statistics == "batch":
            return {"eps": self.eps, "track_running_stats": False}
        return {"eps": self.eps, "momentum": self.momentum}


class BatchNorm(BatchStatistics, kind="batch_norm"):
    """Batch normalization (Ioffe & Szegedy, 2015) of a vector or a map.

    `momentum` is the new batch's share in the running statistics, as in torch: a decay of 0.99 is
    0.01 here. With `statistics: batch` there are no running statistics, and an image depends on the
    others of its batch in samples and scores, too: `ganspec sample` and `ganspec evaluate` draw
    batches of the size `train.batch`.

    The defaults under `tensorflow` are those of TensorFlow 1's `tf.contrib.layers.batch_norm`,
    which learns no gain and always normalizes by the batch, unless the code sets `is_training` to
    False outside training: then write `statistics: running`. `tf.layers.batch_normalization` learns
    a gain and decays by 0.99: `{scale: true, statistics: running, momentum: 0.01}`.
    """

    role: ClassVar = "norm"
    primary: ClassVar = "eps"
    framework_defaults: ClassVar = {
        "keras": {"eps": 1e-3, "momentum": 0.01},
        "tensorflow": {"eps": 1e-3, "statistics": "batch", "momentum": 1e-3, "scale": False},
    }
    examples: ClassVar = [
        (None, (4, 3, 3)),
        ({"eps": 1e-3, "momentum": 0.01}, (5,)),
        ({"statistics": "batch"}, (4, 3, 3)),
        ({"scale": False, "center": False}, (4, 3, 3)),
        ({"scale": False}, (4, 3, 3)),
        ({"scale": False, "momentum": 0.01}, (5,)),
        ({"scale": False, "statistics": "batch"}, (5,)),
        ({"center": False}, (4, 3, 3)),
    ]

    scale: bool = Field(True, description="learn a gain for every channel")
    center: bool = Field(True, description="learn a bias for every channel")

    def call(self, x: Value) -> Call:
        if self.scale != self.center:
            module = ScaledBatchNorm if self.scale else CenteredBatchNorm
            return Call(module, x.channels, **self.settings)
        usual = nn.BatchNorm2d if x.is_map else nn.BatchNorm1d
        return Call(usual, x.channels, **self.settings, affine=self.scale)
