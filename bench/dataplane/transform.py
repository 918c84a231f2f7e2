"""What a transformation costs a request: one client, one connection, the same request with and without, in turn.

The backend is another port of the same Envoy that answers by itself, so that next to nothing else takes time: with a
real backend every ratio is smaller. Times are the client's; figures depend on how busy the machine is, ratios hardly.
"""

import asyncio
import os
import socket
import time
from statistics import median
from typing import Any

from bench.tools.poller import free_port, until_200
from bench.tools.program import daemun
from bench.tools.worlds import GATEWAY, Document, service, stage, write

_ROUNDS = int(os.environ.get("BENCH_TRANSFORM_ROUNDS", "15"))
_REQUESTS = 1500
_PASSES: Document = {"passthrough": {}}
TEMPLATES: dict[str, Document | None] = {
    "nothing": None,
    "a header from a header": _PASSES | {"headers": {"x-a": {"text": '{{ header("x-b") }}'}}},
    "three headers, one with a condition": _PASSES
    | {
        "headers": {
            "x-a": {"text": '{{ upper(header("x-b")) }}'},
            "x-c": {"text": '{% if header("x-b") == "foo" %}yes{% else %}no{% endif %}'},
            "x-d": {"text": 'a {{ base64_encode(header("x-b")) }} b'},
        }
    },
    "a header from two and text": _PASSES
    | {"headers": {"x-a": {"text": 'of {{ header("x-b") }} at {{ header(":path") }}'}}},
    "a header by a condition": _PASSES
    | {"headers": {"x-a": {"text": '{% if header("x-b") == "foo" %}yes{% else %}no{% endif %}'}}},
    "a header in capitals": _PASSES | {"headers": {"x-a": {"text": '{{ upper(header("x-b")) }}'}}},
    "a header from an extracted query parameter": _PASSES
    | {
        "extractors": {"name": {"header": ":path", "regex": ".*[?&]name=([^&]*).*", "subgroup": 1}},
        "headers": {"x-a": {"text": "{{ name }}"}},
    },
    "a header from a JSON body": {"headers": {"x-a": {"text": '{{ default(user.name, "none") }}'}}},
}
"""What is measured: the first without a transformation."""
BODY = b'{"user": {"name": "Kim", "tags": ["a", "b", "c"], "age": 42}, "items": [1, 2, 3, 4, 5, 6, 7, 8]}'
"""What JSON is taken from."""


def measure() -> dict[str, Any]:
    """Medians in microseconds, each beside the median without a transformation."""
    return asyncio.run(_measure())


async def _measure() -> dict[str, Any]:
    async with stage() as (base, folder, port, _):
        behind = free_port()
        write(folder / "world.yaml", _gateway(port, behind), *origin(), *service(0, behind))
        for number, template in enumerate(TEMPLATES.values()):
            write(folder / f"{number}.yaml", *templated(number, template))
        with daemun(base, folder):
            for number in range(len(TEMPLATES)):
                await until_200(port, f"h{number}.example.com", "/", patience=30)
            return await asyncio.to_thread(_compare, port)


def _compare(port: int) -> dict[str, Any]:
    times: dict[str, list[float]] = {name: [] for name in TEMPLATES}
    plain_with_body: list[float] = []
    for _ in range(_ROUNDS):
        for number, name in enumerate(TEMPLATES):
            times[name].append(median_us(port, asking(number, BODY if "body" in name else b""), _REQUESTS))
        plain_with_body.append(median_us(port, asking(0, BODY), _REQUESTS))
    found: dict[str, Any] = {"load": os.getloadavg()[0], "requests": _ROUNDS * _REQUESTS}
    for name, values in times.items():
        beside = plain_with_body if "body" in name else times["nothing"]
        ratios = [one / other for one, other in zip(values, beside, strict=True)]
        found[name] = {"p50_us": round(median(values), 1), "ratio": round(median(ratios), 3)}
        print(name, found[name], flush=True)
    return found


def median_us(port: int, request: bytes, count: int) -> float:
    """Microseconds of the median of so many requests on a connection of their own."""
    times = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            begun = time.perf_counter()
            connection.sendall(request)
            answer = connection.recv(65536)
            times.append((time.perf_counter() - begun) * 1e6)
            assert answer.startswith(b"HTTP/1.1 200"), answer
    return median(times)


def asking(number: int, body: bytes) -> bytes:
    """A request for a route."""
    head = f"POST /?a=1&name=Kim HTTP/1.1\r\nHost: h{number}.example.com\r\nx-b: foo\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _gateway(port: int, origin: int) -> Document:
    ports = {"front": port, "origin": origin}
    listeners = [{"name": name, "port": one, "protocol": "HTTP"} for name, one in ports.items()]
    spec = {"gatewayClassName": "daemun", "listeners": listeners}
    return {"apiVersion": GATEWAY, "kind": "Gateway", "metadata": {"name": "gate", "namespace": "bench"}, "spec": spec}


def origin() -> list[Document]:
    """What answers behind: a route of Envoy's own, at the port `origin`."""
    answer = {"group": "gateway.gloo.solo.io", "kind": "DirectResponse", "name": "ok"}
    rule = {"filters": [{"type": "ExtensionRef", "extensionRef": answer}]}
    spec = {"parentRefs": [{"name": "gate", "sectionName": "origin"}], "rules": [rule]}
    return [
        {
            "apiVersion": GATEWAY,
            "kind": "HTTPRoute",
            "metadata": {"name": "origin", "namespace": "bench"},
            "spec": spec,
        },
        {
            "apiVersion": "gateway.gloo.solo.io/v1alpha1",
            "kind": "DirectResponse",
            "metadata": {"name": "ok", "namespace": "bench"},
            "spec": {"status": 200, "body": "ok"},
        },
    ]


def templated(number: int, template: Document | None, section: str = "front") -> list[Document]:
    """A route for a host of its own, with a template or without one."""
    name = f"route-{number}"
    spec: Document = {
        "parentRefs": [{"name": "gate", "sectionName": section}],
        "hostnames": [f"h{number}.example.com"],
        "rules": [{"backendRefs": [{"name": "service-0", "port": 80}]}],
    }
    found = [
        {"apiVersion": GATEWAY, "kind": "HTTPRoute", "metadata": {"name": name, "namespace": "bench"}, "spec": spec}
    ]
    if template is not None:
        change = {"requestTransformation": {"transformationTemplate": template}}
        target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name}
        options = {"stagedTransformations": {"regular": {"requestTransforms": [change]}}}
        found.append(
            {
                "apiVersion": "gateway.solo.io/v1",
                "kind": "RouteOption",
                "metadata": {"name": name, "namespace": "bench"},
                "spec": {"targetRefs": [target], "options": options},
            }
        )
    return found
