"""All layers of one model: which of them count, what they may be held against, how one is told."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from analyzers.contract import Case, Measurement, Outcome, View
from analyzers.structure.filter_layers import LayerRow, rounded
from analyzers.structure.kernel_statistics import randomness_threshold
from analyzers.structure.reference_models import ReferenceSet, reference_for

COUNTED_FROM: Final = 64
"""Kernels from which the randomness threshold was checked against simulation to .002."""
RATIO_FROM: Final = 8
"""Kernels from which it is far enough above zero to divide by."""
RANDOM_LIKE: Final = 0.8
"""Share of random-like layers from which the whole network counts as untrained."""
LATE: Final = 0.7
"""The last 30 % of convolution depth."""
ASSOCIATION: Final = (
    "This is an association: models trained robustly tend to look like this; changing the "
    "statistic directly is not known to make a model robust."
)
LARGEST_ENTROPY: Final = math.log10(9)
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
    def plain(self) -> Sequence[LayerRow]:
        """The plain 3x3 layers that have a variance entropy."""
        return [row for row in self.rows if row.comparable and row.entropy is not None]

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
        first = next((kind(row) for row in self.rows if row.stem), "")
        unlike = {kind(row) for row in self.rows if not row.stem} - {"3x3", "1x1"}
        kernels = sum(row.kernels for row in self.rows if row.comparable)
        return reference_for(
            facts.shape, facts.classes, stem=first, unlike=sorted(unlike), kernels=kernels
        )


class Told(NamedTuple):
    """What stands beside a number."""

    title: str
    note: str = ""
    unit: str = "share"


def over_random(row: LayerRow) -> float | None:
    """Entropy over the least that as many random kernels have; only 3x3 has such a threshold."""
    if not row.comparable or row.entropy is None or (row.kept or 0) < RATIO_FROM:
        return None
    return row.entropy / randomness_threshold(row.kept or 0)


def kind(row: LayerRow) -> str:
    """What a layer is, as far as references go: its kernel, and whether it has groups."""
    if row.groups == 1:
        return row.kernel
    return f"{'depthwise' if row.inputs == 1 else 'grouped'} {row.kernel}"


def weighted(rows: Sequence[LayerRow], value: Number, weight: Number) -> float | None:
    """The mean over layers that have the value, each with its weight."""
    pairs = [(value(row), weight(row) or 0) for row in rows]
    total = sum(share for found, share in pairs if found is not None)
    if not total:
        return None
    return sum(found * share for found, share in pairs if found is not None) / total


def mean_entropy(rows: Sequence[LayerRow]) -> float | None:
    """Averaged by the number of kernels that are not near zero, as in the paper."""
    return weighted(rows, lambda row: row.entropy, lambda row: row.kept)


def mean_orthogonality(rows: Sequence[LayerRow]) -> float | None:
    """Averaged by the number of outputs, as in the paper."""
    return weighted(rows, lambda row: row.orthogonality, lambda row: row.outputs)


def pooled_sparsity(rows: Sequence[LayerRow]) -> float | None:
    """Counts are summed over layers, so that every kernel weighs the same."""
    every = sum(row.kernels for row in rows)
    return sum(row.sparse for row in rows) / every if every else None


def one_number(metric: str, value: float, told: Told, counts: Mapping[str, int]) -> Measurement:
    """A number of the model that stands in a table."""
    value = rounded(value)
    view = View("number", told.title, {"value": value, "unit": told.unit})
    return Measurement(metric, "measured", {}, value, counts, view=view, note=told.note)


def without(metric: str, note: str, outcome: Outcome = "not_applicable") -> Measurement:
    """A metric of the model that has no value, and why."""
    return Measurement(metric, outcome, note=note)


def names(rows: Sequence[LayerRow]) -> str:
    """The first layers by name."""
    named = ", ".join(row.name for row in rows[:_NAMED])
    return named if len(rows) <= _NAMED else f"{named} and {len(rows) - _NAMED} more"


def live(row: LayerRow) -> dict[str, int]:
    """Outputs of a layer that have any weight."""
    return {"live": row.outputs - row.dead, "outputs": row.outputs}


def folding(network: Network) -> str:
    """Where the weights come from, and whether batch norms are in them."""
    if network.numbers.get("from_upload"):
        return "Weights: those of the upload. Batch norm folded: no."
    return f"Weights: those of the file. Batch norm folded: {network.case.subject.bn_folded}."


def interval(network: Network, name: str) -> str:
    """The interval that resampled outputs give a number, in words; nothing where none was drawn."""
    low, high = (network.numbers.get(f"{name}_{end}") for end in ("low", "high"))
    return "" if low is None or high is None else f" (95 % interval {low:.3f} to {high:.3f})"
