"""The answers of the service over a real store, with nothing behind them that runs a model."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from analyzers.contract import DataFacts, InputSpec, SubjectFacts
from service.api.parts import Parts
from service.api.whole import ServiceApi
from service.errors import AssayError, Code
from service.executors.interface import Progress, Request, Result
from service.intake.intake import Intake
from service.live import Live
from service.observe import Metrics
from service.runner import Runner
from service.settings import Settings
from service.store.blobs import Blobs
from service.store.catalogue import Catalogue
from service.store.database import Database
from service.store.queue import Queue
from service.store.records import NewEvalSet, NewModel
from service.taking_in import TakingIn

PLACEMENT = {"asked": "cpu", "device": "cpu", "why": "", "capability": ""}
ENGINE = {"device": "cpu", "runtime": "none"}


class LostJob:
    """A job whose child died."""

    async def events(self) -> AsyncIterator[Progress | Result]:
        """End as a crashed child does."""
        raise AssayError(Code.CHILD_CRASHED, "The child died.", "Run it again.")
        yield Progress(0, 0, "")

    async def cancel(self) -> None:
        """Nothing runs."""


@dataclass
class NoChildren:
    """An executor on a machine where every child dies; remembers what it was asked."""

    asked: list[Request] = field(default_factory=list[Request])
    engine: Mapping[str, str] = field(default_factory=lambda: ENGINE)
    placement: Mapping[str, str] = field(default_factory=lambda: PLACEMENT)
    sandbox_level: int = 1
    sandbox_gap: str = "Nothing is locked here."

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""

    async def submit(self, request: Request) -> LostJob:
        """Take a job whose child will die."""
        self.asked.append(request)
        return LostJob()

    async def close_session(self, session: str) -> None:
        """No session lives."""


@dataclass
class Desk:
    """The api and the parts that it stands on."""

    api: ServiceApi
    parts: Parts
    executor: NoChildren

    async def subject(self, name: str = "m1", project: str = "local") -> str:
        """A model that has been taken in."""
        catalogue = self.parts.catalogue
        canonical = await self.parts.keep(project, b"canonical")
        wish = NewModel(project, name, canonical, input_spec=InputSpec().as_json())
        row = await catalogue.add_model(wish, None)
        facts: dict[str, Any] = {
            "subject": SubjectFacts("5" * 64, 10, (3, 4, 4)).as_json(),
            "input_spec": InputSpec().as_json(),
            "canonical": {"upload": canonical, "output_name": "y", "replay_batch": "free"},
        }
        await catalogue.model_ready(row, form="onnx", canonical=canonical, facts=facts)
        return f"projects/{project}/models/{name}"

    async def images(
        self, name: str = "d1", project: str = "local", *, withheld: bool = False
    ) -> str:
        """An evaluation set of 40 images that has been taken in.

        Withheld it holds the same images, and even in another order.
        """
        catalogue = self.parts.catalogue
        digest = sha256(name.encode()).hexdigest()
        body = name.encode().ljust(40 * 32, b".")
        raw = await self.parts.keep(project, body[::-1] if withheld else body)
        name += "-withheld" if withheld else ""
        wish = NewEvalSet(project, name, raw, withheld=withheld)
        row = await catalogue.add_eval_set(wish, None)
        facts: dict[str, Any] = {
            "data": DataFacts(digest, 40, 10, eight_bit=True).as_json(),
            "details": {"shape": [3, 4, 4], "dtype": "|u1"},
        }
        blobs = {"images": raw, "labels": raw, "ids": raw}
        await catalogue.eval_set_ready(row, facts=facts, blobs=blobs)
        return f"projects/{project}/evalSets/{name}"


@contextlib.asynccontextmanager
async def desk(home: Path, *, max_blob: int = 1 << 20) -> AsyncGenerator[Desk]:
    """An api over a store in ``home``; its runner claims nothing until it is started."""
    settings = Settings(home=home, max_blob=max_blob)
    database = await Database.open(settings.database_url)
    blobs = await Blobs.open(home / "blobs", max_size=max_blob)
    metrics = Metrics.register(
        CollectorRegistry(), version="test", sandbox_level=1, indicators=frozenset[str]()
    )
    catalogue, queue, live, executor = Catalogue(database), Queue(database), Live(), NoChildren()
    runner = Runner(settings, catalogue, queue, blobs, executor, live, metrics)
    taking_in = TakingIn(catalogue, Intake(executor, blobs, settings.limits), metrics)
    parts = Parts(
        settings, catalogue, queue, blobs, executor, taking_in, runner, live, metrics
    )  # fmt: skip
    try:
        yield Desk(ServiceApi(parts), parts, executor)
    finally:
        await runner.stop()
        await taking_in.stop()
        await database.close()
