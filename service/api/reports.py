"""What audits found, and verdicts on evidence that somebody brings."""

import json
from collections.abc import Mapping, Sequence

from analyzers.contract import Digest, Json, Measurement, View
from service.api.parts import Parts
from service.closing import as_file
from service.errors import AssayError, Code
from service.gate import DAMAGE, Beside, judge_file, not_evidence
from service.rpc import ports
from service.rpc.names import parse_name
from service.store.records import ReportRow
from service.witnesses.index import ARCHIVE


class ReportApi:
    """Answers for reports and for the gate."""

    def __init__(self, parts: Parts) -> None:
        """Share the service's parts."""
        self._parts = parts

    async def report(self, query: ports.ReportQuery) -> ports.ReportView:
        """The report of a finished audit; NOT_READY before its end."""
        name = parse_name(query.audit, "audits", field="audit")
        row = await self._parts.catalogue.audit(name.project, name.id)
        kept = await self._kept(name.project, name.id)
        evidence = await self._parts.blobs.read_bytes(kept.evidence_digest)
        files = [*await self._files(kept, evidence), *_witnesses(evidence)]
        wanted = [one for one in files if not query.artifacts or one.name in query.artifacts]
        verdict: Mapping[str, Json] = kept.verdict or {}
        return ports.ReportView(
            audit=query.audit,
            verdict=verdict.get("verdict"),
            sentence=str(verdict.get("sentence", "")) or f"Evidence of audit {row.id}; not judged.",
            artifacts=await self._inlined(wanted, query.inline_limit),
            measurements=_measurements(json.loads(evidence)) if query.measurements else (),
        )

    async def evaluate_gate(self, query: ports.GateQuery) -> ports.GateView:
        """Judge evidence without a model and without side effects."""
        evidence = await self._evidence(query.audit) if query.audit else query.evidence
        old = await self._evidence(query.baseline) if query.baseline else query.baseline_evidence
        beside = Beside(query.waivers, query.baseline or "an earlier evidence.json", old)
        try:
            verdict = judge_file(evidence, query.policy, query.date, beside)
        except DAMAGE as error:
            raise not_evidence() from error
        return ports.GateView(
            verdict=verdict["verdict"],
            sentence=verdict["sentence"],
            verdict_json=as_file(verdict),
            evidence_digest=verdict["evidence_digest"],
            policy_digest=verdict["policy_digest"],
        )

    async def _evidence(self, audit: str) -> bytes:
        name = parse_name(audit, "audits", field="audit")
        kept = await self._kept(name.project, name.id)
        return await self._parts.blobs.read_bytes(kept.evidence_digest)

    async def _kept(self, project: str, audit: str) -> ReportRow:
        kept = await self._parts.catalogue.report(project, audit)
        if kept is None:
            raise AssayError(
                Code.NOT_READY,
                "The audit has no report.",
                "Wait for its end; if it failed, its error says why.",
            )
        return kept

    async def _files(self, kept: ReportRow, evidence: bytes) -> list[ports.Artifact]:
        page = await self._parts.blobs.read_bytes(kept.html_digest)
        files = [_artifact("evidence.json", "application/json", kept.evidence_digest, evidence)]
        if kept.verdict:
            raw = as_file(kept.verdict)
            blob = await self._parts.keep(kept.project, raw)
            files.append(_artifact("verdict.json", "application/json", blob, raw))
        files.append(_artifact("report.html", "text/html", kept.html_digest, page))
        return files

    async def _inlined(self, files: Sequence[ports.Artifact], limit: int) -> list[ports.Artifact]:
        """The bytes of each file while their sum stays within the limit."""
        left, found = limit, list[ports.Artifact]()
        for one in files:
            fits = one.file.size <= left
            left -= one.file.size if fits else 0
            data = one.data if fits else None
            if fits and data is None:
                data = await self._parts.blobs.read_bytes(one.file.digest)
            found.append(ports.Artifact(one.name, one.media_type, one.file, data))
        return found


def _artifact(name: str, media: str, blob: Digest, data: bytes) -> ports.Artifact:
    return ports.Artifact(name, media, ports.FileRef(blob, len(data)), data)


def _witnesses(evidence: bytes) -> list[ports.Artifact]:
    """The archive of what was broken, which is read only when somebody wants its bytes."""
    told = json.loads(evidence).get("run", {}).get("witnesses")
    if not told:
        return []
    return [ports.Artifact(ARCHIVE, "application/zip", ports.FileRef(told["digest"], told["size"]))]


def _measurements(evidence: Mapping[str, Json]) -> list[ports.MeasurementView]:
    return [_measurement(body) for body in evidence["facts"]["measurements"]]


def _measurement(body: Mapping[str, Json]) -> ports.MeasurementView:
    rest = {name: value for name, value in body.items() if name not in ("analyzer", "view")}
    view = View(**body["view"]) if body["view"] else None
    return ports.MeasurementView(body["analyzer"], Measurement(**rest, view=view))
