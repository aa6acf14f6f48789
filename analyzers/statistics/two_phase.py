"""Early PASS and FAIL after a cheap phase over the whole set: only its survivors matter.

Phase one, the cheap stages, ran on all N images and left M standing. A plan with more stages
breaks no fewer, so the set passes exactly when ``need`` = ceil(tau N) of these M stand under the
full plan. That is the question of ``sequential`` put to a set of M, with a prior that was fixed in
advance and expects few further breaks; it decides how soon one is done, never what is valid.

What alpha covers. ``phase_passes`` errs with probability at most alpha over all looks of phase
two, whenever one stops, and ``phase_fails`` likewise; a given truth makes only one of them an
error, so PASS and FAIL may have the full alpha each. PASS has no look before phase two, so alpha
is all it costs. FAIL may also be looked for during phase one (``set_fails`` over N, counting what
phase one alone leaves standing): if the set passes under the full plan it passes under phase one,
hence those looks err with at most their own alpha, and both phases together with at most the sum.
Give FAIL alpha/2 in each, or its full alpha in one; breaks that settle it by count cost nothing.

It speaks of the last pass alone: a search that is asked only because that pass broke much is no
part of what the survivors are asked, so whoever plans one must not stop early once it is due.

What it rests on. Whether an image stands under the full plan must be a property of the image:
draws depend on no order and no neighbour. The order within the survivors must be a random one
that phase one did not depend on. One permutation may serve both phases, since a phase one that
treats each image alike learns from it only where the survivors lie, never which of them comes
first. Sorting survivors by margin, or spending more of phase one on those in front, voids it.
"""

from typing import Final

from analyzers.statistics.intervals import NOTHING_KNOWN, Interval
from analyzers.statistics.sequential import set_counts, set_fails, set_passes

FEW_BREAKS: Final = (5.0, 0.5)
"""A beta prior with mean 10/11: most of what survived the cheap stages survives the rest."""


def phase_passes(
    survivors: int,
    prefix: int,
    standing: int,
    need: int,
    alpha: float = 0.05,
    *,
    prior: tuple[float, float] = FEW_BREAKS,
) -> bool:
    """Whether ``need`` of the survivors stand under the full plan: certain, or at alpha."""
    return set_passes(survivors, prefix, standing, need, alpha, prior=prior)


def phase_fails(
    survivors: int,
    prefix: int,
    standing: int,
    need: int,
    alpha: float = 0.05,
    *,
    prior: tuple[float, float] = FEW_BREAKS,
) -> bool:
    """Whether too few survivors stand under the full plan: certain, or at alpha."""
    return set_fails(survivors, prefix, standing, need, alpha, prior=prior)


def phase_interval(
    population: int,
    survivors: int,
    prefix: int,
    standing: int,
    alpha: float,
    *,
    prior: tuple[float, float] = FEW_BREAKS,
) -> Interval:
    """Shares of the whole set that can stand under the full plan, at any look of phase two."""
    if survivors > population:
        message = f"{survivors} survivors of {population} is no count"
        raise ValueError(message)
    fewest, most = set_counts(survivors, prefix, standing, alpha, prior=prior)
    if not population:
        return NOTHING_KNOWN
    return Interval(fewest / population, most / population)
