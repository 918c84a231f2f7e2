"""A9: a URL of a policy is no way to what only the gateway's machine reaches, and no way to fill its memory."""

import asyncio
import contextlib
import gzip
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from daemun.fetch import Fetcher, FetchError, Guard
from daemun.fetch.client import MAX_BYTES, MAX_SECONDS
from support.servers.sites import Names, serve

HERE = Guard.of("127.0.0.2/32")
"""Of a test's addresses only this one is allowed."""


async def hello(_: web.Request) -> web.StreamResponse:
    return web.Response(text="{}")


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "[fd00:ec2::254]",
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "[::]",
        "[::1]",
        "[fe80::1]",
        "224.0.0.1",
        "255.255.255.255",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "0x7f.1",
        "127.0.1",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "[::ffff:0:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "[2001:0:a9fe:a9fe::1]",
        "[fd20:ce::254]",
        "localhost",
        "localhost.",
        "x.localhost",
    ],
)
async def test_a9_forbidden_addresses(address: str) -> None:
    """Whatever way an address is written, it is that which a socket would be opened for that counts."""
    async with serve(hello) as site, Fetcher() as fetcher:
        with pytest.raises(FetchError, match=r"not allowed|cannot be read"):
            await fetcher.get(f"http://{address}:{site.port}/keys")
        assert not site.asked


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.1.1", "8.8.8.8", "2001:db8::1", "fd00::1"])
def test_a9_other_addresses_are_nobodys_secret(address: str) -> None:
    """A provider in the cluster's own network is an ordinary one."""
    assert Guard().refuses(address) == ""


async def test_a9_allowed_addresses() -> None:
    async with serve(hello, "127.0.0.2") as site, Fetcher(HERE) as fetcher:
        assert (await fetcher.get(f"http://127.0.0.2:{site.port}/keys")).body == b"{}"
        with pytest.raises(FetchError, match="not allowed"):
            await fetcher.get(f"http://127.0.0.1:{site.port}/keys")


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/",
        "http://169.254.169.254/latest",
        "//127.0.0.1:{port}/",
        "file:///etc/passwd",
        "http://127.0.0.2:{other}/",
    ],
)
async def test_a9_redirects_elsewhere(location: str) -> None:
    """A server that is allowed sends nobody to one that is not, nor to any other."""
    async with serve(hello) as secret:

        async def redirect(_: web.Request) -> web.StreamResponse:
            raise web.HTTPFound(location.format(port=secret.port, other=1))

        async with serve(redirect, "127.0.0.2") as site, Fetcher(HERE) as fetcher:
            with pytest.raises(FetchError, match=r"redirects to another|no URL of http"):
                await fetcher.get(f"http://127.0.0.2:{site.port}/")
        assert not secret.asked


async def test_a9_redirects_on_the_same_server_are_few() -> None:
    async def redirect(request: web.Request) -> web.StreamResponse:
        left = int(request.query["n"])
        if left:
            raise web.HTTPFound(f"/?n={left - 1}")
        return web.Response(text="there")

    async with serve(redirect, "127.0.0.2") as site, Fetcher(HERE) as fetcher:
        assert (await fetcher.get(f"http://127.0.0.2:{site.port}/?n=3")).body == b"there"
        with pytest.raises(FetchError, match="too often"):
            await fetcher.get(f"http://127.0.0.2:{site.port}/?n=4")


async def test_a9_a_form_goes_nowhere_else() -> None:
    """The client's secret is in it."""

    async def redirect(_: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with serve(redirect, "127.0.0.2") as site, Fetcher(HERE) as fetcher:
        assert (await fetcher.post(f"http://127.0.0.2:{site.port}/token", {"a": "b"})).status == 307
        assert site.asked == ["/token"]


async def test_a9_rebinding() -> None:
    """A name that is somebody else the next time it is resolved."""
    async with serve(hello, "127.0.0.2") as good, serve(hello, "127.0.0.1", good.port) as secret:
        names = Names(["127.0.0.2", "127.0.0.1"])
        async with Fetcher(HERE, resolver=names) as fetcher:
            url = f"http://keys.example.com:{good.port}/"
            assert (await fetcher.get(url, {"Connection": "close"})).body == b"{}"
            with pytest.raises(FetchError, match="not allowed"):
                await fetcher.get(url)
        assert names.resolved == 2
        assert len(good.asked) == 1
        assert not secret.asked


async def bomb(_: web.Request) -> web.StreamResponse:
    return web.Response(body=gzip.compress(bytes(64 * MAX_BYTES)), headers={"Content-Encoding": "gzip"})


async def exotic(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"?", headers={"Content-Encoding": "br"})


async def chunks(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1 << 14):
        await response.write(b" " * 65536)
    return response


@pytest.mark.parametrize("handler", [bomb, chunks])
async def test_a9_too_much(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> None:
    """A gzip bomb of 64 MiB, and 1 GiB as it is."""
    async with serve(handler, "127.0.0.2") as site, Fetcher(HERE) as fetcher:
        with pytest.raises(FetchError, match="more than"):
            await fetcher.get(f"http://127.0.0.2:{site.port}/")


async def test_a9_as_much_as_is_allowed() -> None:
    async def much(_: web.Request) -> web.StreamResponse:
        return web.Response(body=gzip.compress(bytes(MAX_BYTES)), headers={"Content-Encoding": "gzip"})

    async with serve(much, "127.0.0.2") as site, Fetcher(HERE) as fetcher:
        assert len((await fetcher.get(f"http://127.0.0.2:{site.port}/")).body) == MAX_BYTES


async def test_a9_an_encoding_that_nobody_asked_for() -> None:
    async with serve(exotic, "127.0.0.2") as site, Fetcher(HERE) as fetcher:
        with pytest.raises(FetchError, match="encoding"):
            await fetcher.get(f"http://127.0.0.2:{site.port}/")


async def test_a9_too_slow() -> None:
    """A byte now and then keeps nobody waiting: it is all of the answer that has a time."""

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.01)
        return response

    assert MAX_SECONDS <= 5
    async with serve(slow, "127.0.0.2") as site, Fetcher(HERE, seconds=0.3) as fetcher:
        with pytest.raises(FetchError, match="did not answer within"):
            await fetcher.get(f"http://127.0.0.2:{site.port}/")


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.com/", "http://", "http://user:word@10.0.0.1/", "gopher://x/", "keys", ""],
)
async def test_a9_what_is_no_url(url: str) -> None:
    async with Fetcher() as fetcher:
        with pytest.raises(FetchError, match="URL"):
            await fetcher.get(url)


async def test_a9_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(hello, "127.0.0.2") as site, serve(hello, "127.0.0.3") as proxy, Fetcher(HERE) as fetcher:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.3:{proxy.port}")
        assert (await fetcher.get(f"http://127.0.0.2:{site.port}/keys")).status == 200
        assert not proxy.asked


async def test_a9_secrets_of_a_url_are_not_told() -> None:
    async with Fetcher() as fetcher:
        with pytest.raises(FetchError) as caught:
            await fetcher.get("http://127.0.0.1:1/keys?token=secret")
    assert "secret" not in str(caught.value)


HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
LINES = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 1000) for number in range(1000))
ENDLESS: dict[str, tuple[bytes, bytes, str]] = {
    "what follows a gzip": (
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"{}"),
        bytes(1 << 16),
        "goes on after the end",
    ),
    "a second gzip": (
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"{}"),
        gzip.compress(b"{}"),
        "goes on after the end",
    ),
    "compressed nothing": (
        HEAD + b"Content-Encoding: deflate\r\n\r\n\x78\x9c",
        b"\x00\x00\x00\xff\xff" * 10000,
        "more than",
    ),
    "headers": (HEAD, LINES, "cannot be read"),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", LINES, "cannot be read"),
    "one line": (HEAD[:-2], b"a" * 65536, "cannot be read"),
    "a body of a redirect": (
        b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 99999999999\r\n\r\n",
        bytes(1 << 16),
        "redirects too often",
    ),
}


@pytest.mark.parametrize("kind", ENDLESS)
async def test_a9_what_has_no_end_in_any_part_of_an_answer(kind: str) -> None:
    """It ends at a bound, long before the time is over."""
    begin, again, said = ENDLESS[kind]
    tasks: set[asyncio.Task[None]] = set()
    sent = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(begin)
            while True:
                writer.write(again)
                await writer.drain()
                sent += len(again)
                await asyncio.sleep(0)
        writer.close()

    def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(answer(reader, writer)))

    server = await asyncio.start_server(taken, "127.0.0.2", 0)
    try:
        async with Fetcher(HERE, seconds=60) as fetcher:
            with pytest.raises(FetchError, match=said):
                await fetcher.get("http://127.0.0.2:{1}/".format(*server.sockets[0].getsockname()))
        assert sent < 64 * MAX_BYTES
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
