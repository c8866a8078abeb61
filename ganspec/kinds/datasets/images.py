"""Resizing of images, and conversion between grey and colour."""

import torch
import torch.nn.functional as F


def grey_images(images):
    """Convert uint8 images, N x 3 x H x W, to grey as PIL does: ITU-R 601 luma."""
    grey = images.new_empty(len(images), 1, *images.shape[2:])
    for part, out in zip(images.split(250), grey.split(250), strict=True):
        red, green, blue = part.int().unbind(1)
        out[:, 0] = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
    return grey


def read_columns(images, positions):
    """Return columns of float images, interpolated at fractional `positions`."""
    first = positions.long()
    second = (first + 1).clamp(max=images.shape[-1] - 1)
    return images[..., first].lerp(images[..., second], positions - first)


def resize_images(images, height, width, resize):
    """Resize uint8 images, N x C x H x W, by bilinear interpolation."""
    resized = images.new_empty(*images.shape[:2], height, width)
    # in parts, so that the float copies stay small
    for part, out in zip(images.split(250), resized.split(250), strict=True):
        part = part.float()
        if resize == "tensorflow1":  # half a pixel off, as in TensorFlow 1's `tf.image`
            for size in (width, height):
                part = read_columns(part, torch.arange(size) * (part.shape[-1] / size)).mT
        elif resize == "bilinear":  # from the four nearest pixels, as in OpenCV
            part = F.interpolate(part, (height, width), mode="bilinear")
        else:  # from all pixels that a new one covers, as in PIL and torchvision
            part = F.interpolate(part, (height, width), mode="bilinear", antialias=True)
        out.copy_(part.round().clamp(0, 255))
    return resized


def fit_images(images, height, width, channels, resize="antialias"):
    """Convert uint8 images, N x C x H x W, to 1 or 3 channels, and resize them."""
    if channels < images.shape[1]:
        images = grey_images(images)
    if images.shape[2:] != (height, width):
        images = resize_images(images, height, width, resize)
    if channels > images.shape[1]:
        images = images.repeat(1, 3, 1, 1)
    return images
