"""Random whole specs: each is refused with diagnostics, or its two forms are one program.

The modules in memory and the emitted source, run as a file of its own, must agree in the order of
their weights, in every weight after one seed, and bit for bit in outputs, gradients and training.
"""

from __future__ import annotations

import json
from itertools import chain

import pytest
import torch
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ganspec.compiler.emit import emit
from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower, lower_network
from ganspec.language.errors import SpecError
from ganspec.language.kinds import kinds_of
from ganspec.language.load import loads
from ganspec.program.ir import start_input
from ganspec.systems.batches import draw_batches
from ganspec.systems.gan.step import train_step
from ganspec.systems.spec import Interface

EXAMPLES = 30
LARGEST = 20  # rows or columns of an image, so that a test stays short

# Kinds that a random place in a network cannot have: they make or read vectors.
ELSEWHERE = {"project", "linear", "flatten", "reshape", "mean_pool", "sum_pool", "global_max_pool"}
ELSEWHERE |= {"unknown"}  # nothing builds it


def written(kind: str, fields: dict | None) -> object:
    """Return a layer as a spec writes it."""
    if fields is None:
        return kind
    return {kind: {key: list(v) if isinstance(v, tuple) else v for key, v in fields.items()}}


def on_maps() -> list:
    """Every example of every layer that reads a map, as a spec writes it."""
    layers = kinds_of("layer").items()
    return [
        written(kind, fields)
        for kind, cls in sorted(layers)
        for fields, shape in cls.examples
        if len(shape) == 3 and kind not in ELSEWHERE
    ]


SAME_SHAPE = (
    *("relu", "tanh", "selu", "silu", "batch_norm", "identity", "norm", "layer_norm", "dropout"),
    *({"leaky_relu": 0.2}, {"noise": 0.5}, {"conv": {"out": "ch", "bias": False}}),
)
names = st.sampled_from(["skip", "h", "x", "z", "main", "layers", "forward", "relu", "conv"])
width = st.sampled_from([4, 8, "ch", "2 * ch", "ch + 2", "3 * ch // 2"])
same_shape = st.lists(st.sampled_from(SAME_SHAPE), min_size=1, max_size=3)


def tapped(layers: list) -> st.SearchStrategy:
    """Layers between a named value and the layer that reads it again."""
    joins = st.sampled_from(["add", "concat"])
    return st.builds(
        lambda name, join: [{"relu": {"as": name}}, *layers, {join: name}], names, joins
    )


pieces = st.one_of(
    st.sampled_from(on_maps()).map(lambda layer: [layer]),
    st.sampled_from(on_maps()).map(lambda layer: [layer]),
    width.map(lambda out: [{"conv": {"out": out, "kernel": 4, "stride": 2}}]),
    width.map(lambda out: [{"conv_transpose": {"out": out, "kernel": 4, "stride": 2}}]),
    same_shape.map(lambda main: [{"conv": "ch"}, {"residual": main}]),
    st.builds(
        lambda main, out: [{"residual": {"main": [*main, {"conv": out}], "skip": [{"conv": out}]}}],
        same_shape,
        width,
    ),
    same_shape.map(lambda layers: [{"conv": "ch"}, {"repeat": {"times": 2, "layers": layers}}]),
    st.lists(width, min_size=1, max_size=2).map(
        lambda outs: [{"repeat": {"with": {"c": outs}, "layers": [{"conv": "c"}, "relu"]}}]
    ),
    width.map(lambda out: [{"piece": out}]),
    same_shape.flatmap(tapped).map(lambda layers: [{"conv": "ch"}, *layers]),
)
bodies = st.lists(pieces, min_size=1, max_size=3).map(lambda parts: list(chain(*parts)))
starts = st.sampled_from(
    [
        [{"project": ["2 * ch", 4, 4]}],
        [{"project": [8, 5, 3]}],
        [{"linear": 48}, "relu", {"reshape": [4, 4, 3]}],
        [{"reshape": ["z", 1, 1]}, {"conv_transpose": {"out": 8, "kernel": 4, "padding": 0}}],
    ]
)
heads = st.sampled_from(
    [["flatten", {"linear": 1}], ["sum_pool", {"linear": 1}], [{"conv": {"out": 1, "kernel": 1}}]]
)
networks = st.fixed_dictionaries(
    {}, optional={"init": st.sampled_from(sorted(kinds_of("initializer")))}
)
weight_norms = st.sampled_from([[], ["spectral"], ["weight"]])
activation_norms = st.sampled_from(["batch", "instance", {"layer": {}}])


def normalizations(layers: list, piece: list) -> st.SearchStrategy:
    """Draw at most one weight norm, and what `norm` stands for if a layer reads it."""
    text = json.dumps([layers, piece if "piece" in json.dumps(layers) else []])
    if '"norm"' not in text:
        return weight_norms
    return st.builds(lambda weight, norm: [*weight, norm], weight_norms, activation_norms)


@st.composite
def specs(draw) -> dict:
    """Return a small GAN, as plain data; the images' size is still to be set."""
    generator, discriminator = draw(networks), draw(networks)
    channels = draw(st.sampled_from([1, 3]))
    image = [{"conv": channels}, draw(st.sampled_from(["tanh", "sigmoid"]))]
    generator["layers"] = [*draw(starts), *draw(bodies), *image]
    discriminator["layers"] = [*draw(bodies), *draw(heads)]
    piece = [{"conv": "c"}, *draw(same_shape)]
    for network in (generator, discriminator):
        if norms := draw(normalizations(network["layers"], piece)):
            network["normalization"] = norms
    loss = draw(st.sampled_from(sorted(kinds_of("loss"))))
    objective = {"loss": loss}
    if loss in ("minimax", "non_saturating") and draw(st.booleans()):
        objective = {"loss": {loss: {"reads": "probabilities", "real_target": 0.9}}}
        discriminator["layers"].append("sigmoid")
    if penalty := draw(st.sampled_from([None, *sorted(kinds_of("penalty"))])):
        objective["penalty"] = penalty
    if draw(st.booleans()):
        objective["clip"] = 0.05
    optimizer = st.sampled_from(sorted(kinds_of("optimizer")))
    steps = {"generator": draw(st.integers(1, 2)), "discriminator": draw(st.integers(1, 2))}
    batches = draw(st.sampled_from(["fresh", "shared"]))
    return {
        "name": "random",
        "framework": draw(st.sampled_from(["torch", "keras", "tensorflow"])),
        "vars": {"z": 5, "ch": 4},
        "blocks": {"piece": {"params": ["c"], "layers": piece}},
        "data": {"dataset": "shapes", "channels": channels, "flip": draw(st.booleans())},
        "latent": {"size": "z", "distribution": draw(st.sampled_from(["normal", "uniform"]))},
        "generator": generator,
        "discriminator": discriminator,
        "objective": objective,
        "optimizers": {"generator": draw(optimizer), "discriminator": draw(optimizer)},
        "train": {"batch": 4, "steps": steps, "batches": batches},
    }


def sized(data: dict) -> dict:
    """Return `data` with images of its generator's size. Raises SpecError."""
    spec = loads(json.dumps(data))
    size = spec.latent.size
    interface = Interface(start_input((int(size),), size, "latent"), "image", "")
    net = lower_network("Generator", spec.generator, spec.scope, interface)
    return {**data, "data": {**data["data"], "size": list(net.output.shape[1:])}}


@pytest.mark.slow
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(specs())
def test_two_forms_are_one_program(data):
    try:
        data = sized(data)
        spec = loads(json.dumps(data))
        nets = lower(spec)
    except SpecError as error:
        assert all(d.mark and d.message for d in error.diagnostics)
        event("refused: " + ", ".join(sorted({d.code for d in error.diagnostics})))
        return
    if max(spec.data.shape) > LARGEST:
        event("too large to run")
        return
    event("built")
    source = emit(spec)
    emitted: dict = {"__name__": "emitted"}
    exec(compile(source, "emitted", "exec"), emitted)
    compare_networks(spec, nets, emitted)
    compare_training(spec, nets, emitted)


def compare_networks(spec, nets: dict, emitted: dict) -> None:
    """Weights, outputs and gradients of each network."""
    inputs = {
        "generator": torch.randn(4, int(spec.latent.size)),
        "discriminator": torch.rand(4, *spec.data.shape) * 2 - 1,
    }
    for key, x in inputs.items():
        results = []
        for build in (lambda key=key: evaluate(nets[key], exact=True), emitted[key.capitalize()]):
            torch.manual_seed(1)
            network = build()
            weights = {name: value.clone() for name, value in network.state_dict().items()}
            x = x.detach().requires_grad_()
            y = network(x)
            assert y.shape[1:] == nets[key].output.shape
            gradients = torch.autograd.grad(
                y.square().sum(), [x, *network.parameters()], allow_unused=True
            )
            results.append((weights, y, gradients))
        (ours, y, gradients), (theirs, other_y, other_gradients) = results
        assert list(ours) == list(theirs)
        assert all(same(ours[name], theirs[name]) for name in ours)
        assert same(y, other_y)
        assert all(map(same, gradients, other_gradients))


def compare_training(spec, nets: dict, emitted: dict) -> None:
    """Every weight after two iterations; or torch refuses the same scores, which are NaN."""
    cfg = spec.settings(nets)
    images = torch.arange(20 * torch.tensor(spec.data.shape).prod().item()) % 251
    images = images.to(torch.uint8).reshape(20, *spec.data.shape)
    ours = [
        lambda key=key: evaluate(nets[key], exact=True) for key in ("generator", "discriminator")
    ]
    theirs = [emitted["Generator"], emitted["Discriminator"]]
    results = []
    # what is emitted knows nothing of labels, a third optimizer, the step's number or `cfg`
    for builders, feed, labels, step, number, third, extra in [
        (ours, draw_batches, (None,), train_step, (1,), (None,), (None, cfg)),
        (theirs, emitted["draw_batches"], (), emitted["train_step"], (), (), ()),
    ]:
        torch.manual_seed(2)
        generator, discriminator = (build() for build in builders)
        g_optimizer = cfg.g_optimizer(generator.parameters())
        d_optimizer = cfg.d_optimizer(discriminator.parameters())
        batches = feed(images, *labels, 3, *extra[-1:])
        optimizers, refused = (g_optimizer, d_optimizer, *third), None
        try:
            for _ in range(2):
                step(*number, generator, discriminator, *optimizers, batches, *extra)
        except RuntimeError as error:
            refused = str(error).splitlines()[0]
            assert "between 0 and 1" in refused
        weights = [*generator.state_dict().values(), *discriminator.state_dict().values()]
        results.append((weights, refused))
    (mine, my_error), (other, other_error) = results
    assert all(map(same, mine, other)) and my_error == other_error


def same(a: torch.Tensor | None, b: torch.Tensor | None) -> bool:
    """Whether two tensors are equal bit for bit, NaN included."""
    if a is None or b is None:
        return a is b
    return torch.equal(a, b) or (a.shape == b.shape and torch.allclose(a, b, 0, 0, equal_nan=True))
