"""What a command line asks for, before anything is sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analyzers.contract import InputSpec
from service.cli.sources import DataSource
from service.intake.reading import AS_USUAL, Reading
from service.rpc.ports import AnalyzerSpec


@dataclass(frozen=True)
class Wish:
    """An audit as a command line asks for it."""

    model: Path
    data: DataSource
    policy: str
    reading: Reading = AS_USUAL
    cues: DataSource | None = None
    """Pictures with cues in conflict."""
    input_spec: InputSpec = field(default_factory=InputSpec)
    architecture: str = ""
    output: str = ""
    expected_accuracy: float | None = None
    seed: int | None = None
    deadline_seconds: float | None = None
    analyzers: Sequence[AnalyzerSpec] = ()
    evidence_only: bool = False
    waivers: str = ""
    baseline: str = ""
    """Name of an audit in the service."""
    baseline_evidence: bytes = b""
