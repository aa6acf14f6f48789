"""The files of a report on disk: whole, and of this audit only."""

import hashlib
import os
from pathlib import Path

from service.client import Client
from service.errors import AssayError, Code
from service.rpc.ports import Artifact, ReportQuery

EVIDENCE, VERDICT, PAGE = "evidence.json", "verdict.json", "report.html"


def fetch(client: Client, audit: str, folder: Path, *, verdict: bool = True) -> dict[str, bytes]:
    """Write an audit's files into a folder, where none of an earlier audit stays beside them."""
    names = (EVIDENCE, VERDICT, PAGE) if verdict else (EVIDENCE, PAGE)
    report = client.report(ReportQuery(audit, artifacts=names))
    bodies = {one.name: _body(client, one) for one in report.artifacts if one.name in names}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (EVIDENCE, VERDICT, PAGE):
            _replace(folder / name, bodies.get(name))
    except OSError as error:
        raise AssayError(
            Code.REQUEST_INVALID,
            f"The report cannot be written to '{folder}': {str(error.strerror).lower()}.",
            f"Fetch it again: assay show {audit} --out DIR.",
        ) from error
    return bodies


def _replace(path: Path, body: bytes | None) -> None:
    if body is None:
        path.unlink(missing_ok=True)
        return
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(body)
    os.replace(part, path)


def _body(client: Client, artifact: Artifact) -> bytes:
    body = client.artifact(artifact)
    if hashlib.sha256(body).hexdigest() != artifact.file.digest:
        raise AssayError(
            Code.BLOB_DIGEST_MISMATCH,
            f"The bytes of {artifact.name} are not the ones that the service announced.",
            "Fetch the report again; if it stays, do not trust the service's storage.",
        )
    return body
