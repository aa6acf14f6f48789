"""Where a page ends, sealed: a token continues the list that it was given for, and no other."""

import base64
import binascii
import hashlib
import hmac
import json
from datetime import datetime
from typing import NamedTuple

from analyzers.contract import Json
from service.errors import AssayError, Code
from service.store.tables import milliseconds, moment

_SEAL_BYTES = 16


class Cursor(NamedTuple):
    """The last row of a page, in the order of every list."""

    create_time: datetime
    id: str


def seal(cursor: Cursor, secret: bytes, *, question: Json) -> str:
    """The token that continues ``question`` behind a row."""
    body = json.dumps([milliseconds(cursor.create_time), cursor.id]).encode()
    return base64.urlsafe_b64encode(_mac(body, secret, question=question) + body).decode()


def unseal(token: str, secret: bytes, *, question: Json) -> Cursor:
    """The row that ``seal`` hid, if the token was given for this question by this database."""
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _foreign() from None
    mac, body = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
    if not hmac.compare_digest(mac, _mac(body, secret, question=question)):
        raise _foreign()
    time, row_id = json.loads(body)
    return Cursor(moment(time), row_id)


def _mac(body: bytes, secret: bytes, *, question: Json) -> bytes:
    text = json.dumps(question, sort_keys=True).encode()
    return hmac.digest(secret, text + b"\0" + body, hashlib.sha256)[:_SEAL_BYTES]


def _foreign() -> AssayError:
    return AssayError(
        Code.PAGE_TOKEN_INVALID,
        "This page token does not continue this list.",
        "Send it unchanged with the same conditions, or begin the list anew without a token.",
    )
