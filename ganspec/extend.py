"""The names that a file of your own kinds imports. Later versions keep them.

A kind is a class with a docstring, such as `class Celu(Layer, kind="celu")`. Its fields are the
keys that a spec may write below the kind's name, with pydantic's types and bounds; `primary` names
the field that a bare value sets, as in `celu: 0.5`. Annotate attributes that a spec cannot set as
`ClassVar`. The text of a *plain* function goes into emitted files: write it at the file's top
level, and let it read only its arguments, the file's constants and functions, and imports of torch
or of another installed package, which the emitted file then needs, too.

| base class | what its kinds define |
|---|---|
| `Layer` | `call(x: Value) -> Call`; for several calls `lower(net: Lowering, x) -> Value` |
| `Weighted` | as a `Layer`, for a layer with a weight; adds the fields `weight_norm` and `init` |
| `Condition` | `join(net: Lowering, x: Value) -> Value`, which reads the label as `net.label` |
| `Loss` | plain `real_loss`, `fake_loss`, `generator_loss`: `(scores, cfg)` to a scalar |
| `Penalty` | plain `penalty(discriminator, real, fake, labels, cfg)` to a scalar |
| `Criterion` | plain `loss(outputs, targets, cfg)` to a scalar; `targets`: the forms it accepts |
| `Optimizer` | `call() -> Call` of a `torch.optim.Optimizer` class, without the weights to update |
| `Initializer` | `call() -> Call` of a plain function `init_...`, which fills a network's weights |
| `WeightNorm` | `wrap() -> Call` of a function that changes and returns a module with a `weight` |
| `Metric` | `measure(fake: Activations, real, seed) -> list[MetricValue]`; `names`, `higher` |
| `Dataset` | plain `load(folder, height, width, channels, **fields)` to uint8 images and labels |

`cfg` has the kind's fields as attributes, such as `cfg.margin`. A penalty may also read
`cfg.d_conditional`, True if the discriminator takes the labels, and `cfg.auxiliary`, True if the
discriminator returns a tuple of scores and guesses of the label. Other attributes may change.

`Call(target, *args, channels=None, **kwargs)` is a module class with its constructor's arguments,
or a function with the arguments that follow its input tensors. `channels` is the result's number of
channels, if it differs from the input's. A `Value` has `shape` (without the batch), `channels`,
`is_map` (True for channels x height x width) and, if it is a map, `size` (height, width).

`lower` and `join` add calls to `net`: `net.add(call, *inputs)` adds one and returns its output. In
a `Weighted` layer, `self.add(net, call, x)` does so with the layer's `weight_norm` and `init`; for
several inputs, write `net.add(net.wrap(call, self.weight_norm), *inputs, initialize=self.init)`.
`net.tapped(name)` is the output of an earlier layer `as: name`, `net.flatten(x)` is `x` as a
vector, `net.layer` and `net.layers` add the calls of other layers, and
`net.refuse(code, message, value, help)` ends with an error at the layer's line.

`ganspec.load_kinds(path)` and `--kinds FILE.py` load a file of kinds.
"""

from __future__ import annotations

from ganspec.kinds.activations import Activations
from ganspec.kinds.condition import Condition
from ganspec.kinds.criterion import Criterion
from ganspec.kinds.dataset import DataError, Dataset
from ganspec.kinds.datasets.images import fit_images
from ganspec.kinds.initializer import Initializer, init_weights
from ganspec.kinds.layer import Layer, Lowering, Weighted
from ganspec.kinds.loss import Loss
from ganspec.kinds.metric import Metric, MetricError, MetricValue
from ganspec.kinds.optimizer import Beta, Decay, Optimizer, Rate
from ganspec.kinds.penalty import Penalty
from ganspec.kinds.weight_norm import WeightNorm
from ganspec.language.types import (
    Count,
    Fraction,
    Name,
    Number,
    Padding,
    Pair,
    Positive,
    Size,
    Whole,
    Width,
    pair,
    refusal,
)
from ganspec.program.ir import Call, Value

__all__ = ["Activations", "Beta", "Call", "Condition", "Count", "Criterion", "DataError", "Dataset"]
__all__ += ["Decay", "Fraction", "Initializer", "Layer", "Loss", "Lowering", "Metric"]
__all__ += ["MetricError", "MetricValue", "Name", "Number", "Optimizer", "Padding", "Pair"]
__all__ += ["Penalty", "Positive", "Rate", "Size", "Value", "WeightNorm", "Weighted", "Whole"]
__all__ += ["Width", "fit_images", "init_weights", "pair", "refusal"]
