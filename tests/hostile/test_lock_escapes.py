"""Everything a hostile child could try against the lock, with controls and with rules taken away.

Each deed is contained under the full lock, bites without it, bites as soon as exactly the rules
that it names are down, and is contained again when any one of those stands. So no rule of the
lock can be taken away unseen.
"""

import errno
import itertools
import os
from collections.abc import Generator, Iterable

import pytest

from service.sandbox.lock import hygiene, landlock, seccomp
from support.cage import PORTS, RIGHTS, SCOPES, SINCE, Cage, Kind, Outcome
from support.escapes import ALL, HELD, WORK, Deed

ROOT = os.geteuid() == 0
HERE = [deed for deed in ALL.values() if deed.there]
SLOW = {"compute for ever"}
"""Takes a second of processor time, so it is tried where it says something new."""

pytestmark = pytest.mark.skipif(
    landlock.version() == 0 or seccomp.machine() is None, reason="this kernel has not both walls"
)


@pytest.fixture(scope="module")
def cage() -> Generator[Cage]:
    """A zygote of whoever runs the tests."""
    one = Cage()
    yield one
    one.end()


def named(deeds: Iterable[Deed]) -> pytest.MarkDecorator:
    """One test for each deed, under its name."""
    return pytest.mark.parametrize("deed", [pytest.param(deed, id=deed.name) for deed in deeds])


def needs(deed: Deed) -> frozenset[str]:
    """The rules between a deed and its success, of those that hold anything here.

    A plain user has no capabilities to give up, and older kernels have fewer rights.
    """
    known = landlock.version()
    return frozenset(
        rule
        for rule in deed.needs
        if SINCE.get(rule, 1) <= known and (ROOT or rule != "no_capabilities")
    )


def assert_contained(deed: Deed, found: Outcome) -> None:
    """The deed failed the way it should."""
    assert not found.done, f"{deed.name}: {found.told}"
    ended: int | str = -found.signal or found.errno or HELD
    allowed = {deed.ends, errno.EPERM, errno.EACCES}  # which wall is met first is no matter
    assert ended in allowed, found.told
    assert "broken deed" not in found.told, found.told


def bites_here(deed: Deed) -> None:
    """Skip where only root could show that a deed bites."""
    if deed.root and not ROOT:
        pytest.skip("only root could do this even without the lock")


@named(HERE)
def test_deed_is_contained(cage: Cage, deed: Deed) -> None:
    """Under the full lock nothing hostile succeeds."""
    assert_contained(deed, cage.attempt(deed.name))


@named(deed for deed in HERE if deed.name not in SLOW)
def test_deed_bites_without_the_lock(cage: Cage, deed: Deed) -> None:
    """Control: the same deed succeeds in an unlocked child."""
    bites_here(deed)
    found = cage.attempt(deed.name, unlocked=True)
    assert found.done, found.told


@named(HERE)
def test_deed_bites_once_its_rules_are_down(cage: Cage, deed: Deed) -> None:
    """With all other rules standing, dropping those that a deed names lets it out."""
    bites_here(deed)
    found = cage.attempt(deed.name, needs(deed))
    assert found.done, found.told


@named(deed for deed in HERE if len(deed.needs) > 1)
def test_each_rule_alone_still_contains_it(cage: Cage, deed: Deed) -> None:
    """Where walls overlap, each of them is enough: dropping all but one lets nothing out.

    Then dropping fewer lets nothing out either; the deep run tries that as well.
    """
    rules = needs(deed)
    for rule in rules if len(rules) > 1 else ():
        found = cage.attempt(deed.name, rules - {rule})
        assert not found.done, f"{deed.name} held by {rule} alone: {found.told}"


@pytest.mark.deep
@named(deed for deed in HERE if len(deed.needs) > 2)
def test_any_rules_left_contain_it(cage: Cage, deed: Deed) -> None:
    """Whichever part of its rules is dropped, a deed stays contained as long as one stands."""
    rules = sorted(needs(deed))
    for size in range(1, len(rules)):
        for part in itertools.combinations(rules, size):
            found = cage.attempt(deed.name, part)
            assert not found.done, f"{deed.name} without {part}: {found.told}"


@named(WORK.values())
def test_work_goes_on_under_the_lock(cage: Cage, deed: Deed) -> None:
    """The lock that contains all this is one in which children can still do their work."""
    found = cage.attempt(deed.name)
    assert found.done, found.told


# ------------------------------------------------------------------------------ nothing left out

NAMED = frozenset(rule for deed in HERE for rule in deed.needs)


@pytest.mark.parametrize("step", hygiene.steps({}, 0))
def test_every_step_of_hygiene_holds_something(step: str) -> None:
    """Some deed gets out when this step alone is left out."""
    assert step in NAMED


@pytest.mark.parametrize("name", [*seccomp.filter_for(1).arguments, *seccomp.filter_for(1).absent])
def test_every_condition_holds_something(name: str) -> None:
    """Some deed gets out when this call is allowed whatever its arguments."""
    absent = name == "open" and seccomp.machine() != "x86_64"
    assert (f"condition:{name}" in NAMED) != absent


def test_every_right_of_landlock_holds_something() -> None:
    """Every bit that the lock asks for is one whose absence lets a deed out."""
    rights = max(landlock._FS_RIGHTS.values())  # pyright: ignore[reportPrivateUsage]  # the bits asked for
    assert sum(RIGHTS.values()) == rights
    assert sum(PORTS.values()) == landlock._TCP_RIGHTS  # pyright: ignore[reportPrivateUsage]  # as above
    assert sum(SCOPES.values()) == landlock._SCOPES  # pyright: ignore[reportPrivateUsage]  # as above
    assert {*RIGHTS, *PORTS, *SCOPES} <= NAMED


def test_the_suite_is_broad() -> None:
    """Many deeds and many denied calls, so that the list cannot shrink unseen."""
    assert len(ALL) >= 120
    assert sum(rule.startswith("call:") for rule in NAMED) >= 50


# --------------------------------------------------------------------------- other surroundings


@pytest.fixture(scope="module", params=["plain", "docker"])
def elsewhere(request: pytest.FixtureRequest) -> Generator[Cage]:
    """A zygote of a plain user, and one in the state of Docker's defaults."""
    kind: Kind = request.param
    if not ROOT and kind == "docker":
        pytest.skip("only root can become what a container's root is")
    one = Cage(kind)
    yield one
    one.end()


def test_deeds_are_contained_elsewhere(elsewhere: Cage) -> None:
    """The lock holds for a plain user and under Docker's default profile."""
    found = {deed.name: elsewhere.attempt(deed.name) for deed in HERE if deed.name not in SLOW}
    assert [name for name, outcome in found.items() if outcome.done] == []
    assert [one.told for one in found.values() if "broken deed" in one.told] == []


def test_self_test_says_level_2_elsewhere(elsewhere: Cage) -> None:
    """Neither needs root nor any capability."""
    assert elsewhere.level() == (2, "")


def test_plain_user_is_plain(elsewhere: Cage) -> None:
    """Control: in those surroundings the lock is what contains, not the surroundings."""
    for name in ("read another tenant's file", "overwrite", "fork", "connect by TCP", "kill"):
        assert elsewhere.attempt(name, unlocked=True).done
