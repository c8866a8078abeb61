"""Training speed against a loop written by hand: `python benchmarks/training.py`.

The loop is a tutorial's over the emitted networks: a DataLoader with two workers, fakes with a
graph that is then detached, a discriminator that is not frozen in the generator's step, `.item()`
of the losses. It takes turns with a step of `ganspec train`, each in a process of its own. A row
has the medians over all rounds, the ratio with its smallest and largest value, the peak of memory,
and the floor: a step's multiplications and additions at a convolution's rate in the same process.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import platform
import resource
import subprocess
import sys
import time
import types
from contextlib import nullcontext
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

import ganspec
from ganspec.compiler.lower import lower
from ganspec.systems.draw import draw_latent
from ganspec.systems.training import Images

FOLDER = Path(__file__).parent
NAMES = ("dcgan", "cgan_iclevr", "wgan_gp_iclevr", "wgan_cifar32", "sagan")
SPECS = [FOLDER.parent / "specs" / f"{name}.yaml" for name in NAMES]
SPECS.append(FOLDER / "sngan_cifar32.yaml")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Unhooked(nullcontext):
    """The modules that a FLOP counter tells apart: none."""

    parents = ("Global",)


class Samples(Dataset):
    """One image and its label at a time, scaled as torchvision's transforms do."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor | None):
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        image = (self.images[index].float() / 255 - 0.5) / 0.5
        return (image,) if self.labels is None else (image, self.labels[index])


class HandWritten:
    """The loop of a tutorial, with the emitted networks and the spec's losses and optimizers.

    With `fast`, its networks are in channels_last and, unless it is float32, run under autocast to
    that type.
    """

    def __init__(self, spec, data: Images, device: str, fast: torch.dtype | None = None):
        cfg = self.cfg = spec.settings(lower(spec))
        emitted = types.ModuleType("emitted")
        exec(compile(ganspec.emit(spec), "emitted.py", "exec"), vars(emitted))
        torch.manual_seed(0)
        self.generator, self.discriminator = emitted.Generator(), emitted.Discriminator()
        self.device, self.fast = torch.device(device), fast
        for network in (self.generator, self.discriminator):
            network.to(self.device)
            if fast:
                network.to(memory_format=torch.channels_last)
        self.g_optimizer = cfg.g_optimizer(self.generator.parameters())
        self.d_optimizer = cfg.d_optimizer(self.discriminator.parameters())
        samples = Samples(data.images.cpu(), data.labels if cfg.labels else None)
        self.loader = DataLoader(samples, cfg.batch, shuffle=True, num_workers=2, drop_last=True)
        self.iterator = iter(self.loader)

    def batch(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        try:
            found = next(self.iterator)
        except StopIteration:
            self.iterator = iter(self.loader)
            found = next(self.iterator)
        images, *labels = (part.to(self.device) for part in found)
        if self.fast:
            images = images.to(memory_format=torch.channels_last)
        if labels and labels[0].dtype == torch.uint8:  # several classes an image
            labels = [labels[0].float()]
        return images, labels[0] if labels else None

    def draw(self, count: int, labels: torch.Tensor | None) -> torch.Tensor:
        latent = draw_latent(count, self.device, self.cfg)
        with self.casting():
            reads = self.cfg.g_conditional
            return self.generator(latent, labels) if reads else self.generator(latent)

    def judge(self, images: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        with self.casting():
            reads = self.cfg.d_conditional
            scores = self.discriminator(images, labels) if reads else self.discriminator(images)
        return scores.float()

    def casting(self):
        if self.fast in (None, torch.float32):
            return nullcontext()
        return torch.autocast(self.device.type, self.fast)

    def advance(self) -> None:
        cfg = self.cfg
        for turn in range(cfg.discriminator_steps):
            if turn == 0 or cfg.batches == "fresh":
                real, labels = self.batch()
            fake = self.draw(len(real), labels)
            d_loss = cfg.loss.real_loss(self.judge(real, labels), cfg.loss)
            d_loss = d_loss + cfg.loss.fake_loss(self.judge(fake.detach(), labels), cfg.loss)
            if cfg.penalty:
                own = cfg.penalty
                penalty = own.penalty(self.discriminator, real, fake.detach(), labels, own)
                d_loss = d_loss + penalty
            self.d_optimizer.zero_grad()
            d_loss.backward()
            self.d_optimizer.step()
            if cfg.clip:
                with torch.no_grad():
                    for weight in self.discriminator.parameters():
                        weight.clamp_(-cfg.clip, cfg.clip)
            d_loss.item()
        for _ in range(cfg.generator_steps):
            g_loss = cfg.loss.generator_loss(
                self.judge(self.draw(len(real), labels), labels), cfg.loss
            )
            self.g_optimizer.zero_grad()
            g_loss.backward()
            self.g_optimizer.step()
            g_loss.item()


def random_images(spec) -> Images:
    """Return 1,024 images of random pixels, with random labels if the spec has a condition."""
    count, labels = 1024, None
    if spec.condition is not None:
        size = int(spec.condition.size)
        if spec.condition.kind == "multi_hot":
            labels = (torch.rand(count, size) < 0.1).byte()
        else:
            labels = torch.randint(size, (count,))
    return Images(torch.randint(0, 256, (count, *spec.data.shape), dtype=torch.uint8), labels)


def trainer(spec, images: Images, args: argparse.Namespace) -> ganspec.Trainer:
    """Return ganspec's trainer. Exit if this version of ganspec does not know an option."""
    asked = {} if args.precision == "fp32" else {"precision": args.precision}
    asked |= {"speedups": args.speedups.split(",")} if args.speedups else {}
    known = inspect.signature(ganspec.Trainer).parameters
    if unknown := [f"--{name}" for name in asked if name not in known]:
        sys.exit(f"this version of ganspec has no such option: leave out {' and '.join(unknown)}")
    if "precision" in known:  # its default depends on the device
        asked |= {"precision": args.precision}
    if args.device == "cuda":
        images = Images(images.images.cuda(), images.labels)
    return ganspec.Trainer(spec, images, args.device, **asked)


def now(args: argparse.Namespace) -> float:
    """Return seconds on the clock that `--clock` names, when the device has done its work."""
    synchronize(args.device)
    return time.process_time() if args.clock == "processor" else time.perf_counter()


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def rate(args: argparse.Namespace, dtype: torch.dtype) -> float:
    """Return the multiplications and additions a second of a 3 x 3 convolution, the best of ten."""
    device = args.device
    x = torch.randn(64, 256, 16, 16, device=device, dtype=dtype)
    weight = torch.randn(256, 256, 3, 3, device=device, dtype=dtype)
    x, weight = (t.to(memory_format=torch.channels_last) for t in (x, weight))
    times = []
    for _ in range(10):
        started = now(args)
        F.conv2d(x, weight, padding=1)
        times.append(now(args) - started)
    return 2 * 64 * 16 * 16 * 256 * 256 * 9 / min(times)


def measure(side: str, path: Path, args: argparse.Namespace) -> dict[str, float]:
    """Return the median seconds of a step of `side`, and the process's peak memory in GiB.

    For ganspec, the floor of a step in seconds and the rate of a convolution are measured, too.
    """
    spec = ganspec.load(path, [f"train.batch={args.batch}"])
    torch.manual_seed(1)
    images, dtype = random_images(spec), DTYPES[args.precision]
    if side == "ganspec":
        advance = trainer(spec, images, args).step
    else:
        advance = HandWritten(spec, images, args.device, dtype if side == "fast" else None).advance
    times = []
    for turn in range(args.warm + args.steps):
        started = now(args)
        advance()
        if turn >= args.warm:
            times.append(now(args) - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # GiB
    found = {"seconds": median(times), "resident": peak}
    if args.device == "cuda":
        found["gpu"] = torch.cuda.max_memory_allocated() / 2**30
    if side == "ganspec":  # last, since neither belongs to the step
        speed = rate(args, dtype)
        counter = FlopCounterMode(display=False)
        # torch's hooks that count by module cannot follow a gradient penalty
        counter.mod_tracker = Unhooked()
        with counter:
            advance()
        found |= {"floor": counter.get_total_flops() / speed, "rate": speed}
    return found


def child(side: str, path: Path, args: argparse.Namespace) -> dict[str, float]:
    """Return what `measure` returns in a new process; `hand` is always in single precision."""
    precision = "fp32" if side == "hand" else args.precision
    names = ("batch", "warm", "steps", "device", "clock", "speedups")
    options = {name: getattr(args, name) for name in names}
    command = [sys.executable, __file__, str(path), "--side", side, "--precision", precision]
    command += [text for key, value in options.items() for text in (f"--{key}", str(value))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:  # it has said why
        sys.exit(done.returncode)
    return json.loads(done.stdout.splitlines()[-1])


def machine(device: str) -> str:
    """Return the name of the processor or GPU, and torch's version."""
    if device == "cuda":
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    lines = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    threads = torch.get_num_threads()
    name = names[0] if names else platform.machine()
    return f"{threads} threads of {name}, torch {torch.__version__}"


def row(path: Path, precision: str, args: argparse.Namespace) -> str:
    """Measure both sides of a spec in `precision`. Return its row of the table."""
    args.precision = precision
    hand = "fast" if args.by_hand_fast else "hand"
    rounds = [
        {side: child(side, path, args) for side in (hand, "ganspec")} for _ in range(args.rounds)
    ]
    ours, theirs = ([found[side] for found in rounds] for side in ("ganspec", hand))
    ratios = [a["seconds"] / b["seconds"] for a, b in zip(theirs, ours, strict=True)]
    memory = "gpu" if args.device == "cuda" else "resident"
    floors = [each["seconds"] / each["floor"] for each in ours if each["floor"]]
    distance = median(floors) if floors else float("nan")

    def middle(side: list[dict[str, float]], key: str) -> float:
        return median(each[key] for each in side)

    cells = [
        path.stem,
        precision,
        *(f"{1000 * middle(side, 'seconds'):.0f} ms" for side in (theirs, ours)),
        f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        f"{1000 * middle(ours, 'floor'):.0f} ms" if floors else "-",
        f"{distance:.1f}" if floors else "-",
        *(f"{middle(side, memory):.1f} GiB" for side in (theirs, ours)),
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("specs", nargs="*", type=Path, default=SPECS)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", default="fp32", help="of ganspec; several with commas")
    parser.add_argument("--speedups", default="", help="of ganspec, such as channels_last")
    parser.add_argument(
        "--by-hand-fast",
        action="store_true",
        help="write channels_last and autocast into the loop by hand, too",
    )
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warm", type=int, default=2, help="steps before those that count")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument(
        "--clock",
        choices=("wall", "processor"),
        default="wall",
        help="`processor` where other programs run, too, with OMP_NUM_THREADS=1",
    )
    parser.add_argument("--side", choices=("hand", "fast", "ganspec"), help="print JSON")
    args = parser.parse_args()
    if args.side:
        print(json.dumps(measure(args.side, args.specs[0], args)), flush=True)
        os._exit(0)  # the DataLoader's workers need no farewell
    print(
        f"{machine(args.device)}, batch {args.batch}, "
        f"{args.rounds} rounds of {args.steps} steps, {args.clock} time"
    )
    memory = "GPU memory" if args.device == "cuda" else "memory"
    print(
        f"| workload | precision | by hand | ganspec | ratio | floor | step / floor | "
        f"{memory} by hand | {memory} |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
    precisions = args.precision.split(",")  # before `row` replaces them by one
    for path in args.specs:
        for precision in precisions:
            print(row(path, precision, args), flush=True)


if __name__ == "__main__":
    main()
