"""An audit from the files on disk to the files of its report."""

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from service.cli.connection import connected
from service.cli.displays import display
from service.cli.files import fetch, load_writers
from service.cli.foreseeing import foreseen
from service.cli.objects import tell
from service.cli.submission import estimate, submit
from service.cli.terminal import note, say
from service.cli.watching import follow
from service.cli.wishes import Wish
from service.client import Client
from service.errors import Exit


class Ended(NamedTuple):
    """An audit that ended well."""

    name: str
    files: dict[str, bytes]
    """Those of its report, by name."""


def audit_to_end(client: Client, wish: Wish, out: Path, *, verdict: bool = True) -> Ended:
    """Submit, follow, fetch."""
    with display() as shown:
        name = submit(client, wish, shown)
        load_writers()
        view = follow(client, name, shown)
    files = fetch(client, view.name, out, verdict=verdict)
    note(f"The audit is kept as {view.name}.")
    return Ended(view.name, files)


def audit_detached(wish: Wish, server: str | None, *, as_json: bool) -> Exit:
    """Submit and leave the rest to the service; the last line is the audit's name."""
    with connected(server) as client, display() as shown:
        name = submit(client, wish, shown)
    if as_json:
        tell({"audit": name})
        return Exit.PASS
    note("The service goes on by itself; `assay status NAME` tells how far it is. The name:")
    say(name)
    return Exit.PASS


def audit_foreseen(wish: Wish, server: str | None, *, as_json: bool) -> Exit:
    """Say what it would cost at most; nothing is attacked and nothing judged."""
    with connected(server) as client, display() as shown:
        found = estimate(client, wish, shown)
    if as_json:
        tell({"estimate": asdict(found)})
        return Exit.PASS
    for line in foreseen(found):
        say(line)
    return Exit.PASS
