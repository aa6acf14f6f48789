"""From uploaded bytes to the canonical ONNX file, each stage in a child of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, cast

from analyzers.contract import Digest, Json
from service.core.artefact import RULES
from service.errors import AssayError, Code, printable
from service.intake.formats import FORMATS, MAR, TORCHSCRIPT, Format
from service.intake.sniff import CONTAINER, EXPORT, HEAD, model_head
from service.intake.stages import LOOK_SECONDS, MODEL_SECONDS, Stages

_LOCKED: Final = 2
_MOST_NOTICES: Final = 16


_FOUND: Final = (
    *("shape", "layout", "either_layout", "dtype", "scale", "mean", "std", "axes", "classes"),
    *("output_name", "tail", "batch", "opset", "upload_opset", "upload_batch", "replay_batch"),
    *("upload_gap", "parameters", "bn_folded", "gradient_gap", "twin", "engine_parity"),
)
"""What a child may say of a canonical file; nothing else that it says is kept."""


@dataclass(frozen=True)
class Canonical:
    """The one ONNX file that everything after intake works on."""

    digest: Digest
    facts: Mapping[str, Json]
    """What the canonicaliser found; independent of the preprocessing declared for it."""


@dataclass(frozen=True)
class Told:
    """What the upload's owner says of it."""

    architecture: str = ""
    output: str = ""
    """Which of several outputs holds the scores."""


@dataclass(frozen=True)
class _Source:
    """An ONNX file on its way to the canonical form, and how it came to be."""

    file: Digest
    upload: Digest
    """The file whose answers are asked again; empty where no ONNX was uploaded."""
    facts: Mapping[str, Json]


class ModelIntake:
    """Recognises a model and brings it to its canonical form."""

    def __init__(self, stages: Stages, *, torchscript: bool = False) -> None:
        """Use the stages' children; TorchScript is taken where the deployment says so."""
        self._stages = stages
        self._torchscript = torchscript

    async def recognise(self, file: Digest, architecture: str) -> str:
        """The format of a model by its content; what cannot be taken is refused."""
        found = model_head(*self._stages.head(file, HEAD))
        if found == CONTAINER:
            looked = await self._stages.run("recognise", {}, file, LOOK_SECONDS)
            found = str(looked.facts["format"])
        form = FORMATS.get(found)
        if form is None:
            raise AssayError(Code.MODEL_NOT_RECOGNISED, "The file is no model.", EXPORT)
        self._check(form, architecture)
        return found

    async def canonical(self, file: Digest, form: str, told: Told) -> Canonical:
        """Convert when needed, then canonicalise."""
        source = await self._source(file, form, told)
        body = {"output": told.output}
        made = await self._stages.run("canonicalise", body, source.file, MODEL_SECONDS)
        kept = await self._stages.keep(made.tensors["canonical"])
        found = {name: made.facts[name] for name in _FOUND}
        notices = [*source.facts.get("notices", ()), *_notices(made.facts)]
        facts = {**found, **source.facts, "upload": source.upload, "notices": notices}
        return Canonical(kept, facts)

    def admit(self, form: str, architecture: str, facts: Mapping[str, Json]) -> None:
        """Refuse what is remembered of an upload that would not be taken today."""
        inner = facts.get("archive", {}).get("format", form)
        self._check(FORMATS[inner], architecture)

    async def _source(self, file: Digest, form: str, told: Told) -> _Source:
        if form == MAR:
            return await self._unpacked(file, told)
        trust = FORMATS[form].trust
        if trust == "native":
            return _Source(file, file, {"trust": trust})
        body = {"format": form, "architecture": told.architecture}
        made = await self._stages.run("convert", body, file, MODEL_SECONDS)
        kept = await self._stages.keep_all(made.tensors)
        notices = _notices(made.facts)
        conversion: dict[str, Json] = {
            "format": form,
            "weights": kept["weights"],
            "largest_drift": float(made.facts["largest_drift"]),
        }
        if told.architecture:
            conversion["architecture"] = told.architecture
        return _Source(
            kept["onnx"], "", {"trust": trust, "conversion": conversion, "notices": notices}
        )

    async def _unpacked(self, file: Digest, owner: Told) -> _Source:
        """The model inside an archive, as if it had been uploaded by itself."""
        made = await self._stages.run("unpack", {}, file, LOOK_SECONDS)
        inner = await self._stages.keep(made.tensors["inner"])
        form = await self.recognise(inner, owner.architecture)
        if form == MAR:
            raise AssayError(
                Code.MAR_NO_SUPPORTED_MODEL,
                "The TorchServe archive holds another archive instead of a model.",
                "Archive the model file itself, or upload it without an archive.",
            )
        found = await self._source(inner, form, owner)
        facts = dict(found.facts)
        facts["notices"] = [*_notices(made.facts), *facts.get("notices", ())]
        told = {name: printable(made.facts.get(name, "")) for name in ("member", "model_name")}
        facts["archive"] = {**told, "format": form, "file": inner}
        return replace(found, facts=facts)

    def _check(self, form: Format, architecture: str) -> None:
        if form.needs_lock and self._stages.level < _LOCKED:
            raise AssayError(
                Code.SANDBOX_UNAVAILABLE,
                "This service cannot lock the process that would open such a file.",
                f"{EXPORT} Or run the service on a kernel with Landlock and seccomp.",
            )
        if form.id == TORCHSCRIPT and not self._torchscript:
            raise AssayError(
                Code.TORCHSCRIPT_DISABLED,
                "The file is TorchScript, which this service does not open.",
                f"{EXPORT} Or have the service started with --torchscript.",
            )
        if form.needs_architecture and not architecture:
            raise AssayError(
                Code.ARCHITECTURE_MISSING,
                "The file holds weights only, and no architecture was named for them.",
                "Name it with --arch, or export the model to ONNX.",
            )


def _notices(facts: Mapping[str, Json]) -> list[dict[str, Json]]:
    """What a child noted, as a report may hold it: known ids, short details."""
    told: Json = facts.get("notices", [])
    found = cast(list[Json], told)[:_MOST_NOTICES] if isinstance(told, list) else []
    notes = [cast(dict[str, Json], one) for one in found if isinstance(one, dict)]
    return [_notice(one) for one in notes if one.get("id") in RULES]


def _notice(told: Mapping[str, Json]) -> dict[str, Json]:
    return {"id": told["id"], "detail": printable(told.get("detail"))}
