"""Specs whose labels are unknown, and whose networks read them: what `show`, `diff`, `compare` say.

`KNOWN` is a spec with labels; `hidden` is the same spec with unknown ones.
"""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from ganspec.cli import app
from ganspec.comparison.compare import compare
from ganspec.comparison.survey import survey
from ganspec.comparison.surveyed import SurveyedSystem
from ganspec.compiler.lower import lower
from ganspec.compiler.view import lower_to_view
from ganspec.language.errors import SpecError
from ganspec.language.load import loads
from ganspec.program.measure import costs

LABELS = "{kind: classes, size: 10}"
UNKNOWN = '{unknown: "not said"}'
GUESSED = "{kind: classes, size: {unknown: not said, guess: 10}}"
KNOWN = f"""
name: labelled
data: {{dataset: cifar10, size: 16}}
condition: {LABELS}
latent: {{size: 8}}
blocks:
  up:
    params: [out]
    layers: [{{conv_transpose: {{out: out, stride: 2}}}}, class_batch_norm, relu]
generator:
  condition: concat
  layers: [{{project: [8, 4, 4]}}, {{up: 6}}, {{up: 4}}, {{conv: 3}}, tanh]
discriminator:
  layers:
    - conv: {{out: 4, stride: 2}}
    - join_label: {{embedding: {{size: 5, join: map}}}}
    - conv: {{out: 4, stride: 2}}
    - join_label: concat
    - conv: 4
    - sum_pool
    - auxiliary
    - projection
objective: {{loss: hinge, auxiliary: 1}}
optimizers: {{adam: {{lr: 2e-4}}}}
"""
# by network: for each layer, which of its numbers that are not 0 depend on the number of classes
DEPENDING = {
    "generator": {
        "concat": ["output"],
        "project": ["macs", "params"],
        "class_batch_norm": ["params"],
    },
    "discriminator": {
        "embedding": ["macs", "params"],  # of multi-hot labels, it is a linear layer
        "concat": ["output"],
        "conv": ["macs", "params"],  # the third one
        "projection": ["macs", "params"],
        "auxiliary": ["macs", "output", "params"],
    },
}


def hidden(labels=UNKNOWN):
    return KNOWN.replace(LABELS, labels)


@pytest.mark.parametrize("labels", [UNKNOWN, GUESSED])
def test_what_depends_on_the_number_of_classes_is_lost_and_nothing_else(labels):
    nets, known = lower_to_view(loads(hidden(labels))), lower(loads(KNOWN))
    for name, net in nets.items():
        for row, other in zip(costs(net, macs=True), costs(known[name], macs=True), strict=True):
            assert (row.path, row.kind) == (other.path, other.kind)
            for key in ("params", "macs", "output"):
                assert key in row.lost or getattr(row, key) == getattr(other, key)
        lost = {}
        for row in costs(net, macs=True):
            names = [n for n in sorted(row.lost) if n == "output" or getattr(row, n)]
            lost |= {row.kind: names} if names else {}
        assert lost == DEPENDING[name]


def test_a_known_number_of_classes_loses_nothing():
    nets = lower_to_view(loads(KNOWN))
    assert nets == lower(loads(KNOWN))
    assert not any(row.lost for net in nets.values() for row in costs(net))


def shown(tmp_path, *words, labels=UNKNOWN):
    (tmp_path / "hidden.yaml").write_text(hidden(labels))
    (tmp_path / "known.yaml").write_text(KNOWN)
    result = CliRunner().invoke(app, [w.replace("DIR", str(tmp_path)) for w in words])
    return result


@pytest.mark.parametrize("labels", [UNKNOWN, GUESSED])
def test_show_prints_the_layers_and_not_read(labels, tmp_path):
    result = shown(tmp_path, "show", "DIR/hidden.yaml", labels=labels)
    assert result.exit_code == 0
    lines = [line.split() for line in result.output.splitlines()]
    assert ["label", "not", "read"] in lines
    assert ["conv", "4", "x", "8", "x", "8", "112", "6,912"] in [line[:-1] for line in lines]
    assert ["total", "not", "read", "not", "read"] in lines
    assert "condition" in result.output.split("not read\n")[-1]
    networks = json.loads(shown(tmp_path, "show", "DIR/hidden.yaml", "--json").output)["networks"]
    assert networks["discriminator"]["params"]["total"] is None
    assert [layer["params"] for layer in networks["discriminator"]["layers"]][:2] == [112, None]
    outputs = [layer["output"] for layer in networks["discriminator"]["layers"]]
    assert outputs[:4] == [[4, 8, 8], [5, 8, 8], [4, 4, 4], None]


@pytest.mark.parametrize("form", ["graph", "mermaid", "markdown", "latex"])
def test_every_form_of_show_says_not_read(form, tmp_path):
    result = shown(tmp_path, "show", "DIR/hidden.yaml", "--format", form, "-o", "-")
    assert result.exit_code == 0
    assert "not read" in result.output
    assert "1 of 2" not in result.output
    assert "auxiliary 2" not in result.output


def test_diff_finds_no_difference_in_what_was_read_and_says_what_was_not(tmp_path):
    found = compare(loads(KNOWN), loads(hidden()))
    assert not found.is_equal
    assert found.answer == ("no difference in what was read", "not read in B: condition")
    totals = {c.name: c.after for network in found.networks for c in network.totals}
    assert totals["parameters"] == "not read"
    assert totals["layers"] == "8"
    other = loads(hidden().replace("- conv: 4\n", "- conv: 6\n"))
    lines = compare(loads(KNOWN), other).answer
    assert lines[0] == "no difference in what was read of the generator"
    assert lines[1].startswith("the discriminator changes conv")
    for form in ("text", "json", "markdown", "html"):
        words = ("diff", "DIR/known.yaml", "DIR/hidden.yaml", "--format", form, "-o", "-")
        assert shown(tmp_path, *words).exit_code == 1


def test_diff_shows_the_known_counts_of_one_side_and_no_guessed_ones_of_the_other():
    known, guessed = loads(KNOWN), loads(hidden(GUESSED))  # both have 10 classes
    for swap in (False, True):
        found = compare(guessed, known) if swap else compare(known, guessed)
        for network in found.networks:
            net = lower(known)[network.name]
            (count,) = [c for c in network.totals if c.name == "parameters"]
            texts = (f"{sum(row.params for row in costs(net)):,}", "not read")
            assert (count.before, count.after) == (texts[::-1] if swap else texts)


def test_compare_fills_the_rows_that_do_not_depend_on_the_labels():
    table = survey([SurveyedSystem("a", loads(KNOWN)), SurveyedSystem("b", loads(hidden()))])
    rows = {row.title: row.cells[1] for row in table.rows}
    assert rows["labels"] == "not read"
    assert rows["generator parameters"] == rows["discriminator multiply-adds"] == "not read"
    assert rows["discriminator layers"] == table_cell(table, "discriminator layers")
    assert rows["generator norm"] == "class BN"
    assert rows["discriminator widths"] == "4-1"


def table_cell(table, title):
    return next(row.cells[0] for row in table.rows if row.title == title)


def test_check_build_and_lower_refuse_labels_that_are_unknown(tmp_path):
    for name in ("check", "build", "train"):
        result = shown(tmp_path, name, "DIR/hidden.yaml")
        assert result.exit_code == 1
        assert "error[not-read]" in result.output
    with pytest.raises(SpecError):
        lower(loads(hidden()))


def test_other_errors_of_a_network_are_shown_all_the_same(tmp_path):
    text = hidden().replace("sum_pool", "linear: 3")
    with pytest.raises(SpecError) as refused:
        lower_to_view(loads(text))
    assert {each.code for each in refused.value.diagnostics} == {"shape-mismatch"}
