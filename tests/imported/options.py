"""Code in the manner of training scripts: options, factories, chatter, labels in front."""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--size", type=int, default=16)
opt = parser.parse_args()
print(opt)


class Parsed(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(8, opt.size * opt.size), nn.Tanh())

    def forward(self, z):
        print("latents", z.shape)
        image = self.main(z)
        return image.view(image.size(0), *(1, opt.size, opt.size))


class Namespace(nn.Module):
    def __init__(self, opt):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(opt.nz, opt.size**2), nn.Tanh())
        self.shape = (1, opt.size, opt.size)

    def forward(self, z):
        return self.main(z).view(len(z), *self.shape)


class Critic(nn.Module):
    def __init__(self, norm_layer, act="relu"):
        super().__init__()
        acts = {"relu": nn.ReLU(), "leaky": nn.LeakyReLU(0.2)}
        layers = [nn.Conv2d(3, 8, 4, 2, 1), norm_layer(8), acts[act]]
        self.main = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8 * 8 * 8, 1))

    def forward(self, x):
        return self.main(x)


def critic():
    return Critic(nn.BatchNorm2d)


class Uneven(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Upsample(scale_factor=2),
            nn.Conv2d(3, 64, 1),
            nn.ZeroPad2d((1, 0, 1, 0)),
            nn.Conv2d(64, 3, 4, padding=1),
            nn.AvgPool2d(2),
        )

    def forward(self, x):
        return self.main(x)


class LabelFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 5)
        self.main = nn.Sequential(nn.Linear(13, 64), nn.Tanh())

    def forward(self, z, y):
        return self.main(torch.cat((self.embedding(y), z), -1)).view(-1, 1, 8, 8)


class Spectral(nn.Module):
    def __init__(self):
        super().__init__()
        norm = nn.utils.spectral_norm
        self.main = nn.Sequential(norm(nn.Conv2d(3, 8, 4, 2, 1)), nn.ReLU(), nn.Flatten())
        self.score = norm(nn.Linear(8 * 8 * 8, 1))

    def forward(self, x):
        return self.score(self.main(x))


class LabelMap(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 64)
        self.main = nn.Sequential(nn.Conv2d(4, 8, 4, 2, 1), nn.Flatten(), nn.Linear(128, 1))

    def forward(self, x, y):
        return self.main(torch.cat([x, self.embedding(y).view(len(y), 1, 8, 8)], 1))


class FlatScore(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 5)
        self.main = nn.Sequential(nn.Linear(64 + 5, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x, y):
        return self.main(torch.cat([x, self.embedding(y)], 1))
