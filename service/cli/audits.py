"""``assay status``, ``list``, ``show`` and ``cancel``: audits that the service knows."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import AsJson, AuditName, Debug, Out, Server
from service.cli.terminal import note, say
from service.cli.verb import verb
from service.errors import Exit


@verb
def status(
    name: AuditName, *, server: Server = None, as_json: AsJson = False, debug: Debug = False
) -> Exit:
    """Tell how an audit stands; the exit code is its verdict's, and 3 while there is none."""
    from service.cli.brackets import bracket_line
    from service.cli.connection import connected
    from service.cli.displays import work_line
    from service.cli.objects import audit_object, tell
    from service.cli.verdicts import exit_of

    with connected(server) as client:
        view = client.audit(full_name(name))
    if as_json:
        tell({"audit": audit_object(view)})
        return exit_of(view.verdict) if view.problem is None else view.problem.as_error().exit
    say(f"{view.state} {view.verdict or ''}".rstrip())
    if view.progress is not None:
        say(work_line(view.progress))
    for known in view.brackets:
        say(bracket_line(known))
    if view.problem is not None:
        raise view.problem.as_error()
    return exit_of(view.verdict)


@verb
def list_audits(
    *,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="So many.")] = 20,
    server: Server = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> Exit:
    """List audits, newest first."""
    from service.cli.connection import connected
    from service.cli.objects import audit_object, tell
    from service.cli.tables import aligned

    with connected(server) as client:
        views = list(islice(client.list_audits(), limit))
    if as_json:
        tell({"audits": [audit_object(one) for one in views]})
        return Exit.PASS
    if not views:
        note("There are no audits yet.")
        return Exit.PASS
    rows = [("NAME", "SUBJECT", "STATE", "VERDICT", "CREATED")]
    rows += [
        (
            one.name,
            one.subject,
            one.state,
            one.verdict or "-",
            f"{one.created:%Y-%m-%d %H:%M} UTC",
        )
        for one in views
    ]
    for line in aligned(rows):
        say(line)
    return Exit.PASS


@verb
def show(
    name: AuditName,
    *,
    out: Out = Path("assay-out"),
    server: Server = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> Exit:
    """Fetch the report of an audit again; the exit code is its verdict's."""
    from service.cli.connection import connected
    from service.cli.files import PAGE, fetch
    from service.cli.objects import audit_object, tell
    from service.cli.verdicts import exit_of
    from service.cli.watching import finished

    with connected(server) as client:
        view = finished(client.audit(full_name(name)))
        fetch(client, view.name, out)
    if as_json:
        tell({"audit": audit_object(view), "folder": str(out)})
        return exit_of(view.verdict)
    say(f"Report: {out / PAGE}")
    return exit_of(view.verdict)


@verb
def cancel(name: AuditName, *, server: Server = None, debug: Debug = False) -> Exit:
    """Ask an audit to end; what it has finished is kept."""
    from service.cli.connection import connected

    with connected(server) as client:
        view = client.cancel_audit(full_name(name))
    say(f"Asked {view.name} to end.")
    return Exit.PASS


def full_name(name: str) -> str:
    """The last part of a name is enough for an audit of the usual project."""
    return name if "/" in name else f"projects/local/audits/{name}"
