"""Update plans: the order of updates, their losses, networks and optimizers."""

from __future__ import annotations

import copy
import sys

import pytest
import torch
from conftest import assert_same_weights, run_source, training_of
from test_schedule import trainer, watched, weights
from torch import optim
from torch.nn import functional as F

import ganspec
from ganspec.language.errors import SpecError
from ganspec.language.load import loads
from ganspec.systems import checkpoint

SMALL = """
name: small
data: {dataset: {shapes: {count: 48}}, size: 8}
condition: {kind: classes, size: 24}
latent: {size: 5}
generator: {condition: concat, layers: [{project: [3, 8, 8]}, tanh]}
discriminator:
  condition: channel
  layers: [{conv: {out: 4, stride: 2}}, {leaky_relu: 0.2}, flatten, HEAD {linear: 1}]
objective: {loss: non_saturating AUXILIARY}
optimizers: {generator: {adam: 0.01}, discriminator: {adam: 0.02}}
train: {batch: 16, PLAN}
"""
Q = "updates: {q: {terms: [auxiliary], optimizer: {sgd: 0.1}}}"
PLANS = {
    "generator first": "order: [generator, discriminator]",
    "generator first, its latents": "order: [generator, discriminator], latents: reused",
    "generator first, its images": "order: [generator, discriminator], generated: reused",
    "discriminator first, its images": "generated: reused, steps: {discriminator: 2}",
    "generator first, random labels": "order: [generator, discriminator], labels: random",
    "both at random": "order: [generator, discriminator], labels: random, generated: reused",
    "fake, then real": "order: [generator, fake, real]",
    "shared": "order: [generator, discriminator], batches: shared, steps: {discriminator: 2}",
    "gradients": "gradients: true, steps: {generator: 2}",
    "gradients apart": "gradients: true, order: [real, fake, generator]",
    "warm-up": "warmup: 2, generated: reused",
}
OF_CLASSES = {
    "third": f"order: [discriminator, generator, q], {Q}",
    "first": f"order: [q, generator, discriminator], {Q}",
    "between": f"order: [discriminator, q, generator], labels: random, {Q}",
    "of one": "order: [generator, discriminator, c], "
    "updates: {c: {terms: [auxiliary], networks: [discriminator], optimizer: {sgd: 0.1}}}",
    "of the other": "order: [generator, discriminator, c], "
    "updates: {c: {terms: [auxiliary], networks: [generator], optimizer: {sgd: 0.1}}}",
}


def spec_of(plan, auxiliary=""):
    text = SMALL.replace("PLAN", plan).replace("AUXILIARY", auxiliary)
    return loads(text.replace("HEAD", "auxiliary," if auxiliary else ""))


ALL = [spec_of(plan) for plan in PLANS.values()]
ALL += [
    spec_of(plan, f", auxiliary: {{discriminator: 0, generator: {g}, images: {images}}}")
    for plan, g, images in zip(
        OF_CLASSES.values(),
        (0, 0.5, 0, 1, 0),
        ("both", "both", "both", "real", "both"),
        strict=True,
    )
]


@pytest.mark.parametrize("spec", ALL, ids=[*PLANS, *OF_CLASSES])
def test_a_plan_is_emitted_as_it_runs(spec, tmp_path, monkeypatch):
    run = ganspec.train(spec, tmp_path / "run", device="cpu", steps=4, exact=True)
    source = ganspec.emit(spec)
    assert "cfg" not in source and max(map(len, source.splitlines())) <= 88
    module = run_source(source)
    monkeypatch.setattr(sys, "argv", ["it", "--steps=4", f"--out={tmp_path}", "--device=cpu"])
    module.main()
    emitted = torch.load(tmp_path / "weights.pt", weights_only=True)
    for key, network in checkpoint.load(run.checkpoint_path)["networks"].items():
        assert_same_weights(network, emitted[key])


@pytest.mark.parametrize("spec", [ALL[2], ALL[-5]], ids=["reused", "own"])
def test_a_plan_resumes_bit_for_bit(spec, tmp_path):
    whole = ganspec.train(spec, tmp_path / "whole", device="cpu", steps=6)
    half = ganspec.train(spec, tmp_path / "half", device="cpu", steps=3)
    half = ganspec.train(spec, tmp_path / "half", device="cpu", steps=6, resume=True)
    states = [checkpoint.load(run.checkpoint_path) for run in (whole, half)]
    for key in states[0]["networks"]:
        assert_same_weights(*(state["networks"][key] for state in states))
    assert set(states[0]["optimizers"]) == set(states[1]["optimizers"])


# -- by hand --------------------------------------------------------------------------------------


def twins(made):
    """Return copies of a trainer's networks, each with the Adam of the small DCGAN."""
    networks = copy.deepcopy(made.networks)
    adams = {k: optim.Adam(n.parameters(), 2e-4, (0.5, 0.999)) for k, n in networks.items()}
    return networks["generator"], networks["discriminator"], adams


def bce(scores, target):
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, target))


def pytorch_gan(made, real, reuse):
    """One iteration as in programs that update the generator first, then D on its images."""
    generator, discriminator, adams = made
    z = torch.randn(len(real), 4)
    adams["generator"].zero_grad()
    images = generator(z)
    g_loss = bce(discriminator(images), 1.0)
    g_loss.backward()
    adams["generator"].step()
    adams["discriminator"].zero_grad()
    if reuse == "latents":
        images = generator(z)
    elif reuse is None:
        images = generator(torch.randn(len(real), 4))
    d_loss = bce(discriminator(real), 1.0) + bce(discriminator(images.detach()), 0.0)
    d_loss.backward()
    adams["discriminator"].step()
    return {"d_loss": d_loss.item(), "g_loss": g_loss.item()}


@pytest.mark.parametrize(
    ("rule", "reuse"),
    [("latents=fresh", None), ("latents=reused", "latents"), ("generated=reused", "images")],
)
def test_the_generator_first_by_hand(rule, reuse):
    made = trainer("train.order=[generator, discriminator]", f"train.{rule}")
    mine = twins(made)
    batches = [next(made.batches) for _ in range(3)]
    torch.manual_seed(5)
    expected = [pytorch_gan(mine, real, reuse) for real, _ in batches]
    torch.manual_seed(5)
    made.batches = iter(batches)
    for losses in expected:
        log = made.advance()
        assert {k: v.item() for k, v in log.items()} == losses
    assert_same_weights(made.networks["generator"].state_dict(), mine[0].state_dict())
    assert_same_weights(made.networks["discriminator"].state_dict(), mine[1].state_dict())


def test_an_update_of_the_classes_by_hand():
    spec = spec_of(OF_CLASSES["third"], ", auxiliary: 0")
    images = torch.randint(0, 256, (48, 3, 8, 8), dtype=torch.uint8)
    made = training_of(spec, images, torch.arange(48) % 24)
    networks = copy.deepcopy(made.networks)
    generator, discriminator = networks["generator"], networks["discriminator"]
    adams = [optim.Adam(generator.parameters(), 0.01), optim.Adam(discriminator.parameters(), 0.02)]
    sgd = optim.SGD([*generator.parameters(), *discriminator.parameters()], 0.1)
    batches = [next(made.batches) for _ in range(3)]
    torch.manual_seed(5)
    expected = []
    for real, labels in batches:
        fake = generator(torch.randn(16, 5), labels).detach()
        d_loss = bce(discriminator(real, labels)[0], 1.0) + bce(discriminator(fake, labels)[0], 0.0)
        adams[1].zero_grad()
        d_loss.backward()
        adams[1].step()
        g_loss = bce(discriminator(generator(torch.randn(16, 5), labels), labels)[0], 1.0)
        adams[0].zero_grad()
        g_loss.backward()
        adams[0].step()
        of_real = F.cross_entropy(discriminator(real, labels)[1], labels)
        fake = generator(torch.randn(16, 5), labels)
        q_loss = of_real + F.cross_entropy(discriminator(fake, labels)[1], labels)
        sgd.zero_grad()
        q_loss.backward()
        sgd.step()
        expected.append({"d_loss": d_loss, "g_loss": g_loss, "q_loss": q_loss})
    torch.manual_seed(5)
    made.batches = iter(batches)
    for losses in expected:
        log = made.advance()
        assert {k: v.item() for k, v in log.items()} == {k: v.item() for k, v in losses.items()}
    for key, network in made.networks.items():
        assert_same_weights(network.state_dict(), networks[key].state_dict())


def test_generated_images_are_made_once_if_reused():
    made = trainer("train.generated=reused")
    drawn, judged = watched(made, "generator"), watched(made, "discriminator")
    made.advance()
    assert len(drawn) == 1 and torch.equal(judged[1][0], judged[2][0])


def test_gradient_norms_are_those_of_the_update():
    made = trainer("train.gradients=true")
    log = made.advance()
    for key, name in [("generator", "g_gradient"), ("discriminator", "d_gradient")]:
        gradients = [w.grad.flatten() for w in made.networks[key].parameters()]
        assert log[name].item() == pytest.approx(torch.cat(gradients).norm().item(), rel=1e-5)


def test_losses_with_skip_rules_are_from_before_any_update():
    """One meaning a column: the logged loss of the generator is the one that the rules read."""
    made = trainer("train.skip.generator=g_loss > 9e9", "train.latents=reused")
    before = copy.deepcopy(made.networks["discriminator"])
    seen = watched(made, "discriminator")
    log = made.advance()
    assert len(seen) == 3  # real, fake, and the generator's update, which is not skipped
    assert log["g_loss"].item() == pytest.approx(bce(before(seen[1][0]), 1.0).item())


# -- plans that cannot be -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "auxiliary", "message"),
    [
        ("order: [generator]", "", "`discriminator` is not in the order of updates"),
        ("order: [real, generator]", "", "`fake` is not in the order of updates"),
        ("order: [real, generator, fake]", "", "an update is between `real` and `fake`"),
        ("order: [discriminator, real, fake, generator]", "", "`discriminator` updates on real"),
        ("order: [discriminator, generator, g]", "", "no update is called `g`"),
        ("order: [discriminator, generator, generator]", "", "`generator` is 2 times"),
        (f"order: [discriminator, generator], {Q}", ", auxiliary: 0", "`q` is not in the order"),
        (f"order: [discriminator, generator, q], {Q}", "", "`q` has no loss"),
        ("epochs: 1", ", auxiliary: 0", "no update uses this loss"),
        ("order: [generator, discriminator], warmup: 2", "", "the warm-up trains"),
        (
            "order: [generator, discriminator], skip: {generator: d_loss > 1}",
            "",
            "skip rules read the losses",
        ),
        (
            "order: [generator, discriminator], steps: {discriminator: 2}",
            "",
            "the first update has no batch",
        ),
        (
            "order: [generator, discriminator], batches: shared, latents: reused, "
            "steps: {discriminator: 2}",
            "",
            "only one update of the discriminator can reuse",
        ),
        ("generated: reused, steps: {generator: 2}", "", "generated images cannot be reused"),
        ("generated: reused, warmup: {iterations: 2, images: pixels}", "", "a warm-up on random"),
        ("gradients: true, skip: {generator: d_loss > 1}", "", "an update that a rule skips"),
        (
            f"order: [discriminator, generator, q], {Q}",
            ", auxiliary: {discriminator: 0, generator: 0, images: real}",
            "`images` has no effect",
        ),
        (
            "order: [discriminator, generator, q], updates: "
            "{q: {terms: [auxiliary], networks: [generator, generator], optimizer: {sgd: 1}}}",
            ", auxiliary: 0",
            "`q` names a network twice",
        ),
        *(
            (
                f"order: [discriminator, generator, {name}], {Q.replace('q:', f'{name}:')}",
                f", auxiliary: {weight}",
                f"`{name}_loss` has another meaning in logs",
            )
            for name, weight in [("d", 0), ("g", 0), ("q", 1), ("test", 0)]
        ),
    ],
)
def test_a_plan_that_cannot_be_is_refused(plan, auxiliary, message):
    with pytest.raises(SpecError) as error:
        ganspec.check(spec_of(plan, auxiliary))
    assert message in str(error.value) and "help" in str(error.value)


def test_every_update_of_a_plan_changes_its_networks_only():
    for name, changing in [("of one", "discriminator"), ("of the other", "generator")]:
        spec = spec_of(OF_CLASSES[name], ", auxiliary: 0")
        made = training_of(spec, torch.zeros(48, 3, 8, 8, dtype=torch.uint8), torch.arange(48) % 24)
        assert len(made.optimizers["joint"].param_groups[0]["params"]) == len(
            weights(made.networks[changing])
        )
