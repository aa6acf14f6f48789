"""What changed since the baseline, as the verdict found it: pairs of images, not two shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analyzers.contract import Json
from service.report import wording
from service.report.brackets import level_text
from service.report.reading import ends_of, items, mapping, mappings, number, text, whole

_WORDS = {
    "worse": wording.Mark("worse", "bad"),
    "better": wording.Mark("better", "good"),
    "same": wording.Mark("same within the margin", "plain"),
    "unknown": wording.Mark("not known", "open"),
}


@dataclass(frozen=True)
class Step:
    """One requirement, held against the baseline."""

    about: str
    mark: wording.Mark
    difference: str
    interval: str
    pairs: str
    fell: str
    mended: str
    reason: str


@dataclass(frozen=True)
class Change:
    """The baseline, what differs besides, and every requirement held against it."""

    name: str
    evidence: str
    model: str
    comparable: bool
    others: Sequence[Sequence[str]]
    """What else differs: name, before, now, whether that forbids a comparison."""
    steps: Sequence[Step]
    notes: Sequence[str]


def change(verdict: Mapping[str, Json]) -> Change | None:
    """The comparison that a verdict holds; None when it holds none."""
    baseline = mapping(verdict, "baseline")
    steps = [_step(one) for one in mappings(verdict, "requirements") if "paired" in one]
    if not baseline and not steps:
        return None
    others = [
        [
            wording.words(text(one, "what")),
            _value(text(one, "old")),
            _value(text(one, "new")),
            "not comparable" if text(one, "state") == "incomparable" else "changed",
        ]
        for one in mappings(baseline, "differences")
    ]
    return Change(
        name=text(baseline, "name", "none was given"),
        evidence=text(baseline, "evidence_digest"),
        model=text(baseline, "model_digest"),
        comparable=baseline.get("comparable") is not False,
        others=others,
        steps=steps,
        notes=[str(one) for one in items(baseline, "notes")],
    )


def _value(told: str) -> str:
    return wording.short(told) or "nothing"


def _step(one: Mapping[str, Json]) -> Step:
    paired = mapping(one, "paired")
    threat, observed, ends = text(one, "threat"), number(one, "observed"), ends_of(one)
    n, fell, mended = (whole(paired, key) for key in ("n", "n01", "n10"))
    against = f", {wording.threat(threat)}" if threat else ""
    level = level_text(one)
    label = text(paired, "label", "unknown")
    return Step(
        about=wording.capital(wording.words(text(one, "metric")) + against),
        mark=_WORDS.get(label, wording.Mark(label, "open")),
        difference="not known" if observed is None else wording.points(observed),
        interval=f"{' to '.join(map(wording.points, ends))}{f' at {level}' if level else ''}"
        if ends
        else "–",
        pairs="–" if n is None else f"{n:,}",
        fell="–" if fell is None else f"{fell:,}",
        mended="–" if mended is None else f"{mended:,}",
        reason=text(one, "reason"),
    )
