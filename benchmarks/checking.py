"""Time the check of image files that training does before its first step.

    python benchmarks/checking.py --images 50000 --size 32 --format png
    python benchmarks/checking.py --images 5000 --size 218 178 --format jpg

It writes random pictures, and reads them in four ways: their headers alone; all pixels; all pixels,
which are kept; and once more, when the cache knows the files.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ganspec.kinds.datasets import stamps
from ganspec.kinds.datasets.image_files import open_files
from ganspec.kinds.datasets.image_folder import ImageFolder


def write_pictures(folder: Path, count: int, size: list[int], ending: str) -> None:
    """Write pictures whose neighbouring pixels are alike, as those of photographs."""
    random = np.random.default_rng(0)
    height, width = size[0], size[-1]
    for i in range(count):
        coarse = random.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        picture.save(folder / f"{i:06d}.{ending}")


def read_headers(folder: Path) -> None:
    """Open every picture without decoding its pixels."""
    for path in sorted(folder.iterdir()):
        with Image.open(path):
            pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--size", type=int, nargs="+", default=[32])
    parser.add_argument("--format", default="png")
    parser.add_argument("--read-size", type=int, help="of the images in training", default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, stamps.CACHE = Path(place) / "pictures", Path(place) / "cache"
        folder.mkdir()
        write_pictures(folder, options.images, options.size, options.format)

        def check(in_memory: bool) -> None:
            side = options.read_size
            open_files(ImageFolder().files(folder, side, side, 3), in_memory)

        ways = {
            "headers alone": lambda: read_headers(folder),
            "every pixel": lambda: check(in_memory=False),
            "every pixel, kept in memory": lambda: check(in_memory=True),
            "once more, with a cache": lambda: check(in_memory=False),
        }
        print(f"{options.images:,} {options.format}, {torch.get_num_threads()} threads")
        for name, read in ways.items():
            if "cache" not in name:
                stamps.CACHE = Path(place) / name
            began = time.perf_counter()
            read()
            print(f"{name:<30} {time.perf_counter() - began:7.1f} s")


if __name__ == "__main__":
    main()
