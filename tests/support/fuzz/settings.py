"""How such a world begins: what there is before anything changes, and what changes are chosen from."""

from support.fuzz import credentials
from support.fuzz.objects import Objects, change_of
from support.objects.certificates import authority
from support.objects.documents import Doc, gateway, listener, listener_set, secret
from support.servers.ports import free_port

NAMESPACES = ("default", "red", "blue")
EXACT = ("a.w.test", "b.w.test", "c.b.w.test", "x.test", "y.test", "l.set.test", "k.set.test", "a.s.test", "b.s.test")
WILD = ("*.w.test", "*.b.w.test", "*.test", "*.set.test", "*.s.test")
CALLED = ("g.rpc.test", "h.rpc.test")
"""Hosts of GRPCRoutes, which share none with others."""
HOSTS = (*EXACT, "z.w.test", "z.b.w.test", "z.test", "z.set.test", "z.s.test", "other.org")
"""What is asked for besides."""
SECURE = ("a.s.test", "b.s.test", "z.s.test")
"""What is asked for over TLS: hosts of listeners with certificates."""
PATHS = ("/", "/a", "/a/b", "/a/b/c", "/d", "/d/e")
REGEXES = ("/a/[a-z]+", "/d.*", "/[ad]")
SERVICES = ("s0", "s1", "s2")
NEVER = "2000-01-01T00:00:00Z"


class Ports:
    """The ports of two Gateways: the first has one with TLS, too."""

    def __init__(self) -> None:
        self.first, self.secure, self.second = free_port(), free_port(), free_port()


def first_gateway(ports: Ports, more: list[Doc], from_: Doc, sets: str) -> Doc:
    """The Gateway that both tenants share, with further listeners, and who may come to its widest one."""
    open_ = listener(ports.first, "http")
    open_["allowedRoutes"] = {"namespaces": from_}
    secure = [
        listener(ports.secure, "tls-wild", hostname="*.s.test", certs=["cert-0"], namespaces="All"),
        listener(ports.secure, "tls-one", hostname="a.s.test", certs=["cert-1"], namespaces="All"),
    ]
    return gateway("one", open_, *secure, *more, sets=sets)


def extra_listeners(ports: Ports) -> list[Doc]:
    """The listeners that the first Gateway may have besides."""
    return [
        listener(ports.first, "wild", hostname="*.w.test", namespaces="All"),
        listener(ports.first, "exact", hostname="b.w.test", namespaces="All"),
        listener(ports.first, "deep", hostname="*.b.w.test", namespaces="Same"),
    ]


def sets(ports: Ports) -> list[Doc]:
    """The ListenerSets that there may be."""
    return [
        listener_set(
            "red/set",
            "default/one",
            listener(ports.first, "http", hostname="*.set.test"),
            created="2001-01-01T00:00:00Z",
        ),
        listener_set(
            "blue/set",
            "default/one",
            listener(ports.first, "http", hostname="l.set.test", namespaces="All"),
            listener(ports.first, "more", hostname="*.set.test", namespaces="All"),
            created="2002-01-01T00:00:00Z",
        ),
    ]


def certificate(at: int) -> Doc:
    """A new certificate for one of the two listeners with TLS."""
    return secret(f"cert-{at}", *authority().issue("*.s.test"))


def beginning(ports: Ports) -> Objects:
    """What there always is."""
    labels = {"red": {"tenant": "yes"}, "blue": {}, "default": {"tenant": "yes"}}
    every: list[Doc | list[Doc]] = [
        first_gateway(ports, extra_listeners(ports)[:1], {"from": "All"}, "All"),
        gateway("two", listener(ports.second, namespaces="All")),
        *(namespace(name, labels[name]) for name in NAMESPACES),
        certificate(0),
        certificate(1),
        *(credentials.secret(team, name) for name in NAMESPACES for team in credentials.TEAMS),
    ]
    return Objects({}).after(change_of(*every))


def namespace(name: str, labels: dict[str, str]) -> Doc:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
