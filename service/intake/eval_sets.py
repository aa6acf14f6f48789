"""From an uploaded file to an evaluation set in its one form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from analyzers.contract import DataFacts, Digest, Json
from service.intake.reading import AS_USUAL, Reading
from service.intake.sniff import HEAD, data_format
from service.intake.stages import DATA_SECONDS, Stages

_DETAILS: Final = (*("shape", "class_counts", "distinct", "duplicates", "class_names", "left_out"),)


@dataclass(frozen=True)
class ImportedSet:
    """An evaluation set in its one form: three blobs and what is known of them."""

    facts: DataFacts
    details: Mapping[str, Json]
    """``shape``, ``class_counts`` and ``dtype`` of the images, copies, names of classes; of
    pictures with cues in conflict the digest of their second labels, ``textures``."""
    images: Digest
    labels: Digest
    ids: Digest


class EvalSetIntake:
    """Reads images and labels."""

    def __init__(self, stages: Stages) -> None:
        """Use the stages' children."""
        self._stages = stages

    async def read(
        self, file: Digest, rows: tuple[int, int] | None, reading: Reading = AS_USUAL
    ) -> ImportedSet:
        """Read and check images and labels."""
        data_format(*self._stages.head(file, HEAD))
        body = {"rows": rows and list(rows), **reading.as_json()}
        read = await self._stages.run("dataset", body, file, DATA_SECONDS)
        names = ("digest", "n", "classes", "eight_bit")
        details = {name: read.facts[name] for name in _DETAILS if name in read.facts}
        details["dtype"] = read.tensors["images"].dtype
        kept = await self._stages.keep_all(read.tensors)
        textures = kept.pop("textures", None)
        if textures is not None:
            details["textures"] = textures
        facts = DataFacts.from_json({name: read.facts[name] for name in names})
        return ImportedSet(facts, details, **kept)
