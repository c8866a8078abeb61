"""Checks of what users' own data sets and metrics return."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ganspec.kinds.dataset import DataError, Dataset
from ganspec.kinds.metric import Metric, MetricError, MetricValue
from ganspec.language.errors import listed
from ganspec.plots.log import HUGE


def check_returned(dataset: Dataset, returned: object, folder: Path, *size: int) -> None:
    """Raise DataError if `load` of a user's own data set returned wrong images or labels.

    The number of class names is checked, too. `returned` is the result of `load`, `folder` its
    first argument, and `size` the height, width and channels that it was asked for. Data sets of
    ganspec are not checked.
    """
    if dataset.is_own and (fault := next(_faults(dataset, returned, folder, *size), None)):
        raise DataError(f"{dataset.known_as} {fault}")


def _faults(
    dataset: Dataset, returned: object, folder: Path, height: int, width: int, channels: int
) -> Iterator[str]:
    """Yield each fault in words that follow the data set's name.

    A check assumes that the checks before it passed, so only the first fault is reliable.
    """
    if not isinstance(returned, tuple) or len(returned) != 2:
        many = f"{len(returned)} values" if isinstance(returned, tuple) else _type(returned)
        yield f"returned {many}, not `images, labels`"
        return
    for name, value in zip(("images", "labels"), returned, strict=True):
        if not isinstance(value, torch.Tensor):
            fix = f"torch.as_tensor({name})"
            if name == "labels" and value is None:
                fix = "torch.zeros(len(images), dtype=torch.int64)"
            yield f"returned {_type(value)} as {name}, not a tensor: return {fix}"
            return
    images, labels = returned
    if images.dtype != torch.uint8:
        yield f"returned images of {_dtype(images)}, not of uint8, 0 to 255"
    if images.shape[1:] != (channels, height, width):
        yield f"returned images, {_shape(images)}, not N x {channels} x {height} x {width}"
    if not len(images):
        yield "returned no images"
    yield from _label_faults(dataset, labels, len(images))
    names, known = dataset.classes(folder), dataset.label_kind()
    if names and known and len(names) != known[1]:
        yield f"names {len(names)} classes, but its `label_kind` tells {known[1]}"


def _label_faults(dataset: Dataset, labels: torch.Tensor, count: int) -> Iterator[str]:
    """Yield each fault of the labels of `count` images."""
    form, classes = dataset.label_kind() or (None, None)
    multi = labels.ndim == 2 if form is None else form == "multi_hot"
    wanted = f"uint8 N x {classes or 'classes'}" if multi else "int64 N"
    sizes = (classes or labels.shape[-1],) if multi and labels.ndim else ()
    dtype = torch.uint8 if multi else torch.int64
    if labels.dtype != dtype or labels.ndim != 1 + multi or labels.shape[1:] != sizes:
        yield f"returned labels, {_dtype(labels)} {_shape(labels)}, not {wanted}"
        return
    if len(labels) != count:
        yield f"returned {len(labels)} labels for {count} images"
        return
    low, high = int(labels.min()), int(labels.max())
    top = 1 if multi else classes and classes - 1
    if low < 0 or (top is not None and high > top):
        span = "0 or more" if top is None else f"from 0 to {top}"
        yield f"returned the label {low if low < 0 else high}, but labels are {span}"


def checked_values(metric: Metric, returned: list[MetricValue]) -> list[MetricValue]:
    """Return the values that `measure` of `metric` returned, with numbers of Python.

    Numbers of NumPy and tensors of one number are converted. Raises MetricError if a user's own
    metric returned anything but numbers between -HUGE and HUGE, one for each of its names. The
    values of ganspec's metrics are neither checked nor changed.
    """
    if not metric.is_own:
        return returned
    return [_with_floats(metric, value) for value in named_values(metric, returned)]


def named_values(metric: Metric, returned: object) -> list[MetricValue]:
    """Return the values that `measure` of `metric` returned, whatever their numbers are.

    Raises MetricError unless there is a MetricValue for each of the metric's names.
    """
    values: list[Any] = list(returned) if isinstance(returned, (list, tuple)) else [returned]
    for value in values:
        if value is returned or not isinstance(value, MetricValue):
            fault = f"returned {_type(value)}, not a list with a `MetricValue` for each of `names`"
            raise MetricError(f"{metric.known_as} {fault}")
    found = [value.metric for value in values]
    if found != list(metric.names):
        many = f"values of {listed(found)}" if found else "no values"
        raise MetricError(f"{metric.known_as} returned {many}, not of {listed(metric.names)}")
    return values


def _with_floats(metric: Metric, measured: MetricValue) -> MetricValue:
    """Return `measured` with numbers of Python.

    Raise MetricError if one is no number between -HUGE and HUGE, or `per_class` is no dict.
    """

    def number(what: str, value: Any) -> float:
        shown = _type(value)
        try:
            result = float(value)
            if abs(result) < HUGE:
                return result
            shown = f"{result:g}"
        except (TypeError, ValueError, RuntimeError):
            pass
        what = f"the {what} of `{measured.metric}`"
        fault = f"returned {shown} as {what}, not a number between {-HUGE:g} and {HUGE:g}"
        raise MetricError(f"{metric.known_as} {fault}")

    deviation, per_class, count = measured.deviation, measured.per_class, measured.references
    if not isinstance(per_class, (dict, type(None))):
        fault = f"returned {_type(per_class)} as the per_class of `{measured.metric}`, not a dict"
        raise MetricError(f"{metric.known_as} {fault}")
    return replace(
        measured,
        value=number("value", measured.value),
        deviation=None if deviation is None else number("deviation", deviation),
        references=None if count is None else int(number("references", count)),
        note=str(measured.note),
        per_class=per_class
        and {str(name): number("per_class", each) for name, each in per_class.items()},
    )


def _type(value: object) -> str:
    return "None" if value is None else f"a value of the type {type(value).__name__}"


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _shape(tensor: torch.Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"
