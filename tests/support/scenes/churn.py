"""Random changes of routes and backends, and what may be answered at each moment.

An answer is right if a route was to go to a backend, and the backend to have an endpoint, at some moments since the
proxy last had everything before the request began, and before the answer came: nobody knows when within that time Envoy
changed its mind, and of what travels apart, in which order.
"""

import asyncio
import contextlib
import random
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from daemun.api.decode import decode
from daemun.base.names import Ref
from daemun.plane.plane import ControlPlane
from daemun.process.listening import stop_listening
from support.objects.documents import Doc, backend, exact, prefix, route, rule, service
from support.servers.ports import free_port

HOSTS = tuple(f"h{n}.example" for n in range(8)) + tuple(f"h{n}.wild.example" for n in range(4))
PATH = "/p/x"
"""What is asked for."""
MATCHES = (prefix("/"), prefix("/p"), exact(PATH))
"""How a route matches it: it may have another match after a change, but it always has one."""
NOBODY = "404"


class History:
    """The values that something had, and since when."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._values: list[frozenset[str]] = []

    def note(self, value: Iterable[str]) -> None:
        """It has this value from now on."""
        self._times.append(time.monotonic())
        self._values.append(frozenset(value))

    def within(self, began: float, ended: float) -> frozenset[str]:
        """All that was in it between two moments."""
        first = max(0, bisect_right(self._times, began) - 1)
        return frozenset().union(*self._values[first : bisect_right(self._times, ended)])


class Servers:
    """Backends that answer with their name, and with nothing else."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}

    @contextlib.asynccontextmanager
    async def serving(self, *names: str) -> AsyncIterator[None]:
        """Serve for the time of the block."""
        async with contextlib.AsyncExitStack() as stack:
            for name in names:
                answer = f"HTTP/1.1 200 OK\r\nx-backend: {name}\r\ncontent-length: 0\r\n\r\n".encode()
                server = await asyncio.start_server(self._answers(answer), "127.0.0.1", free_port())
                stack.push_async_callback(stop_listening, server)
                self.ports[name] = server.sockets[0].getsockname()[1]
            yield

    def _answers(self, answer: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(answer)
            writer.close()

        return serve


class Churn:
    """Changes what a control plane knows, one random change after another, and remembers what was wanted when."""

    def __init__(self, plane: ControlPlane, proxy: str, ports: dict[str, int], seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same each time
        self.changes: Counter[str] = Counter()
        self._plane = plane
        self._proxy = proxy
        self._ports = ports
        self._services: dict[str, frozenset[str]] = {}
        self._routes: dict[str, tuple[str, ...]] = {}
        self._number = 0
        self._history: defaultdict[str, History] = defaultdict(History)
        self._synced = [0.0]

    def begin(self) -> None:
        """Some backends, and a route for each host."""
        for _ in range(4):
            self._new_service()
        for host in HOSTS:
            self._point(host)

    def change(self) -> None:
        """One random change."""
        what = self.random.choices(
            (self._move, self._replace_endpoints, self._come_or_go, self._to_a_new_backend), (45, 25, 15, 15)
        )[0]
        what()
        self.changes[what.__name__.strip("_")] += 1

    async def settled(self, seconds: float = 60) -> None:
        """Wait until the proxy has everything."""
        async with asyncio.timeout(seconds):
            while not self.note_sync():  # noqa: ASYNC110 - it is looked at between the changes as well
                await asyncio.sleep(0.001)

    def note_sync(self) -> bool:
        """Remember whether the proxy has everything just now."""
        sessions = self._plane.xds._proxies[self._proxy]._sessions
        # Removals are late, and what is synced does not wait for them.
        late = any(one._gone for session in sessions for one in session._subscriptions.values())
        synced = not late and self._plane.xds.synced(self._proxy)
        if synced:
            self._synced.append(time.monotonic())
        return synced

    def allowed(self, host: str, began: float, ended: float) -> frozenset[str]:
        """What may be answered to a request."""
        since = self._synced[bisect_right(self._synced, began) - 1]
        names = self._history[host].within(since, ended)
        found = (self._history[name].within(since, ended) if name != NOBODY else {NOBODY} for name in names)
        return frozenset().union(*found)

    # The changes

    def _move(self) -> None:
        self._point(self.random.choice(HOSTS))

    def _replace_endpoints(self) -> None:
        self._take(self._endpoints(self.random.choice(sorted(self._services))))

    def _come_or_go(self) -> None:
        host = self.random.choice(HOSTS)
        if host not in self._routes:
            self._point(host)
            return
        del self._routes[host]
        self._history[host].note([NOBODY])
        self._plane.take([(Ref("gateway.networking.k8s.io", "HTTPRoute", "default", _name(host)), None)])

    def _to_a_new_backend(self) -> None:
        """A route moves to a backend that did not exist, and one that nobody uses any more is removed with it."""
        self._number += 1
        name = f"s{self._number}"
        documents = self._endpoints(name)
        host = self.random.choice(HOSTS)
        self._goes_to(host, (name,))
        used = {one for names in self._routes.values() for one in names}
        gone = [one for one in self._services if one not in used][:1]
        for one in gone:
            del self._services[one]
        self._take([*documents, _route(host, (name,), self.random)], gone)

    # How they are made

    def _new_service(self) -> None:
        self._number += 1
        self._take(self._endpoints(f"s{self._number}"))

    def _endpoints(self, name: str) -> list[Doc]:
        names = self.random.sample(sorted(self._ports), self.random.choice((1, 1, 2)))
        self._services[name] = frozenset(names)
        self._history[name].note(names)
        found = service(name, *(self._ports[one] for one in names))
        if len(names) == 1:  # of two before, one remains
            second = service(name, 1, 1)[2]
            found.append(second | {"endpoints": []})
        return found

    def _point(self, host: str) -> None:
        names = tuple(self.random.sample(sorted(self._services), self.random.choice((1, 1, 2))))
        self._goes_to(host, names)
        self._take([_route(host, names, self.random)])

    def _take(self, documents: Iterable[Doc], gone: Iterable[str] = ()) -> None:
        objects = typed(documents)
        objects += [(Ref("", "Service", "default", name), None) for name in gone]
        self._plane.take(objects)

    def _goes_to(self, host: str, names: tuple[str, ...]) -> None:
        self._routes[host] = names
        self._history[host].note(names)


def typed(documents: Iterable[Doc]) -> list[tuple[Ref, object | None]]:
    """Documents as a control plane takes them."""
    objects: list[tuple[Ref, object | None]] = []
    for one in documents:
        decoded = decode(one)
        assert decoded is not None
        assert decoded.value is not None, decoded.problems
        objects.append((decoded.ref, decoded.value))
    return objects


def _name(host: str) -> str:
    return host.replace(".", "-")


def _route(host: str, names: tuple[str, ...], chance: random.Random) -> Doc:
    backends = [backend(name, chance.randint(1, 9)) for name in names]
    return route(_name(host), rule(chance.choice(MATCHES), to=backends), hosts=[host])
