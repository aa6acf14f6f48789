"""What one threat's blocks said, gathered; and how a number of it is told or refused."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from analyzers.behaviour.channels import columns
from analyzers.behaviour.channels.numbers import Floats
from analyzers.contract import Case, Done, Json, Measurement, Outcome
from analyzers.lens import NO_PROBE, NO_THREAT, Scope, least_accuracy, mean, without
from analyzers.statistics.bootstrap import spread

Row = Mapping[str, Json]
Statistic = Callable[[Floats], Floats]


class Absence(NamedTuple):
    """Why something has no value."""

    outcome: Outcome
    note: str


class Words(NamedTuple):
    """What goes with a number."""

    title: str
    unit: str = ""
    note: str = ""
    none: str = "No image has such a number."
    """Said where no image has the number."""


@dataclass(frozen=True)
class Looked:
    """The blocks of one threat, and what they come to once that was asked."""

    case: Case
    threat: str
    blocks: Sequence[Done]
    summary: Done | None

    @property
    def scope(self) -> Scope:
        """Of which threat a number speaks; of none on clean pictures."""
        return {columns.THREAT: self.threat} if self.attacked else {}

    @property
    def attacked(self) -> bool:
        """Whether attacked pictures were looked at."""
        return self.threat != columns.CLEAN

    @property
    def where(self) -> str:
        """What an activation is, in words."""
        return self.blocks[0].note

    @property
    def by_head(self) -> bool:
        """Whether the head's weights say how much a channel counts, exactly."""
        return bool(self.blocks[0].numbers["head"])

    @property
    def by_slope(self) -> bool:
        """Whether slopes of the logit do."""
        return bool(self.blocks[0].numbers["slope"])

    @property
    def way(self) -> str:
        """Said behind the title of what rests on slopes."""
        return " (by gradient)" if self.by_slope else ""

    @property
    def factor(self) -> str:
        """What an activation is multiplied with."""
        return "slope" if self.by_slope else "weight"

    def column(self, name: str) -> Floats:
        """A column over all images."""
        return columns.column(self.blocks, name)

    def rows(self, of: str) -> list[Row]:
        """Rows of the summary that speak of this."""
        if self.summary is None:
            return []
        names, table = list(self.summary.samples), self.summary.samples
        every = zip(*(table[name] for name in names), strict=True)
        found = [dict(zip(names, values, strict=True)) for values in every]
        return [row for row in found if row["of"] == of]

    def number(self, name: str) -> float | None:
        """A number of the summary."""
        return None if self.summary is None else self.summary.numbers.get(name)

    def count(self, name: str) -> int:
        """A count of the summary, 0 where it has none."""
        return int(self.number(name) or 0)

    def no_attack(self) -> Absence | None:
        """Why there is nothing to say of attacked pictures."""
        if self.attacked:
            return None
        return Absence("not_available", NO_THREAT if self.case.subject.gradient else NO_PROBE)

    def no_relevance(self) -> Absence | None:
        """Why channels cannot be said to argue for or against a class."""
        if not self.by_head and not self.by_slope:
            return Absence("not_available", self.where)
        right = self.column("right")
        right = right[np.isfinite(right)]
        if not len(right):
            return Absence("not_available", "No image has a label and an activation to count with.")
        classes = self.case.subject.classes
        if right.mean() >= least_accuracy(classes):
            return self._flat()
        return Absence(
            "not_applicable",
            f"The model is right on {int(right.sum())} of {len(right)} images, too near to chance "
            f"among {classes} classes for its channels to argue for anything.",
        )

    def _flat(self) -> Absence | None:
        """Said where slopes are zero on every image, as they are behind what is saturated."""
        if not self.by_slope or np.isfinite(self.column("clean_against")).any():
            return None
        why = "No image has a slope that tells one channel from another."
        return Absence("not_available", f"{why} {self.where}")

    def no_head(self) -> Absence | None:
        """Why nothing that the channels were changed to can be answered anew."""
        if self.by_head:
            return None
        why = "Only a linear head can be asked again about channels that were cut."
        return Absence("not_available", f"{why} {self.where}")

    def not_yet(self) -> Absence | None:
        """Said while the blocks were not added up."""
        if self.summary is None:
            return Absence("out_of_budget", "The blocks of images were not added up yet.")
        return None


def refused(metric: str, why: Absence, scope: Scope | None = None) -> Measurement:
    """A metric without a value."""
    return without(metric, why.outcome, why.note, scope=scope)


def average(drawn: Floats) -> Floats:
    """The mean of each resample."""
    found: Floats = drawn.mean(axis=1)
    return found


def median(drawn: Floats) -> Floats:
    """The median of each resample: a few images with next to nothing below the line move it not."""
    found: Floats = np.median(drawn, axis=1)
    return found


def told(
    metric: str,
    values: Floats,
    words: Words,
    scope: Scope,
    statistic: Statistic = average,
) -> Measurement:
    """A number over the images that have it, and how many have it not."""
    good = values[np.isfinite(values)]
    if not len(good):
        return without(metric, "not_available", words.none, scope=scope)
    missing = len(values) - len(good)
    note = f"{missing} images without such a number are left out." if missing else ""
    return mean(
        metric,
        spread(good, statistic),
        title=words.title,
        unit=words.unit,
        note=f"{note} {words.note}".strip(),
        scope=scope,
    )


FEWEST: Final = 5
"""Images of a class from which it is shown by itself, and channels from which they are ranked."""


def class_means(values: Floats, labels: Floats) -> dict[int, tuple[float, int]]:
    """Mean and number of images of every class that has enough of them."""
    good = np.isfinite(values)
    found: dict[int, tuple[float, int]] = {}
    for label in np.unique(labels[good]):
        shown = values[good & (labels == label)]
        if len(shown) >= FEWEST:
            found[int(label)] = (float(shown.mean()), len(shown))
    return found
