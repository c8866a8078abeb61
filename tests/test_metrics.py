"""Metrics against torch-fidelity, pytorch-fid's formula, and cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from ganspec.kinds.activations import Moments, gather
from ganspec.kinds.metric import MetricError
from ganspec.kinds.metrics.accuracy import Accuracy
from ganspec.kinds.metrics.fid import Fid
from ganspec.kinds.metrics.fidelity import import_fidelity
from ganspec.kinds.metrics.inception_score import InceptionScore
from ganspec.kinds.metrics.kid import Kid
from ganspec.kinds.metrics.precision_recall import PrecisionRecall
from ganspec.language.kinds import kinds_of


def rows(seed, count, size, scale=1.0, shift=0.0):
    """Correlated features, float64: rounding to float32 is no part of what is compared."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(size, size)) + np.eye(size)
    return torch.from_numpy(scale * (random.normal(size=(count, size)) @ mixing) + shift)


def whole(features, logits=None):
    """Return the activations of rows that come as one part."""
    logits = features[:, :0] if logits is None else logits
    return gather([(features, logits)], len(features))


def pytorch_fid(a, b):
    """Return the formula of pytorch-fid's `calculate_frechet_distance`."""
    mu1, mu2 = np.mean(a.numpy(), axis=0), np.mean(b.numpy(), axis=0)
    sigma1, sigma2 = np.cov(a.numpy(), rowvar=False), np.cov(b.numpy(), rowvar=False)
    covmean = linalg.sqrtm(sigma1.dot(sigma2)).real
    diff = mu1 - mu2
    return diff.dot(diff) + np.trace(sigma1) + np.trace(sigma2) - 2 * np.trace(covmean)


def fid(a, b):
    (found,) = Fid().measure(whole(a), whole(b), 0)
    return found.value


@given(
    size=st.integers(2, 12),
    extra=st.integers(4, 40),
    seed=st.integers(0, 10**6),
    scale=st.floats(0.01, 100),
    shift=st.floats(-10, 10),
)
@settings(max_examples=40, deadline=None)
def test_fid_is_that_of_pytorch_fid_and_torch_fidelity(size, extra, seed, scale, shift):
    a, b = rows(seed, size + extra, size), rows(seed + 1, 3 * size + extra, size, scale, shift)
    statistics = import_fidelity("metric_fid")
    theirs = statistics.fid_statistics_to_metric(
        statistics.fid_features_to_statistics(a), statistics.fid_features_to_statistics(b), False
    )["frechet_inception_distance"]
    assert fid(a, b) == pytest.approx(pytorch_fid(a, b), rel=1e-6, abs=1e-6 * scale)
    assert fid(a, b) == pytest.approx(theirs, rel=1e-6, abs=1e-6 * scale)
    assert fid(a, b) == pytest.approx(fid(b, a), rel=1e-6, abs=1e-6 * scale)


@given(
    rank=st.integers(1, 6),
    size=st.integers(20, 60),
    count=st.integers(8, 80),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=40, deadline=None)
def test_fid_is_exact_where_covariances_are_singular(rank, size, count, seed):
    """Features in a subspace have the distance that they have within it."""
    a, b = rows(seed, count, rank), rows(seed + 1, 2 * count, rank, 2.0, 0.5)
    basis, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(size, rank)))
    basis = torch.from_numpy(basis.T)
    within = pytorch_fid(a, b) if rank > 1 else fid(a, b)
    assert fid(a @ basis, b @ basis) == pytest.approx(within, rel=1e-6, abs=1e-9)


def test_fid_of_few_images_is_finite_and_says_so():
    for count in (2, 3, 30, 64):
        (found,) = Fid().measure(whole(rows(0, count, 64)), whole(rows(1, 500, 64)), 0)
        assert np.isfinite(found.value)
        assert found.note == f"no more images ({count}) than features (64)"
    assert not Fid().measure(whole(rows(0, 65, 64)), whole(rows(1, 500, 64)), 0)[0].note
    same = rows(0, 10, 64)
    assert fid(same, same) < 1e-9 * float(same.var(0).sum())
    with pytest.raises(MetricError):
        fid(rows(0, 1, 4), rows(1, 9, 4))


@given(parts=st.lists(st.integers(1, 30), min_size=1, max_size=8), shift=st.floats(-1e6, 1e6))
@settings(max_examples=30, deadline=None)
def test_moments_of_parts_are_those_of_all(parts, shift):
    features = rows(3, sum(parts), 5, shift=shift)
    moments = Moments()
    for part in features.split(parts):
        moments.add(part)
    mean, covariance = moments.result()
    np.testing.assert_allclose(mean, features.mean(0), rtol=1e-12)
    if sum(parts) > 1:
        expected = np.cov(features.numpy(), rowvar=False)
        np.testing.assert_allclose(covariance, expected, rtol=1e-6, atol=1e-9)


def test_statistics_are_of_all_rows_though_few_are_kept():
    features = rows(0, 500, 6)
    parts = [(part, part[:, :2]) for part in features.split(37)]
    few, everything = gather(parts, 500, 50), whole(features)
    assert torch.equal(few.features, features[::10])
    assert torch.equal(few.logits, features[::10, :2])
    np.testing.assert_allclose(few.covariance, everything.covariance, rtol=1e-9)
    # a count of rows that is no count of images must not be taken for all of them
    assert few.count == 500
    real = whole(rows(1, 300, 6))
    ours = [Fid().measure(made, real, 0)[0].value for made in (few, everything)]
    assert ours[0] == pytest.approx(ours[1], rel=1e-9)


@pytest.mark.parametrize("seed", [0, 7])
def test_inception_score_kid_and_precision_are_torch_fidelitys(seed):
    a, b = rows(seed, 300, 16).float(), rows(seed + 1, 400, 16, 1.2).float()
    made, real = whole(a, a[:, :10]), whole(b, b[:, :10])
    theirs = import_fidelity("metric_isc").isc_features_to_metric(a[:, :10], 10, True, seed)
    (found,) = InceptionScore().measure(made, None, seed)
    assert found.value == pytest.approx(theirs["inception_score_mean"], abs=1e-9)
    assert found.deviation == pytest.approx(theirs["inception_score_std"], abs=1e-9)

    settings = {"kid_subsets": 20, "kid_subset_size": 100, "rng_seed": seed, "verbose": False}
    theirs = import_fidelity("metric_kid").kid_features_to_metric(a, b, **settings)
    (found,) = Kid(subsets=20, subset_size=100).measure(made, real, seed)
    assert found.value == pytest.approx(theirs["kernel_inception_distance_mean"], abs=1e-9)
    assert found.deviation == pytest.approx(theirs["kernel_inception_distance_std"], abs=1e-9)

    theirs = import_fidelity("metric_prc").prc_features_to_metric(a, b, verbose=False)
    found = {one.metric: one.value for one in PrecisionRecall().measure(made, real, seed)}
    # which side is which: the second set is wider, and covers more of the first than conversely
    assert found == pytest.approx({name: theirs[name] for name in ("precision", "recall")})
    assert found["precision"] > found["recall"]


def test_kid_takes_smaller_subsets_of_few_images_and_says_so():
    made, real = whole(rows(0, 30, 4).float()), whole(rows(1, 50, 4).float())
    (found,) = Kid(subsets=5).measure(made, real, 0)
    assert found.note == "subsets of 30 images"


def test_inception_score_of_sure_guesses_is_the_number_of_classes():
    logits = 1000 * torch.eye(5).repeat(200, 1)
    (found,) = InceptionScore(splits=1).measure(whole(logits, logits), None, 0)
    assert found.value == pytest.approx(5, rel=1e-6)
    with pytest.raises(MetricError, match="10 images or more, not 9"):
        InceptionScore().measure(whole(logits[:9], logits[:9]), None, 0)


def test_accuracy_of_objects_is_as_computed_by_hand():
    logits = torch.tensor(
        [
            [0.9, 0.8, 0.1, 0.0],  # asked for 0 and 2: of the two highest one is right
            [0.0, 0.1, 0.2, 0.9],  # asked for 3: right
            [0.1, 0.2, 0.3, 0.0],  # asked for 0, 1, 2: all three
        ]
    )
    labels = torch.tensor([[1.0, 0, 1, 0], [0, 0, 0, 1], [1, 1, 1, 0]])
    made = whole(logits, logits).with_labels(labels, ["a", "b", "c", "d"])
    (found,) = Accuracy().measure(made, None, 0)
    assert found.value == pytest.approx(100 * 5 / 6)
    assert found.per_class == {"a": 100.0, "b": 100.0, "c": 50.0, "d": 100.0}


def test_accuracy_of_classes_is_as_computed_by_hand():
    logits = torch.tensor([[2.0, 1, 0], [0, 1, 2], [1, 2, 0], [0, 3, 1]])
    made = whole(logits, logits).with_labels(torch.tensor([0, 1, 1, 1]), [])
    (found,) = Accuracy().measure(made, None, 0)
    assert found.value == pytest.approx(75)
    assert found.per_class == pytest.approx({"0": 100.0, "1": 200 / 3})
    with pytest.raises(MetricError, match="has 3 classes"):
        Accuracy().measure(
            whole(logits, logits).with_labels(torch.tensor([0, 1, 2, 3]), []), None, 0
        )


def test_accuracy_of_nothing_asked_for_is_refused():
    made = whole(torch.ones(2, 3), torch.ones(2, 3)).with_labels(torch.zeros(2, 3), [])
    with pytest.raises(MetricError, match="at least one label"):
        Accuracy().measure(made, None, 0)


@pytest.mark.parametrize("metric", [kind() for kind in kinds_of("metric").values()])
def test_a_metric_says_the_fewest_images_that_it_is_taken_of(metric):
    few, rest = rows(0, metric.least, 4).softmax(1), rows(1, 50, 4)
    labels = torch.zeros(len(few), dtype=torch.int64)
    assert metric.measure(whole(few, few).with_labels(labels, []), whole(rest), 0)
    if metric.least > 1:
        fewer = whole(few[1:], few[1:])
        with pytest.raises(MetricError, match=f"{metric.kind} needs {metric.least} images"):
            metric.measure(fewer, whole(rest), 0)


def test_metrics_refuse_what_has_no_meaning():
    assert "one class per image: choose another" in InceptionScore().refusal("multi_hot", None)
    assert "--extractor" in Accuracy().refusal(None, torch.tensor([1]))
    assert Accuracy().refusal("multi_hot", torch.tensor([1]))
    assert Accuracy().refusal("multi_hot", torch.ones(1, 3)) is None
    assert Accuracy().refusal("classes", None)


def test_a_claim_can_be_of_every_score():
    from ganspec.systems.claims import Score

    for kind in kinds_of("metric").values():
        for name in kind.names:
            assert Score(metric=name, value=1.0).metric == name
