"""Parts, leaves and the order of matches."""

from daemun.base import wire
from daemun.base.names import Name, Ref
from daemun.ir.backend import BackendKey, upstream_key
from daemun.ir.origin import Origin
from daemun.ir.problem import Problem
from daemun.ir.resource import Leaf, encode, part
from daemun.ir.route import Match, ValueMatch, precedence

SERVICE = Ref("", "Service", "ns", "s")
ONE, TWO = Origin(SERVICE, "one"), Origin(SERVICE, "two")


def test_a_part_is_its_leaves_in_a_field_or_bare() -> None:
    leaves = [Leaf(b"ab", ONE), Leaf(b"c", TWO)]
    assert encode(part("k", leaves)) == b"abc"
    assert encode(part("k", leaves, (wire.tag(2),))) == b"\x12\x03abc"
    assert encode(part("k", leaves, (wire.tag(2),)), {TWO: b"long"}) == b"\x12\x06ablong"


def test_parts_are_equal_by_content_name_and_origins() -> None:
    same = part("k", [Leaf(b"ab", ONE)])
    assert same == part("k", [Leaf(b"ab", ONE, ("needed",), b"fallback")])
    assert hash(same) == hash(part("k", [Leaf(b"ab", ONE)]))
    assert same != part("other", [Leaf(b"ab", ONE)])
    assert same != part("k", [Leaf(b"ab", TWO)])
    assert same != part("k", [Leaf(b"a", ONE), Leaf(b"b", ONE)])
    assert same != part("k", [Leaf(b"ab", ONE)], (wire.tag(2),))
    assert same != "something else"


def test_who_tells_does_so_where_somebody_reads() -> None:
    teller, reader = Leaf(b"quiet", ONE, forms=(b"quiet", b"loud")), Leaf(b"r", TWO, reads=True)
    assert encode(part("k", [teller, Leaf(b"x", TWO)])) == b"quietx"
    heard = part("k", [teller, reader])
    assert encode(heard) == b"loudr"
    assert encode(part("k", heard.leaves[:1])) == b"quiet"
    assert heard.leaves[0].content == teller.content == b"quiet"


def test_names_of_clusters() -> None:
    assert BackendKey("ns", "s", 80).cluster == "service/ns/s/80"
    assert BackendKey("ns", "s", 80, "h2c").cluster == "service/ns/s/80/h2c"
    upstream = upstream_key(Name("ns", "u"))
    assert (upstream.cluster, str(upstream.ref)) == ("upstream/ns/u", "Upstream ns/u")
    assert upstream.at(through=True).cluster == "upstream/ns/u/tcp"
    assert upstream.at(through=False) is upstream


def test_the_order_of_http_matches() -> None:
    header = (ValueMatch("h", "1"),)
    ordered = [
        Match("", "Exact", "/a"),
        Match("", "Regex", "/a+"),
        Match("", "Prefix", "/ab"),
        Match("", "Prefix", "/a", method="GET"),
        Match("", "Prefix", "/a", headers=header * 2, query=()),
        Match("", "Prefix", "/a", headers=header, query=header * 2),
        Match("", "Prefix", "/a", headers=header),
        Match("", "Prefix", "/a", query=header),
        Match("", "Prefix", "/a"),
        Match("", "Prefix", "/"),
    ]
    ranks = [precedence(match) for match in ordered]
    assert ranks == sorted(set(ranks))


def test_the_order_of_grpc_matches() -> None:
    header = (ValueMatch("h", "1"),)
    ordered = [
        Match("", "Exact", "/long.Service/M", chars=(12, 1)),
        Match("", "Prefix", "/long.Service", chars=(12, 0), headers=header),
        Match("", "Prefix", "/long.Service", chars=(12, 0)),
        Match("", "Exact", "/s/LongMethod", chars=(1, 10)),
        Match("", "Regex", "/[^/]+/LongMethod", chars=(0, 10)),
        Match("", "Prefix", "/", chars=(0, 0), headers=header),
        Match("", "Prefix", "/", chars=(0, 0)),
    ]
    ranks = [precedence(match) for match in ordered]
    assert ranks == sorted(set(ranks))


def test_problems_and_origins_read_as_sentences() -> None:
    assert str(ONE) == "Service ns/s one"
    assert str(Origin(SERVICE)) == "Service ns/s"
    assert (
        str(Problem(SERVICE, "Invalid", "spec.x", "is wrong", "Mend it.")) == "Service ns/s spec.x: is wrong Mend it."
    )
    assert str(Problem(SERVICE, "Invalid", "", "is wrong")) == "Service ns/s: is wrong"
