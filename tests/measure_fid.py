"""Measure FIDs of a part of CIFAR-10 by torch-fidelity alone, for tests/test_inception.py.

Run `python tests/measure_fid.py CIFAR WEIGHTS`: the folder of CIFAR-10's batches, and a file of
torch-fidelity's weights. It prints the distance between the 60 images of each split whose pixels
have the smallest SHA-256, by each resizing. It uses nothing of ganspec but a way to import
torch-fidelity.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

COUNT = 60


def smallest_hashes(images: torch.Tensor, count: int) -> torch.Tensor:
    """Return the `count` images whose pixels have the smallest SHA-256, in that order."""
    keys = [hashlib.sha256(image.tobytes()).digest() for image in images.numpy()]
    return images[torch.tensor(sorted(range(len(keys)), key=keys.__getitem__)[:count])]


def read(folder: Path, names: list[str]) -> torch.Tensor:
    batches = [pickle.loads((folder / name).read_bytes(), encoding="bytes") for name in names]
    return torch.from_numpy(np.concatenate([b[b"data"] for b in batches]).reshape(-1, 3, 32, 32))


def resize_as_pytorch_fid(x: torch.Tensor, size: tuple[int, int], align_corners: bool):
    """Resize as pytorch-fid does; torch-fidelity then subtracts 128 and divides by 128."""
    x = F.interpolate(x / 255, size=size, mode="bilinear", align_corners=False)
    return 128 * (2 * x - 1) + 128


def main(folder: str, weights: str) -> None:
    from ganspec.kinds.metrics.fidelity import import_fidelity

    module = import_fidelity("feature_extractor_inceptionv3")
    metric = import_fidelity("metric_fid")
    network = module.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], weights)
    splits = [["test_batch"], [f"data_batch_{i}" for i in range(1, 6)]]
    images = [smallest_hashes(read(Path(folder), names), COUNT) for names in splits]
    for name in ("tensorflow1", "bilinear"):
        if name == "bilinear":
            module.interpolate_bilinear_2d_like_tensorflow1x = resize_as_pytorch_fid
        with torch.inference_mode():
            features = [torch.cat([network(x)[0] for x in part.split(50)]) for part in images]
        statistics = [metric.fid_features_to_statistics(each) for each in features]
        value = metric.fid_statistics_to_metric(*statistics, False)
        print(name, value["frechet_inception_distance"])


if __name__ == "__main__":
    main(*sys.argv[1:])
