"""Functions that draw images by an exported network, for `ganspec export --format python`."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from ganspec.systems.draw import draw_latent
from ganspec.systems.grid import save_grid


def load_network(cfg):
    """Return the network with its trained weights."""
    network = cfg.network().eval()
    weights = Path(cfg.file).with_name(cfg.weights)
    network.load_state_dict(load_file(weights))
    return network


def sample(network, count, seed, labels, cfg):
    """Return `count` images, N x C x H x W, with the pixels of `ganspec sample`."""
    torch.manual_seed(seed)
    # a multiple of 32, as torch draws other latents for other counts
    if cfg.own_batch:
        # also rounded up to whole batches, as an image depends on the others of its batch
        whole = count + -count % cfg.portion
        latents = draw_latent(whole + -whole % 32, "cpu", cfg)[:whole]
    else:
        latents = draw_latent(count + -count % 32, "cpu", cfg)
    if cfg.labels == "classes":
        labels = torch.tensor(labels)  # indices of classes, one for each image in turn
    if cfg.labels == "multi_hot":
        if labels is None:
            labels = torch.eye(cfg.label_size)  # each class alone, in turn
        else:  # indices of classes, all of which each image shows
            labels = torch.eye(cfg.label_size)[labels].amax(0, keepdim=True)
    with torch.no_grad():
        if cfg.labels:
            labels = labels[torch.arange(len(latents)) % len(labels)]
            parts = zip(latents.split(cfg.portion), labels.split(cfg.portion), strict=True)
            images = torch.cat([network(*part) for part in parts])
        else:
            images = torch.cat([network(part) for part in latents.split(cfg.portion)])
    if cfg.logits:
        images = images.sigmoid()
    return images[:count]


def save_images(images, path, cfg):
    return save_grid(images, path, cfg.columns, cfg)
