"""How one service is set up: folders, addresses, budgets. Flags and environment end here."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from service.errors import AssayError, Code

DEFAULT_LISTEN = "127.0.0.1:50551"
DEFAULT_HTTP = "127.0.0.1:8551"
_GIB = 1 << 30

Device = Literal["auto", "cpu", "cuda"]


def default_home() -> Path:
    """Where a service keeps its state: ``ASSAY_HOME``, else the user's state folder."""
    named = os.environ.get("ASSAY_HOME")
    if named:
        return Path(named).expanduser().absolute()
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "assay"


def chosen_device() -> Device:
    """Where ``ASSAY_DEVICE`` wants models to run; on the processor without it."""
    named = os.environ.get("ASSAY_DEVICE", "cpu")
    for known in get_args(Device):
        if named == known:
            return known
    raise AssayError(
        Code.CONFIG_INVALID,
        f"ASSAY_DEVICE is {named!r}, which is no device.",
        f"Set it to one of: {', '.join(get_args(Device))}.",
    )


def torchscript_allowed() -> bool:
    """Whether ``ASSAY_TORCHSCRIPT`` has TorchScript files taken too."""
    return os.environ.get("ASSAY_TORCHSCRIPT", "").lower() in {"1", "true", "yes"}


@dataclass(frozen=True)
class Settings:
    """One service's settings."""

    home: Path = field(default_factory=default_home)
    listen: str = DEFAULT_LISTEN
    """``host:port`` or ``unix:path`` for gRPC."""
    http: str = DEFAULT_HTTP
    """``host:port`` for pages and metrics; empty for none."""
    also: str = ""
    """A second gRPC address: the home's own socket, so that local calls join this service."""
    idle_seconds: float = 0.0
    """End after so long without a call or an audit; 0 never."""
    threads: int = 1
    """For each child. More change the last bits of some sums, and a sign step doubles them: results
    would depend on the host. Several children use several cores instead."""
    device: Device = "cpu"
    """Where models run. ``cuda`` or no start; ``auto`` takes the GPU where there is one and says
    why not where there is none. Evidence of the two devices is never mixed."""
    libraries: tuple[str, ...] = ()
    """Folders of code that locked children may read besides the interpreter's own."""
    torchscript: bool = False
    """Whether TorchScript is taken: its own operators read files, so it is for locked children."""
    audits_at_once: int = 1
    child_memory: int = 6 * _GIB
    unit_seconds: float = 1800.0
    max_blob: int = 2 * _GIB
    log_level: str = "info"

    @property
    def database_url(self) -> str:
        """Where the tables live."""
        return f"sqlite+aiosqlite:///{self.home / 'assay.db'}"

    @property
    def spool(self) -> Path:
        """Where children's tensors land before they are adopted."""
        return self.home / "spool"

    @property
    def limits(self) -> dict[str, int]:
        """What one child may use."""
        return {"memory": self.child_memory}


def prepare_home(home: Path) -> None:
    """Create the home folder for its owner alone."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.chmod(0o700)
