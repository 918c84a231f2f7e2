"""What authentication costs a request: the same request at a port that asks for it and at one that does not, in turn.

Three backends are asked in turn, too: another port of the same Envoy that answers by itself, so that next to nothing
else takes time; an Envoy of its own that does the same; and a few lines of Python, which take longer than all else.
Daemun and its Envoy have one processor, the client and the backends the other ones, where there are several. Times are
the client's. The instructions are Envoy's own, counted by callgrind.
"""

import asyncio
import base64
import contextlib
import json
import multiprocessing
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bench.dataplane.hosts import configured
from bench.dataplane.instructions import counted
from bench.dataplane.processors import apart
from bench.dataplane.transform import median_us, origin
from bench.tools.poller import free_port, serve
from bench.tools.program import daemun
from bench.tools.worlds import GATEWAY, Document, service, stage, write
from daemun.provision.binary import find

_ROUNDS = int(os.environ.get("BENCH_GUARDED_ROUNDS", "60"))
_REQUESTS = 300
_PATIENCE_SECONDS = 60.0
_KEY = "N2YwMDIxZTEtNGUzNS1jNzgzLTRkYjAtYjE2YzRkZGVmNjcy"
_BY_SERVER = "an API key of which more is known (server)"
NOTHING = "nothing"
BEHIND = {"": "/", "with an Envoy behind": "/envoy", "with a few lines of Python behind": "/python"}
"""The backends, and the paths that go there; the first is a port of the same Envoy."""
WAYS = ("an API key", "a password (SHA-1)", "a token (RS256)", _BY_SERVER)
GOAL = 1.1
"""How many times the median without it an API key and a token may take."""


def measure() -> dict[str, Any]:
    """Medians in microseconds and instructions, each beside those of the same request without authentication."""
    found = asyncio.run(_measure())
    behind, asked = free_port(), {}
    documents, ports = _world([behind] * len(BEHIND))
    for name in (one for one in WAYS if one != _BY_SERVER):
        asked[name], asked[f"beside {name}"] = (ports[name], _request(name)), (ports[NOTHING], _request(name))
    counts = counted(configured(documents), behind, asked)
    for name in (one for one in WAYS if one != _BY_SERVER):
        ratio = round(counts[name] / counts[f"beside {name}"], 3)
        found[name] |= {"instructions": counts[name], "ratio of instructions": ratio}
        print(name, found[name], flush=True)
    return found


async def _measure() -> dict[str, Any]:
    async with stage() as (base, folder, _, _):
        behind = [free_port() for _ in BEHIND]
        documents, ports = _world(behind, answers=True)
        write(folder / "world.yaml", *documents)
        with apart() as others, daemun(base, folder), others(), _envoy(behind[1]), _python(behind[2]):
            for name, port in ports.items():
                for path in BEHIND.values():
                    await asyncio.to_thread(_until_200, port, _request(name, path))
            return await asyncio.to_thread(_compare, ports)


@contextlib.contextmanager
def _envoy(port: int) -> Iterator[None]:
    """An Envoy that answers by itself, as the port of the same one does."""
    answer = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok"}}}
    extensions = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{extensions}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [answer]}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{extensions}.http.router.v3.Router"},
            }
        ],
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    with tempfile.TemporaryDirectory(prefix="db-") as folder:
        file = Path(folder) / "envoy.json"
        file.write_text(json.dumps({"static_resources": {"listeners": [listener]}}))
        command = [find(), "-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
        process = subprocess.Popen(command)
        try:
            yield
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _python(port: int) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(port,))
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _compare(ports: dict[str, int]) -> dict[str, Any]:
    times: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for number in range(_ROUNDS):
        for name in WAYS:
            for behind, path in BEHIND.items():
                request = _request(name, path)
                # Whoever comes second finds caches warm: each does as often.
                order = (name, NOTHING) if number % 2 else (NOTHING, name)
                taken = {one: median_us(ports[one], request, _REQUESTS) for one in order}
                times.setdefault((behind, name), []).append((taken[name], taken[NOTHING]))
    found: dict[str, Any] = {"load": os.getloadavg()[0], "requests": _ROUNDS * _REQUESTS}
    for (behind, name), values in times.items():
        beside = median(other for _, other in values)
        ratio = median(one / other for one, other in values)
        figures = {"p50_us": round(median(one for one, _ in values), 1), "beside": round(beside, 1)}
        figures |= {"ratio": round(ratio, 3)}
        (found.setdefault(behind, {}) if behind else found)[name] = figures
        print(name, behind, figures, flush=True)
    return found


def _until_200(port: int, request: bytes) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(request)
                if connection.recv(65536).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"no 200 at port {port}")
        time.sleep(0.05)


class _Issuer:
    """Who signs tokens."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        public = self._key.public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        self.pem = public.public_bytes(serialization.Encoding.PEM, form).decode()
        claims = {"iss": "bench", "sub": "ann", "exp": int(time.time()) + 24 * 3600}
        said = b".".join(_part(json.dumps(one).encode()) for one in ({"alg": "RS256"}, claims))
        self.token = (said + b"." + _part(self._key.sign(said, padding.PKCS1v15(), hashes.SHA256()))).decode()


def _part(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


_ISSUER = _Issuer()
_HEADERS = {
    "an API key": f"api-key: {_KEY}",
    "a password (SHA-1)": f"authorization: Basic {base64.b64encode(b'user:password').decode()}",
    "a token (RS256)": f"authorization: Bearer {_ISSUER.token}",
    _BY_SERVER: f"api-key: {_KEY}",
}


def _request(name: str, path: str = "/") -> bytes:
    said = f"{_HEADERS[name]}\r\n" if name in _HEADERS else ""
    return f"GET {path} HTTP/1.1\r\nhost: h.example.com\r\n{said}\r\n".encode()


def _world(behind: list[int], *, answers: bool = False) -> tuple[list[Document], dict[str, int]]:
    """Manifests, and the port of each way. `answers`: the first that is behind is Envoy's own."""
    ports = {name: free_port() for name in (NOTHING, *WAYS)}
    sections = {name: f"way-{number}" for number, name in enumerate(ports)}
    listeners = [{"name": sections[name], "port": port, "protocol": "HTTP"} for name, port in ports.items()]
    documents = [one for number, port in enumerate(behind) for one in service(number, port)]
    if answers:
        listeners.append({"name": "origin", "port": behind[0], "protocol": "HTTP"})
        documents += origin()
    documents.append(_object(GATEWAY, "Gateway", "gate", {"gatewayClassName": "daemun", "listeners": listeners}))
    rules: list[Document] = [
        {
            "matches": [{"path": {"type": "PathPrefix", "value": path}}],
            "backendRefs": [{"name": f"service-{number}", "port": 80}],
        }
        for number, path in enumerate(BEHIND.values())
    ]
    for section in sections.values():
        spec: Document = {
            "parentRefs": [{"name": "gate", "sectionName": section}],
            "hostnames": ["h.example.com"],
            "rules": rules,
        }
        documents.append(_object(GATEWAY, "HTTPRoute", section, spec))
    keys = {"apiKeySecretRefs": [{"name": "key"}]}
    known = {**keys, "headersFromMetadataEntry": {"x-mail": {"name": "mail"}}}
    users = {"user": {"hashedPassword": "W6ph5Mm5Pz8GgiULbPgzG37mj9g="}}
    configs = {
        "an API key": {"apiKeyAuth": keys},
        "a password (SHA-1)": {"basicAuth": {"encryption": {"sha1": {}}, "userList": {"users": users}}},
        _BY_SERVER: {"apiKeyAuth": known},
    }
    for name, config in configs.items():
        section = sections[name]
        documents.append(_object("enterprise.gloo.solo.io/v1", "AuthConfig", section, {"configs": [config]}))
        documents.append(_option(section, {"extauth": {"configRef": {"name": section}}}))
    provider = {"issuer": "bench", "jwks": {"local": {"key": _ISSUER.pem}}}
    documents.append(_option(sections["a token (RS256)"], {"jwt": {"providers": {"bench": provider}}}))
    secret = _object("v1", "Secret", "key", {})
    del secret["spec"]
    documents.append(
        secret | {"type": "extauth.solo.io/apikey", "stringData": {"api-key": _KEY, "mail": "ann@example.com"}}
    )
    return documents, ports


def _option(section: str, options: Document) -> Document:
    """What is done on the hosts of a port."""
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gate", "sectionName": section}
    return _object("gateway.solo.io/v1", "VirtualHostOption", section, {"targetRefs": [target], "options": options})


def _object(version: str, kind: str, name: str, spec: Document) -> Document:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "bench"}, "spec": spec}


if __name__ == "__main__":
    measure()
