"""What a client asks reaches the port as it was meant, and comes back as it was said."""

import grpc
import pytest

from analyzers.contract import InputSpec
from assay.v1.audit_service_pb2 import CreateAuditRequest, ListAuditsRequest
from assay.v1.audit_service_pb2_grpc import AuditServiceStub
from service.client import Client
from service.errors import AssayError, Code
from service.rpc.calls import meaning, open_channel
from service.rpc.ports import (
    AnalyzerSpec,
    AuditQuery,
    Estimate,
    Finished,
    GateQuery,
    NewAudit,
    NewEvalSet,
    NewModel,
    ReportQuery,
)
from service.wire.audits import new_audit_to_pb
from support.memory_api import NOW
from support.rpc_server import Served, make_audit

REQUEST_ID = "0b54f0a4-34b2-4d2a-9c5e-0d1f0a0c0b0a"


@pytest.fixture
def audit(served: Served, client: Client) -> str:
    """A queued audit."""
    return make_audit(served, client)


def test_a_model_is_taken_in_as_declared(served: Served, client: Client, audit: str) -> None:
    """Preprocessing, format and name reach the port, and the view comes back."""
    file = client.model(client.audit(audit).model).file
    spec = InputSpec("nhwc", 255.0, (0.5,), (0.25,))
    wish = NewModel(file, format="onnx", input_spec=spec, display_name="Gate")
    view = client.wait_operation(client.create_model(wish))
    assert client.model(view.name) == view
    assert (view.input_spec, view.display_name, view.created) == (spec, "Gate", NOW)


def test_a_slice_reaches_the_port(served: Served, client: Client, audit: str) -> None:
    """FILE[0:200] is 200 images."""
    file = client.model(client.audit(audit).model).file
    view = client.wait_operation(client.create_eval_set(NewEvalSet(file, rows=(0, 200))))
    assert view.facts is not None
    assert view.facts.n == 200
    assert client.eval_set(view.name) == view


def test_an_audit_reaches_the_port_as_it_was_asked_for(
    served: Served, client: Client, audit: str
) -> None:
    """Every wish of the caller arrives; the client adds project and request id."""
    view = client.audit(audit)
    wish = NewAudit(
        view.model,
        view.eval_set,
        policy="threats: {}",
        profile="deep",
        seed=0,
        expected_accuracy=0.0,
        analyzers=[AnalyzerSpec("structure.filters", {"level": 0.5})],
    )
    client.create_audit(wish)
    asked = next(item for item in reversed(served.api.received) if isinstance(item, NewAudit))
    assert (asked.seed, asked.expected_accuracy, asked.profile) == (0, 0.0, "deep")
    assert asked.analyzers == wish.analyzers
    assert asked.request_id


def test_a_trial_run_keeps_nothing(client: Client, audit: str) -> None:
    """validate_only answers with an estimate, and no audit appears."""
    before = list(client.list_audits())
    view = client.audit(audit)
    operation = client.create_audit(
        NewAudit(view.model, view.eval_set, policy="a: 1", validate_only=True)
    )
    assert client.wait_operation(operation).estimate == Estimate(12, 500, 34.5)
    assert list(client.list_audits()) == before


def test_the_same_request_id_gives_the_first_answer(
    served: Served, client: Client, audit: str
) -> None:
    """A repeated wish does not make a second audit; the id reaches the port."""
    view = client.audit(audit)
    wish = NewAudit(view.model, view.eval_set, policy="a: 1", request_id=REQUEST_ID)
    first, second = client.create_audit(wish), client.create_audit(wish)
    assert first.name == second.name
    assert REQUEST_ID in served.api.answers


def test_without_one_every_wish_is_its_own(client: Client, audit: str) -> None:
    """The control: two wishes without an id of the caller's are two audits."""
    view = client.audit(audit)
    wish = NewAudit(view.model, view.eval_set, policy="a: 1")
    assert client.create_audit(wish).name != client.create_audit(wish).name


def test_a_request_id_of_another_wish_is_refused(client: Client, audit: str) -> None:
    """An id names one wish."""
    view = client.audit(audit)
    wish = NewAudit(view.model, view.eval_set, policy="a: 1", request_id=REQUEST_ID)
    client.create_audit(wish)
    with pytest.raises(AssayError) as refused:
        client.create_audit(NewAudit(view.model, view.eval_set, policy="b", request_id=REQUEST_ID))
    assert refused.value.code is Code.REQUEST_ID_REUSED


def test_an_audit_becomes_a_baseline_and_stops_being_one(client: Client, audit: str) -> None:
    """Told back with the time, and listed among the others only when asked for all."""
    assert not [*client.list_audits(AuditQuery("", 9, baselines=True))]
    assert client.set_baseline(audit).baseline_since is not None
    assert [one.name for one in client.list_audits(AuditQuery("", 9, baselines=True))] == [audit]
    assert client.set_baseline(audit, withdraw=True).baseline_since is None


def test_every_change_carries_a_request_id(served: Served, client: Client, audit: str) -> None:
    """Cancel and delete may be sent again by the channel, so they carry an id as well."""
    client.cancel_audit(audit)
    assert len(served.api.changes.pop(audit)) == 36
    view = client.audit(audit)
    client.delete_audit(audit)
    client.delete_model(view.model)
    client.delete_eval_set(view.eval_set)
    assert served.api.changes.keys() == {audit, view.model, view.eval_set}
    assert all(len(text) == 36 for text in served.api.changes.values())


def test_lists_walk_through_all_pages(
    served: Served, client: Client, audit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small the pages, each item comes once, newest first."""
    monkeypatch.setattr("service.client.PAGE", 2)
    view = client.audit(audit)
    names = [audit] + [
        client.create_audit(NewAudit(view.model, view.eval_set, policy="a: 1")).target
        for _ in range(4)
    ]
    assert [item.name for item in client.list_audits()] == names[::-1]
    file = client.model(view.model).file
    for _ in range(2):
        client.create_model(NewModel(file))
        client.create_eval_set(NewEvalSet(file))
    assert len({item.name for item in client.list_models()}) == 3
    assert len({item.name for item in client.list_eval_sets()}) == 3


def test_lists_are_narrowed_by_conditions(served: Served, client: Client, audit: str) -> None:
    """State, verdict, model and evaluation set each narrow the list."""
    served.run(served.api.happen(audit, Finished("succeeded", "FAIL")))
    view = client.audit(audit)
    other = client.create_audit(NewAudit(view.model, view.eval_set, policy="a: 1")).target

    def found(**conditions: object) -> list[str]:
        query = AuditQuery("local", 50, **conditions)  # pyright: ignore[reportArgumentType] - by name
        return [item.name for item in client.list_audits(query)]

    assert found(states=["queued"]) == [other]
    assert found(verdicts=["FAIL"]) == [audit]
    assert found(model=view.model, eval_set=view.eval_set) == [other, audit]
    assert found(model="projects/local/models/other") == []


def test_a_page_token_of_another_list_is_refused(
    served: Served, client: Client, audit: str
) -> None:
    """The seal holds over real calls: a token does not carry over to other conditions."""
    view = client.audit(audit)
    client.create_audit(NewAudit(view.model, view.eval_set, policy="a: 1"))
    with open_channel(served.address, None) as channel:
        stub = AuditServiceStub(channel)
        asked = ListAuditsRequest(parent="projects/local", page_size=1)
        token = stub.ListAudits(asked).next_page_token
        asked.page_token = token
        assert len(stub.ListAudits(asked).audits) == 1
        asked.model = view.model
        with pytest.raises(grpc.RpcError) as refused:
            stub.ListAudits(asked)
    assert meaning(refused.value, "here").code is Code.PAGE_TOKEN_INVALID


def test_a_project_sees_only_its_own(served: Served, client: Client, audit: str) -> None:
    """Lists of another project are empty."""
    with served.client("other") as other:
        assert list(other.list_audits()) == []
        assert list(other.list_models()) == []


def test_a_report_comes_inline_as_far_as_it_fits(
    served: Served, client: Client, audit: str
) -> None:
    """Small files travel in the answer; the page comes by digest, and is whole."""
    served.run(served.api.happen(audit, Finished("succeeded", "PASS")))
    report = client.report(ReportQuery(audit))
    inline = {artifact.name: artifact.data is not None for artifact in report.artifacts}
    assert inline == {"evidence.json": True, "report.html": False}
    bodies = {artifact.name: client.artifact(artifact) for artifact in report.artifacts}
    assert bodies["evidence.json"] == b'{"facts":{}}'
    assert len(bodies["report.html"]) == 1_500_000
    assert (report.verdict, report.sentence) == ("PASS", "It passed.")


def test_a_report_before_the_end_is_not_ready(client: Client, audit: str) -> None:
    """There is no report of half an audit."""
    with pytest.raises(AssayError) as refused:
        client.report(ReportQuery(audit, ["evidence.json"]))
    assert refused.value.code is Code.NOT_READY


def test_a_gate_judges_evidence_that_the_caller_brings(client: Client) -> None:
    """The verdict depends on the evidence alone; nothing needs to be on the server."""
    good = client.evaluate_gate(GateQuery("a: 1", evidence=b"fine"))
    bad = client.evaluate_gate(GateQuery("a: 1", evidence=b"broken"))
    assert (good.verdict, bad.verdict) == ("PASS", "FAIL")


def test_capabilities_come_back(client: Client) -> None:
    """Limits and the engine class are there for a client to act on."""
    able = client.capabilities()
    assert able.limits.preferred_chunk == 256 << 10
    assert able.engine == {"device": "cpu"}


def test_a_message_of_more_than_4_mib_is_refused_before_it_is_sent(client: Client) -> None:
    """The client says so in words instead of a transport's."""
    with pytest.raises(AssayError, match="larger than the 4 MiB") as refused:
        client.evaluate_gate(GateQuery("a: 1", evidence=bytes(5 << 20)))
    assert refused.value.code is Code.REQUEST_INVALID


def test_a_message_of_more_than_4_mib_is_refused_by_the_server(
    served: Served, client: Client, audit: str
) -> None:
    """A client without limits of its own meets the server's, and the port sees nothing."""
    view = client.audit(audit)
    message = new_audit_to_pb(NewAudit(view.model, view.eval_set, policy="x" * (5 << 20)))
    before = len(served.api.received)
    with grpc.insecure_channel(served.address) as channel, pytest.raises(grpc.RpcError) as refused:
        AuditServiceStub(channel).CreateAudit(message)
    assert "larger than the 4 MiB" in meaning(refused.value, "here").sentence
    assert len(served.api.received) == before


def test_a_message_just_below_arrives(client: Client) -> None:
    """The control: the limit is where it is said to be."""
    query = GateQuery("a: 1", evidence=bytes((4 << 20) - 1000))
    assert client.evaluate_gate(query).verdict == "PASS"


def test_an_empty_request_is_refused_in_words(served: Served) -> None:
    """A request without any field is answered by the first field that it lacks."""
    with open_channel(served.address, None) as channel, pytest.raises(grpc.RpcError) as refused:
        AuditServiceStub(channel).CreateAudit(CreateAuditRequest())
    assert meaning(refused.value, "here").details == {"field": "parent"}
