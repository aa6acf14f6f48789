"""``assay replay``: show the pictures that broke a model to it again, in a process of its own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.options import Architecture, Debug, Normalize, OutputName
from service.cli.terminal import note, say
from service.cli.verb import verb
from service.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzers.contract import InputSpec
    from service.cli.sources import DataSource
    from service.witnesses.index import Index
    from service.witnesses.judging import Replay
    from service.witnesses.replaying import Replayed

_HEAD = ("ROW", "DEPTH", "LABEL", "CLEAN", "WITNESS", "DISTANCE", "EPS", "INSIDE", "BROKEN")


@verb
def replay(  # noqa: PLR0913 - the options of a command
    witnesses: Annotated[
        str,
        typer.Argument(
            metavar="WITNESSES[#ROW]",
            help="The folder that an audit wrote, or its index.json; #ROW names one image.",
        ),
    ],
    *,
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL", help="The model file to show them to.")
    ],
    row: Annotated[
        list[int] | None,
        typer.Option("--row", metavar="N", min=0, help="Only this row; may be repeated."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="FILE[A:B]",
            help="Take the clean pictures from your data instead of from beside the witnesses.",
        ),
    ] = None,
    normalize: Normalize = None,
    layout: Annotated[
        Literal["nchw", "nhwc"] | None,
        typer.Option("--layout", help="Order of the axes of the model's input, if not as audited."),
    ] = None,
    arch: Architecture = "",
    output: OutputName = "",
    debug: Debug = False,
) -> Exit:
    """Replay witnesses on a model, without a service; exits with 6 when one does not break it."""
    from service.cli.connection import need_server_part
    from service.cli.sources import data_source, model_source
    from service.cli.witnesses import find_index

    need_server_part()
    folder, index, rows = find_index(witnesses)
    source = data_source(data) if data is not None else None
    found = _replayed(
        folder,
        index,
        [*rows, *(row or ())],
        model=model_source(model),
        data=source,
        declared=_declared(index, normalize, layout),
        arch=arch or index.model.architecture,
        output=output or index.model.output,
    )
    return _tell(found)


def _declared(
    index: "Index", normalize: str | None, layout: Literal["nchw", "nhwc"] | None
) -> "InputSpec":
    """The preprocessing of the audit, as far as nothing else is said."""
    from dataclasses import replace

    from service.cli.preprocessing import input_spec

    audited = index.model.told
    if normalize is not None:
        return input_spec(normalize, layout or audited.layout)
    return replace(audited, layout=layout or audited.layout)


def _replayed(
    folder: Path,
    index: "Index",
    rows: "Sequence[int]",
    *,
    model: Path,
    data: "DataSource | None",
    declared: "InputSpec",
    arch: str,
    output: str,
) -> "Replayed":
    import asyncio
    from contextlib import ExitStack

    from service.cli.packing import packed, packed_data
    from service.intake.models import Told
    from service.witnesses.replaying import Wanted, replayed

    entries = index.of_rows(rows)
    note(f"Showing {len(entries)} witnesses to {model.name} in a locked process.")
    with ExitStack() as files:
        wanted = Wanted(
            folder,
            index,
            entries,
            files.enter_context(packed(model)),
            Told(arch, output),
            declared,
            files.enter_context(packed_data(data.path, note)) if data else None,
            data.rows if data else None,
        )
        return asyncio.run(replayed(wanted))


def _tell(found: "Replayed") -> Exit:
    from service.cli.tables import aligned

    say(found.identity)
    for line in aligned([_HEAD, *(_cells(one) for one in found.replays)]):
        say(line)
    failed = [one for one in found.replays if not one.replays]
    for one in failed:
        entry = one.exhibit.entry
        say(f"Row {entry.row}, {one.exhibit.depth}: {'; '.join(one.doubts)}.")
    total = len(found.replays)
    say(f"{total - len(failed)} of {total} pictures replay.")
    return Exit.INTEGRITY if failed or not total else Exit.PASS


def _cells(one: "Replay") -> tuple[str, ...]:
    entry = one.exhibit.entry
    return (
        str(entry.row),
        one.exhibit.depth,
        str(entry.label),
        _class(one.clean_class),
        _class(one.became),
        f"{float(one.distance):.9f}",
        entry.eps,
        "yes" if one.inside else "no",
        "yes" if one.broken else "no",
    )


def _class(found: int | None) -> str:
    return "none" if found is None else str(found)
