"""What runs: cuts and slopes first, then the polar map block by block, then the map of all waves.

A cell of the polar map ends once its error is known well enough. That is looked at only where
a block ends, on images in their fixed order, so it depends on no batch.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from analyzers.behaviour.frequency.spectra import CUT_AT
from analyzers.behaviour.frequency.waves import cells, half_plane
from analyzers.contract import Case, Done, Json, Passes, Rows, Stop, Unit, blocks
from analyzers.lens import full, owed, probes
from analyzers.statistics.intervals import wilson

EDGES: Final = (20, 40, 60, 100, 180, 200)
"""Those of the probe, whose pictures are looked at block by block."""
SIGHT, CHANGES, CELLS, EVERY = "sight", "changes", "cells", "every"
"""The looks that a unit may take."""
SIGHTED: Final = {False: 200, True: 500}
"""Images that are cut, by whether everything is asked for."""
MAPPED: Final = {False: 100, True: 200}
"""Images of the polar map."""
TURNS: Final = {False: 4, True: 8}
"""Orientations of the polar map."""
PHASES: Final = 2
WIDE: Final = 0.08
"""Half of the interval of a cell's error; a narrower one ends the cell."""
LARGEST: Final = 64
"""Pixels a side up to which the map of all waves is offered."""
EVERY_PASSES: Final = 110_000
"""Passes that the map of all waves may take: 200 images at 32 pixels a side, 50 at 64."""
AT_ONCE: Final = 3_000
"""Passes of one unit of a map."""
_A_SECOND: Final = 100
"""Passes in a second, for a residual net of 18 layers at 32 pixels on two cores."""


def plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """All cuts and spectra; then one block of the polar map at a time; then all waves."""
    del stop
    whole = full(config)
    left = owed([*_sights(case, whole=whole), *_changes(case)], done)
    if left:
        return left
    left = _next_cells(case, done, whole=whole)
    return left or (owed(every_wave(case), done) if whole else [])


def cost(case: Case, config: Mapping[str, Json]) -> Passes:
    """All cells to the last image, which few of them take."""
    whole = full(config)
    sighted, mapped = _count(case, SIGHTED[whole]), _count(case, MAPPED[whole])
    slopes = sighted * case.subject.gradient
    here = len(cells(*case.subject.shape[1:], TURNS[whole]))
    forward = sighted * (1 + 2 * len(CUT_AT)) + slopes + mapped * (1 + PHASES * here)
    for unit in every_wave(case) if whole else ():
        low, high = unit.rows
        forward += (high - low) * (1 + unit.params["last"] - unit.params["first"])
    return Passes(forward, slopes)


def first_blocks(n: int, most: int) -> list[Rows]:
    """The blocks that begin within the first images."""
    return [rows for rows in blocks(n, EDGES) if rows[0] < most]


def open_cells(done: Sequence[Done], among: int) -> list[int]:
    """The cells whose error these units do not tell well enough."""
    wrong, seen = [0] * among, [0] * among
    for one in done:
        for cell in one.unit.params["cells"]:
            column = one.samples.get(f"wrong:{cell}", ())
            wrong[cell] += sum(column)
            seen[cell] += len(column)
    return [cell for cell in range(among) if _wide(wrong[cell], seen[cell])]


def _wide(wrong: int, seen: int) -> bool:
    """Each image counts once, though it was shown in both phases."""
    low, high = wilson(-(-wrong // PHASES), seen)
    return high - low > 2 * WIDE


def every_wave(case: Case) -> list[Unit]:
    """The map of all waves in pieces; none for pictures that are too large."""
    _, height, width = case.subject.shape
    if max(height, width) > LARGEST:
        return []
    count = len(half_plane(height, width))
    most = max(1, EVERY_PASSES // count)
    rows = [one for one in first_blocks(case.n, most) if one[1] <= max(most, EDGES[0])]
    return [
        Unit(
            one,
            {"look": EVERY, "first": first, "last": min(count, first + step)},
            seconds=AT_ONCE / _A_SECOND,
        )
        for one in rows
        for step in (max(1, AT_ONCE // (one[1] - one[0])),)
        for first in range(0, count, step)
    ]


def _sights(case: Case, *, whole: bool) -> list[Unit]:
    each = (2 + 2 * len(CUT_AT)) / _A_SECOND
    return [
        Unit(rows, {"look": SIGHT}, seconds=each * (rows[1] - rows[0]))
        for rows in first_blocks(case.n, SIGHTED[whole])
    ]


def _changes(case: Case) -> list[Unit]:
    return [
        Unit(rows, {"look": CHANGES, "threat": probe.threat}, {"probe": digest}, seconds=1.0)
        for probe in probes(case)
        for rows, digest in sorted(probe.pictures.items())
    ]


def _next_cells(case: Case, done: Sequence[Done], *, whole: bool) -> Sequence[Unit]:
    """The first block that lacks something of the map, with the cells that earlier ones left."""
    among = len(cells(*case.subject.shape[1:], TURNS[whole]))
    mapped = [one for one in done if one.unit.params["look"] == CELLS]
    for rows in first_blocks(case.n, MAPPED[whole]):
        still = open_cells([one for one in mapped if one.unit.rows < rows], among)
        left = owed(_portions(rows, still, TURNS[whole]), mapped)
        if left or not still:
            return left
    return ()


def _portions(rows: Rows, still: Sequence[int], turns: int) -> list[Unit]:
    images = rows[1] - rows[0]
    step = max(1, AT_ONCE // (PHASES * images))
    return [
        Unit(
            rows,
            {"look": CELLS, "turns": turns, "cells": list(some)},
            seconds=images * (1 + PHASES * len(some)) / _A_SECOND,
        )
        for first in range(0, len(still), step)
        for some in (still[first : first + step],)
    ]


def _count(case: Case, most: int) -> int:
    rows = first_blocks(case.n, most)
    return rows[-1][1] if rows else 0
