"""From uploaded bytes to a subject or an evaluation set, each stage in a child of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
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

    async def canonical(
        self, file: Digest, form: str, *, architecture: str = "", output: str = ""
    ) -> Canonical:
        """Convert when needed, then canonicalise; each in a child of its own."""
        source = file
        facts: dict[str, Json] = {}
        if form == SAFETENSORS:
            body = {"architecture": architecture}
            converted = await self._run("convert", body, source, CONVERT_SECONDS)
            source = await self._keep(converted.tensors["onnx"])
            told = {"architecture": architecture, "weights": file}
            facts["conversion"] = {**told, **converted.facts}
        made = await self._run("canonicalise", {"output": output}, source, READ_SECONDS)
        kept = await self._keep(made.tensors["canonical"])
        facts["upload"] = "" if form == SAFETENSORS else file
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


def subject_of(canonical: Canonical, declared: InputSpec) -> SubjectFacts:
    """The subject under one preprocessing.

    Its digest covers canonical file, map and output, and the uploaded file where that is asked
    again: what it answered may not be remembered for another upload of the same graph.
    """
    facts = canonical.facts
    spec = input_spec_of(canonical, declared)
    channels, height, width = facts["shape"]
    name = digest(
        {
            "model": canonical.digest,
            "input": spec.as_json(),
            "output": facts["output_name"],
            "upload": facts["upload"],
        }
    )
    return SubjectFacts(
        digest=name,
        classes=facts["classes"],
        shape=(channels, height, width),
        batch=facts["batch"],
        freed=facts["batch"] == "free" and facts["upload_batch"] == "one",
        gradient_gap=facts["gradient_gap"],
        uploaded=bool(facts["upload"]),
        twin=facts["twin"],
        bn_folded=facts["bn_folded"],
        parameters=facts["parameters"],
        source_weights=facts.get("conversion", {}).get("weights", ""),
    )


def input_spec_of(canonical: Canonical, declared: InputSpec) -> InputSpec:
    """The declared preprocessing, with what only the file can say: its type and its axes."""
    facts = canonical.facts
    check_input_spec(declared, facts["shape"][0])
    if facts["layout"] != declared.layout and not facts["either_layout"]:
        raise AssayError(
            Code.PREPROCESSING_INVALID,
            f"The model's input is laid out as {facts['layout'].upper()}, and "
            f"{declared.layout.upper()} was declared.",
            f"Give --layout {facts['layout']}.",
        )
    given = {"dtype": facts["dtype"], "axes": tuple(facts["axes"])}
    if facts["dtype"].startswith("float"):
        return replace(declared, **given)
    if declared.mean or declared.std or declared.scale != 1.0:
        raise AssayError(
            Code.PREPROCESSING_INVALID,
            f"The model takes whole numbers ({facts['dtype']}), to which no normalisation fits.",
            "Leave --normalize out: pixels are given as 0 to 255, for int8 as -128 to 127.",
        )
    middle = {"mean": tuple(facts["mean"]), "std": tuple(facts["std"])}
    return replace(declared, scale=facts["scale"], **middle, **given)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)
