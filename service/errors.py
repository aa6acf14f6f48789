"""One error type: a stable code, one sentence in the user's words, and what to do next."""

from enum import IntEnum, StrEnum


class Exit(IntEnum):
    """Exit codes of the command line; the verdict alone decides between the first four."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INCONCLUSIVE = 3
    INFRASTRUCTURE = 4
    UNUSABLE = 5
    INTEGRITY = 6
    INTERRUPTED = 130


class Kind(StrEnum):
    """Who can mend it; the wire maps a kind to a status, the command line to an exit code."""

    USAGE = "usage"
    UNUSABLE = "unusable"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    INTEGRITY = "integrity"
    BUSY = "busy"
    INTERNAL = "internal"
    CANCELLED = "cancelled"


class Code(StrEnum):
    """Every reason that leaves the service. A code is never renamed and never reused."""

    # model
    MODEL_EMPTY = "MODEL_EMPTY"
    MODEL_NOT_RECOGNISED = "MODEL_NOT_RECOGNISED"
    MODEL_NOT_A_FILE = "MODEL_NOT_A_FILE"
    MODEL_BROKEN = "MODEL_BROKEN"
    MODEL_OPERATOR_UNSUPPORTED = "MODEL_OPERATOR_UNSUPPORTED"
    MODEL_INPUT_UNSUPPORTED = "MODEL_INPUT_UNSUPPORTED"
    MODEL_OUTPUT_UNSUPPORTED = "MODEL_OUTPUT_UNSUPPORTED"
    MODEL_ONE_OUTPUT = "MODEL_ONE_OUTPUT"
    MODEL_LOGITS_NOT_FINITE = "MODEL_LOGITS_NOT_FINITE"
    MODEL_UNSTABLE = "MODEL_UNSTABLE"
    MODEL_CANONICAL_DIFFERS = "MODEL_CANONICAL_DIFFERS"
    MODEL_TOO_LARGE = "MODEL_TOO_LARGE"
    MODEL_TOO_COMPLEX = "MODEL_TOO_COMPLEX"
    MODEL_EXTERNAL_DATA_UNSAFE = "MODEL_EXTERNAL_DATA_UNSAFE"
    FORMAT_EXECUTABLE = "FORMAT_EXECUTABLE"
    PICKLE_EXECUTABLE = "PICKLE_EXECUTABLE"
    PICKLE_GLOBAL_NOT_ALLOWED = "PICKLE_GLOBAL_NOT_ALLOWED"
    PT2_CONTAINS_PICKLE = "PT2_CONTAINS_PICKLE"
    PT2_NATIVE_CODE = "PT2_NATIVE_CODE"
    TORCHSCRIPT_DISABLED = "TORCHSCRIPT_DISABLED"
    TORCHSCRIPT_OP_FORBIDDEN = "TORCHSCRIPT_OP_FORBIDDEN"
    MAR_NO_SUPPORTED_MODEL = "MAR_NO_SUPPORTED_MODEL"
    ARCHIVE_UNSAFE = "ARCHIVE_UNSAFE"
    ARCHITECTURE_MISSING = "ARCHITECTURE_MISSING"
    ARCHITECTURE_UNKNOWN = "ARCHITECTURE_UNKNOWN"
    ARCHITECTURE_MISMATCH = "ARCHITECTURE_MISMATCH"
    PREPROCESSING_INVALID = "PREPROCESSING_INVALID"
    DEADLINE_INVALID = "DEADLINE_INVALID"
    PREPROCESSING_MISMATCH = "PREPROCESSING_MISMATCH"
    # data
    DATA_EMPTY = "DATA_EMPTY"
    DATA_NOT_RECOGNISED = "DATA_NOT_RECOGNISED"
    DATA_NOT_A_FILE = "DATA_NOT_A_FILE"
    DATA_ARRAY_MISSING = "DATA_ARRAY_MISSING"
    DATA_COUNT_MISMATCH = "DATA_COUNT_MISMATCH"
    DATA_SHAPE_INVALID = "DATA_SHAPE_INVALID"
    DATA_DTYPE_UNSUPPORTED = "DATA_DTYPE_UNSUPPORTED"
    DATA_RANGE_INVALID = "DATA_RANGE_INVALID"
    DATA_LABELS_INVALID = "DATA_LABELS_INVALID"
    DATA_ONE_CLASS = "DATA_ONE_CLASS"
    DATA_SLICE_INVALID = "DATA_SLICE_INVALID"
    DATA_TOO_LARGE = "DATA_TOO_LARGE"
    DATA_IMAGE_BROKEN = "DATA_IMAGE_BROKEN"
    DATA_EXTRA_MISSING = "DATA_EXTRA_MISSING"
    NPY_OBJECT_ARRAY = "NPY_OBJECT_ARRAY"
    IMAGE_TOO_LARGE = "IMAGE_TOO_LARGE"
    PARQUET_LIMIT = "PARQUET_LIMIT"
    # model and data together
    LABELS_OUT_OF_RANGE = "LABELS_OUT_OF_RANGE"
    IMAGE_SHAPE_MISMATCH = "IMAGE_SHAPE_MISMATCH"
    # transport
    FILE_NOT_FOUND = "FILE_NOT_FOUND"
    BLOB_DIGEST_MISMATCH = "BLOB_DIGEST_MISMATCH"
    BLOB_TRUNCATED = "BLOB_TRUNCATED"
    BLOB_MISSING = "BLOB_MISSING"
    BLOB_TOO_LARGE = "BLOB_TOO_LARGE"
    UPLOAD_OFFSET_MISMATCH = "UPLOAD_OFFSET_MISMATCH"
    NAME_INVALID = "NAME_INVALID"
    REQUEST_INVALID = "REQUEST_INVALID"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"  # noqa: S105 - a reason, not a secret
    NOT_FOUND = "NOT_FOUND"
    IN_USE = "IN_USE"
    NOT_READY = "NOT_READY"
    UNREACHABLE = "UNREACHABLE"
    DRAINING = "DRAINING"
    # policy and verdict
    POLICY_MISSING = "POLICY_MISSING"
    POLICY_INVALID = "POLICY_INVALID"
    THREAT_UNSUPPORTED = "THREAT_UNSUPPORTED"
    EVIDENCE_INVALID = "EVIDENCE_INVALID"
    ANALYZER_UNKNOWN = "ANALYZER_UNKNOWN"
    CONFIG_INVALID = "CONFIG_INVALID"
    CONFIG_FILE_INVALID = "CONFIG_FILE_INVALID"
    EXPORT_FAILED = "EXPORT_FAILED"
    REPORT_EXTRA_MISSING = "REPORT_EXTRA_MISSING"
    # running
    GRADIENT_UNAVAILABLE = "GRADIENT_UNAVAILABLE"
    DEVICE_UNAVAILABLE = "DEVICE_UNAVAILABLE"
    SANDBOX_UNAVAILABLE = "SANDBOX_UNAVAILABLE"
    ACTIVATIONS_UNAVAILABLE = "ACTIVATIONS_UNAVAILABLE"
    CHILD_CRASHED = "CHILD_CRASHED"
    CHILD_PROTOCOL = "CHILD_PROTOCOL"
    CHILD_OVERFLOW = "CHILD_OVERFLOW"
    CHILD_TIMEOUT = "CHILD_TIMEOUT"
    CHILD_MEMORY = "CHILD_MEMORY"
    CANCELLED = "CANCELLED"
    ATTEMPTS_EXHAUSTED = "ATTEMPTS_EXHAUSTED"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    WILDCARD_REFUSED = "WILDCARD_REFUSED"
    INTERNAL = "INTERNAL"


_UNUSABLE_PREFIXES = (
    *("MODEL_", "ARCHITECTURE_", "PREPROCESSING_", "FORMAT_", "PICKLE_", "PT2_", "TORCHSCRIPT_"),
    *("MAR_", "ARCHIVE_", "DATA_", "NPY_", "LABELS_", "IMAGE_", "PARQUET_"),
)
_KINDS: dict[Code, Kind] = {
    Code.FILE_NOT_FOUND: Kind.USAGE,
    Code.MODEL_NOT_A_FILE: Kind.USAGE,
    Code.DATA_NOT_A_FILE: Kind.USAGE,
    Code.DATA_SLICE_INVALID: Kind.USAGE,
    Code.PREPROCESSING_INVALID: Kind.USAGE,
    Code.DEADLINE_INVALID: Kind.USAGE,
    Code.ARCHITECTURE_MISSING: Kind.USAGE,
    Code.ARCHITECTURE_UNKNOWN: Kind.USAGE,
    Code.BLOB_DIGEST_MISMATCH: Kind.INTEGRITY,
    Code.BLOB_TRUNCATED: Kind.INTEGRITY,
    Code.EVIDENCE_INVALID: Kind.INTEGRITY,
    Code.BLOB_MISSING: Kind.NOT_FOUND,
    Code.BLOB_TOO_LARGE: Kind.USAGE,
    Code.UPLOAD_OFFSET_MISMATCH: Kind.CONFLICT,
    Code.NAME_INVALID: Kind.USAGE,
    Code.REQUEST_INVALID: Kind.USAGE,
    Code.REQUEST_ID_REUSED: Kind.CONFLICT,
    Code.PAGE_TOKEN_INVALID: Kind.USAGE,
    Code.NOT_FOUND: Kind.NOT_FOUND,
    Code.IN_USE: Kind.CONFLICT,
    Code.NOT_READY: Kind.CONFLICT,
    Code.UNREACHABLE: Kind.BUSY,
    Code.DRAINING: Kind.BUSY,
    Code.POLICY_MISSING: Kind.USAGE,
    Code.POLICY_INVALID: Kind.USAGE,
    Code.THREAT_UNSUPPORTED: Kind.USAGE,
    Code.ANALYZER_UNKNOWN: Kind.USAGE,
    Code.CONFIG_INVALID: Kind.USAGE,
    Code.CONFIG_FILE_INVALID: Kind.USAGE,
    Code.EXPORT_FAILED: Kind.UNUSABLE,
    Code.TORCHSCRIPT_DISABLED: Kind.USAGE,
    Code.DATA_EXTRA_MISSING: Kind.USAGE,
    Code.REPORT_EXTRA_MISSING: Kind.USAGE,
    Code.SANDBOX_UNAVAILABLE: Kind.INTERNAL,
    Code.WILDCARD_REFUSED: Kind.USAGE,
    Code.DEVICE_UNAVAILABLE: Kind.USAGE,
    Code.STORE_UNAVAILABLE: Kind.BUSY,
    Code.CANCELLED: Kind.CANCELLED,
}
_EXITS: dict[Kind, Exit] = {
    Kind.USAGE: Exit.USAGE,
    Kind.UNUSABLE: Exit.UNUSABLE,
    Kind.NOT_FOUND: Exit.USAGE,
    Kind.CONFLICT: Exit.USAGE,
    Kind.INTEGRITY: Exit.INTEGRITY,
    Kind.BUSY: Exit.INFRASTRUCTURE,
    Kind.INTERNAL: Exit.INFRASTRUCTURE,
    Kind.CANCELLED: Exit.INTERRUPTED,
}


def kind_of(code: Code) -> Kind:
    """Who can mend an error with this code."""
    if code in _KINDS:
        return _KINDS[code]
    if code.value.startswith(_UNUSABLE_PREFIXES):
        return Kind.UNUSABLE
    return Kind.INTERNAL


class AssayError(Exception):
    """What went wrong, safe to show: nothing internal leaks through it."""

    def __init__(self, code: Code, sentence: str, remedy: str, **details: str) -> None:
        """Keep the code, the sentence, what to do next, and closed details for machines."""
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.remedy = remedy
        self.details = details

    @property
    def kind(self) -> Kind:
        """Who can mend it."""
        return kind_of(self.code)

    @property
    def exit(self) -> Exit:
        """The exit code that the command line ends with."""
        return _EXITS[self.kind]

    def as_json(self) -> dict[str, str | dict[str, str]]:
        """Plain data for the store, a frame or a page."""
        return {
            "code": self.code.value,
            "sentence": self.sentence,
            "remedy": self.remedy,
            "details": self.details,
        }


def error_from_json(body: dict[str, object]) -> AssayError:
    """Read what ``as_json`` wrote, or what a child claims; unknown codes turn internal."""
    raw = str(body.get("code", ""))
    code = Code(raw) if raw in Code.__members__ else Code.INTERNAL
    details = body.get("details")
    held: dict[str, object] = details if isinstance(details, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # JSON object
    return AssayError(
        code,
        printable(body.get("sentence"), "Something went wrong inside the service."),
        printable(body.get("remedy"), "Try again; if it stays, look into the service's log."),
        **{str(key)[:64]: printable(value, "") for key, value in held.items()},
    )


def printable(text: object, otherwise: str = "") -> str:
    """A child's text is data: bounded and without control characters."""
    clean = "".join(char for char in str(text or "") if char.isprintable())
    return clean[:500] or otherwise


def internal_error() -> AssayError:
    """What users hear of a fault that is ours; the log holds the rest."""
    return AssayError(
        Code.INTERNAL,
        "Something went wrong inside the service.",
        "Try again; if it stays, look into the service's log.",
    )
