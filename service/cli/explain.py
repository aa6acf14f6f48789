"""``assay explain``: what the id of a finding, a metric or an error code means."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.terminal import say
from service.cli.verb import verb
from service.errors import AssayError, Code, Exit

if TYPE_CHECKING:
    from service.cli.topics import Topic

_WIDEST = 100
_NARROWEST = 30


@verb
def explain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[ID]",
            help="A finding's id as a report prints it (EVL-MASK, or EVL-MASK:linf8), a metric, or "
            "an error code. Without one, all are listed.",
        ),
    ] = "",
    *,
    raw: Annotated[bool, typer.Option("--raw", help="Print the page as Markdown.")] = False,
) -> Exit:
    """Tell what a finding, a metric or an error code means, and what to do about it."""
    from service.cli.readable import readable
    from service.cli.topics import topics

    known = topics()
    if not name:
        say("\n".join(_listed(known)))
        return Exit.PASS
    page = _meant(name, known).page
    say(page.rstrip() if raw else readable(page, _width(), styled=sys.stdout.isatty()))
    return Exit.PASS


def _width() -> int:
    return max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns))


def _listed(known: "Sequence[Topic]") -> Iterator[str]:
    widest = max(len(one.id) for one in known)
    kind = ""
    for one in known:
        if one.kind != kind:
            yield from ([""] if kind else [])
            yield (kind := one.kind)
        yield f"  {one.id:{widest}}  {one.title}"


def _meant(name: str, known: "Sequence[Topic]") -> "Topic":
    from service.core.suggesting import nearest

    wanted = name.partition(":")[0].strip().casefold()
    by_name = {one.id.casefold(): one for one in known}
    if wanted in by_name:
        return by_name[wanted]
    near = nearest(wanted, [one.id for one in known])
    raise AssayError(
        Code.REQUEST_INVALID,
        f"'{name[:60]}' is neither a finding nor a metric nor an error code.",
        f"Did you mean {' or '.join(near)}?" if near else "See them all with: assay explain",
    )
