"""Special functions of an independent library, typed: our own numbers are held against them."""

from typing import Any

from scipy import special  # pyright: ignore[reportMissingTypeStubs] - scipy ships no types

_SPECIAL: Any = special


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function."""
    return float(_SPECIAL.betainc(a, b, x))


def beta_quantile(share: float, a: float, b: float) -> float:
    """Where the regularised incomplete beta function takes a value."""
    return float(_SPECIAL.betaincinv(a, b, share))


def log_beta(a: float, b: float) -> float:
    """Logarithm of the beta function."""
    return float(_SPECIAL.betaln(a, b))


def normal_quantile(share: float) -> float:
    """Where the standard normal distribution takes a value."""
    return float(_SPECIAL.ndtri(share))
