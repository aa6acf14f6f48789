"""Operations are views over rows: whatever is asked of one is asked of its resource."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.longrunning import (  # pyright: ignore[reportMissingTypeStubs] - untyped
    operations_pb2 as pb,
)

from service.client import Client
from service.errors import AssayError, Code
from service.rpc.calls import meaning, open_channel, operations_stub
from service.rpc.ports import AuditView, Finished, OperationView, Problem
from support.rpc_server import Served, make_audit


@pytest.fixture
def audit(served: Served, client: Client) -> str:
    """A queued audit."""
    return make_audit(served, client)


@pytest.fixture
def operation(audit: str) -> str:
    """The operation that makes it."""
    return audit.replace("/audits/", "/operations/audits.")


@pytest.fixture
def stub(served: Served) -> Iterator[Any]:
    """Google's own stub, as any generic client has it."""
    with open_channel(served.address, None) as channel:
        yield operations_stub(channel)


def test_an_operation_is_found_by_its_name(client: Client, audit: str, operation: str) -> None:
    """The name follows from the resource's, so nothing needs to be kept."""
    found = client.operation(operation)
    assert (found.target, found.state, found.done) == (audit, "queued", False)


def test_waiting_ends_with_the_result(
    served: Served, client: Client, audit: str, operation: str
) -> None:
    """The answer is held until the work is done."""
    waiting = client.operation(operation)
    served.run(served.api.happen(audit, Finished("succeeded", "PASS")))
    view = client.wait_operation(waiting, timeout_s=10)
    assert isinstance(view, AuditView)
    assert view.verdict == "PASS"


def test_waiting_raises_why_it_failed(
    served: Served, client: Client, audit: str, operation: str
) -> None:
    """The resource's problem becomes the caller's error."""
    problem = Problem("CHILD_MEMORY", "The model needs more than 8 GiB.", "Raise the limit.")
    served.run(served.api.happen(audit, Finished("failed", problem=problem)))
    with pytest.raises(AssayError) as failed:
        client.wait_operation(client.operation(operation))
    assert failed.value.code is Code.CHILD_MEMORY
    assert failed.value.sentence == problem.sentence


def test_waiting_has_an_end(client: Client, operation: str) -> None:
    """Time is up: the caller hears so, and the audit goes on."""
    begun = time.monotonic()
    with pytest.raises(AssayError, match="was not done within"):
        client.wait_operation(client.operation(operation), timeout_s=0.3)
    assert time.monotonic() - begun < 5
    assert client.operation(operation).state == "queued"


def test_an_end_without_a_result_is_an_error(client: Client, audit: str, operation: str) -> None:
    """Nobody gets None where a resource was promised."""
    odd: OperationView[AuditView] = OperationView(operation, audit, "succeeded")
    with pytest.raises(AssayError, match="ended without a result"):
        client.wait_operation(odd)


def test_a_server_answers_an_open_wait_when_its_time_is_up(stub: Any, operation: str) -> None:  # noqa: ANN401 - untyped stub
    """A timeout of zero is a plain look."""
    answer = stub.WaitOperation(pb.WaitOperationRequest(name=operation, timeout={"seconds": 0}))
    assert not answer.done


def test_cancelling_is_idempotent(client: Client, audit: str, operation: str) -> None:
    """Twice is once, and the end is an error with the code CANCELLED."""
    client.cancel_operation(operation)
    client.cancel_operation(operation)
    assert client.audit(audit).state == "cancelled"
    with pytest.raises(AssayError) as ended:
        client.wait_operation(client.operation(operation))
    assert ended.value.code is Code.CANCELLED
    assert client.cancel_audit(audit).state == "cancelled"


def test_deleting_an_operation_leaves_the_resource(
    stub: Any,  # noqa: ANN401 - untyped stub
    client: Client,
    audit: str,
    operation: str,
) -> None:
    """Not being interested any more neither cancels nor removes."""
    stub.DeleteOperation(pb.DeleteOperationRequest(name=operation))
    assert client.audit(audit).state == "queued"


def test_deleting_an_operation_of_nothing_is_not_found(stub: Any) -> None:  # noqa: ANN401 - untyped stub
    """The name must be of something."""
    request = pb.DeleteOperationRequest(name="projects/local/operations/models.none")
    with pytest.raises(grpc.RpcError) as refused:
        stub.DeleteOperation(request)
    assert meaning(refused.value, "here").code is Code.NOT_FOUND


def test_all_operations_of_a_project_are_listed(
    served: Served,
    stub: Any,  # noqa: ANN401 - untyped stub
    client: Client,
    audit: str,
) -> None:
    """Audits, models and evaluation sets, page by page, each once."""
    view = client.audit(audit)
    request, seen = pb.ListOperationsRequest(name="projects/local", page_size=1), list[str]()
    while True:
        page = stub.ListOperations(request)
        seen += [item.name.rpartition("/")[2].replace(".", "/") for item in page.operations]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert seen == [name.split("/", 2)[2] for name in (audit, view.model, view.eval_set)]


def test_a_draining_server_lets_go_of_waits(
    served: Served, client: Client, audit: str, operation: str
) -> None:
    """A held answer ends when the server drains; the channel asks the next server by itself."""
    waiting = client.operation(operation)
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(client.wait_operation, waiting, 30)
        served.wait_for(lambda: served.api.waiters == 1)
        begun = time.monotonic()
        served.stop(grace_s=60)
        assert time.monotonic() - begun < 10
        served.restart()
        served.run(served.api.happen(audit, Finished("succeeded", "PASS")))
        assert result.result(timeout=20).state == "succeeded"
