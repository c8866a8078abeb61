"""Networks as people write them, for `ganspec import` to read."""

import torch
import torch.nn.functional as F
from torch import nn


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(3, 8, 4, 2, 1), nn.Conv2d(8, 16, 4, 2, 1)
        self.up1, self.up2 = nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.ConvTranspose2d(16, 3, 4, 2, 1)

    def forward(self, x):
        fine = F.leaky_relu(self.down1(x), 0.2)
        coarse = self.up1(torch.relu(self.down2(fine)))
        return torch.tanh(self.up2(torch.cat([fine, coarse], dim=1)))


class Block(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.main = nn.Sequential(nn.ReLU(), nn.Conv2d(before, after, 3, 1, 1))
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, x):
        shortcut = self.skip(x)
        h = self.main(x)
        h += shortcut
        return h


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(3, 8), Block(8, 16)])
        self.score = nn.Linear(16, 1)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.score(x.mean([2, 3])).squeeze(1)


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.score = nn.Conv2d(3, 4, 5, padding="same"), nn.Linear(4, 1)

    def forward(self, x):
        h = F.elu(F.avg_pool2d(self.conv(x), 2), 0.5)
        h = F.dropout(F.interpolate(h, scale_factor=2), 0.3, self.training)
        h = F.max_pool2d(h, 3, 2, 1)
        return torch.sigmoid(self.score(torch.sum(h, dim=(2, 3)))).view(-1)


class OlderNorms(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.utils.weight_norm(nn.Conv2d(3, 4, 3, 2, 1))
        self.score = nn.utils.spectral_norm(nn.Linear(64, 1))

    def forward(self, x):
        return self.score(self.conv(x).flatten(1))


class Vectors(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(10, 784), nn.Tanh())


class Labelled(nn.Module):
    def __init__(self):
        super().__init__()
        self.classes, self.project = nn.Embedding(4, 8), nn.Linear(8, 256)
        self.out = nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, noise, labels):
        h = self.project(torch.mul(self.classes(labels), noise))
        return torch.tanh(self.out(h.view(h.shape[0], 4, 8, 8)))


class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.classes, self.score = nn.Embedding(4, 5), nn.Linear(69, 1)

    def forward(self, image, labels):
        return self.score(torch.cat((image.view(image.size(0), -1), self.classes(labels)), -1))


class Planes(nn.Module):
    def __init__(self):
        super().__init__()
        self.label, self.conv = nn.Linear(6, 64), nn.Conv2d(4, 4, 3, 2, 1)
        self.score = nn.Linear(64, 1)

    def forward(self, x, y):
        plane = F.relu(self.label(y)).view(-1, 1, 8, 8)
        return self.score(torch.flatten(self.conv(torch.cat([x, plane], 1)), 1))


class ClassBatchNorm(nn.Module):
    """As BigGAN has it, in one file of many."""

    def __init__(self, classes, channels):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, affine=False)
        self.scale = nn.Parameter(torch.ones(classes, channels))
        self.shift = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, h, labels):
        scale, shift = self.scale[labels], self.shift[labels]
        return scale[:, :, None, None] * self.bn(h) + shift[:, :, None, None]


class Reversed(nn.Module):
    """The label comes first."""

    def __init__(self):
        super().__init__()
        self.project, self.norm = nn.Linear(8, 48), ClassBatchNorm(4, 3)

    def forward(self, labels, z):
        return torch.tanh(self.norm(self.project(z).view(-1, 3, 4, 4), labels))


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.score = nn.Conv2d(3, 4, 3, 2, 1), nn.Linear(64, 1)
        self.classes = nn.Sequential(nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 4))

    def forward(self, x):
        h = self.conv(x).view(x.size(0), -1)
        return self.score(h), self.classes(h)


class Attention(nn.Module):
    """Not one of those that ganspec has."""

    def __init__(self, channels):
        super().__init__()
        self.query = nn.Conv2d(channels, 2, 1)

    def forward(self, x):
        query = self.query(x).flatten(2)
        weights = torch.softmax(torch.bmm(query.transpose(1, 2), query), -1)
        return x + torch.bmm(x.flatten(2), weights).view_as(x)


class ByTheBatch(nn.Module):
    """Batch norms without running statistics; a momentum then moves nothing."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(10, 36)
        self.first = nn.BatchNorm1d(36, momentum=0.3, track_running_stats=False)
        self.conv = nn.Conv2d(4, 1, 3, 1, 1)
        self.second = nn.BatchNorm2d(1, affine=False, track_running_stats=False)

    def forward(self, z):
        x = F.relu(self.first(self.dense(z))).view(-1, 4, 3, 3)
        return torch.tanh(self.second(self.conv(x)))


class Inexpressible(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.attention = nn.Conv2d(3, 4, 3, 1, 1), Attention(4)
        self.twice, self.never = nn.Conv2d(4, 4, 3, 1, 1), nn.Linear(3, 3)
        self.score = nn.Linear(4, 1)

    def forward(self, x):
        h = self.attention(F.hardswish(self.conv(x)))
        h = self.twice(F.relu(self.twice(h)))
        return self.score(h.mean((2, 3)))


class Nothing(nn.Module):
    """A residual of nothing that can be expressed."""

    def __init__(self):
        super().__init__()
        self.score = nn.Linear(192, 1)

    def forward(self, x):
        return self.score((x + F.hardswish(x)).flatten(1))


class Constant(nn.Module):
    def forward(self, x):
        return torch.ones(len(x), 1)


class LabelAlone(nn.Module):
    def __init__(self):
        super().__init__()
        self.classes = nn.Embedding(4, 784)

    def forward(self, noise, labels):
        return self.classes(labels)


class Wide(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(448, 1))
