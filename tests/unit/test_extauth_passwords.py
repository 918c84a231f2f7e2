"""Basic auth: who comes in, who does not, what it costs, and what hostile headers do."""

import base64
from collections import Counter
from typing import Any

import bcrypt
import pytest

from daemun.extauth.answers import Allowed, Denied
from daemun.extauth.checker import Tools
from daemun.extauth.checks import basic
from daemun.extauth.credentials import challenge
from daemun.ir.auth.checks import BasicAuth, Password
from support.clients.checked import Clock, asked, checker, login

USERS = {
    "ann": Password("apr1", "0adzfifo14649cKNfaqXGP", "TYiryv0/"),
    "bob": Password("bcrypt", bcrypt.hashpw(b"b", bcrypt.gensalt(4)).decode()),
    "sha": Password("sha1", "{SHA}Et6pb+wgWTVmq3VpLJlJWWgzrck="),
}


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often which kind of hash was computed."""
    found: Counter[str] = Counter()

    def counted(password: bytes, known: Password) -> bool:
        found[known.hash] += 1
        return real(password, known)

    real = basic.holds
    monkeypatch.setattr(basic, "holds", counted)
    return found


@pytest.mark.parametrize(("name", "password"), [("bob", "b"), ("sha", "user")])
async def test_the_right_password_lets_in(name: str, password: str) -> None:
    assert await asked(BasicAuth(USERS), login(name, password)) == Allowed(name)


async def test_everything_wrong_is_answered_alike() -> None:
    one = checker(BasicAuth(USERS, realm="shop"))
    answers = [
        await asked(one, headers)
        for headers in (
            {},
            login("bob", "B"),
            login("bob", ""),
            login("", "b"),
            login("nobody", "b"),
            login("ann", "b"),
            login("bob\0", "b"),
            {"authorization": "Basic"},
            {"authorization": "Basic !!!"},
            {"authorization": "Basic " + base64.b64encode(b"bob").decode()},
            {"authorization": "Basic " + base64.b64encode(b"\xff:b").decode()},
            {"authorization": "Bearer " + base64.b64encode(b"bob:b").decode()},
            {"authorization": login("bob", "b")["authorization"] + ", Basic x"},
        )
    ]
    alike = Denied(401, (("www-authenticate", 'Basic realm="shop", charset="UTF-8"'),))
    assert [one for one in answers if one != alike] == []


async def test_a_header_of_a_mebibyte_is_refused_before_anything_is_computed(computed: Counter[str]) -> None:
    one = checker(BasicAuth(USERS))
    for password in ("x" * (1 << 20), "x" * 1025):
        assert isinstance(await asked(one, login("bob", password)), Denied)
    assert not computed


async def test_a_user_that_there_is_not_costs_what_others_cost(computed: Counter[str]) -> None:
    one = checker(BasicAuth({"bob": USERS["bob"]}))
    await asked(one, login("bob", "wrong"))
    await asked(one, login("nobody", "wrong"))
    assert computed == {"bcrypt": 2}


async def test_what_it_costs_does_not_tell_who_there_is(computed: Counter[str]) -> None:
    """Where users have hashes of several kinds, names of nobody cost as theirs do, and each the same each time."""
    one = checker(BasicAuth(USERS))
    costs = []
    for number in range(60):
        before = computed.copy()
        for _ in range(2):
            assert isinstance(await asked(one, login(f"nobody{number}", "b")), Denied)
        costs.append(computed - before)
    assert all(sorted(one.values()) == [2] for one in costs)
    assert {next(iter(one)) for one in costs} == {"apr1", "bcrypt", "sha1"}


async def test_a_password_that_was_right_is_not_computed_again_for_a_while(computed: Counter[str]) -> None:
    clock = Clock()
    wall = Clock()
    one = checker(BasicAuth({"bob": USERS["bob"]}), Tools(wall, ticks=clock))
    for _ in range(3):
        assert await asked(one, login("bob", "b")) == Allowed("bob")
    assert computed == {"bcrypt": 1}
    for _ in range(3):
        assert isinstance(await asked(one, login("bob", "c")), Denied)
    assert computed == {"bcrypt": 4}
    clock.now += 301
    wall.now -= 3600
    assert await asked(one, login("bob", "b")) == Allowed("bob")
    assert computed == {"bcrypt": 5}


async def test_what_is_remembered_is_bounded_and_holds_no_password() -> None:
    users = {f"u{number}": Password("sha1", "{SHA}Et6pb+wgWTVmq3VpLJlJWWgzrck=") for number in range(5000)}
    one: Any = checker(BasicAuth(users))
    for name in users:
        assert await asked(one, login(name, "user")) == Allowed(name)
    assert len(one._right) == 4096
    assert all(len(mark) == 32 and b"user" not in mark for mark in one._right)


@pytest.mark.parametrize(
    ("realm", "said"), [("", '""'), ('a"b\\', '"a\\"b\\\\"'), ("a\r\nx: y", '"ax: y"'), ("shop", '"shop"')]
)
def test_a_realm_is_quoted(realm: str, said: str) -> None:
    assert challenge(realm) == ("www-authenticate", f'Basic realm={said}, charset="UTF-8"')
