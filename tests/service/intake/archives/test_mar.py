"""A TorchServe archive gives up its model and the name of its handler, and runs neither."""

import json
from pathlib import Path

import pytest

from analyzers.contract import Refusal
from service.intake.archives.archive_child import Archive
from service.intake.archives.mar_child import MANIFEST, inner
from support.torch_files import mar, network, saved, stored

WEIGHTS = saved(network().state_dict())


def refusal(raw: bytes) -> str:
    """The sentence that an archive earns."""
    with pytest.raises(Refusal) as caught:
        inner(Archive(raw))
    assert caught.value.code == "MAR_NO_SUPPORTED_MODEL"
    assert "torch-model-archiver" in caught.value.remedy
    return caught.value.sentence


def with_manifest(manifest: bytes) -> bytes:
    """An archive whose manifest is these bytes."""
    return stored({MANIFEST: manifest, "model.pt": WEIGHTS})


def test_the_model_and_what_lies_beside_it(tmp_path: Path) -> None:
    """The serialized file comes out byte for byte; handler and extras are only named."""
    trap = tmp_path / "ran"
    code = f"open({str(trap)!r}, 'w').close()".encode()
    exec(compile(code, "handler", "exec"))  # noqa: S102 - the control: the handler would bite
    assert trap.exists()
    trap.unlink()
    found = inner(Archive(mar(model_pt=WEIGHTS, handler_py=code, index_json=b"{}")))
    assert found.raw == WEIGHTS
    assert (found.name, found.model_name, found.handler) == ("model.pt", "net", "handler.py")
    assert found.extra == ("handler.py", "index.json")
    assert found.model_file == ""
    assert not trap.exists()


def test_eager_mode_names_its_code() -> None:
    """Python code of the architecture is named, so that one of ours can be asked for."""
    found = inner(Archive(mar({"modelFile": "net.py"}, model_pt=WEIGHTS, net_py=b"boom!")))
    assert found.model_file == "net.py"
    assert "net.py" in found.extra


def test_a_handler_is_not_needed() -> None:
    """Only the serialized file decides whether there is something to audit."""
    found = inner(Archive(mar({"handler": None, "modelName": None}, model_pt=WEIGHTS)))
    assert (found.handler, found.model_name) == ("", "")


@pytest.mark.parametrize(
    ("raw", "about"),
    [
        (mar({"serializedFile": None}, handler_py=b"x"), "names no serialized file"),
        (mar({"serializedFile": ""}, handler_py=b"x"), "names no serialized file"),
        (mar(handler_py=b"x"), "does not hold 'model.pt'"),
        (mar({"serializedFile": "../model.pt"}, model_pt=WEIGHTS), "does not hold"),
        (mar({"serializedFile": ["model.pt"]}, model_pt=WEIGHTS), "no usable serializedFile"),
        (mar({"handler": "a\nb"}, model_pt=WEIGHTS), "no usable handler"),
        (mar({"modelName": "a" * 257}, model_pt=WEIGHTS), "no usable modelName"),
        (mar(model_pt=b""), "is not a model"),
        (mar(model_pt=mar(model_pt=WEIGHTS)), "is not a model"),
        (stored({"model.pt": WEIGHTS}), "has no manifest"),
        (with_manifest(b"[]"), "describes no model"),
        (with_manifest(b'{"model": "model.pt"}'), "describes no model"),
        (with_manifest(b"{"), "cannot be read"),
        (with_manifest(b"\xff\xfe"), "cannot be read"),
        (with_manifest(b'{"model": NaN}'), "cannot be read"),
        (with_manifest(b"[" * 60000), "cannot be read"),
        (with_manifest(b'{"a": ' + b"1" * 5000 + b"}"), "cannot be read"),
    ],
)
def test_archives_without_a_model(raw: bytes, about: str) -> None:
    """A manifest that says nothing usable is refused by what it lacks."""
    assert about in refusal(raw)


def test_one_key_twice() -> None:
    """Readers differ in which of two equal keys they take, so a manifest has none."""
    twice = b'{"model": {"serializedFile": "good.pt", "serializedFile": "model.pt"}}'
    assert json.loads(twice)["model"]["serializedFile"] == "model.pt"
    assert "cannot be read" in refusal(with_manifest(twice))


def test_a_manifest_of_any_length() -> None:
    """A manifest is small; a large one is not read at all."""
    with pytest.raises(Refusal) as caught:
        inner(Archive(with_manifest(b'{"a": "' + b"x" * 70_000 + b'"}')))
    assert caught.value.code == "ARCHIVE_UNSAFE"
