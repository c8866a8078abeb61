"""The variational autoencoder: its loss against torch's distributions, its training by hand."""

from __future__ import annotations

import sys

import pytest
import torch
import torch.nn.functional as F
from conftest import ROOT, assert_same_weights, narrow, run_source, training_of
from torch.distributions import Normal, kl_divergence
from typer.testing import CliRunner

import ganspec
from ganspec.cli import app
from ganspec.compiler.lower import lower
from ganspec.language.errors import SpecError
from ganspec.language.load import loads
from ganspec.systems.vae.step import divergence

PATH = ROOT / "specs" / "vae_fashion.yaml"
SMALL = """
name: small
data: {dataset: {shapes: {count: 48}}, size: 8, range: [0, 1]}
latent: {size: 5}
encoder: {layers: [flatten, {linear: 16}, relu]}
decoder: {layers: [{linear: 16}, relu, {project: [3, 8, 8]}]}
objective: {loss: binary_cross_entropy, kl: 0.5}
optimizer: {adam: {lr: 1e-3}}
train: {batch: 16, keep: 1}
"""


def run(*words: object, status: int = 0) -> str:
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vae") / "run"
    return ganspec.train(loads(SMALL), folder, device="cpu", steps=6)


def test_the_divergence_is_torchs():
    mean, log_variance = torch.randn(4, 6), torch.randn(4, 6)
    code = Normal(mean, (0.5 * log_variance).exp())
    wanted = kl_divergence(code, Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(divergence(mean, log_variance), wanted)


@pytest.mark.parametrize("reads", ["logits", "probabilities"])
def test_three_steps_are_those_of_a_loop_by_hand(reads):
    layers = [*["{linear: 16}", "relu", "{project: [3, 8, 8]}"], *["sigmoid"] * (reads != "logits")]
    text = SMALL.replace("[{linear: 16}, relu, {project: [3, 8, 8]}]", f"[{', '.join(layers)}]")
    loss = f"{{binary_cross_entropy: {{reads: {reads}}}}}"
    spec = loads(text.replace("loss: binary_cross_entropy", f"loss: {loss}"))
    images = torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8)
    ours, theirs = (training_of(spec, images) for _ in range(2))
    encoder, decoder = theirs.networks.values()
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    entropy = F.binary_cross_entropy_with_logits if reads == "logits" else F.binary_cross_entropy
    torch.manual_seed(1)
    logs = [ours.advance() for _ in range(3)]
    torch.manual_seed(1)
    for log in logs:
        x, _ = next(theirs.batches)
        mean, log_variance = encoder(x)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        reconstruction = 3 * 8 * 8 * entropy(decoder(z), x)
        kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()
        optimizer.zero_grad()
        (reconstruction + 0.5 * kl).backward()
        optimizer.step()
        torch.testing.assert_close(log["reconstruction"], reconstruction.detach())
        torch.testing.assert_close(log["kl"], kl.detach())
    for key, network in ours.networks.items():
        assert_same_weights(network.state_dict(), theirs.networks[key].state_dict())


def test_heads_are_outputs_by_name():
    nets = lower(ganspec.load(PATH))
    assert list(nets["encoder"].outputs) == ["mean", "log_variance"]
    assert [start.role for start in nets["encoder"].inputs] == ["image"]
    assert [start.role for start in nets["decoder"].inputs] == ["latent"]


def test_every_command_works(trained, tmp_path):
    spec = tmp_path / "small.yaml"
    spec.write_text(SMALL)
    assert "ok" in run("check", spec)
    assert "log_variance" in run("show", spec, "--mermaid")
    run("build", spec, "-o", tmp_path / "small.py")
    run("sample", trained.folder, "-n", 4, "-o", tmp_path / "grid.png")
    run("sample", trained.folder, "--interpolate", "spherical", "-n", 2)
    said = run("sample", trained.folder, "--best", 2, status=2)
    assert "a VAE has no network that scores images: leave --best out" in said
    assert "has no condition" in run("sample", trained.folder, "--label", "1", status=2)
    assert "the same networks and the same training" in run("diff", trained.folder, spec)
    other = tmp_path / "other.yaml"
    other.write_text(SMALL.replace("kl: 0.5", "kl: 2").replace("size: 5", "size: 7"))
    said = " ".join(run("diff", spec, other, status=1).split())
    assert "latent size 5 -> 7" in said
    assert "kl 0.5 -> 2" in said
    assert "VAE" in run("compare", spec, trained.folder)
    run("report", trained.folder)
    page = (trained.folder / "report.html").read_text("utf-8")
    assert "images of the run" in page


def test_pictures_are_what_sampling_draws_from_the_same_codes(trained):
    trainer = ganspec.Trainer(loads(SMALL), device="cpu")
    trainer.restore(trained.checkpoint_path)
    images = trainer.sample(3)
    assert images.shape == (3, 3, 8, 8)
    assert images.float().std() > 0


def test_training_resumes_bit_for_bit(tmp_path):
    spec = narrow(PATH, "data={dataset: {shapes: {count: 48}}, size: 28, channels: 1}")
    whole = ganspec.train(spec, tmp_path / "whole", device="cpu", steps=6)
    part = ganspec.train(spec, tmp_path / "part", device="cpu", steps=3)
    ganspec.train(spec, part.folder, device="cpu", steps=6, resume=True)
    states = [torch.load(r.checkpoint_path, weights_only=True)["networks"] for r in (whole, part)]
    for key in states[0]:
        assert_same_weights(states[0][key], states[1][key])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[3, 8, 8]", "[1, 8, 8]", "the decoder makes 1 x 8 x 8, the images are 3 x 8 x 8"),
        ("{project: [3, 8, 8]}]", "{project: [3, 8, 8]}, sigmoid]", "needs logits"),
        ("binary_cross_entropy", "cross_entropy", "is a loss for one class"),
        ("[flatten, {linear: 16}, relu]", "[{conv: 4}]", "linear expects a vector"),
        ("kl: 0.5", "kl: -1", "`kl` must be at least 0"),
        ("latent: {size: 5}", "latents: {size: 5}", "has no section `latents`"),
    ],
)
def test_mistakes_are_found(old, new, said):
    with pytest.raises(SpecError, match=said):
        ganspec.check(loads(SMALL.replace(old, new)))


def test_transposed_images_reach_the_emitted_program(tmp_path, monkeypatch):
    spec = loads(
        SMALL.replace("size: 8", "size: [8, 10], transpose: true").replace("8, 8]", "8, 10]")
    )
    mine = ganspec.train(spec, tmp_path / "run", device="cpu", steps=4, exact=True)
    program = run_source(ganspec.emit(spec))
    arguments = ["--steps=4", f"--out={tmp_path / 'out'}", "--device=cpu"]
    monkeypatch.setattr(sys, "argv", ["small.py", *arguments])
    program.main()
    theirs = torch.load(tmp_path / "out" / "weights.pt", weights_only=True)
    state = torch.load(mine.checkpoint_path, weights_only=True)
    for key, weights in state["networks"].items():
        assert_same_weights(weights, theirs[key])
