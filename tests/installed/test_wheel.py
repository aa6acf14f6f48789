"""What a user installs: the wheel, away from the checkout it was built from."""

import json
import sys
import zipfile
from pathlib import Path

import pytest

from support.wheel import CHECKOUT, PIP, Installed, build, output_of

CHILD_ONLY = (
    *("analyzers.bounds", "analyzers.engines", "analyzers.graph", "analyzers.remedies"),
    "service.intake.architectures",
)
CHILDREN = {"service.sandbox.child", "service.sandbox.zygote"}
PLANS = {"cascade", "draws", "probe"}  # of analyzers.attacks; its other modules are algorithms
BASE = ("analyzers", *(f"service.{part}" for part in ("cli", "client", "core", "report", "wire")))
HEAVY = ("onnx", "onnxruntime", "torch")
LOADED = f"import json, sys; print(json.dumps(sorted(set(sys.modules) & {set(HEAVY)})))"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel, built and unpacked once for all tests here."""
    return build(tmp_path_factory.mktemp("installed"))


def tracked_files() -> set[str]:
    """Paths inside the wheel of every file of the three packages that git does not ignore."""
    listing = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    printed = output_of(*listing, "analyzers", "service", "proto/assay", cwd=CHECKOUT)
    present = (name for name in printed.split("\0") if name and (CHECKOUT / name).is_file())
    return {name.removeprefix("proto/") for name in present}


def module_names(site: Path) -> list[str]:
    """Every module of the two packages that can be imported, as the wheel holds it."""
    files = sorted(p for tree in ("analyzers", "service") for p in (site / tree).rglob("*.py"))
    paths = (path.relative_to(site).with_suffix("") for path in files)
    names = (".".join(path.parts).removesuffix(".__init__") for path in paths)
    return [name for name in names if ".migrations" not in name]  # run by alembic, in its context


def child_only(name: str) -> bool:
    """Whether a module may load the heavy libraries, by the naming rule."""
    parts = name.split(".")
    algorithm = parts[:2] == ["analyzers", "attacks"] and not PLANS.issuperset(parts[2:3])
    return (
        name in CHILDREN or parts[-1].endswith("_child") or name.startswith(CHILD_ONLY) or algorithm
    )


def test_the_wheel_holds_every_file_and_nothing_else(installed: Installed) -> None:
    """Code, stubs, protos, demo nets, templates, migrations go along; tests and tools stay."""
    packed = {n for n in zipfile.ZipFile(installed.wheel).namelist() if ".dist-info/" not in n}
    assert packed == tracked_files()
    assert {"assay/v1/common.proto", "assay/v1/common_pb2.pyi"} <= packed
    assert {"service/demo/nets/normal.onnx", "service/demo/nets/robust.onnx"} <= packed
    assert any(n.startswith("service/report/templates/") for n in packed)
    assert any(n.startswith("service/store/migrations/versions/") for n in packed)


def test_what_is_imported_lies_in_the_wheel(installed: Installed) -> None:
    """With the checkout editable in the same environment, the unpacked wheel is what runs."""
    names = ("analyzers.catalog", "service.cli.main", "assay.v1.common_pb2")
    code = f"import json, {', '.join(names)}\nimport sys\n"
    code += f"print(json.dumps([sys.modules[n].__file__ for n in {names}]))"
    for place in json.loads(installed.python("-c", code)):
        assert Path(place).is_relative_to(installed.site)


def test_no_other_distribution_owns_the_plain_names(installed: Installed) -> None:
    """``service`` and ``analyzers`` are common words; here each belongs to us alone."""
    code = "import importlib.metadata as m, json; print(json.dumps(m.packages_distributions()))"
    owners = json.loads(installed.python("-c", code))
    assert {name: set(owners[name]) for name in ("analyzers", "service")} == {
        "analyzers": {"assay"},
        "service": {"assay"},
    }


def test_the_command_answers_on_the_base_install(installed: Installed) -> None:
    """``assay --help`` needs nothing beyond the base install and lists the verbs."""
    printed = installed.python(str(installed.site / "bin" / "assay"), "--help", base=True)
    assert "check" in printed
    assert "demo" in printed


def test_pages_of_help_come_along(installed: Installed) -> None:
    """``assay explain`` prints a finding's page from the wheel, on the base install."""
    page = installed.site / "service" / "help" / "findings" / "EVL-MASK.md"
    words = ("explain", "evl-mask:linf8", "--raw")
    printed = installed.python(str(installed.site / "bin" / "assay"), *words, base=True)
    assert printed.strip() == page.read_text("utf-8").strip()


def test_the_base_install_cannot_import_torch(installed: Installed) -> None:
    """Control: with ``base`` the heavy libraries are out of reach, so its imports tell."""
    code = f"from importlib.util import find_spec; print([find_spec(n) for n in {HEAVY}])"
    assert installed.python("-c", code, base=True).strip() == "[None, None, None]"


def test_client_verbs_and_plans_import_on_the_base_install(installed: Installed) -> None:
    """All plans, the pure core, the report, the client, the verbs and the stubs need no extra."""
    own = [name for name in module_names(installed.site) if name.startswith(BASE)]
    stubs = sorted(p.stem for p in (installed.site / "assay" / "v1").glob("*_pb2*.py"))
    names = [name for name in own if not child_only(name)] + [f"assay.v1.{s}" for s in stubs]
    assert {"analyzers.catalog", "service.cli.main", "service.client"} <= set(names)
    installed.python("-c", f"import {', '.join(names)}", base=True)


def test_nothing_outside_the_child_loads_torch(installed: Installed) -> None:
    """Importing every module that is not child-only leaves torch, onnx and onnxruntime alone."""
    names = [name for name in module_names(installed.site) if not child_only(name)]
    assert {"analyzers.catalog", "analyzers.contract", "service.settings"} <= set(names)
    code = f"import {', '.join(names)}\n{LOADED}"
    assert json.loads(installed.python("-c", code)) == []


def test_a_child_only_module_is_seen_to_load_torch(installed: Installed) -> None:
    """Control: the same look at the gradient engine finds torch."""
    code = f"import analyzers.engines.gradient\n{LOADED}"
    assert "torch" in json.loads(installed.python("-c", code))


@pytest.mark.deep
def test_a_clean_environment_installs_the_base(installed: Installed, tmp_path: Path) -> None:
    """In a new environment pip resolves the base install, finds no conflict, brings no torch."""
    home = tmp_path / "venv"
    output_of(sys.executable, "-m", "venv", str(home), cwd=tmp_path)
    pip = (str(home / "bin" / "python"), *PIP[1:])
    wanted = ("-c", str(CHECKOUT / "constraints.txt"), str(installed.wheel))
    output_of(*pip, "install", *wanted, cwd=tmp_path)
    output_of(*pip, "check", cwd=tmp_path)
    listing = json.loads(output_of(*pip, "list", "--format=json", cwd=tmp_path))
    assert {row["name"] for row in listing}.isdisjoint(HEAVY)
    assert "check" in output_of(str(home / "bin" / "assay"), "--help", cwd=tmp_path)
