"""Layer rows in, measurements out: aggregates with their weights, and what may be compared."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from analyzers.contract import Case, Json, Measurement, Outcome, View
from analyzers.structure.filter_layers import LARGEST_TAPS, LayerRow, rounded
from analyzers.structure.kernel_statistics import randomness_threshold
from analyzers.structure.reference_models import FAMILY, ReferenceSet, reference_for

COUNTED_FROM: Final = 64
"""Kernels from which the randomness threshold was checked against simulation to .002."""
RATIO_FROM: Final = 8
"""Kernels from which it is far enough above zero to divide by."""
RANDOM_LIKE: Final = 0.8
"""Share of random-like layers from which the whole network counts as untrained."""
LATE: Final = 0.7
"""The last 30 % of convolution depth."""
UNUSED: Final = 0.3
"""Sparsity from which a collapsed layer counts as unused capacity."""
ASSOCIATION: Final = (
    "This is an association: models trained robustly tend to look like this; changing the "
    "statistic directly is not known to make a model robust."
)
MODEL_METRICS: Final = (
    "filters.entropy",
    "filters.random_like",
    "filters.sparsity",
    "filters.sparsity_robust",
    "filters.orthogonality",
    "filters.coherence",
    "filters.dead_outputs",
    "filters.collapsed_layers",
    "filters.unused_layers",
    "filters.stem_centre_share",
)
Number = Callable[[LayerRow], float | None]
_NAMED = 5


@dataclass(frozen=True)
class Network:
    """All layers of one model, with what they may be compared to."""

    case: Case
    rows: Sequence[LayerRow]
    numbers: Mapping[str, float | int]
    remark: str = ""
    """What was left out of the rows, and why."""

    @property
    def pool(self) -> Sequence[LayerRow]:
        """The layers that aggregates run over: plain 3x3 ones, and all where there are none."""
        return [row for row in self.rows if row.comparable] or self.rows

    @property
    def counted(self) -> Sequence[LayerRow]:
        """Layers large enough to be told from random ones."""
        return [row for row in self.rows if row.comparable and (row.kept or 0) >= COUNTED_FROM]

    @property
    def random_like(self) -> Sequence[LayerRow]:
        """Layers whose kernels cannot be told from random ones."""
        return [row for row in self.counted if (over_random(row) or 0) >= 1]

    @property
    def untrained(self) -> bool:
        """Whether the network as a whole looks untrained."""
        return bool(self.counted) and len(self.random_like) >= RANDOM_LIKE * len(self.counted)

    def reference(self) -> tuple[ReferenceSet | None, str]:
        """The published models that this one may be held against, or none and why."""
        if self.untrained:
            return None, "Random-like kernels are not compared with those of trained models."
        facts = self.case.subject
        unlike = {_kind(row) for row in self.rows} - {"3x3", "1x1"}
        kernels = sum(row.kernels for row in self.rows if row.comparable)
        return reference_for(facts.shape, facts.classes, unlike=sorted(unlike), kernels=kernels)


class _Told(NamedTuple):
    """The words that go with a number of the model."""

    title: str
    note: str = ""
    unit: str = "share"


def over_random(row: LayerRow) -> float | None:
    """Entropy over the least that as many random kernels have; only 3x3 has such a threshold."""
    if not row.comparable or row.entropy is None or (row.kept or 0) < RATIO_FROM:
        return None
    return row.entropy / randomness_threshold(row.kept or 0)


def absent(outcome: Outcome, note: str) -> list[Measurement]:
    """Every model-level metric without a value."""
    return [Measurement(metric, outcome, note=note) for metric in MODEL_METRICS]


def model_measurements(network: Network) -> list[Measurement]:
    """What the layers of one model add up to, in the order of ``MODEL_METRICS``."""
    return [
        _entropy(network),
        _random_like(network),
        *_sparsity(network),
        *_alignment(network),
        _dead(network),
        *_collapsed(network),
        _stem(network),
    ]


def layer_measurements(row: LayerRow) -> list[Measurement]:
    """What one layer says of itself; where a statistic does not apply, why."""
    kept = {"kept": row.kept or 0, "kernels": row.kernels}
    live, alone = _live(row), _why_no_pairs(row)
    found = [
        _of_layer(row, "filters.entropy", row.entropy, counts=kept, note=_why_no_entropy(row)),
        _of_layer(
            row,
            "filters.entropy_over_random",
            over_random(row),
            counts=kept,
            note=_why_no_ratio(row),
        ),
        _share_of_layer(row, "filters.sparsity", row.sparse, row.kernels),
        _share_of_layer(
            row,
            "filters.sparsity_robust",
            row.sparse_robust,
            row.compared,
            why_not=_why_no_robust_sparsity(row),
        ),
        _of_layer(row, "filters.orthogonality", row.orthogonality, counts=live, note=alone),
        _of_layer(row, "filters.coherence", row.coherence, counts=live, note=alone),
        _share_of_layer(row, "filters.dead_outputs", row.dead, row.outputs),
    ]
    return found + (_stem_of(row) if row.stem else [])


def _of_layer(
    row: LayerRow, metric: str, value: float | None, *, counts: Mapping[str, int], note: str
) -> Measurement:
    scope = {"layer": row.name}
    if value is None:
        return Measurement(metric, "not_applicable", scope, note=note)
    return Measurement(metric, "measured", scope, rounded(value), counts, note=note)


def _share_of_layer(
    row: LayerRow, metric: str, numerator: int, denominator: int, *, why_not: str = ""
) -> Measurement:
    value = None if why_not else numerator / denominator
    counts = {"numerator": numerator, "denominator": denominator}
    return _of_layer(row, metric, value, counts=counts, note=why_not)


def _live(row: LayerRow) -> dict[str, int]:
    return {"live": row.outputs - row.dead, "outputs": row.outputs}


def _stem_of(row: LayerRow) -> list[Measurement]:
    why = "" if row.comparable else f"No applicable reference for {_kind(row)} kernels."
    if row.centre_share is None:
        why = f"{row.kernel} kernels have no centre tap to compare, or all of them are zero."
    shares = {
        "filters.centre_share": row.centre_share,
        "filters.thresholding_share": row.thresholding_share,
        "filters.antipair_share": row.antipair_share if row.groups == 1 else None,
    }
    return [
        _of_layer(row, metric, value, counts=_live(row), note=why)
        for metric, value in shares.items()
    ]


def _kind(row: LayerRow) -> str:
    if row.groups == 1:
        return row.kernel
    return f"{'depthwise' if row.inputs == 1 else 'grouped'} {row.kernel}"


def _why_no_entropy(row: LayerRow) -> str:
    if set(row.kernel.split("x")) == {"1"}:
        return "A kernel of one tap has no variance to spread."
    if row.kept is None:
        return f"{row.kernel} kernels have more than {LARGEST_TAPS} taps."
    if row.entropy is None:
        return f"{row.kept} kernels are not near zero; a variance needs two."
    return "" if row.comparable else f"No applicable reference for {_kind(row)} kernels."


def _why_no_ratio(row: LayerRow) -> str:
    if not row.comparable:
        return f"The randomness threshold is known for plain 3x3 kernels, not {_kind(row)}."
    return "" if over_random(row) is not None else f"Fewer than {RATIO_FROM} kernels are left."


def _why_no_robust_sparsity(row: LayerRow) -> str:
    if row.inputs == 1:
        return "Each output has one kernel, which has no other to be compared with."
    return "" if row.compared else "Every output is dead."


def _why_no_pairs(row: LayerRow) -> str:
    if row.orthogonality is None:
        return "No two live outputs share a group."
    told = f"Within each of {row.groups} groups." if row.groups > 1 else ""
    return f"{told} Over a fixed sample of the outputs.".strip() if row.sampled else told


def _number(metric: str, value: float, told: _Told, counts: Mapping[str, int]) -> Measurement:
    value = rounded(value)
    view = View("number", told.title, {"value": value, "unit": told.unit})
    return Measurement(metric, "measured", {}, value, counts, view=view, note=told.note)


def _share(metric: str, numerator: int, denominator: int, *, told: _Told) -> Measurement:
    counts = {"numerator": numerator, "denominator": denominator}
    return _number(metric, numerator / denominator, told, counts)


def _without(metric: str, note: str) -> Measurement:
    return Measurement(metric, "not_applicable", note=note)


def _weighted(rows: Sequence[LayerRow], value: Number, weight: Number) -> float | None:
    """The mean over layers that have the value, each with its weight."""
    pairs = [(value(row), weight(row) or 0) for row in rows]
    total = sum(share for found, share in pairs if found is not None)
    if not total:
        return None
    return sum(found * share for found, share in pairs if found is not None) / total


def _folding(network: Network) -> str:
    if network.numbers.get("from_upload"):
        return "Weights: those of the upload. Batch norm folded: no."
    return f"Weights: those of the file. Batch norm folded: {network.case.subject.bn_folded}."


def _entropy(network: Network) -> Measurement:
    """Averaged by the number of kernels that are not near zero, as in the paper."""
    rows = [row for row in network.rows if row.comparable and row.entropy is not None]
    value = _weighted(rows, lambda row: row.entropy, lambda row: row.kept)
    found, why = network.reference()
    view = _by_depth(network, found)
    if value is None:
        why = "No plain 3x3 convolution, so nothing to average; the layers have their own."
        why = f"{why} {network.remark}".strip()
        return Measurement("filters.entropy", "not_applicable", view=view, note=why)
    kept = sum(row.kept or 0 for row in rows)
    return Measurement(
        "filters.entropy",
        "measured",
        {},
        rounded(value),
        {"kept": kept, "kernels": sum(row.kernels for row in rows), "layers": len(rows)},
        view=view,
        note=f"{_interval(network, value)} over {kept} kernels of {len(rows)} layers. "
        f"{_folding(network)} {_comparison(value, found) if found else why} "
        f"{network.remark}".rstrip(),
    )


def _interval(network: Network, value: float) -> str:
    low, high = (network.numbers.get(f"entropy_{end}") for end in ("low", "high"))
    span = "" if low is None or high is None else f" (95 % interval {low:.3f} to {high:.3f})"
    return f"The variance entropy of the 3x3 kernels is {value:.3f}{span}"


def _comparison(value: float, found: ReferenceSet) -> str:
    normal, robust = found.normal, found.robust
    return (
        f"Among {normal.models} normally trained {found.name} models it lies "
        f"{normal.place(value)}, among {robust.models} adversarially trained ones "
        f"{robust.place(value)} ({FAMILY}). {ASSOCIATION} An untrained network scores higher still."
    )


def _by_depth(network: Network, found: ReferenceSet | None) -> View | None:
    measured = [row for row in network.rows if row.entropy is not None]
    if not measured:
        return None
    rows = sorted(measured, key=lambda row: row.depth)
    title = "Variance entropy of the kernels, by depth"
    labels = [row.name if row.comparable else f"{row.name} ({_kind(row)})" for row in rows]
    data = {"labels": labels, "values": [row.entropy for row in rows]}
    if found is None or not found.by_depth:
        return _bars(rows, title, data)
    bands = [found.band(row.depth) if row.comparable else None for row in rows]
    ends = {
        "low": [None if band is None else band[0] for band in bands],
        "high": [None if band is None else band[1] for band in bands],
    }
    caption = (
        f"Grey: between the medians of normally and of adversarially trained {found.name} models "
        f"at the same depth ({FAMILY}). An association, not a cause."
    )
    return View("dots_over_band", title, {**data, **ends}, caption)


def _bars(rows: Sequence[LayerRow], title: str, data: Mapping[str, Json]) -> View:
    caption = "From the first convolution to the last."
    if not all(row.comparable for row in rows):
        return View("bars", title, data, caption)
    told = f"{caption} The line marks random kernels; an untrained network reaches it."
    return View("bars", title, {**data, "baseline": rounded(math.log10(9))}, told)


def _random_like(network: Network) -> Measurement:
    counted, like = network.counted, network.random_like
    if not counted:
        why = f"No plain 3x3 convolution with {COUNTED_FROM} kernels that are not near zero."
        return _without("filters.random_like", why)
    note = f"Random-like: {_names(like)}." if like else ""
    if network.untrained:
        note = f"The network as a whole is random-like, as an untrained one is. {note}"
    told = _Told("Layers that look untrained", note)
    return _share("filters.random_like", len(like), len(counted), told=told)


def _names(rows: Sequence[LayerRow]) -> str:
    named = ", ".join(row.name for row in rows[:_NAMED])
    return named if len(rows) <= _NAMED else f"{named} and {len(rows) - _NAMED} more"


def _sparsity(network: Network) -> list[Measurement]:
    """Counts are summed over layers, so that every kernel weighs the same."""
    pool = network.pool
    sparse, every = sum(row.sparse for row in pool), sum(row.kernels for row in pool)
    note = (
        f"Held against the largest weight of each layer, so folding a batch norm changes it. "
        f"{_folding(network)}"
    )
    told = _Told("Near-zero kernels, against the layer", note)
    found = [_share("filters.sparsity", sparse, every, told=told)]
    rows = [row for row in pool if not _why_no_robust_sparsity(row)]
    within, compared = sum(row.sparse_robust for row in rows), sum(row.compared for row in rows)
    if not compared:
        why = "No output has a second kernel to be compared with."
        return [*found, _without("filters.sparsity_robust", why)]
    told = _Told("Near-zero kernels, within each output")
    return [*found, _share("filters.sparsity_robust", within, compared, told=told)]


def _alignment(network: Network) -> list[Measurement]:
    """Averaged by the number of outputs, as in the paper."""
    rows = [row for row in network.pool if row.orthogonality is not None]
    counts = {"layers": len(rows), "outputs": sum(row.outputs for row in rows)}
    straight = _weighted(rows, lambda row: row.orthogonality, lambda row: row.outputs)
    aligned = _weighted(rows, lambda row: row.coherence, lambda row: row.outputs)
    if straight is None or aligned is None:
        why = "No layer has two live outputs in one group."
        return [_without(metric, why) for metric in ("filters.orthogonality", "filters.coherence")]
    told = _Told("Alignment of live filters", "1 is random, more is aligned.", "times random")
    return [
        _number("filters.orthogonality", straight, _Told("Orthogonality of live filters"), counts),
        _number("filters.coherence", aligned, told, counts),
    ]


def _dead(network: Network) -> Measurement:
    dead, every = (sum(row.dead for row in network.rows), sum(row.outputs for row in network.rows))
    return _share("filters.dead_outputs", dead, every, told=_Told("Outputs without any weight"))


def _collapsed(network: Network) -> list[Measurement]:
    metrics = ("filters.collapsed_layers", "filters.unused_layers")
    late = [row for row in network.counted if row.depth > LATE]
    found, why = network.reference()
    limit = found.collapsed_below if found else None
    if limit is None or not late:
        told = why or "No reference by depth, or no late 3x3 convolution to hold against it."
        return [_without(metric, told) for metric in metrics]
    collapsed = [row for row in late if row.entropy is not None and row.entropy < limit]
    unused = [row for row in collapsed if row.sparse > UNUSED * row.kernels]
    titles = ("Late layers of very few patterns", "Of these, layers of near-zero kernels")
    return [
        _number(
            metric,
            len(rows),
            _Told(title, f"{_names(rows)}." if rows else "", "layers"),
            {"numerator": len(rows), "denominator": len(late)},
        )
        for metric, title, rows in zip(metrics, titles, (collapsed, unused), strict=True)
    ]


def _stem(network: Network) -> Measurement:
    metric = "filters.stem_centre_share"
    first = next((row for row in network.rows if row.stem), None)
    found, why = network.reference()
    if first is None or first.centre_share is None or not first.comparable:
        return _without(metric, "The first convolution is not a plain 3x3 one.")
    if found is None:
        return _without(metric, why)
    note = f"{first.name}: {first.centre_share:.3f} of the energy sits on the centre tap."
    told = _Told("Centre-tap energy of the first layer", f"{note} {ASSOCIATION}")
    return _number(metric, first.centre_share, told, _live(first))
