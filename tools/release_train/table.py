"""What the train tells: a table in Markdown, one row a candidate."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tools.release_train.train import Stop

HEAD: Final = ("Candidate", "What was done", "Verdict", "Exit", "Units measured", "Why")


def header() -> str:
    """The first two lines."""
    return f"{_line(HEAD)}\n{_line(['---'] * len(HEAD))}"


def row(stop: Stop) -> str:
    """The line of one candidate."""
    checked = stop.checked
    cache = checked.evidence["run"]["cache"]
    measured = f"{cache['misses']} of {cache['hits'] + cache['misses']}"
    return _line(
        [
            stop.candidate.name,
            stop.candidate.done,
            checked.verdict["verdict"],
            str(checked.code),
            measured,
            why(checked.verdict),
        ]
    )


def why(verdict: Mapping[str, Any]) -> str:
    """The reasons of what did not pass; where all did, of what was compared or asked last."""
    lines = verdict["requirements"]
    told = [one for one in lines if one["state"] != "PASS"] or lines[-1:]
    return " ".join(map(_reason, told))


def _reason(one: Mapping[str, Any]) -> str:
    state = f"{one['state']}, waived by {one['waived']}" if one.get("waived") else one["state"]
    return f"`{one['id']}` {state}: {one['reason']}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(one.replace('|', '/') for one in cells)} |"
