"""What rewrites save: a network's forward and backward pass with and without them, in turn.

    python benchmarks/rewrites.py specs/cgan_iclevr.yaml --batch 64

prints, for each network, the seconds of a pass as the emitted file makes it, as `ganspec train`
makes it, and their ratio: medians over all rounds, with the smallest and largest ratio.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

import torch

import ganspec
from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower


def seconds(network: torch.nn.Module, inputs: list[torch.Tensor]) -> float:
    """Return the time of one pass forward and backward."""
    started = time.perf_counter()
    outputs = network(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    sum(output.square().mean() for output in outputs).backward()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("spec", type=Path)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    for key, net in lower(ganspec.load(arguments.spec)).items():
        inputs = [start.value.tensor(arguments.batch) for start in net.inputs]
        inputs = [x.normal_() if x.is_floating_point() else x for x in inputs]
        exact, fast = evaluate(net, exact=True), evaluate(net)
        pairs = [
            (seconds(exact, inputs), seconds(fast, inputs)) for _ in range(arguments.rounds + 1)
        ]
        pairs = pairs[1:]  # the first round warms up
        ratios = [a / b for a, b in pairs]
        a, b = (median(side) for side in zip(*pairs, strict=True))
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"{key}: exact {a:.3f} s, rewritten {b:.3f} s, {median(ratios):.2f} ({spread})")


if __name__ == "__main__":
    main()
