"""The HTTPS server that API servers ask."""

import logging
import ssl
import tempfile
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from daemun.admission.review import Asked, Verdict, answer, question

PATH = "/validation"
MOST_BYTES = 8 << 20
"""A question may have: an object and the one before it, each of at most 1.5 MiB in etcd, in JSON."""
_log = logging.getLogger(__name__)


class AdmissionServer:
    """`POST /validation`, or another path. `certify` gives it its first certificate, and others while it serves."""

    def __init__(self, judge: Callable[[Asked], Awaitable[Verdict]], path: str = PATH) -> None:
        self._judge = judge
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post(path, self._asked)
        self._runner = web.AppRunner(app, access_log=None)

    def certify(self, certificate: bytes, key: bytes) -> None:
        """The certificate that is shown from the next handshake on, and its key, in PEM."""
        # Python's ssl reads keys from files only; this one is nobody else's to open, and is gone at once.
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate + key)
            file.flush()
            self._tls.load_cert_chain(file.name)

    async def start(self, host: str, port: int) -> int:
        """Begin to listen; the port, which may have been left to the system (0)."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=self._tls)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _asked(self, request: web.Request) -> web.Response:
        try:
            asked = question(await request.read())
        except msgspec.MsgspecError as error:
            return web.Response(status=400, text=f"This is no AdmissionReview: {error}\n")
        verdict = await self._judge(asked)
        if verdict.refusal:
            _log.info("%s of %s is refused: %s", asked.operation, asked.ref, verdict.refusal)
        return web.Response(body=answer(asked.uid, verdict), content_type="application/json")
