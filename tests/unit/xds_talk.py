"""A conversation with a session: what the tests of `daemun.xds` are written with."""

from daemun.base.names import Ref
from daemun.ir.origin import Origin
from daemun.ir.resource import CLUSTER, ENDPOINT, LISTENER, ROUTE, Leaf, Part, PartKey, part
from daemun.xds.events import Event
from daemun.xds.messages import Request, Response
from daemun.xds.session import Session
from daemun.xds.wanted import Wanted

__all__ = [
    "CLUSTER",
    "ENDPOINT",
    "LISTENER",
    "ROUTE",
    "Talk",
    "bodies",
    "cluster",
    "endpoints",
    "key",
    "leaf",
    "origin",
    "whole",
]


def origin(name: str) -> Origin:
    return Origin(Ref("", "Test", "", name))


def leaf(name: str, data: str, needs: tuple[str, ...] = (), fallback: str = "") -> Leaf:
    return Leaf(f"<{data}>".encode(), origin(name), needs, fallback.encode())


def key(type_url: str, name: str, host: str = "") -> PartKey:
    return PartKey("p", type_url, name, host)


def whole(type_url: str, name: str, data: str, needs: tuple[str, ...] = ()) -> tuple[PartKey, Part]:
    """A resource of one leaf."""
    return key(type_url, name), part("", [leaf(name, data, needs)])


def cluster(name: str, data: str = "") -> tuple[PartKey, Part]:
    return whole(CLUSTER, name, data or name)


def endpoints(name: str, data: str = "") -> tuple[PartKey, Part]:
    return whole(ENDPOINT, name, data or f"e-{name}")


class Talk:
    """One stream, its client written by the test. `now` is moved by hand."""

    def __init__(self, wanted: Wanted | None = None, elder: Session | None = None) -> None:
        self.wanted = wanted or Wanted()
        self.session = Session(self.wanted, elder=elder)
        self.now = 100.0
        self.have: dict[str, bytes] = {}

    def apply(self, *changes: tuple[PartKey, Part | None]) -> None:
        self.session.changed(self.wanted.apply(changes))

    def ask(self, type_url: str, *names: str, have: dict[str, str] | None = None) -> None:
        self.session.receive(Request(type_url, subscribe=names, initial_resource_versions=have or {}), self.now)

    def leave(self, type_url: str, *names: str) -> None:
        self.session.receive(Request(type_url, unsubscribe=names), self.now)

    def poll(self) -> list[Response]:
        return self.session.poll(self.now)

    def one(self) -> Response:
        (response,) = self.poll()
        return response

    def ack(self, response: Response) -> None:
        self.session.receive(Request(response.type_url, response.nonce), self.now)

    def nack(self, response: Response, message: str = "bad") -> None:
        self.session.receive(Request(response.type_url, response.nonce, error_detail=message), self.now)

    def settle(self, *poison: str, rounds: int = 200) -> list[Response]:
        """Answer until there is nothing more to say: NACK what contains all the words of a poison, ACK the rest."""
        heard = []
        for _ in range(rounds):
            responses = self.poll()
            if not responses:
                return heard
            for response in responses:
                heard.append(response)
                text = b"".join(resource.body for resource in response.resources).decode(errors="replace")
                if any(all(f"<{word}>" in text for word in words.split("+")) for words in poison):
                    self.nack(response)
                else:
                    self.ack(response)
                    self.have.update(bodies(response))
        raise AssertionError("the conversation does not end")

    def events(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.session.take_events() if isinstance(event, kind)]


def bodies(response: Response) -> dict[str, bytes]:
    return {resource.name: resource.body for resource in response.resources}
