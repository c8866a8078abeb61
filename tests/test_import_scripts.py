"""Code as it stands in training scripts: options, factories, prints, labels in front."""

from __future__ import annotations

import pytest
import yaml
from conftest import ROOT
from test_import import PIECES, imported, run

import ganspec
from ganspec.compiler.lower import lower
from ganspec.importing.python_file import parse_settings
from ganspec.importing.source import EQUAL
from ganspec.language.load import loads

OPTIONS = ROOT / "tests" / "imported" / "options.py"


def test_what_a_script_parses_and_prints_is_no_part_of_the_spec():
    result = run(f"{OPTIONS}:Parsed", "--input", "z:8", "--stdout")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("# Written by")
    assert "latents" in result.stderr
    assert loads(result.stdout).data.shape == (1, 16, 16)


def test_options_are_given_field_by_field():
    words = [f"{OPTIONS}:Namespace", "--input", "z:8", "--stdout"]
    assert "or --with opt.NAME=..." in run(*words).output
    missing = run(*words, "--with", "opt.nz=8")
    assert missing.exit_code == 2
    assert "`opt` has no `size`; add --with opt.size=..." in missing.output
    found = run(*words, "--with", "opt.nz=8,opt.size=16")
    assert found.exit_code == 0, found.output
    assert EQUAL in found.stderr


def test_words_name_what_the_file_has_and_functions_make_networks():
    made = imported(OPTIONS, {"network": "critic"}, "x:3x16x16")
    words = parse_settings(["norm_layer=nn.InstanceNorm2d,act=leaky"])
    told = imported(OPTIONS, {"network": "Critic"}, "x:3x16x16", **words)
    for found, norm, activation in ((made, "batch", "relu"), (told, "instance", "leaky_relu")):
        assert list(found.verified.values()) == [EQUAL]
        network = yaml.safe_load(found.text)["discriminator"]
        assert network["normalization"] == norm
        assert network["layers"][1] == "norm" and activation in network["layers"][2]


def test_unknown_layers_of_any_size_keep_the_shapes():
    found = imported(OPTIONS, {"network": "Uneven"}, "x:3x64x64")
    assert "ZeroPad2d (64 x 128 x 128 -> 64 x 129 x 129)" in found.text
    lower(loads(found.text))


def test_a_label_in_front_is_unknown():
    found = imported(OPTIONS, {"network": "LabelFirst"}, "z:8", "y:class10")
    layers = yaml.safe_load(found.text)["generator"]["layers"]
    assert layers[0] == {"unknown": {"seen": "Embedding, cat (8 -> 13)", "shape": [13]}}
    assert layers[1] == {"linear": 64}
    lower(loads(found.text))


def test_the_older_spectral_norm_has_torchs_own_initial_weights():
    found = imported(OPTIONS, {"network": "Spectral"}, "x:3x16x16")
    assert list(found.verified.values()) == [EQUAL]
    assert "init" not in yaml.safe_load(found.text)["discriminator"]


@pytest.mark.parametrize("module", ["spectral_norm", "parametrizations"])
def test_settings_of_spectral_norms_are_those_of_each_layer(module, tmp_path):
    path = tmp_path / "critic.py"
    path.write_text(
        f"from torch import nn\nfrom torch.nn.utils.{module} import spectral_norm as norm\n\n\n"
        "def critic():\n"
        "    one = norm(nn.Conv2d(3, 8, 3, 1, 1), n_power_iterations=5)\n"
        "    two = norm(nn.Conv2d(8, 8, 3, 1, 1), eps=1e-3)\n"
        "    return nn.Sequential(one, nn.ReLU(), two, nn.Flatten(), nn.Linear(8 * 64, 1))\n"
    )
    found = imported(path, {"network": "critic"}, "x:3x8x8")
    assert list(found.verified.values()) == [EQUAL]
    layers = yaml.safe_load(found.text)["discriminator"]["layers"]
    norms = [layer["conv"]["weight_norm"] for layer in layers if "conv" in layer]
    assert norms == [{"spectral": {"power_iterations": 5}}, {"spectral": "1e-3"}]


def test_weights_inside_what_is_not_expressed_are_told_once():
    found = imported(PIECES, {"network": "Inexpressible"}, "x:3x8x8")
    assert not any("attention." in note for note in found.warnings), found.warnings


def test_an_embedding_as_a_channel_without_a_bias_is_unknown():
    found = imported(OPTIONS, {"network": "LabelMap"}, "x:3x8x8", "y:class10")
    layers = yaml.safe_load(found.text)["discriminator"]["layers"]
    assert layers[0]["unknown"]["shape"] == [4, 8, 8]
    lower(loads(found.text))


def test_a_label_beside_an_image_that_is_read_as_a_vector():
    found = imported(OPTIONS, {"network": "FlatScore"}, "x:64", "y:class10")
    assert list(found.verified.values()) == [EQUAL], found.text
    ganspec.check(loads(found.text))
