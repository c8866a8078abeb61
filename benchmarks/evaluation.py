"""Cost of scores, as ratios of processor time: `python benchmarks/evaluation.py`.

`scored` is what `ganspec evaluate` does once the real images' features are cached: it draws images,
extracts their features and takes FID and Inception Score. `bare` passes as many latents through the
same two networks, and does nothing else.

If InceptionV3's weights are on this machine, its time per image is measured in torch-fidelity and
in ganspec, and the time of the distance on random features. From both, the time of an FID of 500
images against 500 is computed, with 1,000 extractions, or with 500 if the real images' features are
cached.

What is compared takes turns in one process. Ratios are of medians of processor time, which other
programs disturb less.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

import ganspec
from ganspec.compiler.lower import lower
from ganspec.evaluation.classifier import classifier_extractor
from ganspec.evaluation.extractor import ExtractorError
from ganspec.evaluation.inception import build_network, inception_extractor
from ganspec.evaluation.inception_weights import find_weights
from ganspec.evaluation.scoring import Scorer
from ganspec.evaluation.subject import drawn_images
from ganspec.kinds.activations import gather
from ganspec.kinds.metrics.fid import Fid
from ganspec.kinds.metrics.fidelity import import_fidelity
from ganspec.language.kinds import kinds_of
from ganspec.systems.batches import scale_pixels
from ganspec.systems.source import Source
from ganspec.training.device import prepare

SPECS = Path(__file__).parent.parent / "specs"
CPU = torch.device("cpu")
BATCH = 250


def untrained_run(folder: Path) -> Path:
    """Write a run of a classifier with initial weights to `folder`. Return the folder.

    Initial weights cost as much time as trained ones.
    """
    from ganspec.runs.run import Run, resolved
    from ganspec.systems import checkpoint
    from ganspec.systems.identity import identity

    spec = ganspec.load(SPECS / "classifier_fashion.yaml")
    networks = {key: network.state_dict() for key, network in ganspec.build(spec).items()}
    run = Run(folder)
    state = {"spec": identity(spec), "step": 0, "networks": networks, "fixed": {}}
    checkpoint.save(run.checkpoint_path, state)
    run.spec_path.write_text(resolved(spec))
    return folder


def bare(generator, classifier, cfg, latents) -> None:
    """Draw an image from each of `latents`, and classify the images."""
    with torch.inference_mode():
        for latent in latents.split(BATCH):
            classifier(scale_pixels((generator(latent) * 127.5 + 127.5).byte(), cfg))


def medians(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median processor time of each work in seconds. They take turns, `rounds` times."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            start = time.process_time()
            work()
            taken[name].append(time.process_time() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def compare_with_bare_networks(images: int, rounds: int) -> None:
    gan = ganspec.load(SPECS / "dcgan_fashion.yaml")
    generator = ganspec.build(gan)["generator"].eval()
    classifier_spec = ganspec.load(SPECS / "classifier_fashion.yaml")
    classifier = ganspec.build(classifier_spec)["classifier"].eval()
    source = Source(generator, gan.settings(lower(gan)), CPU)
    cfg = classifier_spec.settings(lower(classifier_spec))
    latents = torch.randn(images, int(gan.latent.size))
    with tempfile.TemporaryDirectory() as folder:
        extractor = classifier_extractor(untrained_run(Path(folder)), CPU, None)
    metrics = tuple(kinds_of("metric")[name]() for name in ("fid", "inception_score"))
    real = gather([(torch.randn(2000, 512), torch.randn(2000, 10))], 2000)

    class Known:
        dataset, split, sha256, seed = "known", None, "", None

        def __len__(self):
            return 2000

    scorer = Scorer(extractor, Known())
    scorer.reference = real
    times = medians(
        {
            "bare": lambda: bare(generator, classifier, cfg, latents),
            "scored": lambda: scorer.scores(drawn_images(source, images, 0, None), metrics),
        },
        rounds,
    )
    print(f"{images:,} images, {torch.get_num_threads()} threads, processor time")
    for name, seconds in times.items():
        print(f"{name:<7} {seconds:7.2f} s")
    print(f"ratio   {times['scored'] / times['bare']:7.2f}")


def compare_with_torch_fidelity(rounds: int, count: int = 100, scored: int = 500) -> None:
    """Time InceptionV3 on `count` images, and the distance of `scored` random features to as many.

    Print these times, and the time of an FID of `scored` images that follows from them.
    """
    try:
        network = build_network(find_weights(None, download=False))
    except ExtractorError as error:
        print(f"InceptionV3 is left out: {error}")
        return
    extractor = inception_extractor(None, CPU, None, "tensorflow1", download=False)
    random = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, 3, 32, 32), generator=random).byte()

    def by_torch_fidelity() -> None:
        with torch.inference_mode():
            for part in images.split(50):
                network(part)

    times = medians(
        {
            "torch-fidelity": by_torch_fidelity,
            "ganspec": lambda: list(map(extractor, images.split(50))),
        },
        rounds,
    )
    theirs, ours = (seconds / count for seconds in times.values())
    print(f"InceptionV3: {1 / theirs:.1f} and {1 / ours:.1f} images/s, ratio {theirs / ours:.2f}")

    def rows(number: int) -> torch.Tensor:
        return torch.randn(number, 2048, generator=random).relu()

    sizes = (scored, scored, 5000, 5000)
    a, b, many, more = (gather([(x, x[:, :0])], len(x)) for x in map(rows, sizes))
    distance = import_fidelity("metric_fid").fid_statistics_to_metric
    statistics_ = [{"mu": each.mean, "sigma": each.covariance} for each in (a, b)]
    few = medians({"torch-fidelity": lambda: distance(*statistics_, False)}, 1)
    few |= medians({"ganspec": lambda: Fid().measure(a, b, 0)}, rounds)
    full = medians({"ganspec": lambda: Fid().measure(many, more, 0)}, rounds)
    print(f"distance of 5,000 and 5,000 images: {full['ganspec']:.2f} s")
    whole = 2 * scored * theirs + few["torch-fidelity"]
    print(f"FID of {scored} and {scored} images: torch-fidelity {whole:.0f} s")
    for name, extracted in (("ganspec", 2 * scored), ("ganspec, cached", scored)):
        seconds = extracted * ours + few["ganspec"]
        print(f"  {name:<16} {seconds:4.0f} s, ratio {whole / seconds:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    prepare(CPU)
    compare_with_bare_networks(args.images, args.rounds)
    compare_with_torch_fidelity(args.rounds)


if __name__ == "__main__":
    main()
