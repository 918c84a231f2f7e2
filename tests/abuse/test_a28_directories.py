"""A28: one user of a directory is one user to all who count, refuse or look for users, whatever name a client writes;
and a directory that neither says yes nor no lets nobody in.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemun.extauth.answers import Allowed, Answer, Denied, Failed
from daemun.extauth.ldap import ber
from daemun.extauth.ldap.filters import in_name
from daemun.extauth.ldap.names import Template, one_form
from daemun.ir.auth.checks import LdapAuth, LdapGroups
from daemun.process.listening import stop_listening
from support.clients.checked import asked, checker, login
from support.servers import slapd

SPELLINGS = {"ann": "ann", "ANN": "ann", "\uff41nn": "ann", "bob  smith": "Bob Smith", "BOB SMITH": "Bob Smith"}
MEMBERS = {"allowed": (slapd.MANAGERS,)}
WAYS: dict[str, dict[str, Any]] = {
    "no groups": {},
    "groups": MEMBERS,
    "groups by an account": {**MEMBERS, "groups": LdapGroups(slapd.ACCOUNT, "reader", always=True)},
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[slapd.Slapd]:
    slapd.needed()
    server = slapd.Slapd(tmp_path)
    server.fill({"ann": "secret", "Bob Smith": "secret"}, managers=("ann", "Bob Smith"))
    async with server:
        yield server


async def test_a28_a_user_has_one_name(server: slapd.Slapd) -> None:
    """Not one for each limit: it is the directory's."""
    for way, fields in WAYS.items():
        one = checker(LdapAuth(server.address, f"uid=%s,{slapd.PEOPLE}", **fields))
        for given_, name in SPELLINGS.items():
            assert await asked(one, login(given_, "secret")) == Allowed(name), (way, given_)
        await one.close()


@contextlib.asynccontextmanager
async def directory(bind: int = 0, who: bytes = b"", code: int = 0) -> AsyncIterator[str]:
    """A directory that answers every bind with one result, and who that was with another; its address."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                _, size = await reader.readexactly(2)
                (_, number), (tag, _), *_ = ber.elements(await reader.readexactly(size))
                said = (ber.text(b""), ber.text(b""))
                answer = ber.element(0x61, ber.integer(bind, ber.ENUMERATED), *said)
                if tag == 0x77:
                    answer = ber.element(0x78, ber.integer(code, ber.ENUMERATED), *said, ber.text(who, 0x8B))
                writer.write(ber.element(ber.SEQUENCE, ber.element(ber.INTEGER, number), answer))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"ldap://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        await stop_listening(server)
        await server.wait_closed()


async def _said(address: str, name: str = "ANN") -> Answer:
    one = checker(LdapAuth(address, "uid=%s,ou=people"))
    try:
        return await asked(one, login(name, "secret"))
    finally:
        await one.close()


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (b"", 0),
        (b"", 2),
        (b"dn:uid=eve,ou=people", 53),
        (b"u:CORP\\Ann", 0),
        (b"dn:", 0),
        (b"dn:uid=eve", 0),
        (b"dn:cn=eve,ou=people", 0),
        (b"dn:uid=,ou=people", 0),
        (b"dn:\xff\xff", 0),
        (b"uid=eve,ou=people", 0),
    ],
)
async def test_a28_nor_where_the_directory_does_not_say_it(who: bytes, code: int) -> None:
    async with directory(who=who, code=code) as address:
        assert {await _said(address, name) == Allowed("ann") for name in ("ANN", "ann", "Ann")} == {True}


@pytest.mark.parametrize("code", [1, 3, 4, 8, 10, 11, 14, 51, 52, 80, 255])
async def test_a28_what_is_neither_a_yes_nor_a_no_lets_nobody_in(code: int) -> None:
    """It is busy or away, refers elsewhere, or wants it otherwise: nobody is let in, also where `!` is before it."""
    async with directory(code) as address:
        assert isinstance(await _said(address), Failed)


@pytest.mark.parametrize("code", [32, 34, 48, 49, 53])
async def test_a28_a_no_is_one(code: int) -> None:
    async with directory(code) as address:
        assert isinstance(await _said(address), Denied)


TEMPLATES = ("uid=%s", "uid=%s,ou=people", "CN=x %s y\\,z , dc=example", "ou=a,mail=%s@x.test,dc=b")


@given(st.sampled_from(TEMPLATES), st.text(min_size=1).filter(lambda one: "\0" not in one and "\ue000" not in one))
def test_a28_a_name_is_found_where_it_was_put(template: str, name: str) -> None:
    found = Template(template)
    with contextlib.suppress(UnicodeEncodeError):
        assert found.user(f"{found.before}{in_name(name)}{found.after}") == name


@given(st.sampled_from(TEMPLATES), st.text())
def test_a28_whatever_a_directory_calls_an_entry(template: str, entry: str) -> None:
    assert isinstance(Template(template).user(entry), str)


@given(st.text())
def test_a28_one_form_is_one(name: str) -> None:
    assert one_form(one_form(name)) == one_form(name)
