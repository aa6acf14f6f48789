"""Calls are counted under the ecosystem's names, and labels stay closed sets."""

from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from service.client import Client
from service.errors import AssayError, Code
from service.rpc.server import SERVICES
from support.rpc_server import Served, make_audit

LABELS = {
    "grpc_type": "unary",
    "grpc_service": "assay.v1.ModelService",
    "grpc_method": "GetModel",
}


def sample(registry: CollectorRegistry, name: str, **labels: str) -> float:
    """A sample's value; 0 while it does not exist."""
    return registry.get_sample_value(name, labels) or 0.0


def settled(served: Served, name: str, value: float, **labels: str) -> None:
    """A count reaches a value; the client may be back before the server has counted."""
    served.wait_for(lambda: sample(served.registry, name, **labels) == value)


def test_a_call_is_counted_from_beginning_to_end(served: Served, client: Client) -> None:
    """One call: started, received, handled OK, sent, timed."""
    client.capabilities()
    labels = {
        "grpc_type": "unary",
        "grpc_service": "assay.v1.CapabilitiesService",
        "grpc_method": "GetCapabilities",
    }
    settled(served, "grpc_server_handled_total", 1, grpc_code="OK", **labels)
    settled(served, "grpc_server_started_total", 1, **labels)
    settled(served, "grpc_server_msg_received_total", 1, **labels)
    settled(served, "grpc_server_msg_sent_total", 1, **labels)
    settled(served, "grpc_server_handling_seconds_count", 1, **labels)


@pytest.mark.parametrize(
    ("planted", "status"),
    [
        (AssayError(Code.NOT_FOUND, "No.", "Look."), "NOT_FOUND"),
        (AssayError(Code.IN_USE, "No.", "Look."), "ABORTED"),
        (RuntimeError("oh"), "INTERNAL"),
    ],
)
def test_a_failure_is_counted_by_its_status(
    served: Served, client: Client, planted: Exception, status: str
) -> None:
    """Alerts on the share of errors see what clients see."""
    served.api.plant = planted
    with pytest.raises(AssayError):
        client.model("projects/local/models/m")
    settled(served, "grpc_server_handled_total", 1, grpc_code=status, **LABELS)


def test_each_message_of_a_stream_is_counted(served: Served, client: Client) -> None:
    """Three pieces go out in one call."""
    served.api.blobs["local", "0" * 64] = bytes(3 << 20)
    list(client.read_blob("0" * 64))
    labels = {
        "grpc_type": "server_stream",
        "grpc_service": "assay.v1.BlobService",
        "grpc_method": "ReadBlob",
    }
    settled(served, "grpc_server_msg_sent_total", 3, **labels)
    settled(served, "grpc_server_handled_total", 1, grpc_code="OK", **labels)


def test_a_watch_that_its_client_leaves_is_cancelled(served: Served, client: Client) -> None:
    """Leaving a stream is no error of the server, and nothing keeps waiting there."""
    name = make_audit(served, client)
    served.run(served.api.tell(name, "first"))
    watch = client.watch_audit(name)
    next(watch)
    watch.close()
    labels = {
        "grpc_type": "server_stream",
        "grpc_service": "assay.v1.AuditService",
        "grpc_method": "WatchAudit",
    }
    settled(served, "grpc_server_handled_total", 1, grpc_code="CANCELLED", **labels)
    served.wait_for(lambda: served.api.watchers == 0)


def test_a_method_that_does_not_exist_makes_no_label(served: Served) -> None:
    """Whoever calls invented names cannot grow the registry."""
    before = generate_latest(served.registry)
    with grpc.insecure_channel(served.address) as opened:
        bare: Any = opened  # the stubs leave messages open
        for number in range(20):
            with pytest.raises(grpc.RpcError):
                bare.unary_unary(f"/assay.v1.Evil{number}/Do")(b"")
    assert generate_latest(served.registry) == before


def test_labels_name_only_what_is_served(served: Served, client: Client) -> None:
    """After use of several services, every label value comes from a known set."""
    make_audit(served, client)
    list(client.list_audits())
    services = {
        sample.labels["grpc_service"]
        for family in served.registry.collect()
        for sample in family.samples
    }
    assert services <= set(SERVICES)
    assert len(services) >= 3
