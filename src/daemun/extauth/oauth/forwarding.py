"""What the backend, and Envoy's other filters, are told of who has logged in."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from daemun.extauth.oauth.sessions import Session
from daemun.extauth.oauth.tokens import Claims
from daemun.ir.auth.oauth import AuthorizationCode, ClaimHeader

_MISSING = object()


class Headers(msgspec.Struct):
    """Headers of the request to the backend, as they come together."""

    upstream: dict[str, str] = msgspec.field(default_factory=dict)
    appended: list[tuple[str, str]] = msgspec.field(default_factory=list)
    remove: set[str] = msgspec.field(default_factory=set)

    def put(self, name: str, value: str | None) -> None:
        """A header, in the place of what a client may have sent; without a value there is none."""
        name = name.lower()
        if value is None:
            self.remove.add(name)
        else:
            self.upstream[name] = value

    def claims(self, wanted: Iterable[ClaimHeader], claims: Claims) -> None:
        """Claims, each in its header."""
        for one in wanted:
            value = written(claim(claims, one.claim))
            if not one.append:
                self.put(one.header, value)
            elif value is not None:
                self.appended.append((one.header.lower(), value))

    def removed(self) -> tuple[str, ...]:
        """Names of headers that the backend does not get."""
        return tuple(sorted(self.remove - self.upstream.keys()))


def forwarded(check: AuthorizationCode, session: Session, identity: Claims, access: Claims) -> tuple[Headers, Claims]:
    """The headers that a check wants, and all that the two tokens claim; what the ID token does counts more."""
    headers = Headers()
    headers.claims(check.id_claims, identity)
    headers.claims(check.access_claims, access)
    for name, token in (
        (check.id_token_header, session.id_token),
        (check.access_token_header, session.access_token),
    ):
        if name:
            schemed = check.bearer and (token is session.access_token or name == "authorization")
            scheme = "Bearer " if schemed else ""
            headers.put(name, scheme + token if token else None)
    return headers, {**access, **identity}


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a path with points through what claims hold; None if there is none."""
    found = claims.get(name, _MISSING)
    if found is not _MISSING:
        return found
    at: Any = claims
    for part in name.split("."):
        at = at.get(part) if isinstance(at, dict) else None
    return at


def written(value: Any) -> str | None:
    """A claim as the value of a header: text as it is, anything else as JSON; None for what no header can hold."""
    if value is None:
        return None
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return None if any(ord(one) < 32 or ord(one) == 127 for one in text) else text


def metadata(wanted: Mapping[str, str], claims: Claims) -> dict[str, Any]:
    """Claims by the key under which other filters find them."""
    return {key: found for key, name in wanted.items() if (found := claim(claims, name)) is not None}
