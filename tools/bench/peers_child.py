"""The process in which the peers run: says ``{}`` when ready, then answers a line for each job.

A job names a peer, how to build the network, and a folder with ``images.npy`` and ``labels.npy``.
The pictures found go to ``found.npz`` there, the figures onto standard output.
"""

import json
import os
import sys
import time
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tools.bench.attack_nets import Plan, module_of
from tools.bench.counting import Counted
from tools.bench.native import tensor
from tools.bench.peer_attacks_child import PEERS, Call

_LIBRARIES = ("torchattacks", "foolbox", "art.attacks.evasion", "art.estimators.classification")


def main() -> int:
    """Answer jobs until there are no more."""
    answers = os.fdopen(os.dup(1), "w")  # what the libraries print must not mix with answers
    os.dup2(2, 1)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    for name in _LIBRARIES:
        import_module(name)  # loaded now, so that no attack pays for it
    answers.write("{}\n")
    answers.flush()
    for line in sys.stdin:
        answers.write(json.dumps(_answer(json.loads(line))) + "\n")
        answers.flush()
    return 0


def _answer(job: Mapping[str, Any]) -> dict[str, Any]:
    folder = Path(job["folder"])
    images, labels = (tensor(np.load(folder / f"{one}.npy")) for one in ("images", "labels"))
    model = Counted(module_of(Plan.from_json(job["plan"]))).eval()
    call = Call(model, images, labels, job["eps"], job["classes"], job["seed"])
    _seed(call.seed)
    _warm(call)
    begun, spent = time.perf_counter(), time.process_time()
    found, shares = PEERS[job["peer"]](call)
    spent, begun = time.process_time() - spent, time.perf_counter() - begun
    np.savez(folder / "found.npz", found=found.detach().float().numpy())
    return {
        "cpu_seconds": spent,
        "seconds": begun,
        "forwards": model.forwards,
        "backwards": model.backwards,
        "stages": shares,
    }


def _seed(seed: int) -> None:
    """The libraries draw from the global generators."""
    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
    np.random.seed(seed)  # noqa: NPY002 - the generator that ART draws from


def _warm(call: Call) -> None:
    """One step on all pictures, so that no attack pays for first allocations."""
    pixels = call.images.clone().requires_grad_()
    torch.autograd.grad(call.model(pixels).sum(), pixels)
    assert isinstance(call.model, Counted)  # noqa: S101 - built above
    call.model.forwards = call.model.backwards = 0


if __name__ == "__main__":
    sys.exit(main())
