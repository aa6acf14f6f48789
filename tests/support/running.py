"""A real service in this process, and audits through a real channel."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analyzers.contract import InputSpec
from service.build import Service
from service.client import Client
from service.intake.reading import AS_USUAL, Reading
from service.rpc.ports import (
    AnalyzerSpec,
    AuditView,
    Look,
    NewAudit,
    NewEvalSet,
    NewModel,
    ReportQuery,
)
from service.settings import Settings

NETS = Path(__file__).parents[2] / "service" / "demo" / "nets"
POLICY = """
apiVersion: assay/v1
threats:
  near: {norm: Linf, eps: EPS}
require:
  - {id: clean, metric: accuracy, gte: CLEAN}
  - {id: wc, metric: robust_accuracy, threat: near, gte: GTE}
"""


def policy(gte: float = 0.4, eps: str = "8/255", clean: float = 0.9) -> str:
    """A policy with one threat and two requirements."""
    return POLICY.replace("EPS", eps).replace("CLEAN", str(clean)).replace("GTE", str(gte))


@dataclass
class Running:
    """A service and a client of it."""

    service: Service
    client: Client
    loop: asyncio.AbstractEventLoop

    def audit(  # noqa: PLR0913 - what may differ between audits
        self,
        model: Path,
        data: Path,
        rules: str,
        *,
        rows: tuple[int, int] | None = None,
        spec: InputSpec | None = None,
        reading: Reading = AS_USUAL,
        architecture: str = "",
        output: str = "",
        expected_accuracy: float | None = None,
        analyzers: tuple[AnalyzerSpec, ...] = (),
        look: Look | None = None,
    ) -> AuditView:
        """Upload, take in, audit, and wait for the end."""
        name = self.begin(
            model,
            data,
            rules,
            rows=rows,
            spec=spec,
            reading=reading,
            architecture=architecture,
            output=output,
            expected_accuracy=expected_accuracy,
            analyzers=analyzers,
            look=look,
        )
        for _ in self.client.watch_audit(name):
            pass
        view = self.client.audit(name)
        if view.problem is not None:
            raise view.problem.as_error()
        return view

    def begin(  # noqa: PLR0913 - what may differ between audits
        self,
        model: Path,
        data: Path,
        rules: str,
        *,
        rows: tuple[int, int] | None = None,
        spec: InputSpec | None = None,
        reading: Reading = AS_USUAL,
        architecture: str = "",
        output: str = "",
        expected_accuracy: float | None = None,
        analyzers: tuple[AnalyzerSpec, ...] = (),
        look: Look | None = None,
    ) -> str:
        """Upload, take in, queue; the audit's name."""
        client = self.client
        wish = NewModel(
            client.upload(model, "model"),
            architecture=architecture,
            output=output,
            input_spec=spec or InputSpec(),
            display_name=model.name,
        )
        subject = client.wait_operation(client.create_model(wish))
        wanted = NewEvalSet(
            client.upload(data, "data"), rows=rows, reading=reading, display_name=data.name
        )
        held = client.create_eval_set(wanted)
        eval_set = client.wait_operation(held)
        asked = client.create_audit(
            NewAudit(
                subject.name,
                eval_set.name,
                policy=rules,
                expected_accuracy=expected_accuracy,
                analyzers=analyzers,
                look=look,
            )
        )
        return asked.name.replace("operations/audits.", "audits/")

    def evidence(self, name: str) -> dict[str, Any]:
        """The evidence of an audit."""
        return json.loads(self.file(name, "evidence.json"))

    def file(self, name: str, artifact: str) -> bytes:
        """A file of an audit's report."""
        report = self.client.report(ReportQuery(name))
        return self.client.artifact(next(one for one in report.artifacts if one.name == artifact))


@contextlib.contextmanager
def running(
    home: Path, *, audits_at_once: int = 1, torchscript: bool = False
) -> Generator[Running]:
    """Run a service in a thread of its own until the block ends."""
    settings = Settings(
        home=home,
        listen=f"unix:{home}.sock",
        http="127.0.0.1:0",
        audits_at_once=audits_at_once,
        torchscript=torchscript,
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def begin() -> Service:
        service = Service(settings)
        await service.start()
        return service

    service = asyncio.run_coroutine_threadsafe(begin(), loop).result(60)
    try:
        with Client(service.addresses[0]) as client:
            yield Running(service, client, loop)
    finally:
        asyncio.run_coroutine_threadsafe(service.stop(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
