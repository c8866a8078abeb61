"""Time training steps of a tiny GAN with and without the code that names a layer that fails.

python benchmarks/naming.py --steps 2000
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import torch

import ganspec
from ganspec.compiler.evaluate import EvaluatedNetwork
from ganspec.language.load import loads

TINY = """
name: tiny
data: {dataset: {shapes: {count: 64}}, size: 8}
latent: {size: 8}
generator:
  layers: [{project: [4, 4, 4]}, batch_norm, relu, {conv_transpose: {out: 3, stride: 2}}, tanh]
discriminator: {layers: [{conv: 4}, {leaky_relu: 0.2}, {conv: 4}, relu, flatten, {linear: 1}]}
objective: {loss: hinge}
optimizers: {adam: {lr: 1e-3}}
train: {batch: 4}
"""


def run_unnamed(network, first, last, run, values):
    """Do what `EvaluatedNetwork._run` does, except to name the layer of an error."""
    result = run(*(values[i] for i in first.inputs))
    values[last.output.id] = result.float() if last.output.id in network._single else result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=2000)
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    trainer = ganspec.Trainer(loads(TINY), device="cpu")
    runs = {"named": EvaluatedNetwork._run, "not named": run_unnamed}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for step in range(2 * steps):  # in turn, so that both meet the same load of the machine
        name = list(runs)[step % 2]
        EvaluatedNetwork._run = runs[name]
        make = trainer.step if name == "named" else trainer.training.advance
        started = time.process_time()
        make()
        seconds[name].append(time.process_time() - started)
    for name, taken in seconds.items():
        print(f"{name:10} {1e6 * median(taken):8.1f} us a step")
    ratio = median(seconds["named"]) / median(seconds["not named"])
    print(f"naming layers takes {100 * (ratio - 1):+.2f} % of a step")


if __name__ == "__main__":
    main()
