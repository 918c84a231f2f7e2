"""Names of scopes: short, and each scope's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemun.envoy.scopes import key_of, scope_key, scope_name
from daemun.ir.listener import FrontendKey, HostKey

LETTERS = 22
_PORT = FrontendKey("default/gate", 80)


@pytest.mark.parametrize(
    ("host", "name"),
    [("*", "80/*"), ("api.example.com", "80/api.example.com"), ("abcdefg.example.com", "80/abcdefg.example.com")],
)
def test_a_short_name_is_the_key_itself(host: str, name: str) -> None:
    assert scope_name(scope_key(_PORT, host)) == name


_hosts = st.from_regex(r"(~?\*\.)?[a-z]{1,40}\.example(/[^:]{0,30})?", fullmatch=True)


@given(_hosts, _hosts, st.sampled_from([1, 80, 65535]), st.sampled_from(["", "1", "12"]))
def test_every_name_is_short_and_of_one_key(one: str, other: str, port: int, section: str) -> None:
    keys = {scope_key(FrontendKey("default/gate", port, section=section), host) for host in (one, other)}
    names = {scope_name(key) for key in keys}
    assert len(names) == len(keys)
    assert all(len(name.encode()) <= LETTERS for name in names if name.isascii())


def test_a_name_that_is_cut_is_no_other_scopes_name() -> None:
    cut = scope_name(scope_key(_PORT, "a-long-name.example.com"))
    assert cut.startswith("80/a-long-:")
    # Behind a colon, which no key has: nobody can have a host or path that is called so.
    assert scope_name(scope_key(_PORT, cut.partition("/")[2].replace(":", "-"))) != cut


def test_wildcards_with_scopes_of_their_own_are_known_by_their_names() -> None:
    wildcard = HostKey(FrontendKey("default/gate", 65535, section="10.96.0.13"), "*.a.long.name.example.com")
    assert scope_name(key_of(wildcard, spread=True)).startswith("65535.10.96.0.13/~")
