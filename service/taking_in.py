"""Models and evaluation sets on their way in: one task each, resumed when the service restarts."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any

import structlog

from analyzers.contract import Digest, InputSpec, Json, SubjectFacts
from service.errors import AssayError, internal_error
from service.intake.eval_sets import ImportedSet
from service.intake.intake import Intake
from service.intake.models import Canonical, Told
from service.intake.reading import Reading
from service.intake.subject import input_spec_of, subject_of
from service.observe import Metrics, Stage
from service.store.catalogue import Catalogue
from service.store.records import Conversion, EvalSetRow, ModelRow
from service.version import CANONICALISER
from service.views import rows_of

log = structlog.get_logger()


class TakingIn:
    """Sees rows that wait for intake to their end, and wakes whoever waits for them."""

    def __init__(self, catalogue: Catalogue, intake: Intake, metrics: Metrics) -> None:
        """Prepare; ``resume`` takes up what an earlier process left behind."""
        self._catalogue = catalogue
        self._intake = intake
        self._metrics = metrics
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def busy(self) -> bool:
        """Whether anything is being taken in."""
        return bool(self._tasks)

    async def resume(self) -> None:
        """Take up every row whose state is not final."""
        for model in await self._catalogue.open_models():
            self.model(model)
        for eval_set in await self._catalogue.open_eval_sets():
            self.eval_set(eval_set)

    async def stop(self) -> None:
        """End every task; the rows stay open and are resumed."""
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def model(self, row: ModelRow) -> None:
        """Take a model in, once."""
        self._begin(f"models/{row.project}/{row.id}", self._model(row))

    def eval_set(self, row: EvalSetRow) -> None:
        """Take an evaluation set in, once."""
        self._begin(f"evalSets/{row.project}/{row.id}", self._eval_set(row))

    async def settled(self, collection: str, project: str, resource: str, timeout_s: float) -> None:
        """Return when the work on a row has ended, or when time is up."""
        task = self._tasks.get(f"{collection}/{project}/{resource}")
        if task is not None:
            await asyncio.wait([task], timeout=timeout_s)

    def _begin(self, key: str, work: Coroutine[Any, Any, None]) -> None:
        if key in self._tasks:
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    async def _model(self, row: ModelRow) -> None:
        try:
            with self._metrics.timed(Stage.INTAKE):
                form = await self._intake.models.recognise(row.file_digest, row.architecture)
                canonical = await self._canonical(row, form)
                declared = InputSpec.from_json(row.input_spec)
                subject = subject_of(canonical, declared)
        except AssayError as error:
            await self._catalogue.model_failed(row, error.as_json())
        except Exception:
            log.exception("model intake failed", model=row.id)
            await self._catalogue.model_failed(row, internal_error().as_json())
        else:
            spec = input_spec_of(canonical, declared)
            facts = _model_facts(subject, spec, canonical)
            await self._catalogue.model_ready(
                row, form=form, canonical=canonical.digest, facts=facts
            )

    async def _canonical(self, row: ModelRow, form: str) -> Canonical:
        """The canonical file of an upload: from memory when this file was seen before."""
        wish = Conversion(
            row.project, row.file_digest, form, row.architecture, row.output, CANONICALISER, ""
        )
        known = await self._catalogue.conversion(wish)
        if known is not None:
            self._intake.models.admit(form, row.architecture, known.facts)
            return Canonical(known.canonical_digest, known.facts)
        told = Told(row.architecture, row.output)
        made = await self._intake.models.canonical(row.file_digest, form, told)
        await self._catalogue.remember_conversion(
            replace(wish, canonical_digest=made.digest, facts=dict(made.facts))
        )
        return made

    async def _eval_set(self, row: EvalSetRow) -> None:
        try:
            with self._metrics.timed(Stage.INTAKE):
                made = await self._intake.eval_sets.read(
                    row.file_digest, rows_of(row.slice), Reading.from_json(row.reading)
                )
        except AssayError as error:
            await self._catalogue.eval_set_failed(row, error.as_json())
        except Exception:
            log.exception("data intake failed", eval_set=row.id)
            await self._catalogue.eval_set_failed(row, internal_error().as_json())
        else:
            await self._catalogue.eval_set_ready(
                row, facts=_set_facts(made), blobs=_set_blobs(made)
            )


def _model_facts(subject: SubjectFacts, spec: InputSpec, canonical: Canonical) -> dict[str, Json]:
    return {
        "subject": subject.as_json(),
        "input_spec": spec.as_json(),
        "canonical": dict(canonical.facts),
    }


def _set_facts(made: ImportedSet) -> dict[str, Json]:
    return {"data": made.facts.as_json(), "details": dict(made.details)}


def _set_blobs(made: ImportedSet) -> Mapping[str, Digest]:
    return {"images": made.images, "labels": made.labels, "ids": made.ids}
