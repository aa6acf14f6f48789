"""``--deadline``: how long an audit may work."""

import re
from typing import Final

from service.errors import AssayError, Code

_SECONDS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_WRITTEN: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*([smh]?)")


def seconds_of(written: str | None) -> float | None:
    """Seconds of ``90``, ``90s``, ``10m`` or ``1.5h``."""
    if written is None:
        return None
    found = _WRITTEN.fullmatch(written.strip().lower())
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if seconds <= 0:
        raise AssayError(
            Code.DEADLINE_INVALID,
            f"The deadline '{written[:40]}' is no length of time.",
            "Write seconds, or a number with s, m or h: 90s, 10m, 1.5h.",
        )
    return seconds
