"""A token (JWT) that Envoy's own filter has verified before: whose it is comes along as metadata."""

from daemun.extauth.answers import Allowed, Answer, Denied
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.request import Request
from daemun.ir.auth.checks import Verified

NAMESPACE = "envoy.filters.http.jwt_authn"
CLAIMS = "daemun.claims"
"""Where the control plane has Envoy put what a token says, once it was verified."""
_DENIED = Denied(401)


class VerifiedTokens(Checker):
    """Without the metadata nobody has verified anything. A client cannot write it."""

    def __init__(self, check: Verified, place: Place, tools: Tools) -> None:
        del check, place, tools

    async def check(self, request: Request, state: State) -> Answer:
        """Whose token it is."""
        claims = request.metadata(NAMESPACE).get(CLAIMS)
        if not isinstance(claims, dict) or not claims:
            return _DENIED
        state.values.setdefault("jwt", claims)
        user = claims.get("sub")
        return Allowed(user if isinstance(user, str) else "")
