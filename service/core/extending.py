"""What a policy that extends a profile leaves to it."""

from collections.abc import Mapping
from typing import Final, TypeGuard, get_args

from analyzers.contract import Json
from service.core.profiles import PROFILES, Name
from service.core.suggesting import did_you_mean

EDITION: Final = 1
"""Raised with every change of what a profile fills in: a policy names the edition it means."""


def filled(body: Mapping[str, Json]) -> dict[str, Json]:
    """A policy's body with what it leaves open taken from the profile that it extends.

    That is how many images there must be, and how much is tried under each threat. Thresholds and
    threats are never filled in: nobody would have chosen them.
    """
    if body.get("extends") is None:
        return dict(body)
    profile = PROFILES[profile_named(body["extends"])]
    asked = {"min_n": profile.min_n, "min_per_class": profile.min_per_class}
    told = {**body, "data": _beneath(asked, body.get("data", {}))}
    threats: Json = body.get("threats", {})
    if _maps(threats):
        told["threats"] = {
            label: _beneath({"budget": profile.budget}, rule) for label, rule in threats.items()
        }
    return told


def _beneath(usual: Mapping[str, Json], said: Json) -> Json:
    """What is said over what is usual; left alone where it is no mapping."""
    return {**usual, **said} if _maps(said) else said


def _maps(body: Json) -> TypeGuard[Mapping[str, Json]]:
    return isinstance(body, dict)


def written(name: Name) -> str:
    """How a policy names a profile."""
    return f"profile:{name}@{EDITION}"


def profile_named(extends: Json) -> Name:
    """The profile that a policy means; ValueError where this version has none such."""
    known = {written(name): name for name in get_args(Name)}
    if not isinstance(extends, str) or extends not in known:
        meant = did_you_mean(str(extends)[:80], known) or f"Known here: {', '.join(known)}."
        message = f"there is no profile '{str(extends)[:80]}' to extend. {meant}"
        raise ValueError(message)
    return known[extends]
