"""The live bracket in one line."""

from dataclasses import replace

from service.cli.brackets import bracket_line
from service.rpc.ports import Bracket

KNOWN = Bracket(
    threat="Linf:8/255:white:gate",
    population=200,
    prefix=60,
    standing=11,
    fallen=49,
    certified=3,
    low=0.055,
    high=0.312,
)


def test_a_bracket_is_certified_unbroken_and_standing() -> None:
    """Certified of all, not broken of all, standing of those tried, with the interval's claim."""
    assert bracket_line(KNOWN) == (
        "Linf, ε = 8/255, white box: certified 3/200, not broken 151/200, standing 11/60 of those "
        "tried (5.5% to 31.2%, 95% for these images)"
    )


def test_unconfirmed_breaks_are_told() -> None:
    """Pending claims show, since they hold a PASS back; without any, nothing is said of them."""
    assert "2 unconfirmed" in bracket_line(replace(KNOWN, standing=9, pending=2))
    assert "unconfirmed" not in bracket_line(KNOWN)


def test_the_claim_of_a_population_is_named() -> None:
    """An interval for the population never reads like one for these images."""
    assert "for the population" in bracket_line(replace(KNOWN, claim="population"))


def test_what_is_known_of_every_image_is_exact() -> None:
    """When nothing is left to chance, no level of confidence is named."""
    whole = replace(KNOWN, prefix=200, standing=50, fallen=150, low=0.25, high=0.25)
    assert bracket_line(whole).endswith("(25.0%, exact for these images)")
