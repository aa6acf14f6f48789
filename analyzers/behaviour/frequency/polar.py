"""Which waves move a model, by ring and orientation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analyzers.behaviour.frequency.columns import near_chance, number, of_sums, table
from analyzers.behaviour.frequency.course import PHASES
from analyzers.behaviour.frequency.cuts import X_LABEL, clip_share
from analyzers.behaviour.frequency.spectra import Floats, nyquist, radii
from analyzers.behaviour.frequency.waves import (
    BANDS,
    LOWEST,
    MIDDLE,
    Cell,
    cells,
    norm_of,
)
from analyzers.contract import Case, Done, Measurement, View
from analyzers.lens import ASSOCIATION, mean, without
from analyzers.statistics.bootstrap import Spread
from analyzers.statistics.intervals import wilson

PEAK, FRAGILITY = "frequency.peak_error", "frequency.low_fragility"
EXCESS, CHANGE = "frequency.excess_error", "frequency.logit_change"
NO_CELLS: Final = "The pictures are too small to hold waves."


@dataclass(frozen=True)
class Polar:
    """Of every image and cell the excess error and the change, with holes where a cell ended."""

    case: Case
    done: Sequence[Done]
    cells: Sequence[Cell]
    right: Floats
    excess: Floats
    """[images, cells]: how often it was wrong in a cell, less whether it is wrong without."""
    change: Floats
    size: Floats
    """The norm of the clean logits, with the holes of ``change``."""

    @property
    def top(self) -> float:
        """The Nyquist frequency in cycles per image."""
        return nyquist(*self.case.subject.shape[1:])

    def bands(self) -> list[int]:
        """The rings that have a cell."""
        return sorted({one.band for one in self.cells})

    def of_band(self, *bands: int) -> list[int]:
        """The places of the cells of some rings."""
        return [place for place, one in enumerate(self.cells) if one.band in bands]


def polar_of(case: Case, done: Sequence[Done]) -> Polar:
    """The columns of all units that showed waves of cells."""
    every = cells(*case.subject.shape[1:], done[0].unit.params["turns"])
    names = [f"{what}:{place}" for what in ("wrong", "change") for place in range(len(every))]
    columns = table(done, ["right", "size", *names])
    right, size = columns[:, 0], columns[:, 1]
    wrong, change = columns[:, 2 : 2 + len(every)], columns[:, 2 + len(every) :]
    sizes = np.where(np.isnan(change), np.nan, size[:, None])
    excess = wrong / PHASES - (1 - right[:, None])
    return Polar(case, done, every, right, excess, np.where(np.isnan(sizes), np.nan, change), sizes)


def tell_polar(polar: Polar) -> list[Measurement]:
    """The most sensitive ring, the lowest one, then ring by ring."""
    clipped = clip_share(number(polar.done, "wave_cut"), int(number(polar.done, "waves")), "map")
    changes = [_change(polar, band) for band in polar.bands()]
    why = near_chance(int(polar.right.sum()), len(polar.right), polar.case.subject.classes)
    if why:
        judged = [without(one, "not_applicable", why) for one in (PEAK, FRAGILITY, EXCESS)]
        return [*judged, *changes, clipped]
    spreads = {band: of_cells(polar.excess, polar.of_band(band)) for band in polar.bands()}
    errors = [_excess(polar, band, one) for band, one in spreads.items()]
    return [_peak(polar, spreads), _fragility(polar, spreads), *errors, *changes, clipped]


def of_cells(values: Floats, places: Sequence[int]) -> Spread:
    """The mean over cells of each one's mean over its images."""
    some = values[:, list(places)]
    some = some[~np.isnan(some).all(axis=1)]
    columns = np.concatenate([some, np.where(np.isnan(some), np.nan, 1.0)], axis=1)
    return _doubted(of_sums(columns, _mean_of_ratios))


def _doubted(found: Spread) -> Spread:
    """Images that all say the same, as where no wave did anything, still leave doubt."""
    if found.low < found.high:
        return found
    rare = wilson(0, found.n).high
    return found._replace(low=found.value - rare, high=found.value + rare)


def _mean_of_ratios(sums: Floats) -> Floats:
    above, below = np.split(sums, 2, axis=1)
    return (above / below).mean(axis=1)


def edges(polar: Polar, band: int) -> tuple[float, float]:
    """A ring's ends in cycles per image."""
    corner = float(radii(*polar.case.subject.shape[1:]).max())
    return BANDS[band] * polar.top, min(BANDS[band + 1] * polar.top, corner)


def _named(polar: Polar, band: int) -> str:
    low, high = edges(polar, band)
    return f"{low:.3g}-{high:.3g}"


def _told(polar: Polar, band: int) -> str:
    low, high = edges(polar, band)
    parts = f"{low / polar.top:.3g} to {high / polar.top:.3g} of Nyquist"
    return f"{low:.3g} to {high:.3g} cycles per image ({parts})"


def _seen(polar: Polar, band: int) -> str:
    """How many images the cells of a ring rest on."""
    seen = (~np.isnan(polar.excess[:, polar.of_band(band)])).sum(axis=0)
    least, most = int(seen.min()), int(seen.max())
    images = f"{most}" if least == most else f"{least} to {most}"
    return f"{len(seen)} orientations on {images} images each, two phases."


def _excess(polar: Polar, band: int, found: Spread) -> Measurement:
    return mean(
        EXCESS,
        found,
        title=f"Additional errors under waves of {_named(polar, band)} cycles",
        unit="share",
        note=f"{_told(polar, band)}. {_seen(polar, band)}",
        scope={"band": _named(polar, band)},
    )


def _change(polar: Polar, band: int) -> Measurement:
    """Change over size, cell by cell, so that an answer near nothing does not rule the mean."""
    scope, places = {"band": _named(polar, band)}, polar.of_band(band)
    seen = ~np.isnan(polar.excess[:, places]).all(axis=1)
    change, size = polar.change[seen][:, places], polar.size[seen][:, places]
    if not np.all(np.nansum(size, axis=0) > 0):
        why = "All logits of a picture are alike, so there is nothing to hold a change against."
        return without(CHANGE, "not_applicable", why, scope=scope)
    return mean(
        CHANGE,
        of_sums(np.concatenate([change, size], axis=1), _mean_of_ratios),
        title=f"Change of the logits under waves of {_named(polar, band)} cycles",
        unit="of their size",
        note=f"{_told(polar, band)}. {_seen(polar, band)}",
        scope=scope,
    )


def _peak(polar: Polar, spreads: dict[int, Spread]) -> Measurement:
    band = max(spreads, key=lambda one: spreads[one].value)
    found, clean = spreads[band], 1 - float(polar.right.mean())
    note = (
        f"Most sensitive: {_told(polar, band)}, {100 * found.value:.3g} points of error on top of "
        f"a clean error of {100 * clean:.3g} % (95 % interval {100 * found.low:.3g} to "
        f"{100 * found.high:.3g}). {_seen(polar, band)} {ASSOCIATION}"
    )
    counts = {"images": found.n}
    view = _picture(polar)
    return Measurement(PEAK, "measured", {}, found.value, counts, view=view, note=note)


def _picture(polar: Polar) -> View:
    """Rings downward, orientations across."""
    turns = polar.done[0].unit.params["turns"]
    rows: list[list[float | None]] = [[None] * turns for _ in range(len(BANDS) - 1)]
    for place, cell in enumerate(polar.cells):
        rows[cell.band][cell.turn] = of_mean(polar.excess[:, place])
    rings = ", ".join(_named(polar, band) for band in polar.bands())
    norm = norm_of(*polar.case.subject.shape[1:])
    caption = (
        "Each cell adds stripes of about one width and direction to every picture and counts the "
        f"errors that come on top. Rows, from top: {rings} cycles per image, Nyquist at "
        f"{polar.top:g}. Columns: stripes varying across, then turned by {180 / turns:g} degrees "
        f"each. Norm {norm:.3g} a channel in [0,1] pixels, signs drawn, two phases. "
        "Cells differ by several points by counting alone, so compare rings, not cells."
    )
    data = {
        "values": rows,
        "label": "excess error",
        "x_label": f"direction in steps of {180 / turns:g} degrees",
        "y_label": "coarse (top) to fine (bottom)",
    }
    return View("heat_map", "Where stripes add errors", data, caption)


def of_mean(column: Floats) -> float | None:
    """The mean of what is there."""
    seen = column[~np.isnan(column)]
    return float(seen.mean()) if len(seen) else None


def _fragility(polar: Polar, spreads: dict[int, Spread]) -> Measurement:
    low, middle = polar.of_band(*LOWEST), polar.of_band(*MIDDLE)
    if not low or not middle:
        why = "The pictures are too small to tell a low frequency from a middle one."
        return without(FRAGILITY, "not_applicable", why)
    some = polar.excess[:, [*low, *middle]]
    columns = np.concatenate([some, np.where(np.isnan(some), np.nan, 1.0)], axis=1)

    def difference(sums: Floats) -> Floats:
        above, below = np.split(sums, 2, axis=1)
        each = above / below
        return each[:, : len(low)].mean(axis=1) - each[:, len(low) :].mean(axis=1)

    found = _doubted(of_sums(columns, difference))
    told = (
        f"Below {edges(polar, LOWEST[-1])[1]:.3g} cycles per image, less "
        f"{edges(polar, MIDDLE[0])[0]:.3g} to {edges(polar, MIDDLE[-1])[1]:.3g} cycles: "
        f"95 % interval {found.low:.3g} to {found.high:.3g}, {found.n} images."
    )
    view = _profile(polar, spreads)
    counts = {"images": found.n}
    return Measurement(FRAGILITY, "measured", {}, found.value, counts, view=view, note=told)


def _profile(polar: Polar, spreads: dict[int, Spread]) -> View:
    middles = [sum(edges(polar, band)) / 2 for band in spreads]
    data = {
        "x": middles,
        "y": [one.value for one in spreads.values()],
        "low": [one.low for one in spreads.values()],
        "high": [one.high for one in spreads.values()],
        "x_label": X_LABEL,
        "y_label": "excess error",
        "unit": "share",
    }
    caption = (
        "Errors that stripes of each width add, over all directions: left are slow changes of "
        "brightness as fog or uneven light bring them, right is fine noise. Every wave has the "
        f"same norm. Nyquist is {polar.top:g} cycles per image. Shaded: 95 % interval."
    )
    return View("curve", "Errors added by coarse and by fine stripes", data, caption)
