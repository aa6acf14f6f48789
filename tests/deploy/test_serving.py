"""A service started as the image starts it: on its own name, scraped and asked as deployed."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from service.build import Service
from service.errors import AssayError, Code
from service.settings import Settings
from support.command_line import COMMAND, IMPORTS
from support.dockerfile import environment, of, stages, words

DEPLOY = Path(__file__).parents[2] / "deploy"
IMAGE = stages((DEPLOY / "Dockerfile").read_text())[-1]
ASKED_BY_PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


def command(host: str) -> list[str]:
    """The image's command on a host, with ports that are free here."""
    words_of_image = [*words(of(IMAGE, "ENTRYPOINT")[0]), *words(of(IMAGE, "CMD")[0])]
    assert words_of_image[:2] == ["assay", "serve"]
    return [*COMMAND, *(re.sub(r"^assay:\d+$", f"{host}:0", one) for one in words_of_image[1:])]


def surroundings(home: Path) -> dict[str, str]:
    """The image's environment, with a search path and a home of this machine."""
    theirs = {**environment(IMAGE), "ASSAY_HOME": str(home), "PATH": os.environ["PATH"]}
    return {**theirs, "PYTHONPATH": IMPORTS, "OMP_NUM_THREADS": "1"}


@contextmanager
def served(home: Path, host: str) -> Generator[str]:
    """The address of the pages of a running service."""
    log = home.parent / "stdout"
    with log.open("wb") as file:
        running = subprocess.Popen(command(host), env=surroundings(home), stdout=file)
    try:
        end = time.monotonic() + 60
        while not (found := re.search(r"http://([^/]+)/audits", log.read_text())):
            assert running.poll() is None, "the service ended as it started"
            assert time.monotonic() < end, "the service did not start"
            time.sleep(0.1)
        yield found[1]
    finally:
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0


def asked(*arguments: str) -> int:
    """How the health check ends."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, check=False).returncode


def fetched(url: str, accept: str = "*/*") -> str:
    """The body of a page."""
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310 - our own
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
        return answer.read().decode()


@pytest.mark.deep
def test_the_image_s_command_serves_on_its_own_name(tmp_path: Path) -> None:
    """It starts, its own health check holds, and Prometheus finds each metric that alerts name."""
    with served(tmp_path / "home", socket.gethostname()) as address:
        host, _, port = address.rpartition(":")
        health = words(of(IMAGE, "HEALTHCHECK")[0])
        script = health[-1].replace("'assay', 8551", f"'{host}', {port}")
        assert script != health[-1]
        assert asked(*health[1:-1], script) == 0
        ready = json.loads(fetched(f"http://{address}/readyz"))
        scraped = fetched(f"http://{address}/metrics", ASKED_BY_PROMETHEUS)
    assert asked(*health[1:-1], script) != 0
    assert ready["ready"]
    assert scraped.endswith("# EOF\n")
    for name in named_in_alerts():
        assert re.search(rf"^(# TYPE )?{re.sub('(_total|_count)$', '', name)}", scraped, re.M), name


def named_in_alerts() -> set[str]:
    """Every metric of every expression."""
    [group] = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    told = " ".join(rule["expr"] for rule in group["rules"])
    return set(re.findall(r"\b(?:assay|grpc_server|process)_\w+", told))


@pytest.mark.parametrize("host", ["0.0.0.0", "", "[::]"])  # noqa: S104 - refused
def test_every_network_at_once_is_refused(host: str, tmp_path: Path) -> None:
    """Control: why the image listens on its name. With a wildcard there is no service."""
    with pytest.raises(AssayError) as refused:
        Service(Settings(home=tmp_path, http=f"{host}:8551"))
    assert refused.value.code is Code.WILDCARD_REFUSED


def test_the_health_check_needs_nothing_but_the_interpreter() -> None:
    """It runs isolated, and fails where nobody answers."""
    program, *arguments = words(of(IMAGE, "HEALTHCHECK")[0])
    assert program == "python"
    assert "-I" in arguments
    script = arguments[-1].replace("'assay', 8551", "'127.0.0.1', 1")
    assert asked(*arguments[:-1], script) == 1
