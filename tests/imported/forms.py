"""Networks in the forms of public repositories, and what a reader of code can miss in them."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class CganGenerator(nn.Module):
    """An MLP that reads the label's embedding before the latent."""

    def __init__(self, latent=20, classes=10, image=(1, 16, 16)):
        super().__init__()
        self.image = image
        self.label_emb = nn.Embedding(classes, classes)

        def block(before, after, normalize=True):
            layers = [nn.Linear(before, after)]
            if normalize:
                layers.append(nn.BatchNorm1d(after, 0.8))
            return [*layers, nn.LeakyReLU(0.2, inplace=True)]

        self.model = nn.Sequential(
            *block(latent + classes, 32, normalize=False),
            *block(32, 64),
            nn.Linear(64, int(np.prod(image))),
            nn.Tanh(),
        )

    def forward(self, noise, labels):
        x = torch.cat((self.label_emb(labels), noise), -1)
        return self.model(x).view(x.size(0), *self.image)


class CdcganGenerator(nn.Module):
    """Latent and one-hot label are 1 x 1 maps, joined as channels."""

    def __init__(self, nz=16, classes=10):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz + classes, 16, 4, 1, 0, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(True),
            nn.ConvTranspose2d(16, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z, y):
        return self.main(torch.cat([z, y.view(y.size(0), -1, 1, 1)], 1))


class EmbeddedGenerator(nn.Module):
    """The label's embedding is a 1 x 1 map beside the latent."""

    def __init__(self, nz=16, classes=10):
        super().__init__()
        self.embed = nn.Embedding(classes, 8)
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz + 8, 16, 4, 1, 0),
            nn.ReLU(True),
            nn.ConvTranspose2d(16, 3, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, z, y):
        label = self.embed(y).unsqueeze(2).unsqueeze(3)
        return self.main(torch.cat([z, label], dim=1))


class EmbeddedCritic(nn.Module):
    """The label's embedding is a plane beside the image."""

    def __init__(self, classes=10, size=16):
        super().__init__()
        self.size = size
        self.embed = nn.Embedding(classes, size * size)
        self.main = nn.Sequential(
            nn.Conv2d(4, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 8, 1, 0)
        )

    def forward(self, x, labels):
        plane = self.embed(labels).view(labels.shape[0], 1, self.size, self.size)
        return self.main(torch.cat([x, plane], dim=1)).view(-1)


class AcganGenerator(nn.Module):
    """The label's embedding scales the latent."""

    def __init__(self, latent=20, classes=10):
        super().__init__()
        self.label_emb = nn.Embedding(classes, latent)
        self.l1 = nn.Sequential(nn.Linear(latent, 16 * 4**2))
        self.conv_blocks = nn.Sequential(
            nn.BatchNorm2d(16),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 16, 3, stride=1, padding=1),
            nn.BatchNorm2d(16, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 3, 3, stride=1, padding=1),
            nn.Tanh(),
        )

    def forward(self, noise, labels):
        out = self.l1(torch.mul(self.label_emb(labels), noise))
        return self.conv_blocks(out.view(out.shape[0], 16, 4, 4))


class AcganDiscriminator(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.conv_blocks = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Dropout2d(0.25),
            nn.Conv2d(8, 16, 3, 2, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Dropout2d(0.25),
            nn.BatchNorm2d(16, 0.8),
        )
        self.adv_layer = nn.Sequential(nn.Linear(16 * 4**2, 1), nn.Sigmoid())
        self.aux_layer = nn.Sequential(nn.Linear(16 * 4**2, classes), nn.Softmax(dim=1))

    def forward(self, img):
        out = self.conv_blocks(img)
        out = out.view(out.shape[0], -1)
        return self.adv_layer(out), self.aux_layer(out)


class InfoganDiscriminator(nn.Module):
    """Three outputs: score, class and code."""

    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.LeakyReLU(0.2))
        self.adv = nn.Linear(8 * 64, 1)
        self.aux = nn.Sequential(nn.Linear(8 * 64, 10), nn.Softmax(dim=1))
        self.latent = nn.Sequential(nn.Linear(8 * 64, 2))

    def forward(self, img):
        out = self.main(img).flatten(1)
        return self.adv(out), self.aux(out), self.latent(out)


class ConditionalNorm(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.channels = channels
        self.bn = nn.BatchNorm2d(channels, affine=False)
        self.embed = nn.Embedding(classes, channels * 2)
        self.embed.weight.data[:, :channels].normal_(1, 0.02)
        self.embed.weight.data[:, channels:].zero_()

    def forward(self, x, y):
        gamma, beta = self.embed(y).chunk(2, 1)
        gamma, beta = (part.view(-1, self.channels, 1, 1) for part in (gamma, beta))
        return gamma * self.bn(x) + beta


class UpBlock(nn.Module):
    def __init__(self, before, after, classes):
        super().__init__()
        self.norm = ConditionalNorm(before, classes)
        self.conv = nn.utils.spectral_norm(nn.Conv2d(before, after, 3, 1, 1))
        self.skip = nn.utils.spectral_norm(nn.Conv2d(before, after, 1, 1, 0))

    def forward(self, x, y):
        h = F.interpolate(F.relu(self.norm(x, y)), scale_factor=2)
        return self.conv(h) + self.skip(F.interpolate(x, scale_factor=2))


class BigganGenerator(nn.Module):
    """A linear layer, residual blocks with class-conditional norms, spectral norms throughout."""

    def __init__(self, nz=16, classes=10):
        super().__init__()
        self.linear = nn.utils.spectral_norm(nn.Linear(nz, 16 * 4 * 4))
        self.up = UpBlock(16, 8, classes)
        self.bn = nn.BatchNorm2d(8)
        self.out = nn.utils.spectral_norm(nn.Conv2d(8, 3, 3, 1, 1))

    def forward(self, z, y):
        h = self.up(self.linear(z).view(-1, 16, 4, 4), y)
        return torch.tanh(self.out(F.relu(self.bn(h))))


class DownBlock(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.c1 = nn.Conv2d(before, after, 3, 1, 1)
        self.c2 = nn.Conv2d(after, after, 3, 1, 1)
        self.sc = nn.Conv2d(before, after, 1, 1, 0)

    def forward(self, x):
        h = F.avg_pool2d(self.c2(F.relu(self.c1(F.relu(x)))), 2)
        return h + F.avg_pool2d(self.sc(x), 2)


class ResnetDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(DownBlock(3, 8), DownBlock(8, 16), nn.ReLU())
        self.fc = nn.Linear(16, 1)

    def forward(self, x):
        return self.fc(self.model(x).sum([2, 3]))


class ProjectionDiscriminator(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.block = DownBlock(3, 8)
        self.l = nn.Linear(8, 1)
        self.l_y = nn.Embedding(classes, 8)

    def forward(self, x, y=None):
        h = torch.sum(F.relu(self.block(x)), dim=(2, 3))
        output = self.l(h)
        if y is not None:
            output = output + torch.sum(self.l_y(y) * h, dim=1, keepdim=True)
        return output


class Pix2pixGenerator(nn.Module):
    """A U-Net from images to images."""

    def __init__(self):
        super().__init__()
        self.d1 = nn.Conv2d(3, 8, 4, 2, 1)
        self.d2 = nn.Sequential(nn.LeakyReLU(0.2), nn.Conv2d(8, 16, 4, 2, 1))
        self.u1 = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.InstanceNorm2d(8))
        self.u2 = nn.Sequential(nn.ConvTranspose2d(16, 3, 4, 2, 1), nn.Tanh())

    def forward(self, x):
        d1 = self.d1(x)
        return self.u2(torch.cat((self.u1(self.d2(d1)), d1), 1))


class Pix2pixDiscriminator(nn.Module):
    """Judges an image and its condition, another image."""

    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Conv2d(6, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3))

    def forward(self, img_a, img_b):
        return self.model(torch.cat((img_a, img_b), 1))


class SrganGenerator(nn.Module):
    """Images to larger images."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 12, 9, 1, 4), nn.PixelShuffle(2), nn.PReLU())
        self.out = nn.Sequential(nn.Conv2d(3, 3, 9, 1, 4), nn.Tanh())

    def forward(self, x):
        return self.out(self.conv(x))


class StarganGenerator(nn.Module):
    """Images and labels to images."""

    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Conv2d(8, 8, 7, 1, 3), nn.ReLU(), nn.Conv2d(8, 3, 7, 1, 3))

    def forward(self, x, c):
        c = c.view(c.size(0), c.size(1), 1, 1).repeat(1, 1, x.size(2), x.size(3))
        return torch.tanh(self.main(torch.cat([x, c], dim=1)))


class StyleGenerator(nn.Module):
    """A mapping network, a constant input, and styles that scale the channels."""

    def __init__(self, nz=16):
        super().__init__()
        self.mapping = nn.Sequential(
            nn.Linear(nz, 16), nn.LeakyReLU(0.2), nn.Linear(16, 16), nn.LeakyReLU(0.2)
        )
        self.const = nn.Parameter(torch.ones(1, 16, 4, 4))
        self.style = nn.Linear(16, 16)
        self.conv = nn.Conv2d(16, 3, 3, 1, 1)

    def forward(self, z):
        w = self.mapping(z)
        h = self.const.repeat(z.shape[0], 1, 1, 1) * self.style(w)[:, :, None, None]
        return torch.tanh(self.conv(F.interpolate(h, scale_factor=2, mode="bilinear")))


class Vae(nn.Module):
    """Encoder and decoder in one class, with a latent that is drawn in between."""

    def __init__(self):
        super().__init__()
        self.enc = nn.Linear(256, 32)
        self.mu, self.var = nn.Linear(32, 8), nn.Linear(32, 8)
        self.dec = nn.Linear(8, 256)

    def forward(self, x):
        h = F.relu(self.enc(x.view(-1, 256)))
        mu, logvar = self.mu(h), self.var(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return torch.sigmoid(self.dec(z)).view(-1, 1, 16, 16), mu, logvar


class BeganDiscriminator(nn.Module):
    """An autoencoder as discriminator."""

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.fc = nn.Sequential(nn.Linear(8 * 64, 16), nn.Linear(16, 8 * 64), nn.ReLU())
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(8, 3, 3, 1, 1))

    def forward(self, img):
        out = self.down(img)
        out = self.fc(out.view(out.size(0), -1))
        return self.up(out.view(out.size(0), 8, 8, 8))


class EmaCritic(nn.Module):
    """Frozen features under a trained score."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2))
        self.features.requires_grad_(False)
        self.fc = nn.Linear(8 * 64, 1)

    def forward(self, x):
        with torch.no_grad():
            h = self.features(x)
        return self.fc(h.flatten(1))


class Detached(nn.Module):
    """The outputs are those of a residual, the gradients are not."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 4, 2, 1)
        self.b = nn.Conv2d(8, 8, 3, 1, 1)
        self.f = nn.Linear(8 * 64, 1)

    def forward(self, x):
        h = self.a(x)
        return self.f((h.detach() + self.b(h)).flatten(1))


class Reversed(torch.autograd.Function):
    """Changes the sign of gradients alone."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return -grad


class GradientReversal(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten())
        self.f = nn.Linear(8 * 64, 1)

    def forward(self, x):
        return self.f(Reversed.apply(self.main(x)))


class AlwaysDropped(nn.Module):
    """`F.dropout` is active after training, too."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 4, 2, 1)
        self.f = nn.Linear(8 * 64, 1)

    def forward(self, x):
        return self.f(F.dropout(self.a(x), 0.5).flatten(1))


class BatchDeviation(nn.Module):
    """The standard deviation of the batch is one more channel."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 4, 2, 1)
        self.f = nn.Linear(9 * 64, 1)

    def forward(self, x):
        h = self.a(x)
        deviation = h.std(0, unbiased=False).mean().expand(h.size(0), 1, 8, 8)
        return self.f(torch.cat([h, deviation], 1).flatten(1))


class Filled(nn.Module):
    """Initial weights are applied below, where the file would train."""

    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(8, 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)


def weights_init(m):
    name = m.__class__.__name__
    if name.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif name.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


if __name__ == "__main__":
    generator = Filled().to("cpu")
    generator.apply(weights_init)
