"""The denoising autoencoder on a folder of colour images.

Written by ganspec from the spec `denoising_pokemon` (9f9e163c).
Plain PyTorch, yours to edit.
"""

import argparse
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import nn, optim

BATCH = 128
EPOCHS = 50
SEED = 0
HEIGHT = 64
WIDTH = 64
CHANNELS = 3
NOISE = 0.25
COLUMNS = 16


# ---- Networks ----


def weights_and_biases(network):
    """Weights and biases of convs, linear layers and embeddings, which have no bias.

    Under a spectral norm, the weight that it divides.
    """
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)
    for module in network.modules():
        if isinstance(module, kinds):
            wrapped = getattr(module, "parametrizations", None)
            weight = wrapped.weight.original if wrapped else module.weight
            yield weight, getattr(module, "bias", None)


def init_xavier(network, fill=nn.init.xavier_uniform_, gain=1.0):
    """Draw weights scaled by their fan (Glorot & Bengio, 2010) and set biases to 0."""
    for weight, bias in weights_and_biases(network):
        fill(weight, gain=gain)
        if bias is not None:
            nn.init.zeros_(bias)


def init_keras(network):
    """Draw weights scaled by their fan, embeddings within 0.05, and set biases to 0."""
    init_xavier(network)
    for module in network.modules():
        if isinstance(module, nn.Embedding):
            for weight, _ in weights_and_biases(module):
                nn.init.uniform_(weight, -0.05, 0.05)


class Autoencoder(nn.Module):
    """Image to image."""

    def __init__(self, ch=32):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, ch, 3, padding=1),  # 32 x 64 x 64
            nn.ReLU(),
            nn.MaxPool2d(2),  # 32 x 32 x 32
            nn.Conv2d(ch, ch // 2, 3, padding=1),  # 16 x 32 x 32
            nn.ReLU(),
            nn.MaxPool2d(2),  # 16 x 16 x 16
            nn.Conv2d(ch // 2, 7, 3, padding=1),  # 7 x 16 x 16
            nn.ReLU(),
            nn.Conv2d(7, 7, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),  # 7 x 32 x 32
            nn.Conv2d(7, ch // 2, 3, padding=1),  # 16 x 32 x 32
            nn.ReLU(),
            nn.Upsample(scale_factor=2),  # 16 x 64 x 64
            nn.Conv2d(ch // 2, ch, 3, padding=1),  # 32 x 64 x 64
            nn.ReLU(),
            nn.Conv2d(ch, 3, 3, padding=1),  # 3 x 64 x 64
            nn.Sigmoid(),
        )
        init_keras(self)

    def forward(self, x):
        return self.main(x)


# ---- Losses ----


def binary_cross_entropy(outputs, targets):
    """Mean binary cross-entropy of all outputs with their targets, 0 to 1."""
    return F.binary_cross_entropy(outputs, targets)


# ---- Data ----


def flatten_image(image):
    """Picture of any mode as RGB: 16 bits become 8, and what is clear becomes white."""
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.float32) / 257
        image = Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        # slow, and often all is opaque, as in i-CLEVR
        if image.getchannel("A").getextrema()[0] < 255:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def blend_pixels(images, axis, size):
    """Images, float, resized along `axis`: pixel i is read at i * before / size."""
    before = images.shape[axis]
    place = torch.arange(size) * (before / size)
    first = place.long()
    second = (first + 1).clamp(max=before - 1)
    share = (place - first).reshape(-1, *[1] * (images.ndim - 1 - axis))
    first, second = images.index_select(axis, first), images.index_select(axis, second)
    return first.lerp(second, share)


def resize_images(images, height, width, resize):
    """Images, uint8 N x C x H x W, resized bilinearly as `resize` says.

    `antialias`: from all pixels that a smaller one covers, as PIL and torchvision do.
    `bilinear`: from the four nearest alone, as OpenCV, TensorFlow 2 and torch do.
    `tensorflow1`: so too, but half a pixel off, as TensorFlow 1's `tf.image`.
    The result is rounded, which TensorFlow's own is not.
    """
    if images.shape[2:] == (height, width):
        return images
    images = images.float()
    if resize == "tensorflow1":
        images = blend_pixels(blend_pixels(images, 3, width), 2, height)
    else:
        smooth = {"antialias": True, "bilinear": False}[resize]
        size = (height, width)
        images = F.interpolate(images, size, mode="bilinear", antialias=smooth)
    return images.round().clamp(0, 255).to(torch.uint8)


def resize_picture(picture, height, width, resize):
    """Pixels, uint8 C x H x W, of a PIL picture resized as `resize_images` says."""
    if resize == "antialias":
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    across, down = picture.size
    pixels = torch.from_numpy(np.array(picture)).reshape(1, down, across, -1)
    return resize_images(pixels.permute(0, 3, 1, 2), height, width, resize)[0]


def decode_image(path, height, width, channels, resize="antialias"):
    """Image of a file, uint8 C x H x W: shorter side resized, cropped at the centre."""
    with Image.open(path) as file:
        image = flatten_image(ImageOps.exif_transpose(file))
    image = image.convert("L" if channels == 1 else "RGB")
    across, down = image.size
    if across * height < down * width:
        across, down = width, down * width // across
    else:
        across, down = across * height // down, height
    left, top = round((across - width) / 2), round((down - height) / 2)
    pixels = resize_picture(image, down, across, resize)
    return pixels[:, top : top + height, left : left + width]


def find_images(folder):
    """Image files below `folder`, sorted by path; hidden ones are left out."""
    endings = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}
    folder = Path(folder)
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in parts)
        if path.suffix.lower() in endings and not hidden and path.is_file():
            yield path


def list_images(folder):
    """Image files of `folder`, sorted by path, and the index of each one's class.

    The classes are the sub-folders that hold images; with none, every class is 0.
    """
    folder, files = Path(folder), list(find_images(folder))
    if not files:
        raise ValueError(f"no jpg, png, webp, bmp or gif images in {folder}")
    names = [path.relative_to(folder).parts[0] for path in files]
    loose = [path for path in files if path.parent == folder]
    if len(loose) == len(files):
        return files, [0] * len(files)
    if loose:
        raise ValueError(
            f"{folder} holds class folders and loose images such as {loose[0].name}"
        )
    classes = sorted(set(names))
    return files, [classes.index(name) for name in names]


def decode_files(files, decode, shape):
    """Images, uint8 N x *shape, of the files that `decode` can read, in their order.

    Also tells which these are: a bool for each file.
    """

    def decode_whole(path):
        try:
            return decode(path)
        except Exception:  # noqa: BLE001  (PIL raises almost anything)
            return None

    images = torch.empty(len(files), *shape, dtype=torch.uint8)
    readable, count = [], 0
    # threads suffice: PIL decodes without the interpreter's lock
    with ThreadPoolExecutor() as pool:
        for image in pool.map(decode_whole, files):
            readable.append(image is not None)
            if image is not None:
                images[count] = image
                count += 1
    return images[:count], readable


def report_broken(files, readable):
    """One warning that counts the unreadable files and names up to three of them.

    Raises ValueError where none can be read.
    """
    broken = [path for path, fine in zip(files, readable, strict=True) if not fine]
    names = ", ".join(map(str, broken[:3])) + (", ..." if len(broken) > 3 else "")
    if len(broken) == len(files):
        raise ValueError(f"none of the {len(files)} images can be read: {names}")
    if broken:
        message = f"skipped {len(broken)} of {len(files)} images that cannot be read: "
        warnings.warn(message + names, stacklevel=3)


def load_images(folder, height, width, channels, resize="antialias"):
    """Images of a folder, uint8 N x C x H x W, and their classes, int64 N."""

    def decode(path):
        return decode_image(path, height, width, channels, resize)

    files, labels = list_images(folder)
    images, readable = decode_files(files, decode, (channels, height, width))
    report_broken(files, readable)
    return images, torch.tensor(labels)[readable]


# ---- Training ----


def parse_arguments():
    """What the command line says, and what holds where it is silent."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the images")
    parser.add_argument("--out", type=Path, default=Path("runs") / "denoising_pokemon")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, help="stop after so many steps instead")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu"
    )
    return parser.parse_args()


class AdamEpsHat(optim.Adam):
    """Adam with `eps` added before the second moment is corrected for its start at 0.

    The order of computation at the end of section 2 of Kingma & Ba (2015).
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr, betas, eps, weight_decay)
        for group in self.param_groups:
            group.update(eps_hat=eps, count=0)

    def step(self):
        for group in self.param_groups:
            group["count"] += 1
            correction = 1 - group["betas"][1] ** group["count"]
            group["eps"] = group["eps_hat"] / correction**0.5
        super().step()


def spaced(length, count):
    """`count` of the indices below `length`, evenly spaced."""
    return torch.arange(count) * length // count


def scale_pixels(images):
    """Pixels from 0 to 255 in the range that the networks read."""
    return images.float() / 255


class Batches:
    """Endless batches of real images, in a new random order each epoch.

    Images stay uint8 on their device; a batch is an index into them, made float.
    """

    def __init__(self, images, seed):
        self.images = images
        self.random = torch.Generator().manual_seed(seed)
        self.position = len(self)
        if len(self) == 0:
            raise ValueError(f"{len(images)} images do not fill a batch of {BATCH}")

    def __len__(self):
        return len(self.images) // BATCH

    def __next__(self):
        if self.position == len(self):
            self.order = torch.randperm(len(self.images), generator=self.random)
            self.order = self.order.to(self.images.device)
            self.position = 0
        start = self.position * BATCH
        self.position += 1
        chosen = self.order[start : start + BATCH]
        images = self.images[chosen]
        return scale_pixels(images)


def add_noise(images, random):
    """Images with Gaussian noise from the generator `random`; None is torch's own."""
    noise = torch.randn(images.shape, generator=random, device=images.device)
    noisy = images + NOISE * noise
    return noisy.clamp(0, 1)


def update(optimizer, loss):
    """One step down the gradient of `loss`."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def train_step(autoencoder, optimizer, batches):
    """One step down the loss of a batch; the loss before it."""
    images = next(batches)
    outputs = autoencoder(add_noise(images, None))
    loss = binary_cross_entropy(outputs, images)
    update(optimizer, loss)
    return {"loss": loss.detach()}


def compare(autoencoder, images):
    """What goes in, what comes out and, under noise, the clean images, in rows."""
    clean = scale_pixels(images)
    autoencoder.eval()
    with torch.no_grad():
        noisy = add_noise(clean, torch.Generator(images.device).manual_seed(0))
        made = autoencoder(noisy)
    autoencoder.train()
    return torch.cat([noisy, made, clean])


def save_grid(images, path, columns):
    """Write images (n x channels x height x width) as one PNG, row by row, on white."""
    images = images.clamp(0, 1).mul(255).round().byte().cpu()
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    grid = torch.full(
        (channels, rows * (height + 2) + 2, columns * (width + 2) + 2), 255
    )
    for i, image in enumerate(images):
        top, left = i // columns * (height + 2) + 2, i % columns * (width + 2) + 2
        grid[:, top : top + height, left : left + width] = image
    pixels = grid.byte().permute(1, 2, 0).squeeze(2).numpy()
    Image.fromarray(pixels).save(path, format="PNG")


def train(images, out, epochs, steps, seed, device):
    """Train on uint8 images, N x C x H x W; weights each epoch."""
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(seed)
    network = Autoencoder().to(device)
    optimizer = AdamEpsHat(network.parameters(), eps=1e-7)
    images = images.to(device)
    shown = images
    fixed = shown[spaced(len(shown), COLUMNS)]
    batches = Batches(images, seed)
    epoch = len(batches)
    last = steps or epochs * epoch

    out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for step in range(1, last + 1):
        log = train_step(network, optimizer, batches)
        ended = step % epoch == 0 or step == last
        if ended or step % 50 == 0:
            rate = step / (time.perf_counter() - started)
            numbers = "  ".join(
                f"{name} {value.item():.4f}" for name, value in log.items()
            )
            print(f"step {step}/{last}  {numbers}  {rate:.3g} steps/s")
        if ended:
            samples = compare(network, fixed)
            save_grid(samples, out / f"samples_{step:07d}.png", COLUMNS)
            torch.save({"autoencoder": network.state_dict()}, out / "weights.pt")


def main():
    args = parse_arguments()
    folder = args.data
    size = (HEIGHT, WIDTH, CHANNELS)
    images, _ = load_images(folder, *size, resize="bilinear")
    options = (args.out, args.epochs, args.steps, args.seed, args.device)
    train(images, *options)


if __name__ == "__main__":
    main()
