"""The Fréchet distance of two normal distributions, exact where covariances are singular."""

from __future__ import annotations

import numpy as np

from ganspec.kinds.activations import Activations


def frechet_distance(
    mean1: np.ndarray, factor1: np.ndarray, mean2: np.ndarray, covariance2: np.ndarray
) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), with S1 = F1 F1^T (Dowson & Landau, 1982).

    The eigenvalues of S1 S2 are those of F1^T S2 F1, which is symmetric: they are real, and those
    that rounding makes of zeros are known by their size. `factor1` is features x rank.
    """
    from scipy import linalg  # slow to import, as by every command that reads a spec

    difference = mean1 - mean2
    values = linalg.eigvalsh(factor1.T @ covariance2 @ factor1)
    traces = np.square(factor1).sum() + np.trace(covariance2)
    return float(difference @ difference + traces - 2 * np.sqrt(positive(values)).sum())


def positive(values: np.ndarray) -> np.ndarray:
    """Eigenvalues, those that cannot be told from zero being zero."""
    least = len(values) * np.finfo(float).eps * max(values.max(initial=0), 0)
    return np.where(values > least, values, 0)


def factor(of: Activations) -> np.ndarray:
    """F, features x rank, with F F^T the covariance.

    Of fewer images than features it is made of the images themselves, which is exact and small.
    """
    from scipy import linalg

    if len(of.features) == of.count <= of.size:
        centred = of.features.double().numpy() - of.mean
        return centred.T / np.sqrt(max(1, of.count - 1))
    try:
        lower = linalg.cholesky(of.covariance, lower=True)
        pivots = np.square(np.diagonal(lower))
        if pivots.min() > len(pivots) * np.finfo(float).eps * pivots.max():
            return lower
    except linalg.LinAlgError:
        pass
    values, vectors = linalg.eigh(of.covariance, driver="evd")
    values = positive(values)
    return (vectors * np.sqrt(values))[:, values > 0]
