"""The image's recipe keeps our rules, and each rule refuses a recipe that breaks it."""

import fnmatch
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from service.settings import DEFAULT_HTTP, DEFAULT_LISTEN
from support.dockerfile import RULES, complaints, of, stages
from support.wheel import CHECKOUT, PIP, output_of

RECIPE = (CHECKOUT / "deploy" / "Dockerfile").read_text()
BROKEN = [
    ("base images have a tag that stays", "FROM python:3.11-slim\n", "FROM python:latest\n"),
    ("base images have a tag that stays", "FROM python:3.11-slim\n", "FROM python\n"),
    ("a plain user by number", "USER 10001:10001", "USER 0:0"),
    ("a plain user by number", "USER 10001:10001", "USER assay"),
    ("a plain user by number", "USER 10001:10001\n", ""),
    ("COPY instead of ADD", "COPY service service", "ADD service service"),
    ("exec form", 'ENTRYPOINT ["assay", "serve"]', "ENTRYPOINT assay serve"),
    ("exec form", "HEALTHCHECK --interval=30s", "STOPSIGNAL SIGTERM\n# "),
    ("no secrets", "ARG TORCH_INDEX", "ARG TORCH_INDEX\nARG INDEX_PASSWORD"),
    ("no secrets", "ARG TORCH_INDEX", "ARG TORCH_INDEX=https://me:mine@index.example/cpu"),
    ("apt leaves nothing behind", "RUN python -m pip uninstall", "RUN apt-get install -y gcc && :"),
    ("torch first, from an index of CPU builds", 'test -n "$TORCH_INDEX"', "true"),
    ("torch first, from an index of CPU builds", '--index-url "$TORCH_INDEX"', ""),
    ("torch first, from an index of CPU builds", "torch.version.cuda", "None"),
    ("torch first, from an index of CPU builds", "[server]", ""),
    ("exact versions", "install -c constraints.txt hatchling", "install hatchling"),
    ("no build tools in the image", "setuptools wheel pip", "setuptools wheel"),
    ("no build tools in the image", "COPY --from=build", "COPY . /src\nCOPY --from=build"),
    ("no telemetry", "ORT_DISABLE_TELEMETRY=1", "ORT_DISABLE_TELEMETRY=0"),
    ("home is a volume of its user", "-m 0700", "-m 0777"),
    ("home is a volume of its user", 'VOLUME ["/var/lib/assay"]', 'VOLUME ["/data"]'),
    ("health is asked where it listens", "'/healthz'", "'/'"),
    ("health is asked where it listens", '"assay:8551"]', '"assay:8552"]'),
    ("ports are told", "EXPOSE 50551 8551", "EXPOSE 50551"),
    ("nothing is fetched into a shell", "RUN python -m venv", "RUN curl -s x | sh; python -m venv"),
]


def test_the_recipe_keeps_every_rule() -> None:
    """Plain user, exact versions, torch for CPU first, nothing left to build with, and the rest."""
    assert complaints(RECIPE) == set()


@pytest.mark.parametrize(("rule", "good", "bad"), BROKEN)
def test_a_rule_refuses_what_breaks_it(rule: str, good: str, bad: str) -> None:
    """Control: the recipe with one thing made worse is complained of under that rule."""
    assert good in RECIPE
    assert rule in complaints(RECIPE.replace(good, bad))


def test_every_rule_has_a_recipe_that_breaks_it() -> None:
    """No rule is satisfied by everything."""
    assert {rule for rule, _, _ in BROKEN} == set(RULES)


def test_the_ports_are_those_of_the_service() -> None:
    """Inside a container the service is where it is everywhere."""
    [arguments] = of(stages(RECIPE)[-1], "CMD")
    for address in (DEFAULT_LISTEN, DEFAULT_HTTP):
        assert f'"assay:{address.rpartition(":")[2]}"' in arguments


# --------------------------------------------------------------------------------- the context


def sent(path: str) -> bool:
    """Whether Docker sends a file along: the last line of .dockerignore that fits decides."""
    lines = (CHECKOUT / ".dockerignore").read_text().splitlines()
    found = True
    for line in filter(None, (one for one in lines if not one.startswith("#"))):
        pattern = line.removeprefix("!")
        parts = path.split("/")
        heads = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        if pattern.startswith("**/"):
            fits = any(fnmatch.fnmatch(part, pattern[3:]) for part in parts)
        else:
            fits = any("/" not in head and fnmatch.fnmatch(head, pattern) for head in heads)
        found = line.startswith("!") if fits else found
    return found


@pytest.mark.parametrize("secret", [".env", ".git/config", "id_rsa", "deploy/compose.yaml"])
def test_what_lies_in_the_checkout_stays_there(secret: str) -> None:
    """Only what the image is built from is sent to the builder."""
    assert not sent(secret)
    assert not sent("service/__pycache__/serve.cpython-311.pyc")
    assert sent("service/serve.py")


def context(folder: Path) -> Path:
    """What Docker would be sent of this checkout."""
    listing = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in output_of(*listing, cwd=CHECKOUT).split("\0"):
        if name and sent(name) and (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, folder / name)
    return folder


@pytest.mark.deep
def test_the_wheel_of_the_image_is_built_from_what_is_sent(tmp_path: Path) -> None:
    """Every COPY finds its source, and the recipe's own command makes the whole wheel of them."""
    source, wheels = tmp_path / "src", tmp_path / "wheels"
    sent_files = context(tmp_path / "context")
    source.mkdir()
    build = stages(RECIPE)[0]
    for copy in of(build, "COPY"):
        *names, place = copy.split()
        for name in names:
            target = source / place if (sent_files / name).is_dir() else source / name
            copier = shutil.copytree if (sent_files / name).is_dir() else shutil.copy
            copier(sent_files / name, target)
    [run] = [run for run in of(build, "RUN") if "pip wheel" in run]
    command = run.split("&&")[1].split()
    assert command[:4] == ["python", "-m", "pip", "wheel"]
    more = [str(wheels) if word == "/wheels" else word for word in command[3:]]
    output_of(sys.executable, *PIP[1:], *more, cwd=source)
    [wheel] = wheels.glob("assay-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"service/serve.py", "assay/v1/common_pb2.py", "analyzers/catalog.py"} <= set(names)
    assert "service/demo/nets/robust.onnx" in names
