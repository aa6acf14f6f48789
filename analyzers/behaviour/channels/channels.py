"""Which channels argue for and against the true class, and what an attack does to them.

Yan et al., "CIFS: Improving Adversarial Robustness of CNNs via Channel-wise Importance-based
Feature Selection" (ICML 2021, arXiv:2102.05311); Bai et al., "Improving Adversarial Robustness via
Channel-wise Activation Suppressing" (ICLR 2021, arXiv:2103.08307); the growth of a perturbation
over depth after Xie et al., "Feature Denoising" (CVPR 2019, arXiv:1812.03411). Associations, all
of them: they explain what the attacks found and decide nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from analyzers.behaviour.channels import columns
from analyzers.behaviour.channels.merging import merge
from analyzers.behaviour.channels.words import FINDINGS, METRICS
from analyzers.contract import (
    Analyzer,
    Case,
    Description,
    Digest,
    Done,
    Json,
    Passes,
    Stop,
    Unit,
    blocks,
)
from analyzers.lens import PROBE, SCHEMA, owed, probes

EDGES: Final = (20, 40, 60, 100, 180, 200)
"""It ends at the last, as the pictures under attack do."""
_LOOKS: Final = 3
"""Clean, attacked and noisy."""


def plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """Every block beside its attacked pictures, or alone where there are none; then the sums."""
    del config, stop
    return owed(_looks(case), done) or owed(_sums(done), done)


def _looks(case: Case) -> list[Unit]:
    rows = blocks(case.n, EDGES)[: len(EDGES)]
    found = [
        Unit(
            block,
            {"do": columns.LOOK, columns.THREAT: probe.threat},
            {columns.PROBE: probe.pictures[block]},
        )
        for probe in probes(case)
        for block in rows
        if block in probe.pictures
    ]
    alone = {"do": columns.LOOK, columns.THREAT: columns.CLEAN}
    return found or [Unit(block, alone) for block in rows]


def _sums(done: Sequence[Done]) -> list[Unit]:
    """One unit a threat over what its blocks have kept; it needs no image."""
    kept: dict[str, dict[str, Digest]] = {}
    for one in done:
        threat = str(one.unit.params[columns.THREAT])
        for what in (columns.CHANNELS, columns.LABELS, columns.RELEVANCE):
            digest = one.blobs.get(columns.blob(what, threat))
            if digest is not None:
                named = columns.part(what, one.unit.rows[0])
                kept.setdefault(threat, {})[named] = digest
    return [
        Unit((0, 0), {"do": columns.SUM, columns.THREAT: threat}, inputs)
        for threat, inputs in kept.items()
    ]


def cost(case: Case, config: Mapping[str, Json]) -> Passes:
    """Three looks at every image, were there one threat, one more a block, and one back.

    The way back is only gone where the head's weights do not tell how much a channel counts.
    """
    del config
    n = min(case.n, EDGES[-1])
    slopes = n if case.subject.gradient else 0
    return Passes(_LOOKS * n + len(EDGES) + slopes, slopes)


ANALYZER: Final = Analyzer(
    Description(
        id="behaviour.channels",
        version="channels-2",
        title="Channels under attack",
        summary="What the last layer reads of each channel, on clean pictures and on the probe's: "
        "how far it moves, how much of it argues against the true class, which channels do, and "
        "how a change of the picture grows with depth.",
        reference="Yan et al., ICML 2021 (arXiv:2102.05311); Bai et al., ICLR 2021 "
        "(arXiv:2103.08307); Xie et al., CVPR 2019 (arXiv:1812.03411)",
        schema=SCHEMA,
        metrics=METRICS,
        needs=(PROBE,),
        findings=FINDINGS,
        edges=EDGES,
        on_demand=True,
    ),
    plan,
    merge,
    "analyzers.behaviour.channels.channels_child:measure",
    cost,
)
