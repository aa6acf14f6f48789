"""Results of shards out of the store: whole, or not at all."""

from analyzers.contract import Digest
from service.audit_run import Kept, kept_from_json
from service.store.blobs import Blobs
from service.store.queue import Queue


async def recalled(queue: Queue, blobs: Blobs, project: str, key: Digest) -> Kept | None:
    """What an audit of the project committed under this key, while all its tensors are there."""
    found = await queue.step(project, key)
    if found is None:
        return None
    kept = kept_from_json(found)
    there = [blobs.has(blob) for blob in kept.done.blobs.values()]
    return kept if all(there) else None
