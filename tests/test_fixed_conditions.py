"""Pictures of a training whose labels are read from a file."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from conftest import ROOT, assert_same_weights, narrow, write_iclevr
from PIL import Image
from small_gans import MULTI_HOT, OBJECTS, write_objects
from test_specs import STEPS, program_weights

import ganspec
from ganspec.kinds.dataset import DataError
from ganspec.language.errors import SpecError
from ganspec.language.load import loads
from ganspec.sampling.sampler import Sampler
from ganspec.systems import checkpoint

ASKED = [[OBJECTS[0], OBJECTS[7]], [OBJECTS[23]], [OBJECTS[1]] * 2]
LABELS = np.zeros((3, 24), np.float32)
LABELS[[0, 0, 1, 2], [0, 7, 23, 1]] = 1


@pytest.fixture
def spec(tmp_path):
    """Return a GAN whose pictures show the three sets of labels in a file beside its data."""
    write_objects(tmp_path)
    (tmp_path / "test.json").write_text(json.dumps(ASKED))
    text = MULTI_HOT.replace("FOLDER", str(tmp_path))
    return loads(text.replace("batch: 16", "batch: 16, conditions: test.json"))


def test_pictures_are_of_the_files_conditions(spec, tmp_path):
    run = ganspec.train(spec, tmp_path / "run", device="cpu", steps=STEPS)
    fixed = checkpoint.load(run.checkpoint_path)["fixed"]
    assert torch.equal(fixed["labels"], torch.from_numpy(LABELS))
    assert fixed["latent"].shape == (3, 5)
    with Image.open(run.latest_samples()) as picture:
        mine = np.asarray(picture)
    assert mine.shape == (10 + 2, 8 * 10 + 2, 3)  # eight columns, white after the third
    assert (mine[:, 3 * 10 + 2 :] == 255).all() and (mine[2:10, 2:10] != 255).any()
    # `sample` draws the same conditions in turn
    images = Sampler(run.folder, torch.device("cpu")).images(5, seed=0)
    labels = torch.cat([labels for _, labels in images])
    assert torch.equal(labels, torch.from_numpy(LABELS)[[0, 1, 2, 0, 1]])


def test_the_emitted_program_draws_the_same_pictures(spec, tmp_path):
    run = ganspec.train(spec, tmp_path / "run", device="cpu", steps=STEPS, exact=True)
    weights = checkpoint.load(run.checkpoint_path)["networks"]
    theirs = program_weights(spec, None, tmp_path)
    for key in weights:
        assert_same_weights(weights[key], theirs[key])
    (picture,) = (tmp_path / "out").glob(f"samples_*{STEPS}.png")
    assert picture.read_bytes() == run.latest_samples().read_bytes()


def test_the_file_is_in_the_data_sets_folder(tmp_path):
    folder = tmp_path / "iclevr"
    folder.mkdir()
    write_iclevr(folder)
    asked = {f"{i}.png": names for i, names in enumerate(ASKED)}  # a map, as train.json is
    (folder / "asked.json").write_text(json.dumps(asked))
    spec = narrow(ROOT / "specs" / "cgan_iclevr.yaml", "train.conditions=asked.json", "vars.z=4")
    run = ganspec.train(spec, tmp_path / "run", data=folder, device="cpu", steps=1, exact=True)
    fixed = checkpoint.load(run.checkpoint_path)["fixed"]
    assert torch.equal(fixed["labels"], torch.from_numpy(LABELS))
    assert 'args.data / "asked.json"' in ganspec.emit(spec)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no file"),
        ("{", "is not JSON"),
        ("[]", "is not a list of conditions, which are lists of objects"),
        ('[["red cube"], ["red moon"]]', "has 'red moon' for 'condition 2', not in objects.json"),
        ('["red cube"]', "has no list of objects for 'condition 1'"),
    ],
)
def test_a_damaged_file_is_one_line(spec, tmp_path, content, said):
    path = tmp_path / "test.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(DataError) as raised:
        ganspec.train(spec, tmp_path / "run", steps=1)
    assert said in str(raised.value) and "\n" not in str(raised.value)
    assert not (tmp_path / "run" / "log.jsonl").exists()


@pytest.mark.parametrize("change", ["classes", "unread", "none"])
def test_conditions_that_no_generator_reads_are_refused(spec, tmp_path, change):
    text = MULTI_HOT.replace("FOLDER", str(tmp_path)).replace(
        "batch: 16", "batch: 16, conditions: a.json"
    )
    if change == "unread":
        text = text.replace("generator: {condition: concat, ", "generator: {")
    else:
        text = text.replace(f", labels: {tmp_path}/train.json", "")
        text = text.replace("multi_hot", "classes")
    if change == "none":
        lines = (line for line in text.splitlines() if not line.startswith("condition:"))
        text = (
            "\n".join(lines).replace("condition: concat, ", "").replace("condition: channel, ", "")
        )
    with pytest.raises(SpecError) as raised:
        ganspec.build(loads(text))
    (found,) = raised.value.diagnostics
    assert found.code == "rule-conflict"
    assert "pictures of multi-hot labels, but the generator reads none" in found.message
