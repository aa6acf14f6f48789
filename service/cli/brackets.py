"""The live bracket of a threat in one line."""

from service.report import wording
from service.rpc.ports import Bracket


def bracket_line(known: Bracket) -> str:
    """What is certain below and above, and how the images tried so far fared."""
    n = known.population
    pending = f", {known.pending} unconfirmed" if known.pending else ""
    return (
        f"{wording.threat(known.threat)}: certified {known.certified}/{n}, not broken "
        f"{n - known.fallen}/{n}, standing {known.standing}/{known.prefix} of those tried"
        f"{pending} ({_interval(known)} {_SPEAKS_OF[known.claim]})"
    )


_SPEAKS_OF = {"set": "for these images", "population": "for the population"}


def _interval(known: Bracket) -> str:
    low, high = wording.percent(known.low), wording.percent(known.high)
    return f"{low}, exact" if known.low == known.high else f"{low} to {high}, {known.level:.0%}"
