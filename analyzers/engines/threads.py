"""One budget of threads for both engines, which must never spin against each other."""

import contextlib
from collections.abc import Generator, Mapping
from typing import NamedTuple

import torch


class Budget(NamedTuple):
    """What a session of onnxruntime is told."""

    intra_op: int
    inter_op: int
    entries: Mapping[str, str]


def budget(threads: int) -> Budget:
    """Session settings for so many threads; idle ones sleep: a spinning pool starves torch."""
    spinning = {f"session.{which}.allow_spinning": "0" for which in ("intra_op", "inter_op")}
    return Budget(threads, 1, spinning)


@contextlib.contextmanager
def torch_threads(threads: int) -> Generator[None]:
    """Let torch use so many threads inside, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
