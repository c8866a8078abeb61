"""Load a spec, change it, look at it, train it, and draw from the result."""

from pathlib import Path

import torch

import ganspec
from ganspec.sampling.sample import sample

SPECS = Path(__file__).parent.parent / "specs"

# A narrow DCGAN on few images, so that this ends within a minute.
spec = ganspec.load(
    SPECS / "dcgan.yaml",
    ["vars.ch=8", "train.batch=16", "data.dataset={shapes: {count: 256}}"],
)

torch.manual_seed(0)
networks = ganspec.build(spec)
for name, network in networks.items():
    print(f"{name}: {sum(p.numel() for p in network.parameters()):,} parameters")
print("one image:", tuple(networks["generator"](torch.randn(2, 100)).shape[1:]))

run = ganspec.train(spec, "runs/narrow", steps=32, overwrite=True)
first, last = run.rows()[0], run.rows()[-1]
print(f"discriminator's loss: {first['d_loss']:.3f} at first, {last['d_loss']:.3f} at last")

sample(run.folder, count=16, seed=1, out=run.folder / "sixteen.png")
print(f"look at {run.folder / 'sixteen.png'}")
