"""What stands beside a cluster that authorizes: a Redis, a provider, and a client that says who it is."""

import asyncio
import base64
import contextlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Any

import msgspec

from support.servers.ports import free_port
from support.servers.redises import need
from support.servers.sites import serve
from support.servers.slapd import MANAGERS, PEOPLE, Slapd, needed
from support.standins.provider import Provider

from .processes import Processes, until
from .steady import open_connection


class Answer(msgspec.Struct, frozen=True):
    """An answer; `sent` are the headers that the backend got, if it was asked. Names are in lower case."""

    status: int
    headers: dict[str, str]
    cookies: tuple[str, ...]
    sent: dict[str, list[str]] | None = None


def ask(
    address: str,
    host: str,
    path: str = "/",
    headers: Mapping[str, str] | None = None,
    *,
    port: int = 80,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Ask a gate, by TLS for the server name `host` if a client for it is given. Raises OSError."""
    connection = open_connection(address, host, port, tls, 20)
    try:
        connection.request("GET", path, headers={"Host": host, **(headers or {})})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    said = {name.lower(): value for name, value in response.getheaders()}
    cookies = tuple(one.partition(";")[0] for one in response.headers.get_all("set-cookie", []))
    return Answer(response.status, said, cookies, _sent(body))


def _sent(body: bytes) -> dict[str, list[str]] | None:
    with contextlib.suppress(ValueError):
        return {name.lower(): values for name, values in json.loads(body)["headers"].items()}
    return None


@contextlib.contextmanager
def redis(folder: Path, host: str) -> Iterator[str]:
    """A real Redis on an address of the node; its URL, with a password in it."""
    need("redis-server", "redis-server")
    port, processes = free_port(), Processes(folder)
    options = ["--port", str(port), "--bind", host, "--requirepass", "of-a-test", "--save", "", "--appendonly", "no"]
    processes.start("redis", ["redis-server", *options, "--dir", str(folder)])
    try:
        processes.wait("redis", lambda: "Ready to accept" in processes.log("redis").read_text(), 60)
        yield f"redis://:of-a-test@{host}:{port}"
    finally:
        processes.stop("redis")


@contextlib.contextmanager
def directory(folder: Path, host: str) -> Iterator[str]:
    """A real LDAP directory on an address of the node, with `ann`, a manager, and `bob`; its URL."""
    needed()
    one, processes = Slapd(folder, host=host), Processes(folder)
    one.fill({"ann": "secret", "bob": "other"}, ("ann",))
    processes.start("slapd", one.command)
    try:
        processes.wait("slapd", lambda: _open(host, one.port), 60)
        yield one.address
    finally:
        processes.stop("slapd")


def _open(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
        return True
    return False


def signed(user: str, secret: str, path: str = "/") -> dict[str, str]:
    """The headers of a GET that a user has signed (Gloo's hmacAuth)."""
    now = formatdate(usegmt=True)
    text = f"date: {now}\nGET {path} HTTP/1.1"
    signature = base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode()
    said = f'username="{user}", algorithm="hmac-sha256", headers="date @request-target", signature="{signature}"'
    return {"date": now, "authorization": f"hmac {said}"}


@contextlib.contextmanager
def provider(host: str) -> Iterator[Provider]:
    """A provider of OpenID Connect on an address of the node; it answers in a thread of its own."""
    one, ended = Provider(time.time), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with serve(one.answer, host) as site:
            one.issuer = f"http://{host}:{site.port}"
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    try:
        assert until(lambda: bool(one.issuer), 30)
        yield one
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


def login(issuer: str) -> dict[str, Any]:
    """Of an AuthConfig, what sends browsers to it."""
    code = {
        "issuerUrl": issuer,
        "appUrl": "http://login.example",
        "callbackPath": "/callback",
        "clientId": "gate",
        "clientSecretRef": {"name": "client"},
        "session": {"cookieOptions": {"notSecure": True}, "redis": {}},
        "identityToken": {"claimsToHeaders": [{"claim": "sub", "header": "x-user"}]},
    }
    return {"oauth2": {"oidcAuthorizationCode": code}}


def option(kind: str, name: str, to: str, section: str = "", **options: Any) -> dict[str, Any]:
    """Options of Gloo's for a route, or with a section for a listener of a Gateway."""
    parent = "Gateway" if section else "HTTPRoute"
    target = {"group": "gateway.networking.k8s.io", "kind": parent, "name": to}
    spec = {"targetRefs": [target | ({"sectionName": section} if section else {})], "options": options}
    return {"apiVersion": "gateway.solo.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def others(ldap: str, namespace: str) -> dict[str, dict[str, Any]]:
    """AuthConfigs by name that ask others: a directory, two servers, and Secrets of who signs."""
    managers = {"allowedGroups": [MANAGERS], "membershipAttributeName": "memberOf"}
    return {
        "directory": {"ldap": {"address": ldap, "userDnTemplate": f"uid=%s,{PEOPLE}", **managers}},
        "passed": {"passThroughAuth": {"http": {"url": f"http://backend.{namespace}.svc/"}}},
        "refused": {"passThroughAuth": {"http": {"url": f"http://gw-daemun.{namespace}.svc/"}}},
        "signed": {"hmacAuth": {"secretRefs": {"secretRefs": [{"name": "alice"}]}, "parametersInHeaders": {}}},
    }


def shown(address: str, name: str, port: int = 443) -> bytes | None:
    """The certificate (DER) that a gate shows for a server name; None if there is no handshake."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.suppress(OSError), handshake(address, name, port, context) as connection:
        return connection.getpeercert(binary_form=True)
    return None


@contextlib.contextmanager
def handshake(address: str, name: str, port: int, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    """A connection by TLS. Raises OSError."""
    with (
        socket.create_connection((address, port), 20) as plain,
        context.wrap_socket(plain, server_hostname=name) as one,
    ):
        yield one
