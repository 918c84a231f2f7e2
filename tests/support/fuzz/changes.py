"""Random changes of a world. Which ones follow on each other depends on the seed alone."""

import copy
import random
from collections.abc import Callable, Sequence

from support.fuzz import settings
from support.fuzz.objects import Change, Key, Objects, change_of
from support.fuzz.pieces import Pieces
from support.fuzz.settings import NEVER
from support.objects.documents import Doc, exact, grant, prefix, route, rule

ROUTES = 24
"""So many routes there are about, without those that make a crowd."""
CROWDED = "x.test"
"""The host that gets crowded."""


class Changes:
    """What may change; `wildcards` and `routes` are the bounds about which ports and hosts get crowded."""

    def __init__(self, seed: int, servers: dict[str, int], ports: settings.Ports, wildcards: int, routes: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same each time
        self._pieces = Pieces(self.chance, servers)
        self._ports = ports
        self._bounds = {"wildcards": wildcards, "routes": routes}

    def beginning(self) -> Objects:
        """What there is before the first change."""
        objects = settings.beginning(self._ports)
        for namespace in settings.NAMESPACES:
            objects = objects.after(change_of(self._pieces.shade(namespace)))
            for name in settings.SERVICES:
                objects = objects.after(change_of(self._pieces.service(objects, Key("Service", namespace, name))))
            for _ in range(5):
                objects = objects.after(change_of(self._pieces.route(objects, namespace)))
        return objects

    def next(self, objects: Objects) -> tuple[str, Change]:
        """A random change: its name, and what it does."""
        every: dict[Callable[[Objects], Change], int] = {
            self._rules: 14,
            self._hostnames: 10,
            self._come_or_go: 12,
            self._replaced: 8,
            self._swapped: 5,
            self._endpoints: 12,
            self._new_backend: 12,
            self._service_ports: 3,
            self._service_goes: 3,
            self._grant: 4,
            self._guard: 9,
            self._limit: 6,
            self._option: 8,
            self._gateway: 6,
            self._sets: 5,
            self._certificate: 2,
            self._labels: 2,
            self._calls: 4,
            self._many_wildcards: 5,
            self._many_hosts: 4,
            self._many_routes: 5,
            self._several: 8,
        }
        what = self.chance.choices(list(every), list(every.values()))[0]
        return what.__name__.strip("_"), what(objects)

    # Routes

    def _rules(self, objects: Objects) -> Change:
        key, one = self._any_route(objects)
        return change_of(self._with(one, rules=self._pieces.rules(objects, key.namespace)))

    def _hostnames(self, objects: Objects) -> Change:
        _, one = self._any_route(objects)
        return change_of(self._with(one, hostnames=self._pieces.hostnames()))

    def _come_or_go(self, objects: Objects) -> Change:
        every = self._routes(objects)
        if self.chance.random() * 2 * ROUTES > len(every):
            return change_of(self._pieces.route(objects, self._namespace()))
        return {self.chance.choice(every)[0]: None}

    def _replaced(self, objects: Objects) -> Change:
        """Another route has its hosts, and perhaps its rules."""
        key, one = self._any_route(objects)
        made = self._pieces.route(objects, key.namespace)
        made["spec"]["hostnames"] = one["spec"].get("hostnames", [])
        made["spec"]["parentRefs"] = one["spec"]["parentRefs"]
        if self.chance.random() < 0.5:
            for new, old in zip(made["spec"]["rules"], one["spec"]["rules"], strict=False):
                new["matches"] = old.get("matches", [])
        return change_of(made, gone=(key,))

    def _swapped(self, objects: Objects) -> Change:
        """Two routes have each other's hosts."""
        (_, one), (_, other) = self.chance.sample(self._routes(objects), 2)
        hosts = [each["spec"].get("hostnames", []) for each in (other, one)]
        return change_of(*(self._with(each, hostnames=of) for each, of in zip((one, other), hosts, strict=True)))

    def _calls(self, objects: Objects) -> Change:
        every = sorted(objects.of("GRPCRoute"), key=_first)
        if not every or (len(every) < 4 and self.chance.random() < 0.5):
            return change_of(self._pieces.calls(objects, self._namespace()))
        key, _ = self.chance.choice(every)
        if self.chance.random() < 0.3:
            return {key: None}
        return change_of(self._pieces.calls(objects, key.namespace, key.name))

    # Backends

    def _endpoints(self, objects: Objects) -> Change:
        return change_of(self._pieces.slices(self._any_service(objects)))

    def _new_backend(self, objects: Objects) -> Change:
        """A route moves to a backend that did not exist, and one that nobody uses any more is removed with it."""
        key, one = self._any_route(objects)
        made, ref = self._new(objects, key.namespace)
        moved = copy.deepcopy(one)
        if self.chance.random() < 0.3:
            moved["spec"]["hostnames"] = self._pieces.hostnames()
        chosen = self.chance.choice(moved["spec"]["rules"])
        if "backendRefs" in chosen:
            chosen["backendRefs"] = [ref]
        after = objects.after({**made, key: moved})
        used = {
            (ref.get("namespace", at.namespace), ref["name"])
            for at, each in after.of("HTTPRoute", "GRPCRoute")
            for each_rule in each["spec"]["rules"]
            for ref in each_rule.get("backendRefs", ())
        }
        news = (at for at, _ in objects.of("Service", "Upstream") if at.name.startswith("n"))
        unused = [at for at in news if at[1:] not in used]
        gone = {at: None for service_key in sorted(unused)[:2] for at in _all_of(service_key)}
        return {**gone, **made, key: moved}

    def _new(self, objects: Objects, namespace: str) -> tuple[Change, Doc]:
        """A backend that did not exist, and a reference to it."""
        name = self._pieces.name("n")
        if self.chance.random() < 0.5:
            made = change_of(self._pieces.slow(Key("Upstream", namespace, name)))
            return made, {"name": name, "group": "gloo.solo.io", "kind": "Upstream"}
        service = Key("Service", namespace, name)
        made = change_of(self._pieces.service(objects, service), self._pieces.slices(service, 1))
        return made, {"name": name, "port": 80}

    def _service_ports(self, objects: Objects) -> Change:
        key = self._any_service(objects)
        has_both = len(objects.every[key]["spec"]["ports"]) == 2
        return change_of(self._pieces.service(objects, key, ports=(80,) if has_both else (80, 81))[0])

    def _service_goes(self, objects: Objects) -> Change:
        namespace, name = self._namespace(), self.chance.choice(settings.SERVICES)
        key = Key("Service", namespace, name)
        if key in objects.every:
            return dict.fromkeys(_all_of(key))
        return change_of(self._pieces.service(objects, key))

    def _grant(self, objects: Objects) -> Change:
        from_, to = self.chance.sample(settings.NAMESPACES, 2)
        kind = self.chance.choice(("HTTPRoute", "HTTPRoute", "GRPCRoute"))
        made = grant(f"{to}/from-{from_}", kind, from_)
        if self.chance.random() < 0.3:
            made["spec"]["to"][0]["name"] = self.chance.choice(settings.SERVICES)
        return self._come_and_go(objects, made)

    # Policies

    def _guard(self, objects: Objects) -> Change:
        return self._come_and_go(objects, self._pieces.guard(*self._target(objects)))

    def _limit(self, objects: Objects) -> Change:
        return self._come_and_go(objects, self._pieces.limit(*self._target(objects)))

    def _target(self, objects: Objects) -> tuple[Key, str]:
        """What a policy may be for: a route or a rule, more seldom a listener, Gateway or ListenerSet."""
        kind = "GRPCRoute" if self.chance.random() < 0.1 else "HTTPRoute"
        key, one = self.chance.choice(self._routes(objects, kind) or self._routes(objects))
        named = any(each.get("name") for each in one["spec"]["rules"])
        above = [Key("Gateway", "default", "one"), *(at for at, _ in objects.of("ListenerSet"))]
        parent = self.chance.choice(above)
        listeners = [each["name"] for each in objects.every[parent]["spec"]["listeners"]]
        return self.chance.choice(
            ((key, ""), (key, "named" if named else ""), (parent, ""), (parent, self.chance.choice(listeners)))
        )

    def _option(self, objects: Objects) -> Change:
        key, _ = self._any_route(objects)
        target = self.chance.choice((key, key, Key("Gateway", "default", self.chance.choice(("one", "two")))))
        return self._come_and_go(objects, self._pieces.option(target))

    def _come_and_go(self, objects: Objects, made: Doc) -> Change:
        """It comes, or what is there changes or goes; one of somebody else goes when there are many."""
        (key,) = change_of(made)
        every = sorted(at for at, _ in objects.of(key.kind))
        if len(every) > 6:
            return {self.chance.choice(every): None}
        return {key: None if key in objects.every and self.chance.random() < 0.6 else made}

    # Gateways

    def _gateway(self, objects: Objects) -> Change:
        """Other listeners, or others may come to the widest one."""
        before = objects.every[Key("Gateway", "default", "one")]["spec"]
        every = settings.extra_listeners(self._ports)
        had = {one["name"] for one in before["listeners"]}
        from_ = before["listeners"][0]["allowedRoutes"]["namespaces"]
        sets = before["allowedListeners"]["namespaces"]["from"]
        match self.chance.choice(("listeners", "listeners", "from", "sets")):
            case "listeners":
                had ^= {self.chance.choice(every)["name"]}
            case "from":
                selector = {"matchLabels": {"tenant": "yes"}}
                from_ = self.chance.choice(({"from": "All"}, {"from": "All"}, {"from": "Same"}))
                if self.chance.random() < 0.3:
                    from_ = {"from": "Selector", "selector": selector}
            case _:
                sets = "Same" if sets == "All" else "All"
        more = [one for one in every if one["name"] in had]
        return change_of(settings.first_gateway(self._ports, more, from_, sets))

    def _sets(self, objects: Objects) -> Change:
        made = self.chance.choice(settings.sets(self._ports))
        (key,) = change_of(made)
        return {key: None if key in objects.every and self.chance.random() < 0.7 else made}

    def _certificate(self, _: Objects) -> Change:
        return change_of(settings.certificate(self.chance.choice((0, 1))))

    def _labels(self, objects: Objects) -> Change:
        name = self._namespace()
        had = objects.every[Key("Namespace", "", name)]["metadata"]["labels"]
        return change_of(settings.namespace(name, {} if had else {"tenant": "yes"}))

    # Crowds

    def _many_wildcards(self, objects: Objects) -> Change:
        return self._crowd(objects, "wildcards", lambda at: ([f"*.f{at}.test"], prefix("/")))

    def _many_hosts(self, objects: Objects) -> Change:
        return self._crowd(objects, "hosts", lambda at: ([f"e{at}.test"], prefix("/")))

    def _many_routes(self, objects: Objects) -> Change:
        kinds, places = (prefix, prefix, exact), ("a", "b", "a/b", "a/b/c/d", "d")
        return self._crowd(objects, "routes", lambda at: ([CROWDED], kinds[at % 3](f"/{places[at % 5]}/{at}")))

    def _crowd(self, objects: Objects, what: str, made: Callable[[int], tuple[list[str], Doc]]) -> Change:
        """So many of a kind come or go that there are some number, near a bound or nowhere near."""
        bound = self._bounds.get(what, self._bounds["wildcards"])
        had = [key for key, _ in objects.of("HTTPRoute") if key.name.startswith(f"{what}-")]
        wanted = self.chance.choice((0, bound - 3, bound, bound + 2, bound + 2, bound + bound // 4))
        known = {int(key.name.rpartition("-")[2]): key for key in had}
        if wanted < len(had):
            gone = self.chance.sample(sorted(had), len(had) - wanted)
            return dict.fromkeys(gone)
        free = [at for at in range(2 * bound + 4) if at not in known]
        parent = self.chance.choice(("default/one", "default/one", "default/two"))
        new = {one: self._new(objects, one) for one in settings.NAMESPACES if self.chance.random() < 0.4}
        change = {key: one for made_new, _ in new.values() for key, one in made_new.items()}
        for at in free[: wanted - len(had)]:
            namespace = settings.NAMESPACES[at % 2]
            hosts, match = made(at)
            is_new = namespace in new and self.chance.random() < 0.3
            to = rule(match, to=[new[namespace][1] if is_new else self._pieces.ref(objects, namespace)])
            one = route(f"{namespace}/{what}-{at}", to, parents=[parent], hosts=hosts, created=NEVER)
            change |= change_of(one)
        return change

    def _several(self, objects: Objects) -> Change:
        """Two or three changes at once."""
        found: dict[Key, Doc | None] = {}
        after = objects
        for _ in range(self.chance.choice((2, 2, 3))):
            _, change = self.next(after)
            found.update(change)
            after = after.after(change)
        return found

    # What there is

    def _namespace(self) -> str:
        return self.chance.choice(settings.NAMESPACES)

    def _any_service(self, objects: Objects) -> Key:
        return self.chance.choice(sorted(key for key, _ in objects.of("Service") if key.name != "shade"))

    def _any_route(self, objects: Objects) -> tuple[Key, Doc]:
        return self.chance.choice(self._routes(objects))

    def _routes(self, objects: Objects, kind: str = "HTTPRoute") -> list[tuple[Key, Doc]]:
        """The routes but for those of crowds."""
        every = sorted(objects.of(kind), key=_first)
        return [one for one in every if "-" not in one[0].name]

    def _with(self, document: Doc, **fields: object) -> Doc:
        changed = copy.deepcopy(document)
        changed["spec"] |= fields
        return changed


def _all_of(service: Key) -> Sequence[Key]:
    return (service, *(Key("EndpointSlice", service.namespace, f"{service.name}-{at}") for at in range(2)))


def _first(entry: tuple[Key, Doc]) -> Key:
    return entry[0]
