"""One sample of everything that crosses the wire, with no field left at its default."""

from datetime import UTC, datetime

from analyzers.contract import (
    DataFacts,
    Description,
    FindingRule,
    InputSpec,
    Measurement,
    MetricSpec,
    SubjectFacts,
    View,
)
from service.intake.reading import Reading
from service.rpc.ports import (
    AnalyzerSpec,
    Artifact,
    AuditQuery,
    AuditView,
    Bracket,
    Capabilities,
    Estimate,
    EvalSetView,
    FileRef,
    Format,
    GateQuery,
    GateView,
    Limits,
    ListQuery,
    MeasurementView,
    ModelView,
    NewAudit,
    NewEvalSet,
    NewModel,
    Problem,
    Progress,
    ReportQuery,
    ReportView,
    Series,
)

FILE = FileRef("ab" * 32, 123_456_789_012)
MODEL = "projects/team-7/models/m-1"
EVAL_SET = "projects/team-7/evalSets/e-1"
AUDIT = "projects/team-7/audits/a-1"
REQUEST_ID = "0b54f0a4-34b2-4d2a-9c5e-0d1f0a0c0b0a"
BEGUN = datetime(2026, 11, 21, 9, 30, 0, 125000, tzinfo=UTC)
ENDED = datetime(2026, 11, 21, 9, 31, 7, 1, tzinfo=UTC)

INPUT_SPEC = InputSpec(
    "nhwc", 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), dtype="uint8", axes=(1024, 3)
)
PROBLEM = Problem(
    "MODEL_BROKEN",
    "The file ends in the middle of a tensor.",
    "Export the model again.",
    {"node": "conv_3"},
)
SUBJECT_FACTS = SubjectFacts(
    digest="1" * 64,
    classes=1000,
    shape=(3, 224, 192),
    batch="one",
    gradient_gap="Loop at node 7",
    bn_folded="yes",
    parameters=86_000_000_000,
    twin="rounding: op QuantizeLinear at QuantizeLinear_0",
    uploaded=True,
    source_weights="6" * 64,
    freed=True,
)
DATA_FACTS = DataFacts("2" * 64, 500, 10, eight_bit=True)
SPEC = AnalyzerSpec(
    "attacks.linf",
    {"eps": "8/255", "rounds": 3, "share": 0.25, "deep": [1, None, {"on": True}], "none": None},
)
PROGRESS = Progress("attacks.linf", 3, 12, "images 40 to 60", 2, 9, 75.5)
BRACKET = Bracket(
    threat="Linf:8/255:white:gate",
    population=500,
    prefix=60,
    standing=21,
    fallen=38,
    pending=1,
    certified=7,
    low=0.07,
    high=0.93,
    level=0.99,
    claim="population",
)
MODEL_VIEW = ModelView(
    name=MODEL,
    file=FILE,
    state="succeeded",
    created=BEGUN,
    input_spec=INPUT_SPEC,
    display_name="Gate classifier, März",
    format="onnx",
    architecture="resnet18",
    output="scores",
    canonical_digest="3" * 64,
    facts=SUBJECT_FACTS,
    ended=ENDED,
)
EVAL_SET_VIEW = EvalSetView(
    name=EVAL_SET,
    file=FILE,
    state="succeeded",
    created=BEGUN,
    rows=(100, 600),
    reading=Reading("nchw", "bgr", "0-1", cues=True),
    withheld=True,
    display_name="Street signs",
    format="npz",
    facts=DATA_FACTS,
    ended=ENDED,
)
AUDIT_VIEW = AuditView(
    name=AUDIT,
    model=MODEL,
    eval_set=EVAL_SET,
    state="succeeded",
    created=BEGUN,
    verdict="INCONCLUSIVE",
    profile="release",
    seed=2**62,
    analyzers=[SPEC],
    baseline="projects/team-7/audits/a-0",
    cue_set="projects/team-7/evalSets/e-2",
    policy_digest="4" * 64,
    evidence_digest="5" * 64,
    brackets=[BRACKET],
    progress=PROGRESS,
    estimate=Estimate(12, 500, 34.5, forward=9, backward=4, bytes=77, known=3),
    sequence=17,
    subject="gate-classifier",
    baseline_since=ENDED,
    started=BEGUN,
    ended=ENDED,
)
NEW_MODEL = NewModel(
    file=FILE,
    project="team-7",
    request_id=REQUEST_ID,
    format="safetensors",
    architecture="resnet18",
    output="scores",
    input_spec=INPUT_SPEC,
    display_name="Gate classifier",
)
READING = Reading("nhwc", "bgr", "0-255", cues=True)
NEW_EVAL_SET = NewEvalSet(
    FILE, "team-7", REQUEST_ID, (0, 500), "Street signs", READING, withheld=True
)
NEW_AUDIT = NewAudit(
    model=MODEL,
    eval_set=EVAL_SET,
    project="team-7",
    request_id=REQUEST_ID,
    policy="apiVersion: assay/v1\n",
    waivers="- id: W-1\n",
    baseline="projects/team-7/audits/a-0",
    cue_set="projects/team-7/evalSets/e-2",
    baseline_evidence=b"{}",
    profile="pr",
    subject="gate-classifier",
    seed=7,
    expected_accuracy=0.913,
    deadline_seconds=90.5,
    analyzers=[SPEC],
    look="full",
    skip_cache=True,
    evidence_only=True,
    validate_only=True,
)
LIST_QUERY = ListQuery("team-7", 20)
AUDIT_QUERY = AuditQuery(
    "team-7",
    20,
    model=MODEL,
    eval_set=EVAL_SET,
    states=["running", "failed"],
    verdicts=["FAIL", "ERROR"],
    baselines=True,
)
MEASUREMENT = MeasurementView(
    "behaviour.frequency",
    Measurement(
        metric="robust_accuracy",
        outcome="measured",
        scope={"threat": "Linf:8/255:white:gate"},
        value=0.42,
        counts={"population": 500, "standing": 210},
        bound="upper",
        grade="A",
        limit=0.02,
        view=View("dots_over_band", "Filters", {"dots": [1, 2.5]}, "Lower is rarer."),
        note="Stopped early.",
    ),
    [Series("white", (0.0, 1.0), (0.9, 0.4), (0.8, 0.3), (1.0, 0.5))],
)
ARTIFACT = Artifact("report.html", "text/html", FILE, b"<p>")
REPORT_QUERY = ReportQuery(AUDIT, ["evidence.json"], 0, measurements=True)
REPORT_VIEW = ReportView(AUDIT, "FAIL", "It fails.", [ARTIFACT], [MEASUREMENT])
GATE_QUERY = GateQuery(
    policy="apiVersion: assay/v1\n",
    project="team-7",
    evidence=b'{"facts":{}}',
    baseline="projects/team-7/audits/a-0",
    waivers="- id: W-1\n",
    date="2026-11-21",
)
GATE_VIEW = GateView("PASS", "It passes.", b"{}", "6" * 64, "7" * 64)
RULE = FindingRule(
    id="FIL-DEAD",
    metric="dead",
    comparison="below",
    threshold=0.1,
    severity="critical",
    grade="C",
    statement="{value} of {limit}",
    remedy="Train longer.",
)
DESCRIPTION = Description(
    id="structure.filters",
    version="3",
    title="Filters",
    summary="What the filters look like.",
    reference="arXiv:2204.08601",
    schema={"type": "object", "properties": {"level": {"maximum": 0.5}}},
    metrics=(MetricSpec("dead", "Filters that are zero.", "count", "C", True, (0.0, 64.0)),),
    needs=("behaviour.preflight",),
    threats=("Linf",),
    indicators=("dead",),
    findings=(RULE,),
    edges=(20, 40),
    first=True,
    vouches=True,
    cues=True,
    average_case=True,
    on_demand=True,
)
CAPABILITIES = Capabilities(
    version="0.1.0",
    formats=[Format("safetensors", "safetensors weights", needs_architecture=True)],
    architectures=["resnet18"],
    analyzers=[DESCRIPTION],
    threats=["Linf"],
    sandbox_level="L3",
    engine={"device": "cpu", "isa": "avx2"},
    providers=["CPUExecutionProvider"],
    profiles=("smoke", "deep"),
    digest_functions=("sha256", "blake3"),
    api_versions=("assay.v1", "assay.v2"),
    limits=Limits(1, 2, 3, 4, 5, 6),
)
