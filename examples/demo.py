"""Train the Fashion-MNIST DCGAN for a few minutes and say what to look at: `make demo`."""

from __future__ import annotations

import argparse
from pathlib import Path

import ganspec

SPECS = Path(__file__).parent.parent / "specs"
CACHE = Path("~/.cache/ganspec/data/fashion_mnist").expanduser()


def find_data(spec: ganspec.Spec) -> Path | None:
    """Return the folder of the real images, downloaded if missing; None if that fails."""
    from ganspec.kinds.dataset import DataError

    try:
        return spec.data.dataset.locate(None)
    except DataError:
        print("Fashion-MNIST is not here; trying to get it (30 MB) ...", flush=True)
        return CACHE if spec.data.dataset.fetch(CACHE) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--out", type=Path, default=Path("runs/demo"))
    args = parser.parse_args()

    # The spec's batches of 256 and Adam at 1e-4 need hours; these show garments in minutes.
    settings = [
        f"train.batch={args.batch}",
        "optimizers={adam: {lr: 5e-4, betas: [0.5, 0.999]}}",
    ]
    spec = ganspec.load(SPECS / "dcgan_fashion.yaml", settings)
    folder = find_data(spec)
    if folder:
        print(f"Training {spec.name} on the real Fashion-MNIST in {folder}")
    else:
        print("Fashion-MNIST cannot be downloaded: training on the built-in `shapes` instead")
        drawn = "data={dataset: {shapes: {count: 10000}}, size: 28, channels: 1, range: [-1, 1]}"
        spec = ganspec.load(SPECS / "dcgan_fashion.yaml", [*settings, drawn])
    print(
        f"for {args.minutes:g} minutes, not the spec's 100 epochs; with batches of {args.batch}, "
        "not 256, and Adam at 5e-4 with beta1 0.5, not 1e-4 with 0.9, so that a CPU shows garments",
        flush=True,
    )
    run = ganspec.train(spec, args.out, data=folder, minutes=args.minutes, overwrite=True)
    print(f"\n{run.step} steps. Look at:")
    print(f"  {run.latest_samples()}  (samples)")
    print(f"  {run.losses_path}  (losses)")
    print(f"  {run.folder / spec.name}.py  (the spec as plain PyTorch)")


if __name__ == "__main__":
    main()
