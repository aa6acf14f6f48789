"""Print which way the lenses point: ``python -m tools.directions --out DIR``.

For every seed the demo architecture is trained without attacks and against them, then every lens
looks at both nets. What is expected of the second, and whether it is so, stands in the tables.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.directions.expected import EXPECTED, PREMISE, REPORTED, Direction
from tools.directions.looking import EPS, IMAGES, looked, rows
from tools.directions.nets import Pair, family
from tools.directions.table import failures, table
from tools.directions.training import ADVERSARIAL, EPOCHS, NORMAL, trained
from tools.release_train.page import refreshed

REFERENCE: Final = "ASSAY_REFERENCE"


def main(arguments: list[str] | None = None) -> int:
    """Nets and evidence lie in DIR afterwards, and a second call goes on from there."""
    parser = argparse.ArgumentParser("directions", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="nets, evidence")
    parser.add_argument("--page", type=Path, help="a page whose marked blocks are written anew")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N")
    given = parser.parse_args(arguments)
    out: Path = given.out.absolute()
    pairs = trained(given.seeds, out / "nets")
    told = {"setting": setting(given.seeds), **blocks("demo", pairs, out)}
    told |= blocks("family", reference_pairs(), out)
    sys.stdout.write("\n\n".join(f"[{name}]\n{text}" for name, text in told.items()) + "\n")
    if given.page:
        page = given.page.read_text("utf-8")
        given.page.write_text(refreshed(page, told, mark="directions"), "utf-8")
    return 0


def setting(seeds: Sequence[int]) -> str:
    """What was run, in a sentence."""
    return (
        f"Seeds {', '.join(map(str, seeds))}; {EPOCHS[NORMAL]} epochs without attacks and "
        f"{EPOCHS[ADVERSARIAL]} against them; {IMAGES} images that no net was trained on; "
        f"Linf {EPS}; lenses looking quickly."
    )


def reference_pairs() -> Sequence[Pair]:
    """The family of third-party nets, or none and a word on that."""
    folder = os.environ.get(REFERENCE)
    if folder:
        return family(Path(folder))
    sys.stderr.write(f"SKIPPED: the reference family. {REFERENCE} names no folder.\n")
    return ()


def blocks(name: str, pairs: Sequence[Pair], out: Path) -> dict[str, str]:
    """The tables of some pairs, by the name of their block."""
    groups: dict[str, Sequence[Direction]] = {
        "premise": PREMISE,
        "expected": EXPECTED,
        "reported": [one for one in REPORTED if name == "demo" or not one.weights],
    }
    if not pairs:
        skipped = f"SKIPPED: {REFERENCE} named no folder when this was run."
        return dict.fromkeys([f"{name}-{group}" for group in (*groups, "failures")], skipped)
    known = looked(pairs, out)
    found = {group: rows(directions, pairs, known) for group, directions in groups.items()}
    told = {f"{name}-{group}": table(lines) for group, lines in found.items()}
    return told | {f"{name}-failures": failures([*found["premise"], *found["expected"]])}


if __name__ == "__main__":
    sys.exit(main())
