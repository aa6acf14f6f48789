"""A replay from beginning to end: files of a folder, a model file, and what it says of them."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analyzers.contract import InputSpec
from service.intake.models import Told
from service.intake.reading import Reading
from service.settings import Settings, chosen_device, torchscript_allowed
from service.witnesses.bench import Bench, Taken, told_apart
from service.witnesses.exhibits import Clean, Exhibit, exhibit, found_in, kept_beside
from service.witnesses.index import Entry, Index
from service.witnesses.judging import Replay, judged


@dataclass(frozen=True)
class Wanted:
    """What is to be replayed on what."""

    folder: Path
    index: Index
    entries: Sequence[Entry]
    model: Path
    told: Told
    declared: InputSpec
    data: Path | None = None
    """Where clean pictures come from; without it from beside the witnesses."""
    rows: tuple[int, int] | None = None


@dataclass(frozen=True)
class Replayed:
    """What came of it."""

    identity: str
    """Whether the model is the audited one, in a sentence."""
    replays: Sequence[Replay]


async def replayed(wanted: Wanted) -> Replayed:
    """Show witnesses to a model in locked children of this process alone."""
    with tempfile.TemporaryDirectory(prefix="assay-replay-") as home:
        settings = Settings(
            home=Path(home), device=chosen_device(), torchscript=torchscript_allowed()
        )
        async with Bench(settings) as bench:
            taken = await bench.take_in(wanted.model, wanted.told, wanted.declared)
            replays = await _shown(bench, taken, await _exhibits(bench, wanted))
    card = wanted.index.model
    return Replayed(told_apart(taken, card.file, card.canonical), replays)


async def _exhibits(bench: Bench, wanted: Wanted) -> list[Exhibit]:
    card = wanted.index.data
    clean: Clean = kept_beside(wanted.folder, card)
    if wanted.data is not None:
        reading = Reading.from_json(card.reading)
        clean = found_in(*await bench.read(wanted.data, wanted.rows, reading))
    return [
        exhibit(wanted.folder, card, entry, depth, clean)
        for entry in wanted.entries
        for depth in entry.files
    ]


async def _shown(bench: Bench, taken: Taken, exhibits: Sequence[Exhibit]) -> list[Replay]:
    if not exhibits:
        return []
    clean = await bench.ask(taken, np.stack([one.clean_seen for one in exhibits]))
    moved = await bench.ask(taken, np.stack([one.seen for one in exhibits]))
    return judged(exhibits, clean, moved)
