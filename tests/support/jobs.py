"""Jobs on a real executor: one file through one stage, and what is left behind afterwards."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import AssayError
from service.executors.interface import Request, Result
from service.executors.local import LocalExecutor

TEST_CODE = (str(Path(__file__).parents[1]),)
"""What a locked child must read besides to run the misdeeds that tests ask of it."""


@dataclass(frozen=True)
class Ended:
    """How a job ended: with a code, or with facts and verified files."""

    code: str
    """Empty when it ended well."""
    sentence: str
    result: Result | None

    @property
    def facts(self) -> Mapping[str, Any]:
        """The facts of a job that ended well."""
        assert self.result is not None, f"{self.code}: {self.sentence}"
        return self.result.facts

    def bytes_of(self, name: str) -> bytes:
        """A tensor's bytes, checked against the digest that was told, and taken from the spool."""
        assert self.result is not None, f"{self.code}: {self.sentence}"
        tensor = self.result.tensors[name]
        raw = tensor.path.read_bytes()
        assert hashlib.sha256(raw).hexdigest() == tensor.digest
        return raw


async def result_of(executor: LocalExecutor, request: Request) -> Result:
    """The result of a request, or its AssayError."""
    job = await executor.submit(request)
    async for event in job.events():
        if isinstance(event, Result):
            return event
    raise AssertionError


async def ended(executor: LocalExecutor, request: Request) -> Ended:
    """How a request ended."""
    try:
        return Ended("", "", await result_of(executor, request))
    except AssayError as error:
        return Ended(error.code.value, error.sentence, None)


def empty(spool: Path, end: Ended) -> None:
    """Take the tensors of a job out of the spool, after which it must hold nothing."""
    if end.result is not None:
        for tensor in end.result.tensors.values():
            tensor.path.unlink()
    assert list(spool.iterdir()) == [], "something was left in the spool"


def parent_of(pid: int) -> int:
    """The parent of a process; 0 when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def state_of(pid: int) -> str:
    """The one-letter state of a process; empty when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[0]


def below(pid: int) -> list[int]:
    """Every process that descends from one, zombies included, nearest first."""
    parents = {int(one): parent_of(int(one)) for one in os.listdir("/proc") if one.isdigit()}
    found, line = list[int](), [pid]
    while line:
        line = [one for one, parent in parents.items() if parent in line]
        found.extend(line)
    return found
