"""What one kind of child may still reach, and the two walls that hold it to that."""

import glob
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from service.sandbox.lock import landlock, seccomp

Wall = Literal["files", "calls"]
"""Landlock and the filter of system calls."""

_PACKAGES: Final = ("analyzers", "service", "proto")
_SHARED_LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_MACHINE: Final = (
    "/etc/ld.so.cache",
    "/proc/cpuinfo",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/dev/urandom",
)
"""What libraries ask about the processor and for their own loading."""
_GPU_FACTS: Final = ("/proc/devices", "/proc/driver/nvidia", "/sys/bus/pci", "/sys/module/nvidia")
_GPU_NODES: Final = ("/dev/nvidia*", "/dev/nvidia-caps/*")


@dataclass(frozen=True)
class Rules:
    """The lock of a child."""

    readable: tuple[str, ...]
    """Folders and files that may be read, with all that lies in them."""
    devices: tuple[str, ...]
    """Device nodes that may be read, written and controlled."""
    gpu: bool = False
    walls: frozenset[Wall] = frozenset({"files", "calls"})
    """Those that this machine has."""


def rules_for(device: str, libraries: Iterable[str] = ()) -> Rules:
    """The lock of children that run models on ``device``.

    ``libraries`` are folders of code besides those of this interpreter.
    """
    gpu = device == "cuda"
    nodes = [found for pattern in _GPU_NODES if gpu for found in sorted(glob.glob(pattern))]
    readable = [*_code(), *libraries, *_SHARED_LIBRARIES, *_MACHINE, *(_GPU_FACTS if gpu else ())]
    return Rules(tuple(readable), ("/dev/null", *nodes), gpu, _walls())


def lock(rules: Rules) -> None:
    """Put up the walls, for good; raises when one that should stand does not."""
    if "files" in rules.walls:
        landlock.restrict(rules.readable, rules.devices)
    if "calls" in rules.walls:
        architecture = seccomp.machine()
        if architecture is None:
            message = "there is no table of system calls for this machine"
            raise OSError(message)
        told = seccomp.filter_for(os.getpid(), gpu=rules.gpu)
        seccomp.install(seccomp.program(told, architecture))


def _walls() -> frozenset[Wall]:
    there: dict[Wall, bool] = {
        "files": landlock.version() > 0,
        "calls": seccomp.machine() is not None,
    }
    return frozenset(name for name, stands in there.items() if stands)


def _code() -> list[str]:
    """The interpreter's folders, and of the source root our own packages alone.

    The root of a clone is also where people keep their models and data.
    """
    root = Path(__file__).resolve().parents[3]
    found = [str(root / name) for name in _PACKAGES]
    found += [str(Path(prefix) / "lib") for prefix in (sys.base_prefix, sys.prefix)]
    return found + [one for one in sys.path if one and Path(one).resolve() != root]
