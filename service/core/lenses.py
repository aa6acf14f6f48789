"""How far an audit looks inside a model: which lenses that wakes, and what is usual where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

from service.core.profiles import Name

if TYPE_CHECKING:  # `assay --help` names the looks, and loads no numpy for it
    from analyzers.contract import Analyzer, Description, Json

Look = Literal["weights", "quick", "full"]
"""``weights``: what needs no images. ``quick``: minutes. ``full``: for a night."""

USUAL: Final[Mapping[Name, Look]] = {
    "smoke": "weights",
    "pr": "weights",
    "release": "quick",
    "deep": "full",
}
"""What each profile looks at: a gate on every change waits for no explanation."""


def usual(profile: Name | None, *, judged: bool) -> Look:
    """How far one looks who was not told: an audit explains, a check without a profile answers."""
    if profile is not None:
        return USUAL[profile]
    return "weights" if judged else "quick"


def looked_through(catalogue: Sequence[Analyzer], look: Look) -> Mapping[str, Mapping[str, Json]]:
    """The analyzers that have a plan of this name, each with it as its config."""
    described = (one.description for one in catalogue)
    return {one.id: {"plan": look} for one in described if look in _plans(one)}


def _plans(description: Description) -> Sequence[str]:
    plan: Mapping[str, Json] = description.schema.get("properties", {}).get("plan", {})
    return plan.get("enum", ())
