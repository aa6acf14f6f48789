"""What an audit would cost, in lines for a terminal."""

from collections.abc import Iterator
from typing import Final

from service.rpc.ports import Estimate

_MINUTE: Final = 60
_HOUR: Final = 3600
_MEGA: Final = 1_000_000


def foreseen(estimate: Estimate) -> Iterator[str]:
    """Passes, time and storage, at most."""
    if not estimate.bytes:
        yield f"All {estimate.known} pieces of work are known: nothing would run."
        return
    yield f"{estimate.images:,} images; at most, if every one of them stands to the end:"
    yield f"  passes   {estimate.forward:,} forward, {estimate.backward:,} back"
    yield f"  time     {_time(estimate.seconds)}, with the machine as busy as it is now"
    yield f"  storage  {max(1, round(estimate.bytes / _MEGA)):,} MB"
    if estimate.known:
        yield f"{estimate.known} pieces of work are known already, and not counted."
    yield "It ends as soon as the verdict is plain; an image that falls costs no more."
    yield "Nothing was attacked and nothing judged."


def _time(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"
