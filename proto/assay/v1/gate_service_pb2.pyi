from assay.v1 import common_pb2 as _common_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EvaluateGateRequest(_message.Message):
    __slots__ = ("parent", "audit", "evidence", "policy", "baseline_audit", "baseline_evidence", "waivers", "evaluation_date")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    BASELINE_AUDIT_FIELD_NUMBER: _ClassVar[int]
    BASELINE_EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    WAIVERS_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_DATE_FIELD_NUMBER: _ClassVar[int]
    parent: str
    audit: str
    evidence: bytes
    policy: str
    baseline_audit: str
    baseline_evidence: bytes
    waivers: str
    evaluation_date: str
    def __init__(self, parent: _Optional[str] = ..., audit: _Optional[str] = ..., evidence: _Optional[bytes] = ..., policy: _Optional[str] = ..., baseline_audit: _Optional[str] = ..., baseline_evidence: _Optional[bytes] = ..., waivers: _Optional[str] = ..., evaluation_date: _Optional[str] = ...) -> None: ...

class EvaluateGateResponse(_message.Message):
    __slots__ = ("verdict", "sentence", "verdict_json", "evidence_digest", "policy_digest")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_JSON_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    POLICY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    verdict: _common_pb2.Verdict
    sentence: str
    verdict_json: bytes
    evidence_digest: str
    policy_digest: str
    def __init__(self, verdict: _Optional[_Union[_common_pb2.Verdict, str]] = ..., sentence: _Optional[str] = ..., verdict_json: _Optional[bytes] = ..., evidence_digest: _Optional[str] = ..., policy_digest: _Optional[str] = ...) -> None: ...
