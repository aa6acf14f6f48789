"""Policies to begin with, one for each occasion, and what every line of them means."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Name = Literal["smoke", "pr", "release", "deep"]
_COMMENTS: Final = 28
"""Column in which comments begin."""


@dataclass(frozen=True)
class Profile:
    """What sets one occasion's policy apart."""

    meant_for: str
    budget: Literal["smoke", "gate", "parity"]
    tried: str
    min_n: int
    min_per_class: int


PROFILES: Final[Mapping[Name, Profile]] = {
    "smoke": Profile(
        "Seconds, and only advice: it can end in a FAIL and never in a PASS.",
        "smoke",
        "a first quick attack; gate and parity try more",
        min_n=20,
        min_per_class=0,
    ),
    "pr": Profile(
        "For every change: ends as soon as the answer is plain, for better or worse.",
        "gate",
        "what a verdict needs; smoke tries less, parity more",
        min_n=100,
        min_per_class=0,
    ),
    "release": Profile(
        "For a model that goes out: enough images, of every class.",
        "gate",
        "what a verdict needs; smoke tries less, parity more",
        min_n=1000,
        min_per_class=30,
    ),
    "deep": Profile(
        "For the night: every attack to its end, on every image.",
        "parity",
        "everything, on every image; gate tries less",
        min_n=1000,
        min_per_class=30,
    ),
}


def policy_text(name: Name) -> str:
    """A profile's policy in YAML, each line with its meaning."""
    profile = PROFILES[name]
    head = (
        f"# What a model must meet to be released; from the profile {name}.",
        f"# {profile.meant_for}",
        "# The shares under `gte` are examples: set your own.",
    )
    body = (f"{line:{_COMMENTS}}# {meaning}" for line, meaning in _lines(profile))
    return "\n".join([*head, *body, ""])


def _lines(profile: Profile) -> Iterator[tuple[str, str]]:
    yield "apiVersion: assay/v1", "the language of this file"
    yield "claim: set", "the verdict speaks of these images; population: of their source"
    yield "seed: 0", "the order of the images; a run with another seed cannot pass"
    yield "domain: data", "a break must fit the format of the data; float: any numbers count"
    yield "data:", "which evaluation sets are accepted"
    yield f"  min_n: {profile.min_n}", "different images at least; with fewer there is no PASS"
    if profile.min_per_class:
        yield f"  min_per_class: {profile.min_per_class}", "and at least so many of every class"
    yield from _threats(profile)
    yield from _requirements()


def _threats(profile: Profile) -> Iterator[tuple[str, str]]:
    yield "threats:", "what an attacker may do, under names of your own"
    yield "  linf8:", "such a name; requirements and the report use it"
    yield "    norm: Linf", "every pixel may change, each by no more than eps"
    yield "    eps: 8/255", "of the range of a pixel; this much is hardly seen"
    yield "    knowledge: white", "the attacker knows the model itself"
    yield f"    budget: {profile.budget}", f"how much is tried: {profile.tried}"


def _requirements() -> Iterator[tuple[str, str]]:
    yield "require:", "what must hold, all of it, for a PASS"
    yield "  - id: clean", "a name of your own, as reports print it"
    yield "    metric: accuracy", "share of images named rightly, unattacked"
    yield "    gte: 90%", "at least so many; 0.9 and 9/10 say the same"
    yield "  - id: worst-case", "the second requirement"
    yield "    metric: robust_accuracy", "share that no attack of the threat could change"
    yield "    threat: linf8", "which threat; it stands above"
    yield "    gte: 40%", "at least so many stay right under attack"
    yield "    level: 95%", "how sure an interval must be where one decides"
