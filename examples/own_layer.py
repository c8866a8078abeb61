"""Add a layer from Python: a class whose fields are the YAML and whose `call` names the module.

With the class in a file of its own, commands take it too: `ganspec train my.yaml --kinds FILE.py`.
"""

from typing import ClassVar

import torch
from torch import nn

import ganspec
from ganspec.extend import Call, Layer, Positive, Value
from ganspec.language.load import loads


class PixelNorm(nn.Module):
    """Scale each pixel's channels to unit mean square (Karras et al., 2018, section 4.2)."""

    def __init__(self, eps=1e-8):
        super().__init__()
        self.eps = eps

    def forward(self, x):
        return x * (x.square().mean(dim=1, keepdim=True) + self.eps).rsqrt()


class PixelNormLayer(Layer, kind="pixel_norm"):
    """Scale each pixel's channels to unit mean square."""

    primary: ClassVar = "eps"

    eps: Positive = 1e-8

    def call(self, x: Value) -> Call:
        return Call(PixelNorm, self.eps)


SPEC = """
name: pixels
data: {dataset: shapes, size: 16}
latent: {size: 32}
generator:
  layers:
    - project: [64, 4, 4]
    - pixel_norm
    - conv_transpose: {out: 32, stride: 2}
    - pixel_norm: 1e-6
    - relu
    - conv_transpose: {out: 3, stride: 2}
    - tanh
discriminator:
  layers: [{conv: {out: 32, kernel: 4, stride: 4}}, {leaky_relu: 0.2}, flatten, {linear: 1}]
objective: {loss: hinge}
optimizers: {adam: {lr: 2e-4, betas: [0, 0.9]}}
"""

spec = loads(SPEC)
torch.manual_seed(0)
generator = ganspec.build(spec)["generator"]
image = generator(torch.randn(2, 32))
print("images:", tuple(image.shape))

# The module's text is part of the emitted file, which does not need this one.
source = ganspec.emit(spec)
print(source[source.index("class PixelNorm") : source.index("class Discriminator")])
