"""Attention maps of the self-attention layers in a run's networks, for pictures."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

from ganspec.compiler.evaluate import EvaluatedNetwork
from ganspec.kinds.layers.self_attention import PooledSelfAttention, SelfAttention
from ganspec.plots.attention import AttentionMaps
from ganspec.runs.run import Run, RunError
from ganspec.sampling.label_names import find_labels
from ganspec.sampling.sampler import Sampler, load_weights, trained_network
from ganspec.systems.batches import scale_pixels, spaced
from ganspec.systems.feed import at
from ganspec.systems.source import quantize
from ganspec.systems.spec import Spec
from ganspec.training.device import choose_device
from ganspec.training.images import open_shown_images

COUNT = 5  # images in a picture
# the positions whose attention is shown: down and across, as shares of height and width
QUERIES = ((0.25, 0.25), (0.25, 0.75), (0.5, 0.5), (0.75, 0.25), (0.75, 0.75))
Layers = dict[str, SelfAttention | PooledSelfAttention]


def attention_of(folder: Path) -> list[AttentionMaps]:
    """Return the maps of each self-attention layer in the networks of the run in `folder`.

    A network that draws images reads the latents of seed 0, a network that judges images reads
    these drawn images with their labels, and any other network reads real images. A network that
    reads labels gets class 0, 1, 2 and so on for images that are real or drawn without labels.
    Raises CheckpointError, DataError if there are no real images, and RunError if the folder holds
    no run or no checkpoint, or if no network has self-attention.
    """
    run, device = Run.open(folder), choose_device("auto")
    spec = run.spec
    sampler = Sampler(folder, device) if spec.draws else None
    weights = sampler.weights if sampler else load_weights(run)
    found: list[AttentionMaps] = []
    drawn: tuple[torch.Tensor, ...] = ()  # the generator's images, and their labels
    for key in spec.networks:
        if sampler and key == spec.draws:
            network, cfg = sampler.generator, sampler.cfg
            layers = attention_layers(network)
            latent, *labels = sampler.inputs(COUNT, seed=0).values()
            maps, images = watch(network, layers, latent, *labels)
            drawn = (images, *labels)
        else:
            network, cfg = trained_network(run, key, weights, device)
            if not (layers := attention_layers(network)):
                continue
            images, *labels = drawn if key == spec.judges else (real_images(run, cfg, device),)
            if network.is_conditional and not labels:
                labels = [labels_in_turn(spec).to(device)]
            maps, _ = watch(network, layers, images, *(labels if network.is_conditional else []))
        pixels = quantize(images, cfg).permute(0, 2, 3, 1).cpu().numpy()
        found += [
            AttentionMaps(network.origin(name).path, layer.gamma.item(), pixels, QUERIES, each)
            for (name, layer), each in zip(layers.items(), maps, strict=True)
        ]
    if not found:
        names = " and ".join(spec.networks)
        raise RunError(f"{folder} has no attention to show: no self_attention in its {names}")
    return found


def attention_layers(network: nn.Module) -> Layers:
    """Return the self-attention modules of a network, by their names in `named_modules`."""
    kinds = (SelfAttention, PooledSelfAttention)
    return {name: each for name, each in network.named_modules() if isinstance(each, kinds)}


def watch(
    network: EvaluatedNetwork, layers: Layers, *inputs: torch.Tensor
) -> tuple[list, torch.Tensor]:
    """Apply a network to `inputs`. Return the maps of its `layers`, and the network's output.

    The map of a layer is a NumPy array of the numbers that `at_queries` returns.
    """
    read: dict[str, torch.Tensor] = {}
    hooks = [
        layer.register_forward_pre_hook(lambda _, given, name=name: read.update({name: given[0]}))
        for name, layer in layers.items()
    ]
    with torch.no_grad():
        output = network(*inputs)
        maps = [at_queries(layer, read[name]).cpu().numpy() for name, layer in layers.items()]
    for hook in hooks:
        hook.remove()
    return maps, output


def at_queries(layer: SelfAttention | PooledSelfAttention, x: torch.Tensor) -> torch.Tensor:
    """Return how much the positions at QUERIES attend to each position: N x queries x h x w.

    `x` is the input of the layer, N x channels x H x W; h x w is H x W, or half of each if the
    layer pools.
    """
    height, width = x.shape[2:]
    places = [int(down * height) * width + int(across * width) for down, across in QUERIES]
    weights = layer.weights(x)[:, places]
    pooled = 2 if isinstance(layer, PooledSelfAttention) else 1
    return weights.unflatten(2, (height // pooled, width // pooled))


def labels_in_turn(spec: Spec) -> torch.Tensor:
    """Return labels for COUNT images: class 0, 1, 2 and so on, from 0 again after the last class.

    They are int64 COUNT, or float COUNT x classes if multi-hot.
    """
    labels = find_labels("all", spec, [])
    return labels[torch.arange(COUNT) % len(labels)]


def real_images(run: Run, cfg: SimpleNamespace, device: torch.device) -> torch.Tensor:
    """Return COUNT evenly spaced test images, as networks read them: float, in the spec's range.

    If the data set has no test images, they are training images.
    """
    images, _ = open_shown_images(run.spec.data, None, device)
    return scale_pixels(at(images, spaced(len(images), COUNT)), cfg)
