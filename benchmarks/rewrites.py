"""Times of passes with and without each rewrite, in turn.

    OMP_NUM_THREADS=1 python benchmarks/rewrites.py --batch 64

prints the time of torch's modules and of the rewrite, and their ratio: forward alone, and with
gradients of inputs and weights. The last line compares steps of Adam with those of the fused Adam.
Times are the smallest of all rounds, of the processor, which other programs disturb less.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import nn, optim

from ganspec.compiler.actions import REWRITES
from ganspec.kinds.layers.self_attention import SelfAttention
from ganspec.training.fused import fuse

POOL, UP = nn.AvgPool2d(2), nn.Upsample(scale_factor=2)
LAYERS = {  # by the rewrite's name: modules, and the shape of an input
    "transposed_conv_of_a_point": ([nn.ConvTranspose2d(100, 512, 4)], (100, 1, 1)),
    "pointwise_conv_of_upsampled": ([UP, nn.Conv2d(256, 256, 1)], (256, 16, 16)),
    "upsample_before_conv": ([UP, nn.Conv2d(256, 256, 3, padding=1)], (256, 16, 16)),
    "pointwise_conv_before_pool": ([nn.Conv2d(128, 128, 1), POOL], (128, 16, 16)),
    "conv_before_pool": ([nn.Conv2d(128, 128, 3, padding=1), POOL], (128, 32, 32)),
    "conv_to_few_channels": ([nn.Conv2d(128, 3, 3, padding=1)], (128, 32, 32)),
    "transposed_conv_to_few_channels": ([nn.ConvTranspose2d(64, 3, 4, 2, 1)], (64, 32, 32)),
    "conv_to_small_map": ([nn.Conv2d(256, 512, 4, 2, 1)], (256, 8, 8)),
    "transposed_conv_of_small_map": ([nn.ConvTranspose2d(512, 256, 4, 2, 1)], (512, 4, 4)),
    "instance_norm_as_groups": ([nn.InstanceNorm2d(128, affine=True)], (128, 16, 16)),
    "attention": ([SelfAttention(128)], (128, 16, 16)),
}


def seconds(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def duel(name: str, theirs: Callable[[], object], ours: Callable[[], object], rounds: int) -> None:
    """Print the smallest times of two functions, which take turns, and their ratio."""
    pairs = [(seconds(theirs), seconds(ours)) for _ in range(rounds + 1)][1:]
    a, b = (1000 * min(side) for side in zip(*pairs, strict=True))
    print(f"{name:46} {a:8.1f} ms {b:8.1f} ms   {a / b:.2f}", flush=True)


def passes(
    apply: Callable[[torch.Tensor], torch.Tensor], modules: nn.Module, x: torch.Tensor
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return two functions: a pass forward, and one forward and backward."""
    read = [x, *modules.parameters()]

    def forward() -> None:
        with torch.no_grad():
            apply(x)

    return forward, lambda: torch.autograd.grad(apply(x).sum(), read, allow_unused=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--channels-last", action="store_true")
    args = parser.parse_args()
    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, batch {args.batch}")
    for rewrite in REWRITES:
        name = rewrite.__name__.rsplit(".")[-1]
        layers, shape = LAYERS[name]
        modules = nn.Sequential(*layers).to(memory_format=layout)
        x = torch.randn(args.batch, *shape).to(memory_format=layout).requires_grad_()
        theirs = passes(modules, modules, x)
        ours = passes(lambda x, r=rewrite, m=modules: r.apply(*m, x), modules, x)
        for kind, *pair in zip(("forward", "both"), theirs, ours, strict=True):
            duel(f"{name}, {kind}", *pair, args.rounds)
    network = nn.Linear(4096, 8192)
    for weight in network.parameters():
        weight.grad = torch.randn_like(weight)
    plain, fused = (optim.Adam(network.parameters()) for _ in range(2))
    fuse(fused)
    duel("Adam of 33,562,624 weights", plain.step, fused.step, args.rounds)


if __name__ == "__main__":
    main()
