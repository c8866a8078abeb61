"""Times of a step by precision and speedups: `python benchmarks/executions.py SPEC ...`.

The trainings of a spec take turns in one process, on random pixels; a turn is `--steps` steps. A
row has the median time of a step in each training, and in brackets by which factor that is faster
than the first column, as the median of the rounds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

import torch

import ganspec
from ganspec.systems.execution import Execution
from ganspec.systems.training import Images

COUNT = 512  # images


def random_images(spec, device: str) -> Images:
    """Return COUNT images of random pixels, with random labels if the spec has a condition."""
    labels, size = None, int(spec.condition.size) if spec.condition else 0
    if spec.condition and spec.condition.kind == "multi_hot":
        labels = (torch.rand(COUNT, size) < 0.1).byte()
    elif spec.condition:
        labels = torch.randint(size, (COUNT,))
    pixels = torch.randint(0, 256, (COUNT, *spec.data.shape), dtype=torch.uint8)
    return Images(pixels.to(device), labels)


def row(path: Path, args: argparse.Namespace) -> str:
    """Time the trainings of the spec in `path`. Return its row of the table."""
    clock = time.process_time if args.clock == "processor" else time.perf_counter
    spec = ganspec.load(path, [f"train.batch={args.batch}"])
    images = random_images(spec, args.device)
    times: dict[str, list[float]] = {}
    trainers = {}
    for text in args.executions:
        chosen = Execution.parsed(text)
        more = {"precision": chosen.precision, "speedups": chosen.speedups}
        trainers[text] = ganspec.Trainer(spec, images, args.device, **more)
    for turn in range(args.warm + args.rounds):
        for text, trainer in trainers.items():
            synchronize(args.device)
            started = clock()
            for _ in range(args.steps):
                trainer.step()
            synchronize(args.device)
            if turn >= args.warm:
                times.setdefault(text, []).append((clock() - started) / args.steps)
    first = times[args.executions[0]]
    cells = [path.stem]
    for each in times.values():
        ratio = median(a / b for a, b in zip(first, each, strict=True))
        cells.append(f"{1000 * median(each):.3g} ms ({ratio:.2f})")
    return "| " + " | ".join(cells) + " |"


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("specs", nargs="+", type=Path)
    parser.add_argument("--executions", nargs="+", default=["fp32", "fp32 channels_last"])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--warm", type=int, default=1, help="rounds that are not timed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1, help="steps in a round")
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall")
    args = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {args.clock} time")
    print("| workload | " + " | ".join(args.executions) + " |")
    print("|---|" + "--:|" * len(args.executions))
    for path in args.specs:
        print(row(path, args), flush=True)


if __name__ == "__main__":
    main()
