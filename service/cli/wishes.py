"""What a command line asks for, before anything is sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analyzers.contract import InputSpec
from service.cli.policies import Rules
from service.cli.sources import DataSource
from service.intake.reading import AS_USUAL, Reading
from service.rpc.ports import AnalyzerSpec, Look


@dataclass(frozen=True)
class Wish:
    """An audit as a command line asks for it."""

    model: Path
    data: DataSource
    rules: Rules | None
    """None where nothing is attacked and nothing judged."""
    reading: Reading = AS_USUAL
    cues: DataSource | None = None
    """Pictures with cues in conflict."""
    withheld: bool = False
    """No picture of the data is handed out."""
    input_spec: InputSpec = field(default_factory=InputSpec)
    architecture: str = ""
    output: str = ""
    expected_accuracy: float | None = None
    seed: int | None = None
    deadline_seconds: float | None = None
    look: Look | None = "usual"
    """How far it looks inside the model."""
    analyzers: Sequence[AnalyzerSpec] = ()
    """Named one by one, besides."""
    evidence_only: bool = False
    waivers: str = ""
    baseline: str = ""
    """Name of an audit in the service."""
    baseline_evidence: bytes = b""

    def check(self) -> None:
        """Refuse, before a byte is sent, what no service would accept."""
        if self.rules is not None:
            _ = self.rules.checked
