"""Shares of torch's operations in the time of a training step: `python benchmarks/shares.py`.

A row has the share of each group of operations in a step of `ganspec.Trainer`, by torch's profiler.
`rate` is the speed of the products, which are convolutions and matrix products, as a share of that
of a convolution in the same process: speed is multiplications and additions a second.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode
from training import DTYPES, SPECS, Unhooked, machine, random_images, rate, trainer

import ganspec

# an operation belongs to the first group of which a word is in its name
GROUPS = {
    "products": ("convolution", "mm", "addmv", "::mv", "linear", "col2im", "im2col"),
    "attention": ("attention", "softmax"),
    "norms": ("norm",),
    "activations": ("relu", "elu", "tanh", "sigmoid", "threshold", "gelu", "silu"),
    "optimizers": ("adam", "sgd", "Optimizer", "_foreach"),
    "memory": ("copy", "fill", "zero", "cat", "pad", "empty", "clone", "index", "upsample"),
}


def group_of(name: str) -> str:
    """Return the group of an operation, such as `norms` of `aten::native_batch_norm`."""
    found = (g for g, words in GROUPS.items() if any(word in name for word in words))
    return next(found, "other operations")


def row(path: Path, precision: str, args: argparse.Namespace) -> str:
    """Profile a training of the spec in `path`. Return its row of the table."""
    args.precision = precision
    spec = ganspec.load(path, [f"train.batch={args.batch}"])
    torch.manual_seed(1)
    advance = trainer(spec, random_images(spec), args).step
    for _ in range(args.warm):
        advance()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        started = time.perf_counter()
        for _ in range(args.steps):
            advance()
        seconds = (time.perf_counter() - started) / args.steps
    spent: Counter[str] = Counter()
    for event in profiled.key_averages():
        spent[group_of(event.key)] += event.self_cpu_time_total / 1e6 / args.steps
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = Unhooked()
    with counter:
        advance()
    reached = counter.get_total_flops() / spent["products"] / rate(args, DTYPES[precision])
    groups = [*GROUPS, "other operations"]
    cells = [path.stem, precision, f"{1000 * seconds:.0f} ms"]
    cells += [f"{spent[group] / seconds:.0%}" for group in groups]
    return "| " + " | ".join([*cells, f"{reached:.2f}"]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("specs", nargs="*", type=Path, default=SPECS)
    parser.add_argument("--precision", default="fp32", help="several with commas")
    parser.add_argument("--speedups", default="channels_last")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--warm", type=int, default=2, help="steps before those that count")
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    args.device, args.clock = "cpu", "wall"
    print(f"{machine('cpu')}, batch {args.batch}, {args.speedups or 'no speedups'}")
    print(
        "| workload | precision | step | " + " | ".join([*GROUPS, "other operations", "rate"]), "|"
    )
    print("|---|---|" + "--:|" * (len(GROUPS) + 3))
    precisions = args.precision.split(",")
    for path in args.specs:
        for precision in precisions:
            print(row(path, precision, args), flush=True)


if __name__ == "__main__":
    main()
