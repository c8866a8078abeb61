"""Classifier of Fashion-MNIST, 28 x 28, as a student's Keras report prints it.

Written by ganspec from the spec `classifier_fashion` (eccc53c6).
Plain PyTorch, yours to edit.
"""

import argparse
import gzip
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim

BATCH = 64
EPOCHS = 25
SEED = 0
HEIGHT = 28
WIDTH = 28
CHANNELS = 1


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


class Classifier(nn.Module):
    """Image to labels."""

    def __init__(self, ch=32):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, ch, 3, padding=1),  # 32 x 28 x 28
            nn.ReLU(),
            nn.BatchNorm2d(ch, eps=1e-3, momentum=0.01),
            nn.Conv2d(ch, ch, 3, padding=1),
            nn.ReLU(),
            nn.BatchNorm2d(ch, eps=1e-3, momentum=0.01),
            nn.MaxPool2d(2),  # 32 x 14 x 14
            nn.Dropout(0.25),
            nn.Conv2d(ch, 2 * ch, 3, padding=1),  # 64 x 14 x 14
            nn.ReLU(),
            nn.BatchNorm2d(2 * ch, eps=1e-3, momentum=0.01),
            nn.Conv2d(2 * ch, 2 * ch, 3, padding=1),
            nn.ReLU(),
            nn.BatchNorm2d(2 * ch, eps=1e-3, momentum=0.01),
            nn.MaxPool2d(2),  # 64 x 7 x 7
            nn.Dropout(0.25),
            nn.Flatten(),  # 3136
            nn.Linear(2 * ch * 7 * 7, 16 * ch),  # 512
            nn.ReLU(),
            nn.BatchNorm1d(16 * ch, eps=1e-3, momentum=0.01),
            nn.Dropout(0.5),
            nn.Linear(16 * ch, 10),
            nn.Softmax(dim=1),
        )
        init_keras(self)

    def forward(self, x):
        return self.main(x)


# ---- Losses ----


def cross_entropy(outputs, targets):
    """Mean of minus the log-probability of each image's class."""
    outputs = outputs.clamp(min=1e-7).log()
    return F.cross_entropy(outputs, targets)


# ---- Data ----


def find_idx(folder, name):
    """Path of the IDX file `name` in `folder`, plain or gzipped, or None."""
    paths = (Path(folder) / name, Path(folder) / f"{name}.gz")
    return next((path for path in paths if path.is_file()), None)


def read_idx(folder, name, dimensions):
    """Unsigned bytes of the IDX file `name`, plain or gzipped, as a uint8 tensor."""
    path = find_idx(folder, name)
    if path is None:
        raise FileNotFoundError(f"no {name} or {name}.gz in {folder}")
    data = path.read_bytes()
    if path.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is truncated or damaged: {error}") from error
    start = 4 + 4 * dimensions
    if data[:4] != bytes([0, 0, 8, dimensions]) or len(data) < start:
        raise ValueError(f"{path} is not an IDX file of {dimensions}-d unsigned bytes")
    shape = struct.unpack(f">{dimensions}I", data[4:start])
    size = int(np.prod(shape, dtype=object))
    if len(data) != start + size:
        raise ValueError(f"{path} holds {len(data) - start} of {size} bytes")
    return torch.from_numpy(
        np.frombuffer(data, np.uint8, size, start).reshape(shape).copy()
    )


def read_idx_split(folder, split):
    """Images, uint8 N x 1 x H x W, and labels, int64 N, of split `train` or `test`."""
    prefix = {"train": "train", "test": "t10k"}[split]
    images = read_idx(folder, f"{prefix}-images-idx3-ubyte", 3)
    labels = read_idx(folder, f"{prefix}-labels-idx1-ubyte", 1)
    if len(images) != len(labels):
        raise ValueError(f"{folder} has {len(images)} images but {len(labels)} labels")
    return images[:, None], labels.long()


def grey_images(images):
    """ITU-R 601 luma of uint8 N x 3 x H x W as uint8 N x 1 x H x W, equal to PIL's."""
    red, green, blue = images.int().unbind(1)
    luma = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
    return luma.to(torch.uint8)[:, None]


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


def fit_images(images, height, width, channels, resize="antialias"):
    """Images, uint8 N x C x H x W, made grey or colour and resized."""
    if images.shape[1:] == (channels, height, width):
        return images
    fitted = images.new_empty(len(images), channels, height, width)
    # in parts, so that the float copies stay small: half the time, and memory to spare
    for part, out in zip(images.split(250), fitted.split(250), strict=True):
        if channels < part.shape[1]:
            part = grey_images(part)
        # a grey channel is repeated three times
        out.copy_(resize_images(part, height, width, resize))
    return fitted


def load_images(folder, height, width, channels, split="train", resize="antialias"):
    """Fashion-MNIST: images, uint8 N x C x H x W, and labels 0 to 9, int64 N."""
    images, labels = read_idx_split(folder, split)
    return fit_images(images, height, width, channels, resize), labels


# ---- Training ----


def parse_arguments():
    """What the command line says, and what holds where it is silent."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the images")
    parser.add_argument("--out", type=Path, default=Path("runs") / "classifier_fashion")
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


def scale_pixels(images):
    """Pixels from 0 to 255 in the range that the networks read."""
    return images.float() / 255


class Batches:
    """Endless batches of real images, in a new random order each epoch.

    Images stay uint8 on their device; a batch is an index into them, made float.
    """

    def __init__(self, images, labels, seed):
        self.images = images
        self.labels = labels
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
        labels = self.labels[chosen]
        return scale_pixels(images), labels


def update(optimizer, loss):
    """One step down the gradient of `loss`."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def accuracy(outputs, labels):
    """Share of the images whose highest output is that of their class."""
    return (outputs.argmax(1) == labels).float().mean()


def train_step(classifier, optimizer, batches):
    """One step down the loss of a batch; loss and accuracy before it."""
    images, labels = next(batches)
    outputs = classifier(images)
    loss = cross_entropy(outputs, labels)
    update(optimizer, loss)
    return {"loss": loss.detach(), "accuracy": accuracy(outputs, labels)}


def score(outputs, labels):
    """Loss and accuracy of outputs for images that training does not see."""
    loss = cross_entropy(outputs, labels)
    return {"test_loss": loss, "test_accuracy": accuracy(outputs, labels)}


def predict(classifier, images):
    """The classifier's outputs for uint8 images, in batches."""
    classifier.eval()
    with torch.no_grad():
        parts = images.split(BATCH)
        outputs = torch.cat([classifier(scale_pixels(part)) for part in parts])
    classifier.train()
    return outputs


def evaluate(classifier, images, labels):
    """Loss and accuracy on images that training does not see."""
    return score(predict(classifier, images), labels)


def train(images, labels, test_images, test_labels, out, epochs, steps, seed, device):
    """Train on uint8 images, N x C x H x W; weights each epoch."""
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(seed)
    network = Classifier().to(device)
    optimizer = AdamEpsHat(network.parameters(), eps=1e-7)
    images = images.to(device)
    test_images = test_images.to(device)
    labels = labels.to(device)
    test_labels = test_labels.to(device)
    batches = Batches(images, labels, seed)
    epoch = len(batches)
    last = steps or epochs * epoch

    out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for step in range(1, last + 1):
        log = train_step(network, optimizer, batches)
        ended = step % epoch == 0 or step == last
        if ended:
            log.update(evaluate(network, test_images, test_labels))
        if ended or step % 50 == 0:
            rate = step / (time.perf_counter() - started)
            numbers = "  ".join(
                f"{name} {value.item():.4f}" for name, value in log.items()
            )
            print(f"step {step}/{last}  {numbers}  {rate:.3g} steps/s")
        if ended:
            torch.save({"classifier": network.state_dict()}, out / "weights.pt")


def main():
    args = parse_arguments()
    folder = args.data
    size = (HEIGHT, WIDTH, CHANNELS)
    images, labels = load_images(folder, *size, resize="bilinear")
    test_images, test_labels = load_images(
        folder, *size, split="test", resize="bilinear"
    )
    options = (args.out, args.epochs, args.steps, args.seed, args.device)
    train(images, labels, test_images, test_labels, *options)


if __name__ == "__main__":
    main()
