"""Optimizers under `framework: keras` and `tensorflow` against Keras itself and formulas."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from conftest import run_source
from keras_oracle import keras
from torch import nn, optim

from ganspec.compiler.emit import emit
from ganspec.kinds.optimizers.adam import AdamEpsHat
from ganspec.kinds.optimizers.rmsprop import RMSpropTF
from ganspec.language.load import loads
from ganspec.program.ir import plain

SPEC = """
name: small
framework: {framework}
data: {{dataset: shapes, size: 8}}
latent: {{size: 4}}
generator: {{layers: [{{project: [3, 8, 8]}}, tanh]}}
discriminator: {{layers: [flatten, {{linear: 1}}]}}
objective: {{loss: hinge}}
optimizers: {optimizers}
"""
SCALES = [10.0**power for power in range(-8, 4)]


def spec(optimizers: str, framework: str = "keras"):
    return loads(SPEC.format(optimizers=optimizers, framework=framework))


def optimizer(optimizers: str, framework: str = "keras"):
    """Our optimizer as a function of parameters."""
    call = spec(optimizers, framework).optimizers.generator.call()
    named = {key: plain(value) for key, value in call.kwargs.items()}
    return lambda parameters: call.target(parameters, **named)


def gradients(scale: float, steps: int = 5) -> np.ndarray:
    """Gradients of 100 numbers for each step, their sizes 0.5 to 1.5 of `scale`."""
    random = np.random.default_rng(0)
    return scale * random.choice([-1, 1], 100) * random.uniform(0.5, 1.5, (steps, 100))


def moved(build, given: np.ndarray, start: float = 0.0) -> np.ndarray:
    """Where 100 numbers are after each step of ours, in double precision."""
    weight = nn.Parameter(torch.full((100,), start, dtype=torch.float64))
    ours, places = build([weight]), []
    for gradient in given:
        weight.grad = torch.from_numpy(gradient)
        ours.step()
        places.append(weight.detach().numpy().copy())
    return np.array(places)


def moved_by_keras(theirs, given: np.ndarray) -> np.ndarray:
    variable, places = keras.Variable(np.zeros(100)), []
    for gradient in given:
        theirs.apply([torch.from_numpy(gradient)], [variable])
        places.append(variable.value.detach().numpy().copy())
    return np.array(places)


def agree(ours: np.ndarray, theirs: np.ndarray, digits: int = 12) -> None:
    assert ours.dtype == theirs.dtype == np.float64
    np.testing.assert_allclose(ours, theirs, rtol=10.0**-digits, atol=0)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_rmsprop_is_kerass(scale, momentum):
    given = gradients(scale)
    ours = moved(optimizer(f"{{rmsprop: {{momentum: {momentum}}}}}"), given)
    agree(ours, moved_by_keras(keras.optimizers.RMSprop(momentum=momentum), given))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_rmsprop_is_tensorflow_1s(scale, momentum):
    """ms = 1 at first, then 0.9 ms + 0.1 g^2; mom = momentum mom + lr g / sqrt(ms + 1e-10); the
    documentation of `tf.raw_ops.ApplyRMSProp` and the slots of `tf.train.RMSPropOptimizer`."""
    given, squares, change, place = gradients(scale), np.ones(100), np.zeros(100), np.zeros(100)
    expected = []
    for gradient in given:
        squares = 0.9 * squares + 0.1 * gradient**2
        change = momentum * change + 5e-5 * gradient / np.sqrt(squares + 1e-10)
        place = place - change
        expected.append(place)
    fields = f"{{rmsprop: {{lr: 5e-5, momentum: {momentum}}}}}"
    agree(moved(optimizer(fields, "tensorflow"), given), np.array(expected))


def test_rmsprops_weight_decay_is_in_the_gradient_as_torchs():
    """At gradients of 1000, at which it does not matter where epsilon stands."""
    options = {"lr": 1e-2, "alpha": 0.9, "eps": 1e-12, "weight_decay": 0.3}
    for options["momentum"] in (0.0, 0.9):
        ours = moved(lambda p: RMSpropTF(p, **options), gradients(1e3), 2000.0)
        agree(ours, moved(lambda p: optim.RMSprop(p, **options), gradients(1e3), 2000.0))


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9), (0.0, 0.0)])
@pytest.mark.parametrize("scale", SCALES)
def test_adam_with_eps_hat_is_kerass(scale, betas):
    given = gradients(scale)
    ours = moved(optimizer(f"{{adam: {{betas: {list(betas)}}}}}"), given)
    theirs = keras.optimizers.Adam(beta_1=betas[0], beta_2=betas[1])
    agree(ours, moved_by_keras(theirs, given), 10)


@pytest.mark.parametrize("scale", SCALES)
def test_adam_with_eps_hat_is_tensorflow_1s(scale):
    """The formulas in the documentation of `tf.train.AdamOptimizer`, epsilon 1e-8."""
    given, m, v, place = gradients(scale), np.zeros(100), np.zeros(100), np.zeros(100)
    expected = []
    for t, gradient in enumerate(given, 1):
        rate = 2e-4 * np.sqrt(1 - 0.999**t) / (1 - 0.5**t)
        m = 0.5 * m + 0.5 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        place = place - rate * m / (np.sqrt(v) + 1e-8)
        expected.append(place)
    fields = "{adam: {lr: 2e-4, betas: [0.5, 0.999]}}"
    agree(moved(optimizer(fields, "tensorflow"), given), np.array(expected), 10)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("adam", keras.optimizers.Adam),
        ("adamw", keras.optimizers.AdamW),
        ("sgd", keras.optimizers.SGD),
        ("{sgd: {momentum: 0.9}}", lambda: keras.optimizers.SGD(momentum=0.9)),
        (
            "{sgd: {momentum: 0.9, nesterov: true}}",
            lambda: keras.optimizers.SGD(momentum=0.9, nesterov=True),
        ),
    ],
)
def test_other_optimizers_are_kerass(name, theirs):
    given = gradients(1e6)
    agree(moved(optimizer(name), given), moved_by_keras(theirs(), given), 11)


def test_adams_epsilon_is_felt_by_tiny_gradients_only():
    """Where `eps_hat` is false: Keras's epsilon is 1 / sqrt(1 - 0.999^t) times as large, 32
    times at the first step and 1 in the end, which shows where gradients come near 1e-7."""
    for scale, least, most in [(1.0, 0, 1e-5), (1e-3, 1e-3, 1e-2), (1e-6, 0.5, 0.8)]:
        given = gradients(scale)[:3]
        ours, theirs = (
            moved(optimizer("{adam: {eps_hat: false}}"), given),
            moved_by_keras(keras.optimizers.Adam(), given),
        )
        apart = np.linalg.norm((ours - theirs)[-1]) / np.linalg.norm(ours[-1])
        assert least <= apart <= most, (scale, apart)


# -- as torch optimizers --------------------------------------------------------------------------

OWN = [
    ("{rmsprop: {momentum: 0.5}}", "keras", RMSpropTF),
    ("{rmsprop: 1e-3}", "tensorflow", RMSpropTF),
    ("adam", "keras", AdamEpsHat),
]


@pytest.mark.parametrize(("fields", "framework", "cls"), OWN)
def test_their_state_is_saved_as_plain_tensors_and_resumes(fields, framework, cls):
    given, build = gradients(1e-4, 6), optimizer(fields, framework)
    whole = moved(build, given)
    weight, saved = nn.Parameter(torch.zeros(100, dtype=torch.float64)), None
    for part in (given[:3], given[3:]):
        ours = build([weight])
        assert type(ours) is cls
        if saved is not None:
            ours.load_state_dict(torch.load(saved, weights_only=True))
        for gradient in part:
            weight.grad = torch.from_numpy(gradient)
            ours.step()
        saved = io.BytesIO()
        torch.save(ours.state_dict(), saved)
        saved.seek(0)
    assert np.array_equal(weight.detach().numpy(), whole[-1])


@pytest.mark.parametrize(("fields", "framework", "cls"), OWN)
def test_emitted_files_hold_them(fields, framework, cls):
    """The class in an emitted file steps as ours, bit for bit."""
    source = emit(spec(fields, framework))
    emitted = getattr(run_source(source), cls.__name__)
    assert "ganspec." not in source
    call = spec(fields, framework).optimizers.generator.call()
    given = gradients(1e-4)
    theirs = moved(lambda parameters: emitted(parameters, **call.kwargs), given)
    assert np.array_equal(moved(optimizer(fields, framework), given), theirs)


@pytest.mark.parametrize("name", ["rmsprop", "adam"])
def test_under_torch_they_are_torchs(name):
    source = emit(spec(name, "torch"))
    assert "class RMSprop" not in source
    assert "class Adam" not in source
