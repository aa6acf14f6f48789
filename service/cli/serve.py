"""``assay serve``: a standing service for many clients."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.options import Debug
from service.cli.terminal import say
from service.cli.verb import verb
from service.errors import Exit

if TYPE_CHECKING:
    from service.build import Service


@verb
def serve(
    *,
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="HOST:PORT", help="Where gRPC is served."),
    ] = None,
    http: Annotated[
        str | None,
        typer.Option("--http", metavar="HOST:PORT", help="Where pages and metrics are served."),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option("--home", metavar="DIR", file_okay=False, help="Where state is kept."),
    ] = None,
    debug: Debug = False,
) -> Exit:
    """Serve until told to end. Only this machine can reach it unless you say otherwise."""
    from service.cli.connection import need_server_part
    from service.settings import DEFAULT_HTTP, DEFAULT_LISTEN, Settings, default_home

    need_server_part()
    settings = Settings(
        home=home.absolute() if home else default_home(),
        listen=listen or DEFAULT_LISTEN,
        http=http or DEFAULT_HTTP,
    )
    from service.serve import standing

    standing(settings, _announce)
    return Exit.PASS


def _announce(service: "Service") -> None:
    say(f"gRPC at {service}")
