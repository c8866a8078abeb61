"""A file that fails when it is run."""

from torch import nn

nn.Linear(1 // 0, 1)


class Generator(nn.Module):
    """A network below the statement that fails."""
