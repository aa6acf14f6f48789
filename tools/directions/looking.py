"""Every lens on every net, as ``assay audit`` runs them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tools.directions.expected import Direction
from tools.directions.nets import Net, Pair
from tools.directions.reading import found
from tools.directions.table import Both, Row
from tools.release_train.gate import Gate, gate

Measurements = Sequence[Mapping[str, Any]]
IMAGES: Final = 200
"""Where the pictures under attack end that lenses look at."""
EPS: Final = "8/255"
POLICY: Final = f"""\
apiVersion: assay/v1
threats:
  linf8: {{norm: Linf, eps: {EPS}}}
require:
  - {{id: worst-case, metric: robust_accuracy, threat: linf8, gte: 0.05}}
"""
"""Names the threat; the requirement is never judged."""


def looked(pairs: Sequence[Pair], folder: Path) -> Mapping[str, Measurements]:
    """What an audit measured of every net, by its name. What is known is not measured again."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.yaml").write_text(POLICY, "utf-8")
    nets = {one.name: one for pair in pairs for one in (pair.normal, pair.adversarial)}
    with gate(folder, folder / "home") as door:
        return {
            name: _measured(door, net, folder / "evidence" / name) for name, net in nets.items()
        }


def _measured(door: Gate, net: Net, out: Path) -> Measurements:
    options = ("--data", str(net.data), "--limit", str(IMAGES), "--policy", "policy.yaml")
    evidence = door.audit(net.model, (*options, "--lenses", "quick", *net.options), out)
    return evidence["facts"]["measurements"]


def rows(
    directions: Sequence[Direction], pairs: Sequence[Pair], known: Mapping[str, Measurements]
) -> list[Row]:
    """The numbers of every pair, a row a direction."""
    return [
        (
            one,
            {
                pair.name: Both(
                    found(one, known[pair.normal.name]), found(one, known[pair.adversarial.name])
                )
                for pair in pairs
            },
        )
        for one in directions
    ]
