"""A stand-in for Entra ID and Microsoft Graph: neither can be had in a test.

It does what their documents say of two interfaces, and no more: `POST /TENANT/oauth2/v2.0/token` (client credentials)
and `POST /v1.0/users/ID/getMemberObjects`. What it does not show is what Microsoft does beyond that.
"""

import contextlib
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from daemun.ir.auth.oauth import Azure, Redis
from support.servers.sites import serve

TENANT, CLIENT, SECRET = "11111111-2222-3333-4444-555555555555", "reader", "gr4ph/+%"
USER = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
OVERAGE: dict[str, Any] = {
    "oid": USER,
    "groups": None,
    "_claim_names": {"groups": "src1"},
    "_claim_sources": {"src1": {"endpoint": f"https://graph.windows.net/{TENANT}/users/{USER}/getMemberObjects"}},
}
"""What a token says of somebody in more than 200 groups, in the place of them."""


class StandIn:
    """One tenant in which there is one user. `status` and `says` stand for what Graph answers, where they are set; of
    one user alone, `of_one` does.
    """

    def __init__(self) -> None:
        self.url = ""
        self.groups = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(300)]
        self.asked: Counter[str] = Counter()
        self.tokens: set[str] = set()
        self.lifetime = 3600
        self.status = 200
        self.says: Any = None
        self.of_one: dict[str, tuple[int, Any]] = {}

    def azure(self, cache: Redis | None = None, **other: str) -> Azure:
        """How it is asked."""
        known = {
            "tenant": TENANT,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "authority": self.url,
            "graph": self.url,
        }
        return Azure(**known | other, cache=cache)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] += 1
        if request.path == f"/{TENANT}/oauth2/v2.0/token":
            return self._token({name: str(value) for name, value in (await request.post()).items()})
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return web.Response(status=401)
        status, says = self.of_one.get(request.path.split("/")[3] if request.path.count("/") > 3 else "", (0, None))
        if status:
            return web.json_response(says, status=status)
        if request.path != f"/v1.0/users/{USER}/getMemberObjects" or request.method != "POST":
            return web.Response(status=404)
        if self.status != 200 or self.says is not None:
            return web.json_response(self.says, status=self.status)
        assert await request.json() == {"securityEnabledOnly": False}
        return web.json_response({"@odata.context": f"{self.url}/$metadata", "value": self.groups})

    def count(self, path: str) -> int:
        """How often somebody asked for a token, or for groups."""
        return sum(number for one, number in self.asked.items() if one.endswith(path))

    def _token(self, form: dict[str, str]) -> web.Response:
        wanted = {
            "grant_type": "client_credentials",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "scope": f"{self.url}/.default",
        }
        if form != wanted:
            return web.json_response({"error": "invalid_client"}, status=401)
        token = secrets.token_urlsafe(8)
        self.tokens.add(token)
        return web.json_response({"token_type": "Bearer", "expires_in": self.lifetime, "access_token": token})


@contextlib.asynccontextmanager
async def graph() -> AsyncIterator[StandIn]:
    """One on loopback."""
    found = StandIn()
    async with serve(found.answer) as site:
        found.url = f"http://127.0.0.1:{site.port}"
        yield found
