"""Which pictures were right, clean and under every corruption: from a child to the numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from analyzers.contract import Done, Json

Flags = npt.NDArray[np.bool_]
ROW, LABEL, CLEAN = "row", "label", "clean"
_BETWEEN: Final = "@"


def column(kind: str, severity: int) -> str:
    """The name of the column that holds a corruption's answers."""
    return f"{kind}{_BETWEEN}{severity}"


@dataclass(frozen=True)
class Answers:
    """One row an image."""

    labels: npt.NDArray[np.int64]
    clean: Flags
    under: Mapping[tuple[str, int], Flags]
    """By corruption and severity."""

    @property
    def n(self) -> int:
        """How many images."""
        return len(self.clean)

    def kinds(self, among: Sequence[str]) -> list[str]:
        """Those of some corruptions that were applied."""
        applied = {kind for kind, _ in self.under}
        return [kind for kind in among if kind in applied]

    def severities(self) -> list[int]:
        """The severities that were applied, the mildest first."""
        return sorted({severity for _, severity in self.under})

    def of(self, kinds: Sequence[str], severities: Sequence[int] | None = None) -> Flags:
        """[image, copy]: whether each copy of an image was right."""
        wanted = self.severities() if severities is None else severities
        return np.stack([self.under[kind, one] for kind in kinds for one in wanted], axis=1)


def answers_of(done: Sequence[Done]) -> Answers:
    """The answers of all committed units."""
    columns: dict[str, list[Json]] = {}
    for one in done:
        for name, values in one.samples.items():
            columns.setdefault(name, []).extend(values)
    under = {
        (kind, int(severity)): np.asarray(values, np.bool_)
        for name, values in columns.items()
        for kind, between, severity in [name.partition(_BETWEEN)]
        if between
    }
    return Answers(
        np.asarray(columns[LABEL], np.int64), np.asarray(columns[CLEAN], np.bool_), under
    )
