"""One network in every form that people keep it in: one canonical file, or the same answers."""

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

from analyzers.engines.forward import ForwardEngine
from service.demo.shapes import draw, write_npz
from service.errors import AssayError, Code
from service.intake.architectures.catalogue import built
from service.rpc.ports import AuditView, NewModel
from support.running import NETS, Running, policy, running
from support.torch_files import mar, saved

N = 20
ARCHITECTURE = "demo-cnn6"
WEIGHTS = (NETS / "robust.safetensors").read_bytes()
TRUST = {
    "safetensors": "restricted",
    "state-dict": "restricted",
    "mar": "restricted",
    "pt2": "restricted",
    "torchscript": "sandboxed-code",
    "onnx": "native",
}
SAME_FILE = ("safetensors", "state-dict", "mar")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that takes TorchScript too."""
    with running(tmp_path_factory.mktemp("home") / "home", torchscript=True) as one:
        yield one


@pytest.fixture(scope="module")
def audits(service: Running, tmp_path_factory: pytest.TempPathFactory) -> dict[str, AuditView]:
    """One audit of the robust demo net in each form."""
    folder = tmp_path_factory.mktemp("files")
    data = folder / "shapes.npz"
    write_npz(data, draw(N, seed=4242))
    found: dict[str, AuditView] = {}
    rules = policy(0.2).replace("8/255}", "8/255, budget: smoke}")
    for form, raw in files().items():
        path = folder / f"upload-{form}"  # a name that says nothing
        path.write_bytes(raw)
        architecture = ARCHITECTURE if form in SAME_FILE else ""
        found[form] = service.audit(path, data, rules, architecture=architecture)
    return found


def files() -> dict[str, bytes]:
    """The same weights in every form."""
    weights = safetensors.torch.load(WEIGHTS)
    module = built(ARCHITECTURE, weights).module
    return {
        "onnx": (NETS / "robust.onnx").read_bytes(),
        "safetensors": WEIGHTS,
        "state-dict": saved({"epoch": 3, "state_dict": weights}),
        "mar": mar({"handler": "image_classifier"}, model_pt=saved(weights)),
        "pt2": exported(module),
        "torchscript": traced(module),
    }


def exported(module: nn.Module) -> bytes:
    """What torch.export.save writes."""
    example = torch.rand(2, 3, 32, 32)
    shapes = ({0: torch.export.Dim("batch", min=1, max=64)},)
    file = io.BytesIO()
    program = torch.export.export(module, (example,), dynamic_shapes=shapes)
    torch.export.save(program, file)
    return file.getvalue()


def traced(module: nn.Module) -> bytes:
    """What torch.jit.save writes of a traced module."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is on its way out
        script: Any = torch.jit.trace(module, torch.rand(1, 3, 32, 32))  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # open types
        torch.jit.save(script, file)  # pyright: ignore[reportUnknownMemberType]  # open types
    return file.getvalue()


def subject(service: Running, view: AuditView) -> dict[str, Any]:
    """The subject as the evidence names it."""
    return service.evidence(view.name)["facts"]["subject"]


@pytest.mark.parametrize("form", TRUST)
def test_each_says_what_it_is_and_how_far_to_trust_it(
    service: Running, audits: dict[str, AuditView], form: str
) -> None:
    """Format by content, conversion trust, and the uploaded bytes' own digest."""
    found = subject(service, audits[form])
    assert (found["format"], found["conversion_trust"]) == (form, TRUST[form])
    assert service.evidence(audits[form].name)["run"]["sandbox"] == {"level": "L2", "gap": ""}


def test_weights_in_any_wrapping_are_one_canonical_file(
    service: Running, audits: dict[str, AuditView]
) -> None:
    """State dict, safetensors and TorchServe archive: one digest, one subject."""
    found = [subject(service, audits[form]) for form in SAME_FILE]
    assert len({one["canonical_digest"] for one in found}) == 1
    assert len({one["digest"] for one in found}) == 1
    assert len({one["file_digest"] for one in found}) == len(SAME_FILE)


@pytest.mark.parametrize("form", ["pt2", "torchscript", "onnx"])
def test_other_forms_answer_and_break_alike(
    service: Running, audits: dict[str, AuditView], form: str
) -> None:
    """Logits to 1e-5 of their spread, and the same images fall."""
    views = (audits["safetensors"], audits[form])
    one, other = (logits(service, view) for view in views)
    assert float((one - other).abs().max()) <= 1e-5 * float((one.max() - one.min()).abs())
    states = [service.evidence(view.name)["facts"]["samples"] for view in views]
    attacked = [key for key in states[0] if key.startswith("attacks.")]
    assert attacked
    for key in attacked:
        assert states[0][key]["digest"] == states[1][key]["digest"]


def logits(service: Running, view: AuditView) -> torch.Tensor:
    """What the canonical file of an audit says of some pictures."""
    digest = subject(service, view)["canonical_digest"]
    blobs = service.service._parts.blobs  # pyright: ignore[reportPrivateUsage]  # looked into
    raw = blobs.local_path(digest).read_bytes()
    images = draw(32, seed=9).images.transpose(0, 3, 1, 2).astype("float32") / 255
    return torch.tensor(ForwardEngine(raw, 1, "free").run(images))


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ("state-dict", {"ART-PICKLE", "ART-WEIGHTS"}),
        ("mar", {"ART-HANDLER", "ART-PICKLE", "ART-WEIGHTS"}),
        ("pt2", {"ART-PICKLE"}),
        ("torchscript", {"ART-CODE"}),
        ("safetensors", {"ART-WEIGHTS"}),
        ("onnx", set[str]()),
    ],
)
def test_what_lay_in_the_file_is_told(
    service: Running, audits: dict[str, AuditView], form: str, wanted: set[str]
) -> None:
    """Findings about the artefact, each where it belongs, in evidence and report."""
    facts = service.evidence(audits[form].name)["facts"]
    found = {one["id"] for one in facts["findings"] if one["id"].startswith("ART-")}
    assert found == wanted
    page = service.file(audits[form].name, "report.html").decode()
    assert all(name in page for name in wanted)


def test_torchscript_is_taken_only_where_the_service_says_so(tmp_path: Path) -> None:
    """The usual service refuses it with the way to export; the one above took it."""
    path = tmp_path / "net.pt"
    path.write_bytes(traced(built(ARCHITECTURE, safetensors.torch.load(WEIGHTS)).module))
    with running(tmp_path / "home") as usual:
        file = usual.client.upload(path, "model")
        asked = usual.client.create_model(NewModel(file))
        with pytest.raises(AssayError) as caught:
            usual.client.wait_operation(asked)
    assert caught.value.code is Code.TORCHSCRIPT_DISABLED
    assert "assay export" in caught.value.remedy
