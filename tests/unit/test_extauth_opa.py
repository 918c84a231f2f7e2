"""Open Policy Agent: a server of it that is asked, and modules in Rego that it evaluates beside ours."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemun.extauth.answers import Allowed, Answer, Denied, Failed
from daemun.extauth.checker import Checker, State, Tools
from daemun.extauth.checks.opa import decision
from daemun.extauth.rego import evaluator
from daemun.ir.auth.checks import OpaModules, OpaServer
from support.clients.checked import LOCAL, asked, checker
from support.scenes.world import until
from support.servers.ports import free_port

OLD = """
package test
default allow = false
allow { input.http_request.method == "GET"; startswith(input.http_request.path, "/open") }
allow { input.http_request.headers["x-role"] == "admin" }
allow { input.state.jwt == "of ann" }
"""
NEW = """
package more.of
allow if input.http_request.headers["x-role"] == "admin"
result := {"allowed": ok, "body": "not you", "headers": {"x-why": "rule 7"}, "http_status": 418} if {
  ok := object.get(input.http_request.headers, "x-role", "") == "admin"
}
"""


def status(answer: Answer) -> int:
    return 200 if isinstance(answer, Allowed) else answer.status


@pytest.fixture
async def server(opa: str, tmp_path: Path) -> AsyncIterator[str]:
    """A real server, with both policies in it."""
    (tmp_path / "a.rego").write_text(OLD)
    (tmp_path / "b.rego").write_text(
        'package more.of\nallow { input.http_request.headers["x-role"] == "admin" }\n'
        'result = {"allowed": false, "reason": {"code": 7}}\n'
    )
    address = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        *(opa, "run", "--server", "--addr", address, "--skip-version-check", "--log-level", "error"),
        *("--v0-compatible", tmp_path),
    )
    host, port = address.split(":")

    async def listens() -> bool:
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
        return True

    await until(listens)
    yield address
    process.kill()
    await process.wait()


async def test_a_rule_of_a_server_decides(server: str) -> None:
    one = checker(OpaServer(server, "test"))
    assert await asked(one, path="/open/x") == Allowed()
    assert await asked(one, path="/closed") == Denied(403)
    assert await asked(one, {"x-role": "admin"}, path="/closed") == Allowed()
    assert await asked(one, path="/closed", state=State(values={"jwt": "of ann"})) == Allowed()
    await one.close()
    for address in (f"http://{server}", f"http://{server}/"):
        deep = checker(OpaServer(address, "more.of"))
        assert status(await asked(deep, {"x-role": "admin"})) == 200
        assert status(await asked(deep)) == 403
        await deep.close()


async def test_what_a_server_does_not_know_is_denied(server: str) -> None:
    for package, rule in (("absent", "allow"), ("test", "absent")):
        one = checker(OpaServer(server, package, rule))
        assert await asked(one, path="/open") == Denied(403)
        await one.close()


async def test_the_reason_goes_to_the_client_if_it_is_to(server: str) -> None:
    for reason, body in ((True, '{"code":7}'), (False, "")):
        one = checker(OpaServer(server, "more.of", "result", reason=reason))
        told = {"step": {"reason": {"allowed": False, "body": body}}} if reason else {}
        assert await asked(one) == Denied(403, body=body, metadata=told)
        await one.close()


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (b"", 500),
        (b"nonsense\r\n\r\n", 500),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", 500),
        (b"HTTP/1.1 302 No\r\nLocation: /v1/allow\r\nContent-Length: 0\r\n\r\n", 500),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes", 500),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"result":true}', 200),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"result":"true"}', 403),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"result":1}', 403),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 403),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b'{"result":true' + b" " * (2 << 20), 500),
    ],
)
async def test_what_a_server_may_say(says: bytes, expected: int) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(says)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        one = checker(OpaServer(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", "test"))
        assert status(await asked(one)) == expected
        await one.close()


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        (True, Allowed()),
        (False, Denied(403)),
        (None, Denied(403)),
        ("true", Denied(403)),
        ([True], Denied(403)),
        ({"allow": True}, Allowed()),
        ({"allow": "yes"}, Denied(403)),
        (
            {"allowed": False, "http_status": 401, "body": "no", "headers": {"X-A": "b"}},
            Denied(401, (("x-a", "b"),), "no"),
        ),
        ({"allowed": False, "http_status": 200}, Denied(403)),
        ({"allowed": True, "headers": {"X-A": "b", "c": 1}}, Allowed(upstream=(("x-a", "b"),))),
        ({"allowed": True, "dynamic_metadata": {"plan": "gold"}}, Allowed(metadata={"plan": "gold"})),
        ({"allowed": True, "request_headers_to_remove": ["api-key"]}, Allowed(remove=("api-key",))),
    ],
)
def test_decisions(result: Any, answer: Allowed | Denied) -> None:
    """With its reason it is told to Envoy's other filters, too, by the name of the step."""
    assert decision(result) == (answer if isinstance(answer, Allowed) else Denied(answer.status))
    body = result.get("body", "") if isinstance(result, dict) else ""
    reason = {"allowed": isinstance(answer, Allowed), "body": body}
    told = {**answer.metadata, "step": {"reason": reason}}
    assert decision(result, "step") == msgspec.structs.replace(answer, metadata=told)


# Modules


def modules(opa: str, query: str, *texts: str, reason: bool = False) -> Checker:
    named = {f"module {number}": text for number, text in enumerate(texts)}
    return checker(OpaModules(named, query, reason=reason), Tools(guard=LOCAL, opa=opa))


async def settled(one: Checker) -> None:
    """Wait until its OPA has started, or will not."""
    inner: evaluator.Evaluator = one._evaluator  # type: ignore[attr-defined]  # whatever kind of check it is
    await until(lambda: inner._ready.is_set() or inner._task.done(), 120)


@pytest.mark.parametrize(
    "query",
    [
        "data.test.allow == true",
        "data.test.allow",
        "x := data.test.allow; x == true",
        'data.test["allow"]',
        "true == data.test.allow",
        "[data.test.allow, 1]",
        "[false, true][_]; data.test.allow",
        "not data.test.allow == false",
        "some i; [data.test.allow][i] == true",
        "data.test.allow; true",
        "data.test.allow == true # or not",
    ],
)
async def test_a_query_decides(opa: str, query: str) -> None:
    """By what comes of it: OPA's API says the same of an expression that is true and of one that is not."""
    one = modules(opa, query, OLD, "package other\nallow { true }")
    await settled(one)
    assert await asked(one, path="/open") == Allowed()
    assert await asked(one, path="/closed") == Denied(403)
    assert await asked(one, {"x-role": "admin"}) == Allowed()
    await one.close()


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ('"text"', Denied(403)),
        ("[]", Denied(403)),
        ("[1]", Denied(403)),
        ('["true"]', Denied(403)),
        ('{"allowed": 1}', Denied(403)),
        ('{"allowed": true, "headers": {"x-a": "b"}}', Allowed(upstream=(("x-a", "b"),))),
        ("[false, true][_]", Allowed()),
        ("input.http_request.method == `POST`", Denied(403)),
        ("data.nowhere[`to be found`]", Denied(403)),
    ],
)
async def test_what_comes_of_a_query_must_be_a_decision(opa: str, query: str, answer: Answer) -> None:
    one = modules(opa, query, OLD)
    await settled(one)
    assert await asked(one) == answer
    await one.close()


async def test_a_list_says_why(opa: str) -> None:
    one = modules(opa, "[data.test.allow, data.test.why]", OLD, "package test\nwhy = `closed`", reason=True)
    await settled(one)
    told = {"step": {"reason": {"allowed": False, "body": "closed"}}}
    assert await asked(one, path="/closed") == Denied(403, body="closed", metadata=told)
    await one.close()


async def test_less_is_told_where_that_is_to_be_quick(opa: str) -> None:
    told = "input.http_request.path == `/a`; input.state == {`b`: [`c`], `d`: 1}"
    text = f"package test\nallow {{ not input.check_request; {told} }}"
    one = checker(OpaModules({"m": text}, "data.test.allow", fast=True), Tools(guard=LOCAL, opa=opa))
    await settled(one)
    state = State(values={"b": ["c"], "d": 1, "e": [1]})
    assert await asked(one, path="/a", state=state) == Allowed()
    await one.close()


async def test_modules_of_todays_rego(opa: str) -> None:
    one = modules(opa, "data.more.of.result", NEW, reason=True)
    await settled(one)
    told = [{"step": {"reason": {"allowed": allowed, "body": "not you"}}} for allowed in (True, False)]
    assert await asked(one, {"x-role": "admin"}) == Allowed(upstream=(("x-why", "rule 7"),), metadata=told[0])
    assert await asked(one) == Denied(418, (("x-why", "rule 7"),), "not you", told[1])
    await one.close()


async def test_steps_do_not_see_each_others_modules(opa: str) -> None:
    first = modules(opa, "data.test.allow", "package test\nallow { true }")
    second = modules(opa, "data.test.allow", "package test\nallow { false }")
    for one, expected in ((first, 200), (second, 403)):
        await settled(one)
        assert status(await asked(one)) == expected
    for one in (first, second):
        await one.close()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("package test\nallow { http.send({}) }", "http.send"),
        ("package test\nallow { net.lookup_ip_addr(`x`) }", "net.lookup_ip_addr"),
        ("package test\nallow { opa.runtime().env.HOME }", "opa.runtime"),
        ('package test\nallow { json.match_schema({}, {"$ref": "http://127.0.0.1/"}) }', "json.match_schema"),
        ('package test\nallow { json.verify_schema({"$ref": "http://127.0.0.1/"}) }', "json.verify_schema"),
        ("package test\nallow {", "the modules are refused"),
    ],
)
async def test_modules_that_are_not_allowed_let_nobody_in(opa: str, text: str, why: str) -> None:
    one = modules(opa, "data.test.allow", text)
    await settled(one)
    answer = await asked(one)
    assert isinstance(answer, Failed)
    assert why in answer.why
    await one.close()


async def test_a_mistake_is_told_of_the_module_that_has_it(opa: str) -> None:
    written = {"default/policy/good.rego": OLD, "default/policy/bad.rego": "package other\n\nallow {"}
    one = checker(OpaModules(written, "data.test.allow"), Tools(opa=opa))
    await settled(one)
    answer = await asked(one)
    assert isinstance(answer, Failed)
    assert "default/policy/bad.rego:3: " in answer.why
    assert "/modules/" not in answer.why
    await one.close()


@pytest.mark.parametrize(
    "query",
    [
        'http.send({"method": "get", "url": "http://127.0.0.1:1", "raise_error": false})',
        'net.lookup_ip_addr("example.com")',
        "opa.runtime().env",
        "data.test.allow ==",
        "--help",
        "",
    ],
)
async def test_a_query_that_is_not_allowed_lets_nobody_in(opa: str, query: str) -> None:
    one = modules(opa, query, OLD)
    await settled(one)
    answer = await asked(one, path="/open")
    assert isinstance(answer, Failed)
    assert "refused" in answer.why
    await one.close()


async def test_without_the_program_nobody_comes_in() -> None:
    one = modules("/nowhere/opa", "data.test.allow", OLD)
    await settled(one)
    assert await asked(one) == Failed(
        "there is no program opa beside the server, which docs/auth/opa.md says how to add"
    )
    await one.close()


async def test_a_policy_that_does_not_end_is_cut_short_and_others_go_on(opa: str) -> None:
    endless = (
        "package test\nallow { input.http_request.path == `/open` }\n"
        "all := numbers.range(1, 3000)\n"
        "slow { x := all[_]; y := all[_]; z := all[_]; x + y + z < 0 }\n"
        "allow { input.http_request.path == `/slow`; slow }"
    )
    one = modules(opa, "data.test.allow", endless)
    await settled(one)
    assert await asked(one, path="/slow") == Failed("a policy takes too long")
    assert await asked(one, path="/open") == Allowed()
    await one.close()


async def test_an_opa_that_ends_is_started_again_and_one_that_is_closed_is_gone(opa: str) -> None:
    one = modules(opa, "data.test.allow", OLD)
    await settled(one)
    inner: evaluator.Evaluator = one._evaluator  # type: ignore[attr-defined]  # whatever kind of check it is
    first = inner.process
    assert first is not None
    first.kill()
    await first.wait()
    await until(lambda: not inner._ready.is_set())
    assert isinstance(await asked(one, path="/open"), Allowed | Failed)
    await until(inner._ready.is_set, 120)
    assert await asked(one, path="/open") == Allowed()
    await one.close()
    assert inner.process is not None
    assert inner.process.returncode is not None
    assert not inner._folder.exists()
