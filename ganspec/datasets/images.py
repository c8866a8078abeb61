"""Brings the images of a data set to the size and channels of the networks."""

import torch
import torch.nn.functional as F


def grey_images(images):
    """ITU-R 601 luma of uint8 N x 3 x H x W as uint8 N x 1 x H x W, equal to PIL's."""
    red, green, blue = images.int().unbind(1)
    luma = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
    return luma.to(torch.uint8)[:, None]


def fit_images(images, height, width, channels):
    """Images, uint8 N x C x H x W, made grey or colour and resized (bilinear)."""
    if images.shape[1:] == (channels, height, width):
        return images
    fitted = images.new_empty(len(images), channels, height, width)
    # in parts, so that the float copies stay small however many images there are
    for part, out in zip(images.split(1000), fitted.split(1000), strict=True):
        if channels < part.shape[1]:
            part = grey_images(part)
        if part.shape[2:] != (height, width):
            size = (height, width)
            part = F.interpolate(part.float(), size, mode="bilinear", antialias=True)
            part = part.round().clamp(0, 255)
        out.copy_(part)  # repeats a grey channel three times
    return fitted
