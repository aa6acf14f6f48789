"""The public protos keep their own promises: documented, consistent, generated as committed."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FieldDescriptor

from analyzers import catalog
from service.errors import Code, kind_of
from service.wire.problems import STATUS_OF

ROOT = Path(__file__).resolve().parents[2]
PROTOS = sorted((ROOT / "proto/assay/v1").glob("*.proto"))
MUTATING = re.compile(r"(Create|Delete|Cancel)[A-Z]")
STATUSES = {
    "CANCELLED": 1,
    "INVALID_ARGUMENT": 3,
    "NOT_FOUND": 5,
    "ABORTED": 10,
    "FAILED_PRECONDITION": 9,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
}
MESSAGE, SERVICE, FIELD, METHOD, ENUM, VALUE, NESTED = 4, 6, 2, 2, 5, 2, 3


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[descriptor_pb2.FileDescriptorProto]:
    """Our protos with their comments, compiled for this run."""
    folder = tmp_path_factory.mktemp("protos")
    script = (
        "import sys; from pathlib import Path; from tools import generate_protos as tool;"
        "folder = Path(sys.argv[1]); tool.include_tree(folder / 'include');"
        "tool.compile_protos(folder / 'include',"
        " [f'--descriptor_set_out={folder}/set', '--include_source_info'])"
    )
    subprocess.run([sys.executable, "-c", script, str(folder)], cwd=ROOT, check=True)
    found = descriptor_pb2.FileDescriptorSet.FromString((folder / "set").read_bytes())
    ours = [file for file in found.file if file.package == "assay.v1"]
    assert len(ours) == len(PROTOS)
    return ours


Comments = dict[tuple[int, ...], str]


def comments(file: descriptor_pb2.FileDescriptorProto) -> Comments:
    """Leading comments by the path of what they stand above."""
    places = file.source_code_info.location
    return {tuple(place.path): " ".join(place.leading_comments.split()) for place in places}


def fields(
    file: descriptor_pb2.FileDescriptorProto,
) -> Iterator[tuple[str, descriptor_pb2.FieldDescriptorProto, str]]:
    """Message, field and comment of every field; entries of maps are not written by hand."""
    told = comments(file)
    for number, message in enumerate(file.message_type):
        for place, field in enumerate(message.field):
            yield message.name, field, told.get((MESSAGE, number, FIELD, place), "")


def methods(
    file: descriptor_pb2.FileDescriptorProto,
) -> Iterator[tuple[descriptor_pb2.MethodDescriptorProto, str]]:
    """Every rpc with its comment."""
    told = comments(file)
    for number, service in enumerate(file.service):
        for place, method in enumerate(service.method):
            yield method, told.get((SERVICE, number, METHOD, place), "")


def test_every_field_is_documented(files: list[descriptor_pb2.FileDescriptorProto]) -> None:
    """100%: who fills it, in what unit, and what its absence means."""
    bare = [
        f"{message}.{field.name}"
        for file in files
        for message, field, comment in fields(file)
        if not re.match(r"(REQUIRED|OPTIONAL|OUTPUT_ONLY)( in .+)?: .+", comment)
    ]
    assert bare == []


def test_everything_else_is_documented(files: list[descriptor_pb2.FileDescriptorProto]) -> None:
    """Messages, services, rpcs, enums and their values."""
    for file in files:
        told = comments(file)
        paths = [(MESSAGE, n) for n in range(len(file.message_type))]
        paths += [(SERVICE, n) for n in range(len(file.service))]
        paths += [(ENUM, n) for n in range(len(file.enum_type))]
        for number, enum in enumerate(file.enum_type):
            paths += [(ENUM, number, VALUE, place) for place in range(len(enum.value))]
        assert [path for path in paths if not told.get(path)] == []


def test_sizes_and_times_say_their_unit(files: list[descriptor_pb2.FileDescriptorProto]) -> None:
    """A name that speaks of bytes or seconds has a comment that does."""
    for file in files:
        for message, field, comment in fields(file):
            for unit in ("bytes", "seconds"):
                if field.name.endswith(f"_{unit}") or field.name == unit:
                    assert unit in comment, f"{message}.{field.name}"


def test_every_rpc_lists_its_codes_and_they_are_true(
    files: list[descriptor_pb2.FileDescriptorProto],
) -> None:
    """Each reason exists, and stands under the status that the service maps it to."""
    for file in files:
        for method, comment in methods(file):
            _, marker, codes = comment.partition("Codes: ")
            assert marker, method.name
            told = re.findall(r"([A-Z_]+) \(([A-Z_, ]+)\)", codes)
            assert {"UNAVAILABLE", "INTERNAL"} <= {status for status, _ in told}, method.name
            for status, reasons in told:
                for reason in reasons.split(", "):
                    expected = STATUS_OF[kind_of(Code(reason))]
                    assert STATUSES[status] == expected, f"{method.name}: {status} ({reason})"


def test_enums_begin_with_unspecified_and_repeat_their_name(
    files: list[descriptor_pb2.FileDescriptorProto],
) -> None:
    """A value never collides with another enum's, and 0 is never a meaning."""
    enums = [enum for file in files for enum in file.enum_type]
    for enum in enums:
        prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper()
        assert enum.value[0].name == f"{prefix}_UNSPECIFIED"
        assert all(value.name.startswith(f"{prefix}_") for value in enum.value)
    assert {"ExecutionState", "Verdict"} <= {enum.name for enum in enums}


def test_every_change_takes_a_request_id_and_every_list_pages(
    files: list[descriptor_pb2.FileDescriptorProto],
) -> None:
    """AIP-155 and AIP-158, from the first day on."""
    shapes = {m.name: {f.name for f in m.field} for file in files for m in file.message_type}
    for file in files:
        for method, _ in methods(file):
            asked = shapes.get(method.input_type.rpartition(".")[2], set[str]())
            given = shapes.get(method.output_type.rpartition(".")[2], set[str]())
            if MUTATING.match(method.name):
                assert "request_id" in asked, method.name
            if method.name.startswith("List"):
                assert {"page_size", "page_token"} <= asked, method.name
                assert "next_page_token" in given, method.name


def test_no_analyzer_is_known_by_name() -> None:
    """A new analyzer changes the catalogue and nothing here."""
    text = "\n".join(path.read_text() for path in PROTOS).lower()
    known = [analyzer.description.id.lower() for analyzer in catalog.ALL]
    assert known
    assert [name for name in known if name in text] == []


def test_labels_of_maps_are_texts(files: list[descriptor_pb2.FileDescriptorProto]) -> None:
    """Keys of maps are names, so that JSON renderings keep them as they are."""
    for file in files:
        for message in file.message_type:
            for entry in message.nested_type:
                assert entry.field[0].type == FieldDescriptor.TYPE_STRING, message.name


def test_the_stubs_are_what_the_protos_give() -> None:
    """The committed code was generated from the committed protos, with the pinned compiler."""
    tool = [sys.executable, "tools/generate_protos.py", "--check"]
    done = subprocess.run(tool, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_stale_stubs_are_found(tmp_path: Path) -> None:
    """The control: a byte changed in a copy is named, and the check fails."""
    script = (
        "import sys; from pathlib import Path; from tools import generate_protos as tool;"
        "tool.PROTOS = Path(sys.argv[1]); sys.argv[1:] = ['--check']; sys.exit(tool.main())"
    )
    for path in (ROOT / "proto/assay/v1").iterdir():
        if path.is_file():
            target = tmp_path / "assay/v1" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    (tmp_path / "assay/v1/gate_service_pb2.pyi").write_text("# edited by hand\n")
    (tmp_path / "assay/v1/blob_service_pb2.py").unlink()
    tool = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(tool, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "gate_service_pb2.pyi" in done.stderr
    assert "blob_service_pb2.py" in done.stderr


def test_the_stubs_load_without_a_warning() -> None:
    """A fresh interpreter takes them beside the installed protobuf and the installed LRO module."""
    modules = [f"assay.v1.{path.stem}" for path in PROTOS[0].parent.glob("*_pb2*.py")]
    script = f"import sys; sys.path.insert(0, 'proto'); import {', '.join(sorted(modules))}"
    run = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(run, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
