"""The files of a report on disk: whole, and of this audit only."""

import hashlib
import json
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.terminal import note
from service.errors import AssayError, Code
from service.rpc.ports import Artifact, ReportQuery

if TYPE_CHECKING:
    from service.client import Client
    from service.witnesses.index import Index

EVIDENCE, VERDICT, PAGE = "evidence.json", "verdict.json", "report.html"
SUMMARY, JUNIT = "summary.md", "junit.xml"


def fetch(client: "Client", audit: str, folder: Path, *, verdict: bool = True) -> dict[str, bytes]:
    """Write an audit's files into a folder, where none of an earlier audit stays beside them."""
    from service.cli.witnesses import FOLDER, write_witnesses
    from service.witnesses.index import ARCHIVE

    names = (EVIDENCE, VERDICT, PAGE, ARCHIVE) if verdict else (EVIDENCE, PAGE, ARCHIVE)
    report = client.report(ReportQuery(audit, artifacts=names))
    bodies = {one.name: _body(client, one) for one in report.artifacts if one.name in names}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (EVIDENCE, VERDICT, PAGE):
            _replace(folder / name, bodies.get(name))
        _tell(write_witnesses(bodies.pop(ARCHIVE, None), folder), folder / FOLDER)
    except OSError as error:
        raise AssayError(
            Code.REQUEST_INVALID,
            f"The report cannot be written to '{folder}': {str(error.strerror).lower()}.",
            f"Fetch it again: assay show {audit} --out DIR.",
        ) from error
    _summarise(bodies, folder)
    return bodies


def _summarise(bodies: Mapping[str, bytes], folder: Path) -> None:
    """Write what is made here out of evidence and verdict, or nothing.

    An exit code says what the verdict says, and must not come to hang on how that is told.
    """
    made: Mapping[str, bytes] = {}
    try:
        made = _rendered(bodies, folder)
    except Exception as error:  # noqa: BLE001 - whatever a service sent, its verdict still counts
        note(f"No summary was written: the evidence cannot be read ({type(error).__name__}).")
    try:
        for name in (SUMMARY, JUNIT):
            _replace(folder / name, made.get(name))
    except OSError as error:
        note(f"No summary was written to '{folder}': {str(error.strerror).lower()}.")


def load_writers() -> None:
    """Import what writes: to do while the service is at work, for nobody waits for it then."""
    for name in ("service.cli.witnesses", "service.report.junit", "service.report.markdown"):
        import_module(name)


def _rendered(bodies: Mapping[str, bytes], folder: Path) -> dict[str, bytes]:
    from service.report.junit import render_junit
    from service.report.markdown import render_markdown

    evidence = json.loads(bodies[EVIDENCE])
    verdict = json.loads(bodies[VERDICT]) if VERDICT in bodies else None
    page = str(folder / PAGE) if PAGE in bodies else ""
    found = {SUMMARY: render_markdown(evidence, verdict, report=page).encode()}
    return found if verdict is None else {**found, JUNIT: render_junit(evidence, verdict)}


def _tell(index: "Index | None", place: Path) -> None:
    if index is not None:
        broken = sum(one.broken for one in index.counted)
        note(
            f"{len(index.witnesses)} of {broken} counted breaks as pictures: {place}; "
            "`assay replay` shows them to a model again."
        )


def _replace(path: Path, body: bytes | None) -> None:
    if body is None:
        path.unlink(missing_ok=True)
        return
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(body)
    os.replace(part, path)


def _body(client: "Client", artifact: Artifact) -> bytes:
    body = client.artifact(artifact)
    if hashlib.sha256(body).hexdigest() != artifact.file.digest:
        raise AssayError(
            Code.BLOB_DIGEST_MISMATCH,
            f"The bytes of {artifact.name} are not the ones that the service announced.",
            "Fetch the report again; if it stays, do not trust the service's storage.",
        )
    return body
