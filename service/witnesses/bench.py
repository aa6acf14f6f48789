"""Locked children of this process alone: they take a model in and answer about pictures.

The same stages as in the service, with nothing remembered: the file is opened in a child, brought
to its canonical form in another, and asked in a third.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from analyzers.contract import Array, Digest, InputSpec, SubjectFacts
from service.audit_case import sample_names
from service.errors import AssayError, Code
from service.executors.interface import Opening, Request, Result
from service.executors.local import LocalExecutor
from service.intake.intake import Intake
from service.intake.models import Canonical, Told
from service.intake.reading import Reading
from service.intake.subject import input_spec_of, subject_of
from service.sandbox.sessions import too_much
from service.settings import Settings

_AT_ONCE: Final = 64 << 20
"""Bytes of pictures in one request."""


@dataclass(frozen=True)
class Taken:
    """A model that may be asked."""

    file: Digest
    canonical: Canonical
    subject: SubjectFacts
    input_spec: InputSpec


class Bench:
    """Children that live as long as the block that this is entered for."""

    def __init__(self, settings: Settings) -> None:
        """Everything that is made on the way lies in the settings' home."""
        self._settings = settings
        self._executor = LocalExecutor(settings.spool, settings.device, settings.libraries)
        self._files: dict[Digest, Path] = {}
        self._intake = Intake(
            self._executor, self, settings.limits, torchscript=settings.torchscript
        )

    async def __aenter__(self) -> Self:
        """Load the engines."""
        await self._executor.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every child."""
        await self._executor.stop()

    # ------------------------------------------------------------- the shelf that intake needs

    def local_path(self, digest: Digest) -> Path:
        """A file that was held or made here."""
        return self._files[digest]

    async def adopt(self, path: Path, digest: Digest) -> None:
        """Remember what a child made."""
        self._files[digest] = path

    def _held(self, path: Path) -> Digest:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        self._files[digest] = path
        return digest

    # ------------------------------------------------------------------------------- the work

    async def take_in(self, path: Path, told: Told, declared: InputSpec) -> Taken:
        """A model file, recognised and brought to its canonical form in locked children."""
        models, file = self._intake.models, self._held(path)
        form = await models.recognise(file, told.architecture)
        canonical = await models.canonical(file, form, told)
        subject = subject_of(canonical, declared)
        return Taken(file, canonical, subject, input_spec_of(canonical, declared))

    async def read(
        self, path: Path, rows: tuple[int, int] | None, reading: Reading
    ) -> tuple[Array, Sequence[str]]:
        """The pictures of a data file, and what each is called."""
        made = await self._intake.eval_sets.read(self._held(path), rows, reading)
        shape = (made.facts.n, *made.details["shape"])
        images = np.memmap(self.local_path(made.images), made.details["dtype"], "r", shape=shape)
        return images, sample_names(self.local_path(made.ids).read_bytes())

    async def ask(self, taken: Taken, pictures: Array) -> dict[str, Array]:
        """What the canonical file says of float32 pictures, and the uploaded one where it can."""
        if pictures.shape[1:] != taken.subject.shape:
            raise AssayError(
                Code.IMAGE_SHAPE_MISMATCH,
                f"The witnesses are {_sides(pictures.shape[1:])} and the model expects "
                f"{_sides(taken.subject.shape)}.",
                "Give a model for pictures of this size.",
            )
        size = max(1, _AT_ONCE // pictures[0].nbytes)
        parts = [pictures[at : at + size] for at in range(0, len(pictures), size)]
        session = uuid.uuid4().hex
        try:
            found = [await self._answers(taken, part, session) for part in parts]
        finally:
            await self._executor.close_session(session)
        return {name: np.concatenate([one[name] for one in found]) for name in found[0]}

    async def _answers(self, taken: Taken, pictures: Array, session: str) -> dict[str, Array]:
        path = self._settings.spool / uuid.uuid4().hex
        path.write_bytes(np.ascontiguousarray(pictures, "<f4").tobytes())
        request = Request(
            "logits",
            {"shape": list(pictures.shape)},
            {"witness": str(path)},
            session=session,
            opening=self._opening(taken),
            seconds=self._settings.unit_seconds,
            limits=self._settings.limits,
        )
        result = await self._result(request)
        wanted = {"logits", "uploaded"} if taken.canonical.facts["upload"] else {"logits"}
        shape = (len(pictures), taken.subject.classes)
        told = {(name, one.shape, one.dtype) for name, one in result.tensors.items()}
        if told != {(name, shape, "float32") for name in wanted}:
            raise too_much()
        return {
            name: np.fromfile(one.path, "<f4").reshape(shape)
            for name, one in result.tensors.items()
        }

    async def _result(self, request: Request) -> Result:
        job = await self._executor.submit(request)
        async for event in job.events():
            if isinstance(event, Result):
                return event
        message = "a job ended without a result"
        raise RuntimeError(message)

    def _opening(self, taken: Taken) -> Opening:
        """A session of the model, with an evaluation set of nothing: pictures come when asked."""
        nothing = self._settings.spool / "nothing"
        nothing.touch()
        facts = taken.canonical.facts
        body: dict[str, Any] = {
            "subject": taken.subject.as_json(),
            "input_spec": taken.input_spec.as_json(),
            "images": {"dtype": "<f4", "shape": [0, *taken.subject.shape]},
            "threads": self._settings.threads,
            "device": self._executor.engine["device"],
        }
        files = {name: str(nothing) for name in ("images", "labels")}
        files["model"] = str(self.local_path(taken.canonical.digest))
        if facts["upload"]:
            body["upload"] = {"output": facts["output_name"], "batch": facts["replay_batch"]}
            files["upload"] = str(self.local_path(facts["upload"]))
        return Opening(body, files)


def told_apart(taken: Taken, file: Digest, canonical: Digest) -> str:
    """Whether this is the model of the audit, in a sentence."""
    if taken.file == file:
        return f"This is the audited model ({file[:12]})."
    if taken.canonical.digest == canonical:
        return (
            f"This file ({taken.file[:12]}) is not the audited one ({file[:12]}), but comes to the "
            "same canonical model."
        )
    return f"This is another model ({taken.file[:12]}) than the audited one ({file[:12]})."


def _sides(shape: Sequence[int]) -> str:
    return " x ".join(str(side) for side in shape)
