"""`ganspec.Trainer`: a training step by step from Python, as `ganspec train` makes it."""

from __future__ import annotations

import pytest
import torch
from conftest import ROOT, assert_same_weights, narrow
from small_gans import GREY

import ganspec
from ganspec.kinds.dataset import DataError
from ganspec.language.load import loads
from ganspec.runs.run import RunError
from ganspec.sampling.sampler import Sampler
from ganspec.systems.checkpoint import CheckpointError
from ganspec.systems.training import Images

CPU = torch.device("cpu")


def test_steps_are_those_of_a_run(tmp_path):
    spec = narrow(ROOT / "specs" / "dcgan.yaml")
    trainer = ganspec.Trainer(spec, device="cpu")
    rows = [{k: v.item() for k, v in trainer.step().items()} for _ in range(3)]
    run = ganspec.train(spec, tmp_path / "run", device="cpu", steps=3)
    assert [{"step": i, **row} for i, row in enumerate(rows, 1)] == run.rows()
    assert trainer.steps_done == 3
    state = torch.load(run.checkpoint_path, weights_only=True)
    for key, network in trainer.networks.items():
        assert_same_weights(network.state_dict(), state["networks"][key])


def test_samples_are_those_of_the_command_and_change_nothing(tmp_path):
    spec = loads(GREY)
    sampled, plain = (ganspec.Trainer(spec, device="cpu") for _ in range(2))
    for trainer in (sampled, plain):
        torch.manual_seed(1)
        trainer.step()
        if trainer is sampled:
            images = trainer.sample(5, seed=3)
        trainer.step()
    for key, network in plain.networks.items():
        assert_same_weights(network.state_dict(), sampled.networks[key].state_dict())
    assert images.shape == (5, 1, 8, 12)
    assert images.dtype == torch.uint8
    run = ganspec.train(spec, tmp_path / "run", device="cpu", steps=1)
    again = ganspec.Trainer(spec, device="cpu")
    again.restore(run.checkpoint_path)
    theirs = next(iter(Sampler(run.folder, CPU).images(5, 3)))[0]
    assert torch.equal(again.sample(5, seed=3), theirs)


def test_saving_and_restoring_go_on_bit_for_bit(tmp_path):
    spec = narrow(ROOT / "specs" / "wgan_gp.yaml")
    trainer = ganspec.Trainer(spec, device="cpu")
    for _ in range(2):
        trainer.step()
    trainer.save(tmp_path / "two.pt")
    wanted = [trainer.step() for _ in range(2)]
    other = ganspec.Trainer(spec, device="cpu")
    other.restore(tmp_path / "two.pt")
    assert [other.step() for _ in range(2)] == wanted
    stranger = ganspec.Trainer(narrow(ROOT / "specs" / "dcgan.yaml"), device="cpu")
    with pytest.raises(CheckpointError):
        stranger.restore(tmp_path / "two.pt")


def test_images_may_be_given(tmp_path):
    images = torch.randint(0, 256, (32, 1, 8, 12), dtype=torch.uint8)
    trainer = ganspec.Trainer(loads(GREY), Images(images, None), device="cpu")
    assert set(trainer.step()) == {"d_loss", "g_loss"}


def test_only_images_that_fill_no_batch_ask_for_a_smaller_one(monkeypatch):
    images = Images(torch.zeros(3, 1, 8, 12, dtype=torch.uint8), None)
    message = r"3 images do not fill a batch of \d+: set a smaller `train: \{batch: ...\}`"
    with pytest.raises(DataError, match=message):
        ganspec.Trainer(loads(GREY), images, device="cpu", steps=1)

    def optimizers(*arguments, **options):
        raise ValueError("no such setting")

    monkeypatch.setattr(torch.optim.Adam, "__init__", optimizers)
    with pytest.raises(ValueError, match=r"\Ano such setting\Z"):
        ganspec.Trainer(loads(GREY), device="cpu")


def test_a_classifier_draws_no_images():
    spec = narrow(ROOT / "specs" / "classifier_fashion.yaml")
    shape = spec.data.shape
    images = Images(torch.zeros(8, *shape, dtype=torch.uint8), torch.arange(8) % 10)
    with pytest.raises(RunError, match="classifier_fashion has no network that draws"):
        ganspec.Trainer(spec, images, device="cpu").sample(1)


def test_a_run_says_how_fast_it_goes(tmp_path):
    spec = narrow(ROOT / "specs" / "wgan_gp.yaml")
    run = ganspec.train(spec, tmp_path / "run", device="cpu", steps=9)
    info = run.info()
    images = spec.train.batch * spec.train.steps.discriminator
    assert info["images_per_second"] == pytest.approx(images / info["step_seconds"], rel=1e-2)
    short = ganspec.train(spec, tmp_path / "short", device="cpu", steps=5)
    assert "step_seconds" not in short.info()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0: name a whole number from 1 up"),
        ({"steps": 2.5}, "steps is 2.5: name a whole number from 1 up"),
        ({"exact": "no"}, "exact is 'no': name True or False"),
        ({"steps": "3"}, "steps is '3': name a whole number from 1 up"),
        ({"steps": True}, "steps is True: name a whole number from 1 up"),
        ({"minutes": -1}, "minutes is -1: name a number from 0 up"),
        ({"minutes": "1"}, "minutes is '1': name a number from 0 up"),
        ({"minutes": float("nan")}, "minutes is nan: name a number from 0 up"),
        ({"resume": True, "overwrite": True}, "resume goes on with the run that overwrite"),
        ({"data": ""}, "data is an empty text: name a folder, or leave it out"),
        ({"out": ""}, "out is an empty text: name a folder, or leave it out"),
        ({"speedups": None}, "speedups is None: use auto, none, or names of speedups"),
        ({"device": None}, "no device is called `None`"),
    ],
)
def test_options_that_say_nothing_clear_are_refused(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match=message):
        ganspec.train(loads(GREY), **{"out": "run", "device": "cpu", **options})
    assert not list(tmp_path.iterdir())


def test_a_trainer_refuses_what_a_training_does():
    for options in ({"steps": 0}, {"data": ""}, {"speedups": None}):
        with pytest.raises(RunError, match=f"{next(iter(options))} is "):
            ganspec.Trainer(loads(GREY), **{"device": CPU, **options})


def test_python_takes_devices_and_numbers_of_no_images(tmp_path):
    run = ganspec.train(loads(GREY), tmp_path / "run", device=CPU, steps=1, minutes=0)
    trainer = ganspec.Trainer(loads(GREY), device=CPU)
    for count in (0, -1):
        for drawing in (run, trainer):
            with pytest.raises(ValueError, match=f"whole number of images from 1 .*, not {count}"):
                drawing.sample(count)
    assert ganspec.Run(run.folder).step == 1
    assert ganspec.Run(tmp_path / "none").step == 0


def test_an_error_in_sampling_leaves_the_generator_in_training_mode():
    """A notebook goes on after an interrupt or a lack of memory."""
    trainer = ganspec.Trainer(narrow(ROOT / "specs" / "dcgan.yaml"), device="cpu")
    generator = trainer.networks["generator"]

    def interrupt(*_):
        raise KeyboardInterrupt

    with generator.register_forward_pre_hook(interrupt), pytest.raises(KeyboardInterrupt):
        trainer.sample(2)
    assert generator.training
