"""What ``assay explain`` can explain: findings, metrics and error codes, each with its page."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from analyzers.catalog import ALL
from analyzers.contract import Description, MetricSpec
from service.errors import AssayError, Code, Exit

HELP: Final = Path(__file__).parents[1] / "help"
_GRADES: Final[Mapping[str, str]] = {
    "A": "replays or is proven",
    "B": "a measurement with an interval",
    "C": "an association, a proxy or a count that explains",
    "D": "it says whether the evaluation itself can be believed",
}
_EXITS: Final[Mapping[Exit, str]] = {
    Exit.USAGE: "mend the call or the policy",
    Exit.INFRASTRUCTURE: "infrastructure, so it is safe to try again",
    Exit.UNUSABLE: "the model or the data cannot be used",
    Exit.INTEGRITY: "bytes or counts do not match",
    Exit.INTERRUPTED: "interrupted",
}


class Topic(NamedTuple):
    """Something with an id and a page in Markdown, whose first line names both."""

    kind: str
    id: str
    page: str

    @property
    def title(self) -> str:
        """What the page is called, without the id."""
        return self.page.split("\n", 1)[0].partition(": ")[2]


def topics() -> list[Topic]:
    """Everything that can be explained, in the order of the list that shows it."""
    return [*_findings(), *_metrics(), *_errors()]


def _findings() -> Iterator[Topic]:
    for path in sorted((HELP / "findings").glob("*.md")):
        if path.stem != "README":
            yield Topic("Findings", path.stem, path.read_text("utf-8"))


def _metrics() -> Iterator[Topic]:
    for analyzer in ALL:
        for spec in analyzer.description.metrics:
            page = "\n\n".join(_about(spec, analyzer.description))
            yield Topic("Metrics", spec.name, page)


def _about(spec: MetricSpec, measured_by: Description) -> Iterator[str]:
    title = re.split(r"[.:;](?:\s|$)", spec.meaning, maxsplit=1)[0]
    yield f"# {spec.name}: {title}"
    if spec.meaning != f"{title}.":
        yield spec.meaning
    unit = f", in {spec.unit}" if spec.unit not in ("", "share") else ""
    span = "" if spec.range is None else f", from {spec.range[0]:g} to {spec.range[1]:g}"
    yield f"Measured by `{measured_by.id}`{unit}{span}. Grade {spec.grade}: {_GRADES[spec.grade]}."
    yield _use(spec, measured_by)
    if spec.judged:
        threat = "threat: NAME, " if measured_by.threats else ""
        yield f"    - {{id: my-name, metric: {spec.name}, {threat}gte: 0.5}}"
    raised = dict.fromkeys(rule.id for rule in measured_by.findings if rule.metric == spec.name)
    if raised:
        yield f"It can raise {' and '.join(raised)}: `assay explain {next(iter(raised))}`."


def _use(spec: MetricSpec, measured_by: Description) -> str:
    if spec.judged:
        return "A policy may require it, by a line under `require`:"
    if spec.name in measured_by.indicators:
        return "It is an indicator: missing, or beyond its limit, it holds a PASS back."
    return "It explains. No policy may require it, and no verdict depends on it."


def _errors() -> Iterator[Topic]:
    _, *sections = re.split(
        r"^#(?=# )", (HELP / "errors.md").read_text("utf-8"), flags=re.MULTILINE
    )
    for section in sections:
        name = section.removeprefix("# ").partition(":")[0]
        code = AssayError(Code(name), "", "").exit
        told = f"The command line ends with exit code {code:d}: {_EXITS[code]}."
        yield Topic("Error codes", name, f"{section.strip()}\n\n{told}")
