"""Decisions beside the model: what is predicted at which probability, on which scale a target is learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sqlite_ml_vtab.errors import TrainingError, choices
from sqlite_ml_vtab.portable.values import Floats


def costs(
    labels: Sequence[Any],
    threshold: float | Mapping[str, float] | None,
    cost: Mapping[str, Mapping[str, float]] | None,
) -> Floats:
    """Return the cost of predicting (column) for each actual class (row); (0, 0) where the likelier class wins.

    A threshold is a cost too: predicting the second class from probability t on is what costs least where a false
    second costs t and a false first 1 - t (Elkan 2001, The Foundations of Cost-Sensitive Learning, eq. 2).
    """
    if threshold is not None:
        return _of_threshold(labels, threshold)
    return np.empty((0, 0)) if cost is None else _of_matrix(labels, cost)


def _of_threshold(labels: Sequence[Any], threshold: float | Mapping[str, float]) -> Floats:
    if len(labels) != 2:
        raise TrainingError(f"threshold is for two classes, and the target has {len(labels)}. Use cost instead.")
    place, share = 1, threshold
    if isinstance(threshold, Mapping):
        ((label, share),) = threshold.items()
        place = _place(labels, label, "threshold")
    assert isinstance(share, float)
    found = np.zeros((2, 2))
    # A hair less, so that the very probability counts too, however it was rounded.
    found[1 - place, place], found[place, 1 - place] = share * (1.0 - 1e-12), 1.0 - share
    return found


def _of_matrix(labels: Sequence[Any], cost: Mapping[str, Mapping[str, float]]) -> Floats:
    """Return the matrix; what is not written costs 1, and 0 on the diagonal."""
    found = 1.0 - np.eye(len(labels))
    for actual, row in cost.items():
        for predicted, value in row.items():
            found[_place(labels, actual, "cost"), _place(labels, predicted, "cost")] = value
    return found


def _place(labels: Sequence[Any], label: str, option: str) -> int:
    names = [str(known) for known in labels]
    if label not in names:
        raise TrainingError(f"{option} names {label!r}, no class of the train part. {choices(label, names, 'Classes')}")
    return names.index(label)


def decide(probabilities: Floats, matrix: Floats) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return, for probabilities (n, classes), the class that costs least by `matrix` (classes, classes)."""
    return np.asarray((probabilities @ matrix).argmin(axis=1))


def transform_target(name: str | None, answers: Floats) -> tuple[Floats, tuple[str, tuple[float, ...]]]:
    """Return the target on the scale to learn it on, and the entry of portable.INVERSES that brings it back.

    Raises TrainingError where the target does not allow it.
    """
    if name is None:
        return answers, ("none", ())
    if name == "log":
        least = float(answers.min())
        if least < 0:
            raise TrainingError(
                f"target_transform='log' needs a target of 0 or more, got {least:g}. Use 'yeo_johnson'."
            )
        shift = 1.0 if least == 0 else 0.0
        return np.log(answers + shift), ("log", (shift,))
    return _yeo_johnson(answers)


def bend_target(inverse: tuple[str, tuple[float, ...]], answers: Floats) -> Floats:
    """Return numbers (n,) in the target's unit on the scale that `inverse` leads back from; not finite beyond it."""
    name, parameters = inverse
    with np.errstate(all="ignore"):
        return _BENDS[name](answers, *parameters)


def _bend_yeo_johnson(answers: Floats, power: float, mean: float, scale: float) -> Floats:
    """Return the standardised transform of Yeo and Johnson (2000), A new family of power transformations, eq. 2.1."""
    from scipy.special import boxcox

    bent = np.where(answers >= 0, boxcox(np.abs(answers) + 1.0, power), -boxcox(np.abs(answers) + 1.0, 2.0 - power))
    return np.asarray((bent - mean) / scale)


_BENDS: dict[str, Callable[..., Floats]] = {
    "none": lambda answers: answers,
    "log": lambda answers, shift: np.log(answers + shift),
    "yeo_johnson": _bend_yeo_johnson,
}
"""By the name of an entry of portable.INVERSES, what it undoes."""


def _yeo_johnson(answers: Floats) -> tuple[Floats, tuple[str, tuple[float, ...]]]:
    from sklearn.preprocessing import PowerTransformer

    fitted = PowerTransformer("yeo-johnson").fit(answers[:, None])
    power, scaler = float(fitted.lambdas_[0]), fitted._scaler
    bent = np.asarray(fitted.transform(answers[:, None])[:, 0])
    return bent, ("yeo_johnson", (power, float(scaler.mean_[0]), float(scaler.scale_[0])))
