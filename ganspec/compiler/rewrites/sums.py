"""Sum neighbouring numbers of a convolution's kernel."""

from __future__ import annotations

import torch
import torch.nn.functional as F

# measured on a CPU with 64 to 256 channels: for 64 pixels, the sums take more time than they save
LEAST_PIXELS = 256


def is_worth(pixels: int) -> bool:
    """Return True if it saves time to merge a convolution with an upsampling or a pool.

    `pixels` counts those of all images of the batch, before the upsampling or after the pool.
    """
    return pixels >= LEAST_PIXELS


def window_sums(weight: torch.Tensor, size: int) -> torch.Tensor:
    """Return the sums of a square kernel's numbers in every window of `size` x `size`.

    Windows may lie partly outside the kernel, so the result is larger by `size` - 1 in height and
    width. It is one product with a matrix of 0 and 1, which takes a tenth of the time of adding up
    shifted kernels.
    """
    kernel = weight.shape[2]
    units = torch.eye(kernel**2, dtype=weight.dtype, device=weight.device)
    ones = units.new_ones(1, 1, size, size)
    matrix = F.conv_transpose2d(units.unflatten(1, (1, kernel, kernel)), ones).flatten(1)
    return (weight.flatten(2) @ matrix).unflatten(2, (kernel + size - 1, kernel + size - 1))
