"""Following an audit to its end, and what an interruption means."""

from contextlib import suppress

from service.cli.displays import Display
from service.client import Client
from service.errors import AssayError, Code
from service.rpc.ports import AuditView, Bracket, Finished, LogLine, Progress


def follow(client: Client, name: str, display: Display) -> AuditView:
    """The audit once it has ended well; why it did not is raised."""
    try:
        ending = _watch(client, name, display)
    except KeyboardInterrupt as interruption:
        with suppress(AssayError, KeyboardInterrupt):
            client.cancel_audit(name)
        raise _interrupted() from interruption
    if ending is not None and ending.problem is not None:
        raise ending.problem.as_error()
    return finished(client.audit(name))


def finished(view: AuditView) -> AuditView:
    """The same audit, unless it ended badly or not at all."""
    if view.problem is not None:
        raise view.problem.as_error()
    if view.state != "succeeded":
        raise AssayError(
            Code.NOT_READY,
            f"The audit {view.name} is {view.state}.",
            f"Ask again with `assay status {view.name}`.",
        )
    return view


def _watch(client: Client, name: str, display: Display) -> Finished | None:
    for event in client.watch_audit(name):
        body = event.body
        if isinstance(body, Bracket):
            display.bracket(body)
        elif isinstance(body, Progress):
            display.working(body)
        elif isinstance(body, LogLine):
            display.step(body.text)
        elif isinstance(body, Finished):
            return body
    return None


def _interrupted() -> AssayError:
    return AssayError(
        Code.CANCELLED,
        "Interrupted: the audit was asked to end, and what it had finished is kept.",
        "Run the same command again; it goes on from there.",
    )
