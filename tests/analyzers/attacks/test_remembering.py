"""Histories go on where they were, belong to one reader at a time, and outlive no course."""

import gc
import weakref
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.attacks.history import History
from analyzers.attacks.passes import ONE
from analyzers.attacks.remembering import Histories
from analyzers.attacks.schedule import Schedule
from analyzers.contract import Done
from support.foretold import Foretold, World, falls, in_round, salt

AT_ONCE = salt(ONE, "margin")
FATES = [
    falls(AT_ONCE),
    falls(in_round(1)),
    falls(in_round(3)),
    Foretold(clean="wrong"),
    Foretold(flags=frozenset({"rising"})),
]


def told(history: History) -> object:
    """All that a history answers."""
    return history.rows, [
        (history.among(state, depth=depth), history.late(depth))
        for state in ("standing", "broken", "wrong", "pending")
        for depth in ("float32", "8-bit")
    ]


def asked(histories: Histories, done: Sequence[Done]) -> object:
    """What the remembered history of these units answers."""
    with histories.of(done) as history:
        return told(history)


@given(st.lists(st.sampled_from(range(len(FATES))), max_size=40), st.integers(41, 90))
def test_a_plan_that_remembers_is_the_plan_that_reads_all(fates: list[int], n: int) -> None:
    """At every commit the same units, and of what is done the same history."""
    world = World(n, dict(enumerate(FATES[one] for one in fates)))
    histories, done = Histories(), list[Done]()
    while units := world.plan(done):
        assert units == Schedule(world.case, world.config, done).units()
        assert asked(histories, done) == told(History(done))
        done.append(world.measured(units[0]))
    assert Schedule(world.case, world.config, done).units() == []


def test_courses_do_not_mix() -> None:
    """Two that go on in turn, one that took another way, and one that went back."""
    world, other = World(100, {}), World(100, dict.fromkeys(range(9), falls(AT_ONCE)))
    histories = Histories()
    one, two = world.run()[:4], other.run()[:4]
    for end in range(5):
        assert asked(histories, one[:end]) == told(History(one[:end]))
        assert asked(histories, two[:end]) == told(History(two[:end]))
    forked = [*one[:2], two[2]]
    assert asked(histories, forked) == told(History(forked))
    assert asked(histories, one[:1]) == told(History(one[:1]))
    assert asked(histories, one) == told(History(one))


def test_only_new_units_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each unit once, however often somebody asks."""
    done, histories = World(100, {}).run(), Histories()
    read: list[Done] = []
    real = History.read

    def counted(self: History, done: Sequence[Done]) -> None:
        read.extend(done)
        real(self, done)

    monkeypatch.setattr(History, "read", counted)
    for end in range(len(done) + 1):
        for _ in range(2):
            asked(histories, done[:end])
    assert read == done


def test_a_history_has_one_reader_at_a_time() -> None:
    """Who asks meanwhile gets one of his own: it goes on without changing the other's."""
    done, histories = World(100, {}).run(), Histories()
    asked(histories, done[:1])
    with histories.of(done[:1]) as first, histories.of(done) as second:
        assert first is not second
        assert told(first) == told(History(done[:1]))


def test_units_that_come_meanwhile_are_read_the_next_time() -> None:
    """A course's list goes on growing; what was added inside the block has not been read."""
    done, histories = World(100, {}).run(), Histories()
    live = done[:1]
    with histories.of(live):
        live.append(done[1])
    live.append(done[2])
    assert asked(histories, live) == told(History(live))


def test_a_history_that_broke_off_is_not_gone_on_with() -> None:
    """A reader that failed may have left anything behind."""
    done, histories = World(100, {}).run(), Histories()
    asked(histories, done[:1])
    with pytest.raises(KeyError), histories.of(done[:1]) as first:
        raise KeyError
    with histories.of(done) as second:
        assert first is not second


def seen(histories: Histories, done: Sequence[Done]) -> weakref.ref[History]:
    """The history of these units, held by nobody here."""
    with histories.of(done) as history:
        return weakref.ref(history)


def test_nothing_is_held_of_a_course_that_is_gone() -> None:
    """No more than so many histories are kept, and none of an audit that has ended."""
    histories = Histories(most=2)
    courses = [World(60, {}).run() for _ in range(3)]
    held = [seen(histories, courses[at]) for at in range(3)]
    gc.collect()
    assert [one() is not None for one in held] == [False, True, True]
    courses.clear()
    gc.collect()
    asked(histories, [])
    assert [one() for one in held] == [None, None, None]
