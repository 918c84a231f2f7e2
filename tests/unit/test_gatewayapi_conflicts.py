"""HTTPRoute against GRPCRoute on one listener: the older stays, and who lost is in nobody's way."""

from daemun.base.names import Ref
from daemun.translate import Translation
from support.objects.cases import objects

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate}
spec: {gatewayClassName: daemun, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""


def route(kind: str, name: str, year: int, *hosts: str) -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: {name}, creationTimestamp: "{year}-01-01T00:00:00Z"}}
spec: {{parentRefs: [{{name: gate}}], hostnames: [{", ".join(repr(host) for host in hosts)}]}}
"""


def accepted(*routes: str) -> set[str]:
    translation = Translation()
    translation.apply(objects(GATEWAY + "".join(routes)).items())
    assert not translation.graph.failures
    return {ref.name for ref, one in translation.routes.items() if isinstance(ref, Ref) and one.attachments}


def test_the_older_stays_whatever_the_order() -> None:
    http, grpc = route("HTTPRoute", "http", 2024, "a.test"), route("GRPCRoute", "grpc", 2023, "*.test")
    assert accepted(http, grpc) == accepted(grpc, http) == {"grpc"}


def test_hosts_apart_are_no_conflict() -> None:
    assert accepted(route("HTTPRoute", "http", 2024, "a.test"), route("GRPCRoute", "grpc", 2023, "b.test")) == {
        "http",
        "grpc",
    }


def test_who_lost_is_in_nobodys_way() -> None:
    oldest = route("HTTPRoute", "oldest", 2021, "a.test")
    loser = route("GRPCRoute", "loser", 2022, "a.test", "b.test")
    youngest = route("HTTPRoute", "youngest", 2023, "b.test")
    assert accepted(oldest, loser, youngest) == {"oldest", "youngest"}
    assert accepted(loser, youngest) == {"loser"}


def test_a_long_chain_of_overlaps_is_decided_oldest_first() -> None:
    """Each route overlaps the two before it: recursion would be too deep, and deciding it again and again endless."""
    kinds = ("HTTPRoute", "GRPCRoute")
    names = range(400)
    chain = [route(kinds[at % 2], f"r{at}", 1000 + at, f"h{at}.test", f"h{at + 1}.test") for at in names]
    assert accepted(*chain) == {f"r{at}" for at in names if at % 2 == 0}
