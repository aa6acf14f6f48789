"""The plan of the trials and what their units add up to."""

from dataclasses import replace

from analyzers.contract import Case, DataFacts, Done, Measurement, SubjectFacts, Unit
from analyzers.trust.shares import TRIALS
from analyzers.trust.trust import ANALYZER
from support.attacking import config
from support.trusting import red

CASE = Case(SubjectFacts("5" * 64, 10, (3, 8, 8)), DataFacts("d" * 64, 100, 10, eight_bit=False))
BOTH = [(0, 20), (20, 40)]


def planned(case: Case, done: list[Done]) -> list[tuple[int, int]]:
    """The rows of what is still asked for."""
    return [unit.rows for unit in ANALYZER.plan(case, config("8/255"), done, ())]


def unit(rows: tuple[int, int], failed: int = 0, metric: str = "") -> Done:
    """A unit of twenty images, of which some failed one trial."""
    columns = {
        trial.metric: [at < failed and trial.metric == metric for at in range(20)]
        for trial in TRIALS
    }
    return Done(Unit(rows), "measured", {}, {"row": list(range(*rows)), **columns}, {}, {})


def merged(case: Case, done: list[Done]) -> list[Measurement]:
    """All indicators."""
    return list(ANALYZER.merge(case, config("8/255"), done))


def test_the_first_forty_images_are_tried() -> None:
    """Two blocks, fewer where there are fewer, and each once."""
    assert planned(CASE, []) == BOTH
    assert planned(CASE, [unit((0, 20))]) == [(20, 40)]
    assert planned(CASE, [unit(rows) for rows in BOTH]) == []
    few = replace(CASE, data=replace(CASE.data, n=25))
    assert planned(few, []) == [(0, 20), (20, 25)]


def test_without_slopes_nothing_is_planned_and_all_is_missing() -> None:
    """The gap is named by every indicator."""
    blind = replace(CASE, subject=replace(CASE.subject, gradient_gap="op Odd at node n"))
    assert planned(blind, []) == []
    found = merged(blind, [])
    assert {one.outcome for one in found} == {"not_available"}
    assert all("op Odd" in one.note for one in found)
    assert {one.metric for one in found} == set(ANALYZER.description.indicators)


def test_half_a_trial_is_none() -> None:
    """Until all blocks are in, every indicator is missing; then it is measured."""
    assert {one.outcome for one in merged(CASE, [unit((0, 20))])} == {"out_of_budget"}
    found = merged(CASE, [unit(rows) for rows in BOTH])
    assert {one.outcome for one in found} == {"measured"}
    assert {one.counts["denominator"] for one in found} == {40}
    assert {one.scope["threat"] for one in found} == {"Linf:8/255:white:gate"}


def test_few_failures_are_borne_and_more_are_red() -> None:
    """Two of forty are 5 %, three are more; instability and a broken attack allow none."""
    for trial in TRIALS:
        most = int(40 * trial.limit)
        fine = [unit((0, 20), most, trial.metric), unit((20, 40))]
        assert red(merged(CASE, fine)) == set()
        worse = [unit((0, 20), most + 1, trial.metric), unit((20, 40))]
        assert red(merged(CASE, worse)) == {trial.metric}
