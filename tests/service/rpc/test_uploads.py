"""Files arrive whole or not at all, and no byte travels twice without need."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from assay.v1 import blob_service_pb2 as pb
from assay.v1.blob_service_pb2_grpc import BlobServiceStub
from service.client import Client
from service.errors import AssayError, Code
from service.rpc.calls import meaning, open_channel
from service.rpc.names import upload_name
from service.rpc.ports import FileRef, UploadTarget
from service.rpc.uploads import CHUNK, FileKind, Upload, hashed
from support.rpc_server import Served

UPLOAD = "0b54f0a4-34b2-4d2a-9c5e-0d1f0a0c0b0a"
SIZE = 5 * CHUNK + 17


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of a little more than five chunks."""
    file = tmp_path / "model.onnx"
    file.write_bytes(os.urandom(SIZE))
    return file


@pytest.fixture
def stub(served: Served) -> Iterator[BlobServiceStub]:
    """Bare calls, for what the client would never do."""
    with open_channel(served.address, None) as channel:
        yield BlobServiceStub(channel)


def pieces(target: UploadTarget, *parts: bytes, finish: bool) -> Iterator[pb.WriteBlobRequest]:
    """Messages of an upload from its beginning."""
    offset = 0
    for number, part in enumerate(parts):
        last = finish and number == len(parts) - 1
        name = upload_name(target)
        yield pb.WriteBlobRequest(resource_name=name, offset=offset, data=part, finish=last)
        offset += len(part)


def upload_of(client: Client, path: Path) -> Upload:
    """What the client would run, with the file hashed now."""
    stub = BlobServiceStub(client._channel)  # pyright: ignore[reportPrivateUsage] - the same channel
    return Upload(stub, client.address, "local", path, hashed(path, "model"), lambda _, __: None)


def refusal(stub: BlobServiceStub, requests: Iterator[pb.WriteBlobRequest]) -> AssayError:
    """What the server says to an upload that it does not take."""
    with pytest.raises(grpc.RpcError) as refused:
        stub.WriteBlob(requests)
    return meaning(refused.value, "here")


def test_a_file_arrives_whole(served: Served, client: Client, path: Path) -> None:
    """Digest and size are the file's own, and the blob can be read back."""
    file = client.upload(path, "model")
    body = path.read_bytes()
    assert file == FileRef(hashlib.sha256(body).hexdigest(), SIZE)
    assert served.api.blobs["local", file.digest] == body
    assert b"".join(client.read_blob(file.digest)) == body


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_every_size_around_a_chunk_arrives(client: Client, tmp_path: Path, size: int) -> None:
    """The last chunk finishes the upload, whether it is full or not."""
    file = tmp_path / "file"
    file.write_bytes(os.urandom(size))
    assert b"".join(client.read_blob(client.upload(file, "data").digest)) == file.read_bytes()


def test_a_known_file_sends_nothing(served: Served, client: Client, path: Path) -> None:
    """The second upload of the same bytes is one question and no data."""
    client.upload(path, "model")
    before = served.api.bytes_received
    client.upload(path, "model")
    assert served.api.bytes_received == before


def test_another_project_must_send_it_itself(served: Served, client: Client, path: Path) -> None:
    """Existence in one project tells another nothing: no oracle for who has which model."""
    client.upload(path, "model")
    with served.client("other") as other:
        other.upload(path, "model")
    assert served.api.bytes_received == 2 * SIZE


def test_progress_ends_at_the_size(client: Client, path: Path) -> None:
    """What has been sent grows, and ends at the file's size."""
    told: list[tuple[int, int]] = []
    client.upload(path, "model", lambda sent, total: told.append((sent, total)))
    assert told == sorted(told)
    assert told[-1] == (SIZE, SIZE)


def test_an_upload_cut_by_the_server_goes_on_where_it_ended(
    served: Served, client: Client, path: Path
) -> None:
    """The store fails in the middle; the client asks how far it came and sends only the rest."""
    served.api.cut_after = 2 * CHUNK
    file = client.upload(path, "model")
    assert served.api.cut_after is None  # it did fail once
    assert served.api.blobs["local", file.digest] == path.read_bytes()
    assert served.api.bytes_received == SIZE


def test_an_upload_cut_by_its_client_is_resumed_by_another(
    served: Served, client: Client, stub: BlobServiceStub, path: Path
) -> None:
    """A process that died half way leaves what arrived; the next process sends only the rest."""
    target = upload_of(client, path)._target(0)  # pyright: ignore[reportPrivateUsage] - the name that both choose
    body = path.read_bytes()
    stub.WriteBlob(pieces(target, body[:CHUNK], body[CHUNK : 3 * CHUNK], finish=False))
    assert served.api.bytes_received == 3 * CHUNK
    client.upload(path, "model")
    assert served.api.bytes_received == SIZE


def test_an_upload_goes_on_past_a_foreign_writer(
    served: Served, client: Client, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the shared upload stays stuck at a wrong offset, the client begins one of its own."""
    monkeypatch.setattr("service.rpc.uploads.PAUSE_S", 0.001)
    shared = upload_of(client, path)._target(0)  # pyright: ignore[reportPrivateUsage] - the name under attack
    stuck = served.api.uploads.setdefault(shared, bytearray())
    served.api.lie_about = (shared, 7)
    client.upload(path, "model")
    assert stuck == b""
    assert served.api.blobs["local", hashed(path, "model").digest] == path.read_bytes()


def test_a_store_that_stays_away_is_given_up(
    served: Served, client: Client, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several tries that move nothing end with the store's own error."""
    monkeypatch.setattr("service.rpc.uploads.PAUSE_S", 0.001)
    served.api.refuse_writes = True
    with pytest.raises(AssayError) as failed:
        client.upload(path, "model")
    assert failed.value.code is Code.STORE_UNAVAILABLE


def test_a_server_that_stops_reading_is_asked_again(
    served: Served, client: Client, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer before the end that does not say complete is a cut like any other."""
    monkeypatch.setattr("service.rpc.uploads.PAUSE_S", 0.001)
    served.api.give_up_writes = 2
    file = client.upload(path, "model")
    assert served.api.blobs["local", file.digest] == path.read_bytes()


def test_reading_ends_quietly_when_the_call_ended_first(client: Client, path: Path) -> None:
    """An early success closes the file under the thread that still reads; that is no error."""
    upload = upload_of(client, path)
    file = path.open("rb")
    requests = upload._requests(file, upload._target(0), 0)  # pyright: ignore[reportPrivateUsage] - gRPC's thread runs it
    assert next(requests).finish is False
    file.close()
    assert [request.finish for request in requests] == [True]


def test_other_bytes_than_announced_are_not_kept(served: Served, stub: BlobServiceStub) -> None:
    """A wrong digest is told, and nothing becomes visible under it."""
    target = UploadTarget("local", UPLOAD, FileRef("0" * 64, 5))
    assert refusal(stub, pieces(target, b"hello", finish=True)).code is Code.BLOB_DIGEST_MISMATCH
    assert served.api.blobs == {}


def test_a_finish_before_the_end_is_truncation(served: Served, stub: BlobServiceStub) -> None:
    """Fewer bytes than announced are refused, whatever their digest."""
    target = UploadTarget("local", UPLOAD, FileRef("0" * 64, 10))
    assert refusal(stub, pieces(target, b"hello", finish=True)).code is Code.BLOB_TRUNCATED
    assert served.api.blobs == {}


def test_more_than_announced_is_refused(stub: BlobServiceStub) -> None:
    """The size in the name is a promise."""
    target = UploadTarget("local", UPLOAD, FileRef("0" * 64, 3))
    assert refusal(stub, pieces(target, b"hello", finish=True)).code is Code.BLOB_TOO_LARGE


def test_a_gap_is_refused(stub: BlobServiceStub) -> None:
    """A piece begins where the last one ended."""
    name = upload_name(UploadTarget("local", UPLOAD, FileRef("0" * 64, 9)))
    request = pb.WriteBlobRequest(resource_name=name, offset=4, data=b"hello")
    assert refusal(stub, iter([request])).code is Code.UPLOAD_OFFSET_MISMATCH


def test_the_name_stays_the_same_within_a_stream(stub: BlobServiceStub) -> None:
    """One stream, one blob."""
    file = FileRef("0" * 64, 9)
    one, two = (upload_name(UploadTarget(project, UPLOAD, file)) for project in ("a", "b"))
    requests = [
        pb.WriteBlobRequest(resource_name=one, data=b"abc"),
        pb.WriteBlobRequest(offset=3, data=b"def"),
        pb.WriteBlobRequest(resource_name=two, offset=6, data=b"ghi", finish=True),
    ]
    assert "changed within the stream" in refusal(stub, iter(requests)).sentence


def test_an_empty_stream_is_refused(stub: BlobServiceStub) -> None:
    """A stream that ends before it begins names no upload."""
    assert "never came" in refusal(stub, iter(())).sentence


def test_a_cancelled_stream_keeps_what_arrived(served: Served, stub: BlobServiceStub) -> None:
    """The client goes away in the middle of the call; the bytes so far can be resumed."""
    target = UploadTarget("local", UPLOAD, FileRef("0" * 64, 100))

    def slow() -> Iterator[pb.WriteBlobRequest]:
        yield from pieces(target, b"hello", finish=False)
        served.wait_for(lambda: served.api.bytes_received == 5)
        call.cancel()  # pyright: ignore[reportUnknownMemberType] - open stubs

    call = stub.WriteBlob.future(slow())
    with pytest.raises(grpc.FutureCancelledError):
        call.result(timeout=10)
    request = pb.QueryWriteStatusRequest(resource_name=upload_name(target))
    assert stub.QueryWriteStatus(request).committed_bytes == 5


def test_a_blob_is_read_in_parts(client: Client, stub: BlobServiceStub, path: Path) -> None:
    """Offset and limit cut out what a resumed download needs."""
    file = client.upload(path, "model")
    request = pb.ReadBlobRequest(name=f"projects/local/blobs/{file.digest}", offset=10, limit=20)
    read = b"".join(answer.data for answer in stub.ReadBlob(request))
    assert read == path.read_bytes()[10:30]


def test_a_missing_blob_is_not_found(client: Client) -> None:
    """The reason tells a blob from a resource."""
    with pytest.raises(AssayError) as refused:
        list(client.read_blob("0" * 64))
    assert refused.value.code is Code.BLOB_MISSING
    assert refused.value.details == {"digest": "0" * 64}


@pytest.mark.parametrize(
    ("kind", "empty", "folder"),
    [
        ("model", Code.MODEL_EMPTY, Code.MODEL_NOT_A_FILE),
        ("data", Code.DATA_EMPTY, Code.DATA_NOT_A_FILE),
    ],
)
def test_what_is_no_file_is_told_before_anything_is_sent(
    served: Served, client: Client, tmp_path: Path, kind: FileKind, empty: Code, folder: Code
) -> None:
    """Missing, a folder, a pipe and an empty file each have their own reason."""
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    expected = {"none": Code.FILE_NOT_FOUND, "empty": empty, "pipe": folder, "": folder}
    for name, code in expected.items():
        with pytest.raises(AssayError) as refused:
            client.upload(tmp_path / name, kind)
        assert refused.value.code is code
        assert refused.value.details["path"] == str(tmp_path / name)
    assert served.api.received == []


def test_a_file_that_vanishes_is_told_as_such(client: Client, path: Path) -> None:
    """Between hashing and sending the file is gone: the user's own words, not a gRPC error."""
    upload = upload_of(client, path)
    path.unlink()
    with pytest.raises(AssayError) as refused:
        upload.run(10)
    assert refused.value.code is Code.FILE_NOT_FOUND


def test_a_file_that_changed_is_refused(client: Client, path: Path) -> None:
    """Bytes that changed after hashing never become a blob under the old digest."""
    upload = upload_of(client, path)
    path.write_bytes(os.urandom(SIZE))
    with pytest.raises(AssayError) as refused:
        upload.run(10)
    assert refused.value.code is Code.BLOB_DIGEST_MISMATCH
