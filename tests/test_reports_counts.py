"""Parameter counts: those that reports print, and others that are computed by hand.

A layer's count is all numbers that it stores, as Keras prints it: batch norm of c channels has 4 c,
of which 2 c are running statistics. Report 000's have neither running statistics nor a gain: c.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT, SPECS

import ganspec
from ganspec.compiler.lower import lower
from ganspec.language.errors import SpecError
from ganspec.program.measure import costs, totals


def load(name: str, *settings: str) -> ganspec.Spec:
    return ganspec.load(ROOT / "specs" / f"{name}.yaml", list(settings))


# -- layer by layer -------------------------------------------------------------------------------

# printed; (total, trainable)
PRINTED = {
    ("dcgan_keras", "discriminator"): ([1792, 73856, 147584, 295168, 4097], 522_497, 522_497),
    ("dcgan_fashion", "generator"): (
        [1254400, 50176, 819200, 512, 204800, 256, 1600],
        2_330_944,
        2_305_472,
    ),
    ("dcgan_fashion", "discriminator"): ([1664, 204928, 6273], 212_865, 212_865),
    ("denoising_fashion", "autoencoder"): (
        [320, 4624, 1015, 448, 1024, 4640, 289],
        12_360,
        12_360,
    ),
    ("classifier_fashion", "classifier"): (
        [320, 128, 9248, 128, 18496, 256, 36928, 256, 1606144, 2048, 5130],
        1_679_082,
        1_679_082 - 2 * (32 + 32 + 64 + 64 + 512),
    ),
}

GENERATOR_000 = [
    100 * 4 * 4 * 512 + 4 * 4 * 512,
    4 * 4 * 512,
    5 * 5 * 512 * 256 + 256,
    256,
    5 * 5 * 256 * 128 + 128,
    128,
    5 * 5 * 128 * 64 + 64,
    64,
    5 * 5 * 64 * 3 + 3,
]
GENERATOR_003 = [
    24 * 64 * 64 + 64 * 64,
    (100 + 64 * 64) * 512 * 4 * 4,
    4 * 512,
    512 * 256 * 4 * 4,
    4 * 256,
    256 * 128 * 4 * 4,
    4 * 128,
    128 * 64 * 4 * 4,
    4 * 64,
    64 * 3 * 4 * 4,
]
STATISTICS_003 = 2 * (512 + 256 + 128 + 64)

# by hand, with how many of the numbers are running statistics
BY_HAND = {
    ("dcgan_cifar64", "generator"): (GENERATOR_000, 0),
    ("wgan_cifar64", "generator"): (GENERATOR_000, 0),
    ("dcgan_cifar64", "discriminator"): (
        [
            5 * 5 * 3 * 64 + 64,
            5 * 5 * 64 * 128 + 128,
            128,
            5 * 5 * 128 * 256 + 256,
            256,
            5 * 5 * 256 * 512 + 512,
            512,
            1 * 1 * 512 * 512 + 512,
            4 * 4 * 512 + 1,
        ],
        0,
    ),
    ("wgan_cifar64", "discriminator"): (
        [
            5 * 5 * 3 * 64 + 64,
            5 * 5 * 64 * 128,
            128,
            5 * 5 * 128 * 256,
            256,
            5 * 5 * 256 * 512,
            512,
            4 * 4 * 512 + 1,
        ],
        0,
    ),
    ("dcgan_keras", "generator"): (
        [
            100 * 4 * 4 * 256 + 4 * 4 * 256,
            4 * 4 * 256 * 128 + 128,
            4 * 4 * 128 * 128 + 128,
            4 * 4 * 128 * 128 + 128,
            3 * 3 * 128 * 3 + 3,
        ],
        0,
    ),
    ("cgan_iclevr", "generator"): (GENERATOR_003, STATISTICS_003),
    ("cgan_iclevr_type2", "generator"): (GENERATOR_003, STATISTICS_003),
    ("wgan_gp_iclevr", "generator"): (GENERATOR_003, STATISTICS_003),
    ("cgan_iclevr", "discriminator"): (
        [
            24 * 64 * 64 + 64 * 64,
            (3 + 1) * 64 * 4 * 4,
            64 * 128 * 4 * 4,
            4 * 128,
            128 * 256 * 4 * 4,
            4 * 256,
            256 * 512 * 4 * 4,
            4 * 512,
            512 * 4 * 4,
        ],
        2 * (128 + 256 + 512),
    ),
    ("cgan_iclevr_type2", "discriminator"): (
        [
            3 * 64 * 4 * 4,
            64 * 128 * 4 * 4,
            4 * 128,
            128 * 256 * 4 * 4,
            4 * 256,
            256 * 512 * 4 * 4,
            4 * 512,
            512 * 4 * 4,
        ],
        2 * (128 + 256 + 512),
    ),
    ("wgan_gp_iclevr", "discriminator"): (
        [
            24 * 64 * 64 + 64 * 64,
            (3 + 1) * 64 * 4 * 4,
            64 * 128 * 4 * 4,
            2 * 128,  # a gain and a bias; instance norm keeps no statistics
            128 * 256 * 4 * 4,
            2 * 256,
            256 * 512 * 4 * 4,
            2 * 512,
            512 * 4 * 4,
        ],
        0,
    ),
    ("cgan_fashion", "generator"): (
        [
            100 * 128 * 7 * 7 + 128 * 7 * 7,
            10 * 50 + (50 * 7 * 7 + 7 * 7),
            4 * 4 * (128 + 1) * 128 + 128,
            4 * 4 * 128 * 128 + 128,
            7 * 7 * 128 + 1,
        ],
        0,
    ),
    ("cgan_fashion", "discriminator"): (
        [
            10 * 50 + (50 * 28 * 28 + 28 * 28),
            3 * 3 * (1 + 1) * 128 + 128,
            3 * 3 * 128 * 128 + 128,
            7 * 7 * 128 + 1,
        ],
        0,
    ),
    ("acgan_cifar32", "generator"): (
        [
            (100 + 10) * 4 * 4 * 256 + 4 * 4 * 256,
            4 * 256,
            4 * 4 * 256 * 128 + 128,
            4 * 128,
            4 * 4 * 128 * 128 + 128,
            4 * 128,
            4 * 4 * 128 * 128 + 128,
            4 * 128,
            3 * 3 * 128 * 3 + 3,
        ],
        2 * (256 + 3 * 128),
    ),
    ("acgan_cifar32", "discriminator"): (
        [
            3 * 3 * 3 * 64 + 64,
            3 * 3 * 64 * 128 + 128,
            4 * 128,
            3 * 3 * 128 * 128 + 128,
            4 * 128,
            3 * 3 * 128 * 256 + 256,
            4 * 256,
            4 * 4 * 256 + 1,
            4 * 4 * 256 * 10 + 10,
        ],
        2 * (128 + 128 + 256),
    ),
}
COUNTS = {**{k: (t[0], t[1] - t[2]) for k, t in PRINTED.items()}, **BY_HAND}


@pytest.mark.parametrize(("name", "key"), COUNTS, ids=lambda part: part)
def test_counts_of_every_layer(name, key):
    layers, statistics = COUNTS[name, key]
    spec = load(name)
    rows = costs(lower(spec)[key])
    assert [row.params for row in rows if row.params] == layers
    total = sum(layers)
    assert totals(rows) == {
        "total": total,
        "trainable": total - statistics,
        "buffers": statistics,
    }
    network = ganspec.build(spec)[key]
    assert sum(weight.numel() for weight in network.parameters()) == total - statistics


@pytest.mark.parametrize(("name", "key"), PRINTED, ids=lambda part: part)
def test_printed_tables_add_up(name, key):
    """The reports' own sums; and their specs claim nothing less."""
    layers, total, trainable = PRINTED[name, key]
    assert sum(layers) == total
    report = load(name).report
    claim = report.params[key]
    assert claim.total == total
    assert claim.trainable in (trainable, None)
    assert report.layers[key] == tuple(layers)


def test_every_printed_count_is_claimed():
    assert sum(BY_HAND["dcgan_keras", "generator"][0]) == 1_466_115
    assert load("dcgan_keras").report.params["generator"].total == 1_466_115


# -- wrong claims ---------------------------------------------------------------------------------


def claimed(spec: ganspec.Spec):
    """Every claimed count of a spec as a path and a number."""
    for key, claim in spec.report.params.items():
        if isinstance(claim, int):
            yield f"report.params.{key}", claim
        else:
            yield from ((f"report.params.{key}.{k}", n) for k, n in claim if n is not None)
    for key, table in spec.report.layers.items():
        yield from ((f"report.layers.{key}.{i}", n) for i, n in enumerate(table))


@pytest.mark.parametrize("path", [p for p in SPECS if any(claimed(ganspec.load(p)))], ids=str)
def test_no_claim_can_be_changed(path):
    assert ganspec.check(ganspec.load(path)) is not None
    for place, count in claimed(ganspec.load(path)):
        spec = ganspec.load(path, [f"{place}={count + 1}"])
        with pytest.raises(SpecError) as raised:
            ganspec.check(spec)
        (wrong,) = raised.value.diagnostics
        assert wrong.code == "count-mismatch"
        assert f"claims {count + 1:,}" in wrong.message


def test_claims_about_an_unknown_network_are_not_compared():
    spec = load("dcgan_keras", "discriminator={unknown: everything}")
    assert {warning.code for warning in ganspec.check(spec)} == {"not-read"}


SAID = {
    "a total": (
        "{total: 522497",
        "{total: 522498",
        """\
error[count-mismatch]: the report claims 522,498 parameters in discriminator
 --> spec.yaml:7:28
  |
7 |     discriminator: {total: 522498, trainable: 522497, buffers: 0}
  |                            ^^^^^^
  = note: discriminator has 522,497, 1 fewer than claimed
  = help: compare the report with `ganspec show`""",
    ),
    "a layer": (
        "147584, 295168",
        "147585, 295168",
        """\
error[count-mismatch]: the report claims 147,585 parameters in layer 3 of discriminator
  --> spec.yaml:10:34
   |
10 |     discriminator: [1792, 73856, 147585, 295168, 4097]
   |                                  ^^^^^^
   = note: conv at line CONV has 147,584 parameters
   = help: compare the report with `ganspec show`""",
    ),
    "a layer too few": (
        "295168, 4097]",
        "295168]",
        """\
error[count-mismatch]: discriminator has 5 layers with parameters, but the report lists 4
  --> spec.yaml:10:20
   |
10 |     discriminator: [1792, 73856, 147584, 295168]
   |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   = note: the first that the report lacks is linear at line LAST, with 4,097 parameters""",
    ),
    "a layer too many": (
        "4097]",
        "4097, 10]",
        """\
error[count-mismatch]: the report claims 10 parameters in layer 6 of discriminator
  --> spec.yaml:10:56
   |
10 |     discriminator: [1792, 73856, 147584, 295168, 4097, 10]
   |                                                        ^^
   = note: discriminator has 5 layers with parameters
   = help: compare the report with `ganspec show`""",
    ),
    "another network": (
        "    generator: {total: 1466115}         # not printed; the sum of the layers",
        "    generater: {total: 1466115}",
        """\
error[unknown-name]: no network is called `generater`
 --> spec.yaml:8:5
  |
8 |     generater: {total: 1466115}
  |     ^^^^^^^^^
  = help: use `generator`""",
    ),
}


@pytest.mark.parametrize("what", SAID)
def test_user_is_told_which_claim_is_wrong(what, tmp_path, monkeypatch):
    old, new, said = SAID[what]
    text = (ROOT / "specs" / "dcgan_keras.yaml").read_text()
    assert text.count(old) == 1
    lines = text.splitlines()
    for word, comment in {"CONV": "# 147,584", "LAST": "# 4,097"}.items():
        (line,) = (i for i, each in enumerate(lines, 1) if each.endswith(comment))
        said = said.replace(f"line {word}", f"line {line}")
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text(text.replace(old, new))
    with pytest.raises(SpecError) as raised:
        ganspec.check(ganspec.load("spec.yaml"))
    assert [d.render() for d in raised.value.diagnostics] == [said]


def test_a_layer_of_a_file_that_is_extended_is_named_with_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "specs" / "dcgan.yaml").read_text()
    Path("base.yaml").write_text(text)
    (line,) = (i for i, each in enumerate(text.splitlines(), 1) if each == "    - norm")
    claim = "report: {layers: {generator: [819200, 2047]}}"
    Path("child.yaml").write_text(f"extends: base.yaml\nname: child\n{claim}\n")
    with pytest.raises(SpecError) as raised:
        ganspec.check(ganspec.load("child.yaml"))
    (wrong,) = raised.value.diagnostics
    assert wrong.notes == (f"batch_norm at base.yaml:{line}:7 has 2,048 parameters",)
