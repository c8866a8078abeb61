"""Cost of scoring against that of the networks alone: `python benchmarks/evaluation.py`.

`scored` is what `ganspec evaluate` does once the real images' features are cached: it draws images,
extracts their features and takes FID and Inception Score. `bare` is the same images through the
same two networks and nothing else. Both take turns in one process; the ratio is of the medians of
processor time, which other programs disturb less.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

import ganspec
from ganspec.evaluation.classifier import classifier_extractor
from ganspec.evaluation.scoring import Scorer
from ganspec.evaluation.subject import drawn_images
from ganspec.kinds.activations import gather
from ganspec.language.kinds import kinds_of
from ganspec.systems.batches import scale_pixels
from ganspec.systems.source import Source
from ganspec.training.device import prepare

SPECS = Path(__file__).parent.parent / "specs"
CPU = torch.device("cpu")
BATCH = 250


def untrained_run(folder: Path) -> Path:
    """Return a classifier's run folder with fresh weights: they cost what trained ones do."""
    from ganspec.runs.run import Run, resolved
    from ganspec.systems import checkpoint

    spec = ganspec.load(SPECS / "classifier_fashion.yaml")
    networks = {key: network.state_dict() for key, network in ganspec.build(spec).items()}
    run = Run(folder)
    checkpoint.save(run.checkpoint_path, {"step": 0, "networks": networks, "fixed": {}})
    run.spec_path.write_text(resolved(spec))
    return folder


def bare(generator, classifier, cfg, latents) -> None:
    """Return the two networks' forward passes."""
    with torch.inference_mode():
        for latent in latents.split(BATCH):
            classifier(scale_pixels((generator(latent) * 127.5 + 127.5).byte(), cfg))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    prepare(CPU)
    gan = ganspec.load(SPECS / "dcgan_fashion.yaml")
    generator = ganspec.build(gan)["generator"].eval()
    classifier_spec = ganspec.load(SPECS / "classifier_fashion.yaml")
    classifier = ganspec.build(classifier_spec)["classifier"].eval()
    from ganspec.compiler.lower import lower

    source = Source(generator, gan.settings(lower(gan)), CPU)
    cfg = classifier_spec.settings(lower(classifier_spec))
    latents = torch.randn(args.images, int(gan.latent.size))
    with tempfile.TemporaryDirectory() as folder:
        extractor = classifier_extractor(untrained_run(Path(folder)), CPU, None)
    metrics = tuple(kinds_of("metric")[name]() for name in ("fid", "inception_score"))
    real = gather([(torch.randn(2000, 512), torch.randn(2000, 10))], 2000)

    class Known:
        dataset, split, sha256 = "known", None, ""

        def __len__(self):
            return 2000

    scorer = Scorer(extractor, Known())
    scorer.reference = real
    taken = {"bare": [], "scored": []}
    for _ in range(args.rounds):
        for name in taken:
            start = time.process_time()
            if name == "bare":
                bare(generator, classifier, cfg, latents)
            else:
                scorer.scores(drawn_images(source, args.images, 0, None), metrics)
            taken[name].append(time.process_time() - start)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    print(f"{args.images:,} images, {torch.get_num_threads()} threads, processor time")
    for name, seconds in medians.items():
        print(f"{name:<7} {seconds:7.2f} s")
    print(f"ratio   {medians['scored'] / medians['bare']:7.2f}")


if __name__ == "__main__":
    main()
