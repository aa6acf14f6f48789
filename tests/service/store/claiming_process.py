"""A worker process of its own: claims until nothing is left, one audit a line on stdout.

It says when it is ready and waits for a line on stdin, so that several begin together.

``claiming_process.py URL LEASE_MS drain`` ends each audit that it claims;
``claiming_process.py URL LEASE_MS hold`` claims one and never moves again.
"""

import asyncio
import sys

from service.store.database import Database
from service.store.queue import Queue


async def main(url: str, lease_ms: int, course: str) -> None:
    """Claim, say so, and end the audit or hang."""
    database = await Database.open(url)
    queue = Queue(database, lease_ms)
    print("ready", flush=True)
    sys.stdin.readline()
    while (lease := await queue.claim("a process")) is not None:
        print(lease.audit, lease.attempt, flush=True)
        if course == "hold":
            await asyncio.Event().wait()
        await queue.finish(lease, "SUCCEEDED")
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
