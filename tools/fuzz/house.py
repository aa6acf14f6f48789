"""The service under test in a process of its own, and what can be seen of it from outside."""

import contextlib
import itertools
import json
import os
import signal
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from service.embedded import Place, join
from service.sandbox.children import FORKS_A_ZYGOTE

_MOST_FORKS: Final = 8
"""For one input: recognised, unpacked, converted, canonicalised, each of them twice."""
_MIB: Final = 1 << 20
_GROWTH_MIB: Final = 64
_FILES: Final = 16
_END_SECONDS: Final = 30


@dataclass
class House:
    """One service and its home."""

    place: Place
    api: int
    supervisor: int
    zygotes: dict[int, int] = field(default_factory=dict[int, int])
    """Every zygote seen, by the number of inputs that had ended when it was first seen."""
    first: dict[str, int] = field(default_factory=dict[str, int])
    """Memory and open files once the service has warmed up."""

    @property
    def address(self) -> str:
        """Where clients find it."""
        return self.place.address

    def look(self, ended: int) -> list[str]:
        """What is wrong with the processes after so many inputs; a new zygote is noted."""
        children = _children(self.api)
        if not _alive(self.api):
            return ["the API process died"]
        if self.supervisor not in children or not _alive(self.supervisor):
            return ["the supervisor died"]
        for zygote in _children(self.supervisor):
            self.zygotes.setdefault(zygote, ended)
        return []

    def warm(self) -> None:
        """Take the measures that later ones are compared with."""
        self.first = _measures(self.api, self.supervisor)

    def leaks(self) -> list[str]:
        """What has grown or was left behind, once nothing runs any more."""
        told = [f"{one} left in the spool" for one in self._left("spool")]
        told += [f"{one} left among the uploads" for one in self._left("blobs/parts")]
        now = _measures(self.api, self.supervisor)
        for name, before in self.first.items():
            most = before + (_GROWTH_MIB if name.endswith("MiB") else _FILES)
            if now.get(name, 0) > most:
                told.append(f"{name} grew from {before} to {now[name]}")
        return told

    def measures(self) -> str:
        """Memory and files, then and now."""
        now = _measures(self.api, self.supervisor)
        return ", ".join(
            f"{name} {before} -> {now.get(name)}" for name, before in self.first.items()
        )

    def zygotes_lost(self) -> list[str]:
        """Zygotes replaced before they had forked as often as one may: those died."""
        seen = sorted(self.zygotes.values())
        early = [
            later
            for before, later in itertools.pairwise(seen)
            if (later - before) * _MOST_FORKS < FORKS_A_ZYGOTE
        ]
        return [f"the zygote was replaced early, at input {at}" for at in early]

    def _left(self, folder: str) -> list[str]:
        where = self.place.home / folder
        return [one.name for one in where.iterdir()] if where.is_dir() else []


@contextlib.contextmanager
def open_house(home: Path) -> Generator[House]:
    """Start the service, TorchScript included, and end it with the block."""
    os.environ["ASSAY_TORCHSCRIPT"] = "1"
    join(home)
    place = Place(home)
    api = int(json.loads(place.card.read_text())["pid"])
    house = House(place, api, _children(api)[0])
    house.look(0)
    try:
        yield house
    finally:
        _end(api)


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    limit = time.monotonic() + _END_SECONDS
    while _alive(pid) and time.monotonic() < limit:
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _children(pid: int) -> list[int]:
    """The processes that one has started and that still live."""
    found: list[int] = []
    for task in _listed(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/task/{task}/children").read_text()
            found += [int(one) for one in text.split()]
    return [one for one in found if _alive(one)]


def _alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _measures(api: int, supervisor: int) -> dict[str, int]:
    told: dict[str, int] = {}
    for name, pid in (("API", api), ("supervisor", supervisor)):
        with contextlib.suppress(OSError):
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            told[f"{name} MiB"] = pages * os.sysconf("SC_PAGESIZE") // _MIB
            told[f"{name} files"] = len(_listed(f"/proc/{pid}/fd"))
    return told
