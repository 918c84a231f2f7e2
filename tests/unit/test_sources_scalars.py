"""Plain scalars mean what they mean to Kubernetes."""

import math

import pytest

from daemun.sources import scalars


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("Null", None), ("nULL", "nULL"),
        ("y", True), ("Yes", True), ("on", True), ("TRUE", True), ("n", False), ("off", False), ("oN", "oN"),
        ("0", 0), ("-7", -7), ("+12", 12), ("1_000", 1000), ("0x1F", 31), ("0o17", 15), ("017", 15), ("-0b11", -3),
        ("08", 8), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000), ("1.", 1), ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", float(2**64)), ("1:30", "1:30"), ("2024-01-02", "2024-01-02"), ("1.2.3", "1.2.3"),
        ("0x", "0x"), ("-", "-"), ("1e999", "1e999"), ("9" * 5000, "9" * 5000), ("tea", "tea"), ("/path", "/path"),
    ],
)  # fmt: skip
def test_plain(text: str, value: object) -> None:
    assert scalars.plain(text) == value
    assert type(scalars.plain(text)) is type(value)


def test_infinity_is_known_so_that_it_can_be_refused() -> None:
    assert scalars.plain("-.INF") == -math.inf
    nothing = scalars.plain(".nan")
    assert isinstance(nothing, float)
    assert math.isnan(nothing)


@pytest.mark.parametrize(
    ("value", "key"), [("a", "a"), (True, "true"), (5, "5"), (1.5, "1.5"), (None, None), ([], None)]
)
def test_keys_are_text(value: object, key: str | None) -> None:
    assert scalars.key(value) == key
