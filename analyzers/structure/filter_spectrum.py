"""How far all 3x3 kernels of a model are, as one spectrum, from those of published models."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from analyzers.contract import Json, Measurement, View
from analyzers.structure.filter_layers import rounded
from analyzers.structure.filter_network import ASSOCIATION, Network, Told, one_number, without
from analyzers.structure.kernel_spectrum import divergence, sampling_limit
from analyzers.structure.kernel_statistics import Floats
from analyzers.structure.reference_models import KNOWN, family

DISTANCES: Final = ("filters.spectrum_distance_normal", "filters.spectrum_distance_robust")
TAPS: Final = 9
_KINDS: Final = {"normal": "normally", "robust": "adversarially"}


def spectrum_numbers(shares: Floats, kernels: int, outputs: int) -> dict[str, float | int]:
    """What a child says of the pooled spectrum."""
    found = {f"spectrum_{place}": rounded(share) for place, share in enumerate(shares)}
    return {**found, "spectrum_kernels": kernels, "spectrum_outputs": outputs}


def spectrum_distances(network: Network) -> list[Measurement]:
    """The least divergence from the pooled spectra of normal and of robust models."""
    found, why = network.reference()
    shares = _shares(network.numbers)
    if found is None or shares is None:
        why = why or "The model has no plain 3x3 kernels that vary."
        return [without(metric, why) for metric in DISTANCES]
    far = {name: divergence(shares, pool) for name, pool in KNOWN.spectra.items()}
    away = far["all"]
    if away is None:
        why = "The kernels leave one of the nine directions out, so no divergence is finite."
        return [without(metric, why) for metric in DISTANCES]
    told = f"{family(found)}, with those of ImageNet pooled in"
    beside = f"From all of them pooled: {away:.3g} nats ({told}). {ASSOCIATION}"
    normal, robust = (_distance(network.numbers, name, far[name] or 0.0, beside) for name in _KINDS)
    return [normal, replace(robust, view=_view(shares))]


def _view(shares: Floats) -> View:
    """The model's shares over the range between both pools.

    Without a unit: that of a view is also that of the number it belongs to.
    """
    ends = np.sort([KNOWN.spectra[name] for name in _KINDS], axis=0)
    data: dict[str, Json] = {
        "labels": [f"axis {place + 1}" for place in range(TAPS)],
        "values": [rounded(share) for share in shares],
        "low": [rounded(low) for low in ends[0]],
        "high": [rounded(high) for high in ends[1]],
    }
    caption = (
        "Share of the kernels' variance along each of their own principal axes. Grey: between the "
        "kernels of all normally and of all adversarially trained reference models. Few patterns "
        "put most of it on the first axis. An association, not a cause."
    )
    return View("dots_over_band", "How the kernels' variance spreads over patterns", data, caption)


def _distance(
    numbers: Mapping[str, float | int], name: str, value: float, beside: str
) -> Measurement:
    kernels, outputs = (int(numbers[f"spectrum_{of}"]) for of in ("kernels", "outputs"))
    note = (
        f"At least {value:.3g} nats from the pooled 3x3 kernels of {_KINDS[name]} trained models, "
        f"whatever their axes (those are not published). {_noise(name, kernels, outputs)} The "
        f"models of one pool differ more than that among themselves. {beside}"
    )
    title = f"Spectrum of all kernels, from that of {_KINDS[name]} trained models"
    counts = {"kernels": kernels, "outputs": outputs}
    told = Told(title, note, "nats")
    return one_number(f"filters.spectrum_distance_{name}", value, told, counts)


def _noise(name: str, kernels: int, outputs: int) -> str:
    """What chance alone makes of the distance: kernels of one output are not independent."""
    told = {
        f"{count} {what}": sampling_limit(KNOWN.spectra[name], count)
        for count, what in ((kernels, "kernels"), (outputs, "outputs"))
    }
    parts = [f"{limit:.2g} for {what}" for what, limit in told.items() if limit is not None]
    return f"Of chance alone it would be below {' and '.join(parts)} drawn from that pool."


def _shares(numbers: Mapping[str, float | int]) -> Floats | None:
    names = [f"spectrum_{place}" for place in range(TAPS)]
    if not all(name in numbers for name in names):
        return None
    return np.array([float(numbers[name]) for name in names])
