"""What a service of our compose file must keep to, as rules that name what breaks them."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

Service = Mapping[str, Any]
OUTSIDE: Final = ("network_mode", "pid", "ipc", "userns_mode", "cgroup", "uts")


def complaints(composed: Mapping[str, Any]) -> set[str]:
    """The rules that are broken, each by some service."""
    services = composed["services"].values()
    return {name for name, holds in RULES.items() if not all(map(holds, services))}


def _own_files_only(service: Service) -> bool:
    """Named volumes, or files beside the compose file that cannot be written."""
    for volume in service.get("volumes", ()):
        source, _, rest = str(volume).partition(":")
        beside = source.startswith("./") and ".." not in source and rest.endswith(":ro")
        if not (beside or re.fullmatch(r"[a-z]+", source)):
            return False
    return True


def _no_new_privileges(service: Service) -> bool:
    """And neither the filter of system calls nor the security module switched off."""
    return service.get("security_opt") == ["no-new-privileges:true"]


def _on_loopback(service: Service) -> bool:
    ports = service.get("ports", ())
    return all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", str(port)) for port in ports)


def _small_tmpfs(service: Service) -> bool:
    places = service.get("tmpfs", ())
    wanted = ("noexec", "nosuid", "nodev", "size=")
    return bool(places) and all(part in place for place in places for part in wanted)


RULES: Final[dict[str, Callable[[Service], bool]]] = {
    "an image with a tag that stays": lambda one: bool(
        re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", str(one.get("image")))
    ),
    "a plain user by number": lambda one: bool(
        re.fullmatch(r"[1-9]\d*:[1-9]\d*", str(one.get("user")))
    ),
    "a root that cannot be written": lambda one: one.get("read_only") is True,
    "no capabilities": lambda one: one.get("cap_drop") == ["ALL"] and "cap_add" not in one,
    "no new privileges": _no_new_privileges,
    "not privileged": lambda one: not one.get("privileged") and "devices" not in one,
    "nothing of the host": lambda one: not any(name in one for name in OUTSIDE),
    "own files only": _own_files_only,
    "ports of the host's own": _on_loopback,
    "a small folder for what is passing": _small_tmpfs,
    "bounded": lambda one: bool(one.get("mem_limit") and one.get("pids_limit")),
    "bounded logs": lambda one: "max-size" in one.get("logging", {}).get("options", {}),
    "no secrets": lambda one: "environment" not in one and "env_file" not in one,
}
