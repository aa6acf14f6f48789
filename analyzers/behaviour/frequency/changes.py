"""Where slopes and attacks have their power, by radius."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from analyzers.behaviour.frequency.columns import of_sums, table, total
from analyzers.behaviour.frequency.cuts import X_LABEL, told_radius
from analyzers.behaviour.frequency.spectra import LOW, Floats, area, nyquist, radii, rings
from analyzers.contract import Case, Done, Measurement, View
from analyzers.lens import NO_PROBE, NO_THREAT, mean, without
from analyzers.statistics.bootstrap import mean_spread

GRADIENT: Final = "frequency.gradient_centroid"
CENTROID, LOW_SHARE = "frequency.perturbation_centroid", "frequency.perturbation_low_share"
HELD_CENTROID, HELD_SHARE = "frequency.relative_centroid", "frequency.relative_low_share"
CHANGE_METRICS: Final = (CENTROID, LOW_SHARE, HELD_CENTROID, HELD_SHARE)
_SIGNED: Final = (
    "Attacks within a box of pixel values move most pixels by the same size, which spreads their "
    "power evenly; read it beside the slope's."
)


def tell_gradient(case: Case, done: Sequence[Done]) -> Measurement:
    """The centroid of all slopes together, by power."""
    if not case.subject.gradient:
        why = f"Gradients are not available: {case.subject.gradient_gap}."
        return without(GRADIENT, "not_available", why)
    columns = table(done, ["slope_total", "slope_moment"])
    if not np.nansum(columns[:, 0]) > 0:
        return without(GRADIENT, "not_applicable", "Every slope of the loss is 0.")
    shape = case.subject.shape
    found = of_sums(columns, lambda sums: sums[:, 1] / sums[:, 0])
    view = _curve(case, total(done, "slope_ring"), "Where the loss has its slope", _SLOPES)
    told = mean(
        GRADIENT, found, title="Centroid of the slope", note=_placed(found.value, *shape[1:])
    )
    return Measurement(GRADIENT, "measured", {}, told.value, told.counts, view=view, note=told.note)


_SLOPES: Final = (
    "How strongly a small wave of each radius changes the loss, against noise of equal power at "
    "all radii (1). It speaks of tiny changes, and images with steep slopes weigh most. "
    "A first layer with a stride repeats coarse content at fine radii, so models of different "
    "first layers differ for that alone."
)


def _placed(centroid: float, height: int, width: int) -> str:
    top, plain = nyquist(height, width), float(radii(height, width).mean())
    return (
        f"In cycles per image: {centroid:.3g} is {centroid / top:.3g} of Nyquist; noise of equal "
        f"power at all radii has {plain:.4g}."
    )


def tell_changes(case: Case, done: Sequence[Done]) -> list[Measurement]:
    """Threat by threat; where there is none, why."""
    threats = sorted({one.unit.params["threat"] for one in done})
    if not threats:
        why = NO_THREAT if case.subject.gradient else NO_PROBE
        return [without(one, "not_available", why) for one in CHANGE_METRICS]
    return [
        told
        for threat in threats
        for told in _threat(
            case, [one for one in done if one.unit.params["threat"] == threat], threat
        )
    ]


def _threat(case: Case, done: Sequence[Done], threat: str) -> list[Measurement]:
    scope = {"threat": threat}
    names = [f"{of}_{what}" for of in ("change", "held") for what in ("total", "moment", "low")]
    columns = table(done, names)
    moved = ~np.isnan(columns[:, 0])
    if not moved.any():
        why = "The attack changed no picture."
        return [without(one, "not_applicable", why, scope=scope) for one in CHANGE_METRICS]
    plain = _plain(case, columns[moved, :3], total(done, "change_ring"), scope)
    return [*plain, *_held(case, columns[:, 3:], scope)]


def _plain(
    case: Case, columns: Floats, by_ring: Mapping[int, float], scope: dict[str, str]
) -> list[Measurement]:
    """Over all pictures together, by power."""
    centre = of_sums(columns, lambda sums: sums[:, 1] / sums[:, 0])
    share = of_sums(columns, lambda sums: sums[:, 2] / sums[:, 0])
    first = mean(
        CENTROID,
        centre,
        title="Centroid of the changes under attack",
        note=f"{_placed(centre.value, *case.subject.shape[1:])} {_SIGNED}",
        scope=scope,
    )
    view = _curve(case, by_ring, "Where an attack changes the picture", _CHANGES)
    return [
        Measurement(
            CENTROID, "measured", scope, first.value, first.counts, view=view, note=first.note
        ),
        mean(
            LOW_SHARE,
            share,
            title="Power of the changes at low frequencies",
            unit="share",
            note=_against_area(case, share.value),
            scope=scope,
        ),
    ]


_CHANGES: Final = (
    "Mean power of a short climb's changes at each radius, against noise of equal power at all "
    "radii (1). Absolute power gathers at low radii more easily than power held against the "
    "picture's own."
)


def _held(case: Case, columns: Floats, scope: dict[str, str]) -> list[Measurement]:
    """Every picture weighs the same, or those of little power would weigh most."""
    held = columns[columns[:, 0] > 0]
    if not len(held):
        why = "The pictures are flat, so there is no power to hold a change against."
        return [
            without(one, "not_applicable", why, scope=scope) for one in (HELD_CENTROID, HELD_SHARE)
        ]
    centre, share = (mean_spread(held[:, at] / held[:, 0]) for at in (1, 2))
    return [
        mean(
            HELD_CENTROID,
            centre,
            title="Centroid of the changes, over the picture's own power",
            note=_placed(centre.value, *case.subject.shape[1:]),
            scope=scope,
        ),
        mean(
            HELD_SHARE,
            share,
            title="Low frequencies in the changes, over the picture's own power",
            unit="share",
            note=_against_area(case, share.value),
            scope=scope,
        ),
    ]


def _against_area(case: Case, share: float) -> str:
    """A share means something only beside that of the area."""
    height, width = case.subject.shape[1:]
    inner, every = area(height, width, LOW)
    return (
        f"Up to {told_radius(LOW, nyquist(height, width))}. These are {inner} of {every} "
        f"frequencies, a share of {inner / every:.3g}; {share * every / inner:.3g} times that."
    )


def _curve(case: Case, by_ring: Mapping[int, float], title: str, caption: str) -> View:
    found = rings(*case.subject.shape[1:])
    power = np.array([by_ring.get(ring, 0.0) for ring in range(len(found.size))])
    height = power / found.size / (power.sum() / found.size.sum())
    data = {
        "x": found.radius.tolist(),
        "y": height.tolist(),
        "x_label": X_LABEL,
        "y_label": "times even noise",
    }
    return View("curve", title, data, caption)
