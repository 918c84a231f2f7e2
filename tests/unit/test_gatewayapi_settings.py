"""Where Gateways are bound, and when two of them are in each other's way."""

import pytest

from daemun.api.gateway import GatewaySpecAddress
from daemun.gatewayapi.settings import Settings, overlap


def test_low_ports_move_up_unless_they_need_not() -> None:
    assert [Settings().bound_port(port) for port in (80, 443, 1023, 1024, 8080)] == [8080, 8443, 9023, 1024, 8080]
    assert Settings(port_shift=0).bound_port(80) == 80


def test_addresses_that_are_bound() -> None:
    settings = Settings(address="127.0.0.9")
    asked = tuple(GatewaySpecAddress(value=value) for value in ("10.0.0.1", "", "10.0.0.1"))
    assert settings.bound_addresses(()) == ("127.0.0.9",)
    assert settings.bound_addresses(asked) == ("10.0.0.1", "127.0.0.9")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("10.0.0.1",), ("10.0.0.2",), None),
        (("10.0.0.1", "10.0.0.2"), ("10.0.0.2",), "10.0.0.2"),
        (("0.0.0.0",), ("10.0.0.2",), "10.0.0.2"),
        (("10.0.0.1",), ("::",), "10.0.0.1"),
    ],
)
def test_overlap(one: tuple[str, ...], other: tuple[str, ...], expected: str | None) -> None:
    assert overlap(one, other) == expected
