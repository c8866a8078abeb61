"""Start the i-CLEVR classifier from torchvision's ResNet-18 weights.

    python examples/resnet18_from_torchvision.py resnet18-f37072fd.pth pretrained.pt

reads torchvision's state_dict and writes `{"classifier": STATE_DICT}`, which fits the network of
`specs/classifier_iclevr.yaml`, built by ganspec or by `generated/classifier_iclevr.py`. The last
layer keeps its initial weights if the number of classes differs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

import ganspec

SPEC = Path(__file__).parent.parent / "specs" / "classifier_iclevr.yaml"
OUTSIDE = {"conv1": "layers.0", "bn1": "layers.1", "fc": "linear"}
INSIDE = {"conv1": "main.0", "bn1": "main.1", "conv2": "main.3", "bn2": "main.4"}


def our_name(name: str) -> str:
    """Return the name in `classifier_iclevr` of a weight that torchvision's ResNet-18 calls `name`.

    `layer1.0` is `layers.4`, and so on to `layer4.1`, `layers.11`; in a block `conv1`, `bn1`,
    `conv2` and `bn2` are `main.0`, `main.1`, `main.3` and `main.4`, and `downsample` is `skip`.
    """
    first, _, rest = name.partition(".")
    if first in OUTSIDE:
        return f"{OUTSIDE[first]}.{rest}"
    block, part, rest = rest.split(".", 2)
    inside = "skip" if part == "downsample" else INSIDE[part]
    return f"layers.{2 + 2 * int(first[-1]) + int(block)}.{inside}.{rest}"


def converted(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state_dict of `classifier_iclevr` with torchvision's weights where they fit."""
    ours = ganspec.build(ganspec.load(SPEC))["classifier"].state_dict()
    for name, weight in state.items():
        mine = our_name(name)
        if ours[mine].shape == weight.shape:
            ours[mine] = weight
        else:
            print(
                f"{name} is {tuple(weight.shape)}, {mine} {tuple(ours[mine].shape)}: left as drawn"
            )
    return ours


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: python {sys.argv[0]} TORCHVISION_WEIGHTS OUT")
    theirs = torch.load(sys.argv[1], weights_only=True)
    torch.save({"classifier": converted(theirs)}, sys.argv[2])
    print(f"{sys.argv[2]} written")
