"""Brings the images of a data set to the size and channels of the networks."""

import torch
import torch.nn.functional as F


def grey_images(images):
    """ITU-R 601 luma of uint8 N x 3 x H x W as uint8 N x 1 x H x W, equal to PIL's."""
    red, green, blue = images.int().unbind(1)
    luma = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
    return luma.to(torch.uint8)[:, None]


def blend_pixels(images, axis, size):
    """Images, float, resized along `axis`: pixel i is read at i * before / size."""
    before = images.shape[axis]
    place = torch.arange(size) * (before / size)
    first = place.long()
    second = (first + 1).clamp(max=before - 1)
    share = (place - first).reshape(-1, *[1] * (images.ndim - 1 - axis))
    first, second = images.index_select(axis, first), images.index_select(axis, second)
    return first.lerp(second, share)


def resize_images(images, height, width, resize):
    """Images, uint8 N x C x H x W, resized bilinearly as `resize` says.

    `antialias`: from all pixels that a smaller one covers, as PIL and torchvision do.
    `bilinear`: from the four nearest alone, as OpenCV, TensorFlow 2 and torch do.
    `tensorflow1`: so too, but half a pixel off, as TensorFlow 1's `tf.image`.
    The result is rounded, which TensorFlow's own is not.
    """
    if images.shape[2:] == (height, width):
        return images
    images = images.float()
    if resize == "tensorflow1":
        images = blend_pixels(blend_pixels(images, 3, width), 2, height)
    else:
        smooth = {"antialias": True, "bilinear": False}[resize]
        size = (height, width)
        images = F.interpolate(images, size, mode="bilinear", antialias=smooth)
    return images.round().clamp(0, 255).to(torch.uint8)


def fit_images(images, height, width, channels, resize="antialias"):
    """Images, uint8 N x C x H x W, made grey or colour and resized."""
    if images.shape[1:] == (channels, height, width):
        return images
    fitted = images.new_empty(len(images), channels, height, width)
    # in parts, so that the float copies stay small: half the time, and memory to spare
    for part, out in zip(images.split(250), fitted.split(250), strict=True):
        if channels < part.shape[1]:
            part = grey_images(part)
        # a grey channel is repeated three times
        out.copy_(resize_images(part, height, width, resize))
    return fitted
