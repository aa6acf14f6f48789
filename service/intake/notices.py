"""What intake notes of a file for the report: ids that never change, details that may be shown."""

from collections.abc import Sequence
from typing import Final

_NAMES_TOLD: Final = 6
_LONGEST: Final = 60


def listed(names: Sequence[str]) -> str:
    """The first names as a sentence may hold them, and how many more there are."""
    clean = ["".join(char for char in name if char.isprintable())[:_LONGEST] for name in names]
    more = len(clean) - _NAMES_TOLD
    told = ", ".join(clean[:_NAMES_TOLD])
    return f"{told} and {more} more" if more > 0 else told
