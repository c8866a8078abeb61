"""Report 004's networks and the training of its GANs, written by hand in Keras, against the specs.

All in double precision. The report prints the layers; activations, dropouts and the CGAN's sizes
are implied, the last by the tutorial that it cites.
"""

from __future__ import annotations

import pytest
import torch
from by_hand import beginning, network, update
from keras_oracle import (
    Adam,
    Dropout,
    assert_counts,
    channels_last,
    draw,
    keras,
    same,
    sequential,
    train_same_as_keras,
)

L = keras.layers
CH = 8  # in trainings; the networks are compared at full width


def bce(scores, target, from_logits=False):
    loss = keras.losses.BinaryCrossentropy(from_logits=from_logits)
    return loss(torch.full_like(scores, target), scores)


# -- DCGAN ----------------------------------------------------------------------------------------


class BatchNormalization(L.BatchNormalization):
    """Keras's, with the moving variance of TensorFlow's fused kernel, which Keras uses for maps.

    The kernel averages the unbiased variance, as torch does; Keras itself averages the biased one,
    n / (n - 1) times smaller for n numbers of a channel.
    """

    def call(self, x, training=None):
        kept = self.momentum * self.moving_variance.value
        normalized = super().call(x, training=training)
        if training:
            n = x.numel() / x.shape[-1]
            self.moving_variance.assign(kept + (self.moving_variance.value - kept) * n / (n - 1))
        return normalized


def generator(ch=64):
    """Figure 1 (a)."""
    layers = [L.Dense(4 * ch * 7 * 7, use_bias=False), BatchNormalization(), L.LeakyReLU(0.3)]
    layers += [L.Reshape((7, 7, 4 * ch))]
    for filters, stride in ((2 * ch, 1), (ch, 2)):
        layers += [L.Conv2DTranspose(filters, 5, stride, "same", use_bias=False)]
        layers += [BatchNormalization(), L.LeakyReLU(0.3)]
    last = L.Conv2DTranspose(1, 5, 2, "same", use_bias=False, activation="tanh")
    return sequential((100,), [*layers, last])


def discriminator(ch=64):
    """Figure 1 (b)."""
    layers = []
    for filters in (ch, 2 * ch):
        layers += [L.Conv2D(filters, 5, 2, "same"), L.LeakyReLU(0.3), Dropout(0.3)]
    return sequential((1, 28, 28), [*layers, L.Flatten(), L.Dense(1)])


def dcgan(g, d, g_optimizer, d_optimizer, batches):
    """Update the generator, then the discriminator; the noise of the second is new."""
    for real, _ in batches:
        fake_output = d(g(torch.randn(len(real), 100), training=True), training=True)
        g_loss = update(g_optimizer, -bce(fake_output, 0.0, True))  # minimax: log(1 - D(G(z)))
        images = g(torch.randn(len(real), 100), training=True).detach()
        real_output = d(channels_last(real), training=True)
        fake_output = d(images, training=True)
        d_loss = bce(real_output, 1.0, True) + bce(fake_output, 0.0, True)
        yield {"g_loss": g_loss, "d_loss": update(d_optimizer, d_loss)}


def train_dcgan(*settings):
    ours = beginning("dcgan_fashion", f"vars.ch={CH}", *settings)
    models = {"generator": draw(generator(CH)), "discriminator": draw(discriminator(CH))}
    adams = {key: Adam(model.trainable_weights, 1e-4) for key, model in models.items()}
    train_same_as_keras(ours, models, adams, dcgan)


def test_training_of_dcgan():
    train_dcgan()


# -- CGAN -----------------------------------------------------------------------------------------


class Conv2D(L.Conv2D):
    """Keras's, with a kernel in torch's order; torch refuses other gradients of a single filter."""

    def convolution_op(self, inputs, kernel):
        kernel = (
            keras.ops.convert_to_tensor(kernel).permute(3, 2, 0, 1).contiguous().permute(2, 3, 1, 0)
        )
        return super().convolution_op(inputs, kernel)


def label_map(side):
    """Return the label's weighted layers, its input, and the channel that they make."""
    label = keras.Input((1,))
    layers = [L.Embedding(10, 50), L.Dense(side * side)]
    return layers, label, L.Reshape((side, side, 1))(layers[1](layers[0](label)))


def conditional_generator(ch=128):
    """Return the model and its layers: the label's map behind the noise's, then twice as large."""
    joined, label, plane = label_map(7)
    noise = keras.Input((100,))
    first, last = L.Dense(ch * 7 * 7), Conv2D(1, 7, activation="tanh", padding="same")
    ups = [L.Conv2DTranspose(ch, 4, strides=2, padding="same") for _ in range(2)]
    x = L.Reshape((7, 7, ch))(L.LeakyReLU(0.2)(first(noise)))
    x = L.Concatenate()([x, plane])
    for up in ups:
        x = L.LeakyReLU(0.2)(up(x))
    return keras.Model([noise, label], last(x)), [first, *joined, *ups, last]


def conditional_discriminator(ch=128):
    """Return the model and its layers: the label's map is a channel of the image."""
    joined, label, plane = label_map(28)
    image = keras.Input((28, 28, 1))
    downs = [L.Conv2D(ch, 3, strides=2, padding="same") for _ in range(2)]
    last = L.Dense(1, activation="sigmoid")
    x = L.Concatenate()([image, plane])
    for down in downs:
        x = L.LeakyReLU(0.2)(down(x))
    return keras.Model([image, label], last(L.Flatten()(Dropout(0.4)(x)))), [*joined, *downs, last]


@pytest.mark.parametrize(
    ("key", "build", "shape"),
    [
        ("generator", conditional_generator, (100,)),
        ("discriminator", conditional_discriminator, (1, 28, 28)),
    ],
)
def test_networks_of_cgan(key, build, shape):
    (model, layers), ours = build(), network("cgan_fashion", key)
    assert_counts(model, ours)
    same(model, ours, shape, labels=torch.tensor([3, 0, 9, 3, 7]), layers=layers)


def cgan(g, d, g_optimizer, d_optimizer, batches, batch=8):
    """Make two updates of the discriminator, then one of the generator, each with random labels."""
    for real, labels in batches:
        fake_labels = torch.randint(10, (len(real),))
        fake = g([torch.randn(len(real), 100), fake_labels]).detach()
        d_real = update(d_optimizer, bce(d([channels_last(real), labels], training=True), 1.0))
        d_fake = update(d_optimizer, bce(d([fake, fake_labels], training=True), 0.0))
        noise, fake_labels = torch.randn(batch, 100), torch.randint(10, (batch,))
        g_loss = bce(d([g([noise, fake_labels]), fake_labels], training=True), 1.0)
        losses = {"d_loss": d_real + d_fake, "d_real": d_real, "d_fake": d_fake}
        yield {**losses, "g_loss": update(g_optimizer, g_loss)}


def train_cgan(*settings):
    sizes = [f"vars.ch={CH}", "train.generator_batch=8"]
    ours = beginning("cgan_fashion", *sizes, *settings, labels=torch.arange(10))
    built = {"generator": conditional_generator(CH), "discriminator": conditional_discriminator(CH)}
    models = {key: draw(model) for key, (model, _) in built.items()}
    adams = {key: Adam(m.trainable_weights, 2e-4, beta_1=0.5) for key, m in models.items()}
    layers = {key: layers for key, (_, layers) in built.items()}
    train_same_as_keras(ours, models, adams, cgan, layers)


def test_training_of_cgan():
    train_cgan()


@pytest.mark.parametrize(
    ("train", "setting"),
    [
        (train_dcgan, "objective.loss=non_saturating"),
        (train_dcgan, "train.latents=reused"),
        (train_dcgan, "train.order=[discriminator, generator]"),
        (train_dcgan, "optimizers.adam.lr=2e-4"),
        (train_cgan, "optimizers={adam: {lr: 2e-4, betas: [0.5, 0.9]}}"),
        (train_cgan, "train.order=[discriminator, generator]"),
        (train_cgan, "train.generator_batch=4"),
    ],
)
def test_other_rules_differ(train, setting):
    with pytest.raises(AssertionError):
        train(setting)


# -- the autoencoder, the classifier, and the DCGAN's networks -------------------------------------


def autoencoder():
    """Figure 2."""

    def conv(filters, activation="relu"):
        return L.Conv2D(filters, 3, padding="same", activation=activation)

    layers = [conv(32), L.MaxPooling2D(), conv(16), L.MaxPooling2D(), conv(7), conv(7)]
    layers += [L.UpSampling2D(), conv(16), L.UpSampling2D(), conv(32), conv(1, "sigmoid")]
    return sequential((1, 28, 28), layers)


def classifier():
    """Figure 7."""
    layers = []
    for filters in (32, 64):
        for _ in range(2):
            layers += [L.Conv2D(filters, 3, padding="same"), L.Activation("relu")]
            layers += [L.BatchNormalization()]
        layers += [L.MaxPooling2D(), Dropout(0.25)]
    layers += [L.Flatten(), L.Dense(512), L.Activation("relu"), L.BatchNormalization()]
    layers += [Dropout(0.5), L.Dense(10), L.Activation("softmax")]
    return sequential((1, 28, 28), layers)


@pytest.mark.parametrize(
    ("name", "key", "build", "shape"),
    [
        ("dcgan_fashion", "generator", generator, (100,)),
        ("dcgan_fashion", "discriminator", discriminator, (1, 28, 28)),
        ("denoising_fashion", "autoencoder", autoencoder, (1, 28, 28)),
        ("classifier_fashion", "classifier", classifier, (1, 28, 28)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_sequential_networks(name, key, build, shape):
    model, ours = build(), network(name, key)
    assert_counts(model, ours)
    same(model, ours, shape)
