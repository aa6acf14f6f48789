"""The clean accuracy that an upload promised, against the one that preflight found."""

from collections.abc import Sequence

from analyzers.contract import Measurement
from analyzers.statistics.intervals import wilson
from service.core.driver import Course, Instance
from service.errors import AssayError, Code


def check_expectation(course: Course, instance: Instance, expected: float | None) -> None:
    """Refuse a subject whose accuracy, once the analyzer is through, falls short of the promise.

    Short is: the promise lies above the 95% interval of what was found.
    """
    if expected is None or not instance.analyzer.description.first:
        return
    if any(step.instance.key == instance.key for step in course.ready()):
        return  # it goes on, and may yet find what would fit
    found = course.measurements(instance)
    measured = [one for one in found if one.metric == "accuracy" and one.value is not None]
    accuracy = measured[0] if measured else None
    if accuracy is None or accuracy.counts["prefix"] < course.case.n:
        return
    right, n = accuracy.counts["standing"], accuracy.counts["prefix"]
    if wilson(right, n).high >= expected:
        return
    raise AssayError(
        Code.PREPROCESSING_MISMATCH,
        f"The model was said to be right on {expected:.1%} and is right on {right / n:.1%} of "
        f"{n} images.",
        _remedy(found),
    )


def _remedy(found: Sequence[Measurement]) -> str:
    notes = [one.note for one in found if one.bound == "indicator" and one.note]
    return notes[0] if notes else "Check the labels, and the preprocessing given with --normalize."
