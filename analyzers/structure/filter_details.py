"""What one layer says of itself; where a statistic does not apply, why."""

from collections.abc import Mapping

from analyzers.contract import Measurement
from analyzers.structure.filter_layers import LARGEST_TAPS, LayerRow, rounded
from analyzers.structure.filter_network import RATIO_FROM, kind, live, over_random


def layer_measurements(row: LayerRow) -> list[Measurement]:
    """All that is known of one layer."""
    kept = {"kept": row.kept or 0, "kernels": row.kernels}
    alone = _why_no_pairs(row)
    found = [
        _of_layer(row, "filters.entropy", row.entropy, counts=kept, note=_why_no_entropy(row)),
        _of_layer(
            row,
            "filters.entropy_over_random",
            over_random(row),
            counts=kept,
            note=_why_no_ratio(row),
        ),
        _share(row, "filters.sparsity", row.sparse, row.kernels),
        _share(
            row,
            "filters.sparsity_robust",
            row.sparse_robust,
            row.compared,
            why_not=why_no_robust_sparsity(row),
        ),
        _of_layer(row, "filters.orthogonality", row.orthogonality, counts=live(row), note=alone),
        _of_layer(row, "filters.coherence", row.coherence, counts=live(row), note=alone),
        _share(row, "filters.dead_outputs", row.dead, row.outputs),
    ]
    return found + (_stem_of(row) if row.stem else [])


def why_no_robust_sparsity(row: LayerRow) -> str:
    """Why kernels of this layer are not compared within their outputs; empty where they are."""
    if row.inputs == 1:
        return "Each output has one kernel, which has no other to be compared with."
    return "" if row.compared else "Every output is dead."


def _of_layer(
    row: LayerRow, metric: str, value: float | None, *, counts: Mapping[str, int], note: str
) -> Measurement:
    scope = {"layer": row.name}
    if value is None:
        return Measurement(metric, "not_applicable", scope, note=note)
    return Measurement(metric, "measured", scope, rounded(value), counts, note=note)


def _share(
    row: LayerRow, metric: str, numerator: int, denominator: int, *, why_not: str = ""
) -> Measurement:
    value = None if why_not else numerator / denominator
    counts = {"numerator": numerator, "denominator": denominator}
    return _of_layer(row, metric, value, counts=counts, note=why_not)


def _stem_of(row: LayerRow) -> list[Measurement]:
    why = "" if row.comparable else f"No applicable reference for {kind(row)} kernels."
    if row.centre_share is None:
        why = f"{row.kernel} kernels have no centre tap to compare, or all of them are zero."
    shares = {
        "filters.centre_share": row.centre_share,
        "filters.thresholding_share": row.thresholding_share,
        "filters.antipair_share": row.antipair_share if row.groups == 1 else None,
    }
    return [
        _of_layer(row, metric, value, counts=live(row), note=why)
        for metric, value in shares.items()
    ]


def _why_no_entropy(row: LayerRow) -> str:
    if set(row.kernel.split("x")) == {"1"}:
        return "A kernel of one tap has no variance to spread."
    if row.kept is None:
        return f"{row.kernel} kernels have more than {LARGEST_TAPS} taps."
    if row.entropy is None:
        return f"{row.kept} kernels are not near zero; a variance needs two."
    return "" if row.comparable else f"No applicable reference for {kind(row)} kernels."


def _why_no_ratio(row: LayerRow) -> str:
    if not row.comparable:
        return f"The randomness threshold is known for plain 3x3 kernels, not {kind(row)}."
    return "" if over_random(row) is not None else f"Fewer than {RATIO_FROM} kernels are left."


def _why_no_pairs(row: LayerRow) -> str:
    if row.orthogonality is None:
        return "No two live outputs share a group."
    told = f"Within each of {row.groups} groups." if row.groups > 1 else ""
    return f"{told} Over a fixed sample of the outputs.".strip() if row.sampled else told
