"""Generate, compare or lint the public protos.

    python tools/generate_protos.py            write the stubs beside the protos
    python tools/generate_protos.py --check    fail when what is committed is not what is generated
    python tools/generate_protos.py --lint     run buf's linter (needs npx and, once, the network)

The stubs are made with the 1.81 line of grpcio-tools: later ones write code that no protobuf 6
runtime loads. Every service also gets a ``_pb2_grpc.pyi``, which grpcio-tools does not write.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

from google.protobuf import descriptor_pb2
from grpc_tools import protoc  # pyright: ignore[reportMissingTypeStubs] - the wheel has none

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "proto"
PACKAGE = Path("assay/v1")
INCLUDES = ROOT / "build" / "googleapis"
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")
BUF = "@bufbuild/buf@1.75.0"

# Our imports and what these import in turn. googleapis-common-protos ships the long-running
# operations under another file name than the one their descriptor registers: code generated
# against that name cannot be loaded.
INCLUDED = {
    "google/api/annotations.proto": "google/api/annotations.proto",
    "google/api/client.proto": "google/api/client.proto",
    "google/api/field_behavior.proto": "google/api/field_behavior.proto",
    "google/api/http.proto": "google/api/http.proto",
    "google/api/launch_stage.proto": "google/api/launch_stage.proto",
    "google/longrunning/operations.proto": "google/longrunning/operations_proto.proto",
    "google/rpc/status.proto": "google/rpc/status.proto",
}


def main() -> int:
    """Do what the command line asks for and tell how it went."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", help="compare, change nothing")
    choice.add_argument("--lint", action="store_true", help="run buf lint")
    arguments = parser.parse_args()
    if arguments.lint:
        return lint()
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "stubs"
        generate(fresh)
        return compare(fresh) if arguments.check else replace(fresh)


def generate(into: Path) -> None:
    """Write the stubs of every proto below ``into``."""
    with tempfile.TemporaryDirectory() as folder:
        includes, descriptors = Path(folder) / "include", Path(folder) / "descriptors"
        include_tree(includes)
        into.mkdir(parents=True)
        outputs = [f"--{kind}_out={into}" for kind in ("python", "pyi", "grpc_python")]
        compile_protos(includes, [*outputs, f"--descriptor_set_out={descriptors}"])
        files = descriptor_pb2.FileDescriptorSet.FromString(descriptors.read_bytes())
    modules = {message: module for file in files.file for message, module in messages(file)}
    for file in files.file:
        stub = (into / file.name).with_name(f"{Path(file.name).stem}_pb2_grpc.pyi")
        if file.service and file.name.startswith(PACKAGE.as_posix()):
            stub.write_text("\n".join(typed_stub(file, modules)) + "\n")
        else:  # the compiler writes an empty module for a file without services
            stub.with_suffix(".py").unlink(missing_ok=True)


def include_tree(into: Path) -> None:
    """Lay out the protos of googleapis under the names that their descriptors register."""
    for name, source in INCLUDED.items():
        package, _, file = source.rpartition("/")
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        installed = resources.files(package.replace("/", "."))
        target.write_bytes((installed / file).read_bytes())


def compile_protos(includes: Path, outputs: Iterable[str]) -> None:
    """Run the compiler over every proto of ours."""
    well_known = resources.files("grpc_tools") / "_proto"
    paths = [f"--proto_path={path}" for path in (PROTOS, includes, well_known)]
    ours = sorted(str(path.relative_to(PROTOS)) for path in (PROTOS / PACKAGE).glob("*.proto"))
    arguments = ["protoc", *paths, "--include_imports", *outputs, *ours]
    if protoc.main(arguments):  # pyright: ignore[reportUnknownMemberType] - the wheel has no types
        sys.exit("the protos do not compile")


def messages(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """Full names of a file's messages, each with the module that will hold it."""
    module = f"{file.name.removesuffix('.proto').replace('/', '.')}_pb2"
    for message in file.message_type:
        yield f".{file.package}.{message.name}", module


def typed_stub(file: descriptor_pb2.FileDescriptorProto, modules: dict[str, str]) -> Iterator[str]:
    """Lines that say which messages the stub, the servicer and the adder of a file speak."""
    used = {
        modules[name]
        for service in file.service
        for method in service.method
        for name in (method.input_type, method.output_type)
    }
    yield f"# Generated by tools/{Path(__file__).name}; do not edit."
    yield "from collections.abc import AsyncIterator"
    yield "import grpc"
    yield "import grpc.aio"
    yield from (f"import {module}" for module in sorted(used))
    for service in file.service:
        yield f"class {service.name}Stub:"
        yield "    def __init__(self, channel: grpc.Channel) -> None: ..."
        yield from (stub_line(method, modules) for method in service.method)
        yield f"class {service.name}Servicer:"
        yield from (servicer_line(method, modules) for method in service.method)
        yield (
            f"def add_{service.name}Servicer_to_server"
            f"(servicer: {service.name}Servicer, server: grpc.aio.Server) -> None: ..."
        )


def stub_line(method: descriptor_pb2.MethodDescriptorProto, modules: dict[str, str]) -> str:
    """One rpc as a caller sees it."""
    kinds = ["Stream" if flag else "Unary" for flag in streams(method)]
    asked, given = (python_type(name, modules) for name in (method.input_type, method.output_type))
    return f"    {method.name}: grpc.{''.join(kinds)}MultiCallable[{asked}, {given}]"


def servicer_line(method: descriptor_pb2.MethodDescriptorProto, modules: dict[str, str]) -> str:
    """One rpc as a servicer of the asyncio stack implements it."""
    asked, given = (python_type(name, modules) for name in (method.input_type, method.output_type))
    context = f"grpc.aio.ServicerContext[{asked}, {given}]"
    asks_stream, gives_stream = streams(method)
    request = f"AsyncIterator[{asked}]" if asks_stream else asked
    answer, define = (f"AsyncIterator[{given}]", "def") if gives_stream else (given, "async def")
    head = f"    {define} {method.name}(self, request: {request}, context: {context})"
    return f"{head} -> {answer}: ..."


def streams(method: descriptor_pb2.MethodDescriptorProto) -> tuple[bool, bool]:
    """Whether the caller and whether the servicer streams."""
    return method.client_streaming, method.server_streaming


def python_type(name: str, modules: dict[str, str]) -> str:
    """Where a message is found in Python."""
    return f"{modules[name]}.{name.rpartition('.')[2]}"


def stubs(root: Path) -> dict[Path, bytes]:
    """Every generated file below ``root``."""
    folder = root / PACKAGE
    return {
        path.relative_to(root): path.read_bytes()
        for pattern in GENERATED
        for path in folder.glob(pattern)
    }


def compare(fresh: Path) -> int:
    """Name what differs; 1 when anything does."""
    want, have = stubs(fresh), stubs(PROTOS)
    stale = sorted(
        str(path) for path in want.keys() | have.keys() if want.get(path) != have.get(path)
    )
    for path in stale:
        print(f"not what the protos give: proto/{path}", file=sys.stderr)
    return 1 if stale else 0


def replace(fresh: Path) -> int:
    """Put the fresh stubs beside the protos."""
    for path in stubs(PROTOS):
        (PROTOS / path).unlink()
    for path, content in stubs(fresh).items():
        (PROTOS / path).write_bytes(content)
    return 0


def lint() -> int:
    """Run buf where it finds the protos of googleapis without a registry."""
    shutil.rmtree(INCLUDES, ignore_errors=True)
    include_tree(INCLUDES)
    npx = shutil.which("npx")
    if npx is None:
        sys.exit("buf runs through npx, which comes with Node.js; npx is not on the path")
    return subprocess.run([npx, "--yes", BUF, "lint"], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
