"""Numbers out of the evidence of an audit."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tools.directions.expected import Direction


class Found(NamedTuple):
    """A value, or why there is none."""

    value: float | None
    why: str = ""

    def __str__(self) -> str:
        """Three digits, or the reason in brackets."""
        return f"({self.why})" if self.value is None else f"{self.value:.3g}"


def found(direction: Direction, measurements: Sequence[Mapping[str, Any]]) -> Found:
    """What one audit says of it; a refusal may speak of less than the number would have."""
    named = [one for one in measurements if one["metric"] == direction.metric]
    for one in named:
        if _scope(one) == direction.scope and one["value"] is not None:
            return Found(float(one["value"]))
    refused = [one for one in named if one["value"] is None]
    return Found(None, refused[0]["outcome"].replace("_", " ") if refused else "not told")


def _scope(one: Mapping[str, Any]) -> Mapping[str, str]:
    return {name: value for name, value in one["scope"].items() if name != "threat"}
