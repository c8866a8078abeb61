"""Conditioning: every method against torch written by hand, and in memory against its source."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from conftest import assert_same_weights, emit_networks, run_source
from torch import nn

from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower, lower_network
from ganspec.language.kinds import kinds_of
from ganspec.language.load import loads
from ganspec.program.ir import Net, start_input
from ganspec.program.measure import costs, totals
from ganspec.report.table import table
from ganspec.systems.spec import Interface

CLASSES, BATCH = 5, 7
KINDS = ("classes", "multi_hot")
SPEC = """
name: conditional
vars: {{z: 6, ch: 4, n: {n}}}
data: {{dataset: image_folder, size: 8}}
latent: {{size: z}}
condition: {{kind: {labels}, size: n}}
blocks:
  up: {{params: [out], layers: [{{residual: {{main: [{norm}, relu, upsample, {{conv: out}}],
                                             skip: [upsample, {{conv: out}}]}}}}]}}
generator: {generator}
discriminator: {discriminator}
objective: {objective}
optimizers: adam
"""
GENERATOR = ["relu", {"project": ["2 * ch", 4, 4]}, {"conv_transpose": {"out": 3, "stride": 2}}]
DISCRIMINATOR = [{"conv": {"out": "ch", "stride": 2}}, "flatten", {"linear": 1}]


def conditional(labels="classes", generator=None, discriminator=None, auxiliary=None, n=CLASSES):
    """Return a spec with these fields of its networks."""
    networks = {
        "generator": {"layers": GENERATOR, **(generator or {})},
        "discriminator": {"layers": DISCRIMINATOR, **(discriminator or {})},
    }
    objective = {"loss": "hinge", **({"auxiliary": auxiliary} if auxiliary else {})}
    norm = "class_batch_norm" if labels == "classes" else "batch_norm"
    texts = {name: json.dumps(network) for name, network in networks.items()}
    return loads(
        SPEC.format(labels=labels, norm=norm, objective=json.dumps(objective), n=n, **texts)
    )


def draw(labels: str, count: int = BATCH) -> torch.Tensor:
    """Labels, every class among them; of the multi-hot ones one has none and one has all."""
    if labels == "classes":
        return torch.arange(count) % CLASSES
    held = torch.rand(count, CLASSES, generator=torch.Generator().manual_seed(4)) < 0.5
    held[0], held[1] = False, True
    return held.float()


def observe(network: nn.Module, inputs: list[torch.Tensor], train: bool) -> dict:
    """All outputs of one pass and every gradient of a function of them."""
    network.train(train)
    first = inputs[0].clone().requires_grad_()
    torch.manual_seed(2)  # dropout draws from here
    outputs = network(first, *inputs[1:])
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    network.zero_grad()
    sum((o * torch.linspace(-1, 1, o.numel()).view(o.shape)).sum() for o in outputs).backward()
    found = {f"output {i}": output for i, output in enumerate(outputs)} | {"input": first.grad}
    found |= {name: weight.grad for name, weight in network.named_parameters()}
    return found | {name: buffer.clone() for name, buffer in network.named_buffers()}


def assert_agree(net: Net, labels: str) -> tuple[nn.Module, nn.Module]:
    """Return a network in memory and from its source, after both gave equal bits."""
    source = emit_networks({net.name.lower(): net})
    networks = []
    for make in (lambda: evaluate(net), getattr(run_source(source), net.name)):
        torch.manual_seed(0)
        networks.append(make())
    assert_same_weights(*(network.state_dict() for network in networks))
    inputs = [torch.randn(BATCH, *net.inputs[0].value.shape), draw(labels)][: len(net.inputs)]
    for train in (True, False):
        ours, theirs = (observe(network, inputs, train) for network in networks)
        assert list(ours) == list(theirs)
        for key, value in ours.items():
            assert value is not None, key
            assert torch.equal(value, theirs[key]), f"{key}\n{source}"
        shapes = [tuple(v.shape[1:]) for k, v in ours.items() if k.startswith("output")]
        assert shapes == [value.shape for value in net.outputs.values()]
    return networks[0], networks[1]


# -- every method, in memory and as source --------------------------------------------------------

ANYWHERE = [
    "concat",
    {"concat": {"size": "2 * ch", "hidden": "relu"}},
    {"embedding": 3},
    {"embedding": {"size": "ch", "hidden": "tanh"}},
    {"embedding": {"join": "product"}},
    {"embedding": {"join": "product", "hidden": "sigmoid"}},
]
ON_MAPS = [
    "channel",
    {"channel": {"embedding": 3, "hidden": {"leaky_relu": 0.2}}},
    {"embedding": {"size": 3, "join": "map", "hidden": "relu"}},
]
# the others by their own examples: fields and the shape that they join the label to
for _kind, _cls in kinds_of("condition").items():
    for _fields, _shape in _cls.examples:
        (ON_MAPS if len(_shape) == 3 else ANYWHERE).append({_kind: _fields} if _fields else _kind)
METHODS = [*ANYWHERE, *ON_MAPS]
by_kind = pytest.mark.parametrize("labels", KINDS)


@by_kind
@pytest.mark.parametrize("method", METHODS, ids=json.dumps)
def test_methods_in_memory_and_as_source(method, labels):
    join = {"join_label": method}
    conv = {"conv": "2 * ch"}
    residual = {"residual": {"main": [join, conv], "skip": [conv]}}
    later = [GENERATOR[0], GENERATOR[1], join, residual, "tanh", GENERATOR[2]]
    first = {"condition": method} if method in ANYWHERE else {}
    generator = {**first, "layers": later}
    vector = [{"join_label": ANYWHERE[0]}, {"linear": 1}]
    layers = [*DISCRIMINATOR[:-1], *vector]
    discriminator = {"condition": method, "normalization": "spectral", "layers": layers}
    for net in lower(conditional(labels, generator, discriminator)).values():
        assert net.conditional
        assert_agree(net, labels)


@by_kind
def test_layers_in_blocks_repeats_and_residuals_in_memory_and_as_source(labels):
    norm = "class_batch_norm" if labels == "classes" else {"join_label": "concat"}
    residual = {"residual": {"main": [norm, {"conv": 8}], "skip": [{"conv": 8}]}}
    repeated = {"repeat": {"times": 2, "layers": [norm, residual]}}
    generator = {"layers": [GENERATOR[1], repeated, {"up": "ch"}, {"conv": 3}, "tanh"]}
    first = [{"linear": 6}, "class_batch_norm"] if labels == "classes" else [{"linear": 6}]
    layers = [DISCRIMINATOR[0], "flatten", *first, "relu", "projection"]
    discriminator = {"normalization": "spectral", "init": "orthogonal", "layers": layers}
    for net in lower(conditional(labels, generator, discriminator)).values():
        assert_agree(net, labels)


@by_kind
@pytest.mark.parametrize("condition", [None, "channel"], ids=str)
def test_a_head_in_memory_and_as_source(labels, condition):
    """Dropout in the trunk, before the score and in the head: all draw in the same order."""
    head = {"auxiliary": {"layers": [{"linear": 6}, {"dropout": 0.5}], "weight_norm": "spectral"}}
    layers = [DISCRIMINATOR[0], {"dropout": 0.3}, "flatten", head, {"dropout": 0.4}, {"linear": 1}]
    fields = {"layers": layers, **({"condition": condition} if condition else {})}
    net = lower(conditional(labels, None, fields, auxiliary=1))["discriminator"]
    assert net.conditional == (condition is not None)
    assert [value.shape for value in net.outputs.values()] == [(1,), (CLASSES,)]
    assert_agree(net, labels)
    last = emit_networks({"d": net}).strip().splitlines()[-1]
    assert last.strip() == "return self.layers2(h), self.auxiliary(h)"


def test_a_named_value_in_a_head_can_be_read_by_the_score():
    head = {"auxiliary": [{"linear": {"out": 6, "as": "features"}}, {"dropout": 0.5}]}
    layers = [DISCRIMINATOR[0], "flatten", head, {"concat": "features"}, {"linear": 1}]
    net = lower(conditional("classes", None, {"layers": layers}, auxiliary=1))["discriminator"]
    assert_agree(net, "classes")


def test_operators_keep_their_order():
    """A sum that is multiplied, and a sum of sums, print so that Python sorts them alike."""
    product = {"join_label": {"embedding": {"join": "product"}}}
    inner = {"residual": {"main": [{"conv": 3}], "skip": [{"conv": 3}, {"conv": 3}]}}
    outer = {"residual": {"main": [{"conv": 3}], "skip": [inner]}}
    layers = [{"residual": {"main": [{"conv": 3}], "skip": [{"conv": 3}]}}, product, outer]
    net = lower(conditional("classes", None, {"layers": [*layers, *DISCRIMINATOR]}))
    assert_agree(net["discriminator"], "classes")
    source = emit_networks(net)
    assert "(self.main1(x) + self.skip1(x)) * self.label(y)" in source


def test_widths_stay_symbolic():
    """A printed class with another number of labels is what the spec with that number becomes."""
    up = {"layers": [GENERATOR[1], {"up": "ch"}, {"conv": 3}]}
    method = {"channel": {"embedding": "ch", "hidden": "relu"}}
    few, many = (conditional("classes", up, {"condition": method}, n=n) for n in (CLASSES, 9))
    printed = run_source(emit_networks(lower(few)))
    for name, net in lower(many).items():
        torch.manual_seed(0)
        wanted = evaluate(net)
        torch.manual_seed(0)
        found = getattr(printed, name.capitalize())(n=9)
        assert_same_weights(found.state_dict(), wanted.state_dict())
    concat = {"condition": "concat", "layers": [{"reshape": ["z + n", 1, 1]}, {"conv": 3}]}
    source = emit_networks({"g": lower_generator(concat)})
    assert "nn.Unflatten(1, (z + n, 1, 1))" in source


def lower_generator(fields: dict) -> Net:
    spec = conditional("classes", fields)
    interface = Interface(start_input((6,), spec.latent.size, "latent"), "image", "")
    return lower_network("G", spec.generator, spec.scope, interface, spec.label_input)


# -- against torch written by hand ----------------------------------------------------------------


def joined(method: object, labels: str, shape: tuple[int, ...], layer=False):
    """Return weights, drawn inputs and outputs of a condition or a layer alone."""
    fields = {"layers": [method]} if layer else {"condition": method, "layers": ["identity"]}
    spec = conditional(labels, {"layers": GENERATOR, **fields})
    interface = Interface(start_input(shape), "value", "")
    net = lower_network("Alone", spec.generator, spec.scope, interface, spec.label_input)
    torch.manual_seed(6)
    network = evaluate(net)
    for weight in network.parameters():
        nn.init.normal_(weight)
    x, y = torch.randn(BATCH, *shape), draw(labels)
    return [w.detach() for w in network.parameters()], x, y, network(x, y).detach()


def present(table: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """For each image the sum of its classes' rows of `table`, added up one by one."""
    rows = [[int(label)] if y.dim() == 1 else label.nonzero().flatten().tolist() for label in y]
    return torch.stack([sum((table[i] for i in row), torch.zeros(table.shape[1])) for row in rows])


def one_plane_each(vector: torch.Tensor, height: int, width: int) -> torch.Tensor:
    planes = torch.empty(*vector.shape, height, width)
    for i, numbers in enumerate(vector):
        for j, number in enumerate(numbers):
            planes[i, j] = number
    return planes


def rows_of(weight: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return an embedding's table, one row a class; a linear layer's weight has columns."""
    return weight if y.dim() == 1 else weight.t()


@by_kind
def test_concat(labels):
    _, x, y, made = joined("concat", labels, (3,))
    assert torch.equal(made, torch.cat([x, present(torch.eye(CLASSES), y)], 1))
    _, x, y, made = joined("concat", labels, (3, 4, 2))
    planes = one_plane_each(present(torch.eye(CLASSES), y), 4, 2)
    assert torch.equal(made, torch.cat([x, planes], 1))
    method = {"concat": {"size": 7, "hidden": "relu"}}
    (weight, bias), x, y, made = joined(method, labels, (3,))
    label = (present(weight.t(), y) + bias).clamp(min=0)
    torch.testing.assert_close(made, torch.cat([x, label], 1))


@by_kind
def test_channel(labels):
    method = {"channel": {"hidden": {"leaky_relu": 0.2}}}
    (weight, bias), x, y, made = joined(method, labels, (3, 4, 2))
    plane = F.leaky_relu(present(weight.t(), y) + bias, 0.2).view(BATCH, 1, 4, 2)
    torch.testing.assert_close(made, torch.cat([x, plane], 1))
    table, weight, bias = joined({"channel": 6}, labels, (3, 4, 2))[0]
    _, x, y, made = joined({"channel": 6}, labels, (3, 4, 2))
    plane = (present(rows_of(table, y), y) @ weight.t() + bias).view(BATCH, 1, 4, 2)
    torch.testing.assert_close(made, torch.cat([x, plane], 1))


@by_kind
def test_embedding(labels):
    (weight,), x, y, made = joined({"embedding": 6}, labels, (3,))
    torch.testing.assert_close(made, torch.cat([x, present(rows_of(weight, y), y)], 1))
    (weight,), x, y, made = joined({"embedding": 6}, labels, (3, 2, 2))
    planes = one_plane_each(present(rows_of(weight, y), y), 2, 2)
    torch.testing.assert_close(made, torch.cat([x, planes], 1))
    method = {"embedding": {"size": 6, "join": "map", "hidden": "tanh"}}
    (weight, linear, bias), x, y, made = joined(method, labels, (3, 4, 2))
    plane = (present(rows_of(weight, y), y) @ linear.t() + bias).tanh().view(BATCH, 1, 4, 2)
    torch.testing.assert_close(made, torch.cat([x, plane], 1))


@by_kind
def test_product(labels):
    method = {"embedding": {"join": "product"}}
    (weight,), x, y, made = joined(method, labels, (3,))
    torch.testing.assert_close(made, x * present(rows_of(weight, y), y))
    (weight,), x, y, made = joined(method, labels, (3, 4, 2))
    factors = one_plane_each(present(rows_of(weight, y), y), 4, 2)
    torch.testing.assert_close(made, x * factors)


@by_kind
def test_projection(labels):
    """Miyato & Koyama (2018), equation 4."""
    (psi, bias, weight), x, y, made = joined("projection", labels, (3,), layer=True)
    score = x @ psi.t() + bias
    for i, vector in enumerate(present(rows_of(weight, y), y)):
        score[i] += torch.dot(vector, x[i])
    torch.testing.assert_close(made, score)


@pytest.mark.parametrize("shape", [(3,), (3, 4, 2)], ids=str)
def test_class_batch_norm(shape):
    """Each image is scaled by its class's row, after a batch norm that all classes share."""
    (gain, bias), x, y, made = joined("class_batch_norm", "classes", shape, layer=True)
    axes = [0, *range(2, x.dim())]
    mean, var = x.mean(axes, keepdim=True), x.var(axes, unbiased=False, keepdim=True)
    for i, image in enumerate((x - mean) / (var + 1e-5).sqrt()):
        for c in range(3):
            wanted = gain[y[i], c] * image[c] + bias[y[i], c]
            torch.testing.assert_close(made[i, c], wanted, rtol=1e-4, atol=1e-5)


def test_class_batch_norm_begins_as_batch_norm():
    net = lower(conditional(generator={"layers": ["class_batch_norm", *GENERATOR[1:]]}))
    layer = evaluate(net["generator"]).class_batch_norm
    x, plain = torch.randn(BATCH, 6), nn.BatchNorm1d(6)
    for mode in ("train", "eval"):
        getattr(layer, mode)()
        getattr(plain, mode)()
        assert torch.equal(layer(x, draw("classes")), plain(x))


@by_kind
def test_auxiliary(labels):
    layers = [DISCRIMINATOR[0], "flatten", {"auxiliary": [{"linear": 6}, "relu"]}, {"linear": 1}]
    net = lower(conditional(labels, None, {"layers": layers}, auxiliary=1))["discriminator"]
    network = evaluate(net)
    x = torch.randn(BATCH, 3, 8, 8)
    h = network.layers(x)
    score, guesses = network(x)
    assert torch.equal(score, F.linear(h, network.linear.weight, network.linear.bias))
    first, _, last = network.auxiliary
    hidden = F.linear(h, first.weight, first.bias).clamp(min=0)
    assert torch.equal(guesses, F.linear(hidden, last.weight, last.bias))


# -- whole networks -------------------------------------------------------------------------------


@by_kind
@pytest.mark.parametrize("method", [*METHODS, "none"], ids=json.dumps)
def test_a_method_is_one_line(method, labels):
    """Any method in either network: images are scored, and every weight gets a gradient."""
    generator = {"condition": method if method in [*ANYWHERE, "none"] else "concat"}
    spec = conditional(labels, generator, {"condition": method})
    networks = {name: evaluate(net) for name, net in lower(spec).items()}
    y = [draw(labels)] if method != "none" else []
    made = networks["generator"](torch.randn(BATCH, 6), *(y or [draw(labels)])[: len(y)])
    networks["discriminator"](made, *y).sum().backward()
    for network in networks.values():
        assert all(weight.grad.isfinite().all() for weight in network.parameters())


@by_kind
def test_costs_are_those_of_the_network(labels):
    condition = {"channel": {"embedding": 3, "hidden": "relu"}}
    spec = conditional(
        labels, {"condition": "concat"}, {"condition": condition, "normalization": "spectral"}
    )
    nets = lower(spec)
    for net in nets.values():
        built = sum(weight.numel() for weight in evaluate(net).parameters())
        assert totals(costs(net))["trainable"] == built
    row = costs(nets["discriminator"], macs=True)[0]
    linear = 3 * 64 + (5 * 3 if labels == "multi_hot" else 0)
    assert (row.path, row.kind, row.output) == ("condition", "channel", (4, 8, 8))
    assert (row.trainable, row.macs) == (5 * 3 + 3 * 64 + 64, linear)
    assert f"{row.params:,}" in table(spec, nets)


def test_labels_left_out_are_missed():
    network = evaluate(lower(conditional(generator={"condition": "concat"}))["generator"])
    with pytest.raises(TypeError, match="Generator reads z and y, got 1 tensor"):
        network(torch.randn(2, 6))


def test_a_failing_label_names_its_line():
    network = evaluate(lower(conditional(generator={"condition": "concat"}))["generator"])
    with pytest.raises(RuntimeError) as caught:
        network(torch.randn(2, 6), torch.tensor([0, 99]))
    (note,) = caught.value.__notes__
    assert note.startswith("in Generator, generator.condition (concat), <text>:")


@pytest.mark.true_process
def test_no_method_imports_torchs_compiler():
    """Embeddings draw weights by a kernel that on the meta device costs a second to import."""
    text = SPEC.format(
        labels="classes",
        norm="class_batch_norm",
        n=CLASSES,
        generator="{condition: {embedding: 3}, layers: [{project: [4, 4, 4]}, {up: 3}]}",
        discriminator="{layers: [{join_label: {channel: 3}}, sum_pool, projection]}",
        objective="{loss: hinge}",
    )
    code = (
        "import sys; from ganspec.language.load import loads; "
        "from ganspec.compiler.lower import lower; lower(loads(sys.argv[1])); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, text]).returncode == 0


def test_every_condition_is_tested():
    named = {m if isinstance(m, str) else next(iter(m)) for m in [*METHODS, "none"]}
    assert named == set(kinds_of("condition"))
