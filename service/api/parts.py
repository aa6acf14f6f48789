"""The parts of a running service that its answers are made from."""

from dataclasses import dataclass

from service.executors.interface import Executor
from service.live import Live
from service.runner import Runner
from service.settings import Settings
from service.store.blobs import Blobs
from service.store.catalogue import Catalogue
from service.store.queue import Queue
from service.taking_in import TakingIn


@dataclass(frozen=True)
class Parts:
    """Everything that an answer may need."""

    settings: Settings
    catalogue: Catalogue
    queue: Queue
    blobs: Blobs
    executor: Executor
    taking_in: TakingIn
    runner: Runner
    live: Live
