"""Connections over HTTP to somebody else, as all of Daemun's own requests make them."""

import socket
import ssl
from typing import Any

import aiohttp

from daemun.base.guard import Guard
from daemun.fetch.names import Resolver

_Address = tuple[int, int, int, str, tuple[object, ...]]


def session(tls: ssl.SSLContext | None = None, guard: Guard | None = None, **limits: Any) -> aiohttp.ClientSession:
    """A session of aiohttp's. `tls` stands for the system's certificate authorities, `limits` are those of aiohttp's
    TCPConnector (any number of connections, if nothing is said).

    The guard has the last word on the very address that a socket is opened for, so that a name that resolves to
    something else the next time does not get around it. Nothing of the environment (proxies, cookies, .netrc) plays a
    part.
    """

    def opened(info: _Address) -> socket.socket:
        family, kind, protocol, _, address = info
        if guard is not None and (why := guard.refuses(str(address[0]))):
            raise OSError(f"{why}, which is not allowed")
        return socket.socket(family, kind, protocol)

    limits["resolver"] = limits.get("resolver") or Resolver()
    connector = aiohttp.TCPConnector(
        ssl=tls or True, socket_factory=opened, use_dns_cache=False, **{"limit": 0, **limits}
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        auto_decompress=False,
        trust_env=False,
    )
