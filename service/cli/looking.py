"""Which lenses a command line asks for."""

from collections.abc import Sequence

from analyzers.catalog import ALL
from service.core.lenses import Look, looked_through, usual
from service.core.policy import Policy, profile_of
from service.rpc.ports import AnalyzerSpec


def lens_specs(asked: Look | None, policy: Policy, *, judged: bool) -> Sequence[AnalyzerSpec]:
    """What is asked for beside attacks, or what is usual for the policy's profile."""
    return specs_for(asked or usual(profile_of(policy), judged=judged))


def specs_for(look: Look) -> Sequence[AnalyzerSpec]:
    """The lenses that one way to look wakes."""
    return [AnalyzerSpec(name, config) for name, config in looked_through(ALL, look).items()]
