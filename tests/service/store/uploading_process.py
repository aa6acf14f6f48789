"""An upload in a process of its own, which is killed in the middle of it.

``uploading_process.py ROOT UPLOAD SIZE guarded`` appends pieces to an upload;
``uploading_process.py ROOT DIGEST SIZE naive`` writes straight to the name of the blob.
Before each piece it waits for a line on stdin; after it, it tells how many bytes are there.
"""

import asyncio
import random
import sys
from pathlib import Path

from service.store.blobs import Blobs

PIECE = 64 << 10


def content(size: int) -> bytes:
    """The bytes of the file that is uploaded, the same in every process."""
    return random.Random(size).randbytes(size)  # noqa: S311 - test data


async def guarded(blobs: Blobs, upload: str, data: bytes) -> None:
    """Append until the end, without finishing."""
    have = blobs.committed_size(upload)
    while have < len(data):
        piece = data[have : have + PIECE]
        await asyncio.to_thread(sys.stdin.readline)
        have = await blobs.append(upload, have, piece, size=len(data))
        print(have, flush=True)


def naive(path: Path, data: bytes) -> None:
    """Write under the final name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(data), PIECE):
            sys.stdin.readline()
            file.write(data[start : start + PIECE])
            print(file.tell(), flush=True)


async def main(root: Path, name: str, size: int, how: str) -> None:
    """Upload in the way that is asked for."""
    blobs = await Blobs.open(root, max_size=size)
    if how == "guarded":
        await guarded(blobs, name, content(size))
    else:
        naive(root / "sha256" / name[:2] / name, content(size))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]))
