"""Both halves of intake over one executor and one store."""

from collections.abc import Mapping

from service.executors.interface import Executor
from service.intake.eval_sets import EvalSetIntake
from service.intake.models import ModelIntake
from service.intake.stages import BlobShelf, Stages


class Intake:
    """Models and evaluation sets on their way in; remembers nothing itself."""

    def __init__(
        self,
        executor: Executor,
        blobs: BlobShelf,
        limits: Mapping[str, int],
        *,
        torchscript: bool = False,
    ) -> None:
        """Use an executor's children and a blob store."""
        stages = Stages(executor, blobs, limits)
        self.models = ModelIntake(stages, torchscript=torchscript)
        self.eval_sets = EvalSetIntake(stages)
