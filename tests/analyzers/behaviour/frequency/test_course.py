"""What runs, in which order, and when a cell of the map ends."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from analyzers.behaviour.frequency.analyzer import ANALYZER
from analyzers.behaviour.frequency.course import (
    AT_ONCE,
    CELLS,
    CHANGES,
    EVERY,
    SIGHT,
    every_wave,
    open_cells,
)
from analyzers.behaviour.frequency.frequency_child import measure
from analyzers.contract import (
    Case,
    DataFacts,
    Done,
    FloatArray,
    Json,
    LabelArray,
    Partial,
    SubjectFacts,
    Unit,
    blocks,
)
from support.frequencies import Audit, Through, block, coarse, mild, shard
from support.subjects import silent

FACTS = SubjectFacts("s" * 64, 10, (3, 32, 32))
SHAPE = (3, 16, 16)
EDGES = (20, 40, 60, 100, 180, 200)


def case_of(n: int, **changed: tuple[int, int, int]) -> Case:
    """A case of n images."""
    return Case(replace(FACTS, **changed), DataFacts("d" * 64, n, 10, eight_bit=True))


def shown(rows: tuple[int, int], wrong: dict[int, int]) -> Done:
    """A unit of the map: of each cell, how many of its images are wrong in both phases."""
    count = rows[1] - rows[0]
    columns = {f"wrong:{cell}": [2] * bad + [0] * (count - bad) for cell, bad in wrong.items()}
    params = {"look": CELLS, "turns": 4, "cells": list(wrong)}
    return Done(Unit(rows, params), "measured", {}, columns, {}, {})


def looks(audit: Audit) -> list[str]:
    """The look of every unit, in order."""
    return [str(one.unit.params["look"]) for one in audit.done]


def test_cuts_come_first_then_changes_then_the_map_block_by_block() -> None:
    """Quick: 45 images in three blocks."""
    images = mild(45, SHAPE)
    moved = (images + np.float32(0.01)).astype(np.float32)
    audit = Audit(Through(coarse(0.5), SHAPE), images, moved=moved).run()
    assert looks(audit) == [SIGHT] * 3 + [CHANGES] * 3 + [CELLS] * 3
    assert [one.unit.rows for one in audit.done[6:]] == blocks(45, EDGES)


def test_a_cell_ends_where_its_error_is_known() -> None:
    """Of 40 images none or all wrong is narrow enough; one in two never is within the plan."""
    assert open_cells([shown((0, 20), {0: 0, 1: 10})], 3) == [0, 1, 2]
    both = [shown((0, 20), {0: 0, 1: 10}), shown((20, 40), {0: 0, 1: 10})]
    assert open_cells(both, 2) == [1]
    assert open_cells([shown((0, 40), {0: 40, 1: 39, 2: 20})], 3) == [2]
    assert open_cells([shown((0, 180), {0: 90})], 1) == []


def test_an_image_counts_once_though_it_is_shown_in_two_phases() -> None:
    """Sixty images, 20 % wrong: known to 10 points, not to the 7 that 120 would give."""
    assert open_cells([shown((0, 60), {0: 12})], 1) == [0]


def test_what_is_asked_next_holds_the_open_cells_alone() -> None:
    """A model that hears coarse waves only: fine cells end at 40 images, as their counts say."""
    audit = Audit(Through(coarse(0.25), SHAPE), mild(100, SHAPE)).run()
    asked = [
        list(one.unit.params["cells"]) for one in audit.done if one.unit.params["look"] == CELLS
    ]
    assert len(asked[0]) == len(asked[1]) == 24
    assert 0 < len(asked[2]) < 24
    assert set(asked[3]) <= set(asked[2]) <= set(asked[1])
    assert audit.one("excess_error", band="6-8").counts == {"images": 40}
    assert audit.one("excess_error", band="0-1.5").counts == {"images": 100}


def test_no_image_answers_otherwise_among_others() -> None:
    """Rows measured alone come to what they come to in their block."""
    subject, images = Through(coarse(0.5), SHAPE), mild(20, SHAPE)
    labels = subject.predict(images).argmax(axis=1).astype(np.int64)
    for params in ({"look": SIGHT}, {"look": CELLS, "turns": 4, "cells": [0, 5, 23]}):
        whole = _measured(subject, images, labels, (0, 20), params)
        for at in (0, 7, 19):
            alone = _measured(subject, images, labels, (at, at + 1), params)
            for name, column in alone.samples.items():
                assert column[0] == pytest.approx(whole.samples[name][at], nan_ok=False), name


def _measured(
    subject: Through,
    images: FloatArray,
    labels: LabelArray,
    rows: tuple[int, int],
    params: Mapping[str, Json],
) -> Partial:
    unit = Unit(rows, params)
    return measure(shard(unit, {}), subject, block(images, labels, rows), {}, silent)


def test_another_seed_draws_other_waves() -> None:
    """The draw of a wave belongs to seed, image and cell."""
    subject, images = Through(coarse(1.5), SHAPE), mild(20, SHAPE)
    unit = Unit((0, 20), {"look": CELLS, "turns": 4, "cells": [8, 9]})
    batch = block(images, np.zeros(20, np.int64))
    first, again, other = (
        measure(shard(unit, {}, seed=seed), subject, batch, {}, silent).samples["change:8"]
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_quick_stays_within_its_images() -> None:
    """200 images are cut and 100 mapped, however many there are."""
    units = ANALYZER.plan(case_of(5000), {}, (), ())
    assert [one.rows for one in units] == blocks(5000, EDGES)[:6]
    assert {one.params["look"] for one in units} == {SIGHT}
    cost = ANALYZER.cost(case_of(5000), {})
    assert (cost.forward, cost.backward) == (200 * 13 + 200 + 100 * 49, 200)


@pytest.mark.parametrize("plan", ["quick", "full"])
def test_cost_is_not_exceeded(plan: str) -> None:
    """What was promised at most covers what ran."""
    shape = (1, 8, 8)
    audit = Audit(Through(coarse(0.5), shape), mild(70, shape), config={"plan": plan}).run()
    ran = sum(one.passes.get("forward", 0) for one in audit.done)
    told = ANALYZER.cost(audit.case, audit.config).forward
    assert 0.5 * told < ran <= told


def test_all_waves_only_when_everything_is_asked_for_and_pictures_are_small() -> None:
    """Quick never, 65 pixels never; 32 pixels 514 waves on 200 images, 64 pixels fewer images."""
    assert every_wave(case_of(500, shape=(3, 65, 20))) == []
    for side, count, last in ((32, 514, 200), (64, 2050, 40)):
        units = every_wave(case_of(500, shape=(3, side, side)))
        by_rows: dict[tuple[int, int], list[int]] = {}
        for one in units:
            by_rows.setdefault(one.rows, []).extend(range(one.params["first"], one.params["last"]))
            assert (one.rows[1] - one.rows[0]) * (
                one.params["last"] - one.params["first"]
            ) <= AT_ONCE
        assert all(found == list(range(count)) for found in by_rows.values())
        assert max(high for _, high in by_rows) == last
    shape = (1, 8, 8)
    quick = Audit(Through(coarse(0.5), shape), mild(20, shape)).run()
    assert EVERY not in looks(quick)


def test_large_blocks_of_the_full_map_come_in_portions() -> None:
    """No unit takes more passes than it may, and every open cell is asked once."""
    done, config = list[Done](), {"plan": "full"}
    while (units := ANALYZER.plan(case_of(400), config, done, ()))[0].rows != (100, 180):
        done.append(_half_wrong(units[0]))
    while units[0].params["look"] == SIGHT:
        done.extend(_half_wrong(one) for one in units)
        while (units := ANALYZER.plan(case_of(400), config, done, ()))[0].rows[1] <= 100:
            done.append(_half_wrong(units[0]))
    assert {one.rows for one in units} == {(100, 180)}
    asked = [cell for one in units for cell in one.params["cells"]]
    assert asked == list(range(48))
    assert all(2 * 80 * len(one.params["cells"]) <= AT_ONCE for one in units)


def _half_wrong(unit: Unit) -> Done:
    if unit.params["look"] == SIGHT:
        return Done(unit, "measured", {}, {}, {}, {})
    half = (unit.rows[1] - unit.rows[0]) // 2
    return replace(shown(unit.rows, dict.fromkeys(unit.params["cells"], half)), unit=unit)
