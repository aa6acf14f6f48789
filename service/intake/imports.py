"""From uploaded bytes to a subject or an evaluation set, each stage in a child of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from analyzers.contract import DataFacts, Digest, InputSpec, Json, SubjectFacts
from service.core.canonical import digest
from service.errors import AssayError, Code
from service.executors.interface import Executor, Request, Result, Tensor
from service.intake.fit import check_input_spec
from service.intake.sniff import HEAD, SAFETENSORS, data_format, model_format

CONVERT_SECONDS = 300.0
READ_SECONDS = 300.0


class BlobShelf(Protocol):
    """What intake needs of the blob store."""

    def local_path(self, digest: Digest) -> Path:
        """A readable file with these bytes."""
        ...

    async def adopt(self, path: Path, digest: Digest) -> None:
        """Take over a spooled file under its digest."""
        ...


@dataclass(frozen=True)
class Canonical:
    """The one ONNX file that everything after intake works on."""

    digest: Digest
    facts: Mapping[str, Json]
    """What the canonicaliser found; independent of the preprocessing declared for it."""


@dataclass(frozen=True)
class ImportedSet:
    """An evaluation set in its one form: three blobs and what is known of them."""

    facts: DataFacts
    details: Mapping[str, Json]
    """``shape``, ``class_counts`` and ``dtype`` of the images."""
    images: Digest
    labels: Digest
    ids: Digest


class Intake:
    """Runs the stages of intake; remembers nothing itself."""

    def __init__(self, executor: Executor, blobs: BlobShelf, limits: Mapping[str, int]) -> None:
        """Use an executor's children and a blob store."""
        self._executor = executor
        self._blobs = blobs
        self._limits = limits

    def recognise_model(self, file: Digest, architecture: str) -> str:
        """The format of a model by its content; weights without an architecture are refused."""
        path = self._blobs.local_path(file)
        found = model_format(_head(path), path.stat().st_size)
        if found == SAFETENSORS and not architecture:
            raise AssayError(
                Code.ARCHITECTURE_MISSING,
                "The file holds weights only, and no architecture was named for them.",
                "Name it with --arch, or export the model to ONNX.",
            )
        return found

    async def canonical(self, file: Digest, form: str, architecture: str) -> Canonical:
        """Convert when needed, then canonicalise; each in a child of its own."""
        source = file
        facts: dict[str, Json] = {}
        if form == SAFETENSORS:
            body = {"architecture": architecture}
            converted = await self._run("convert", body, source, CONVERT_SECONDS)
            source = await self._keep(converted.tensors["onnx"])
            facts["conversion"] = {"architecture": architecture, **converted.facts}
        made = await self._run("canonicalise", {}, source, READ_SECONDS)
        kept = await self._keep(made.tensors["canonical"])
        return Canonical(kept, {**made.facts, **facts})

    async def eval_set(self, file: Digest, rows: tuple[int, int] | None) -> ImportedSet:
        """Read and check images and labels."""
        path = self._blobs.local_path(file)
        data_format(_head(path), path.stat().st_size)
        read = await self._run("dataset", {"rows": rows and list(rows)}, file, READ_SECONDS)
        names = ("digest", "n", "classes", "eight_bit")
        details = {
            "shape": read.facts["shape"],
            "class_counts": read.facts["class_counts"],
            "distinct": read.facts["distinct"],
            "dtype": read.tensors["images"].dtype,
        }
        kept = {name: await self._keep(tensor) for name, tensor in read.tensors.items()}
        facts = DataFacts.from_json({name: read.facts[name] for name in names})
        return ImportedSet(facts, details, **kept)

    async def _run(
        self, stage: str, body: Mapping[str, Json], file: Digest, seconds: float
    ) -> Result:
        request = Request(
            stage,
            body,
            {"file": str(self._blobs.local_path(file))},
            seconds=seconds,
            limits=self._limits,
        )
        job = await self._executor.submit(request)
        async for event in job.events():
            if isinstance(event, Result):
                return event
        message = "a job ended without a result"
        raise RuntimeError(message)

    async def _keep(self, tensor: Tensor) -> Digest:
        await self._blobs.adopt(tensor.path, tensor.digest)
        return tensor.digest


def subject_of(canonical: Canonical, spec: InputSpec) -> SubjectFacts:
    """The subject under one preprocessing; its digest covers file, map and output."""
    facts = canonical.facts
    channels, height, width = facts["shape"]
    check_input_spec(spec, channels)
    if facts["layout"] != spec.layout:
        raise AssayError(
            Code.PREPROCESSING_INVALID,
            f"The model's input is laid out as {facts['layout'].upper()}, and "
            f"{spec.layout.upper()} was declared.",
            f"Give --layout {facts['layout']}.",
        )
    name = digest(
        {"model": canonical.digest, "input": spec.as_json(), "output": facts["output_name"]}
    )
    return SubjectFacts(
        digest=name,
        classes=facts["classes"],
        shape=(channels, height, width),
        batch=facts["batch"],
        gradient_gap=facts["gradient_gap"],
        bn_folded=facts["bn_folded"],
        parameters=facts["parameters"],
    )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)
