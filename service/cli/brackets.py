"""The live bracket of a threat in one line."""

from service.report import wording
from service.rpc.ports import Bracket


def bracket_line(known: Bracket) -> str:
    """What is certain below and above, and how the images tried so far fared."""
    n = known.population
    pending = f", {known.pending} unconfirmed" if known.pending else ""
    interval = (
        f"{wording.percent(known.low)} to {wording.percent(known.high)}, "
        f"{known.level:.0%} {_SPEAKS_OF[known.claim]}"
    )
    return (
        f"{wording.threat(known.threat)}: certified {known.certified}/{n}, not broken "
        f"{n - known.fallen}/{n}, standing {known.standing}/{known.prefix} of those tried"
        f"{pending} ({interval})"
    )


_SPEAKS_OF = {"set": "for these images", "population": "for the population"}
