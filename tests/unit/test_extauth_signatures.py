"""Signed requests (HMAC): what is signed, by whom, and when."""

import base64
import hmac
from email.utils import formatdate

import pytest

from daemun.extauth.answers import Allowed, Denied
from daemun.extauth.checker import Tools
from daemun.extauth.checks.signed import parameters
from daemun.ir.auth.checks import HmacAuth
from support.clients.checked import Clock, asked, checker

CHECK = HmacAuth({"alice": "secret", "empty": ""})
CLOCK = Clock()
NOW = formatdate(CLOCK.now, usegmt=True)


def signed(text: str, headers: str, shared: str = "secret", user: str = "alice", algorithm: str = "sha256") -> str:
    signature = base64.b64encode(hmac.digest(shared.encode(), text.encode(), algorithm)).decode()
    return f'hmac username="{user}", algorithm="hmac-{algorithm}", headers="{headers}", signature="{signature}"'


async def says(authorization: str, path: str = "/requests", **headers: str) -> object:
    one = checker(CHECK, Tools(CLOCK))
    return await asked(one, {"authorization": authorization, **headers}, path=path)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
async def test_a_signed_request_is_its_users(algorithm: str) -> None:
    header = signed(f"date: {NOW}\nGET /requests HTTP/1.1", "date @request-target", algorithm=algorithm)
    assert await says(header, date=NOW) == Allowed("alice")


async def test_a_known_answer() -> None:
    # Computed by another program, over the same two lines.
    when = "Thu, 22 Jun 2017 17:15:21 GMT"
    header = (
        'hmac username="alice", algorithm="hmac-sha256", headers="date @request-target", '
        'signature="ujWCGHeec9Xd6UD2zlyxiNMCiXnDOWeVFMu5VeRUxtw="'
    )
    one = checker(CHECK, Tools(Clock(1498151721.0)))
    assert await asked(one, {"authorization": header, "date": when}, path="/requests") == Allowed("alice")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "hmac",
        "hmac ",
        "hmac x",
        'hmac username="alice"',
        signed(f"date: {NOW}", "date", shared="other"),
        signed(f"date: {NOW}", "date", user="bob"),
        signed(f"date: {NOW}", "date", shared="", user="empty"),
        signed(f"date: {NOW}", "date", shared="nobody's secret", user="bob"),
        signed(f"date: {NOW}", "date").replace("sha256", "md5"),
        signed(f"date: {NOW}", "date").replace('algorithm="hmac-sha256"', 'algorithm="none"'),
        signed("", ""),
        signed(f"date: {NOW}\nx-absent: ", "date x-absent"),
        signed(f":path: /requests\ndate: {NOW}", ":path date"),
        signed(f"date: {NOW}", "date") + ', username="bob"',
        signed(f"date: {NOW}", "date").replace('signature="', 'signature="!'),
        signed(f"date: {NOW}", "date") + "x" * (1 << 20),
    ],
)
async def test_everything_wrong_is_denied(header: str) -> None:
    answer = await says(header, date=NOW)
    assert isinstance(answer, Denied)
    assert answer.status == 401


async def test_another_path_is_another_request() -> None:
    header = signed(f"date: {NOW}\nGET /requests?a=1 HTTP/1.1", "date @request-target")
    assert await says(header, "/requests?a=1", date=NOW) == Allowed("alice")
    assert isinstance(await says(header, "/requests?a=2", date=NOW), Denied)


@pytest.mark.parametrize(("off", "allowed"), [(0, True), (290, True), (-290, True), (310, False), (-310, False)])
async def test_what_was_signed_long_ago_is_not_heard_again(off: int, allowed: bool) -> None:
    when = formatdate(CLOCK.now + off, usegmt=True)
    header = signed(f"date: {when}\nhost: example.com", "date host")
    assert (await says(header, date=when) == Allowed("alice")) is allowed


@pytest.mark.parametrize("when", ["yesterday", "0", "Thu, 99 Jun 2017 17:15:21 GMT", "Thu, 22 Jun 99999 17:15:21 GMT"])
async def test_a_date_that_is_none_is_denied(when: str) -> None:
    assert isinstance(await says(signed(f"date: {when}", "date"), date=when), Denied)


def test_parameters_are_read_whatever_stands_in_them() -> None:
    assert parameters('hmac username="a=b, c",signature="x=="') == {"username": "a=b, c", "signature": "x=="}
    assert parameters('HMAC username="a"') == {"username": "a"}
    for text in ('hmac username="a', "hmac username=a", 'hmac username="a" x="b"', 'hmac , username="a"', "Basic x"):
        assert parameters(text) is None
