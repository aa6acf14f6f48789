"""What committed units said, image by image, and intervals over images for sums of it."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from analyzers.behaviour.frequency.spectra import Floats
from analyzers.contract import Done, Json
from analyzers.lens import least_accuracy
from analyzers.statistics.bootstrap import Spread, Values, spread


def of_look(done: Sequence[Done], look: str) -> list[Done]:
    """The units that took this look and came to an end."""
    return [one for one in done if one.unit.params["look"] == look and one.outcome == "measured"]


def table(done: Sequence[Done], names: Sequence[str]) -> Floats:
    """One row an image, one column a name; NaN where an image was not looked at."""
    rows: dict[int, dict[str, Json]] = {}
    for one in done:
        for place, row in enumerate(one.samples["row"]):
            seen = rows.setdefault(row, {})
            seen.update({name: one.samples[name][place] for name in names if name in one.samples})
    told = [[rows[row].get(name) for name in names] for row in sorted(rows)]
    return np.array(told, np.float64).reshape(len(rows), len(names))


def total(done: Sequence[Done], prefix: str) -> Mapping[int, float]:
    """Numbers ``prefix:key``, summed over units, by key."""
    found: dict[int, float] = {}
    for one in done:
        for name, value in one.numbers.items():
            head, _, key = name.rpartition(":")
            if head == prefix:
                found[int(key)] = found.get(int(key), 0.0) + value
    return dict(sorted(found.items()))


def number(done: Sequence[Done], name: str) -> float:
    """One number, summed over units."""
    return float(sum(one.numbers.get(name, 0) for one in done))


Statistic = Callable[[Floats], Floats]
"""Sums over images, [draws, columns], to one value a draw; NaN where it has none."""


def of_sums(columns: Floats, statistic: Statistic) -> Spread:
    """A statistic of column sums, with images resampled.

    Every draw is a weight for each image, so that sums are one product; that is many times faster
    than gathering rows. A hole counts as 0: hand over a column of ones and holes to divide by.
    """
    values, images = np.nan_to_num(columns), len(columns)

    def of_draws(drawn: Values) -> Values:
        draws = len(drawn)
        at = drawn.astype(np.int64) + images * np.arange(draws)[:, None]
        weights = np.bincount(at.ravel(), minlength=draws * images).reshape(draws, images)
        with np.errstate(divide="ignore", invalid="ignore"):
            return statistic(weights @ values)

    return spread(np.arange(images, dtype=np.float64), of_draws)


def near_chance(right: int, among: int, classes: int) -> str:
    """Why errors of a model say nothing, or nothing."""
    wanted = least_accuracy(classes)
    if among and right / among >= wanted:
        return ""
    return (
        f"The model is right on {right} of {among} images; with {classes} classes, less than "
        f"{100 * wanted:.3g} % is too near to chance for its errors to say anything."
    )
