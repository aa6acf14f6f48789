"""What models, evaluation sets and audits have in common: work that takes a while."""

import asyncio
import time

from service.api.audits import AuditApi
from service.api.eval_sets import EvalSetApi
from service.api.models import ModelApi
from service.errors import AssayError, Code
from service.rpc import ports
from service.rpc.names import parse_name

POLL_SECONDS = 0.2


class WorkApi(ModelApi, EvalSetApi, AuditApi):
    """Answers about work whatever it makes."""

    async def wait(self, name: str, timeout_s: float) -> ports.ResourceView:
        """The resource as soon as its state is final, or as it stands when time is up."""
        limit = time.monotonic() + timeout_s
        while True:
            view = await self._resource(name)
            left = limit - time.monotonic()
            if view.state in ports.FINAL_STATES or left <= 0:
                return view
            await self._settled(name, min(left, POLL_SECONDS))

    async def cancel(self, name: str, request_id: str) -> ports.ResourceView:
        """Ask the work to end; again, or after its end, it changes nothing."""
        del request_id
        if parse_name(name).collection == "audits":
            return await self.cancel_audit(name)
        view = await self._resource(name)
        if view.state in ports.FINAL_STATES:
            return view
        raise AssayError(
            Code.REQUEST_INVALID,
            "Taking a file in cannot be cancelled; it ends within minutes by itself.",
            "Wait for it, then remove what it made.",
        )

    async def _resource(self, name: str) -> ports.ResourceView:
        collection = parse_name(name).collection
        if collection == "models":
            return await self.model(name)
        if collection == "evalSets":
            return await self.eval_set(name)
        return await self.audit(name)

    async def _settled(self, name: str, seconds: float) -> None:
        parsed = parse_name(name)
        if parsed.collection == "audits":
            await asyncio.sleep(seconds)
        else:
            await self._parts.taking_in.settled(
                parsed.collection, parsed.project, parsed.id, seconds
            )
            await asyncio.sleep(0)
