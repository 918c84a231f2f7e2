"""A route that moves between hostnames, paths and backends is answered all the time, whatever comes when.

The client is a model of Envoy that looks for the routes of requests after each response that it takes in: in the scope
of just their host, or else in that of the rest, where the longest hostname counts; there for the first path that fits.
"""

import itertools
import re
from collections import deque

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemun.base.names import Ref
from daemun.ir.origin import Origin
from daemun.ir.resource import CLUSTER, ENDPOINT, SCOPE, Leaf, Part, PartKey, part
from daemun.xds.messages import Request, Response
from daemun.xds.session import Session
from daemun.xds.wanted import Wanted

EXACT = "a.moving.example"
HOSTNAMES = (EXACT, "*.moving.example", "*.example", "*")
PATHS = (b"/", b"/a", b"/a/b")
STEADY = b"/a/x"
"""The path of another route beside it, which stays, with the same backend."""
MOVES = tuple(itertools.product(HOSTNAMES, PATHS))
POLL, READ, ANSWER, OTHER, TALK = "poll", "read", "answer", "other", "talk"
STEPS = (*MOVES, OTHER, TALK, POLL, POLL, READ, READ, ANSWER, ANSWER)
ROUTE = re.compile(rb"<([^<|]*)\|(\d+)\|([^>]*)>")
HOST = re.compile(rb"<([^<|]*)>")


def origin(name: str) -> Origin:
    return Origin(Ref("", "Test", "ns", name))


def host(name: str, path: bytes, backend: int) -> Part:
    """A virtual host as it is made: what it begins with, its routes, longer paths first, and what ends it."""
    begun = Leaf(f"<{name}>".encode(), origin("gateway"), blank=True)
    routes = [
        Leaf(b"<%b|%d|%b>" % (name.encode(), backend, one), origin("route"), (str(backend),), identity=one)
        for one in sorted((path, STEADY), key=len, reverse=True)
    ]
    return part(name, [begun, *routes, Leaf(b"<|>", origin("gateway"), blank=True)], (b"\x12",))


def whole(type_url: str, name: str) -> tuple[PartKey, Part]:
    return PartKey("p", type_url, name), part("", [Leaf(f"[{name}]".encode(), origin(name), blank=True)])


class Proxy:
    """The client, what is on its way to it, and what it is to have."""

    def __init__(self, *, small: bool) -> None:
        self.small = small
        self.wanted = Wanted()
        self.session = Session(self.wanted)
        self.state: dict[PartKey, Part] = {}
        self.backend = 0
        self.other = 0
        self.inbox: deque[Response] = deque()
        self.outbox: deque[Request] = deque()
        self.have: dict[str, dict[str, bytes]] = {CLUSTER: {}, ENDPOINT: {}, SCOPE: {}}
        self.now = 100.0
        self.begun = False
        for type_url in (CLUSTER, SCOPE):
            self.session.receive(Request(type_url), self.now)
        self.move(EXACT, PATHS[0])
        self.settle()
        self.begun = True

    def move(self, name: str, path: bytes) -> None:
        """The route has another hostname or path now, and a new backend."""
        self.backend += 1
        state = dict([whole(SCOPE, "rest"), whole(CLUSTER, str(self.backend)), whole(ENDPOINT, str(self.backend))])
        made = host(name, path, self.backend)
        if name == EXACT:
            state |= dict([whole(SCOPE, EXACT), (PartKey("p", SCOPE, EXACT, EXACT), made)])
        if name != EXACT or self.small:
            state[PartKey("p", SCOPE, "rest", name)] = made
        self.apply(state | {key: value for key, value in self.state.items() if key.resource.startswith("other")})

    def change_another(self) -> None:
        """Another host of the same object's namespace comes and goes, with its cluster."""
        self.other += 1
        name = f"other-{self.other}"
        state = {key: value for key, value in self.state.items() if not key.resource.startswith("other")}
        state |= dict([whole(SCOPE, name), whole(CLUSTER, name), whole(ENDPOINT, name)])
        route = Leaf(f"<{name}|0>".encode(), origin("another"), (name,), identity=b"/")
        state[PartKey("p", SCOPE, name, name)] = part(name, [Leaf(b"<other>", origin("gateway")), route], (b"\x12",))
        self.apply(state)

    def apply(self, state: dict[PartKey, Part]) -> None:
        changes = [*state.items(), *((key, None) for key in self.state.keys() - state.keys())]
        self.state = state
        self.session.changed(self.wanted.apply(changes))

    def poll(self) -> None:
        self.inbox += self.session.poll(self.now)

    def read(self) -> None:
        if self.inbox:
            response = self.inbox.popleft()
            have = self.have[response.type_url]
            before = set(have)
            for name in response.removed:
                have.pop(name, None)
            if response.type_url == SCOPE and response.removed:
                self.check(response)
            have.update({one.name: one.body for one in response.resources})
            self.outbox.append(Request(response.type_url, response.nonce))
            if response.type_url == CLUSTER:
                gone = tuple(sorted(before - have.keys()))
                self.have[ENDPOINT] = {name: one for name, one in self.have[ENDPOINT].items() if name in have}
                new = tuple(sorted(have.keys() - before))
                if new or gone:
                    self.outbox.append(Request(ENDPOINT, subscribe=new, unsubscribe=gone))
            self.check(response)

    def answer(self) -> None:
        if self.outbox:
            self.session.receive(self.outbox.popleft(), self.now)

    def settle(self) -> None:
        for _ in range(100):
            self.poll()
            if not self.inbox and not self.outbox:
                return
            while self.inbox:
                self.read()
            while self.outbox:
                self.answer()
        raise AssertionError("the conversation does not end")

    def check(self, response: Response) -> None:
        """Whether requests have a route of theirs, and that a cluster with endpoints."""
        if not self.begun:
            return
        scopes = self.have[SCOPE]
        body = scopes.get(EXACT, scopes.get("rest", b""))
        hosts = [name for name in HOSTNAMES if name.encode() in HOST.findall(body)]
        routes = [(path, backend) for name, backend, path in ROUTE.findall(body) if [name.decode()] == hosts[:1]]
        for asked in (b"/a/b/c", STEADY):
            path, backend = next((one for one in routes if asked.startswith(one[0])), (None, b""))
            assert path is not None, f"no route for {asked!r} after {response}"
            assert (path == STEADY) == (asked == STEADY), f"{asked!r} is answered by {path!r} after {response}"
            assert backend.decode() in self.have[ENDPOINT], f"{backend!r} is cold after {response}"


@pytest.mark.parametrize("small", [False, True], ids=["exact hosts apart", "all hosts in one scope too"])
@given(steps=st.lists(st.sampled_from(STEPS), max_size=40))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_route_that_moves_is_always_answered(small: bool, steps: list[tuple[str, bytes] | str]) -> None:
    proxy = Proxy(small=small)
    steps_of = {
        POLL: proxy.poll,
        READ: proxy.read,
        ANSWER: proxy.answer,
        OTHER: proxy.change_another,
        TALK: proxy.settle,
    }
    for step in steps:
        if isinstance(step, tuple):
            proxy.move(*step)
        else:
            steps_of[step]()
    proxy.settle()
    for name, resources in proxy.have.items():
        assert resources.keys() == {key.resource for key in proxy.state if key.type_url == name}
    hosts = {key.part for key in proxy.state if key.resource == "rest" and key.part}
    assert {name.decode() for name in HOST.findall(proxy.have[SCOPE]["rest"])} == hosts
    assert proxy.session.synced()
