"""Why shards of one audit had to be measured: the store is asked once an analyzer."""

from collections.abc import Sequence

from analyzers.contract import Digest, Shard
from service.core.cache_reasons import (
    LEFT_OUT,
    LOST,
    NOT_REACHED,
    Circumstances,
    circumstances,
    reason,
)
from service.core.canonical import digest
from service.store.queue import Queue
from service.store.records import NewCircumstances


class CacheMisses:
    """What was kept in a project before one audit added to it."""

    def __init__(self, queue: Queue, project: str, *, left_out: bool) -> None:
        """Ask nothing yet; ``left_out`` says that the cache was not to be used."""
        self._queue = queue
        self._project = project
        self._left_out = left_out
        self._kept: dict[str, Sequence[Circumstances]] = {}

    async def why(self, key: Digest, shard: Shard) -> str:
        """Why nothing answered for this shard; to be asked before its result is committed."""
        if self._left_out:
            return LEFT_OUT
        if shard.analyzer not in self._kept:
            found = await self._queue.circumstances(self._project, shard.analyzer)
            self._kept[shard.analyzer] = found
        said = reason(circumstances(shard), self._kept[shard.analyzer])
        # Under circumstances that are known the result itself may be there, and its tensors not.
        if said == NOT_REACHED and await self._queue.steps(self._project, [key]):
            return LOST
        return said


def to_keep(shard: Shard) -> NewCircumstances:
    """The circumstances of a result as the store keeps them."""
    body = circumstances(shard)
    return NewCircumstances(digest(body), shard.analyzer, body)
