"""Layer rows in, measurements out: the aggregates of a model, each with its weights."""

from dataclasses import replace
from typing import Final

from analyzers.contract import Measurement, Outcome
from analyzers.structure.filter_depth import by_layer, by_tenths, entropy_late
from analyzers.structure.filter_details import why_no_robust_sparsity
from analyzers.structure.filter_layers import rounded
from analyzers.structure.filter_network import (
    ASSOCIATION,
    COUNTED_FROM,
    LATE,
    Network,
    Told,
    folding,
    interval,
    live,
    mean_entropy,
    mean_orthogonality,
    names,
    one_number,
    weighted,
    without,
)
from analyzers.structure.filter_spectrum import DISTANCES, spectrum_distances
from analyzers.structure.reference_models import ReferenceSet, family, place

UNUSED: Final = 0.3
"""Sparsity from which a collapsed layer counts as unused capacity."""
MODEL_METRICS: Final = (
    "filters.entropy",
    "filters.entropy_late",
    "filters.random_like",
    "filters.sparsity",
    "filters.sparsity_robust",
    "filters.orthogonality",
    "filters.coherence",
    "filters.dead_outputs",
    "filters.collapsed_layers",
    "filters.unused_layers",
    "filters.stem_centre_share",
    *DISTANCES,
)


def absent(outcome: Outcome, note: str) -> list[Measurement]:
    """Every model-level metric without a value."""
    return [without(metric, note, outcome) for metric in MODEL_METRICS]


def model_measurements(network: Network) -> list[Measurement]:
    """What the layers of one model add up to, in the order of ``MODEL_METRICS``."""
    return [
        _entropy(network),
        entropy_late(network),
        _random_like(network),
        *_sparsity(network),
        *_alignment(network),
        _dead(network),
        *_collapsed(network),
        _stem(network),
        *spectrum_distances(network),
    ]


def _share(metric: str, numerator: int, denominator: int, *, told: Told) -> Measurement:
    counts = {"numerator": numerator, "denominator": denominator}
    return one_number(metric, numerator / denominator, told, counts)


def _entropy(network: Network) -> Measurement:
    rows = network.plain
    value = mean_entropy(rows)
    found, why = network.reference()
    view = by_layer(network, found)
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
        note=f"The variance entropy of the 3x3 kernels is {value:.3f}"
        f"{interval(network, 'entropy')} over {kept} kernels of {len(rows)} layers. "
        f"{folding(network)} {_comparison(value, found) if found else why} "
        f"{network.remark}".rstrip(),
    )


def _comparison(value: float, found: ReferenceSet) -> str:
    normal, robust = found.normal, found.robust
    return (
        f"Among {normal.models} normally trained {found.name} models it lies "
        f"{place(value, normal.entropy)}, among {robust.models} adversarially trained ones "
        f"{place(value, robust.entropy)} ({family(found)}). In {100 * found.pairs:.3g} % of pairs "
        f"of the two the robust one has the higher entropy, where chance is 50 %. {ASSOCIATION} "
        "An untrained network scores higher still."
    )


def _random_like(network: Network) -> Measurement:
    counted, like = network.counted, network.random_like
    if not counted:
        why = f"No plain 3x3 convolution with {COUNTED_FROM} kernels that are not near zero."
        return without("filters.random_like", why)
    note = f"Random-like: {names(like)}." if like else ""
    if network.untrained:
        note = f"The network as a whole is random-like, as an untrained one is. {note}"
    told = Told("Layers that look untrained", note)
    return _share("filters.random_like", len(like), len(counted), told=told)


def _sparsity(network: Network) -> list[Measurement]:
    """Counts are summed over layers, so that every kernel weighs the same."""
    pool = network.pool
    sparse, every = sum(row.sparse for row in pool), sum(row.kernels for row in pool)
    note = (
        f"Held against the largest weight of each layer, so folding a batch norm changes it. "
        f"{folding(network)}"
    )
    told = Told("Near-zero kernels, against the layer", note)
    found = [_by_depth(network, _share("filters.sparsity", sparse, every, told=told), "sparsity")]
    rows = [row for row in pool if not why_no_robust_sparsity(row)]
    within, compared = sum(row.sparse_robust for row in rows), sum(row.compared for row in rows)
    if not compared:
        why = "No output has a second kernel to be compared with."
        return [*found, without("filters.sparsity_robust", why)]
    told = Told("Near-zero kernels, within each output")
    return [*found, _share("filters.sparsity_robust", within, compared, told=told)]


def _by_depth(network: Network, one: Measurement, statistic: str) -> Measurement:
    """The same number, drawn along the depth where trained models are known to compare it with."""
    found, _ = network.reference()
    if found is None or statistic not in found.by_depth:
        return one
    title = {"sparsity": "Near-zero kernels", "orthogonality": "Orthogonality of live filters"}
    view = by_tenths(network.pool, statistic, f"{title[statistic]}, by depth", found)
    return one if view is None or view.kind != "dots_over_band" else replace(one, view=view)


def _alignment(network: Network) -> list[Measurement]:
    rows = [row for row in network.pool if row.orthogonality is not None]
    counts = {"layers": len(rows), "outputs": sum(row.outputs for row in rows)}
    straight = mean_orthogonality(rows)
    aligned = weighted(rows, lambda row: row.coherence, lambda row: row.outputs)
    if straight is None or aligned is None:
        why = "No layer has two live outputs in one group."
        return [without(metric, why) for metric in ("filters.orthogonality", "filters.coherence")]
    told = Told("Orthogonality of live filters")
    found = one_number("filters.orthogonality", straight, told, counts)
    if not any(row.dead for row in rows):  # dead outputs are orthogonal in the published figures
        found = _by_depth(network, found, "orthogonality")
    told = Told("Alignment of live filters", "1 is random, more is aligned.", "times random")
    return [found, one_number("filters.coherence", aligned, told, counts)]


def _dead(network: Network) -> Measurement:
    dead, every = (sum(row.dead for row in network.rows), sum(row.outputs for row in network.rows))
    return _share("filters.dead_outputs", dead, every, told=Told("Outputs without any weight"))


def _collapsed(network: Network) -> list[Measurement]:
    metrics = ("filters.collapsed_layers", "filters.unused_layers")
    late = [row for row in network.counted if row.depth > LATE]
    found, why = network.reference()
    limit = found.collapsed_below if found else None
    if limit is None or not late:
        known = "Only for models of the CIFAR-10 family is a limit known that few late layers pass."
        told = why or (known if limit is None else "No late 3x3 convolution of enough kernels.")
        return [without(metric, told) for metric in metrics]
    collapsed = [row for row in late if row.entropy is not None and row.entropy < limit]
    unused = [row for row in collapsed if row.sparse > UNUSED * row.kernels]
    titles = ("Late layers of very few patterns", "Of these, layers of near-zero kernels")
    return [
        one_number(
            metric,
            len(rows),
            Told(title, f"{names(rows)}." if rows else "", "layers"),
            {"numerator": len(rows), "denominator": len(late)},
        )
        for metric, title, rows in zip(metrics, titles, (collapsed, unused), strict=True)
    ]


def _stem(network: Network) -> Measurement:
    metric = "filters.stem_centre_share"
    first = next((row for row in network.rows if row.stem), None)
    found, why = network.reference()
    if first is None or first.centre_share is None or not first.comparable:
        return without(metric, "The first convolution is not a plain 3x3 one.")
    if found is None:
        return without(metric, why)
    note = f"{first.name}: {first.centre_share:.3f} of the energy sits on the centre tap."
    told = Told(
        "Centre-tap energy of the first layer",
        f"{note} {_stems(first.centre_share, found)} {ASSOCIATION}",
    )
    return one_number(metric, first.centre_share, told, live(first))


def _stems(share: float, found: ReferenceSet) -> str:
    normal, robust = found.normal, found.robust
    return (
        f"Among {normal.stems} normally trained {found.name} stems that lies "
        f"{place(share, normal.centre_share)}, among {robust.stems} adversarially trained ones "
        f"{place(share, robust.centre_share)} ({family(found)})."
    )
