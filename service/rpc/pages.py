"""Page tokens: opaque to clients and of no use with another question (AIP-158).

The seal is a checksum and no signature: whoever forges a cursor only chooses where in a list,
which they may read anyway, the page begins.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import asdict

from service.errors import AssayError, Code
from service.rpc.ports import ListQuery

_SEAL_BYTES = 9


def seal(after: str, kind: str, query: ListQuery) -> str:
    """The token that continues ``query`` behind ``after``; empty when nothing follows."""
    if not after:
        return ""
    body = after.encode()
    return base64.urlsafe_b64encode(_checksum(body, kind, query) + body).decode()


def unseal(token: str, kind: str, query: ListQuery) -> str:
    """The cursor that ``seal`` hid, if the token belongs to this question."""
    if not token:
        return ""
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
        body, after = raw[_SEAL_BYTES:], raw[_SEAL_BYTES:].decode()
    except (binascii.Error, ValueError):
        raise _foreign() from None
    if not body or raw[:_SEAL_BYTES] != _checksum(body, kind, query):
        raise _foreign()
    return after


def _checksum(body: bytes, kind: str, query: ListQuery) -> bytes:
    """Cover everything that selects and orders; the page's size may change on the way."""
    question = {**asdict(query), "limit": 0, "after": "", "kind": kind}
    text = json.dumps(question, sort_keys=True).encode()
    return hashlib.sha256(text + b"\0" + body).digest()[:_SEAL_BYTES]


def _foreign() -> AssayError:
    return AssayError(
        Code.PAGE_TOKEN_INVALID,
        "The page token was not given for this question.",
        "Send next_page_token unchanged, with the same parent and conditions.",
        field="page_token",
    )
