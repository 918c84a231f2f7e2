"""API keys: the key that a request bears is looked up by its hash, however many there are.

Later steps are told the key (`api_key_value`), and what goes on in headers by the names of these, as Gloo's are.
"""

from hashlib import sha256

from daemun.extauth.answers import Allowed, Answer, Denied
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.request import Request
from daemun.ir.auth.checks import ApiKey, ApiKeyAuth

_DENIED = Denied(401)


class ApiKeys(Checker):
    """A key that nobody has is not told from none."""

    def __init__(self, check: ApiKeyAuth, place: Place, tools: Tools) -> None:
        del place, tools
        self._header, self._query = check.header.lower(), check.query
        self._headers = {header.lower(): entry for header, entry in check.headers.items()}
        self._told = check.headers
        # A chain with very many keys comes anew with each that changes: little is done for those that nobody uses.
        self._known = {key.value: key for key in check.keys if _has(key, check.required)}

    def _goes_on(self, key: ApiKey) -> Allowed:
        found = tuple((header, key.metadata[entry]) for header, entry in self._headers.items() if entry in key.metadata)
        # What a client says of itself in such a header is not taken for what is known of its key.
        absent = tuple(header for header, entry in self._headers.items() if entry not in key.metadata)
        return Allowed(key.user, upstream=found, remove=absent)

    async def check(self, request: Request, state: State) -> Answer:
        """Whose key it is."""
        key = request.header(self._header)
        if not key and self._query:
            key = request.query.get(self._query, [""])[0]
        # The hash of a wrong key says nothing of those that are right, so this needs no constant time.
        known = self._known.get(sha256(key.encode()).hexdigest()) if key else None
        if known is None:
            return _DENIED
        state.values["api_key_value"] = key
        told = self._told.items()
        state.values |= {name: known.metadata[entry] for name, entry in told if entry in known.metadata}
        return self._goes_on(known)


def _has(key: ApiKey, required: tuple[str, ...]) -> bool:
    return not required or all(key.metadata.get(name) for name in required)
