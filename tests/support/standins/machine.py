"""What a machine of AWS is told about itself (IMDSv2), on loopback: the keys of its role, for whoever has a session."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from support.servers.ports import free_port

KEY = "AKIAMACHINE"
_SESSION = "a-session"
_ROLES = "/latest/meta-data/iam/security-credentials/"
_ROLE = {"AccessKeyId": KEY, "SecretAccessKey": "of-it", "Token": "t", "Expiration": "2100-01-01T00:00:00Z"}


@contextlib.asynccontextmanager
async def machine(role: object = None) -> AsyncIterator[str]:
    """Where it answers, for the time of the block; of its `role` it says this, if something else than is right."""

    async def session(request: web.Request) -> web.Response:
        return web.Response(text=_SESSION if "X-aws-ec2-metadata-token-ttl-seconds" in request.headers else "")

    async def told(request: web.Request) -> web.Response:
        if request.headers.get("X-aws-ec2-metadata-token") != _SESSION:
            return web.Response(status=401)
        return web.json_response(role or _ROLE) if request.path == f"{_ROLES}reader" else web.Response(text="reader")

    app = web.Application()
    app.router.add_put("/latest/api/token", session)
    app.router.add_get(_ROLES, told)
    app.router.add_get(f"{_ROLES}reader", told)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port := free_port()).start()
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()
