"""``assay diff``: two audits side by side. Needs no service and no model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.options import AsJson, Debug
from service.cli.terminal import note, say
from service.cli.verb import verb
from service.errors import AssayError, Code, Exit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzers.contract import Json

_Given = Annotated[
    Path, typer.Argument(help="The folder of an audit's files, or its evidence.json.")
]


@verb
def diff(
    old: _Given,
    new: _Given,
    *,
    as_json: AsJson = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="FILE",
            dir_okay=False,
            help="Write the comparison as a page; verdicts beside the evidence are shown in it.",
        ),
    ] = None,
    debug: Debug = False,
) -> Exit:
    """Compare two audits image by image: what changed, and whether chance explains it."""
    from service.cli.baselines import evidence_at
    from service.cli.objects import tell
    from service.core.comparing import compared
    from service.gate import DAMAGE, not_evidence, parse_evidence

    sides = [parse_evidence(evidence_at(one)) for one in (old, new)]
    try:
        found = compared(*sides)
        if html is not None:
            _write(html, (old, new), sides)
    except DAMAGE as error:
        raise not_evidence() from error
    if as_json:
        tell(found)
        return Exit.PASS
    for line in _lines(found):
        say(line)
    return Exit.PASS


def _write(out: Path, given: "Sequence[Path]", evidence: "Sequence[Mapping[str, Json]]") -> None:
    """The page that a service shows of two of its audits, in a file."""
    from service.report.comparison import Audit, comparison_page

    body = comparison_page(
        *(Audit(one, _verdict(path, one)) for path, one in zip(given, evidence, strict=True))
    )
    try:
        out.write_bytes(body)
    except OSError as error:
        raise AssayError(
            Code.REQUEST_INVALID,
            f"The page cannot be written to '{out}': {str(error.strerror).lower()}.",
            "Name a file in a folder that is there and may be written to: --html FILE.",
        ) from error
    note(f"Written: {out}")


def _verdict(given: Path, evidence: "Mapping[str, Json]") -> "Mapping[str, Json]":
    """The verdict beside the evidence, if there is one and it was given on it."""
    from service.cli.files import VERDICT
    from service.core.evidence import evidence_digest
    from service.gate import parse_evidence

    beside = (given if given.is_dir() else given.parent) / VERDICT
    try:
        found = parse_evidence(beside.read_bytes())
    except (OSError, AssayError):
        return {}
    return found if found.get("evidence_digest") == evidence_digest(evidence) else {}


def _lines(found: "Mapping[str, Json]") -> list[str]:
    from service.report import wording

    lines = [
        f"{one['what']}: {wording.plain(one['old'], 40)} -> {wording.plain(one['new'], 40)}"
        + (" (not comparable)" if one["state"] == "incomparable" else "")
        for one in found["differences"]
    ] or ["Both audits were made alike, of the same model."]
    for one in found["changes"]:
        lines += ["", *_change(one)]
    return lines


def _change(one: "Mapping[str, Json]") -> list[str]:
    from service.core.regression import points
    from service.report import wording

    about = " ".join(part for part in (one["metric"], one["threat"], one["depth"]) if part)
    if one["label"] == "incomparable":
        return [f"{about}: cannot be compared, {one['why']}."]
    low, high = one["interval"]
    told = [
        f"{about}: {one['label']}, {points(one['difference'])} ({points(low)} to {points(high)}, "
        f"n = {one['n']})",
        f"  {one['newly_broken']} newly fell, {one['newly_standing']} newly stand"
        + (f"; rows {', '.join(map(str, one['broken_rows']))}" if one["broken_rows"] else ""),
    ]
    told += [
        f"  not every attack was tried on what stands in the {side} audit: too much may"
        for side in one["partial"]
    ]
    lost = [group for group in one["classes"] if group["new"] < group["old"]][:5]
    if lost:
        words = ", ".join(
            f"{wording.plain(group['class'], 40)} {group['old']} -> {group['new']}"
            for group in lost
        )
        told.append(f"  classes that lost most: {words}")
    return told
