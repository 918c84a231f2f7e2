"""Which fields are served: what is set and is not gives a finding, and nothing is left undecided."""

import msgspec

from daemun.gloo.served.fields import Fields, Row, Served


class Inner(msgspec.Struct, frozen=True, rename="camel"):
    """A message within."""

    depth: int = 0
    deep_field: str | None = None


class Outer(msgspec.Struct, frozen=True, rename="camel"):
    """A message."""

    one: Inner | None = None
    many: tuple[Inner, ...] = ()
    named: dict[str, Inner] = msgspec.field(default_factory=dict)
    flag: bool | None = None


TABLE = Served(
    [
        Fields(Outer, ("one", "many")),
        Fields(Outer, ("named",), {"flag": "Envoy has none"}),
        Fields(Inner, ("depth",), {"deepField": "too deep"}),
    ]
)


def told(value: msgspec.Struct) -> list[tuple[str, str]]:
    return [(one.where, one.text) for one in TABLE.unserved(value, "spec")]


def test_what_is_set_but_not_served_is_found_at_every_depth() -> None:
    inner = Inner(1, "x")
    assert told(Outer(inner, (Inner(), inner), {"a": inner}, False)) == [
        ("spec.one.deepField", "is not served: too deep"),
        ("spec.many[1].deepField", "is not served: too deep"),
        ("spec.named.a.deepField", "is not served: too deep"),
        ("spec.flag", "is not served: Envoy has none"),
    ]


def test_what_is_not_set_is_not_found() -> None:
    assert told(Outer(Inner())) == []


def test_what_nobody_speaks_of_is_not_served_and_undecided() -> None:
    table = Served([Fields(Inner, ("depth", "width"))])
    assert list(table.undecided()) == ["Inner.deepField", "Inner.width"]
    assert [one.where for one in table.unserved(Inner(1, "x"), "")] == ["deepField"]
    assert list(TABLE.undecided()) == []


def test_rows_are_in_the_order_of_the_api() -> None:
    assert list(TABLE.rows()) == [
        Row(Outer, "one", ""),
        Row(Outer, "many", ""),
        Row(Outer, "named", ""),
        Row(Outer, "flag", "Envoy has none"),
        Row(Inner, "depth", ""),
        Row(Inner, "deepField", "too deep"),
    ]
