"""Resizing of images, and conversion between grey and colour."""

import numpy as np
import torch
import torch.nn.functional as F


def grey_images(images):
    """Convert uint8 images, N x 3 x H x W, to grey as PIL does: ITU-R 601 luma."""
    grey = images.new_empty(len(images), 1, *images.shape[2:])
    for part, out in zip(images.split(250), grey.split(250), strict=True):
        red, green, blue = part.int().unbind(1)
        out[:, 0] = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
    return grey


def blend_columns(images, width, strip=None, centre=0):
    """Resize float images to `width`, or make only the columns that the slice `strip` names.

    Column i is read at (i + centre) * old width / width - centre: `centre` is 0 as in TensorFlow 1,
    or half a pixel as in OpenCV.
    """
    strip = strip or slice(0, width)
    columns = torch.arange(strip.start, strip.stop)
    place = ((columns + centre) * (images.shape[-1] / width) - centre).clamp(min=0)
    first = place.long()
    second = (first + 1).clamp(max=images.shape[-1] - 1)
    return images[..., first].lerp(images[..., second], place - first)


def resize_images(images, height, width, resize):
    """Resize uint8 images, N x C x H x W, by the bilinear method named `resize`."""
    resized = images.new_empty(*images.shape[:2], height, width)
    # in parts, so that the float copies stay small
    for part, out in zip(images.split(250), resized.split(250), strict=True):
        part = part.float()
        if resize == "tensorflow1":  # half a pixel off, as in TensorFlow 1's `tf.image`
            part = blend_columns(blend_columns(part, width).mT, height).mT
        elif resize == "bilinear":  # from the four nearest pixels, as in OpenCV
            part = F.interpolate(part, (height, width), mode="bilinear")
        else:  # from all pixels that a new one covers, as in PIL and torchvision
            part = F.interpolate(part, (height, width), mode="bilinear", antialias=True)
        out.copy_(part.round().clamp(0, 255))
    return resized


def enlarge_rows(pixels, height, strip):
    """Return the rows that the slice `strip` names of a picture enlarged to `height`.

    `pixels` are a uint8 array, H x W or H x W x C, of `height` rows or fewer. The rows are to the
    bit those of PIL's bilinear filter, which has weights of 22 bits, but no others are made.
    """
    old = len(pixels)
    centres = (np.arange(strip.start, strip.stop) + 0.5) * (old / height)
    rows = (centres - 0.5).clip(0).astype(int)[:, None] + np.arange(2)
    weights = (1 - np.abs(rows - centres[:, None] + 0.5)).clip(0)
    weights[rows >= old] = 0
    weights /= weights.sum(1, keepdims=True)
    total = np.full((len(rows), *pixels.shape[1:]), 1 << 21, np.int32)
    for row, weight in zip(rows.T, (weights * (1 << 22) + 0.5).astype(np.int32).T, strict=True):
        total += pixels[row.clip(max=old - 1)] * weight.reshape(-1, *[1] * (pixels.ndim - 1))
    return (total >> 22).astype(np.uint8)


def fit_images(images, height, width, channels, resize="antialias"):
    """Convert uint8 images, N x C x H x W, to 1 or 3 channels, and resize them."""
    if channels < images.shape[1]:
        images = grey_images(images)
    if images.shape[2:] != (height, width):
        images = resize_images(images, height, width, resize)
    if channels > images.shape[1]:
        images = images.repeat(1, 3, 1, 1)
    return images
