"""A backend is one cluster with one assignment, however many rules of whatever kind send to it in whatever way.

So what Envoy finds out about a backend (who is ejected, who is healthy, which connections are open) it finds out once.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from daemun.api.decode import decode
from daemun.gatewayapi.settings import Settings
from daemun.ir.resource import CLUSTER, ENDPOINT
from daemun.translate import Translation
from support.objects.documents import backend, exact, gateway, listener, prefix, reference, route, rule, service, use

SERVICES = ("s0", "s1", "s2")
MIRROR = st.sampled_from(SERVICES).map(lambda name: use("RequestMirror", backendRef=reference(name, port=80)))
HEADERS = st.sampled_from(["x", "y"]).map(lambda v: use("RequestHeaderModifier", set=[{"name": "x-by", "value": v}]))
BACKENDS = st.lists(
    st.builds(
        lambda name, weight, filters: backend(name, weight, *filters),
        st.sampled_from(SERVICES),
        st.integers(1, 9),
        st.lists(HEADERS, max_size=1),
    ),
    min_size=1,
    max_size=2,
)


def _http(paths: str, to: list[Any], filters: list[Any], timeout: str) -> Any:
    return rule(prefix(paths), exact(f"{paths}/x"), to=to, filters=filters, timeouts={"request": timeout})


HTTP = st.builds(
    _http,
    st.sampled_from(["/a", "/b", "/c"]),
    BACKENDS,
    st.lists(MIRROR | HEADERS, max_size=2, unique_by=lambda one: one["type"]),
    st.sampled_from(["1s", "2s"]),
)
GRPC = st.builds(
    lambda name, to, filters: rule({"method": {"service": name}}, to=to, filters=filters),
    st.sampled_from(["x.A", "x.B"]),
    BACKENDS,
    st.lists(HEADERS, max_size=1),
)


def _made(documents: list[Any]) -> Translation:
    made = Translation(Settings(assume_programmed=True))
    made.apply((one.ref, one.value) for one in map(decode, documents) if one is not None)
    return made


def _names(made: Translation, type_url: str) -> list[str]:
    return sorted(key.resource for key in made.resources if key.type_url == type_url)


@given(
    http=st.lists(st.lists(HTTP, min_size=1, max_size=3), max_size=3),
    grpc=st.lists(st.lists(GRPC, min_size=1, max_size=3), max_size=3),
    protocol=st.sampled_from(["", "kubernetes.io/h2c"]),
)
def test_a_backend_is_one_cluster(http: list[Any], grpc: list[Any], protocol: str) -> None:
    documents = [gateway("gw", listener(80), listener(81, "more"))]
    documents += [one for name in SERVICES for one in service(name, 1, app_protocol=protocol)]
    documents += [route(f"h{n}", *rules, hosts=[f"h{n}.example"]) for n, rules in enumerate(http)]
    documents += [route(f"g{n}", *rules, hosts=[f"g{n}.example"], kind="GRPCRoute") for n, rules in enumerate(grpc)]
    made = _made(documents)
    # What a Service says that it speaks counts for all; else gRPC is HTTP/2, and the rest HTTP/1.1.
    expected = {_cluster(name, "h2c" if protocol else "") for rules in http for one in rules for name in _used(one)}
    expected |= {_cluster(name, "h2c") for rules in grpc for one in rules for name in _used(one)}
    assert _names(made, CLUSTER) == sorted(expected)
    assert _names(made, ENDPOINT) == sorted(expected)


def _used(one: Any) -> set[str]:
    mirrors = [item["requestMirror"]["backendRef"] for item in one.get("filters", ()) if "requestMirror" in item]
    return {item["name"] for item in (*one["backendRefs"], *mirrors)}


def _cluster(name: str, spoken: str) -> str:
    return f"service/default/{name}/80" + (f"/{spoken}" if spoken else "")
