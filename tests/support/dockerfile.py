"""What a Dockerfile of ours must keep to, as rules that name what breaks them."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

EXEC_FORM: Final = ("ENTRYPOINT", "CMD", "HEALTHCHECK")
BUILD_TOOLS: Final = r"\b(pip (--python \S+ )?(install|wheel)|apt-get install|gcc|make|git)\b"


@dataclass(frozen=True)
class Line:
    """One instruction."""

    name: str
    rest: str


Stage = Sequence[Line]


def stages(text: str) -> list[list[Line]]:
    """The instructions of each stage; continued lines are joined, comments left out."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found: list[list[Line]] = []
    for line in filter(str.strip, re.sub(r"\\\n\s*", " ", kept).splitlines()):
        name, _, rest = line.strip().partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append(Line(name, rest.strip()))
    return found


def of(stage: Stage, name: str) -> list[str]:
    """What the instructions of one name say."""
    return [line.rest for line in stage if line.name == name]


def words(line: str) -> list[str]:
    """The words of an instruction in exec form; ValueError in any other."""
    found = json.loads(line[line.index("[") :])
    return [str(word) for word in found]


def environment(stage: Stage) -> dict[str, str]:
    """All that ENV sets."""
    pairs = (word.partition("=") for line in of(stage, "ENV") for word in line.split())
    return {name: value for name, _, value in pairs}


def complaints(text: str) -> set[str]:
    """The names of the rules that a Dockerfile breaks."""
    read = stages(text)
    return {name for name, holds in RULES.items() if not holds(read)}


def _everything(read: Sequence[Stage]) -> list[Line]:
    return [line for stage in read for line in stage]


def _tagged(read: Sequence[Stage]) -> bool:
    images = [of(stage, "FROM")[0].split()[0] for stage in read]
    return all(re.fullmatch(r".+(:(?!latest)[^/]+|@sha256:.+)", image) for image in images)


def _plain_user(read: Sequence[Stage]) -> bool:
    users = of(read[-1], "USER")
    return bool(users) and bool(re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]))


def _exec_form(read: Sequence[Stage]) -> bool:
    present = [name for name in EXEC_FORM if of(read[-1], name)]
    for line in _everything(read[-1:]):
        if line.name in EXEC_FORM:
            try:
                words(line.rest)
            except ValueError:
                return False
    return present == list(EXEC_FORM)


def _no_secrets(read: Sequence[Stage]) -> bool:
    told = " ".join(line.rest for line in _everything(read) if line.name in {"ARG", "ENV"})
    return not re.search(r"(?i)token|passw|secret|credential|api_?key|://", told)


def _apt_is_tidy(read: Sequence[Stage]) -> bool:
    runs = [run for stage in read for run in of(stage, "RUN") if "apt-get install" in run]
    needed = ("--no-install-recommends", "rm -rf /var/lib/apt/lists/*")
    return all(part in run for run in runs for part in needed)


def _torch_comes_first(read: Sequence[Stage]) -> bool:
    installs = [run for run in of(read[0], "RUN") if "/opt/assay/bin/python install" in run]
    if len(installs) != 2:
        return False
    torch, rest = installs
    chosen = "grep '^torch==' constraints.txt" in torch and '--index-url "$TORCH_INDEX"' in torch
    guarded = torch.startswith('test -n "$TORCH_INDEX"') and "torch.version.cuda" in rest
    return chosen and guarded and ".whl" in rest and "[server]" in rest


def _exact_versions(read: Sequence[Stage]) -> bool:
    """Each ``pip install`` takes its versions from the constraints."""
    steps = [step for stage in read for run in of(stage, "RUN") for step in run.split("&&")]
    installs = [step for step in steps if re.search(r"\bpip\b.* install\b", step)]
    return bool(installs) and all("constraints.txt" in step for step in installs)


def _nothing_to_build_with(read: Sequence[Stage]) -> bool:
    last = read[-1]
    runs = of(last, "RUN")
    copies = of(last, "COPY")
    gone = any("pip uninstall" in run and " pip" in run.split("uninstall")[1] for run in runs)
    built = not any(re.search(BUILD_TOOLS, run) for run in runs)
    return gone and built and all(copy.startswith("--from=build /opt/assay ") for copy in copies)


def _home_is_a_volume(read: Sequence[Stage]) -> bool:
    home = environment(read[-1]).get("ASSAY_HOME", "-")
    owned = any(f"-m 0700 {home}" in run for run in of(read[-1], "RUN"))
    return owned and f'["{home}"]' in of(read[-1], "VOLUME")


def _health_is_asked_where_it_listens(read: Sequence[Stage]) -> bool:
    host, _, port = _option(read[-1], "--http").rpartition(":")
    asked = " ".join(of(read[-1], "HEALTHCHECK"))
    python = '["python", "-I", ' in asked
    return python and f"'{host}', {port}" in asked and "'/healthz'" in asked


def _ports_are_told(read: Sequence[Stage]) -> bool:
    listens = {_option(read[-1], name).rpartition(":")[2] for name in ("--listen", "--http")}
    return {port for line in of(read[-1], "EXPOSE") for port in line.split()} == listens


def _option(stage: Stage, name: str) -> str:
    arguments = of(stage, "CMD")[-1]
    found = re.search(rf'"{name}", "([^"]+)"', arguments)
    return found[1] if found else "-"


RULES: Final[dict[str, Callable[[Sequence[Stage]], bool]]] = {
    "base images have a tag that stays": _tagged,
    "a plain user by number": _plain_user,
    "COPY instead of ADD": lambda read: not any(of(stage, "ADD") for stage in read),
    "exec form": _exec_form,
    "no secrets": _no_secrets,
    "apt leaves nothing behind": _apt_is_tidy,
    "torch first, from an index of CPU builds": _torch_comes_first,
    "exact versions": _exact_versions,
    "no build tools in the image": _nothing_to_build_with,
    "no telemetry": lambda read: environment(read[-1]).get("ORT_DISABLE_TELEMETRY") == "1",
    "home is a volume of its user": _home_is_a_volume,
    "health is asked where it listens": _health_is_asked_where_it_listens,
    "ports are told": _ports_are_told,
    "nothing is fetched into a shell": lambda read: (
        not any(re.search(r"\b(curl|wget)\b", line.rest) for line in _everything(read))
    ),
}
