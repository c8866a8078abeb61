"""Time training steps of a tiny GAN with and without the code that names a layer that fails.

python benchmarks/naming.py [--steps 2000]
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


def forward_only(network, *inputs):
    """Run the steps of a network, and name nothing."""
    net = network.program
    values = {i.value.id: x for i, x in zip(net.inputs, inputs, strict=True)}
    for step, path, apply in network._steps:
        values[step.output.id] = network._run(step, path, apply, values)
    results = tuple(values[value.id] for value in net.outputs.values())
    return results if len(results) > 1 else results[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    trainer = ganspec.Trainer(loads(TINY), device="cpu")
    forwards = {"named": EvaluatedNetwork.forward, "not named": forward_only}
    seconds: dict[str, list[float]] = {name: [] for name in forwards}
    for step in range(2 * steps):  # in turn, so that both meet the same load of the machine
        name = list(forwards)[step % 2]
        EvaluatedNetwork.forward = forwards[name]
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
