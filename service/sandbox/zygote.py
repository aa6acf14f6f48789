"""The process that forks children: heavy libraries imported, no tensor work, no secrets.

Started by exec with an empty environment. It never runs a model itself, so that what a child
inherits is the same for every child.
"""

import contextlib
import importlib
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any

from service.sandbox.frames import Broken, Channel, Control
from service.sandbox.lock.rules import rules_for
from service.sandbox.lock.selftest import Lock, level
from service.settings import Device

# The engines come first: they set what other libraries read from the environment as they load.
PRELOADED = (
    "analyzers.engines",
    "onnx",
    "safetensors.torch",
    "service.intake.dataset_child",
    "service.sandbox.child",
)


def main(descriptor: int, device: Device = "cpu", *libraries: str) -> None:
    """Serve fork and reap requests until the supervisor is gone.

    ``libraries`` are folders of code that children may read besides the interpreter's own.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = Channel(socket.socket(fileno=descriptor))
    found = _preload(device)
    rules = rules_for(found["placement"]["device"], libraries)
    lock = Lock(rules, level(rules))
    channel.send({"type": "hello", **found, "level": lock.level.number, "gap": lock.level.gap})
    with contextlib.suppress(Broken):
        while True:
            _answer(channel, channel.receive(), lock)


def _preload(device: Device) -> dict[str, Any]:
    """Import once what every child needs, and settle where they will run."""
    for name in PRELOADED:
        importlib.import_module(name)
    from analyzers.engines.devices import as_json, probed  # noqa: PLC0415 - loads the engines
    from analyzers.engines.subject import engine_facts  # noqa: PLC0415 - as above

    placement = probed(device)
    return {"engine": engine_facts(placement), "placement": as_json(placement)}


def _answer(channel: Channel, asked: Control, lock: Lock) -> None:
    if asked.body["type"] == "fork":
        pid = _fork(channel, asked.files, asked.body["limits"], lock)
        for file in asked.files:
            os.close(file)
        channel.send({"type": "forked", "pid": pid})
    elif asked.body["type"] == "reap":
        _, status = os.waitpid(int(asked.body["pid"]), 0)
        channel.send({"type": "reaped", "status": os.waitstatus_to_exitcode(status)})


def _fork(channel: Channel, files: Sequence[int], limits: dict[str, int], lock: Lock) -> int:
    from service.sandbox import child  # noqa: PLC0415 - already loaded by _preload

    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        channel.close()
        status = child.main(files[0], limits, parent, lock)
    finally:
        sys.stderr.flush()
        os._exit(status)
