"""Write ``docs/metrics.md``: everything that is measured, by whom, and what it means.

``python tools/metric_table.py`` writes it; ``--check`` exits 1 where it is stale.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, the checkout it lies in comes first

from analyzers.catalog import ALL  # noqa: E402 - after the path
from analyzers.contract import Description, MetricSpec  # noqa: E402 - after the path

PAGE = ROOT / "docs" / "metrics.md"


def page() -> str:
    """The whole page."""
    parts = [_section(one.description) for one in ALL]
    return "\n".join([*_head(), *(line for part in parts for line in part)])


def _head() -> Iterator[str]:
    yield "# What is measured"
    yield ""
    yield "Written by `tools/metric_table.py` from the catalogue; `make check` says when it is"
    yield "stale. A policy may require only what is *judged*; indicators hold a PASS back;"
    yield "everything else explains. `assay explain METRIC` prints the same, and `--lenses` says"
    yield "how far to look inside a model."
    yield ""


def _section(told: Description) -> Iterator[str]:
    yield f"## {told.title}"
    yield ""
    yield f"`{told.id}`, version {told.version}. {told.summary} After {told.reference}."
    yield ""
    yield "| Metric | Grade | Role | Meaning |"
    yield "|---|---|---|---|"
    for spec in told.metrics:
        yield f"| `{spec.name}` | {spec.grade} | {_role(told, spec)} | {_cell(spec.meaning)} |"
    yield ""


def _role(told: Description, spec: MetricSpec) -> str:
    if spec.judged:
        return "judged"
    return "indicator" if spec.name in told.indicators else "explains"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or say whether it is fresh."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    fresh = page()
    if parser.parse_args(arguments).check:
        if PAGE.exists() and PAGE.read_text("utf-8") == fresh:
            return 0
        print(f"{PAGE} is stale; run: python tools/metric_table.py", file=sys.stderr)
        return 1
    PAGE.write_text(fresh, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
