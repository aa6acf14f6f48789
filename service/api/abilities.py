"""What this server can do, so that a client need not guess."""

from typing import get_args

from analyzers.catalog import ALL
from service.api.parts import Parts
from service.intake.architecture_names import ARCHITECTURES
from service.intake.formats import MODEL_FORMATS
from service.rpc.ports import Capabilities, Format, Limits, Profile
from service.version import VERSION


class AbilityApi:
    """Answers ``GetCapabilities``."""

    def __init__(self, parts: Parts) -> None:
        """Share the service's parts."""
        self._parts = parts

    async def capabilities(self) -> Capabilities:
        """Versions, limits, formats, analyzers and the machine."""
        executor = self._parts.executor
        told = [one.description for one in ALL]
        return Capabilities(
            version=VERSION,
            formats=[Format(one.id, one.title, one.needs_architecture) for one in MODEL_FORMATS],
            architectures=ARCHITECTURES,
            analyzers=told,
            threats=sorted({norm for one in told for norm in one.threats}),
            sandbox_level=f"L{executor.sandbox_level}",
            engine=executor.engine,
            providers=[f"{executor.engine['device'].upper()}ExecutionProvider"],
            profiles=get_args(Profile),
            limits=Limits(max_blob=self._parts.settings.max_blob),
        )
