"""The Fréchet distance of two normal distributions, exact for singular covariances too."""

from __future__ import annotations

import numpy as np

from ganspec.kinds.activations import Activations


def frechet_distance(
    mean1: np.ndarray, factor1: np.ndarray, mean2: np.ndarray, covariance2: np.ndarray
) -> float:
    """Return |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), with the covariance S1 = F1 F1^T.

    The formula is that of Dowson & Landau (1982). The nonzero eigenvalues of S1 S2 are those of
    F1^T S2 F1. That matrix is symmetric, so they are real, and tiny ones are rounded zeros.
    `factor1`, F1, has a row for each feature.
    """
    from scipy import linalg  # slow to import, and commands that read a spec import this file

    difference = mean1 - mean2
    values = linalg.eigvalsh(factor1.T @ covariance2 @ factor1)
    traces = np.square(factor1).sum() + np.trace(covariance2)
    return float(difference @ difference + traces - 2 * np.sqrt(positive(values)).sum())


def positive(values: np.ndarray) -> np.ndarray:
    """Return eigenvalues with 0 in place of those that differ from 0 only by rounding."""
    least = len(values) * np.finfo(float).eps * max(values.max(initial=0), 0)
    return np.where(values > least, values, 0)


def factor(images: Activations) -> np.ndarray:
    """Return F, with a row for each feature, such that F F^T is the covariance.

    If the features of all images are kept, and there are no more images than features, the columns
    of F are the images' scaled differences from the mean. Otherwise the covariance is factored.
    """
    from scipy import linalg

    if len(images.features) == images.count <= images.size:
        centred = images.features.double().numpy() - images.mean
        return centred.T / np.sqrt(max(1, images.count - 1))
    try:
        lower = linalg.cholesky(images.covariance, lower=True)
        pivots = np.square(np.diagonal(lower))
        if pivots.min() > len(pivots) * np.finfo(float).eps * pivots.max():
            return lower
    except linalg.LinAlgError:
        pass
    values, vectors = linalg.eigh(images.covariance, driver="evd")
    values = positive(values)
    return (vectors * np.sqrt(values))[:, values > 0]
