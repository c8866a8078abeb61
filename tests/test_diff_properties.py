"""Properties of all comparisons, tested on random specs and random edits of them."""

from __future__ import annotations

import json
from dataclasses import replace

import torch
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from test_diff import mirrored
from test_properties import SAME_SHAPE, sized, specs

from ganspec.comparison.authored import AuthoredPair
from ganspec.comparison.compare import compare
from ganspec.comparison.edits import Insert, Keep, Move, Remove, Update
from ganspec.comparison.networks import AlignedNetworks
from ganspec.comparison.programs import NetworkLayers
from ganspec.compiler.evaluate import evaluate
from ganspec.compiler.lower import lower
from ganspec.language.errors import SpecError
from ganspec.language.load import loads

EXAMPLES = 12
LARGEST = 20  # rows or columns of an image
few = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def built(data: dict):
    """Return the spec of plain data that fits together; others are left out."""
    try:
        spec = loads(json.dumps(data))
        lower(spec)
    except SpecError:
        assume(False)
    return spec


@st.composite
def small(draw) -> dict:
    """Return a random spec whose networks fit together and are small."""
    try:
        data = sized(draw(specs()))
    except SpecError:
        assume(False)
    assume(max(data["data"]["size"]) <= LARGEST)
    return data


# -- spellings --------------------------------------------------------------------------------


def unrolled(layers: list, normalization: object) -> list:
    """`layers` with repeats and the block `piece` opened, and `norm` called what it is."""
    found = []
    for layer in layers:
        kind, body = next(iter(layer.items())) if isinstance(layer, dict) else (layer, None)
        if kind == "repeat":
            rounds = body.get("with", {"": [None] * body.get("times", 1)})
            ((name, values),) = rounds.items()
            for value in values:
                inner = unrolled(body["layers"], normalization)
                found += [replaced(each, name, value) for each in inner] if name else inner
        elif kind == "piece":
            inner = unrolled(PIECE, normalization)
            found += [replaced(each, "c", body) for each in inner]
        elif kind == "residual" and isinstance(body, list):
            found.append({"residual": unrolled(body, normalization)})
        elif kind == "residual":
            parts = {name: unrolled(part, normalization) for name, part in body.items()}
            found.append({"residual": parts})
        else:
            found.append(normalization if kind == "norm" else layer)
    return found


PIECE: list = []
LAYERS = {"batch": "batch_norm", "instance": "instance_norm", "{'layer': {}}": {"layer_norm": {}}}


def replaced(layer: object, name: str, value: object) -> object:
    """`layer` with a name's value in its place."""
    if isinstance(layer, dict):
        return {key: replaced(part, name, value) for key, part in layer.items()}
    if isinstance(layer, list):
        return [replaced(part, name, value) for part in layer]
    return value if layer == name else layer


def respelt(data: dict) -> dict:
    """Return the same spec without repeats, blocks or the layer `norm`, under other names."""
    PIECE[:] = data["blocks"]["piece"]["layers"]
    other = {**data, "name": "other", "doc": "Another text.", "vars": {"z": 5, "ch": 4, "w": 9}}
    other.pop("blocks")
    for key in ("generator", "discriminator"):
        network = data[key]
        norms = network.get("normalization", [])
        weights = [norm for norm in norms if norm in ("spectral", "weight")]
        written = [LAYERS.get(str(norm)) for norm in norms if norm not in weights]
        layers = unrolled(network["layers"], written[0] if written else None)
        other[key] = {k: v for k, v in network.items() if k != "normalization"} | {"layers": layers}
        if weights:
            other[key]["normalization"] = weights[0]
    return other


def same_program(a, b) -> bool:
    """Whether the networks of two specs have equal weights and outputs after one seed."""
    for key, ours in lower(a).items():
        theirs, values = lower(b)[key], []
        if ours.inputs[0].value.shape != theirs.inputs[0].value.shape:
            return False
        for net in (ours, theirs):
            torch.manual_seed(1)
            network = evaluate(net)
            x = torch.linspace(-1, 1, 4 * ours.inputs[0].value.tensor(1).numel())
            weights = [value.clone() for value in network.state_dict().values()]
            values.append([*weights, network(x.reshape(4, *ours.inputs[0].value.shape))])
        if len(values[0]) != len(values[1]) or not all(map(equal, *values)):
            return False
    return True


def equal(a, b) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, 0, 0, equal_nan=True)


@few
@given(small())
def test_another_spelling_is_no_difference(data):
    a, b = built(data), built(respelt(data))
    for x, y in ((a, a), (a, b), (b, a)):
        comparison = compare(x, y)
        assert comparison.is_equal
        assert all(isinstance(edit, Keep) for n in comparison.networks for edit in n.edits)
    assert same_program(a, b)


# -- edits ------------------------------------------------------------------------------------


@st.composite
def edited(draw, count: int) -> tuple[dict, dict, int]:
    """Return a spec, another made of it by edits of single layers, and how many these were."""
    data = draw(small())
    key = draw(st.sampled_from(["generator", "discriminator"]))
    layers, made = list(data[key]["layers"]), 0
    for _ in range(draw(st.integers(1, count))):
        plain = [i for i, layer in enumerate(layers) if layer in SAME_SHAPE]
        convs = [i for i, x in enumerate(layers) if isinstance(x, dict) and "conv" in x]
        ways = ["insert", *["remove", "replace", "move"] * bool(plain), *["field"] * bool(convs)]
        way, place = draw(st.sampled_from(ways)), st.integers(0, len(layers) - 1)
        if way == "insert":
            layers.insert(draw(place), draw(st.sampled_from(SAME_SHAPE)))
        elif way == "field":
            at = draw(st.sampled_from(convs))
            body = layers[at]["conv"]
            body = dict(body) if isinstance(body, dict) else {"out": body}
            field, value = draw(
                st.sampled_from([("bias", False), ("kernel", 5), ("init", "zeros")])
            )
            layers[at] = {"conv": {**body, field: value}}
        else:
            at = draw(st.sampled_from(plain))
            old = layers.pop(at)
            if way == "replace":
                layers.insert(at, draw(st.sampled_from(SAME_SHAPE)))
            if way == "move":
                layers.insert(draw(place), old)
            made += way != "remove"  # one layer goes, another comes
        made += 1
    other = {**data, key: {**data[key], "layers": layers}}
    return data, other, made


@few
@given(edited(4))
def test_edits_are_never_more_than_were_made(pair):
    data, other, made = pair
    a, b = built(data), built(other)
    comparison = compare(a, b)
    changed = [edit for network in comparison.networks for edit in network.changed]
    event(f"{made} made, {len(changed)} told")
    assert len(changed) <= made
    assert comparison.is_equal == (not changed)
    if comparison.is_equal:
        assert same_program(a, b)


@few
@given(edited(4))
def test_a_comparison_mirrors_its_opposite(pair):
    a, b = built(pair[0]), built(pair[1])
    there, back = compare(a, b), compare(b, a)
    for network, other in zip(there.networks, back.networks, strict=True):
        assert sorted(map(repr, network.edits)) == sorted(repr(mirrored(e)) for e in other.edits)
        assert network.settings == tuple(map(mirrored, other.settings))
        assert network.totals == tuple(map(mirrored, other.totals))
    opposite = [list(map(mirrored, section.changes)) for section in back.sections]
    assert [list(section.changes) for section in there.sections] == opposite


@few
@given(edited(6))
def test_the_edits_make_b_of_a(pair):
    """Layer by layer: A's, with the told changes alone, is B's where B has it."""
    a, b = built(pair[0]), built(pair[1])
    both, nets = AuthoredPair(a, b), (lower(a), lower(b))
    for key in a.networks:
        ours, theirs = (
            NetworkLayers(s, key, n[key], {}) for s, n in zip((a, b), nets, strict=True)
        )
        networks = AlignedNetworks(ours, theirs, both)
        edits = list(networks.edits())
        by_number = {leaf.layer.number: leaf for leaf in ours.leaves}
        made = []
        for edit in (edit for edit in edits if edit.b and edit.b.kind != "output"):
            leaf = theirs.leaves[edit.b.number - 1]
            made.append(leaf.layer.number)
            if isinstance(edit, Insert) or any(c.name == "kind" for c in edit.changes):
                continue
            old = by_number[edit.a.number]
            if leaf.model.kind in ("residual", "add", "concat") or len(leaf.steps) == 0:
                assert old.calls == leaf.calls
                continue
            told = {c.name.replace(" ", "_") for c in edit.changes}
            values = {n: getattr(leaf.model, n) for n in told if n in type(leaf.model).model_fields}
            assert theirs.calls_with(replace(leaf, model=old.model), values) == leaf.calls
        assert made == [leaf.layer.number for leaf in theirs.leaves[:-1]]
        gone = {e.a.number for e in edits if isinstance(e, Remove)}
        kept = [e.a.number for e in edits if isinstance(e, Keep | Update) and e.a.kind != "output"]
        moved = {e.a.number for e in edits if isinstance(e, Move)}
        assert kept == sorted(kept)
        assert {*gone, *kept, *moved} == {leaf.layer.number for leaf in ours.leaves[:-1]}
