"""Denoising autoencoder on Fashion-MNIST, as a student's Keras report prints it.

Written by ganspec from the spec `denoising_fashion` (1ec84e23).
Plain PyTorch, yours to edit.
"""

import argparse
import gzip
import math
import struct
import time
import zlib
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn, optim

BATCH = 128
EPOCHS = 50
SEED = 0
NOISE = 0.25
COLUMNS = 16


# ---- Networks ----
def init_weights(network, fill, **options):
    """Fill conv, linear and embedding weights by `fill`; set biases, if any, to 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fill(module.weight, **options)
            nn.init.zeros_(module.bias)


def init_keras(network):
    """Draw Keras's weights: Glorot-uniform, embeddings in [-0.05, 0.05], biases 0."""
    init_weights(network, nn.init.xavier_uniform_)


class Autoencoder(nn.Module):
    """Image to image."""

    def __init__(self, ch=32):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, ch, 3, padding=1),  # 32 x 28 x 28
            nn.ReLU(),
            nn.MaxPool2d(2),  # 32 x 14 x 14
            nn.Conv2d(ch, ch // 2, 3, padding=1),  # 16 x 14 x 14
            nn.ReLU(),
            nn.MaxPool2d(2),  # 16 x 7 x 7
            nn.Conv2d(ch // 2, 7, 3, padding=1),  # 7 x 7 x 7
            nn.ReLU(),
            nn.Conv2d(7, 7, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),  # 7 x 14 x 14
            nn.Conv2d(7, ch // 2, 3, padding=1),  # 16 x 14 x 14
            nn.ReLU(),
            nn.Upsample(scale_factor=2),  # 16 x 28 x 28
            nn.Conv2d(ch // 2, ch, 3, padding=1),  # 32 x 28 x 28
            nn.ReLU(),
            nn.Conv2d(ch, 1, 3, padding=1),  # 1 x 28 x 28
            nn.Sigmoid(),
        )
        init_keras(self)

    def forward(self, x):
        return self.main(x)


# ---- Data ----
def find_idx(folder, name):
    """Return the path of `name` or `name`.gz in `folder`; None if neither is a file."""
    paths = (Path(folder) / name, Path(folder) / f"{name}.gz")
    return next((path for path in paths if path.is_file()), None)


MEGABYTES = 2048  # largest unpacked size of a gzipped file; more could fill memory


def read_idx(folder, name, dimensions):
    """Read the IDX file `name`, plain or gzipped: uint8, with `dimensions` axes."""
    path = find_idx(folder, name)
    if path is None:
        raise FileNotFoundError(f"no {name} or {name}.gz in {folder}")
    if path.suffix == ".gz":
        try:
            with gzip.open(path) as file:
                parts = iter(lambda: file.read(2**20), b"")
                data = b"".join(islice(parts, MEGABYTES))
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is truncated or damaged: {error}") from error
    else:
        data = path.read_bytes()
    start = 4 + 4 * dimensions
    if data[:4] != bytes([0, 0, 8, dimensions]) or len(data) < start:
        raise ValueError(f"{path} is not an IDX file of {dimensions}-d unsigned bytes")
    shape = struct.unpack(f">{dimensions}I", data[4:start])
    if 0 in shape:
        raise ValueError(f"{path} has no data by its header: copy or download it again")
    if len(data) != start + math.prod(shape):
        counts = f"{len(data) - start} bytes of data, not {math.prod(shape)}"
        raise ValueError(f"{path} has {counts}: copy or download it again")
    return torch.frombuffer(bytearray(data[start:]), dtype=torch.uint8).reshape(shape)


def load_images(folder, split="train"):
    """Read images, uint8 N x C x H x W, and labels 0 to 9, int64 N, None if unused."""
    prefix = "t10k" if split == "test" else "train"
    images = read_idx(folder, f"{prefix}-images-idx3-ubyte", 3)[:, None]
    if split == "all":
        more = read_idx(folder, "t10k-images-idx3-ubyte", 3)[:, None]
        if more.shape[1:] != images.shape[1:]:
            raise ValueError(
                f"t10k-images-idx3-ubyte in {folder} has images of another size"
            )
        images = torch.cat([images, more])
    if images.shape[2:] != (28, 28):
        size = " x ".join(map(str, images.shape[2:]))
        raise ValueError(
            f"{prefix}-images-idx3-ubyte has images of {size}, not 28 x 28"
        )
    return images, None


# ---- Training ----
class AdamEpsHat(optim.Adam):
    """Adam that adds `eps` before it corrects the second moment, as TensorFlow does."""

    def step(self):
        for group in self.param_groups:
            group["count"] = group.get("count", 0) + 1
            correction = 1 - group["betas"][1] ** group["count"]
            group["eps"] = group.setdefault("eps_hat", group["eps"]) / correction**0.5
        super().step()


def spaced(length):
    """Return evenly spaced indices, from 0 to below `length`."""
    return torch.arange(COLUMNS) * length // COLUMNS


def draw_batches(images, seed):
    """Yield batches without end, in a new order each pass over the images."""
    random = torch.Generator().manual_seed(seed)
    if len(images) < BATCH:
        raise ValueError(f"{len(images)} images do not fill a batch of {BATCH}")
    while True:
        order = torch.randperm(len(images), generator=random).to(images.device)
        for chosen in order.split(BATCH)[: len(images) // BATCH]:
            yield images[chosen].float() / 255


def add_noise(images, random):
    """Return images with Gaussian noise, by torch's generator if `random` is None."""
    noise = torch.randn(images.shape, generator=random, device=images.device)
    noisy = images + NOISE * noise
    return noisy.clamp(0, 1)


def train_step(autoencoder, optimizer, batches):
    """Make one step down a batch's loss. Return the loss before the step, by name."""
    images = next(batches)
    outputs = autoencoder(add_noise(images, None))
    loss = F.binary_cross_entropy(outputs, images)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"loss": loss.detach()}


def evaluate(autoencoder, images):
    """Return held-out images' mean loss by name, under the same noise each time."""
    random = torch.Generator(images.device).manual_seed(0)
    total = 0
    autoencoder.eval()
    with torch.no_grad():
        for part in images.split(BATCH):
            clean = part.float() / 255
            outputs = autoencoder(add_noise(clean, random))
            total = total + len(part) * F.binary_cross_entropy(outputs, clean)
    autoencoder.train()
    return {"test_loss": total / len(images)}


def compare(autoencoder, images):
    """Return in one batch all inputs, all outputs and, with noise, all clean images."""
    clean = images.float() / 255
    autoencoder.eval()
    with torch.no_grad():
        noisy = add_noise(clean, torch.Generator(images.device).manual_seed(0))
        outputs = autoencoder(noisy)
    autoencoder.train()
    return torch.cat([noisy, outputs, clean])


def save_grid(images, path):
    """Write images, N x C x H x W, as a PNG grid; white tiles fill up its last row."""
    images = images.clamp(0, 1).mul(255).round().byte().cpu()
    tiles = F.pad(images, (2, 0, 2, 0, 0, 0, 0, -len(images) % COLUMNS), value=255)
    # axes: rows, height, columns, width, channels
    grid = tiles.unflatten(0, (-1, COLUMNS)).permute(0, 3, 1, 4, 2)
    grid = F.pad(grid.flatten(0, 1).flatten(1, 2), (0, 0, 0, 2, 0, 2), value=255)
    Image.fromarray(grid.squeeze(2).numpy()).save(path, "PNG", compress_level=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the images")
    parser.add_argument("--out", type=Path, default=Path("out") / "denoising_fashion")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, help="training steps, instead of --epochs")
    parser.add_argument("--seed", type=int, default=SEED)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device)
    args = parser.parse_args()

    folder = args.data
    images, _ = load_images(folder)
    test_images, _ = load_images(folder, split="test")
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(args.seed)
    network = Autoencoder().to(args.device)
    optimizer = AdamEpsHat(network.parameters(), eps=1e-7)
    images = images.to(args.device)
    test_images = test_images.to(args.device)
    fixed = test_images[spaced(len(test_images))]
    batches = draw_batches(images, args.seed)
    epoch = len(images) // BATCH
    last = args.epochs * epoch if args.steps is None else args.steps

    args.out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for step in range(1, last + 1):
        log = train_step(network, optimizer, batches)
        ended = step % epoch == 0 or step == last
        if ended:
            log |= evaluate(network, test_images)
        if ended or step % 50 == 0:
            rate = step / (time.perf_counter() - started)
            numbers = "  ".join(f"{k} {v.item():.4f}" for k, v in log.items())
            print(f"step {step}/{last}  {numbers}  {rate:.3g} steps/s")
        if ended:
            path = args.out / f"samples_{step:07d}.png"
            save_grid(compare(network, fixed), path)
            torch.save({"autoencoder": network.state_dict()}, args.out / "weights.pt")


if __name__ == "__main__":
    main()
