"""The composed services keep our rules, and each rule refuses a service that breaks it."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.version import VERSION
from support.compose import RULES, complaints
from support.dockerfile import of, stages, words

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSED: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SOCKET = "/var/run/docker.sock:/var/run/docker.sock:ro"
BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("an image with a tag that stays", {"image": "assay:latest"}),
    ("an image with a tag that stays", {"image": "assay"}),
    ("a plain user by number", {"user": "0:0"}),
    ("a root that cannot be written", {"read_only": False}),
    ("no capabilities", {"cap_drop": []}),
    ("no capabilities", {"cap_add": ["SYS_ADMIN"]}),
    ("no new privileges", {"security_opt": ["no-new-privileges:true", "seccomp:unconfined"]}),
    ("not privileged", {"privileged": True}),
    ("nothing of the host", {"network_mode": "host"}),
    ("nothing of the host", {"pid": "host"}),
    ("own files only", {"volumes": [SOCKET]}),
    ("own files only", {"volumes": ["./../..:/host:ro"]}),
    ("own files only", {"volumes": ["./prometheus:/etc/prometheus"]}),
    ("ports of the host's own", {"ports": ["50551:50551"]}),
    ("ports of the host's own", {"ports": ["0.0.0.0:50551:50551"]}),
    ("a small folder for what is passing", {"tmpfs": ["/tmp"]}),  # noqa: S108 - in a container
    ("bounded", {"mem_limit": None}),
    ("bounded logs", {"logging": {}}),
    ("no secrets", {"environment": {"TOKEN": "x"}}),
]


def test_the_services_keep_every_rule() -> None:
    """Nothing of the host, nothing to write but volumes, no privileges, loopback only."""
    assert complaints(COMPOSED) == set()


@pytest.mark.parametrize("service", COMPOSED["services"])
@pytest.mark.parametrize(("rule", "change"), BROKEN)
def test_a_rule_refuses_what_breaks_it(service: str, rule: str, change: dict[str, Any]) -> None:
    """Control: either service with one thing made worse is complained of under that rule."""
    worse = copy.deepcopy(COMPOSED)
    worse["services"][service].update(change)
    assert complaints(worse) == {rule}


def test_every_rule_has_a_service_that_breaks_it() -> None:
    """No rule is satisfied by everything."""
    assert {rule for rule, _ in BROKEN} == set(RULES)


def test_the_service_runs_as_its_image_was_made() -> None:
    """User, home, name and version agree with the recipe; its command and health check stay."""
    image = stages((DEPLOY / "Dockerfile").read_text())[-1]
    service = COMPOSED["services"]["assay"]
    assert service["user"] == of(image, "USER")[-1]
    assert service["volumes"] == [f"state:{words(of(image, 'VOLUME')[0])[0]}"]
    listens = words(of(image, "CMD")[0])[1::2]
    assert {address.partition(":")[0] for address in listens} == {service["hostname"]}
    assert service["image"] == f"assay:{VERSION}"
    assert not {"command", "entrypoint", "healthcheck"} & set(service)


def test_the_pages_are_not_published() -> None:
    """Beyond the loopback they answer to any name, so a web site could read them in a browser."""
    assert COMPOSED["services"]["assay"]["ports"] == ["127.0.0.1:50551:50551"]


def test_prometheus_reads_the_files_that_are_here() -> None:
    """Its configuration is where its command says, and names rules that exist beside it."""
    service = COMPOSED["services"]["prometheus"]
    [mount] = [one for one in service["volumes"] if one.startswith("./")]
    source, place, _ = mount.split(":")
    assert f"--config.file={place}/prometheus.yml" in service["command"]
    config = yaml.safe_load((DEPLOY / source / "prometheus.yml").read_text())
    assert all((DEPLOY / source / name).is_file() for name in config["rule_files"])
    volume, store = service["volumes"][1].split(":")
    assert f"--storage.tsdb.path={store}" in service["command"]
    assert volume in COMPOSED["volumes"]


def test_prometheus_asks_where_the_service_listens() -> None:
    """The target is the service's name and the port of its pages."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    [job] = config["scrape_configs"]
    image = stages((DEPLOY / "Dockerfile").read_text())[-1]
    http = words(of(image, "CMD")[0])[3]
    assert job["static_configs"] == [{"targets": [http]}]
    assert job["metrics_path"] == "/metrics"
