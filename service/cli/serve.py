"""``assay serve``: a standing service for many clients."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.options import Debug
from service.cli.terminal import say
from service.cli.verb import verb
from service.errors import Exit
from service.settings import DEFAULT_HTTP, DEFAULT_LISTEN

if TYPE_CHECKING:
    from service.build import Service


@verb
def serve(
    *,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where gRPC is served.")
    ] = DEFAULT_LISTEN,
    http: Annotated[
        str,
        typer.Option(
            "--http", metavar="HOST:PORT", help="Where pages and metrics are served; '' for none."
        ),
    ] = DEFAULT_HTTP,
    home: Annotated[
        Path | None,
        typer.Option(
            "--home", metavar="DIR", file_okay=False, help="Where state is kept, as ASSAY_HOME."
        ),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option(
            "--device",
            envvar="ASSAY_DEVICE",
            help="Where models run: auto takes a GPU where there is one, cuda insists on it.",
        ),
    ] = "cpu",
    torchscript: Annotated[
        bool,
        typer.Option(
            "--torchscript",
            envvar="ASSAY_TORCHSCRIPT",
            help="Take TorchScript files too: their code runs in a locked child.",
        ),
    ] = False,
    debug: Debug = False,
) -> Exit:
    """Serve until told to end. Only this machine can reach it unless you say otherwise."""
    from service.cli.connection import need_server_part
    from service.settings import Settings, default_home

    need_server_part()
    from service.serve import standing  # needs the parts that were just looked for

    where = home.expanduser().absolute() if home else default_home()
    settings = Settings(
        home=where, listen=listen, http=http, device=device, torchscript=torchscript
    )
    standing(settings, _announce)
    return Exit.PASS


def _announce(service: "Service") -> None:
    for address in service.addresses:
        say(f"gRPC at {address}")
    if service.http_port:
        host = service.settings.http.rpartition(":")[0]
        say(f"Pages and metrics at http://{host}:{service.http_port}/audits")
    say(f"Models run on {service.placement['device']}.{_why(service)}")
    if service.sandbox_gap:
        say(f"Warning: children are not locked. {service.sandbox_gap}")
    say("Ctrl-C ends it.")


def _why(service: "Service") -> str:
    why = service.placement["why"]
    return f" No GPU: {why}." if why else ""
