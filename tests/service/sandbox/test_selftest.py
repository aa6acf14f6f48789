"""The self-test says level 2 only where every wall stands and every deed is refused."""

from collections.abc import Generator

import pytest

from service.sandbox.lock import landlock, seccomp, selftest
from support.cage import Cage

pytestmark = pytest.mark.skipif(
    landlock.version() == 0 or seccomp.machine() is None, reason="this kernel has not both walls"
)


@pytest.fixture(scope="module")
def cage() -> Generator[Cage]:
    """A small zygote in which the self-test forks."""
    one = Cage()
    yield one
    one.end()


def test_whole_lock_is_level_2(cage: Cage) -> None:
    """With both walls nothing gets through, and there is no gap to tell of."""
    assert cage.level() == (2, "")


@pytest.mark.parametrize(
    ("walls", "gap"),
    [
        (["files"], "This kernel has no filter of system calls for this processor."),
        (["calls"], "This kernel has no Landlock."),
        ([], "This kernel has no Landlock and no filter of system calls for this processor."),
    ],
)
def test_missing_wall_is_level_1(cage: Cage, walls: list[str], gap: str) -> None:
    """What this kernel lacks is named."""
    assert cage.level(walls=walls) == (1, gap)


def test_rules_that_let_a_deed_through_are_level_1(cage: Cage) -> None:
    """Both walls stand, but one has a door: the deeds find it."""
    gap = "A locked child could still list files, read files."
    assert cage.level(readable=["/"]) == (1, gap)


@pytest.mark.parametrize("deed", selftest.DEEDS)
def test_each_deed_counts(cage: Cage, deed: str) -> None:
    """Any one deed that succeeds makes it level 1, and is named."""
    assert cage.level(deed) == (1, f"A locked child could still {deed}.")


@pytest.mark.parametrize("spoiled", ["dies", "raises", "executes"])
def test_no_answer_is_never_level_2(cage: Cage, spoiled: str) -> None:
    """A child that dies, cannot be locked, or becomes another program proves nothing."""
    found = cage.level(spoiled)
    assert found.number == 1
    assert found.gap
