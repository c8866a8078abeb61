"""Checkpoints: damage and checkpoints of other specs are refused; equal states have equal bytes."""

from __future__ import annotations

import copy
import os
import pickle
import random
import zipfile
from pathlib import Path

import pytest
import torch
from conftest import SPECS, small
from small_gans import GREY

import ganspec
from ganspec.evaluation import reference
from ganspec.evaluation.extractor import Extractor
from ganspec.language.load import loads
from ganspec.runs.run import Run, RunError
from ganspec.sampling.sampler import Sampler
from ganspec.systems import archive, checkpoint
from ganspec.systems.checkpoint import CheckpointError
from ganspec.training.loop import TrainingError

CPU = torch.device("cpu")
FLIPS = int(os.environ.get("GANSPEC_FLIPS", "60"))  # 400 for the figure in docs/robustness.md


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """Return a run of four steps, with a snapshot of step 3 and an average."""
    return ganspec.train(loads(GREY), tmp_path_factory.mktemp("runs") / "grey", steps=4)


def trainer(text: str = GREY) -> ganspec.Trainer:
    return ganspec.Trainer(loads(text), device="cpu")


def equal(a: object, b: object) -> bool:
    """Return True if two states are equal bit for bit."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and [*a] == [*b] and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    return type(a) is type(b) and a == b


# -- damage -----------------------------------------------------------------------------------


def statistics(folder: Path) -> tuple[Path, str]:
    """Write statistics of random images into a cache. Return the file and its key."""

    def extract(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows = images.flatten(1).float()
        return rows[:, :6], rows[:, 6:9]

    extractor = Extractor("plain", "0" * 64, "last", "bilinear", extract, CPU, 8)
    images = torch.randint(0, 256, (20, 3, 4, 4), dtype=torch.uint8)
    reference.reference_activations(reference.RealImages(images, "random"), extractor)
    (path,) = folder.glob("*.pt")
    return path, path.stem


def places(data: bytes, path: Path) -> list[int]:
    """Return the bytes of an archive that are not a tensor's: headers, pickle, directory."""
    outside = set(range(len(data)))
    with zipfile.ZipFile(path) as members:
        for member in members.infolist():
            if "/data/" in member.filename:
                start = data.index(member.filename.encode(), member.header_offset)
                outside -= set(range(start + 100, start + member.file_size))
    return sorted(outside)


def flips_that_load(source: Path, path: Path, load) -> int:
    """Flip bits of copies of `source` at `path`. Return how many copies `load` does not refuse.

    `load` raises an error or returns the contents, which have to be those of `source`.
    """
    data, whole, order = source.read_bytes(), load(source), random.Random(0)
    outside, harmless = places(data, source), 0
    for i in range(FLIPS // 3 + 1):
        place = order.choice(outside) if i % 2 else order.randrange(len(data))
        flipped = bytearray(data)
        flipped[place] ^= 1 << order.randrange(8)
        path.write_bytes(flipped)
        try:
            assert equal(load(path), whole), place
            harmless += 1
        except CheckpointError as error:
            assert "\n" not in str(error) and str(path) in str(error)
    return harmless


def test_a_flipped_bit_changes_nothing_silently(run, tmp_path, monkeypatch):
    """Each flip is refused, or is where the format keeps nothing that is read."""
    monkeypatch.setattr(reference, "CACHE", tmp_path)
    cached, key = statistics(tmp_path)
    path = tmp_path / "flipped.pt"

    def load_cached(file):
        if reference._cached(file, key) is None:
            raise CheckpointError(f"{file} is ignored")
        return archive.read(file)

    harmless = flips_that_load(cached, path, load_cached)
    for source in (run.checkpoint_path, run.snapshot_path(3)):
        harmless += flips_that_load(source, path, checkpoint.load)
    assert harmless < 3 * (FLIPS // 3 + 1) / 4  # padding, dates and the like


def test_each_byte_of_a_small_file_counts(tmp_path):
    """One bit of every byte, or of every seventh in short runs: what loads is what was saved."""
    whole = {"weights": torch.arange(3.0), "step": 3}
    archive.write(tmp_path / "a.pt", whole)
    data, path = (tmp_path / "a.pt").read_bytes(), tmp_path / "b.pt"
    order = random.Random(0)
    for place in range(0, len(data), 1 if FLIPS >= 400 else 7):
        flipped = bytearray(data)
        flipped[place] ^= 1 << order.randrange(8)
        path.write_bytes(flipped)
        try:
            assert equal(archive.read(path), whole), place
        except archive.ArchiveError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (lambda data: b"", "is damaged: it is empty"),
        (lambda data: data[:-1], "is damaged: it is cut off"),
        (lambda data: data[: len(data) // 2], "is damaged: it is cut off"),
        (lambda data: data + b"\n", "is damaged: something precedes its start or follows its end"),
        (lambda data: data + data, "is damaged: something precedes its start or follows its end"),
        (lambda data: b"name: grey\n", "is damaged, or no file of tensors"),
        (lambda data: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is damaged, or no file of tensors"),
        (lambda data: pickle.dumps({"version": 3}, 4), "is damaged, or no file of tensors"),
    ],
)
def test_damage_is_one_line(run, tmp_path, damaged, said):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(damaged(run.checkpoint_path.read_bytes()))
    with pytest.raises(CheckpointError) as refused:
        trainer().restore(path)
    assert f"{path} {said}" in str(refused.value) and "\n" not in str(refused.value)


def test_weights_that_hub_named_by_their_hash_are_verified(tmp_path):
    """Files of torch before 1.6 have no checksums."""
    path = tmp_path / "weights.pth"
    torch.save({"w": torch.zeros(2)}, path, _use_new_zipfile_serialization=False)
    assert equal(archive.read(path), {"w": torch.zeros(2)})
    with pytest.raises(archive.ArchiveError, match="SHA-256 is not the one in its name"):
        archive.read(path.rename(tmp_path / "weights-00000000.pth"))


def test_a_full_disk_says_so_and_keeps_the_old_file(run, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, {"step": 1, "spec": {}})

    def full(state, file):
        try:
            raise OSError(28, "No space left on device")
        except OSError:
            raise RuntimeError("unexpected pos 64 vs 0")  # noqa: B904  (as torch does)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match=r"checkpoint\.pt cannot be written: no space left on device"):
        checkpoint.save(path, {"step": 2})
    assert checkpoint.load(path)["step"] == 1
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint.pt"]


# -- those of others --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("lr: 0.02", "lr: 0.03", "optimizers.generator.lr is 0.02 there, 0.03 here (and 1 more)"),
        ("non_saturating", "hinge", "objective.loss is non_saturating there, hinge here"),
        ("dropout,", "tanh,", "discriminator.layers.2 is dropout there, tanh here"),
        ("stride: 2}}, tanh", "stride: 2}}, sigmoid", "generator.layers.4 is tanh there, sigmoid"),
        ("keep: 1, average: 0.5", "average: 0.6", "train.average is 0.5 there, 0.6 here"),
        ("count: 48", "count: 49", "data.dataset.count is 48 there, 49 here"),
    ],
)
def test_a_checkpoint_of_another_spec_is_refused_with_the_difference(run, before, after, said):
    assert before in GREY
    with pytest.raises(CheckpointError) as refused:
        trainer(GREY.replace(before, after)).restore(run.checkpoint_path)
    message = f"the checkpoint of {run.checkpoint_path} does not fit: it is of another spec: {said}"
    assert message in str(refused.value)
    assert str(refused.value).endswith(": use its values, or begin a new run")


def test_the_spelling_of_a_spec_and_what_a_resume_may_change_do_not_matter(run):
    text = GREY.replace("{leaky_relu: 0.2}", "{leaky_relu: {slope: 0.2}}")
    text = text.replace("keep: 1,", "epochs: 9,") + "doc: Another line.\n"
    other = trainer(text)
    other.restore(run.checkpoint_path)
    assert other.steps_done == 4


def test_a_file_of_another_run_is_refused_wherever_it_is_read(run, tmp_path):
    other = ganspec.train(loads(GREY.replace("lr: 0.02", "lr: 0.03")), tmp_path / "run", steps=3)
    for path in (other.checkpoint_path, other.snapshot_path(3)):
        path.write_bytes(run.snapshot_path(3).read_bytes())
    for step in (None, 3):
        with pytest.raises(CheckpointError, match=r"optimizers\.generator\.lr is 0\.02 there"):
            Sampler(other.folder, CPU, step)
    other.snapshot_path(3).rename(other.snapshot_path(2))
    with pytest.raises(
        CheckpointError, match=r"0000002\.pt holds weights of step 3, not of step 2: name "
    ):
        Sampler(other.folder, CPU, 2)


def test_statistics_of_other_images_are_computed_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "CACHE", tmp_path)
    path, key = statistics(tmp_path)
    assert reference._cached(path, key) is not None
    assert reference._cached(path, "f" * 64) is None
    state = archive.read(path)
    for name, value in [
        ("mean", state["mean"][:2]),
        ("features", state["features"] * torch.nan),
        ("count", 7),
        ("logits", None),
    ]:
        archive.write(path, {**state, name: value})
        assert reference._cached(path, key) is None, name


# -- made by hand -----------------------------------------------------------------------------


def paths_in(state: object, path: tuple = ()) -> list[tuple]:
    """Return the path of each part of a state; of an inner list or map, its first four entries."""
    if isinstance(state, dict):
        inner = list(state.items())
    elif isinstance(state, list):
        inner = list(enumerate(state))
    else:
        return [path]
    return [path] * bool(path) + [
        p for k, v in inner[: 4 if path else None] for p in paths_in(v, (*path, k))
    ]


def changed(value: object) -> list[tuple[str, object]]:
    """Return other values for a part of a state, with a word for each."""
    others: list[tuple[str, object]] = [
        *(("none", None), ("text", "text"), ("number", -1), ("huge", 10**30), ("flag", True)),
        *(("nan", float("nan")), ("list", []), ("map", {}), ("deep", [[[[{}]]]])),
        *(("names", {"a": torch.zeros(2)}), ("scalar", torch.tensor(0.5))),
    ]
    if isinstance(value, torch.Tensor):
        floating = value.double()
        others += [
            ("flat", value.reshape(-1)[:-1]),
            ("larger", torch.stack([value, value])),
            ("empty", value.new_empty(0)),
            ("double", floating),
            ("bytes", value.to(torch.int8)),
            ("complex", floating.to(torch.complex64)),
            ("sparse", floating.to_sparse()),
        ]
        if value.is_floating_point():
            others += [("nan", value * torch.nan), ("infinite", value + torch.inf)]
        else:
            others += [("zeros", torch.zeros_like(value)), ("negative", -torch.ones_like(value))]
    return others


# what no reader can tell from a right value, or what does not matter
ACCEPTED = {
    (("device",), "text"),  # the name of a device
    (("exact",), "flag"),
    (("fixed", "labels"), "zeros"),
}


def cases(state: dict) -> list[tuple[tuple, str, object]]:
    found = []
    for path in paths_in(state):
        if path[0] in ("spec", "version") and len(path) > 1:
            continue
        value = state
        for key in path:
            value = value[key]
        found += [(path, word, other) for word, other in changed(value)]
        found += [(path, "missing", None), (path, "more", None)]
    return found


@pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_checkpoints_made_by_hand_are_refused_in_one_line(run, tmp_path, every):
    """Each part of a checkpoint in turn is another value, missing, or beside one too many."""
    state, path = checkpoint.load(run.checkpoint_path), tmp_path / "checkpoint.pt"
    own, tried, accepted = trainer(), 0, []
    own.restore(run.checkpoint_path)
    before = copy.deepcopy(own.training.state())
    for place, word, other in cases(state)[::every]:
        mine = copy.deepcopy(state)
        holder = mine
        for key in place[:-1]:
            holder = holder[key]
        if word == "missing":
            del holder[place[-1]]
        elif word == "more" and isinstance(holder, dict):
            holder["more"] = 1
        else:
            holder[place[-1]] = other
        if equal(mine, state) or (place, word) in ACCEPTED:
            continue
        torch.save(mine, path)
        try:
            own.restore(path)
        except CheckpointError as error:
            assert "\n" not in str(error) and len(str(error)) < 600
            tried += 1
        else:
            if not is_harmless(place, word):
                accepted.append((place, word))
            own.step()
            own.restore(run.checkpoint_path)
    assert accepted == []
    assert tried > 1000 // every
    assert equal(own.training.state(), before)  # a refused one changes nothing


def is_harmless(place: tuple, word: str) -> bool:
    """Return True for changes that cannot be told from a checkpoint that is right."""
    part, depth = place[2:3], len(place)
    if part == ("param_groups",):  # other versions of torch have other settings
        return word in ("missing", "more") and depth == 5
    if part == ("state",):  # weights may lack gradients; a kind of the user may keep more
        return (word, depth) in [("map", 3), ("missing", 4), ("more", 5), ("scalar", 5)]
    return False


def test_the_optimizers_and_the_average_are_tested_for_numbers_too():
    own = trainer()
    own.step()
    assert own.training.culprit() is None
    name = next(iter(dict(own.networks["generator"].named_parameters())))
    own.training.average.state_dict()[name].fill_(torch.inf)
    assert own.training.culprit() == f"the average of {name}"
    own.training.average.state_dict()[name].fill_(0)
    weight = own.networks["generator"].get_parameter(name)
    own.training.optimizers["generator"].state[weight]["exp_avg_sq"].fill_(torch.inf)
    assert own.training.culprit().startswith(f"exp_avg_sq of generator.{name} (")


def test_a_state_that_is_no_number_does_not_replace_a_checkpoint(tmp_path, monkeypatch):
    run = ganspec.train(loads(GREY), tmp_path / "run", steps=2)
    before = run.checkpoint_path.read_bytes()
    training = type(trainer().training)
    advance = training.advance

    def poisoned(self):
        losses = advance(self)
        for kept in self.optimizers["generator"].state.values():
            kept["exp_avg"].fill_(torch.nan)
        return losses

    monkeypatch.setattr(training, "advance", poisoned)
    with pytest.raises(TrainingError, match=r"step 3: exp_avg of generator\.main"):
        ganspec.train(loads(GREY), run.folder, steps=3, resume=True)
    assert run.checkpoint_path.read_bytes() == before


# -- equal bytes ------------------------------------------------------------------------------


def test_equal_states_have_equal_bytes(run, tmp_path):
    parts = ganspec.train(loads(GREY), tmp_path / "parts", steps=1)
    for steps in (2, 4):
        ganspec.train(loads(GREY), parts.folder, steps=steps, resume=True)
    assert parts.checkpoint_path.read_bytes() == run.checkpoint_path.read_bytes()
    assert parts.snapshot_path(3).read_bytes() == run.snapshot_path(3).read_bytes()
    checkpoint.save(tmp_path / "again.pt", checkpoint.load(run.checkpoint_path))
    assert (tmp_path / "again.pt").read_bytes() == run.checkpoint_path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_equal_states_of_every_spec_have_equal_bytes(tmp_path, small_data, path):
    spec = small(path, f"vars.ch={ganspec.load(path).vars['ch'] // 8}", "train.keep=1")
    options = {"data": small_data(spec), "device": "cpu"}
    whole = ganspec.train(spec, tmp_path / "whole", steps=5, **options)
    for steps in (2, 5):
        parts = ganspec.train(spec, tmp_path / "parts", steps=steps, resume=steps > 2, **options)
    assert parts.checkpoint_path.read_bytes() == whole.checkpoint_path.read_bytes()


def test_a_run_without_its_checkpoint_names_what_works(tmp_path):
    run = ganspec.train(loads(GREY), tmp_path / "run", steps=1)
    run.checkpoint_path.unlink()
    with pytest.raises(RunError, match="exists; add --overwrite to replace it"):
        ganspec.train(loads(GREY), run.folder, steps=1)
    assert ganspec.train(loads(GREY), run.folder, steps=1, overwrite=True).step == 1
