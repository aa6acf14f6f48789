"""How far an audit looks inside: what is usual where, and which analyzers that wakes."""

import pytest

from analyzers.catalog import ALL
from service.core.driver import instances_for
from service.core.lenses import USUAL, Look, looked_through, usual
from service.core.policy import MINIMAL, parse_policy
from service.core.profiles import PROFILES, Name

LENSES = {one.description.id for one in ALL if one.description.on_demand}


def test_every_profile_has_its_look() -> None:
    """A gate on each change explains nothing, a release quickly, a night fully."""
    assert USUAL.keys() == PROFILES.keys()
    looks: dict[Name, Look] = {"pr": "weights", "release": "quick", "deep": "full"}
    for profile, look in looks.items():
        assert usual(profile, judged=True) == usual(profile, judged=False) == look


def test_without_a_profile_an_audit_explains_and_a_check_answers() -> None:
    """Whoever asks for evidence alone wants to see it."""
    assert usual(None, judged=True) == "weights"
    assert usual(None, judged=False) == "quick"


@pytest.mark.parametrize("look", ["quick", "full"])
def test_a_look_wakes_every_lens_that_has_its_plan(look: Look) -> None:
    """And the probe with them, which no look names; on weights alone all of them sleep."""
    rules = parse_policy(MINIMAL, ALL)
    found = instances_for(ALL, rules, looked_through(ALL, look))
    assert {one.analyzer.description.id for one in found} >= LENSES
    plans = {one.config.get("plan") for one in found if one.analyzer.description.id in LENSES}
    assert plans == {look, None}
    asleep = instances_for(ALL, rules, looked_through(ALL, "weights"))
    assert not LENSES & {one.analyzer.description.id for one in asleep}


def test_no_lens_decides() -> None:
    """All that sleeps until it is asked explains, so an audit may go on without it."""
    assert len(LENSES) >= 6
    assert all(one.description.explains for one in ALL if one.description.id in LENSES)
