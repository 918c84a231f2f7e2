"""Names, durations, digests and the wire format."""

import pytest
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.config.route.v3 import route_pb2
from hypothesis import given
from hypothesis import strategies as st

from daemun.base import wire
from daemun.base.digest import MODULUS, digest, version
from daemun.base.durations import milliseconds
from daemun.base.names import Name, Ref


def test_names_read_as_people_write_them() -> None:
    assert str(Name("ns", "n")) == "ns/n"
    assert str(Name("", "n")) == "n"
    ref = Ref("", "Service", "ns", "n")
    assert str(ref) == "Service ns/n"
    assert ref.key == Name("ns", "n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", 0), ("500ms", 500), ("1m", 60_000), ("1h30m", 5_400_000), ("1s1ms", 1001), ("2h3m4s5ms", 7_384_005)],
)
def test_durations(text: str, expected: int) -> None:
    assert milliseconds(text) == expected


@given(st.lists(st.text(max_size=300), max_size=5))
def test_joined_fields_are_what_protobuf_reads_and_writes(names: list[str]) -> None:
    hosts = [route_v3.VirtualHost(name=name) for name in names]
    head = route_pb2.RouteConfiguration(name="r").SerializeToString()
    joined = head + b"".join(wire.delimited(wire.tag(2), host.SerializeToString()) for host in hosts)
    whole = route_pb2.RouteConfiguration(name="r", virtual_hosts=hosts)
    assert joined == whole.SerializeToString()
    assert route_pb2.RouteConfiguration.FromString(joined) == whole


@given(st.text(max_size=300), st.text(max_size=300), st.binary(max_size=300))
def test_something_else_in_the_place_of_a_mark(before: str, after: str, body: bytes) -> None:
    """The fields around it stay, those of every kind of the wire format."""
    action = route_v3.RouteAction(cluster="c", priority=1, timeout={"seconds": 300})
    host = route_v3.VirtualHost(name=before, domains=["a", after], include_request_attempt_count=True)
    host.routes.add(name=before)
    host.routes.add(name=after, route=action).metadata.filter_metadata["m"].update({"number": 1.5, "text": "<mark>"})
    host.routes.add(name=before)
    tags = tuple(map(wire.tag, (3, 4, 1, 2, 1, 2, 3)))  # routes, metadata, its two kinds of entries, a Value's text
    message = host.SerializeToString()
    around = wire.surroundings(message, tags, b"<mark>")
    assert len(around) == len(tags) + 1
    framed = wire.nested((wire.tag(2), *tags), around, b"<mark>")
    assert framed == wire.delimited(wire.tag(2), message)
    text = body.hex()
    host.routes[1].metadata.filter_metadata["m"]["text"] = text
    made = wire.nested((wire.tag(2), *tags), around, text.encode())
    assert route_pb2.RouteConfiguration.FromString(made).virtual_hosts[0] == host


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**32, "8080808010")]
)
def test_varints(value: int, expected: str) -> None:
    assert wire.varint(value).hex() == expected


def test_digests_know_content_and_boundaries_and_stay_in_range() -> None:
    assert digest(b"ab", b"c") == digest(b"ab", b"c")
    assert len({digest(b"ab", b"c"), digest(b"a", b"bc"), digest(b"abc"), digest(b"abc", b""), digest()}) == 5
    assert 0 <= digest(b"x") < MODULUS


def test_a_digest_is_the_same_in_every_process() -> None:
    assert version(digest(b"daemun")) == "92ef9c49d2edd937b2ae905eb3870956"
    assert len(version(0)) == 32
