"""Histories of courses that go on: a plan is asked for after every unit, and reads the new one."""

import threading
import weakref
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from analyzers.attacks.history import History
from analyzers.contract import Done

KEPT: Final = 8


@dataclass(frozen=True, eq=False)
class _Known:
    """A history behind the units that it has read; it outlives none of them."""

    read: Sequence[weakref.ref[Done]]
    history: History

    def begins(self, done: Sequence[Done]) -> bool:
        """Whether these are its own units, and perhaps others after them."""
        own = zip(self.read, done, strict=False)
        return len(self.read) <= len(done) and all(ref() is one for ref, one in own)

    @property
    def gone(self) -> bool:
        """Whether nobody can ask for it any more."""
        return bool(self.read) and self.read[-1]() is None


class Histories:
    """What was read of the last courses. Each history has one reader at a time."""

    def __init__(self, most: int = KEPT) -> None:
        """Keep so many."""
        self._most = most
        self._kept: list[_Known] = []
        self._lock = threading.Lock()  # audits plan in one thread and are summed up in others

    @contextmanager
    def of(self, done: Sequence[Done]) -> Generator[History]:
        """The history of these units: to look at inside the block, and not after it."""
        done = tuple(done)  # the caller's list goes on while its history is looked at
        known = self._taken(done)
        history = known.history if known else History()
        history.read(done[len(known.read) if known else 0 :])
        yield history
        self._give(_Known([weakref.ref(one) for one in done], history))

    def _taken(self, done: Sequence[Done]) -> _Known | None:
        """The one that has read most of these units; nobody else has it until it is given back."""
        with self._lock:
            self._kept = [one for one in self._kept if not one.gone]
            found = max(
                (one for one in self._kept if one.begins(done)),
                key=lambda one: len(one.read),
                default=None,
            )
            if found is not None:
                self._kept.remove(found)
            return found

    def _give(self, known: _Known) -> None:
        with self._lock:
            self._kept.insert(0, known)
            del self._kept[self._most :]


HISTORIES: Final = Histories()
"""Those of this process."""
