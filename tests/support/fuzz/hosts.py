"""Listeners, and which routes are attached to them for which hosts, in Gateway API's own words."""

import itertools
from typing import NamedTuple

from support.fuzz.objects import Key, Objects
from support.objects.documents import Doc

ROUTES = ("HTTPRoute", "GRPCRoute")


def fits(hostname: str, host: str) -> bool:
    """A wildcard is any labels to the left, at least one; no hostname is every host."""
    return host.endswith(hostname[1:]) if hostname.startswith("*.") else hostname in ("", host)


def precision(hostname: str) -> tuple[int, int]:
    """Its characters if it has no wildcard, and in any case (HTTPRoute.spec.hostnames): more are more specific."""
    return 0 if hostname.startswith("*.") else len(hostname), len(hostname)


def common(one: str, other: str) -> str | None:
    """What two hostnames have in common: the narrower one of them, or nothing."""
    if fits(one, other.replace("*.", "x.", 1)) if other else not one:
        return other
    return one if fits(other, one.replace("*.", "x.", 1)) else None


class Listener(NamedTuple):
    """A listener of a Gateway or ListenerSet, and the Gateway."""

    gateway: Key
    parent: Key
    spec: Doc

    @property
    def name(self) -> str:
        """Its name."""
        name: str = self.spec["name"]
        return name

    @property
    def hostname(self) -> str:
        """Its hostname, if any."""
        hostname: str = self.spec.get("hostname", "")
        return hostname


class Attached(NamedTuple):
    """A route on a listener: the hostname that they have in common, and the route's own that it is of."""

    host: str
    own: str
    key: Key
    route: Doc


class Hosts:
    """The listeners of all ports, and their routes. Those that are `away` are let in or put out, but not yet so."""

    def __init__(self, objects: Objects, away: frozenset[Key] = frozenset()) -> None:
        self._objects = objects
        self._away = away
        self.ports: dict[int, list[Listener]] = {}
        self._attached: dict[tuple[Key, str], dict[str, list[Attached]]] = {}
        for key, gateway in objects.of("Gateway"):
            self._listen(key, key, gateway["spec"]["listeners"])
        sets = [(one["metadata"]["creationTimestamp"], key, one) for key, one in objects.of("ListenerSet")]
        for _, key, one in sorted(sets, key=lambda each: each[:2]):
            ref = one["spec"]["parentRef"]
            gateway_key = Key("Gateway", ref.get("namespace", key.namespace), ref["name"])
            of = objects.every.get(gateway_key)
            if (
                key not in away
                and of is not None
                and self._takes(gateway_key, of["spec"].get("allowedListeners"), key.namespace)
            ):
                self._listen(gateway_key, key, one["spec"]["listeners"])
        self._parents: dict[Key, list[Listener]] = {}
        for listener in itertools.chain.from_iterable(self.ports.values()):
            self._parents.setdefault(listener.parent, []).append(listener)
        self._taken: dict[tuple[Key, str], dict[str, list[str]]] = {}
        for key, route in sorted(objects.of(*ROUTES), key=_age):
            self._attach(key, route)

    def listener(self, port: int, host: str) -> Listener | None:
        """The most specific listener of a port for a host: all others have nothing to do with it."""
        mine = [one for one in self.ports.get(port, ()) if fits(one.hostname, host)]
        return max(mine, key=lambda one: precision(one.hostname), default=None)

    def attached(self, listener: Listener, host: str) -> list[Attached]:
        """The routes of the most specific hostname that the listener has in common with any, for a host."""
        here = self._attached.get((listener.parent, listener.name), {})
        return here.get(max((one for one in here if fits(one, host)), key=precision, default=""), [])

    def near(self, port: int, host: str) -> set[Key]:
        """The listeners' owners, and routes, of a port for a host, whether they are heard for it or others are."""
        listeners = [one for one in self.ports.get(port, ()) if fits(one.hostname, host)]
        here = (self._attached.get((one.parent, one.name), {}) for one in listeners)
        routes = {one.key for hosts in here for at, every in hosts.items() if fits(at, host) for one in every}
        return routes | {one.parent for one in listeners}

    def _listen(self, gateway: Key, parent: Key, listeners: list[Doc]) -> None:
        for spec in listeners:
            here = self.ports.setdefault(spec["port"], [])
            one = Listener(gateway, parent, spec)
            # Of two that want the same the Gateway's own, then the older set's, is first (GEP-1713).
            if all((spec["protocol"], one.hostname) != (other.spec["protocol"], other.hostname) for other in here):
                here.append(one)

    def _takes(self, owner: Key, allowed: Doc | None, namespace: str) -> bool:
        """Whether objects of a namespace are let in."""
        said = (allowed or {}).get("namespaces", {})
        match said.get("from", "Same" if owner.kind != "Gateway" or allowed is not None else "None"):
            case "All":
                return True
            case "Same":
                return namespace == owner.namespace
            case "Selector":
                document = self._objects.get("Namespace", "", namespace)
                labels = document["metadata"].get("labels", {}) if document else {}
                return set(said["selector"]["matchLabels"].items()) <= set(labels.items())
            case _:
                return False

    def _attach(self, key: Key, route: Doc) -> None:
        for ref in route["spec"]["parentRefs"]:
            parent = Key(ref.get("kind", "Gateway"), ref.get("namespace", key.namespace), ref["name"])
            for listener in self._parents.get(parent, ()):
                named = ref.get("sectionName") in (None, listener.name)
                if named and self._takes(parent, listener.spec["allowedRoutes"], key.namespace):
                    self._meet(listener, key, route)

    def _meet(self, listener: Listener, key: Key, route: Doc) -> None:
        """One of the other kind that came earlier and has hosts in common keeps it out (GRPCRoute.spec.hostnames)."""
        own = route["spec"].get("hostnames") or [""]
        met = [(host, one) for one in own if (host := common(listener.hostname, one)) is not None]
        taken = self._taken.setdefault((listener.parent, listener.name), {kind: [] for kind in ROUTES})
        others = [other for kind in ROUTES if kind != key.kind for other in taken[kind]]
        if any(common(host, other) is not None for host, _ in met for other in others):
            return
        taken[key.kind] += [host for host, _ in met]
        if key in self._away:
            return
        here = self._attached.setdefault((listener.parent, listener.name), {})
        for host, one in met:
            here.setdefault(host, []).append(Attached(host, one, key, route))


def _age(entry: tuple[Key, Doc]) -> tuple[str, str, str]:
    key, route = entry
    return route["metadata"].get("creationTimestamp", ""), key.namespace, key.name
