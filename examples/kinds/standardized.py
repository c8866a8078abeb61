from torch import nn
from torch.nn.utils import parametrize

from ganspec.extend import Call, WeightNorm


class Standardize(nn.Module):
    """Give the weights of each output a mean of 0 and a variance of 1."""

    def forward(self, weight):
        rows = weight.flatten(1)
        rows = rows - rows.mean(1, keepdim=True)
        return (rows / (rows.square().mean(1, keepdim=True) + 1e-5).sqrt()).view_as(weight)


def standardize(module):
    """Standardize the weight of `module`."""
    parametrize.register_parametrization(module, "weight", Standardize())
    return module


class Standardized(WeightNorm, kind="standardized"):
    """Weight standardization (Qiao et al., 2019)."""

    def wrap(self) -> Call:
        return Call(standardize)
