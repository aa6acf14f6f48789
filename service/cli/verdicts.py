"""A verdict in words and as an exit code."""

from collections.abc import Mapping

from analyzers.contract import Json
from service.cli.tables import aligned
from service.cli.terminal import say
from service.errors import Exit
from service.report import wording

_EXITS = {
    "PASS": Exit.PASS,
    "FAIL": Exit.FAIL,
    "INCONCLUSIVE": Exit.INCONCLUSIVE,
}


def exit_of(verdict: str | None) -> Exit:
    """The exit code of a verdict; without one nothing was found fit to be released."""
    if verdict is None:
        return Exit.INCONCLUSIVE
    return _EXITS.get(verdict, Exit.INFRASTRUCTURE)


def tell_verdict(verdict: Mapping[str, Json]) -> None:
    """Print a line for each requirement, for each indicator in doubt, and the sentence last."""
    rows = [(str(one["state"]), _requirement(one)) for one in verdict["requirements"]]
    rows += [("TRUST", _doubt(one)) for one in verdict["indicators"] if one["state"] != "ok"]
    for line in aligned([(wording.plain(state), wording.plain(text)) for state, text in rows]):
        say(line)
    say(wording.plain(str(verdict["sentence"])))


def _requirement(one: Mapping[str, Json]) -> str:
    about = f"{one['metric']} {one['label']}".strip()
    if "paired" in one:
        return f"{one['id']}: {about} beside the baseline. {one['reason']}"
    return f"{one['id']}: {about} >= {wording.percent(float(one['threshold']))}. {one['reason']}"


def _doubt(one: Mapping[str, Json]) -> str:
    return f"{one['metric']} is {one['state']}" + (f": {one['note']}" if one["note"] else "")
