"""An audit from the files on disk to the files of its report."""

from pathlib import Path

from service.cli.displays import display
from service.cli.files import fetch
from service.cli.submission import submit
from service.cli.terminal import note, say
from service.cli.watching import follow
from service.cli.wishes import Wish
from service.client import Client
from service.errors import Exit


def audit_to_end(
    client: Client, wish: Wish, out: Path, *, verdict: bool = True
) -> dict[str, bytes]:
    """Submit, follow, fetch; the report's files by name."""
    with display() as shown:
        name = submit(client, wish, shown)
        view = follow(client, name, shown)
    return fetch(client, view.name, out, verdict=verdict)


def audit_detached(client: Client, wish: Wish) -> Exit:
    """Submit and leave the rest to the service; the last line is the audit's name."""
    with display() as shown:
        name = submit(client, wish, shown)
    note("The service goes on by itself; `assay status NAME` tells how far it is. The name:")
    say(name)
    return Exit.PASS
