"""The train: commit, check, and release what passed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from service.demo.shapes import draw, write_npz
from tools.release_train import models, rules
from tools.release_train.checkout import Checkout
from tools.release_train.gate import REPORTS, Checked, Gate, gate

IMAGES: Final = 40
SEED: Final = 2
"""Of pictures on which the demo networks were not trained."""
_OPTIONS: Final = ("--data", "eval.npz", "--policy", "robustness.yaml")


@dataclass(frozen=True)
class Candidate:
    """A commit that wants to be released."""

    name: str
    done: str
    """What the team did, in a few words."""
    model: Callable[[], bytes] | None = None
    """None where the model stays."""
    files: Callable[[], Mapping[str, str]] = field(default=dict[str, str])
    waived: bool = False
    baseline: bool = False
    """Whether, once released, it becomes what later ones are held against."""


@dataclass(frozen=True)
class Stop:
    """A candidate and what the gate said of it."""

    candidate: Candidate
    checked: Checked


def _raised() -> Mapping[str, str]:
    today = datetime.now(UTC).date()
    return {"robustness.yaml": rules.RAISED_POLICY, "waivers.yaml": rules.waivers(today)}


TRAIN: Final = (
    Candidate("first", "trained against attacks", models.robust, baseline=True),
    Candidate("export", "the same network, exported anew", models.exported_again),
    Candidate("8-bit", "weights rounded to 8 bits", lambda: models.stored_in(8), baseline=True),
    Candidate("retrained", "trained anew, without attacks", models.normal),
    Candidate("4-bit", "weights rounded to 4 bits", lambda: models.stored_in(4)),
    Candidate("rounding", "features rounded inside", lambda: models.rounding_inside(8)),
    Candidate("raised", "8-bit again, floor raised, waiver W-1", files=_raised, waived=True),
)


def run(folder: Path) -> Iterator[Stop]:
    """Run the train in a fresh folder; reports lie under ``reports`` by the candidate's name."""
    checkout = _begun(folder / "repository")
    with gate(checkout.folder, folder / "home") as door:
        for candidate in TRAIN:
            yield _stop(candidate, checkout, door, folder / "reports" / candidate.name)


def _begun(folder: Path) -> Checkout:
    checkout = Checkout.begun(folder)
    checkout.write("robustness.yaml", rules.POLICY.encode())
    checkout.write(".gitignore", f"{REPORTS}/\n".encode())
    checkout.commit("What a release must meet")
    write_npz(folder / "eval.npz", draw(IMAGES, seed=SEED))
    checkout.commit("Pictures to judge by")
    return checkout


def _stop(candidate: Candidate, checkout: Checkout, door: Gate, out: Path) -> Stop:
    """One candidate on a branch of its own; on main only if the gate lets it through."""
    checkout.branch(candidate.name)
    if candidate.model is not None:
        checkout.write("model.onnx", candidate.model())
    for name, text in candidate.files().items():
        checkout.write(name, text.encode())
    checkout.commit(candidate.done)
    waivers = ("--waivers", "waivers.yaml") if candidate.waived else ()
    checked = door.check((*_OPTIONS, *waivers), out)
    if checked.code == 0:
        checkout.release(candidate.name)
        if candidate.baseline:
            door.set_baseline(checked.audit)
    return Stop(candidate, checked)
