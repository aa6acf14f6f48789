"""``assay baseline``: which audit later ones are held against, and what may be asked of them."""

import json
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.options import AuditName, Debug, Server
from service.cli.terminal import note, say
from service.cli.verb import verb
from service.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from analyzers.contract import Json
    from service.client import Client
    from service.rpc.ports import AuditView

baseline = typer.Typer(
    no_args_is_help=True,
    help="Say which audit is the release that later ones are held against.",
)


@baseline.command("set")
@verb
def set_baseline(name: AuditName, *, server: Server = None, debug: Debug = False) -> Exit:
    """Make an audit the baseline of its subject, in place of the newest that passed."""
    from service.cli.audits import full_name
    from service.cli.connection import connected

    with connected(server) as client:
        view = client.set_baseline(full_name(name))
    if view.verdict != "PASS":
        note(f"Warning: its verdict is {view.verdict or 'none'}; what it lacks is no drop later.")
    say(f"{view.subject}: later audits are held against {view.name}.")
    return Exit.PASS


@baseline.command("unset")
@verb
def unset_baseline(name: AuditName, *, server: Server = None, debug: Debug = False) -> Exit:
    """Withdraw it; the one made a baseline before it, if any, takes its place."""
    from service.cli.audits import full_name
    from service.cli.connection import connected

    with connected(server) as client:
        view = client.set_baseline(full_name(name), withdraw=True)
    say(f"{view.subject}: {view.name} is no baseline any more.")
    return Exit.PASS


@baseline.command("show")
@verb
def show_baselines(
    subject: Annotated[
        str, typer.Argument(metavar="[SUBJECT]", help="Only releases of this name.")
    ] = "",
    *,
    server: Server = None,
    debug: Debug = False,
) -> Exit:
    """List baselines, the one in force first, and floors that the policy could raise."""
    from service.cli.connection import connected
    from service.cli.tables import aligned

    with connected(server) as client:
        found = _by_subject(client, subject)
        for line in aligned(list(_rows(found))) if found else ():
            say(line)
        for name, views in found.items():
            _propose(client, name, views)
    if not found:
        note("No audit was made a baseline; the newest that passed is taken. To name one:")
        note("  assay baseline set NAME")
    return Exit.PASS


def _by_subject(client: "Client", subject: str) -> "Mapping[str, Sequence[AuditView]]":
    """The baselines of each subject, the one in force first."""
    from service.rpc.ports import AuditQuery

    found = dict[str, list["AuditView"]]()
    asked = AuditQuery(client.project, limit=1000, baselines=True)
    for one in sorted(client.list_audits(asked), key=_since, reverse=True):
        if subject in {"", one.subject}:
            found.setdefault(one.subject, []).append(one)
    return found


def _since(view: "AuditView") -> float:
    return view.baseline_since.timestamp() if view.baseline_since else 0.0


def _rows(found: "Mapping[str, Sequence[AuditView]]") -> "Iterator[tuple[str, ...]]":
    yield "SUBJECT", "IN FORCE", "VERDICT", "SINCE", "NAME"
    for subject, views in found.items():
        for number, one in enumerate(views):
            since = f"{one.baseline_since:%Y-%m-%d %H:%M} UTC"
            yield subject, "" if number else "yes", one.verdict or "-", since, one.name


def _propose(client: "Client", subject: str, views: "Sequence[AuditView]") -> None:
    from service.core.ratchet import RELEASES, ratchet

    for one in ratchet([_verdict(client, view) for view in islice(views, RELEASES)]):
        say(
            f"{subject}: the last {RELEASES} baselines cleared '{one.requirement}' by "
            f"{100 * one.room:.1f} points or more; its floor may go from {one.now:g} to "
            f"{one.then:g}."
        )


def _verdict(client: "Client", view: "AuditView") -> "Mapping[str, Json]":
    from service.cli.files import VERDICT
    from service.rpc.ports import ReportQuery

    report = client.report(ReportQuery(view.name, artifacts=(VERDICT,)))
    for artifact in report.artifacts:
        if artifact.data is not None:
            return json.loads(artifact.data)
    return {"verdict": "", "requirements": []}  # it was only measured
