"""What an audit would cost at most, before anything of it runs."""

import asyncio
import math
from collections.abc import Sequence
from typing import Final

from analyzers.contract import Passes
from service.api.parts import Parts
from service.audit_case import course_of
from service.audit_run import key_of
from service.core.driver import Course, Instance
from service.executors.interface import Request, Result, limits_on
from service.recalling import recalled
from service.rpc.ports import Estimate
from service.store.records import EvalSetRow, ModelRow, NewAudit

_SECONDS: Final = 120.0
_PAGE: Final = 1 << 20
"""Bytes of evidence, page and verdict, as a rule."""
_PICTURE: Final = 10
"""Bytes that a broken image takes, a value: in float32 and in 8 bits, kept and handed out."""


async def estimate_of(parts: Parts, wish: NewAudit, model: ModelRow, data: EvalSetRow) -> Estimate:
    """Walk the course as far as the cache knows it; the rest is taken at its most."""
    _, course = course_of(wish, model, data, parts.executor.engine)
    units = sum(len(one.analyzer.plan(course.case, one.config, (), ())) for one in course.instances)
    known = 0 if wish.options["skip_cache"] else await _walked(parts, wish.project, course)
    left = course.unfinished()
    costs = [one.analyzer.cost(course.case, one.config) for one in left]
    passes = Passes(sum(one.forward for one in costs), sum(one.backward for one in costs))
    return Estimate(
        units=units,
        images=course.case.n,
        seconds=await _seconds(parts, model, passes) if left else 0.0,
        forward=passes.forward,
        backward=passes.backward,
        bytes=_PAGE + _pictures(course, left) if left else 0,
        known=known,
    )


async def _walked(parts: Parts, project: str, course: Course) -> int:
    """Commit what is known, as an audit would; how much that is."""
    count = 0
    while steps := course.ready():
        key = key_of(steps[0])
        found = await recalled(parts.queue, parts.blobs, project, [key])
        if key not in found:
            return count
        course.commit(steps[0], found[key].done)
        count += 1
    return count


def _pictures(course: Course, left: Sequence[Instance]) -> int:
    """Bytes of what every attack could break: all images."""
    attacks = sum(bool(one.analyzer.description.threats) for one in left)
    return attacks * course.case.n * math.prod(course.case.subject.shape) * _PICTURE


async def _seconds(parts: Parts, model: ModelRow, passes: Passes) -> float:
    """The engines are timed in a child of their own, as busy as the machine is now."""
    settings, device = parts.settings, parts.executor.engine["device"]
    facts = {name: model.facts[name] for name in ("subject", "input_spec")}
    request = Request(
        "pace",
        {**facts, "threads": settings.threads, "device": device},
        {"file": str(parts.blobs.local_path(model.canonical_digest))},
        seconds=_SECONDS,
        limits=limits_on(device, settings.limits),
    )
    job = await parts.executor.submit(request)
    try:
        async for event in job.events():
            if isinstance(event, Result):
                took = event.facts
                forward = passes.forward - passes.backward  # a step back begins with one forward
                return forward * took["forward"] + passes.backward * took["backward"]
    except asyncio.CancelledError:  # nobody waits for it any more
        await job.cancel()
        raise
    message = "a job ended without a result"
    raise RuntimeError(message)
