"""Sending the corpus through a service, a few inputs at a time, and watching the house."""

import itertools
import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from service.client import Client
from service.errors import AssayError
from service.rpc.ports import NewEvalSet, NewModel
from tools.fuzz.corpus import Input
from tools.fuzz.house import House
from tools.fuzz.outcomes import TAKEN, UNTOLD, Found, Outcome

WORKERS: Final = 2
_WARM: Final = 100
_PATIENCE_S: Final = 900.0
_MAKING: Final = threading.Lock()
"""torch exports in one thread at a time."""
Told = Callable[[Outcome], None]


@dataclass(frozen=True)
class Wish:
    """How a run is to go."""

    folder: Path
    """For the files on their way; they are gone afterwards."""
    keep: Path | None = None
    """Where inputs that are worth a look stay."""
    seconds: float = float("inf")
    """No input is begun after so long."""


def run(house: House, inputs: Sequence[Input], wish: Wish, told: Told = lambda _: None) -> Found:
    """Send every input, and say what came of it all."""
    found, turn, noting = Found(), itertools.count(), threading.Lock()
    end = time.monotonic() + wish.seconds

    def work(worker: int) -> None:
        with Client(house.address) as client:
            while (at := next(turn)) < len(inputs) and time.monotonic() < end:
                outcome = _sent(client, inputs[at], wish, worker)
                with noting:
                    _note(house, found, outcome)
                    told(outcome)
                    if found.house:
                        return

    with ThreadPoolExecutor(WORKERS) as pool:
        for future in [pool.submit(work, worker) for worker in range(WORKERS)]:
            future.result()
    found.house += house.zygotes_lost() + house.leaks()
    return found


def _note(house: House, found: Found, outcome: Outcome) -> None:
    found.outcomes.append(outcome)
    found.house += [one for one in house.look(len(found.outcomes)) if one not in found.house]
    if len(found.outcomes) == _WARM:
        house.warm()


def _sent(client: Client, one: Input, wish: Wish, worker: int) -> Outcome:
    """One input through upload and intake, timed as its user would."""
    with _MAKING:
        raw = one.raw()
    path = wish.folder / f"upload-{worker}"
    path.write_bytes(raw)
    begun = time.monotonic()
    try:
        _take_in(client, one, path)
        code, sentence = TAKEN, ""
    except AssayError as error:
        code, sentence = error.code.value, error.sentence
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        code, sentence = UNTOLD, repr(error)[:400]
    outcome = Outcome(one.name, one.format.name, code, sentence, time.monotonic() - begun)
    if wish.keep is not None and outcome.worth_keeping:
        (wish.keep / one.name).write_bytes(raw)
        (wish.keep / f"{one.name}.json").write_text(json.dumps(asdict(outcome)))
    return outcome


def _take_in(client: Client, one: Input, path: Path) -> None:
    file = client.upload(path, one.format.kind)
    if one.format.kind == "model":
        wish = NewModel(file, architecture=one.format.architecture, display_name=one.name)
        client.wait_operation(client.create_model(wish), _PATIENCE_S)
    else:
        client.wait_operation(client.create_eval_set(NewEvalSet(file)), _PATIENCE_S)
