"""What an audit found in the cache and, of the rest, why it was not there."""

import json
from collections.abc import Mapping

from analyzers.contract import Json
from service.cli.terminal import say
from service.report import wording
from service.report.reading import mapping, mappings, text, whole


def tell_cache(evidence: bytes) -> None:
    """Print what came from the cache, and a line for each reason why something did not."""
    for line in cache_lines(_read(evidence)):
        say(line)


def cache_lines(evidence: Json) -> list[str]:
    """One line in all, and one a reason, those of most units first."""
    cache = mapping(evidence, "run", "cache")
    hits, misses = whole(cache, "hits"), whole(cache, "misses")
    if hits is None or misses is None:
        return ["Cache: the evidence does not tell."]
    lines = [f"Cache: {hits:,} of {_units(hits + misses)} {_were(hits + misses)} known."]
    by_reason: dict[str, dict[str, int]] = {}
    for one in mappings(cache, "reasons"):
        counts = by_reason.setdefault(text(one, "reason"), {})
        counts[text(one, "analyzer")] = whole(one, "units") or 0
    most = sorted(by_reason.items(), key=lambda one: -sum(one[1].values()))
    return lines + [_line(reason, counts) for reason, counts in most]


def _line(reason: str, counts: Mapping[str, int]) -> str:
    return wording.plain(f"{_units(sum(counts.values()))}: {reason} ({', '.join(counts)}).")


def _units(count: int) -> str:
    return f"{count:,} unit" if count == 1 else f"{count:,} units"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _read(evidence: bytes) -> Json:
    """The exit code says what the verdict says: evidence that cannot be read tells nothing."""
    try:
        return json.loads(evidence)
    except (ValueError, RecursionError):
        return None
