"""What is left of the accuracy when pictures keep only what is coarse, or only what is fine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analyzers.behaviour.frequency.columns import near_chance, of_sums, table, total
from analyzers.behaviour.frequency.spectra import CUT_AT, LOW, Floats, nyquist, radii
from analyzers.contract import Case, Done, Measurement, View
from analyzers.lens import ASSOCIATION, mean, without
from analyzers.statistics.bootstrap import Spread
from analyzers.statistics.intervals import wilson

LOWPASS, HIGHPASS = "frequency.lowpass_retention", "frequency.highpass_retention"
R50, RELIANCE = "frequency.r50", "frequency.high_reliance"
CLIP: Final = "frequency.clip_share"
_HALF: Final = 0.5
_EMPTY: Final = 1e-3
"""Share of fine variance below which pictures have nothing to be recognised by there."""
X_LABEL: Final = "cycles per image (across the shorter side)"


@dataclass(frozen=True)
class Cuts:
    """Whether each image was taken rightly, whole and at every cut."""

    case: Case
    done: Sequence[Done]
    right: Floats
    low: Floats
    """[images, radii]"""
    high: Floats
    fine: float
    """Mean share of the pictures' variance that is finer than ``LOW``."""

    @property
    def images(self) -> int:
        """How many were looked at."""
        return len(self.right)

    @property
    def clean(self) -> float:
        """Accuracy on whole pictures."""
        return float(self.right.mean())

    @property
    def top(self) -> float:
        """The Nyquist frequency in cycles per image."""
        return nyquist(*self.case.subject.shape[1:])


def cuts_of(case: Case, done: Sequence[Done]) -> Cuts:
    """The columns of all units that cut pictures."""
    count = len(CUT_AT)
    names = [f"{side}:{place}" for side in ("low", "high") for place in range(count)]
    columns = table(done, ["right", "fine", *names])
    low, high = columns[:, 2 : 2 + count], columns[:, 2 + count :]
    return Cuts(case, done, columns[:, 0], low, high, float(columns[:, 1].mean()))


def tell_cuts(cuts: Cuts) -> list[Measurement]:
    """Radius by radius, and in one number each; how much was clipped comes last."""
    why = near_chance(int(cuts.right.sum()), cuts.images, cuts.case.subject.classes)
    if why:
        judged = [without(one, "not_applicable", why) for one in (R50, RELIANCE, LOWPASS, HIGHPASS)]
        return [*judged, *_clipped(cuts)]
    found = [_half_back(cuts), _reliance(cuts)]
    for metric, hits, title in (
        (LOWPASS, cuts.low, "Kept with only the frequencies up to"),
        (HIGHPASS, cuts.high, "Kept with only the frequencies above"),
    ):
        found.extend(
            _kept(cuts, metric, hits[:, place], title, place) for place in range(len(CUT_AT))
        )
    return [*found, *_clipped(cuts)]


def told_radius(part: float, top: float) -> str:
    """A radius in both of its spellings."""
    return f"{part * top:.3g} cycles per image ({part:.3g} of Nyquist)"


def _kept(cuts: Cuts, metric: str, hits: Floats, title: str, place: int) -> Measurement:
    part, right = CUT_AT[place], int(hits.sum())
    where = told_radius(part, cuts.top)
    note = f"{right} of {cuts.images} images right at {where}, {int(cuts.right.sum())} whole."
    return mean(
        metric,
        _retention(cuts, hits),
        title=f"{title} {where}",
        unit="share",
        note=note,
        scope={"radius": f"{part * cuts.top:g}"},
    )


def _retention(cuts: Cuts, hits: Floats) -> Spread:
    """Right on cut pictures over right on whole ones; none or all of them still leave doubt."""
    columns = np.stack([hits, cuts.right], axis=1)
    found = of_sums(columns, lambda sums: sums[:, 0] / sums[:, 1])
    if 0 < hits.sum() < cuts.images:
        return found
    low, high = wilson(int(hits.sum()), cuts.images)
    return found._replace(low=low / cuts.clean, high=high / cuts.clean)


def _half_back(cuts: Cuts) -> Measurement:
    share = cuts.low.mean(axis=0) / cuts.clean
    reached = [place for place, one in enumerate(share) if one >= _HALF]
    corner = float(radii(*cuts.case.subject.shape[1:]).max()) / cuts.top
    part = CUT_AT[reached[0]] if reached else corner
    before = (reached[0] if reached else len(CUT_AT)) - 1
    note = f"Half of the clean accuracy is back at {told_radius(part, cuts.top)}"
    if before >= 0:
        note += f"; at {told_radius(CUT_AT[before], cuts.top)} it is {100 * share[before]:.3g} %"
    view = _curve(cuts, cuts.low, "Accuracy with only the frequencies up to a radius")
    return Measurement(
        R50,
        "measured",
        {},
        part,
        {"images": cuts.images},
        view=view,
        note=f"{note}. {cuts.images} images, radii as measured.",
    )


def _reliance(cuts: Cuts) -> Measurement:
    """With chance taken out of both, for with few classes it alone keeps a good share."""
    place, chance = CUT_AT.index(LOW), 1 / cuts.case.subject.classes
    columns = np.stack([cuts.high[:, place], cuts.right, np.ones(cuts.images)], axis=1)
    found = of_sums(
        columns,
        lambda sums: (sums[:, 0] - chance * sums[:, 2]) / (sums[:, 1] - chance * sums[:, 2]),
    )
    told = (
        f"95 % interval {found.low:.3g} to {found.high:.3g}, {found.n} images, above "
        f"{told_radius(LOW, cuts.top)}. {100 * cuts.fine:.2g} % of the pictures' own variance "
        "lies there."
    )
    if cuts.fine < _EMPTY:
        told += " That is next to nothing, as in enlarged pictures, so a low value says nothing."
    view = _curve(cuts, cuts.high, "Accuracy with only the frequencies above a radius")
    note = f"{told} {ASSOCIATION}"
    counts = {"images": found.n}
    return Measurement(RELIANCE, "measured", {}, found.value, counts, view=view, note=note)


def _curve(cuts: Cuts, hits: Floats, title: str) -> View:
    """Accuracy over the radius, each with the interval of its own share."""
    bands = [wilson(int(one), cuts.images) for one in hits.sum(axis=0)]
    data = {
        "x": [part * cuts.top for part in CUT_AT],
        "y": hits.mean(axis=0).tolist(),
        "low": [band.low for band in bands],
        "high": [band.high for band in bands],
        "x_label": X_LABEL,
        "y_label": "accuracy",
        "unit": "share",
    }
    caption = (
        f"On whole pictures {100 * cuts.clean:.3g} % of {cuts.images} images are right; a guess "
        f"would be on {100 / cuts.case.subject.classes:.3g} %. Nyquist, the finest stripes that "
        f"pixels hold, is {cuts.top:g} cycles per image. Shaded: 95 % interval."
    )
    return View("curve", title, data, caption)


def _clipped(cuts: Cuts) -> list[Measurement]:
    """Values beyond black and white, which were cut and so are not what the mask left."""
    return [
        clip_share(sum(total(cuts.done, f"{side}_cut").values()), cuts.images * len(CUT_AT), of)
        for side, of in (("low", "low-pass"), ("high", "high-pass"))
    ]


def clip_share(outside: float, pictures: int, of: str) -> Measurement:
    """The share of pixels that were cut to their range, over this many pictures."""
    value = outside / pictures
    view = View("number", f"Pixels clipped, {of}", {"value": value, "unit": "share"})
    note = f"Of {pictures} pictures; the more is cut, the less a number speaks of its radius alone."
    return Measurement(
        CLIP, "measured", {"of": of}, value, {"pictures": pictures}, view=view, note=note
    )
