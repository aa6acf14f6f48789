"""``assay report``: evidence and verdict in another form. Needs no service and no model."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.options import Debug
from service.cli.terminal import note
from service.cli.verb import verb
from service.errors import AssayError, Code, Exit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyzers.contract import Json
    from service.report.gallery import GalleryImages

Form = Literal["md", "junit", "html", "directory", "pdf"]


@verb
def report(
    evidence: Annotated[
        Path, typer.Argument(metavar="EVIDENCE", help="evidence.json of an earlier run.")
    ],
    *,
    verdict: Annotated[
        Path | None,
        typer.Option(
            "--verdict",
            metavar="FILE",
            help="Its verdict; without this option, verdict.json beside the evidence, if any.",
        ),
    ] = None,
    form: Annotated[
        Form,
        typer.Option(
            "--format",
            help="Markdown, JUnit, the page, the page as a folder (for viewers that forbid style "
            "and pictures inside a page), or PDF. Pictures come from the witnesses beside the "
            "evidence.",
        ),
    ] = "md",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="PATH", help="Where to; else standard output. A folder needs it."
        ),
    ] = None,
    debug: Debug = False,
) -> Exit:
    """Write the report of an earlier run in another form, offline; ends with 0 once written."""
    from service.gate import DAMAGE

    measured = _read(evidence, "evidence", dict)
    judged = _verdict(evidence, verdict)
    if judged is not None:
        _check_pair(measured, judged)
    elif form == "junit":
        raise AssayError(
            Code.FILE_NOT_FOUND,
            "JUnit tells how requirements were judged; there is no verdict beside the evidence.",
            "Give the verdict.json that `assay check` wrote: --verdict FILE.",
        )
    if form == "directory" and out is None:
        raise AssayError(
            Code.REQUEST_INVALID,
            "A report of several files needs a folder to lie in.",
            "Name one that is new or empty: --out DIR.",
        )
    try:
        files = _rendered(form, measured, judged, evidence.parent)
    except DAMAGE as error:
        raise _damaged(evidence, "evidence") from error  # edited files may miss anything anywhere
    if isinstance(files, bytes):
        _write(files, out)
    elif out is not None:
        _fill(out, files)
    return Exit.PASS


def _verdict(evidence: Path, given: Path | None) -> "Mapping[str, Json] | None":
    from service.cli.files import VERDICT

    beside = evidence.parent / VERDICT
    if given is None and not beside.is_file():
        return None
    return _read(given or beside, "verdict", list)


_KEYS = {"evidence": "facts", "verdict": "requirements"}


def _read(path: Path, what: str, kind: type) -> "Mapping[str, Json]":
    """A file of a report, with the part that makes it one."""
    from service.gate import parse_evidence

    try:
        body = parse_evidence(path.read_bytes())
    except OSError as error:
        raise AssayError(
            Code.FILE_NOT_FOUND,
            f"There is no {what} file '{path}' that can be read.",
            f"Check the path; it was looked for in {Path.cwd()}.",
        ) from error
    except AssayError as error:
        raise _damaged(path, what) from error
    if not isinstance(body.get(_KEYS[what]), kind):
        raise _damaged(path, what)
    return body


def _damaged(path: Path, what: str) -> AssayError:
    return AssayError(
        Code.EVIDENCE_INVALID,
        f"'{path}' is not the {what} of an audit, or a part of it is missing.",
        f"Give the {what}.json that `assay check` wrote.",
    )


def _check_pair(evidence: "Mapping[str, Json]", verdict: "Mapping[str, Json]") -> None:
    """A verdict on other evidence would say untrue things about this one."""
    from service.core.evidence import evidence_digest

    if verdict.get("evidence_digest") != evidence_digest(evidence):
        raise AssayError(
            Code.EVIDENCE_INVALID,
            "The verdict was given on other evidence than the file holds.",
            "Give the two files that one run wrote.",
        )


def _rendered(
    form: Form, evidence: "Mapping[str, Json]", verdict: "Mapping[str, Json] | None", beside: Path
) -> "bytes | Mapping[str, bytes]":
    """One form of it; each is loaded only where it is asked for."""
    if form == "junit":
        from service.report.junit import render_junit

        return render_junit(evidence, verdict)
    if form == "md":
        from service.cli.files import PAGE
        from service.report.markdown import render_markdown

        page = beside / PAGE
        told = str(page) if page.is_file() else ""
        return render_markdown(evidence, verdict, report=told).encode()
    return _page(form, evidence, verdict, _pictures(evidence, beside))


def _page(
    form: Form,
    evidence: "Mapping[str, Json]",
    verdict: "Mapping[str, Json] | None",
    pictures: "Mapping[str, GalleryImages]",
) -> "bytes | Mapping[str, bytes]":
    """The page in one of its three packings."""
    if form == "directory":
        from service.report.folder import render_folder

        return render_folder(evidence, verdict, pictures)
    if form == "pdf":
        from service.report.pdf import render_pdf

        return render_pdf(evidence, verdict, pictures)
    from service.report.html import render_html

    return render_html(evidence, verdict, pictures)


def _pictures(evidence: "Mapping[str, Json]", beside: Path) -> "Mapping[str, GalleryImages]":
    """What the witnesses beside the evidence show; nothing where they are of another audit."""
    from service.cli.witnesses import FOLDER
    from service.report.reading import items, mapping
    from service.witnesses.gallery import galleries, of_evidence
    from service.witnesses.index import INDEX, read_index

    place = beside / FOLDER
    if mapping(evidence, "facts", "data").get("withheld"):
        note("The pictures of this evaluation set are withheld: the page shows none.")
        return {}
    if not (place / INDEX).is_file():
        note(f"No witnesses lie in '{place}': the page shows no counterexamples.")
        return {}
    try:
        raw = (place / INDEX).read_bytes()
        index = read_index(raw)
    except (AssayError, OSError):
        note(f"The witnesses in '{place}' cannot be read: the page shows no counterexamples.")
        return {}
    if not of_evidence(raw, evidence):
        note(f"The witnesses in '{place}' are of another audit: the page shows none of them.")
        return {}
    names = [str(one) for one in items(mapping(evidence, "facts", "data"), "class_names")]
    return galleries(place, index, names)


def _write(body: bytes, out: Path | None) -> None:
    if out is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return
    try:
        out.write_bytes(body)
    except OSError as error:
        raise _unwritable(out, error, "a file in a folder that is there: --out FILE") from error
    note(f"Written: {out}")


def _fill(out: Path, files: "Mapping[str, bytes]") -> None:
    """Write a folder; one that holds other files stays as it is."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise AssayError(
                Code.REQUEST_INVALID,
                f"The folder '{out}' is not empty.",
                "Name one that is new or empty: --out DIR.",
            )
        for name, body in files.items():
            (out / name).parent.mkdir(exist_ok=True)
            (out / name).write_bytes(body)
    except OSError as error:
        raise _unwritable(out, error, "a folder that is new or empty: --out DIR") from error
    note(f"Written: {out / next(iter(files))}")


def _unwritable(out: Path, error: OSError, wanted: str) -> AssayError:
    return AssayError(
        Code.REQUEST_INVALID,
        f"The report cannot be written to '{out}': {str(error.strerror).lower()}.",
        f"Name {wanted}.",
    )
