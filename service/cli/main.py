"""The ``assay`` command: every verb in the order in which a newcomer meets them."""

import gc
from typing import Annotated, Final

import typer

from service.cli.audit import audit
from service.cli.audits import cancel, list_audits, show, status
from service.cli.baseline import baseline
from service.cli.check import check
from service.cli.configured import configured
from service.cli.demo import demo
from service.cli.diff import diff
from service.cli.explain import explain
from service.cli.export import export
from service.cli.init import init
from service.cli.judge import judge
from service.cli.preflight import preflight
from service.cli.replay import replay
from service.cli.report import report
from service.cli.serve import serve
from service.version import VERSION

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="How hard is this image classifier to fool, and may it be released?",
    epilog="Exit codes: 0 PASS, 1 FAIL, 2 usage or policy, 3 INCONCLUSIVE, 4 infrastructure, "
    "5 unusable model or data, 6 integrity, 130 interrupted.",
)
_GARBAGE: Final = 50_000
"""New objects between two looks for garbage: importing makes many and drops none."""
_AUDITING = (preflight, check, audit)
_WITH_FILE = configured(_AUDITING)
for _name, _verb in (
    ("demo", demo),
    ("init", init),
    ("export", export),
    ("preflight", preflight),
    ("check", check),
    ("audit", audit),
    ("judge", judge),
    ("diff", diff),
    ("report", report),
    ("explain", explain),
    ("replay", replay),
    ("status", status),
    ("list", list_audits),
    ("show", show),
    ("cancel", cancel),
    ("serve", serve),
):
    app.command(_name, cls=_WITH_FILE if _verb in _AUDITING else None)(_verb)
app.add_typer(baseline, name="baseline")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"assay {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """How hard is this image classifier to fool, and may it be released?"""


def main() -> None:
    """Run one verb and end with its exit code."""
    gc.set_threshold(_GARBAGE)
    app(prog_name="assay")
