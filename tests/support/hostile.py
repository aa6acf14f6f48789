"""Measurements that misbehave, run in a real child: what a hostile model could make of one."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from analyzers.contract import Array, Batch, Partial, Shard, Subject, Tell
from tests.support.deeds import held_files

Told = Callable[[Shard, Subject, Batch], Partial]


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """Do what ``params.do`` says."""
    del inputs
    tell(0, 1, "about to misbehave")
    return DEEDS[str(shard.params["do"])](shard, subject, batch)


def _states(batch: Batch, state: str) -> dict[str, list[object]]:
    return {"row": list(batch.rows), "state": [state] * len(batch.rows)}


def crash(shard: Shard, subject: Subject, batch: Batch) -> Partial:
    """Die as from a bad pointer."""
    del shard, subject, batch
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def crash_once(shard: Shard, subject: Subject, batch: Batch) -> Partial:
    """Die as soon as a file appears, which whoever hears of the progress makes; then behave."""
    marker = Path(str(shard.params["marker"]))
    if not marker.exists():
        while not marker.exists():
            time.sleep(0.01)
        crash(shard, subject, batch)
    return Partial("measured", samples=_states(batch, "standing"))


def sleep(shard: Shard, subject: Subject, batch: Batch) -> Partial:
    """Never answer."""
    del shard, subject, batch
    time.sleep(600)
    raise AssertionError


def flood(shard: Shard, subject: Subject, batch: Batch) -> Partial:
    """Send more than the stage may send."""
    del shard, subject, batch
    return Partial("measured", blobs={"flood": np.zeros(40 << 20, np.uint8)})


def hoard(shard: Shard, subject: Subject, batch: Batch) -> Partial:
    """Ask for more memory than a child may have."""
    del shard, subject, batch
    return Partial("measured", blobs={"hoard": np.ones(1 << 40, np.uint8)})


def settle(shard: Shard, subject: Subject, batch: Batch) -> Partial:
    """Call points broken without a witness."""
    del shard, subject
    return Partial("measured", samples=_states(batch, "broken"))


def claim(shard: Shard, subject: Subject, batch: Batch) -> Partial:
    """Claim every point with the clean picture moved by ``params.by``."""
    del subject
    moved = np.clip(batch.images + np.float32(shard.params["by"]), 0, 2).astype(np.float32)
    return Partial(
        "measured", samples=_states(batch, "claimed"), blobs={"witness": moved}, claims="witness"
    )


def claim_short(shard: Shard, subject: Subject, batch: Batch) -> Partial:
    """Claim every point with one witness too few."""
    del shard, subject
    return Partial(
        "measured",
        samples=_states(batch, "claimed"),
        blobs={"witness": batch.images[1:]},
        claims="witness",
    )


def nan(shard: Shard, subject: Subject, batch: Batch) -> Partial:
    """Say a number that is none."""
    del shard, subject, batch
    return Partial("measured", numbers={"value": float("nan")})


def write(shard: Shard, subject: Subject, batch: Batch) -> Partial:
    """Write a byte to a file of its choice."""
    del subject, batch
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        Path(str(shard.params["marker"])).write_bytes(b"x")
    except OSError as error:
        return Partial("measured", numbers={"errno": int(error.errno or 0)})
    return Partial("measured", numbers={"errno": 0})


def confess(shard: Shard, subject: Subject, batch: Batch) -> Partial:
    """Tell what this process holds: environment, open files, session."""
    del shard, subject, batch
    return Partial(
        "measured",
        numbers={
            "environment": len([name for name in os.environ if name.startswith("ASSAY")]),
            "files": len(held_files()),
            "leads_session": int(os.getsid(0) == os.getpid()),
        },
    )


DEEDS: Mapping[str, Told] = {
    one.__name__: one
    for one in (
        crash,
        crash_once,
        sleep,
        flood,
        hoard,
        settle,
        claim,
        claim_short,
        nan,
        write,
        confess,
    )
}
