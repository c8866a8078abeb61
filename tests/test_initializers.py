"""Initial weights against torch.nn.init called by hand, and what weight norms add to a module."""

from __future__ import annotations

import math

import pytest
import torch
from conftest import emit_networks
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower
from ganspec.language.errors import SpecError
from ganspec.language.kinds import kinds_of
from ganspec.language.load import loads
from ganspec.program.measure import costs, totals

SPEC = """
name: small
framework: {framework}
data: {{dataset: shapes, size: 16}}
latent: {{size: 12}}
blocks:
  half: {{params: [out], layers: [{{conv: {{out: out, kernel: 4, stride: 2}}}}, relu]}}
generator:
{head}
  layers:
    - project: [16, 4, 4]
    - batch_norm
    - relu
    - conv_transpose: {{out: 8, kernel: 4, stride: 2}}
    - batch_norm
    - relu
    - conv_transpose: {{out: 3, kernel: 4, stride: 2}}
    - tanh
discriminator:
{head}
  layers: [{{half: 8}}, {{half: 32}}, flatten, {{linear: {{out: 1{last}}}}}]
objective: {{loss: hinge}}
optimizers: {{adam: {{lr: 1e-3}}}}
"""


def networks(init=None, norm=None, framework="torch", last="", seed=5) -> dict[str, nn.Module]:
    """Return both networks with `init` and `norm`, in memory and from source, from one seed."""
    head = [f"  init: {init}"] if init else []
    head += [f"  normalization: {norm}"] if norm else []
    last = f", init: {last}" if last else ""
    nets = lower(loads(SPEC.format(framework=framework, head="\n".join(head), last=last)))
    namespace = {"__name__": "printed"}
    exec(emit_networks(nets), namespace)
    made = {}
    for key, net in nets.items():
        torch.manual_seed(seed)
        made[key] = evaluate(net)
        torch.manual_seed(seed)
        printed = namespace[net.name]().state_dict()
        assert list(printed) == list(made[key].state_dict())
        assert all(torch.equal(printed[k], v) for k, v in made[key].state_dict().items())
    return made


def generator(norm) -> nn.Module:
    """Return the generator written out, with torch's own initial weights."""
    return nn.Sequential(
        norm(nn.Linear(12, 256)),
        nn.Unflatten(1, (16, 4, 4)),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        norm(nn.ConvTranspose2d(16, 8, 4, 2, 1)),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        norm(nn.ConvTranspose2d(8, 3, 4, 2, 1)),
        nn.Tanh(),
    )


def discriminator(norm) -> nn.Module:
    """Return the discriminator written out."""
    return nn.Sequential(
        norm(nn.Conv2d(3, 8, 4, 2, 1)),
        nn.ReLU(),
        norm(nn.Conv2d(8, 32, 4, 2, 1)),
        nn.ReLU(),
        nn.Flatten(),
        norm(nn.Linear(512, 1)),
    )


BY_HAND = {"generator": generator, "discriminator": discriminator}
NORMS = {None: lambda module: module, "spectral": spectral_norm, "weight": weight_norm}


def weights(network: nn.Module) -> list[torch.Tensor]:
    return [value for key, value in network.state_dict().items() if "num_batches" not in key]


def layers(network: nn.Module) -> list[nn.Module]:
    return [
        m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear))
    ]


def underlying(module: nn.Module) -> torch.Tensor:
    """Return the parameter that a spectral norm divides, or the weight itself."""
    if hasattr(module, "parametrizations"):
        return module.parametrizations.weight.original
    return module.weight


FILLS = [
    ("normal", lambda w: nn.init.normal_(w, std=0.02)),
    ("{normal: 0.1}", lambda w: nn.init.normal_(w, std=0.1)),
    ("dcgan", lambda w: nn.init.normal_(w, 0.0, 0.02)),
    ("xavier", nn.init.xavier_uniform_),
    ("{xavier: {distribution: normal, gain: 0.5}}", lambda w: nn.init.xavier_normal_(w, 0.5)),
    ("kaiming", lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu")),
    (
        "{kaiming: {distribution: normal, slope: 0.2}}",
        lambda w: nn.init.kaiming_normal_(w, 0.2, nonlinearity="leaky_relu"),
    ),
    ("orthogonal", nn.init.orthogonal_),
    ("{orthogonal: 0.8}", lambda w: nn.init.orthogonal_(w, 0.8)),
    ("zeros", nn.init.zeros_),
]


def fill(network: nn.Module, function, gains: float | None) -> None:
    for module in layers(network):
        parts = module.parametrizations.weight if hasattr(module, "parametrizations") else None
        if hasattr(parts, "original1"):  # weight norm: the length and the direction of each row
            weight = torch.empty_like(parts.original1)
            function(weight)
            length = weight.flatten(1).norm(dim=1).view(-1, *[1] * (weight.dim() - 1))
            parts.original0.data, parts.original1.data = length, weight
        else:
            function(underlying(module))
        nn.init.zeros_(module.bias)
    for module in network.modules():
        if gains and isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, gains)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("init", "function"), FILLS, ids=[name for name, _ in FILLS])
def test_initializers_are_torchs_in_order(init, function, norm):
    """From one seed; under a weight norm, the weight below it is what is filled."""
    if (init, norm) == ("zeros", "weight"):
        return  # refused: see below
    for key, ours in networks(init, norm).items():
        torch.manual_seed(5)
        theirs = BY_HAND[key](NORMS[norm])
        fill(theirs, function, 0.02 if init == "dcgan" else None)
        for a, b in zip(weights(ours), weights(theirs), strict=True):
            # lengths are sums in another order
            torch.testing.assert_close(a, b, rtol=1e-6 if norm == "weight" else 0, atol=0)


@pytest.mark.parametrize("norm", NORMS)
def test_without_init_the_weights_are_torchs_own(norm):
    for key, ours in networks(None, norm).items():
        torch.manual_seed(5)
        assert all(map(torch.equal, weights(ours), weights(BY_HAND[key](NORMS[norm]))))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("init", kinds_of("initializer"))
def test_every_initializer_fills_in_memory_and_as_source(init, norm):
    named = {name.strip("{").split(":")[0] for name, _ in FILLS}
    assert named <= set(kinds_of("initializer"))
    if (init, norm) == ("zeros", "weight"):
        return
    for network in networks(init, norm).values():
        assert all(weight.isfinite().all() for weight in weights(network))


@pytest.mark.parametrize(
    ("init", "spread"),
    [
        ("normal", lambda i, o: 0.02),
        ("xavier", lambda i, o: math.sqrt(2 / (i + o))),
        ("{xavier: normal}", lambda i, o: math.sqrt(2 / (i + o))),
        ("kaiming", lambda i, o: math.sqrt(2 / i)),
        ("{kaiming: normal}", lambda i, o: math.sqrt(2 / i)),
    ],
)
def test_spread_is_what_the_papers_say(init, spread):
    """Standard deviation from inputs and outputs of the widest layers, 4096 and 3072 weights."""
    made = networks(init)
    convs = [m for m in layers(made["discriminator"]) if isinstance(m, nn.Conv2d)]
    linear = layers(made["generator"])[0]
    for module, inputs, outputs in [(convs[1], 8 * 16, 32 * 16), (linear, 12, 256)]:
        wanted = spread(inputs, outputs)
        assert module.weight.std().item() == pytest.approx(wanted, rel=0.05)
        assert abs(module.weight.mean().item()) < 0.1 * wanted
        assert not module.bias.any()


def test_orthogonal_rows_are_orthonormal():
    for module in layers(networks("orthogonal")["discriminator"]):
        matrix = module.weight.flatten(1)
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(len(matrix)), atol=1e-5, rtol=0)


def test_dcgan_draws_the_gains_of_batch_norms():
    norms = [m for m in networks("dcgan")["generator"].modules() if isinstance(m, nn.BatchNorm2d)]
    gains = torch.cat([m.weight.detach() for m in norms])
    assert gains.mean().item() == pytest.approx(1, abs=0.02)
    assert gains.std().item() == pytest.approx(0.02, rel=0.5)
    assert not any(m.bias.any() for m in norms)


@pytest.mark.parametrize("norm", [None, "spectral"])
def test_a_layers_own_init_wins(norm):
    made = networks("{normal: 0.1}", norm, last="zeros")["discriminator"]
    *others, last = layers(made)
    assert not underlying(last).any()
    for module in others:  # the two in blocks
        assert underlying(module).std().item() == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize("framework", ["keras", "tensorflow"])
def test_keras_and_tensorflow_draw_glorot_uniform(framework):
    for network in networks(framework=framework).values():
        for module in layers(network):
            inputs, outputs = nn.init._calculate_fan_in_and_fan_out(module.weight)
            bound = math.sqrt(6 / (inputs + outputs))
            assert module.weight.abs().max().item() == pytest.approx(bound, rel=0.05)
            assert module.weight.abs().max() <= bound
            assert not module.bias.any()


def test_an_init_of_ones_own_wins_over_the_frameworks():
    for network in networks("{normal: 0.01}", framework="keras").values():
        assert all(m.weight.std() < 0.02 for m in layers(network))


# -- weight norms ---------------------------------------------------------------------------------


WRAPPED = """
name: wrapped
data: {{dataset: shapes, size: 16}}
latent: {{size: 8}}
generator:
  normalization: {norm}
  layers:
    - project: [16, 8, 8]
    - self_attention
    - conv_transpose: {{out: 6, stride: 2, kernel: [3, 4]}}
    - conv: {{out: 3, groups: 3, bias: false}}
    - tanh
discriminator: {{layers: [flatten, {{linear: {{out: 1, weight_norm: {norm}}}}}]}}
objective: {{loss: hinge}}
optimizers: {{sgd: 0.1}}
"""


@pytest.mark.parametrize("norm", kinds_of("weight_norm"))
def test_counts_are_those_of_the_wrapped_modules(norm):
    for net in lower(loads(WRAPPED.format(norm=norm))).values():
        built = evaluate(net)
        buffers = [b.numel() for b in built.buffers() if b.is_floating_point()]
        counted = totals(costs(net))
        assert counted["trainable"] == sum(p.numel() for p in built.parameters())
        assert counted["buffers"] == sum(buffers)


def test_spectral_norm_divides_by_the_largest_singular_value():
    made = networks(norm="{spectral: {power_iterations: 50}}")
    for network in made.values():
        network.train()
        network(torch.randn(2, 12) if network is made["generator"] else torch.randn(2, 3, 16, 16))
        network.eval()
        for module in layers(network):
            axis = 1 if isinstance(module, nn.ConvTranspose2d) else 0
            matrix = module.weight.movedim(axis, 0).flatten(1)
            largest = torch.linalg.matrix_norm(matrix, 2).item()
            assert largest == pytest.approx(1, abs=1e-2)


def test_zeros_under_weight_norm_are_refused():
    """They have no direction: the norm would make NaN of them."""
    with pytest.raises(SpecError, match="weights of 0 have none"):
        networks("zeros", "weight")


@pytest.mark.parametrize("framework", ["keras", "tensorflow"])
def test_weight_norm_starts_from_the_frameworks_weights(framework):
    for key, network in networks(norm="weight", framework=framework).items():
        plain = layers(networks(framework=framework)[key])
        for module, without in zip(layers(network), plain, strict=True):
            bound = without.weight.abs().max()
            assert module.weight.abs().max().item() == pytest.approx(bound.item(), rel=0.05)
            assert not module.bias.any()
