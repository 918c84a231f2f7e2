"""LDAP, against a real slapd; and what a directory that is slow, absent or talks nonsense does."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemun.extauth.answers import Allowed, Answer, Failed
from daemun.extauth.checker import Checker
from daemun.extauth.checks import directory
from daemun.extauth.ldap import ber
from daemun.extauth.ldap.filters import FilterError, encoded, in_name
from daemun.ir.auth.checks import LdapAuth, LdapGroups
from support.clients.checked import asked, checker, login
from support.objects.certificates import Authority
from support.servers import slapd
from support.servers.ports import free_port

USERS = {"ann": "a", "bob": "b", "o\\,brien": "o", "star*": "s"}


def status(answer: Answer) -> int:
    return 200 if isinstance(answer, Allowed) else answer.status


def check(address: str, **fields: Any) -> LdapAuth:
    return LdapAuth(address, f"uid=%s,{slapd.PEOPLE}", **fields)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[slapd.Slapd]:
    slapd.needed()
    server = slapd.Slapd(tmp_path)
    server.fill(USERS, managers=("ann",))
    async with server:
        yield server


@pytest.fixture
async def shy(tmp_path: Path) -> AsyncIterator[slapd.Slapd]:
    """Users may not read their own entries there."""
    slapd.needed()
    server = slapd.Slapd(tmp_path, shy=True)
    server.fill(USERS, managers=("ann",))
    async with server:
        yield server


async def test_users_and_groups(server: slapd.Slapd) -> None:
    anybody = checker(check(server.address))
    managers = checker(check(server.address, allowed=(slapd.MANAGERS.upper().replace(",", ", "),)))
    for name, password, first, second in (
        ("ann", "a", 200, 200),
        ("bob", "b", 200, 403),
        ("o,brien", "o", 200, 403),
        ("star*", "s", 200, 403),
        ("ann", "wrong", 401, 401),
        ("ann", "", 401, 401),
        ("nobody", "a", 401, 401),
        ("*", "a", 401, 401),
    ):
        assert status(await asked(anybody, login(name, password))) == first, name
        assert status(await asked(managers, login(name, password))) == second, name
    assert await asked(anybody, login("ann", "a")) == Allowed("ann")
    assert status(await asked(anybody)) == 401
    for one in (anybody, managers):
        await one.close()


@pytest.mark.parametrize(
    "name",
    [
        f"bob,{slapd.PEOPLE}",
        "bob,ou=people",
        "bob+cn=bob",
        "bob\\2c",
        "bob)(uid=*",
        '"bob"',
        " bob",
        "bob ",
        "#bob",
        "bob;ann",
        "b\x00ob",
    ],
)
async def test_a_name_is_a_name_whatever_is_in_it(server: slapd.Slapd, name: str) -> None:
    one = checker(check(server.address))
    answer = await asked(one, login(name, "b"))
    await one.close()
    assert status(answer) == 401


async def test_connections_are_used_again_and_no_more_than_so_many(server: slapd.Slapd) -> None:
    one = checker(check(server.address, allowed=(slapd.MANAGERS,), pool=2))
    assert isinstance(one, directory.Directory)
    answers = await asyncio.gather(*(asked(one, login("ann", "a")) for _ in range(50)))
    assert set(map(status, answers)) == {200}
    assert len(one._pool._idle) <= 2
    await one.close()


async def test_a_filter_says_which_entries_count(server: slapd.Slapd) -> None:
    for text, expected in (
        ("(&(objectClass=inetOrgPerson)(!(uid=bob)))", 200),
        ("(uid=bob)", 403),
        ("(|(uid=b*)(uid=*nn))", 200),
    ):
        one = checker(check(server.address, allowed=(slapd.MANAGERS,), search_filter=text))
        assert status(await asked(one, login("ann", "a"))) == expected, text
        await one.close()


async def test_a_group_has_any_name_and_any_spelling_of_it(tmp_path: Path) -> None:
    """OpenLDAP calls it `cn=Dev\\2C R & D,…` whatever the policy does; another group is another group."""
    slapd.needed()
    server = slapd.Slapd(tmp_path)
    server.fill(USERS, managers=("ann",), group=f"cn=Dev\\, R & D,ou=groups,{slapd.BASE}")
    groups = f"ou=groups,{slapd.BASE}"
    async with server:
        for name, expected in (
            (f"cn=Dev\\, R & D,{groups}", 200),
            (f"CN = dev\\2c  r & d , OU=groups,{slapd.BASE}", 200),
            (f"cn=Dev\\,R & D,{groups}", 403),
            (f"cn=Dev,R & D,{groups}", 403),
            (f"cn=Dev\\, R & D,{groups},dc=more", 403),
            ("cn=Dev\\, R & D", 403),
            ("Dev, R & D", 403),
        ):
            one = checker(check(server.address, allowed=(name,)))
            assert status(await asked(one, login("ann", "a"))) == expected, name
            assert status(await asked(one, login("bob", "b"))) == 403
            await one.close()


async def test_a_filter_says_how_it_compares(server: slapd.Slapd) -> None:
    """As for groups within groups, which a directory of Microsoft's finds by a rule of its own."""
    for text, expected in (
        ("(uid:caseExactMatch:=ann)", 200),
        ("(uid:caseExactMatch:=ANN)", 403),
        ("(uid:2.5.13.2:=ANN)", 200),
        ("(uid:dn:=ann)", 200),
        ("(ou:dn:=people)", 200),
        ("(ou:dn:=groups)", 403),
        (f"(memberOf:1.2.840.113556.1.4.1941:={slapd.MANAGERS})", 403),  # which this directory does not know
    ):
        one = checker(check(server.address, allowed=(slapd.MANAGERS,), search_filter=text))
        assert status(await asked(one, login("ann", "a"))) == expected, text
        await one.close()


async def test_an_account_looks_up_groups_where_users_may_not(shy: slapd.Slapd) -> None:
    account = LdapGroups(slapd.ACCOUNT, "reader", always=True)
    for groups, expected in (
        (LdapGroups(), 500),
        (account, 200),
        (LdapGroups(slapd.ACCOUNT, "reader"), 200),
        (LdapGroups(slapd.ACCOUNT, "wrong", always=True), 500),
    ):
        one = checker(check(shy.address, allowed=(slapd.MANAGERS,), groups=groups))
        assert status(await asked(one, login("ann", "a"))) == expected
        if groups == account:
            assert status(await asked(one, login("bob", "b"))) == 403
            assert status(await asked(one, login("ann", "reader"))) == 401
        await one.close()


async def test_over_tls_the_certificate_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slapd.needed()
    authority, other = Authority(), Authority()
    trusted = tmp_path / "trusted"
    trusted.write_text(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    for name, issuer, host, expected in (
        ("good", authority, "localhost", 200),
        ("stranger", other, "localhost", 500),
        ("other-host", authority, "example.com", 500),
    ):
        folder = tmp_path / name
        folder.mkdir()
        server = slapd.Slapd(folder, pair=issuer.issue(host))
        server.fill(USERS, managers=("ann",))
        async with server:
            one = checker(check(server.address, allowed=(slapd.MANAGERS,)))
            assert status(await asked(one, login("ann", "a"))) == expected, name
            await one.close()


async def test_a_directory_that_was_away_is_asked_again(tmp_path: Path) -> None:
    slapd.needed()
    server = slapd.Slapd(tmp_path)
    server.fill(USERS, managers=("ann",))
    one = checker(check(server.address))
    for _ in range(2):
        assert status(await asked(one, login("ann", "a"))) == 500
        async with server:
            assert status(await asked(one, login("ann", "a"))) == 200
            assert status(await asked(one, login("ann", "wrong"))) == 401
    await one.close()


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x30\x84\x7f\xff\xff\xff",
        b"\x30\x0c\x02\x01\x63\x61\x07\x0a\x01\x00\x04\x00\x04\x00",  # of another question
        b"\x30\x05\x02\x01\x01\x61\x00",  # without a result
        b"\x30\x00",
        b"\x30\x0a\x02\x01\x01\x64\x05\x04\x00\x30\x01\x00",
    ],
)
async def test_nonsense_lets_nobody_in(says: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "_SECONDS", 1.0)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(says)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        one = checker(check(f"ldap://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        assert isinstance(await asked(one, login("ann", "a")), Failed)
        await one.close()


async def test_silence_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "_SECONDS", 0.2)
    ends = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ends.wait()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        one = checker(check(f"ldap://127.0.0.1:{server.sockets[0].getsockname()[1]}", pool=1))
        answers = await asyncio.gather(*(asked(one, login("ann", "a")) for _ in range(5)))
        assert set(answers) == {Failed("the directory does not answer")}
        ends.set()
        await one.close()


async def test_nobody_is_asked_where_nobody_may_be() -> None:
    from daemun.extauth.checker import Tools

    one: Checker = checker(check(f"ldap://127.0.0.1:{free_port()}"), Tools())
    answer = await asked(one, login("ann", "a"))
    assert answer == Failed("of the directory: its address is not allowed")


@pytest.mark.parametrize("template", ["uid=ann", "uid=%s,cn=%s", ""])
async def test_a_template_has_one_place_for_the_name(template: str) -> None:
    with pytest.raises(ValueError, match="one place"):
        checker(LdapAuth("ldap://localhost", template))


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("(uid=*)", "8703756964"),
        ("(uid=a)", "a30804037569640401 61"),
        ("(cn=a\\2ab)", "a3090402636e0403612a62"),
        ("(!(uid=*))", "a2058703756964"),
        ("(a:dn:1.2:=b)", "a90f 8103312e32 820161 830162 8401ff".replace("a90f", "a90e")),
        ("(:1.2:=b)", "a908 8103312e32 830162"),
        ("(cn=a*b*c)", "a4110402636e300b800161 810162 820163".replace("300b", "3009").replace("a411", "a40f")),
    ],
)
def test_filters(text: str, bytes_: str) -> None:
    assert encoded(text).hex() == bytes_.replace(" ", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "uid=*",
        "(uid)",
        "(uid=*",
        "(uid=*))",
        "(&)",
        "((uid=*))",
        "(u d=a)",
        "(:=a)",
        "(a:b:c:=d)",
        "(a:b c:=d)",
        "(a=\\zz)",
        "(a=\\a)",
        "(!" * 50 + "(a=b)" + ")" * 50,
    ],
)
def test_what_is_no_filter(text: str) -> None:
    with pytest.raises(FilterError):
        encoded(text)


@given(st.text())
def test_no_name_leaves_its_place(name: str) -> None:
    """In what is escaped nothing ends a value or begins another (RFC 4514, 2.4)."""
    rest = in_name(name)
    while "\\" in rest:
        before, _, rest = rest.partition("\\")
        assert not set(before) & set('"+,;<>=#\0')
        int(rest[:2], 16)
        rest = rest[2:]
    assert not set(rest) & set('"+,;<>=#\0')


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = list(ber.elements(data))
    except ber.BerError:
        return
    assert b"".join(ber.element(tag, body) for tag, body in found).endswith(found[-1][1] if found else b"")
