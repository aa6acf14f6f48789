"""Which spatial frequencies a model listens to, and where attacks on it put their power.

Yin et al., "A Fourier Perspective on Model Robustness in Computer Vision" (NeurIPS 2019,
arXiv:1906.08988); Huang et al. 2022 (arXiv:2203.08739). Everything here is an association
(grade C): it ranks hypotheses and decides nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from analyzers.behaviour.frequency.changes import (
    CHANGE_METRICS,
    GRADIENT,
    tell_changes,
    tell_gradient,
)
from analyzers.behaviour.frequency.columns import of_look
from analyzers.behaviour.frequency.course import (
    CELLS,
    CHANGES,
    EDGES,
    EVERY,
    SIGHT,
    TURNS,
    cost,
    every_wave,
    plan,
)
from analyzers.behaviour.frequency.cuts import (
    CLIP,
    HIGHPASS,
    LOWPASS,
    R50,
    RELIANCE,
    cuts_of,
    tell_cuts,
)
from analyzers.behaviour.frequency.plane import EVERY_PEAK, tell_every
from analyzers.behaviour.frequency.polar import (
    CHANGE,
    EXCESS,
    FRAGILITY,
    NO_CELLS,
    PEAK,
    polar_of,
    tell_polar,
)
from analyzers.behaviour.frequency.waves import cells
from analyzers.behaviour.frequency.words import FINDINGS, METRICS
from analyzers.contract import Analyzer, Case, Description, Done, Json, Measurement
from analyzers.lens import PROBE, SCHEMA, full, without

OF_CUTS: Final = (R50, RELIANCE, LOWPASS, HIGHPASS, CLIP)
OF_MAP: Final = (PEAK, FRAGILITY, EXCESS, CHANGE)


def merge(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """Cuts, the map, slopes, changes under attack."""
    sight = of_look(done, SIGHT)
    if not sight:
        names = (*OF_CUTS, *OF_MAP, GRADIENT, *CHANGE_METRICS)
        return [without(one, "out_of_budget", "No picture was looked at.") for one in names]
    return [
        *tell_cuts(cuts_of(case, sight)),
        *_map(case, config, done),
        tell_gradient(case, sight),
        *tell_changes(case, of_look(done, CHANGES)),
        *_every(case, config, done),
    ]


def _map(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    if not cells(*case.subject.shape[1:], TURNS[full(config)]):
        return [without(one, "not_applicable", NO_CELLS) for one in OF_MAP]
    of_cells = of_look(done, CELLS)
    if not of_cells:
        return [without(one, "out_of_budget", "No wave was shown.") for one in OF_MAP]
    return tell_polar(polar_of(case, of_cells))


def _every(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """Nothing is said of the map of all waves where nobody asked for it."""
    if not full(config):
        return ()
    if not every_wave(case):
        why = "All waves one by one are shown on pictures of at most 64 pixels a side."
        return (without(EVERY_PEAK, "not_applicable", why),)
    found = of_look(done, EVERY)
    if not found:
        return (without(EVERY_PEAK, "out_of_budget", "Not all waves were shown."),)
    return (tell_every(case, found),)


ANALYZER: Final = Analyzer(
    Description(
        id="behaviour.frequency",
        version="1",
        title="Frequencies",
        summary="Which spatial frequencies the model listens to: accuracy on coarse and on fine "
        "content, errors under single waves, and where slopes and attacks have their power.",
        reference="Yin et al. 2019, arXiv:1906.08988; Huang et al. 2022, arXiv:2203.08739",
        schema=SCHEMA,
        metrics=METRICS,
        needs=(PROBE,),
        findings=FINDINGS,
        edges=EDGES,
        on_demand=True,
    ),
    plan,
    merge,
    "analyzers.behaviour.frequency.frequency_child:measure",
    cost=cost,
)
