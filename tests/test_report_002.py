"""Report 002: DCGAN and SAGAN written by hand, against their specs, in double precision.

The DCGAN is in Keras. SAGAN, of which the report prints formulas only, is written from them.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from by_hand import ROUNDS, beginning, copied, network, train_both
from keras_oracle import (
    Dropout,
    adam_moments,
    assert_counts,
    channels_first,
    channels_last,
    close,
    copy_weights,
    draw,
    keras,
    same,
    same_losses,
    same_training,
    sequential,
    update,
)
from torch import nn

L = keras.layers
CH = 8  # in trainings; the networks are compared at full width


# -- DCGAN ----------------------------------------------------------------------------------------


def discriminator(ch=64):
    """As its summary prints it; the slope, the dropout and the generator are implied."""
    layers = [L.Conv2D(ch, 3, padding="same"), L.LeakyReLU(0.2)]
    for filters in (2 * ch, 2 * ch, 4 * ch):
        layers += [L.Conv2D(filters, 3, strides=2, padding="same"), L.LeakyReLU(0.2)]
    layers += [Dropout(0.4), L.Flatten(), L.Dense(1, activation="sigmoid")]
    return sequential((3, 32, 32), layers)


def generator(ch=64):
    layers = [L.Dense(4 * 4 * 4 * ch), L.LeakyReLU(0.2), L.Reshape((4, 4, 4 * ch))]
    for _ in range(3):
        layers += [L.Conv2DTranspose(2 * ch, 4, strides=2, padding="same"), L.LeakyReLU(0.2)]
    return sequential((100,), [*layers, L.Conv2D(3, 3, padding="same", activation="tanh")])


@pytest.mark.parametrize(
    ("key", "build", "shape"),
    [("generator", generator, (100,)), ("discriminator", discriminator, (3, 32, 32))],
)
def test_networks_of_dcgan(key, build, shape):
    model, ours = build(), network("dcgan_keras", key)
    assert_counts(model, ours)
    same(model, ours, shape)


def bce(probabilities, target):
    return keras.losses.BinaryCrossentropy()(torch.full_like(probabilities, target), probabilities)


def train_discriminator(d, optimizer, images, target):
    """Make one update on real or on generated images. Return the loss and the share judged right."""
    probabilities = d(channels_last(images), training=True)
    right = ((probabilities > 0.5) == (target == 1)).double().mean()
    return update(d, optimizer, bce(probabilities, target)), right


def judge_both(d, optimizer, real, fake):
    d_real, real_accuracy = train_discriminator(d, optimizer, real, 1.0)
    d_fake, fake_accuracy = train_discriminator(d, optimizer, fake, 0.0)
    return {
        "d_loss": d_real + d_fake,
        "d_real": d_real,  # the report's d1
        "d_fake": d_fake,  # and d2
        "real_accuracy": real_accuracy,
        "fake_accuracy": fake_accuracy,
    }
