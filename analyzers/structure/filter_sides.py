"""On which side of the reference bands a model's readings lie: like robust models, or like normal.

Only readings whose own distribution over whole models is published have a side, and only inside
the family of those models. Where both kinds overlap, or the family does not tell them apart, a
value lies on neither.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from analyzers.contract import Case, Done, Outcome
from analyzers.structure.filter_layers import rows_of
from analyzers.structure.filter_network import Network, mean_entropy
from analyzers.structure.reference_models import Population, Quantiles, ReferenceSet, family, place

APART: Final = 0.9
"""How often the robust one of two models must have the higher entropy for a side to mean much."""
Lies = Literal["robust", "normal", "neither"]


class Side(NamedTuple):
    """Where a reading lies among published models."""

    lies: Lies
    told: str


class NoSide(NamedTuple):
    """Why there are no published models to lie among."""

    outcome: Outcome
    note: str


class _Reading(NamedTuple):
    value: Callable[[Network], float | None]
    of: Callable[[Population], Quantiles]
    none: str
    """Said where the model has no such number."""


def sides(case: Case, done: Sequence[Done]) -> Mapping[str, Side | NoSide]:
    """By the name of the reading."""
    if not done:
        return dict.fromkeys(READINGS, NoSide("out_of_budget", "The weights were not looked at."))
    last = done[-1]
    if last.outcome != "measured":
        return dict.fromkeys(READINGS, NoSide(last.outcome, last.note))
    network = Network(case, rows_of(last.samples), last.numbers, last.note)
    return {name: _side(network, reading) for name, reading in READINGS.items()}


def _side(network: Network, reading: _Reading) -> Side | NoSide:
    value = reading.value(network)
    if value is None:
        return NoSide("not_applicable", reading.none)
    found, why = network.reference()
    if found is None:
        return NoSide("not_applicable", why)
    normal, robust = reading.of(found.normal), reading.of(found.robust)
    if not normal or not robust:
        return NoSide("not_applicable", f"No {found.name} models of this reading are published.")
    told = (
        f"it is {value:.3f}, {place(value, normal)} of normally trained {found.name} models and "
        f"{place(value, robust)} of adversarially trained ones ({family(found)})"
    )
    return Side(_lies(value, found, normal, robust), told)


def _lies(value: float, found: ReferenceSet, normal: Quantiles, robust: Quantiles) -> Lies:
    """Beyond nearly all of one kind and not of the other."""
    beyond_normal, short_of_robust = value > normal[-1], value < robust[0]
    if found.pairs < APART or beyond_normal == short_of_robust:
        return "neither"
    return "robust" if beyond_normal else "normal"


def _entropy(network: Network) -> float | None:
    return mean_entropy(network.plain)


def _stem(network: Network) -> float | None:
    first = next((row for row in network.rows if row.stem), None)
    return first.centre_share if first is not None and first.comparable else None


def _entropies(models: Population) -> Quantiles:
    return models.entropy


def _stems(models: Population) -> Quantiles:
    return models.centre_share


READINGS: Final[Mapping[str, _Reading]] = {
    "filters.entropy": _Reading(
        _entropy, _entropies, "No plain 3x3 convolution, so there is nothing to average."
    ),
    "filters.stem_centre_share": _Reading(
        _stem, _stems, "The first convolution is not a plain 3x3 one."
    ),
}
