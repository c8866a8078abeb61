"""What is wrong in a user's own kind is told in a line that names the kind and its file."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_extend import FILES, folder, run

__all__ = ["folder"]  # a fixture

RETURNED = "    return (inside * bright).to(torch.uint8), labels\n"
IMAGES = "(inside * bright).to(torch.uint8)"


@pytest.mark.parametrize(
    ("returned", "fault"),
    [
        (f"{IMAGES} / 255, labels", "returned images of float32, not of uint8, 0 to 255"),
        (f"{IMAGES}[..., 1:], labels", "returned images, 1000 x 1 x 16 x 15, not N x 1 x 16 x 16"),
        (f"{IMAGES}.permute(0, 2, 3, 1), labels", "returned images, 1000 x 16 x 16 x 1, not N x 1"),
        (f"{IMAGES}.numpy(), labels", "returned a value of the type ndarray as images, not a"),
        (f"{IMAGES}[:0], labels[:0]", "returned no images"),
        (IMAGES, "returned a value of the type Tensor, not `images, labels`"),
        (f"{IMAGES}, None", "returned None as labels, not a tensor: return torch.zeros("),
        (f"{IMAGES}, labels + 6", "returned the label 7, but labels are from 0 to 1"),
        (f"{IMAGES}, labels - 1", "returned the label -1, but labels are from 0 to 1"),
        (f"{IMAGES}, labels[:3]", "returned 3 labels for 1000 images"),
        (f"{IMAGES}, labels.float()", "returned labels, float32 1000, not int64 N"),
    ],
)
def test_what_a_data_set_returns_is_checked(folder, returned, fault):
    assert RETURNED in FILES["discs.py"]
    Path("discs.py").write_text(FILES["discs.py"].replace(RETURNED, f"    return {returned}\n"))
    said = run("data", "discs", kinds=["discs.py"], status=2)
    assert said.startswith(f"error: discs (discs.py) {fault}") and said.count("\n") == 1


def test_a_data_set_has_as_many_names_as_classes(folder):
    text = FILES["discs.py"].replace('["dark", "bright"]', '["dark", "bright", "grey"]')
    Path("discs.py").write_text(text)
    said = run("train", "mine.yaml", "--steps", 1, status=2)
    assert "discs (discs.py) names 3 classes, but its `label_kind` tells 2" in said
