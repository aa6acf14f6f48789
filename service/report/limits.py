"""What a report does not say, said in it."""

from __future__ import annotations

from collections.abc import Mapping

from analyzers.contract import Json
from service.report.brackets import is_tally
from service.report.reading import mapping, mappings, number, text, whole
from service.report.readings import reasons

Limit = tuple[str, str]

_ALWAYS: tuple[Limit, ...] = (
    (
        "Other threats",
        "Only the threats named above were tried, each on the pixels of single images.",
    ),
    (
        "Physical attacks and patches",
        "Not assessed: they need prints, cameras and places, and this audit has files.",
    ),
    (
        "Poisoning and backdoors",
        "Not assessed: poisoned training data shows in how a model came to be, and this audit sees "
        "the finished model.",
    ),
    (
        "Confidentiality",
        "Not assessed: model theft and the privacy of training data need other experiments.",
    ),
    (
        "Other images",
        "Not assessed: images from elsewhere (another camera, another site, classes it never saw) "
        "may be classified worse and be easier to turn.",
    ),
    (
        "Feedback",
        "Not assessed: a model whose outputs become its next training data was not looked at.",
    ),
    (
        "The system around the model",
        "The audit attacks the model alone: what happens before its input and after its output "
        "was not assessed.",
    ),
    (
        "Explanations",
        "Readings of grade C are associations. They rank hypotheses and remedies, and they "
        "decide no verdict.",
    ),
)


NOT_ASSESSED = (
    "physical attacks and patches, poisoned training data and backdoors, model theft and privacy, "
    "images from elsewhere, feedback, the system around the model"
)
"""The fixed list in one line."""


def particular(facts: Mapping[str, Json], verdict: Mapping[str, Json]) -> list[Limit]:
    """What the shares of this evidence speak of, and what bounds them."""
    found = [*_claim(facts, verdict), *_certificates(facts), *_coverage(facts), *_subject(facts)]
    return list(dict.fromkeys(found))


def general(facts: Mapping[str, Json]) -> list[Limit]:
    """What was not measured here, then what no audit of this kind assesses."""
    return list(dict.fromkeys([*_unmeasured(facts), *_ALWAYS]))


def _unmeasured(facts: Mapping[str, Json]) -> list[Limit]:
    return [
        (
            f"Not measured: {title}",
            " ".join(one.told for one in missing),
        )
        for title, missing in reasons(facts)
    ]


def _claim(facts: Mapping[str, Json], verdict: Mapping[str, Json]) -> list[Limit]:
    n = whole(mapping(facts, "data"), "n")
    many = "these images" if n is None else f"these {n:,} images"
    if text(verdict, "claim") == "population":
        told = (
            f"Intervals speak of the population that {many} were drawn from, if they were drawn "
            "from it independently."
        )
    else:
        told = f"Every share speaks of {many}, by digest, and of no others."
    cut = text(mapping(facts, "data"), "slice")
    part = f" The set is the slice {cut} of its file." if cut else ""
    return [("What the shares speak of", told + part)]


def _certificates(facts: Mapping[str, Json]) -> list[Limit]:
    attacked = [one for one in _tallies(facts) if mapping(one, "scope")]
    certified = [number(mapping(one, "view", "data"), "certified") for one in attacked]
    if not attacked or all(certified):
        return []
    told = (
        "Attacks bound robustness from above only. Where nothing is certified, a stronger attack "
        "may still break images that stand here."
    )
    return [("Lower bounds", told)]


def _coverage(facts: Mapping[str, Json]) -> list[Limit]:
    found: list[Limit] = []
    for one in _tallies(facts):
        counts = mapping(one, "counts")
        seen, total = whole(counts, "prefix"), whole(counts, "population")
        if seen is not None and total is not None and seen < total:
            told = (
                f"{seen:,} of {total:,} images were looked at: the audit stopped early. A share at "
                "an early stop is no benchmark figure."
            )
            found.append((f"Coverage of {text(one, 'metric').replace('_', ' ')}", told))
    return found


def _subject(facts: Mapping[str, Json]) -> list[Limit]:
    gap = text(mapping(facts, "subject"), "gradient_gap")
    if not gap:
        return []
    return [("Gradients", f"The model has none here ({gap}), so white-box attacks are weaker.")]


def _tallies(facts: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    return [one for one in mappings(facts, "measurements") if is_tally(one)]
