"""Classifier of Fashion-MNIST, 28 x 28, as a student's Keras report prints it.

Written by ganspec from the spec `classifier_fashion` (1cdd4877).
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
from torch import nn, optim

BATCH = 64
EPOCHS = 25
SEED = 0


# ---- Networks ----
def init_weights(network, fill, **options):
    """Fill conv, linear and embedding weights by `fill`; set biases, if any, to 0."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            fill(module.weight, **options)
            nn.init.zeros_(module.bias)


def init_keras(network):
    """Draw Keras's weights: Glorot-uniform, embeddings in [-0.05, 0.05], biases 0."""
    init_weights(network, nn.init.xavier_uniform_)


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
    """Return the mean cross-entropy of outputs, N x classes, with classes, N."""
    outputs = outputs.clamp(min=1e-7).log()
    return F.cross_entropy(outputs, targets)


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


def read_labels(folder, prefix, count):
    """Read the labels of `count` images, 0 to 9, int64."""
    labels = read_idx(folder, f"{prefix}-labels-idx1-ubyte", 1)
    if count != len(labels):
        raise ValueError(f"{prefix}: {count} images but {len(labels)} labels")
    return labels.long()


def load_images(folder, split="train"):
    """Read images, uint8 N x C x H x W, and labels 0 to 9, int64 N, None if unused."""
    prefix = "t10k" if split == "test" else "train"
    images = read_idx(folder, f"{prefix}-images-idx3-ubyte", 3)[:, None]
    labels = read_labels(folder, prefix, len(images))
    if split == "all":
        more = read_idx(folder, "t10k-images-idx3-ubyte", 3)[:, None]
        if more.shape[1:] != images.shape[1:]:
            raise ValueError(
                f"t10k-images-idx3-ubyte in {folder} has images of another size"
            )
        images = torch.cat([images, more])
        labels = torch.cat([labels, read_labels(folder, "t10k", len(more))])
    if images.shape[2:] != (28, 28):
        size = " x ".join(map(str, images.shape[2:]))
        raise ValueError(
            f"{prefix}-images-idx3-ubyte has images of {size}, not 28 x 28"
        )
    return images, labels


# ---- Training ----
class AdamEpsHat(optim.Adam):
    """Adam that adds `eps` before it corrects the second moment, as TensorFlow does."""

    def step(self):
        for group in self.param_groups:
            group["count"] = group.get("count", 0) + 1
            correction = 1 - group["betas"][1] ** group["count"]
            group["eps"] = group.setdefault("eps_hat", group["eps"]) / correction**0.5
        super().step()


def draw_batches(images, labels, seed):
    """Yield batches without end, in a new order each pass over the images."""
    random = torch.Generator().manual_seed(seed)
    if len(images) < BATCH:
        raise ValueError(f"{len(images)} images do not fill a batch of {BATCH}")
    while True:
        order = torch.randperm(len(images), generator=random).to(images.device)
        for chosen in order.split(BATCH)[: len(images) // BATCH]:
            yield images[chosen].float() / 255, labels[chosen]


def accuracy(outputs, labels):
    """Return the share of images whose highest output is that of their class."""
    return (outputs.argmax(1) == labels).float().mean()


def train_step(classifier, optimizer, batches):
    """Make one step on a batch. Return loss and accuracy before the step, by name."""
    images, labels = next(batches)
    outputs = classifier(images)
    loss = cross_entropy(outputs, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"loss": loss.detach(), "accuracy": accuracy(outputs, labels)}


def predict(classifier, images):
    """Return the classifier's outputs for uint8 images, in evaluation mode."""
    classifier.eval()
    with torch.no_grad():
        parts = images.split(BATCH)
        outputs = torch.cat([classifier(part.float() / 255) for part in parts])
    classifier.train()
    return outputs


def score(outputs, labels):
    """Return loss and accuracy of the outputs for held-out images, by name."""
    loss = cross_entropy(outputs, labels)
    return {"test_loss": loss, "test_accuracy": accuracy(outputs, labels)}


def evaluate(classifier, images, labels):
    """Return loss and accuracy on held-out images, by name."""
    return score(predict(classifier, images), labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the images")
    parser.add_argument("--out", type=Path, default=Path("out") / "classifier_fashion")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, help="training steps, instead of --epochs")
    parser.add_argument("--seed", type=int, default=SEED)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device)
    args = parser.parse_args()

    folder = args.data
    images, labels = load_images(folder)
    test_images, test_labels = load_images(folder, split="test")
    torch.backends.cudnn.deterministic = True  # one seed, one result, on a GPU too
    torch.manual_seed(args.seed)
    network = Classifier().to(args.device)
    optimizer = AdamEpsHat(network.parameters(), eps=1e-7)
    images = images.to(args.device)
    test_images = test_images.to(args.device)
    labels = labels.to(args.device)
    test_labels = test_labels.to(args.device)
    batches = draw_batches(images, labels, args.seed)
    epoch = len(images) // BATCH
    last = args.epochs * epoch if args.steps is None else args.steps

    args.out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    for step in range(1, last + 1):
        log = train_step(network, optimizer, batches)
        ended = step % epoch == 0 or step == last
        if ended:
            log |= evaluate(network, test_images, test_labels)
        if ended or step % 50 == 0:
            rate = step / (time.perf_counter() - started)
            numbers = "  ".join(f"{k} {v.item():.4f}" for k, v in log.items())
            print(f"step {step}/{last}  {numbers}  {rate:.3g} steps/s")
        if ended:
            torch.save({"classifier": network.state_dict()}, args.out / "weights.pt")


if __name__ == "__main__":
    main()
