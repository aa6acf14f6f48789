"""The promised accuracy: refused only when the whole set refutes it."""

import pytest

from analyzers.contract import Analyzer, Done, Unit, blocks
from service.core.driver import Course, Instance, instances_for
from service.core.expectation import check_expectation
from service.errors import AssayError, Code
from support.toys import ATTACK, CATALOGUE, CLEAN, a_case

N = 100


def course(right: int, *, upto: int = N, analyzer: Analyzer = CLEAN) -> tuple[Course, Instance]:
    """A toy audit in which the first so many rows are right, committed up to a row."""
    config = {"norm": "Linf", "eps": "0", "knowledge": "white"} if analyzer is ATTACK else {}
    (instance,) = instances_for(CATALOGUE, None, {analyzer.description.id: config})
    made = Course(a_case(N), [instance], seed=0, engine="toy", stops={})
    for low, high in blocks(N):
        if high <= upto:
            step = made.ready()[0]
            rows = list(range(low, high))
            states = ["right" if row < right else "wrong" for row in rows]
            samples = {"row": rows, "state": states}
            made.commit(step, Done(step.unit, "measured", {}, samples, {}, {}))
    return made, instance


def refusal(right: int, expected: float) -> AssayError | None:
    """The refusal that a promise earns, if any."""
    try:
        check_expectation(*course(right), expected)
    except AssayError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("right", "expected", "refused"),
    [
        (90, 0.9, False),
        (100, 0.5, False),
        (90, 0.94, False),
        (90, 0.95, True),
        (0, 0.03, False),
        (0, 0.05, True),
        (100, 1.0, False),
        (99, 1.0, True),
    ],
)
def test_short_is_beyond_the_interval(right: int, expected: float, refused: bool) -> None:
    """Wilson's upper limit at 90 of 100 is 0.945 and at 0 of 100 0.037; better is never refused."""
    assert (refusal(right, expected) is not None) is refused


def test_refusal_names_promise_and_finding() -> None:
    """Both shares and the number of images stand in the sentence, a way out in the remedy."""
    error = refusal(20, 0.9)
    assert error is not None
    assert error.code is Code.PREPROCESSING_MISMATCH
    assert (
        error.sentence == "The model was said to be right on 90.0% and is right on 20.0% of "
        "100 images."
    )
    assert "--normalize" in error.remedy


def test_no_promise_is_never_broken() -> None:
    """Without an expected accuracy nothing is checked."""
    check_expectation(*course(0), None)


@pytest.mark.parametrize("upto", [0, 20, 60])
def test_a_prefix_breaks_no_promise(upto: int) -> None:
    """Nothing is said before the whole set was looked at."""
    check_expectation(*course(0, upto=upto), 1.0)
    with pytest.raises(AssayError):
        check_expectation(*course(0), 1.0)


def test_only_the_first_analyzer_is_asked() -> None:
    """What stands under attack is no clean accuracy."""
    made, instance = course(0, analyzer=ATTACK)
    assert made.done(instance)
    check_expectation(made, instance, 1.0)


def test_unit_rows_are_the_blocks_of_the_plan() -> None:
    """The toy course above commits what a plan asks for, and is over at its end."""
    made, instance = course(50)
    assert [one.unit for one in made.done(instance)] == [Unit(rows) for rows in blocks(N)]
    assert made.ready() == []
