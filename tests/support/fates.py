"""What the cascade says of images whose end a test decides."""

from collections.abc import Mapping, Sequence
from typing import Final

from analyzers.attacks.passes import ONE
from analyzers.contract import Done, Json, Unit

KEY: Final = "attacks.linf@Linf:8/255:white:gate"


def attacked(
    states: Sequence[str], states8: Sequence[str] | None = None, *, key: str = KEY
) -> Mapping[str, list[Done]]:
    """What the cascade says of every image, as one unit."""
    n = len(states)
    samples: dict[str, Sequence[Json]] = {
        "row": list(range(n)),
        "state": list(states),
        "stage": [""] * n,
        "iterations": [1] * n,
        "queries": [0] * n,
        **{name: [False] * n for name in ("attacked", "flat", "disagree", "rose", "rising")},
    }
    if states8 is not None:
        samples["state8"] = list(states8)
    unit = Unit((0, n), {"pass": ONE, "eight_bit": states8 is not None})
    return {key: [Done(unit, "measured", {}, samples, {}, {})]}
