"""A request that is really sent, through a proxy that is told to log all about it for that moment."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from daemun.cli.output import fail
from daemun.trial.traced import LEVELS, MARK, Trace, trace

if TYPE_CHECKING:
    import socket

    from daemun.cli.doors import Door
    from daemun.explain import Request

_PATIENCE_SECONDS = 10.0
_ANSWER_SECONDS = 30.0


def follow(door: "Door", request: "Request", address: str, port: int) -> Trace:
    """Send the request to this address, and tell what the proxy did with it. Its log levels are as before then."""
    mark, before = secrets.token_hex(8), _counts(door)
    with _logging(door):
        logged = door.since()
        _send(request, address, port, mark)
        until = time.monotonic() + _PATIENCE_SECONDS
        while (found := trace(logged(), mark)) is None and time.monotonic() < until:
            time.sleep(0.1)
    if found is None:
        fail(
            f"the request does not appear in the log of {door.name}",
            "Was it sent to another proxy or pod? --to says where to, and --pod whose log.",
            code=1,
        )
    return _with_endpoint(found, before, _counts(door))


@contextmanager
def _logging(door: "Door") -> Iterator[None]:
    """All about requests in the log, for the time of the block."""
    said = door.admin("/logging", "POST").decode()
    levels = dict(line.strip().split(": ", 1) for line in said.splitlines() if line.startswith("  "))
    wanted = [name for name in LEVELS if name in levels]
    door.admin(f"/logging?paths={','.join(f'{name}:{LEVELS[name]}' for name in wanted)}", "POST")
    try:
        yield
    finally:
        door.admin(f"/logging?paths={','.join(f'{name}:{levels[name]}' for name in wanted)}", "POST")


def _send(request: "Request", address: str, port: int, mark: str) -> None:
    import http.client

    connection = http.client.HTTPConnection(address, port, timeout=_ANSWER_SECONDS)
    try:
        connection.connect()
        if request.scheme == "https":
            connection.sock = _tls(connection.sock, request.sni)
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in (("Host", request.host), *request.headers, (MARK, mark)):
            connection.putheader(name, value)
        connection.endheaders()
        connection.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        fail(f"the request was not answered at {address}:{port}: {error}", "--to says where to send it.", code=1)
    finally:
        connection.close()


def _tls(plain: "socket.socket", name: str) -> "socket.socket":
    """TLS for a name that is not the address. It is not about who the proxy is, but what it does."""
    import ssl

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=name or None)


def _counts(door: "Door") -> dict[tuple[str, str], int]:
    """How many requests each endpoint of each cluster has had."""
    found = {}
    for cluster in json.loads(door.admin("/clusters?format=json")).get("cluster_statuses", ()):
        for host in cluster.get("host_statuses", ()):
            socket = host.get("address", {}).get("socket_address", {})
            stats = {one["name"]: int(one.get("value", 0)) for one in host.get("stats", ())}
            found[cluster["name"], f"{socket.get('address')}:{socket.get('port_value')}"] = stats.get("rq_total", 0)
    return found


def _with_endpoint(found: Trace, before: dict[tuple[str, str], int], after: dict[tuple[str, str], int]) -> Trace:
    """With the endpoint that has had a request meanwhile. On a busy proxy several may have: then it is not known."""
    import msgspec

    had = [key[1] for key, count in after.items() if key[0] == found.cluster and count > before.get(key, 0)]
    return msgspec.structs.replace(found, endpoint=had[0]) if len(had) == 1 else found
