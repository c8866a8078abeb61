from typing import ClassVar

from torch import nn

from ganspec.extend import Call, Condition, Lowering, Value


def add_numbers(x, numbers):
    """Add one number to each channel."""
    return x + numbers.view(*numbers.shape, *[1] * (x.dim() - 2))


class Shift(Condition, kind="shift"):
    """Add learned numbers, one for each channel and class."""

    examples: ClassVar = [(None, (4,))]

    def join(self, net: Lowering, x: Value) -> Value:
        sizes = (net.label.channels, x.channels)
        if net.label.is_index:
            call = Call(nn.Embedding, *sizes, channels=x.channels)
        else:
            call = Call(nn.Linear, *sizes, bias=False, channels=x.channels)
        return net.add(Call(add_numbers), x, net.add(call, net.label))
