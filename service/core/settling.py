"""What would settle a requirement that is open, as far as its numbers tell."""

import math
from fractions import Fraction
from statistics import NormalDist
from typing import Final

from analyzers.contract import Tally
from service.core.policy import Requirement

_MOST: Final = 1_000_000
"""More images than anybody labels for a gate."""
_WORDS: Final = {
    "pending": "Run the audit again, which tries these images by other ways. If claims stay open, "
    "the two children answer differently for the same picture: look for randomness in the model.",
    "trust": "More images or another threshold would not settle this: mend what is in doubt, and "
    "audit again.",
    "absence": "Ask for an audit whose plan measures it.",
}


def settles(decided_by: str, line: Requirement, tally: Tally | None) -> str:
    """One sentence on what to do next."""
    if tally is None or decided_by in _WORDS:
        return _WORDS.get(decided_by, _WORDS["absence"])
    if decided_by == "coverage":
        open_rows = max(tally.population - tally.prefix, tally.population - tally.full)
        return (
            f"Check again with the same data: the {open_rows} images that are open are run, and "
            "what is done is not repeated."
        )
    more = images_needed(line, tally.standing, tally.prefix) - tally.prefix
    if more > _MOST:
        return "The threshold lies where the model stands: no number of images would tell."
    return f"About {max(more, 1):,} more images would narrow the interval enough."


def images_needed(line: Requirement, standing: int, seen: int) -> int:
    """How many images would tell the share from the threshold, were it what was seen.

    By the normal approximation: it only advises, and decides nothing.
    """
    share, bar = Fraction(standing, seen), line.gte
    if share == bar:
        return _MOST + seen + 1
    spread = max(float(bar * (1 - bar)), float(share * (1 - share)))
    reach = NormalDist().inv_cdf(float((1 + line.level) / 2))
    return math.ceil(reach**2 * spread / float(share - bar) ** 2)
