"""Audits: planned, queued, watched, cancelled, removed."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

from analyzers.catalog import ALL
from analyzers.contract import DataFacts, Digest, Json, SubjectFacts
from service.api.baselines import baseline_of, earlier_of
from service.api.estimates import estimate_of
from service.api.parts import Parts, deletion_key
from service.audit_case import course_of
from service.conflicting import check_looked_at, check_plain, cues_to_keep
from service.core.canonical import digest
from service.core.lenses import looked_through, usual
from service.core.policy import Policy, parse_policy, profile_of, under_profile
from service.core.waivers import parse_waivers
from service.errors import AssayError, Code
from service.intake.fit import check_fit
from service.rpc import ports
from service.rpc.names import parse_name
from service.store.records import (
    AuditRow,
    EvalSetRow,
    ModelRow,
    NewAudit,
    RequestKey,
)
from service.views import AUDIT_STATES, audit_view, event_body, event_view

POLL_SECONDS = 1.0


class AuditApi:
    """Answers for audits."""

    def __init__(self, parts: Parts) -> None:
        """Share the service's parts."""
        self._parts = parts

    async def create_audit(self, request: ports.NewAudit) -> ports.AuditView:
        """Plan an audit and queue it, or only estimate it."""
        _need_something_to_do(request)
        request = _under_its_profile(request)
        model, data = await self._subjects(request)
        cues = await self._cues(request, model)
        policy = parse_policy(request.policy, ALL) if request.policy else None
        request = _with_lenses(request, policy)
        if request.waivers:
            parse_waivers(request.waivers)
        wish = _wish(request, model, data, policy)
        wish = replace(wish, options={**wish.options, "cues": cues})
        if policy is not None:
            beside = await self._beside(request, policy, wish, model)
            wish = replace(wish, options={**wish.options, **beside})
        # Planning now means that a wrong analyzer or config is refused here, not in the queue.
        course = course_of(wish, model, data, self._parts.executor.engine)[1]
        course.ready()
        if cues is not None:
            check_looked_at(course)
        if request.validate_only:
            return _estimated(request, wish, await estimate_of(self._parts, wish, model, data))
        key = _request_key(request)
        row = await self._parts.queue.enqueue(wish, key)
        self._parts.runner.wake()
        self._parts.live.news(row.id)
        return await self._audit_view(row)

    async def _beside(
        self, request: ports.NewAudit, policy: Policy, wish: NewAudit, model: ModelRow
    ) -> dict[str, Json]:
        """What a model is held against, where it is judged, and what it is shown in any case."""
        told: dict[str, Json] = {"earlier": await earlier_of(self._parts, policy, wish, model)}
        if not request.evidence_only:
            told["baseline"] = await baseline_of(self._parts, request, policy, wish)
        return told

    async def audit(self, name: str) -> ports.AuditView:
        """The audit of that name."""
        return await self._audit_view(await self._row(name))

    async def audits(self, query: ports.AuditQuery) -> ports.Page[ports.AuditView]:
        """A page of audits."""
        page = await self._parts.catalogue.list_audits(
            query.project, query.limit, query.after, _chosen(query), baselines=query.baselines
        )
        return ports.Page([await self._list_item(row) for row in page.items], page.next_token)

    async def set_baseline(self, name: str, *, withdraw: bool) -> ports.AuditView:
        """Make a finished audit what later ones of its subject are held against, or withdraw it."""
        parsed = parse_name(name, "audits")
        kept = self._parts.catalogue
        row = await kept.set_baseline(parsed.project, parsed.id, withdraw=withdraw)
        return await self._audit_view(row)

    async def delete_audit(self, name: str, request_id: str) -> None:
        """Remove a finished audit with its files; NOT_READY before its end."""
        parsed = parse_name(name, "audits")
        key = deletion_key(request_id, "DeleteAudit", name)
        await self._parts.catalogue.delete_audit(parsed.project, parsed.id, key)

    async def cancel_audit(self, name: str) -> ports.AuditView:
        """Ask an audit to end."""
        row = await self._row(name)
        row = await self._parts.queue.request_cancel(row.project, row.id)
        await self._parts.runner.cancelled(row.id)
        return await self._audit_view(row)

    async def watch(self, name: str, after: int) -> AsyncGenerator[ports.EventView, None]:
        """Kept events behind ``after``, then what happens, until ``Finished``."""
        row = await self._row(name)
        last = after
        async with aclosing(self._parts.live.follow(row.id, POLL_SECONDS)) as news:
            async for progress in news:
                if progress is not None:
                    yield ports.EventView(last, datetime.now(UTC), progress)
                    continue
                for event in await self._parts.queue.events(row.project, row.id, after=last):
                    last = event.seq
                    yield event_view(event)
                    if isinstance(event_body(event.body), ports.Finished):
                        return
                if (await self._row(name)).final:
                    return

    async def _subjects(self, request: ports.NewAudit) -> tuple[ModelRow, EvalSetRow]:
        model_name = parse_name(request.model, "models", field="model")
        data_name = parse_name(request.eval_set, "evalSets", field="eval_set")
        model = await self._parts.catalogue.model(request.project, model_name.id)
        data = await self._parts.catalogue.eval_set(request.project, data_name.id)
        for one, what in ((model, "model"), (data, "evaluation set")):
            _need_taken_in(one, what)
        check_plain(data)
        _check_fit(model, data)
        return model, data

    async def _cues(self, request: ports.NewAudit, model: ModelRow) -> Json:
        """What an audit keeps of the user's own pictures in conflict; nothing without any."""
        if not request.cue_set:
            return None
        name = parse_name(request.cue_set, "evalSets", field="cue_set")
        row = await self._parts.catalogue.eval_set(request.project, name.id)
        _need_taken_in(row, "cue set")
        told = cues_to_keep(row)
        _check_fit(model, row, of=" of the cue set")
        return told

    async def _row(self, name: str) -> AuditRow:
        parsed = parse_name(name, "audits")
        return await self._parts.catalogue.audit(parsed.project, parsed.id)

    async def _audit_view(self, row: AuditRow) -> ports.AuditView:
        events = await self._parts.queue.events(row.project, row.id, after=0)
        brackets = {
            one.threat: one
            for one in (event_body(event.body) for event in events)
            if isinstance(one, ports.Bracket)
        }
        return audit_view(
            row,
            evidence_digest=await self._facts_digest(row),
            brackets=tuple(brackets.values()),
            sequence=events[-1].seq if events else 0,
            progress=self._parts.live.in_flight(row.id),
        )

    async def _list_item(self, row: AuditRow) -> ports.AuditView:
        """An audit in a list: without brackets, which cost a reading of all its events."""
        return audit_view(
            row,
            evidence_digest=await self._facts_digest(row),
            progress=self._parts.live.in_flight(row.id),
        )

    async def _facts_digest(self, row: AuditRow) -> Digest:
        report = await self._parts.catalogue.report(row.project, row.id) if row.final else None
        return report.facts_digest if report else ""


def _need_taken_in(row: ModelRow | EvalSetRow, what: str) -> None:
    if row.state != "SUCCEEDED":
        raise AssayError(
            Code.NOT_READY,
            f"The {what} has not been taken in.",
            "Wait for its operation; if it failed, its error says why.",
        )


def _check_fit(model: ModelRow, data: EvalSetRow, *, of: str = "") -> None:
    check_fit(
        SubjectFacts.from_json(model.facts["subject"]),
        DataFacts.from_json(data.facts["data"]),
        data.facts["details"]["shape"],
        of=of,
    )


def _chosen(query: ports.AuditQuery) -> dict[str, Sequence[str]]:
    """The rows that a query means, column by column."""
    states = [name for name, state in AUDIT_STATES.items() if state in query.states]
    chosen: dict[str, Sequence[str]] = {
        "model": [parse_name(query.model, "models").id] if query.model else [],
        "eval_set": [parse_name(query.eval_set, "evalSets").id] if query.eval_set else [],
        "state": states,
        "verdict": query.verdicts,
    }
    return {name: values for name, values in chosen.items() if values}


def _need_something_to_do(request: ports.NewAudit) -> None:
    if not request.policy and not request.analyzers:
        raise AssayError(
            Code.POLICY_MISSING,
            "Without a policy there is nothing to attack and nothing to judge.",
            "Give a policy with threats and requirements.",
        )


def _under_its_profile(request: ports.NewAudit) -> ports.NewAudit:
    """The policy's text as it extends the profile that was asked for beside it."""
    if request.profile is None:
        return request
    if not request.policy:
        raise AssayError(
            Code.POLICY_MISSING,
            f"The profile '{request.profile}' says what a policy leaves open, and there is none.",
            "Give a policy with threats and requirements, or leave the profile out.",
        )
    return replace(request, policy=under_profile(request.policy, request.profile))


def _with_lenses(request: ports.NewAudit, policy: Policy | None) -> ports.NewAudit:
    """The analyzers that were named, and those that the way to look wakes besides."""
    if request.look is None:
        return request
    judged = policy is not None and not request.evidence_only
    look = usual(profile_of(policy), judged=judged) if request.look == "usual" else request.look
    named = {one.id for one in request.analyzers}
    woken = [
        ports.AnalyzerSpec(name, config)
        for name, config in looked_through(ALL, look).items()
        if name not in named
    ]
    return replace(request, analyzers=[*request.analyzers, *woken])


def _wish(
    request: ports.NewAudit, model: ModelRow, data: EvalSetRow, policy: Policy | None
) -> NewAudit:
    seed = request.seed if request.seed is not None else (policy.seed if policy else 0)
    judged = policy is not None and not request.evidence_only
    return NewAudit(
        project=request.project,
        model=model.id,
        eval_set=data.id,
        policy=request.policy,
        policy_digest=policy.digest if policy else "",
        options={
            "seed": seed,
            "analyzers": {one.id: dict(one.config) for one in request.analyzers},
            "expected_accuracy": request.expected_accuracy,
            "judge": judged,
            "stop_early": judged,
            "skip_cache": request.skip_cache,
            "deadline_seconds": request.deadline_seconds,
            "waivers": request.waivers,
            "profile": profile_of(policy),
            "subject": _subject(request, policy) or model.display_name,
            "file": request.subject or model.display_name,
        },
    )


def _subject(request: ports.NewAudit, policy: Policy | None) -> str:
    """What the model is a release of: the policy knows best."""
    if policy is not None and policy.subject is not None:
        return policy.subject.name
    return request.subject


def _request_key(request: ports.NewAudit) -> RequestKey | None:
    if not request.request_id:
        return None
    body = {
        "model": request.model,
        "eval_set": request.eval_set,
        "policy": request.policy,
        "waivers": request.waivers,
        "subject": request.subject,
        "baseline": [request.baseline, sha256(request.baseline_evidence).hexdigest()],
        **({"cue_set": request.cue_set} if request.cue_set else {}),
        "seed": request.seed,
        "expected": request.expected_accuracy,
        "analyzers": [[one.id, dict(one.config)] for one in request.analyzers],
        "skip_cache": request.skip_cache,
        "deadline": request.deadline_seconds,
        "evidence_only": request.evidence_only,
    }
    return RequestKey(request.request_id, "CreateAudit", digest(body))


def _estimated(
    request: ports.NewAudit, wish: NewAudit, estimate: ports.Estimate
) -> ports.AuditView:
    return ports.AuditView(
        name="",
        model=request.model,
        eval_set=request.eval_set,
        state="queued",
        created=datetime.now(UTC),
        seed=int(wish.options["seed"]),
        cue_set=request.cue_set,
        subject=str(wish.options["subject"]),
        policy_digest=wish.policy_digest,
        estimate=estimate,
    )
