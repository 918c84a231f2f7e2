"""Requests signed as AWS asks for it (Signature Version 4)."""

import datetime
import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(NamedTuple):
    """Who signs."""

    access_key: str
    secret_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return "<Credentials>"


def signed(
    credentials: Credentials,
    service: str,
    region: str,
    now: datetime.datetime,
    headers: Mapping[str, str],
    body: bytes,
    *,
    method: str = "POST",
    path: str = "/",
    query: str = "",
) -> dict[str, str]:
    """The headers of a request, with a signature over all of them and the body. `now` is in UTC.

    The path has no characters that are escaped, and the query its parameters in order, escaped.
    """
    moment = f"{now:%Y%m%dT%H%M%SZ}"
    found = {**headers, "X-Amz-Date": moment}
    if credentials.session_token:
        found["X-Amz-Security-Token"] = credentials.session_token
    lines = sorted((name.lower(), " ".join(value.split())) for name, value in found.items())
    names = ";".join(name for name, _ in lines)
    request = "\n".join(
        [
            method,
            path,
            query,
            *(f"{name}:{value}" for name, value in lines),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{now:%Y%m%d}/{region}/{service}/aws4_request"
    text = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    signature = _hmac(key, text).hex()
    found["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return found


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
