"""The map of all waves, one by one."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from analyzers.behaviour.frequency.columns import near_chance, total
from analyzers.behaviour.frequency.spectra import Floats, frequencies
from analyzers.behaviour.frequency.waves import half_plane
from analyzers.contract import Case, Done, Measurement, View
from analyzers.lens import without

EVERY_PEAK: Final = "frequency.map_peak"


def tell_every(case: Case, done: Sequence[Done]) -> Measurement:
    """The largest excess error of any wave, with the map of all."""
    height, width = case.subject.shape[1:]
    places = half_plane(height, width)
    wrong, clean, seen = total(done, "wrong"), np.zeros(len(places)), np.zeros(len(places))
    rows = {
        row: right
        for one in done
        for row, right in zip(one.samples["row"], one.samples["right"], strict=True)
    }
    why = near_chance(sum(rows.values()), len(rows), case.subject.classes)
    if why:
        return without(EVERY_PEAK, "not_applicable", why)
    for one in done:
        part = slice(one.unit.params["first"], one.unit.params["last"])
        seen[part] += len(one.samples["right"])
        clean[part] += len(one.samples["right"]) - sum(one.samples["right"])
    measured = np.array([wrong.get(place, 0.0) for place in range(len(places))])
    excess = np.where(seen > 0, (measured - clean) / np.maximum(seen, 1), np.nan)
    top = int(np.nanargmax(excess))
    down, across = (one[tuple(places[top])] for one in frequencies(height, width))
    note = (
        f"At {abs(down):.3g} cycles down and {abs(across):.3g} across. The largest of "
        f"{int((seen > 0).sum())} waves is large by chance alone; {int(seen[top])} images, the "
        "phase drawn for each."
    )
    counts = {"images": int(seen[top]), "waves": int((seen > 0).sum())}
    view = _plane(excess, height, width)
    return Measurement(EVERY_PEAK, "measured", {}, float(excess[top]), counts, view=view, note=note)


def _plane(excess: Floats, height: int, width: int) -> View:
    """Both halves of the plane, the constant in the middle."""
    plane, places = np.full((height, width), np.nan), half_plane(height, width)
    plane[places[:, 0], places[:, 1]] = excess
    plane[-places[:, 0] % height, -places[:, 1] % width] = excess
    shown = np.fft.fftshift(plane)
    values = [[None if np.isnan(one) else one for one in row] for row in shown.tolist()]
    data = {
        "values": values,
        "label": "excess error",
        "x_label": "frequency across, 0 in the middle",
        "y_label": "frequency down, 0 in the middle",
    }
    caption = (
        "Every pixel is one wave: coarse ones in the middle, fine ones at the edge, and the halves "
        "mirror each other. The colour is the share of images that it alone makes wrong. Grids of "
        "bright points are usual for JPEG pictures (multiples of 1/8) and for models that cut "
        "pictures into patches. Single pixels differ by several points by counting alone."
    )
    return View("heat_map", "Errors that every single wave adds", data, caption)
