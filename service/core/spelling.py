"""How numbers of a policy may be written, as its JSON Schema says it."""

from collections.abc import Mapping
from typing import Any, Final

_DIGITS: Final = r"\d[\d_]*"
_NUMBER: Final = (
    rf"\s*\+?({_DIGITS}\s*/\s*{_DIGITS}|({_DIGITS}\.?[\d_]*|\.{_DIGITS})([eE][+-]?{_DIGITS})?)\s*"
)


def _written(pattern: str, **bounds: float) -> dict[str, Any]:
    return {"anyOf": [{"type": "number", **bounds}, {"type": "string", "pattern": pattern}]}


def written_share(**bounds: float) -> dict[str, Any]:
    """A share: 0.4, 2/5, 40% or, of a difference, 1.5pt; bounds are told of numbers only."""
    return _written(rf"^{_NUMBER}(%|pt)?\s*$", **bounds)


WRITTEN_SIZE: Final[Mapping[str, Any]] = _written(rf"^{_NUMBER}$", minimum=0, maximum=1)
"""A threat's size: 8/255, 0.1 or 1."""
