"""One spelling for one JSON value (RFC 8785), and its digest."""

import hashlib

import rfc8785

from analyzers.contract import Digest, Json


def canonical(body: Json) -> bytes:
    """The canonical bytes of a JSON value; NaN and infinities are refused."""
    return rfc8785.dumps(body)


def digest(body: Json) -> Digest:
    """SHA-256 of the canonical bytes, in lower-case hex."""
    return hashlib.sha256(canonical(body)).hexdigest()
