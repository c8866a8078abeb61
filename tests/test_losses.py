"""Losses, penalties and optimizers against formulas written a second time."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn, optim

from ganspec.compiler.emit import emit
from ganspec.language.kinds import Kind, kinds_of
from ganspec.language.load import loads
from ganspec.program.ir import plain

LOSSES, PENALTIES, OPTIMIZERS = map(kinds_of, ("loss", "penalty", "optimizer"))


def settings(kind: Kind) -> SimpleNamespace:
    """Return a kind's fields, as its functions read them."""
    return SimpleNamespace(**{name: getattr(kind, name) for name in type(kind).model_fields})


def losses(kind: str, real: torch.Tensor, fake: torch.Tensor, **fields) -> tuple[float, float]:
    """Return the discriminator's and the generator's loss."""
    cls = LOSSES[kind]
    cfg = settings(cls(**fields))
    d_loss = cls.real_loss(real, cfg) + cls.fake_loss(fake, cfg)
    return d_loss.item(), cls.generator_loss(fake, cfg).item()


def scores(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores of real and of generated images."""
    generator = torch.Generator().manual_seed(len(shape))
    return tuple(2 * torch.randn(*shape, generator=generator, dtype=torch.double) for _ in "rf")


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def entropy(scores: np.ndarray, target: float) -> float:
    """Mean cross-entropy of sigmoid(scores), by definition."""
    p = sigmoid(scores)
    return np.mean(-target * np.log(p) - (1 - target) * np.log(1 - p))


FORMULAS = [
    (
        "hinge",
        {},
        lambda r, f: (np.mean(np.maximum(0, 1 - r)) + np.mean(np.maximum(0, 1 + f)), -np.mean(f)),
    ),
    ("wasserstein", {}, lambda r, f: (np.mean(f) - np.mean(r), -np.mean(f))),
    (
        "least_squares",
        {},
        lambda r, f: (np.mean((r - 1) ** 2) / 2 + np.mean(f**2) / 2, np.mean((f - 1) ** 2) / 2),
    ),
    (
        "least_squares",
        {"real_target": 1.0, "fake_target": -1.0, "generator_target": 0.0},
        lambda r, f: (np.mean((r - 1) ** 2) / 2 + np.mean((f + 1) ** 2) / 2, np.mean(f**2) / 2),
    ),
    (
        "non_saturating",
        {},
        lambda r, f: (
            -np.mean(np.log(sigmoid(r))) - np.mean(np.log(1 - sigmoid(f))),
            -np.mean(np.log(sigmoid(f))),
        ),
    ),
    (
        "non_saturating",
        {"real_target": 0.9, "fake_target": 0.1, "generator_target": 0.8},
        lambda r, f: (entropy(r, 0.9) + entropy(f, 0.1), entropy(f, 0.8)),
    ),
    (
        "minimax",
        {},
        lambda r, f: (
            -np.mean(np.log(sigmoid(r))) - np.mean(np.log(1 - sigmoid(f))),
            np.mean(np.log(1 - sigmoid(f))),
        ),
    ),
    (
        "minimax",
        {"real_target": 0.9, "fake_target": 0.2},
        lambda r, f: (entropy(r, 0.9) + entropy(f, 0.2), -entropy(f, 0.2)),
    ),
]


@pytest.mark.parametrize("shape", [(7, 1), (4, 1, 3, 5)], ids=["scores", "maps of scores"])
@pytest.mark.parametrize(("kind", "fields", "formula"), FORMULAS)
def test_losses_are_their_formulas(kind, fields, formula, shape):
    real, fake = scores(*shape)
    assert losses(kind, real, fake, **fields) == pytest.approx(formula(real.numpy(), fake.numpy()))


def test_every_formula_is_of_a_loss():
    assert {kind for kind, *_ in FORMULAS} == set(LOSSES)


@pytest.mark.parametrize("shape", [(7, 1), (4, 1, 3, 5)], ids=["scores", "maps of scores"])
@pytest.mark.parametrize("kind", LOSSES)
def test_losses_are_finite_numbers_with_finite_gradients(kind, shape):
    cls, cfg = LOSSES[kind], settings(LOSSES[kind]())
    squash = torch.sigmoid if cls().scores == "probabilities" else torch.as_tensor
    for function in (cls.real_loss, cls.fake_loss, cls.generator_loss):
        given = scores(*shape)[0].requires_grad_()
        loss = function(squash(given), cfg)
        loss.backward()
        assert loss.shape == () and loss.isfinite() and given.grad.isfinite().all()


@pytest.mark.parametrize("targets", [{}, {"real_target": 0.9, "fake_target": 0.1}])
@pytest.mark.parametrize("kind", ["non_saturating", "minimax"])
def test_logits_and_probabilities_are_one_loss(kind, targets):
    real, fake = scores(9, 1)
    expected = losses(kind, real, fake, **targets)
    got = losses(kind, real.sigmoid(), fake.sigmoid(), reads="probabilities", **targets)
    assert got == pytest.approx(expected)


def test_losses_of_sure_discriminators_stay_finite():
    real, fake = torch.full((4, 1), 200.0), torch.full((4, 1), -200.0)
    assert losses("non_saturating", real, fake) == (0, 200)
    real, fake = real.sigmoid(), fake.sigmoid()
    assert losses("non_saturating", real, fake, reads="probabilities") == (0, 100)


@pytest.mark.parametrize("kind", ["non_saturating", "minimax"])
def test_eps_bounds_the_loss(kind):
    """-log(1e-12) is 27.6, where torch's own loss stops at 100."""
    surely_wrong = torch.zeros(4, 1), torch.ones(4, 1)
    d_loss, g_loss = losses(kind, *surely_wrong, reads="probabilities", eps=1e-12)
    assert d_loss == pytest.approx(-2 * np.log(1e-12)) == pytest.approx(55.26, abs=0.01)
    assert abs(g_loss) == pytest.approx(0 if kind == "non_saturating" else 27.63, abs=0.01)
    real, fake = scores(9, 1)
    expected = losses(kind, real, fake)
    probabilities = losses(kind, real.sigmoid(), fake.sigmoid(), reads="probabilities", eps=0.1)
    assert probabilities[0] == pytest.approx(
        -np.mean(np.log(real.sigmoid().numpy() + 0.1))
        - np.mean(np.log(1.1 - fake.sigmoid().numpy()))
    )
    assert probabilities[0] < expected[0]


# -- penalties ------------------------------------------------------------------------------------


def penalty_of(kind: str, discriminator, real, fake, **fields) -> torch.Tensor:
    cls = PENALTIES[kind]
    cfg = settings(cls(**fields))
    cfg.d_conditional = cfg.auxiliary = False
    return cls.penalty(discriminator, real, fake, None, cfg)


def images() -> tuple[torch.Tensor, torch.Tensor]:
    """Real and generated ones, 3 x 2 x 4 x 4 in double precision."""
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.rand(3, 2, 4, 4, generator=generator, dtype=torch.double) for _ in "rf")


def test_gradient_penalty_of_a_linear_critic():
    """For D(x) = w x + b it is weight (|w| - 1)^2, with 2 weight (|w| - 1) w / |w| for gradient."""
    weight = torch.randn(2 * 4 * 4, dtype=torch.double, requires_grad=True)
    critic = lambda x: x.flatten(1) @ weight + 3  # noqa: E731
    value = penalty_of("gradient", critic, *images(), penalty_weight=7.0)
    value.backward()
    norm = weight.detach().norm()
    torch.testing.assert_close(value, 7 * (norm - 1) ** 2)
    torch.testing.assert_close(weight.grad, 14 * (norm - 1) * weight.detach() / norm)


def test_gradient_penalty_is_taken_between_each_real_image_and_its_fake():
    real, fake = images()
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.square().flatten(1).sum(dim=1) / 2  # its gradient is x

    value = penalty_of("gradient", critic, real, fake)
    share = ((seen[0] - fake) / (real - fake)).flatten(1)  # one number an image
    torch.testing.assert_close(share, share[:, :1].expand_as(share))
    assert share.min() >= 0
    assert share.max() <= 1
    assert len(share[:, 0].unique()) == 3
    norms = seen[0].flatten(1).norm(dim=1)
    torch.testing.assert_close(value, 10 * (norms - 1).square().mean())


def test_gradient_penalty_of_a_flat_critic_has_a_gradient():
    weight = torch.zeros(2 * 4 * 4, dtype=torch.double, requires_grad=True)
    value = penalty_of("gradient", lambda x: x.flatten(1) @ weight, *images())
    value.backward()
    assert value == 10
    assert torch.isfinite(weight.grad).all()


def test_r1_penalty_of_a_linear_critic():
    """For D(x) = w x + b it is weight / 2 |w|^2, with weight w for gradient."""
    weight = torch.randn(2 * 4 * 4, dtype=torch.double, requires_grad=True)
    value = penalty_of("r1", lambda x: x.flatten(1) @ weight + 3, *images(), penalty_weight=7.0)
    value.backward()
    torch.testing.assert_close(value, 3.5 * weight.detach().square().sum())
    torch.testing.assert_close(weight.grad, 7 * weight.detach())


def test_r1_penalty_looks_at_real_images():
    real, fake = images()
    value = penalty_of("r1", lambda x: x.square().flatten(1).sum(dim=1) / 2, real, fake)
    torch.testing.assert_close(value, 5 * real.square().flatten(1).sum(dim=1).mean())
    assert not real.requires_grad


@pytest.mark.parametrize("kind", PENALTIES)
def test_penalties_pass_gradcheck(kind):
    critic = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.Softplus(), nn.Flatten(), nn.Linear(12, 1)
    ).double()
    real, fake = images()

    def value(*weights):
        named = dict(zip(dict(critic.named_parameters()), weights, strict=True))
        torch.manual_seed(0)
        return penalty_of(kind, lambda x: torch.func.functional_call(critic, named, x), real, fake)

    weights = [w.detach().clone().requires_grad_() for w in critic.parameters()]
    assert torch.autograd.gradcheck(value, weights)


# -- optimizers -----------------------------------------------------------------------------------

BY_HAND = [
    ("adam", {}, lambda p: optim.Adam(p)),
    (
        "adam",
        {"lr": 2e-4, "betas": (0.0, 0.9), "eps": 1e-7, "weight_decay": 1e-3},
        lambda p: optim.Adam(p, lr=2e-4, betas=(0.0, 0.9), eps=1e-7, weight_decay=1e-3),
    ),
    ("adamw", {}, lambda p: optim.AdamW(p)),
    (
        "adamw",
        {"lr": 1e-2, "betas": (0.5, 0.99), "weight_decay": 0.1},
        lambda p: optim.AdamW(p, lr=1e-2, betas=(0.5, 0.99), weight_decay=0.1),
    ),
    ("rmsprop", {}, lambda p: optim.RMSprop(p)),
    (
        "rmsprop",
        {"lr": 5e-5, "alpha": 0.9, "eps": 1e-7, "momentum": 0.5, "weight_decay": 0.1},
        lambda p: optim.RMSprop(p, 5e-5, 0.9, eps=1e-7, momentum=0.5, weight_decay=0.1),
    ),
    ("sgd", {}, lambda p: optim.SGD(p, lr=1e-2)),
    (
        "sgd",
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    ),
]


def three_steps(build) -> list[torch.Tensor]:
    """Weights of a small regression after each of three steps."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1))
    x, y = torch.randn(16, 5), torch.randn(16, 1)
    optimizer, history = build(network.parameters()), []
    for _ in range(3):
        optimizer.zero_grad()
        (network(x) - y).square().mean().backward()
        optimizer.step()
        history += [weight.detach().clone() for weight in network.parameters()]
    return history


@pytest.mark.parametrize(("kind", "fields", "by_hand"), BY_HAND)
def test_optimizers_step_as_torchs_written_by_hand(kind, fields, by_hand):
    call = OPTIMIZERS[kind](**fields).call()
    named = {key: plain(value) for key, value in call.kwargs.items()}
    ours = three_steps(lambda p: call.target(p, *call.args, **named))
    theirs = three_steps(by_hand)
    assert all(map(torch.equal, ours, theirs))
    assert not torch.equal(ours[0], ours[4])  # the weights move


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_optimizer_moves_weights_alike_each_time(kind):
    call = OPTIMIZERS[kind]().call()
    named = {key: plain(value) for key, value in call.kwargs.items()}
    one, other = (three_steps(lambda p: call.target(p, *call.args, **named)) for _ in "ab")
    assert all(map(torch.equal, one, other)) and not torch.equal(one[0], one[4])
    assert {kind for kind, *_ in BY_HAND} <= set(OPTIMIZERS)


# -- as emitted -----------------------------------------------------------------------------------

SPEC = """
name: small
data: {{dataset: shapes, size: 8}}
latent: {{size: 4}}
generator: {{layers: [{{project: [3, 8, 8]}}, tanh]}}
discriminator: {{layers: [flatten, {{linear: 1}}{ending}]}}
objective: {objective}
optimizers: {{adam: {{lr: 1e-3}}}}
"""


def emitted(objective: str, ending: str = "") -> str:
    return emit(loads(SPEC.format(objective=objective, ending=ending)))


@pytest.mark.parametrize(
    ("reads", "ending", "function"),
    [
        ("logits", "", "binary_cross_entropy_with_logits"),
        ("probabilities", ", sigmoid", "binary_cross_entropy"),
    ],
)
def test_emitted_cross_entropy_is_one_call(reads, ending, function):
    source = emitted(f"{{loss: {{non_saturating: {{reads: {reads}}}}}}}", ending)
    assert (
        f'''
def real_loss(scores):
    """Return the mean cross-entropy of scores of real images with their target."""
    return F.{function}(scores, torch.ones_like(scores))


'''
        in source
    )
    assert "cfg" not in source


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("penalty", [None, *PENALTIES])
def test_emitted_objectives_are_the_runtimes(kind, penalty):
    """The expressions in the emitted file, run, give the very numbers of the runtime's."""
    objective = f"{{loss: {kind}, penalty: {penalty or 'null'}}}"
    namespace = {"__name__": "emitted"}
    source = emitted(objective)
    exec(source, namespace)
    real, fake = scores(6, 1)
    ours = losses(kind, real, fake)
    variables = {"real_scores": real, "fake_scores": fake, "scores": fake}
    d_loss, g_loss = (re.search(rf"\b{name} = (.*)", source)[1] for name in ("d_loss", "g_loss"))
    assert eval(d_loss, namespace, variables).item() == ours[0]
    assert eval(g_loss, namespace, variables).item() == ours[1]
    if penalty:
        cls = PENALTIES[penalty]
        critic, batch = nn.Sequential(nn.Flatten(), nn.Linear(32, 1)).double(), images()
        torch.manual_seed(0)
        theirs = namespace[cls.penalty.__name__](critic, *batch)
        torch.manual_seed(0)
        assert torch.equal(theirs, penalty_of(penalty, critic, *batch))
