"""Random pieces of objects: rules, Services, policies. Each piece that can be told apart has a name of its own."""

import random
from collections.abc import Sequence

from support.fuzz.credentials import FEW, MANY, TEAMS, by_key, by_token, limit
from support.fuzz.hosts import ROUTES
from support.fuzz.objects import Key, Objects
from support.fuzz.settings import CALLED, EXACT, NAMESPACES, NEVER, PATHS, REGEXES, SERVICES, WILD
from support.objects.documents import Doc, backend, exact, hosts, prefix, regex, route, rule, upstream, use, values

SLOWLY = "/slowly/"
"""The path by which backends are asked whether they are healthy; the seconds that they are to take follow."""
AGES = (NEVER, "2001-01-01T00:00:00Z", "2002-01-01T00:00:00Z")
_SHADE = "shade"
"""A Service of each namespace that gets copies of requests."""


class Pieces:
    """Makes them. `servers` are the ports of the backends, by their names."""

    def __init__(self, chance: random.Random, servers: dict[str, int]) -> None:
        self.chance = chance
        self._servers = servers
        self._number = 0

    def name(self, what: str) -> str:
        """A name that nothing had before."""
        self._number += 1
        return f"{what}{self._number}"

    # Routes

    def route(self, objects: Objects, namespace: str, name: str = "", hosts: Sequence[str] | None = None) -> Doc:
        """A route of any kind but for calls."""
        return route(
            f"{namespace}/{name or self.name('r')}",
            *self.rules(objects, namespace),
            parents=self._parents(),
            hosts=self.hostnames() if hosts is None else hosts,
            created=self.chance.choice(AGES),
        )

    def calls(self, objects: Objects, namespace: str, name: str = "") -> Doc:
        """A GRPCRoute."""
        matches = [{"method": self.chance.choice(({"service": "shop.A"}, {"service": "shop.A", "method": "Get"}))}]
        made = rule(*self.chance.choice((matches, [])), to=[self.ref(objects, namespace)])
        return route(
            f"{namespace}/{name or self.name('g')}",
            made,
            parents=["default/one"],
            hosts=self.chance.sample(CALLED, self.chance.choice((1, 1, 2))),
            kind="GRPCRoute",
            created=self.chance.choice(AGES),
        )

    def hostnames(self) -> list[str]:
        """Some, of the same kind or not; or none."""
        count = self.chance.choice((0, 1, 1, 1, 2, 3))
        return self.chance.sample((*EXACT, *WILD), count)

    def rules(self, objects: Objects, namespace: str) -> list[Doc]:
        """Some rules; the first may have a name, so that a policy may be for it."""
        found = [self.rule(objects, namespace) for _ in range(self.chance.choice((1, 1, 2, 3)))]
        if self.chance.random() < 0.2:
            found[0]["name"] = "named"
        return found

    def rule(self, objects: Objects, namespace: str) -> Doc:
        """A rule: a redirect, or one with backends."""
        chance = self.chance
        found = [self.match() for _ in range(chance.choice((0, 1, 1, 1, 2)))]
        if chance.random() < 0.1:
            to = {"replaceFullPath": f"/{self.name('to')}", "type": "ReplaceFullPath"}
            moved = use("RequestRedirect", scheme="http", hostname="to.test", port=8123, path=to, statusCode=302)
            return rule(*found, filters=[moved])
        return rule(*found, to=self.refs(objects, namespace), filters=self._filters())

    def match(self) -> Doc:
        """A match."""
        chance = self.chance
        kind = chance.choice((prefix, prefix, exact, regex))
        made = kind(chance.choice(REGEXES if kind is regex else PATHS))
        if chance.random() < 0.15:
            made["method"] = "POST"
        if chance.random() < 0.15:
            made["headers"] = values(x_a="1")
        if chance.random() < 0.1:
            made["queryParams"] = values(q="1")
        return made

    def refs(self, objects: Objects, namespace: str) -> list[Doc]:
        """Backends, of which some may not be there."""
        count = self.chance.choice((1, 1, 1, 2))
        return [self.ref(objects, namespace, self.chance.choice((None, 1, 9, 0))) for _ in range(count)]

    def ref(self, objects: Objects, namespace: str, weight: int | None = None) -> Doc:
        """A backend: nearly always one that there is, of the same namespace."""
        chance = self.chance
        where = chance.choice(NAMESPACES) if chance.random() < 0.2 else namespace
        there = [key.name for key, _ in objects.of("Service") if key.namespace == where and key.name != _SHADE]
        name = chance.choice(sorted(there) or SERVICES) if chance.random() < 0.95 else "nowhere"
        return backend(f"{where}/{name}", weight or None, port=chance.choice((80, 80, 80, 81)))

    def _filters(self) -> list[Doc]:
        chance = self.chance
        made = []
        if chance.random() < 0.5:
            made.append(use("RequestHeaderModifier", set=[{"name": "x-tag", "value": self.name("t")}]))
        if chance.random() < 0.2:
            made.append(use("ResponseHeaderModifier", set=[{"name": "x-rule", "value": self.name("p")}]))
        if chance.random() < 0.1:
            path = {"type": "ReplaceFullPath", "replaceFullPath": f"/{self.name('at')}"}
            made.append(use("URLRewrite", **chance.choice(({"path": path}, {"hostname": "inner.test"}))))
        if chance.random() < 0.1:
            made.append(use("RequestMirror", backendRef=backend(_SHADE)))
        return made

    def _parents(self) -> list[str | Doc]:
        chance = self.chance
        every: list[str | Doc] = ["default/one", "default/one", "default/one", "default/two"]
        every.append({"kind": "ListenerSet", "group": "gateway.networking.k8s.io", "name": "set", "namespace": "red"})
        every.append({"kind": "ListenerSet", "group": "gateway.networking.k8s.io", "name": "set", "namespace": "blue"})
        every.append({"name": "one", "namespace": "default", "sectionName": chance.choice(("http", "wild", "exact"))})
        found = [chance.choice(every)]
        if chance.random() < 0.2:
            found += [one for one in ("default/two", "default/one") if one not in found][:1]
        return found

    # Services

    def service(self, objects: Objects, key: Key, *, ports: Sequence[int] = (80, 81)) -> list[Doc]:
        """A Service with these ports, and other endpoints than it had."""
        named = {80: "main", 81: "side"}
        spec = {"ports": [{"name": named[one], "port": one, "appProtocol": "http"} for one in ports]}
        meta = {"name": key.name, "namespace": key.namespace}
        return [{"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}, *self.slices(key)]

    def slices(self, key: Key, count: int | None = None) -> list[Doc]:
        """Two EndpointSlices, of which one or both may be empty."""
        chance = self.chance
        some = chance.choice((1, 1, 1, 2, 2, 2, 0)) if count is None else count
        return [self._slice(key, at, empty=at >= some) for at in range(2)]

    def _slice(self, key: Key, at: int, *, empty: bool) -> Doc:
        main, side = self.chance.sample(sorted(self._servers), 2)
        labels = {"kubernetes.io/service-name": key.name, "main": main, "side": side}
        ports = [{"name": "main", "port": self._servers[main]}, {"name": "side", "port": self._servers[side]}]
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": f"{key.name}-{at}", "namespace": key.namespace, "labels": labels},
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": [] if empty else [{"addresses": ["127.0.0.1"]}],
        }

    def slow(self, key: Key) -> list[Doc]:
        """An Upstream that is long in being ready: its host is asked for its health."""
        name = self.chance.choice(sorted(self._servers))
        path = f"{SLOWLY}{self.chance.choice((0.01, 0.1, 0.3))}"
        check = {"timeout": "30s", "interval": "60s", "unhealthyThreshold": 1, "healthyThreshold": 1}
        made = upstream(
            f"{key.namespace}/{key.name}",
            static=hosts(self._servers[name]),
            healthChecks=[{**check, "httpHealthCheck": {"path": path}}],
        )
        made["metadata"]["labels"] = {"main": name}
        return [made]

    def shade(self, namespace: str) -> list[Doc]:
        """The Service that gets copies."""
        key = Key("Service", namespace, _SHADE)
        return [*self.service(Objects({}), key)[:1], *self.slices(key, 2)]

    # Policies

    def guard(self, target: Key, section: str = "") -> Doc:
        """An AuthPolicy: who may come in."""
        key, token = by_key(self.chance.choice(TEAMS)), by_token(self.chance.choice(TEAMS))
        return _policy("AuthPolicy", target, section, self.chance.choice((key, token, token, key | token)))

    def limit(self, target: Key, section: str = "") -> Doc:
        """A RateLimitPolicy; for more than a route it only limits requests with a header, for others are to be seen."""
        some, every = limit(FEW, "x-a"), limit(FEW) if target.kind in ROUTES else limit(MANY)
        return _policy("RateLimitPolicy", target, section, self.chance.choice((some, every, limit(MANY))))

    def option(self, target: Key) -> Doc:
        """Headers for the responses of a route, or of a Gateway's hosts."""
        kind, header = ("RouteOption", "x-route") if target.kind != "Gateway" else ("VirtualHostOption", "x-host")
        added = [{"header": {"key": header, "value": self.name("o")}, "append": False}]
        ref = {"group": "gateway.networking.k8s.io", "kind": target.kind, "name": target.name}
        return {
            "apiVersion": "gateway.solo.io/v1",
            "kind": kind,
            "metadata": {"name": f"{target.kind.lower()}-{target.name}", "namespace": target.namespace},
            "spec": {
                "targetRefs": [ref],
                "options": {"headerManipulation": {"responseHeadersToAdd": added}},
            },
        }


def _policy(kind: str, target: Key, section: str, spec: Doc) -> Doc:
    ref = {"kind": target.kind, "name": target.name} | ({"sectionName": section} if section else {})
    meta = {"name": f"{target.kind.lower()}-{target.name}{section}", "namespace": target.namespace}
    return {
        "apiVersion": "daemun.dev/v1alpha1",
        "kind": kind,
        "metadata": meta,
        "spec": {"targetRefs": [ref], **spec},
    }
