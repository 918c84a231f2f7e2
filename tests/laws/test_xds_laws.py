"""After any history a client converges to what is wanted, and nothing it is sent on the way breaks it.

The model client behaves like Envoy: it asks for the endpoints of EDS clusters and the routes and filters of listeners,
refuses what contains poison, and keeps what it had. Whatever happens, it has no route without the filters it needs, and
no listener with filters for all requests beside hosts that do not switch them on.
"""

import re
from collections import deque
from collections.abc import Iterator
from itertools import count

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from daemun.base.names import Ref
from daemun.ir.origin import Origin
from daemun.ir.resource import CLUSTER, ENDPOINT, EXTENSION, LISTENER, ROUTE, SINCE, Leaf, Part, PartKey, Side, part
from daemun.xds.events import Rejected, Restored
from daemun.xds.flight import OVERTAKE, PATIENCE
from daemun.xds.messages import Encoded, Request, Response
from daemun.xds.session import Session
from daemun.xds.wanted import Wanted

HOLD = 5.0
CLUSTERS = ("c0", "c1", "c2")
ROUTES = ("r0", "r1")
EXTENSIONS = ("x0", "x1")
FAMILIES = ("f0", "f1")
FILTERS_OF = dict(zip(ROUTES, EXTENSIONS, strict=True))
WHOLE, ON, QUIET, SWITCH = "+whole", "+on", "+quiet", "-switch"
TOKEN = re.compile(rb"<([^<|>]*)\|([^|>]*)\|([^>]*)>")
MARK = b"#" + SINCE
MARKS = re.compile(rb"#[0-9a-f]{16}")
"""What tells an extension from that of another stream, and means nothing."""
serial = count()


ALL = (CLUSTER, ENDPOINT, EXTENSION, LISTENER, ROUTE)


class Token:
    """One leaf as the client sees it: `<key|number|arguments>`."""

    def __init__(self, found: tuple[bytes, bytes, bytes]) -> None:
        self.key, self.number, arguments = (item.decode() for item in found)
        self.arguments = tuple(arguments.split(",")) if arguments else ()
        self.clusters = tuple(one for one in self.arguments if ":" not in one and one[0] != "+")
        self.filters = tuple(one for one in self.arguments if ":" in one)
        self.text = b"<" + b"|".join(found) + b">"


def tokens(body: bytes) -> list[Token]:
    return [Token(found) for found in TOKEN.findall(body)]


def leaf(
    key: str,
    arguments: tuple[str, ...] = (),
    *,
    needs: bool = False,
    fallback: bool = False,
    filters: tuple[tuple[str, str], ...] = (),
    gives: tuple[str, ...] = (),
    covers: bool = False,
    side: Side | None = None,
    late: bool = False,
    blank: bool = False,
) -> Leaf:
    every = (*arguments, *map(":".join, filters))
    data = f"<{key}|{next(serial)}|{','.join(every)}>".encode()
    of, _, where = key.rpartition("-")
    origin = Origin(Ref("", "Test", "", of), where)
    closed = f"<{key}|fallback|>".encode() if fallback else b""
    clusters = arguments if needs else ()
    return Leaf(
        data,
        origin,
        clusters,
        closed,
        key.encode(),
        filters=filters,
        gives=gives,
        covers=covers,
        side=side,
        late=late,
        blank=blank,
    )


def switch(name: str, on: bool) -> Leaf:
    """What a host says to the filters for all requests of its listeners."""
    key = f"{name}{SWITCH}"
    said = leaf(key, (ON if on else QUIET,), side=None if on else Side(name.partition("-")[0], on=False), blank=True)
    return said if on else msgspec.structs.replace(said, fallback=f"<{key}|fallback|{ON}>".encode())


class Client:
    """A model of Envoy."""

    def __init__(self) -> None:
        self.have: dict[str, dict[str, tuple[str, bytes]]] = {t: {} for t in ALL}
        self.asked: dict[str, set[str]] = {ENDPOINT: set(), ROUTE: set(), EXTENSION: set()}
        self.warm: set[str] = set()
        self.warming: set[str] = set()
        self.half: set[str] = set()
        self.silent: set[str] = set()
        self.replaced: set[str] = set()
        self.unheard: set[str] = set()
        self.held: deque[Request] = deque()
        self.awaiting: set[tuple[str, str]] = set()
        self.poison: set[bytes] = set()
        self.accepted: set[bytes] = set()
        self.outbox: deque[Request] = deque()
        self.tried: dict[str, bytes] = {}
        """Of extensions what was looked at last, whatever came of it: it is taken as it is when it comes again."""
        self.starting = True
        """It asks for no listeners before all clusters that it was sent are warm, as does Envoy."""
        self.keeps: set[tuple[str, bytes]] = set()
        """Of which routes it has to keep which leaves, at every moment."""

    def another(self) -> "Client":
        """One that has nothing yet, and likes and dislikes the same."""
        other = Client()
        other.poison, other.accepted = set(self.poison), set(self.accepted)
        return other

    def connect(self, *, filters_last: bool) -> None:
        self.held.clear()
        self.warming.clear()
        self.warm |= self.silent  # nobody can tell that they are not
        self.silent.clear()
        self.half.clear()
        self.outbox.clear()
        self.awaiting.clear()
        asks = (CLUSTER, ENDPOINT) if self.starting else ALL
        for type_url in sorted(asks, key=lambda one: filters_last and (one == EXTENSION, one == LISTENER)):
            versions = {name: version for name, (version, _) in self.have[type_url].items()}
            names = sorted(self.asked.get(type_url, ()))
            if type_url in self.asked and not names:
                continue
            self.awaiting |= {(type_url, name) for name in names if name not in versions}
            self.outbox.append(Request(type_url, subscribe=tuple(names), initial_resource_versions=versions))

    def ask(self, type_url: str, names: set[str]) -> None:
        """Set the subscription of a type."""
        added, removed = names - self.asked[type_url], self.asked[type_url] - names
        if not added and not removed:
            return
        self.asked[type_url] = names
        for name in removed:
            self.have[type_url].pop(name, None)
            self.tried.pop(name, None)
            self.awaiting.discard((type_url, name))
        self.awaiting |= {(type_url, name) for name in added}
        self.outbox.append(Request(type_url, subscribe=tuple(sorted(added)), unsubscribe=tuple(sorted(removed))))

    def receive(self, response: Response) -> None:
        have = self.have[response.type_url]
        self.remove(response)
        bad = []
        for resource in response.resources:
            self.awaiting.discard((response.type_url, resource.name))
            if resource.name not in self.asked.get(response.type_url, {resource.name}):
                continue  # unsubscribed meanwhile
            body = MARKS.sub(MARK, resource.body)
            found = tokens(body)
            assert found, "a resource is never empty"
            if response.type_url == EXTENSION and self.has_tried(resource):
                continue
            if any(token.text in self.poison for token in found):
                bad.append(resource.name)
                if response.type_url == CLUSTER and not self.held and not self.starting:
                    self.half.add(resource.name)  # what is rejected while others warm up is rejected early here
                continue
            if response.type_url == CLUSTER:
                self.take_cluster(resource.name, found[0].arguments)
            elif response.type_url == ENDPOINT and resource.name not in self.silent - self.replaced:
                self.warm.add(resource.name)
            have[resource.name] = (resource.version, body)
            self.accepted |= {token.text for token in found}
        if response.type_url == CLUSTER:
            self.ask(ENDPOINT, {name for name, (_, body) in have.items() if tokens(body)[0].arguments})
        if response.type_url == LISTENER:
            self.ask(ROUTE, {token.arguments[0] for _, body in have.values() for token in tokens(body)})
            self.ask(EXTENSION, {token.arguments[1] for _, body in have.values() for token in tokens(body)})
        self.check_filters()
        for name, text in self.keeps:
            kept = name not in self.have[ROUTE] or text in self.have[ROUTE][name][1]
            assert kept, f"{name} is without {text!r}, of which nothing is wrong"
        detail = f"Error adding/updating: {', '.join(bad)}: poison" if bad else None
        self.answer(response, Request(response.type_url, response.nonce, error_detail=detail))

    def remove(self, response: Response) -> None:
        for name in response.removed:
            if response.type_url == CLUSTER:
                self.check_unused(name)
                self.warm.discard(name)
                self.half.discard(name)
                self.replaced.discard(name)
            self.have[response.type_url].pop(name, None)
            self.tried.pop(name, None)
            self.awaiting.discard((response.type_url, name))

    def has_tried(self, extension: Encoded) -> bool:
        """Whether it looks no further at this, as it takes it for what it has."""
        name, have = extension.name, self.have[EXTENSION]
        before, self.tried[name] = self.tried.get(name), extension.body
        if before == extension.body:
            have[name] = (extension.version, have.get(name, ("", b""))[1])
        return before == extension.body

    def take_cluster(self, name: str, arguments: tuple[str, ...]) -> None:
        """It warms up; a changed one, too, which waits for endpoints, but does not ask again. The one before it gets
        them as well, if that was taken: those before may have been rejected.
        """
        if name in self.have[CLUSTER] and name not in self.half | self.warming | self.silent:
            self.replaced.add(name)
        for places in (self.half, self.warming, self.silent, self.unheard):
            places.discard(name)
        if not arguments:
            self.warm.add(name)
            return
        self.warming.add(name)
        if "late" in arguments:
            assert not self.starting, f"it would wait for {name} before all else"
            self.silent.add(name)

    def answer(self, response: Response, request: Request) -> None:
        """As Envoy does: clusters are taken only when all of them are warm, and one that was rejected never is; but for
        those with which it starts.
        """
        if response.type_url == CLUSTER:
            (self.outbox if self.starting else self.held).append(request)
            self.warming -= set(response.removed)
            self.silent -= set(response.removed)
        else:
            self.outbox.append(request)
        if response.type_url == ENDPOINT:
            self.warming -= {resource.name for resource in response.resources} | set(response.removed)
        if self.starting and not self.warming:
            self.starting = False
            self.outbox.append(Request(LISTENER))
        self.answer_held()

    def answer_held(self) -> None:
        while self.held and not self.warming and not self.silent:
            if self.held[0].error_detail is None and self.half:
                return
            self.outbox.append(self.held.popleft())

    def hosts_answer(self) -> None:
        """The hosts of late clusters say whether they are healthy."""
        self.warm |= self.silent - self.warming
        self.silent.clear()
        self.answer_held()

    def check_filters(self) -> None:
        """No route is without the filters it needs, where there is a listener."""
        for _, routes in self.have[ROUTE].values():
            for extension, family in (one.split(":") for token in tokens(routes) for one in token.filters):
                _, body = self.have[EXTENSION].get(extension, ("", b""))
                given = {token.key for token in tokens(body) if token.number != "fallback"}
                assert not body or f"{extension}-{family}" in given, f"{extension} is without {family}"

    def check_unused(self, cluster: str) -> None:
        if cluster not in self.have[CLUSTER]:
            return  # it was rejected
        if cluster in self.unheard:
            return  # it was removed before, when nothing used it; what came then uses a cluster that is not wanted
        for _, body in self.have[ROUTE].values():
            assert all(cluster not in token.clusters for token in tokens(body)), "a cluster in use is removed"


class XdsLaws(RuleBasedStateMachine):
    """A server, a client, and all that can happen to them."""

    def __init__(self) -> None:
        super().__init__()
        global serial  # noqa: PLW0603 - the same numbers each time, for reproducible failures
        serial = count(1000)
        self.now = 100.0
        self.state: dict[PartKey, Part] = {}
        self.wanted = Wanted()
        self.more: dict[str, tuple[str, ...]] = {"x0": (), "x1": FAMILIES[:1]}
        self.filters = {(name, "head"): leaf(name) for name in EXTENSIONS}
        self.filters |= {(name, ""): leaf(f"{name}-", (MARK.decode(),)) for name in EXTENSIONS}
        for name, family in ((name, family) for name in EXTENSIONS for family in FAMILIES):
            self.filters[name, family] = leaf(f"{name}-{family}", fallback=True, gives=(family,))
        self.client = Client()
        self.inbox: deque[Response] = deque()
        self.in_flight: dict[str, float] = {}
        self.nonces: dict[str, str] = {}
        self.in_step: dict[str, float] = {}
        self.rejected: set[tuple[Origin, str, str]] = set()
        self.session = Session(self.wanted, hold=HOLD)
        self.others: list[Session] = []
        """Those of clients that are still connected, but say nothing any more."""
        self.client.connect(filters_last=False)

    # What is wanted

    def apply(self, changes: list[tuple[PartKey, Part | None]]) -> None:
        for key, value in changes:
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        touched = self.wanted.apply([*changes, *self.switches(), *self.extensions()])
        for one in (*self.others, self.session):
            one.changed(touched)

    def switches(self) -> Iterator[tuple[PartKey, Part | None]]:
        """All hosts of listeners with filters for all requests say so, and no others do."""
        listeners = [value.leaves[0] for key, value in self.state.items() if key.type_url == LISTENER]
        whole = {one.side.of for one in listeners if one.side}
        for key, value in list(self.state.items()):
            if key.type_url == ROUTE and key.part and (value.leaves[1].side is None) != (key.resource in whole):
                first, _, *others = value.leaves
                now = switch(f"{key.resource}-{key.part}", key.resource in whole)
                self.state[key] = part(key.part, [first, now, *others], value.tags, hides=value.hides)
                yield key, self.state[key]

    def extensions(self) -> Iterator[tuple[PartKey, Part | None]]:
        """The extensions have what is needed, and some have more."""
        every = [item for value in self.state.values() for item in value.leaves]
        for name in EXTENSIONS:
            needed = {family for item in every for extension, family in item.filters if extension == name}
            families = sorted(needed | set(self.more[name]))
            leaves = [self.filters[name, family] for family in ("", *families)]
            spare = [self.filters[name, family] for family in FAMILIES if family not in families]
            for at, value in (("", part("", [self.filters[name, "head"]])), ("f", part("f", leaves, spare=spare))):
                key = PartKey("p", EXTENSION, name, at)
                if self.state.get(key) != value:
                    self.state[key] = value
                    yield key, value

    @initialize()
    def begin(self) -> None:
        for name in CLUSTERS[:2]:
            self.put_cluster(name, eds=True)
        for name in ROUTES:
            self.put_route(name, "v0", (CLUSTERS[0],), 2, ())
        self.put_listener("l0", "r0", whole=False)

    @rule(name=st.sampled_from(CLUSTERS), eds=st.booleans(), late=st.booleans())
    def put_cluster(self, name: str, eds: bool, late: bool = False) -> None:
        made = leaf(name, ("eds", *(["late"] if late else [])), late=late) if eds else leaf(name)
        changes: list[tuple[PartKey, Part | None]] = [
            (PartKey("p", CLUSTER, name), part("", [made])),
            (PartKey("p", ENDPOINT, name), part("", [leaf(f"e-{name}")]) if eds else None),
        ]
        self.apply(changes)

    @rule(name=st.sampled_from(CLUSTERS))
    def change_cluster(self, name: str) -> None:
        if PartKey("p", ENDPOINT, name) in self.state:
            self.apply([(PartKey("p", CLUSTER, name), part("", [leaf(name, ("eds",))]))])

    @rule(name=st.sampled_from(CLUSTERS))
    def put_endpoints(self, name: str) -> None:
        if PartKey("p", ENDPOINT, name) in self.state:
            self.apply([(PartKey("p", ENDPOINT, name), part("", [leaf(f"e-{name}")]))])

    @rule(name=st.sampled_from(CLUSTERS))
    def remove_cluster(self, name: str) -> None:
        self.apply([(PartKey("p", CLUSTER, name), None), (PartKey("p", ENDPOINT, name), None)])

    @rule(name=st.sampled_from(("l0", "l1")), route=st.sampled_from(ROUTES), whole=st.booleans())
    def put_listener(self, name: str, route: str, whole: bool) -> None:
        arguments = (route, FILTERS_OF[route], *((WHOLE,) if whole else ()))
        side = Side(route, on=True) if whole else None
        self.apply([(PartKey("p", LISTENER, name), part("", [leaf(name, arguments, side=side)]))])

    @rule(name=st.sampled_from(EXTENSIONS), families=st.sets(st.sampled_from(FAMILIES)).map(sorted).map(tuple))
    def put_extension(self, name: str, families: tuple[str, ...]) -> None:
        self.more[name] = families
        self.apply([])

    @rule(name=st.sampled_from(EXTENSIONS), family=st.sampled_from(FAMILIES))
    def change_filter(self, name: str, family: str) -> None:
        self.filters[name, family] = leaf(f"{name}-{family}", fallback=True, gives=(family,))
        self.apply([])

    @rule(name=st.sampled_from(("l0", "l1")))
    def remove_listener(self, name: str) -> None:
        self.apply([(PartKey("p", LISTENER, name), None)])

    @rule(
        name=st.sampled_from(ROUTES),
        host=st.sampled_from(("v0", "v1")),
        needs=st.lists(st.sampled_from(CLUSTERS), max_size=2, unique=True).map(tuple),
        size=st.integers(0, 3),
        families=st.sets(st.sampled_from(FAMILIES)).map(sorted).map(tuple),
        whole=st.booleans(),
    )
    def put_route(
        self,
        name: str,
        host: str,
        needs: tuple[str, ...],
        size: int,
        families: tuple[str, ...],
        whole: bool = False,
    ) -> None:
        filters = tuple((FILTERS_OF[name], family) for family in families)
        changes: list[tuple[PartKey, Part | None]] = []
        head = PartKey("p", ROUTE, name)
        if head not in self.state:
            changes.append((head, part("", [leaf(f"{name}-head")])))
        earlier = self.state.get(PartKey("p", ROUTE, name, host))
        leaves = [
            leaf(f"{name}-{host}", blank=True),
            earlier.leaves[1] if earlier else switch(f"{name}-{host}", on=False),
        ]
        if whole:
            leaves.append(leaf(f"{name}-{host}-all", filters=filters, covers=True))
            filters = ()
        leaves += [
            leaf(f"{name}-{host}-{n}", needs[n:], needs=True, fallback=n != 2, filters=filters) for n in range(size)
        ]
        hides = (PartKey("p", ROUTE, name, "v0"),) if host == "v1" else ()
        changes.append((PartKey("p", ROUTE, name, host), part(host, leaves, (b"\x12",), hides=hides)))
        self.apply(changes)

    @rule(name=st.sampled_from(ROUTES), host=st.sampled_from(("v0", "v1")))
    def remove_host(self, name: str, host: str) -> None:
        self.apply([(PartKey("p", ROUTE, name, host), None)])

    @rule(name=st.sampled_from(ROUTES), cluster=st.sampled_from(CLUSTERS))
    def add_a_host(self, name: str, cluster: str) -> None:
        """One of its routes is ready, another waits for its cluster."""
        self.remove_host(name, "v1")
        self.remove_cluster(cluster)
        self.talk()
        self.put_cluster(cluster, eds=True)
        self.put_route(name, "v1", (cluster,), 2, ())

    @rule(name=st.sampled_from(ROUTES))
    def remove_route(self, name: str) -> None:
        self.apply([(PartKey("p", ROUTE, name, host), None) for host in ("", "v0", "v1")])

    # What the client thinks of it

    @rule(data=st.data())
    @precondition(lambda self: self.state)
    def poison(self, data: st.DataObject) -> None:
        """Envoy does not like this leaf; it does not change its mind about what it has accepted."""
        every = {item.data for value in self.state.values() for item in value.leaves} - self.client.accepted
        if every:
            self.client.poison.add(data.draw(st.sampled_from(sorted(every))))

    @rule()
    def cure(self) -> None:
        self.client.poison.clear()

    @rule(route=st.booleans())
    def ask_again(self, route: bool) -> None:
        type_url = ROUTE if route else ENDPOINT
        names = self.client.asked[type_url]
        if names:
            self.client.awaiting |= {(type_url, name) for name in names}
            self.client.outbox.append(Request(type_url, subscribe=tuple(sorted(names))))

    # How it travels

    @rule()
    def hosts_answer(self) -> None:
        self.client.hosts_answer()

    @rule()
    def poll(self) -> None:
        for response in self.session.poll(self.now):
            sent_at = self.in_flight.get(response.type_url, -PATIENCE)
            patience = OVERTAKE if response.type_url == CLUSTER else PATIENCE
            assert self.now >= sent_at + patience, "one response in flight per type, or it is long in being answered"
            self.in_flight[response.type_url] = self.now
            self.nonces[response.type_url] = response.nonce
            self.check_warm(response)
            self.check_hidden(response)
            self.inbox.append(response)

    @rule()
    @precondition(lambda self: self.inbox)
    def client_reads(self) -> None:
        self.client.receive(self.inbox.popleft())
        self.check_sides()

    @rule()
    @precondition(lambda self: self.client.outbox)
    def server_reads(self) -> None:
        request = self.client.outbox.popleft()
        if request.response_nonce and request.response_nonce == self.nonces.get(request.type_url):
            self.in_flight.pop(request.type_url, None)
        self.session.receive(request, self.now)

    @rule(answer=st.booleans())
    def lose(self, answer: bool) -> None:
        """A response or an answer is lost, or the client does not find the time for it."""
        if answer and self.client.outbox and self.client.outbox[0].response_nonce:
            self.client.outbox.popleft()
        elif not answer and self.inbox:
            lost = self.inbox.popleft()
            if lost.type_url == CLUSTER:
                self.client.unheard |= set(lost.removed)

    @rule(kind=st.sampled_from((CLUSTER, LISTENER)), data=st.data())
    def lie(self, kind: str, data: st.DataObject) -> None:
        """The client has something else than it said, or the account of it is wrong."""
        names = sorted(self.client.have[kind])
        subscription = self.session.subscription(kind)
        names = [name for name in names if subscription.quiet() and subscription.is_sure_of(name)]
        if names and not self.client.poison:
            name = data.draw(st.sampled_from(names))
            _, body = self.client.have[kind][name]
            self.client.have[kind][name] = ("lie", re.sub(rb"\|\d+\|", b"|0|", body))
            subscription.client.open(name).version = "lie"

    @rule(seconds=st.sampled_from((0.5, 2.0, 6.0)))
    def wait(self, seconds: float) -> None:
        """Time passes; what the client has said arrives meanwhile, and one that starts is answered."""
        while self.client.outbox:
            self.server_reads()
        if self.client.starting:
            self.poll()
        self.remember_steps()
        self.now += seconds

    @rule()
    def talk(self) -> None:
        """Everything that is under way arrives."""
        for _ in range(200):
            self.poll()
            if not self.inbox and not self.client.outbox:
                self.read_events()
                return
            while self.inbox:
                self.client_reads()
            while self.client.outbox:
                self.server_reads()
        raise AssertionError("the conversation does not end")

    @rule(restart=st.booleans(), filters_last=st.booleans())
    def reconnect(self, restart: bool, filters_last: bool) -> None:
        self.session.close()
        if restart:
            self.others.clear()
            self.wanted = Wanted()
            self.wanted.apply(self.state.items())
        self.session = Session(self.wanted, hold=HOLD, elder=None if restart else self.session)
        self.begin_talk(filters_last=filters_last)

    @rule(name=st.sampled_from(ROUTES), host=st.sampled_from(("v0", "v1")), bad=st.integers(0, 2))
    def restart_while_one_is_refused(self, name: str, host: str, bad: int) -> None:
        """Nothing changes meanwhile: what is good is not touched."""
        self.put_route(name, host, (), 3, ())
        self.client.poison.add(self.state[PartKey("p", ROUTE, name, host)].leaves[2 + bad].data)
        self.talk()
        backends = [value for key, value in self.state.items() if key.type_url in (CLUSTER, ENDPOINT)]
        needed = {*self.filters.values(), *(item for value in backends for item in value.leaves)}
        if not self.session.synced() or any(item.data in self.client.poison for item in needed):
            return  # what needs a filter or a cluster that is refused is closed
        every = {item.data for value in self.state.values() for item in value.leaves}
        routes = [(name, one.text) for name, (_, body) in self.client.have[ROUTE].items() for one in tokens(body)]
        self.client.keeps = {(name, text) for name, text in routes if text in every}
        self.reconnect(restart=True, filters_last=True)
        self.talk()
        self.client.keeps.clear()

    @rule(same=st.booleans(), data=st.data())
    def start_beside(self, same: bool, data: st.DataObject) -> None:
        """Another client of the proxy starts, and is the one that is looked at from now on. It may have another taste,
        and not even like what the first one has.
        """
        other = self.client.another() if same else Client()
        bodies = [body for have in self.client.have.values() for _, body in have.values()]
        texts = sorted({one.text for body in bodies for one in tokens(body) if one.number != "fallback"})
        if texts and not same:
            other.poison = set(data.draw(st.lists(st.sampled_from(texts), max_size=2)))
        self.beside(other)

    @rule(
        name=st.sampled_from(ROUTES),
        host=st.sampled_from(("v0", "v1")),
        bad=st.integers(0, 2),
        found=st.booleans(),
        twice=st.booleans(),
    )
    def start_beside_one_that_refuses(self, name: str, host: str, bad: int, found: bool, twice: bool) -> None:
        """It has what the other one has, at once: of what both refuse, the last good. So has one that starts next, even
        if the first has heard nothing yet; and though the other one may still be looking for what it refuses.
        """
        self.put_route(name, host, (), 3, ())
        self.talk()
        if not self.session.synced() or self.session.rejections() or self.client.poison:
            return
        self.put_route(name, host, (), 3, ())
        self.client.poison.add(self.state[PartKey("p", ROUTE, name, host)].leaves[2 + bad].data)
        if found:
            self.talk()
        else:
            self.poll()
        other = self.client
        for _ in range(1 + twice):
            self.beside(other.another())
        self.client.keeps = {
            (one, token.text)
            for one, (_, body) in other.have[ROUTE].items()
            for token in tokens(body)
            if token.key == f"{name}-{host}-{bad}"
        }
        self.end_talk()
        if found and self.session.synced():
            assert self.client.have[ROUTE] == other.have[ROUTE]
        self.client.keeps.clear()

    def beside(self, client: Client) -> None:
        self.others.append(self.session)
        self.session = Session(self.wanted, hold=HOLD, elder=self.session)
        self.client = client
        self.begin_talk()

    def begin_talk(self, *, filters_last: bool = False) -> None:
        self.inbox.clear()
        self.rejected.clear()
        self.in_flight.clear()
        self.in_step = dict.fromkeys(self.in_step, self.now)
        self.client.connect(filters_last=filters_last)

    # Laws

    def read_events(self) -> None:
        """Rejected and Restored pair up: together they tell what is in quarantine."""
        for event in self.session.take_events():
            if isinstance(event, Rejected):
                self.rejected.add((event.origin, event.type_url, event.resource))
            elif isinstance(event, Restored):
                self.rejected.remove((event.origin, event.type_url, event.resource))
        now = {(one.origin, one.type_url, one.resource) for one in self.session.rejections()}
        assert self.rejected == now

    def remember_steps(self) -> None:
        """Note for each leaf when the client last had it as it is wanted."""
        for key, value in self.state.items():
            _, body = self.client.have.get(key.type_url, {}).get(key.resource, ("", b""))
            for item in value.leaves:
                name = tokens(item.data)[0].key
                if item.data in body or name not in self.in_step:
                    self.in_step[name] = self.now

    def check_sides(self) -> None:
        """No host is quiet whose listener has filters for all requests; but of a listener that was there before."""
        for name, (_, body) in self.client.have[LISTENER].items():
            copy = self.session.subscription(LISTENER).client.get(name)
            for token in tokens(body):
                if WHOLE in token.arguments and copy is not None and not copy.opaque:
                    _, hosts = self.client.have[ROUTE].get(token.arguments[0], ("", b""))
                    assert not any(QUIET in one.arguments for one in tokens(hosts)), f"{name} beside {hosts!r}"

    def has_unknown_routes(self) -> bool:
        """Whether the client has routes of which the server does not know what is in them."""
        routes = self.session.subscription(ROUTE).client
        return any(routes.open(name).opaque for name in self.client.have[ROUTE])

    def barred(self, item: Leaf) -> bool:
        """Whether the client has leaves of the other side, which it does not let go."""
        if item.side is None:
            return False
        if item.side.on:
            if self.has_unknown_routes():
                return True  # and they cannot be replaced
            _, hosts = self.client.have[ROUTE].get(item.side.of, ("", b""))
            return any(QUIET in one.arguments for one in tokens(hosts))
        every = [token for _, body in self.client.have[LISTENER].values() for token in tokens(body)]
        return any(WHOLE in one.arguments and one.arguments[0] == item.side.of for one in every)

    def check_warm(self, response: Response) -> None:
        """No route goes to a cluster that is not warm, unless it has waited for its time."""
        if response.type_url != ROUTE:
            return
        self.remember_steps()
        for resource in response.resources:
            if resource.name not in self.client.asked[ROUTE]:
                continue  # the client has unsubscribed, the server has not heard of it yet
            _, before = self.client.have[ROUTE].get(resource.name, ("", b""))
            for token in tokens(resource.body):
                cold = [
                    cluster
                    for cluster in token.clusters
                    if cluster not in self.client.warm and PartKey("p", CLUSTER, cluster) in self.state
                ]
                if cold and token.text not in before:
                    assert self.now >= self.in_step[token.key] + HOLD, f"{token.text!r} before {cold}"

    def check_hidden(self, response: Response) -> None:
        """No new host hides another one that answers, before all of its own routes may come."""
        for resource in response.resources if response.type_url == ROUTE and not self.client.poison else ():
            copy = self.session.subscription(ROUTE).client.open(resource.name)
            wanted = self.state.get(PartKey("p", ROUTE, resource.name, "v1"))
            hidden = copy.parts.get("v0")
            frame = f"{resource.name}-v1"
            if wanted is None or hidden is None or "v1" in copy.parts or f"<{frame}|".encode() not in resource.body:
                continue
            if any(not one.blank for one in hidden.leaves) and self.now < self.in_step[frame] + HOLD:
                late = [
                    one.data
                    for one in wanted.leaves
                    if not one.blank and one.data not in resource.body and self.given(one)
                ]
                assert not late, f"{frame} hides v0 without {late}"

    def teardown(self) -> None:
        self.end_talk()
        end = self.now + 200
        while (at := self.session.deadline(self.now)) is not None and at < end:
            self.remember_steps()
            self.now = max(at, self.now + 0.001)
            self.end_talk()
        self.check_converged()

    def end_talk(self) -> None:
        self.client.hosts_answer()
        self.talk()
        self.client.hosts_answer()
        self.talk()

    def check_converged(self) -> None:
        assert not self.client.awaiting, "whoever asks gets an answer"
        clusters = self.session.subscription(CLUSTER).client
        known = [name for name in self.client.half if not clusters.open(name).opaque]
        if self.client.half == set(known) <= self.names(CLUSTER):
            # Otherwise nobody knows what the client had, or what it had must go, but is still used.
            assert not self.client.held, "nothing that was rejected stands in the way of answers"
        elif self.client.held:
            return  # no answer about clusters comes any more, so what is rejected cannot be tried again
        for type_url in ALL:
            asked = self.client.asked.get(type_url)
            wanted = self.names(type_url)
            for name in wanted if asked is None else wanted & asked:
                self.check_resource(type_url, name)
            if type_url == LISTENER:
                assert self.client.have[type_url].keys() <= wanted
        needed = {c for _, body in self.client.have[ROUTE].values() for t in tokens(body) for c in t.clusters}
        wanted = self.names(CLUSTER)
        for one in self.session.rejections():
            asked = self.client.asked.get(one.type_url)
            assert asked is None or one.resource in asked, f"nobody asks for {one.resource}"
        if not self.client.poison:
            assert self.client.have[CLUSTER].keys() <= wanted | needed
            assert not self.session.rejections()
            served = all(self.names(t) <= names for t, names in self.client.asked.items())
            assert self.session.synced() == served

    def given(self, item: Leaf) -> bool:
        """Whether all filters that a leaf needs are wanted, and good."""
        for extension, family in item.filters:
            head, value = (self.state[PartKey("p", EXTENSION, extension, at)] for at in ("", "f"))
            if extension not in self.client.asked[EXTENSION]:
                continue
            bad = self.client.poison
            good = () if head.leaves[0].data in bad else [one for one in value.leaves if one.data not in bad]
            if family not in {given for one in good for given in one.gives}:
                return False
        return True

    def closed(self, item: Leaf) -> bool:
        """Whether it needs a cluster that is refused: it is as it last was, or answers 500."""
        needed = (PartKey("p", kind, name) for name in item.needs for kind in (CLUSTER, ENDPOINT))
        return any(self.state[key].leaves[0].data in self.client.poison for key in needed if key in self.state)

    def names(self, type_url: str) -> set[str]:
        return {key.resource for key in self.state if key.type_url == type_url}

    def check_resource(self, type_url: str, name: str) -> None:
        parts = {key.part: value for key, value in self.state.items() if key[1:3] == (type_url, name)}
        _, body = self.client.have[type_url].get(name, ("", b""))
        bad = self.client.poison
        present = {token.key: token for token in tokens(body)}
        if parts.get("") and parts[""].leaves[0].data in bad:
            return  # the resource is left as it was
        expected = set()
        for value in parts.values():
            framed = type_url != EXTENSION
            if framed and value.leaves[0].data in bad and tokens(value.leaves[0].data)[0].key not in present:
                continue  # the part is left out
            covered = False
            for item in value.leaves:
                key = tokens(item.data)[0].key
                expected.add(key)
                if covered or not self.given(item) or (self.client.poison and self.barred(item)):
                    covered = covered or item.covers
                elif item.data not in bad and not self.closed(item):
                    assert item.data in body, f"{item.data!r} is missing in {body!r}"
        if type_url == EXTENSION:
            # What needs a filter may have stayed, as what it was to give way to is refused.
            routes = [body for _, body in self.client.have[ROUTE].values()]
            expected |= {one.replace(":", "-") for body in routes for token in tokens(body) for one in token.filters}
            if self.has_unknown_routes():
                expected |= {f"{name}-{family}" for family in FAMILIES}  # they may need any
        assert present.keys() <= expected


XdsLaws.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestXdsLaws = XdsLaws.TestCase
