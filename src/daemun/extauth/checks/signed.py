"""Requests that are signed with a secret (HMAC): the parameters of the signature are in the Authorization header.

    Authorization: hmac username="alice", algorithm="hmac-sha256", headers="date @request-target", signature="…"

What is signed is a line for each of `headers`, joined by line feeds: `date: Mon, …` for a header, and for
`@request-target` the request line, `GET /path?query HTTP/1.1`. The signature is in base64.
"""

import base64
import binascii
import hmac
from datetime import UTC
from email.utils import parsedate_to_datetime

import re2

from daemun.extauth.answers import Allowed, Answer, Denied
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.request import Request
from daemun.ir.auth.checks import HmacAuth

SKEW = 300.0
"""Seconds that a signed date may be off: so long a request that was overheard can be sent again."""
_SCHEME = "hmac "
_LONGEST = 8192
_PARAMETER = re2.compile(r'\s*([a-z]+)="([^"]*)"\s*(,|$)')
_ALGORITHMS = {f"hmac-{name}": name for name in ("sha1", "sha256", "sha384", "sha512")}
_DATES = ("date", "x-date")
_TARGET = "@request-target"
_DENIED = Denied(401, (("www-authenticate", 'hmac realm=""'),))
_NOBODY = b"nobody's secret"


class Signatures(Checker):
    """Everything that is wrong with a signature is answered alike."""

    def __init__(self, check: HmacAuth, place: Place, tools: Tools) -> None:
        del place
        self._secrets = {user: secret.encode() for user, secret in check.users.items()}
        self._clock = tools.clock

    async def check(self, request: Request, state: State) -> Answer:
        """Who has signed the request."""
        del state
        given = parameters(request.header("authorization"))
        if given is None:
            return _DENIED
        user = given.get("username", "")
        algorithm = _ALGORITHMS.get(given.get("algorithm", "").lower())
        signed = given.get("headers", "date").lower().split()
        text = signing_text(request, signed)
        if algorithm is None or text is None or not self._fresh(request, signed):
            return _DENIED
        try:
            signature = base64.b64decode(given.get("signature", ""), validate=True)
        except (ValueError, binascii.Error):
            return _DENIED
        wanted = hmac.digest(self._secrets.get(user) or _NOBODY, text.encode(), algorithm)
        right = hmac.compare_digest(wanted, signature)
        return Allowed(user) if right and self._secrets.get(user) else _DENIED

    def _fresh(self, request: Request, signed: list[str]) -> bool:
        """Whether the dates that are signed are about now."""
        for name in _DATES:
            if name not in signed:
                continue
            try:
                then = parsedate_to_datetime(request.header(name))
            except (ValueError, OverflowError):
                return False
            then = then if then.tzinfo else then.replace(tzinfo=UTC)
            if abs(then.timestamp() - self._clock()) > SKEW:
                return False
        return True


def parameters(header: str) -> dict[str, str] | None:
    """What is in the header; None if that is none, or says something twice."""
    if header[: len(_SCHEME)].lower() != _SCHEME or len(header) > _LONGEST:
        return None
    text = header[len(_SCHEME) :]
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        parameter = _PARAMETER.match(text, at)
        if parameter is None or parameter.group(1) in found:
            return None
        found[parameter.group(1)] = parameter.group(2)
        at = parameter.end()
    return found


def signing_text(request: Request, signed: list[str]) -> str | None:
    """What must have been signed; None if nothing is, or a header that there is not."""
    lines: list[str] = []
    for name in signed:
        if name == _TARGET:
            lines.append(f"{request.method} {request.path} {request.protocol}")
            continue
        value = request.host if name == "host" else request.header(name)
        if not value or name.startswith(":"):
            return None
        lines.append(f"{name}: {value}")
    return "\n".join(lines) or None
