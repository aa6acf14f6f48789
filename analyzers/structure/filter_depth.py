"""Kernel statistics along the depth of a network: layer by layer, and by tenths of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from analyzers.contract import Json, Measurement, View
from analyzers.structure.filter_layers import LayerRow, rounded
from analyzers.structure.filter_network import (
    ASSOCIATION,
    LARGEST_ENTROPY,
    LATE,
    Network,
    folding,
    interval,
    kind,
    mean_entropy,
    mean_orthogonality,
    pooled_sparsity,
)
from analyzers.structure.reference_models import (
    FIRST_AND_TENTHS,
    ReferenceSet,
    depth_step,
    family,
)

Statistic = Callable[[Sequence[LayerRow]], float | None]
STATISTICS: Final[Mapping[str, Statistic]] = {
    "entropy": mean_entropy,
    "sparsity": pooled_sparsity,
    "orthogonality": mean_orthogonality,
}
_STEPS: Final = ("first", *(f"to {10 * step} %" for step in range(1, FIRST_AND_TENTHS)))


def entropy_late(network: Network) -> Measurement:
    """Where adversarially and normally trained models differ most: the last 30 % of depth."""
    metric = "filters.entropy_late"
    rows = [row for row in network.plain if row.depth > LATE]
    value = mean_entropy(rows)
    found, why = network.reference()
    if value is None:
        told = "No plain 3x3 convolution lies in the last 30 % of the depth."
        return Measurement(metric, "not_applicable", note=told)
    kept = sum(row.kept or 0 for row in rows)
    note = (
        f"The variance entropy of the late 3x3 kernels is {value:.3f}"
        f"{interval(network, 'entropy_late')} over {kept} kernels of {len(rows)} layers. "
        f"{folding(network)} {_late_medians(found) if found else why}"
    )
    counts = {"kept": kept, "kernels": sum(row.kernels for row in rows), "layers": len(rows)}
    view = by_tenths(network.plain, "entropy", "Variance entropy of the kernels, by depth", found)
    return Measurement(metric, "measured", {}, rounded(value), counts, view=view, note=note)


def _late_medians(found: ReferenceSet) -> str:
    """The reference medians of late layers; a model's own value has no published distribution."""
    steps = range(depth_step(LATE) + 1, FIRST_AND_TENTHS)
    known = [(step, found.at("entropy", step)) for step in steps]
    told = "; ".join(
        f"{_STEPS[step]} of depth {pair.normal:.3f} and {pair.robust:.3f}"
        for step, pair in known
        if pair
    )
    return (
        f"Medians of late layers of normally and of adversarially trained {found.name} models: "
        f"{told} ({family(found)}). {ASSOCIATION}"
    )


def by_tenths(
    rows: Sequence[LayerRow], statistic: str, title: str, found: ReferenceSet | None
) -> View | None:
    """One statistic of the first convolution and of each tenth of depth that has a layer."""
    steps: dict[int, list[LayerRow]] = {}
    for row in rows:
        steps.setdefault(depth_step(row.depth), []).append(row)
    values = {step: STATISTICS[statistic](steps[step]) for step in sorted(steps)}
    shown = {step: rounded(value) for step, value in values.items() if value is not None}
    if not shown:
        return None
    unit = "share" if statistic == "sparsity" else ""
    data: dict[str, Json] = {
        "labels": [_STEPS[step] for step in shown],
        "values": list(shown.values()),
        "unit": unit,
    }
    told = "The first convolution, then tenths of the convolution depth, each with all its layers."
    if found is None or not any(found.band(statistic, step) for step in shown):
        line = {"baseline": rounded(LARGEST_ENTROPY)} if statistic == "entropy" else {}
        random = " The line marks random kernels." if line else ""
        return View("bars", title, {**data, **line}, f"{told}{random}")
    ends = _ends([found.band(statistic, step) for step in shown])
    return View("dots_over_band", title, {**data, **ends}, f"{told} {_grey(found)}")


def by_layer(network: Network, found: ReferenceSet | None) -> View | None:
    """The entropy of every layer that has one."""
    measured = [row for row in network.rows if row.entropy is not None]
    if not measured:
        return None
    rows = sorted(measured, key=lambda row: row.depth)
    title = "Variance entropy of the kernels, by layer"
    labels = [row.name if row.comparable else f"{row.name} ({kind(row)})" for row in rows]
    data = {"labels": labels, "values": [row.entropy for row in rows]}
    bands = [
        found.band("entropy", depth_step(row.depth)) if found and row.comparable else None
        for row in rows
    ]
    if found is None or not any(bands):
        return _bars(rows, title, data)
    return View("dots_over_band", title, {**data, **_ends(bands)}, _grey(found))


def _ends(bands: Sequence[tuple[float, float] | None]) -> dict[str, Json]:
    return {
        "low": [None if band is None else band[0] for band in bands],
        "high": [None if band is None else band[1] for band in bands],
    }


def _grey(found: ReferenceSet) -> str:
    return (
        f"Grey: between the medians of normally and of adversarially trained {found.name} models "
        f"at the same depth ({family(found)}). An association, not a cause."
    )


def _bars(rows: Sequence[LayerRow], title: str, data: Mapping[str, Json]) -> View:
    caption = "From the first convolution to the last."
    if not all(row.comparable for row in rows):
        return View("bars", title, data, caption)
    told = f"{caption} The line marks random kernels; an untrained network reaches it."
    return View("bars", title, {**data, "baseline": rounded(LARGEST_ENTROPY)}, told)
