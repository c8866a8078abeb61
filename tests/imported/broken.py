"""A file that fails when it is run."""

from torch import nn

nn.Linear(1 // 0, 1)
