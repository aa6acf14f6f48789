"""Threats by what they are: norm, size, knowledge, budget. A policy's name is only a label."""

from dataclasses import asdict, dataclass
from fractions import Fraction

from service.errors import AssayError, Code

LONGEST = 400
"""Digits of a number; a fraction of two floats written out stays below."""


@dataclass(frozen=True)
class Threat:
    """What an attacker may do."""

    norm: str
    eps: str
    """Exact fraction in canonical text, in [0,1] pixels."""
    knowledge: str = "white"
    budget: str = "gate"
    """How much of an attack's plan runs."""

    @property
    def text(self) -> str:
        """The threat's id."""
        return f"{self.norm}:{self.eps}:{self.knowledge}:{self.budget}"

    def as_config(self) -> dict[str, str]:
        """The config of an attack analyzer that serves this threat."""
        return asdict(self)


def exact(text: str) -> Fraction:
    """The number that a text names; one too long to be meant is a ValueError, not a long wait."""
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > LONGEST or len(exponent) > len("-300"):
        message = "a number of more digits than anybody needs"
        raise ValueError(message)
    return Fraction(text)


def exact_eps(written: object) -> str:
    """Bring ``8/255``, ``0.1`` or ``1`` to canonical text.

    A number is read by its shortest decimal spelling, so that 0.1 means one tenth.
    """
    try:
        value = exact(str(written).replace(" ", ""))
    except (ValueError, ZeroDivisionError) as error:
        raise AssayError(
            Code.POLICY_INVALID,
            f"The size '{str(written)[:40]}' of a threat is neither a fraction nor a number.",
            "Write eps as a fraction of the pixel range, for example 8/255.",
        ) from error
    if not 0 <= value <= 1:
        raise AssayError(
            Code.POLICY_INVALID,
            f"The size {str(written)[:40]} of a threat lies outside the pixel range from 0 to 1.",
            "Pixels run from 0 to 1; write 8/255 instead of 8.",
        )
    return str(value)
