"""Swaps of normalizations, conditions and losses in every GAN: they train, or are refused.

`GANSPEC_SWAPS=pairs` trains combinations that contain every pair of fitting swaps; otherwise a few
combinations of each spec, chosen by a seed.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
from itertools import combinations, product

import pytest
import torch
from conftest import ROOT, assert_same_weights, narrow, run_source

import ganspec
from ganspec.systems import checkpoint

STEPS, SAMPLES, TRIES = 2, 3, 30
SEED = 11
# words of torch's own errors about shapes
TORCH_WORDS = ("size of tensor", "must match", "num_groups", "unflatten", "mat1")


def written(name: str):
    """Return a script of `docs/` as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


swaps = written("write_swaps")
every_gan = pytest.mark.parametrize("path", swaps.gans(), ids=lambda p: p.stem)


def fitting(path) -> dict[str, list[str]]:
    """Return the values of each key that fit, as the table says."""
    return {
        key: [swaps.AXES[key][name] for name, answer in values.items() if answer is None]
        for key, values in swaps.answers(path).items()
    }


def pairs_in(combination: dict[str, str]) -> set:
    return set(combinations(sorted(combination.items()), 2))


def contradicts(combination: dict[str, str]) -> bool:
    """Return True if a network that reads no label has a normalization that reads it."""
    return any(
        combination.get(f"{network}.normalization") == "class_batch"
        and combination.get(f"{network}.condition") == "none"
        for network in ("generator", "discriminator")
    )


def covering(values: dict[str, list[str]]) -> list[dict[str, str]]:
    """Return combinations of one value a key that contain every pair of values of two keys."""
    chance = random.Random(SEED)
    left = {
        ((a, x), (b, y))
        for a, b in combinations(sorted(values), 2)
        for x, y in product(values[a], values[b])
        if not contradicts({a: x, b: y})
    }
    chosen = []
    while left:
        pair = dict(min(left))
        tries = [
            {key: pair.get(key, chance.choice(each)) for key, each in values.items()}
            for _ in range(TRIES)
        ]
        tries = [one for one in tries if not contradicts(one)]
        if tries:
            chosen.append(max(tries, key=lambda one: len(pairs_in(one) & left)))
            left -= pairs_in(chosen[-1])
    return chosen


def settings_of(path, combination: dict[str, str]) -> list[str]:
    settings = [*swaps.labels(path), *(f"{key}={value}" for key, value in combination.items())]
    if getattr(ganspec.load(path).train, "warmup", None):
        settings.append("train.warmup.iterations=1")
    return settings


def check_trains(path, combination, folder, tmp_path, monkeypatch) -> None:
    """Train the combination in memory and by the emitted file, and compare every bit."""
    spec = narrow(path, *settings_of(path, combination))
    run = ganspec.train(
        spec, tmp_path / "run", data=folder, device="cpu", steps=STEPS, exact=True, overwrite=True
    )
    networks = checkpoint.load(run.checkpoint_path)["networks"]
    arguments = [f"--steps={STEPS}", f"--out={tmp_path / 'out'}", "--device=cpu"]
    arguments += [f"--data={folder}"] if folder else []
    monkeypatch.setattr(sys, "argv", ["program", *arguments])
    run_source(ganspec.emit(spec)).main()
    emitted = torch.load(tmp_path / "out" / "weights.pt", weights_only=True)
    assert list(networks) == list(emitted)
    for key, weights in networks.items():
        assert all(value.isfinite().all() for value in weights.values())
        assert_same_weights(weights, emitted[key])


@pytest.mark.slow
@every_gan
def test_fitting_swaps_train_and_emit_equal_bits(path, small_data, tmp_path, monkeypatch):
    folder = small_data(ganspec.load(path))
    chosen = covering(fitting(path))
    if os.environ.get("GANSPEC_SWAPS") != "pairs":
        chosen = random.Random(SEED).sample(chosen, SAMPLES)
    for combination in chosen:
        try:
            check_trains(path, combination, folder, tmp_path, monkeypatch)
        except Exception as error:
            error.add_note(" ".join(f"--set '{each}'" for each in settings_of(path, combination)))
            raise


@pytest.mark.slow
@every_gan
def test_a_swap_that_does_not_fit_is_told_with_its_remedy(path):
    """Alone and beside others: a combination fits if, and only if, each of its swaps does."""
    answers, chance = swaps.answers(path), random.Random(SEED)
    values = fitting(path)
    for key, row in answers.items():
        for name, answer in row.items():
            if answer is None:
                continue
            assert answer.mark and answer.help, answer
            text = answer.render()
            assert not any(word in text.lower() for word in TORCH_WORDS), text
            others = {k: chance.choice(each) for k, each in values.items() if k != key}
            both = {**others, key: swaps.AXES[key][name]}
            found = swaps.mistakes(path, *(f"{k}={v}" for k, v in both.items()))
            assert answer.code in {each.code for each in found}


@pytest.mark.slow
def test_the_table_is_fresh():
    page = (ROOT / "docs" / "swaps.md").read_text("utf-8")
    assert page == swaps.page(), "run python docs/write_swaps.py > docs/swaps.md"
