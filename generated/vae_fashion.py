"""Variational autoencoder on Fashion-MNIST (Kingma & Welling, 2014), convolutional.

Written by ganspec from the spec `vae_fashion` (4e2921dc). Plain PyTorch, yours to edit.
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
from torch import nn

BATCH = 128
EPOCHS = 20
SEED = 0
NUMBERS = 784
KL = 1.0
LATENT_SIZE = 20
SAMPLES = 64
COLUMNS = 8


# ---- Networks ----
class Encoder(nn.Module):
    """Image to distribution of codes."""

    def __init__(self, z=20, ch=32):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, ch, 4, 2, 1),  # 32 x 14 x 14
            nn.ReLU(),
            nn.Conv2d(ch, 2 * ch, 4, 2, 1),  # 64 x 7 x 7
            nn.ReLU(),
            nn.Flatten(),  # 3136
            nn.Linear(2 * ch * 7 * 7, 8 * ch),  # 256
            nn.ReLU(),
        )
        self.mean = nn.Linear(8 * ch, z)  # 20
        self.log_variance = nn.Linear(8 * ch, z)  # 20

    def forward(self, x):
        h = self.layers(x)  # 256
        return self.mean(h), self.log_variance(h)


class Decoder(nn.Module):
    """Code to image."""

    def __init__(self, z=20, ch=32):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(z, 8 * ch),  # 256
            nn.ReLU(),
            nn.Linear(8 * ch, 2 * ch * 7 * 7),  # 3136
            nn.Unflatten(1, (2 * ch, 7, 7)),  # 64 x 7 x 7
            nn.ReLU(),
            nn.ConvTranspose2d(2 * ch, ch, 4, 2, 1),  # 32 x 14 x 14
            nn.ReLU(),
            nn.ConvTranspose2d(ch, 1, 4, 2, 1),  # 1 x 28 x 28
        )

    def forward(self, z):
        return self.main(z)


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
def draw_batches(images, seed):
    """Yield batches without end, in a new order each pass over the images."""
    random = torch.Generator().manual_seed(seed)
    if len(images) < BATCH:
        raise ValueError(f"{len(images)} images do not fill a batch of {BATCH}")
    while True:
        order = torch.randperm(len(images), generator=random).to(images.device)
        for chosen in order.split(BATCH)[: len(images) // BATCH]:
            yield images[chosen].float() / 255


def draw_code(mean, log_variance, random):
    """Draw codes from N(mean, variance), by torch's generator if `random` is None."""
    noise = torch.randn(mean.shape, generator=random, device=mean.device)
    return mean + (0.5 * log_variance).exp() * noise


def divergence(mean, log_variance):
    """Return the KL divergence of codes from N(0, 1), the mean over the batch.

    Source: Kingma & Welling, 2014, appendix B.
    """
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean()


def bound(encoder, decoder, images, random):
    """Return the batch's mean loss, reconstruction loss and divergence."""
    mean, log_variance = encoder(images)
    outputs = decoder(draw_code(mean, log_variance, random))
    reconstruction = NUMBERS * F.binary_cross_entropy_with_logits(outputs, images)
    kl = divergence(mean, log_variance)
    loss = reconstruction + KL * kl
    return loss, reconstruction, kl


def train_step(encoder, decoder, optimizer, batches):
    """Update both networks once. Return the losses before the update, by name."""
    images = next(batches)
    loss, reconstruction, kl = bound(encoder, decoder, images, None)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {
        "loss": loss.detach(),
        "reconstruction": reconstruction.detach(),
        "kl": kl.detach(),
    }


def evaluate(encoder, decoder, images):
    """Return held-out images' mean loss by name, under the same noise each time."""
    random = torch.Generator(images.device).manual_seed(0)
    total = 0
    encoder.eval()
    decoder.eval()
    with torch.no_grad():
        for part in images.split(BATCH):
            loss, _, _ = bound(encoder, decoder, part.float() / 255, random)
            total = total + len(part) * loss
    encoder.train()
    decoder.train()
    return {"test_loss": total / len(images)}


def decode(decoder, codes):
    """Return the images that the decoder makes of codes."""
    decoder.eval()
    with torch.no_grad():
        images = decoder(codes)
    decoder.train()
    return images.sigmoid()


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
    parser.add_argument("--out", type=Path, default=Path("out") / "vae_fashion")
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
    encoder = Encoder().to(args.device)
    decoder = Decoder().to(args.device)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
    fixed = torch.randn(SAMPLES, LATENT_SIZE, device=args.device)
    test_images = test_images.to(args.device)
    batches = draw_batches(images.to(args.device), args.seed)
    epoch = len(images) // BATCH
    last = args.epochs * epoch if args.steps is None else args.steps

    args.out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for step in range(1, last + 1):
        log = train_step(encoder, decoder, optimizer, batches)
        ended = step % epoch == 0 or step == last
        if ended:
            log |= evaluate(encoder, decoder, test_images)
        if ended or step % 50 == 0:
            rate = step / (time.perf_counter() - started)
            numbers = "  ".join(f"{k} {v.item():.4f}" for k, v in log.items())
            print(f"step {step}/{last}  {numbers}  {rate:.3g} steps/s")
        if ended:
            path = args.out / f"samples_{step:07d}.png"
            save_grid(decode(decoder, fixed), path)
            weights = {"encoder": encoder.state_dict(), "decoder": decoder.state_dict()}
            torch.save(weights, args.out / "weights.pt")


if __name__ == "__main__":
    main()
