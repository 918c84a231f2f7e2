"""What a request is answered: who may come in, what rules and policies do, and which backends there are."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple

from support.fuzz.credentials import is_counted, lets_in
from support.fuzz.hosts import Hosts, Listener
from support.fuzz.objects import Key, Objects
from support.fuzz.routing import Request, Taken, taken
from support.objects.documents import Doc


class Answer(NamedTuple):
    """What a client sees. `seen` is what the backend saw: path, host and tag; `said` the headers of the response."""

    status: int
    backend: str = ""
    seen: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


REFUSED = Answer(401)
LIMITED = Answer(429)
NOTHING = Answer(404)
BROKEN = Answer(500)
EMPTY = UNAVAILABLE = Answer(503)
NOT_LISTENING = Answer(0)
SAID = ("x-rule", "x-route", "x-host")
"""Headers of responses by which we know who has answered."""


class Outcomes:
    """The answers at one moment."""

    def __init__(self, objects: Objects, away: frozenset[Key] = frozenset()) -> None:
        self._objects = objects
        self._away = away
        self._known: dict[Request, frozenset[Answer]] = {}

    @cached_property
    def hosts(self) -> Hosts:
        """Listeners and what is attached to them."""
        return Hosts(self._objects, self._away)

    def of(self, request: Request) -> frozenset[Answer]:
        """All that a request may be answered: weights leave a choice."""
        found = self._known.get(request)
        if found is None:
            found = self._known[request] = frozenset(self._of(request))
        return found

    def lasting(self, request: Request) -> frozenset[Answer]:
        """What is answered in the end, when asked again and again: what is limited is too much soon."""
        found = self.of(request)
        return frozenset([LIMITED]) if LIMITED in found and NOTHING not in found else found

    def _of(self, request: Request) -> Iterable[Answer]:
        listener = self.hosts.listener(request.port, request.host)
        if listener is None:
            return [NOT_LISTENING if request.tls or request.port not in self.hosts.ports else NOTHING]
        rule, headers = taken(self.hosts, listener, request), dict(request.headers)
        limited = [LIMITED] if is_counted(self._policy("RateLimitPolicy", listener, rule), headers) else []
        is_in = lets_in(self._policy("AuthPolicy", listener, rule), headers)
        if rule is None:
            # Whether it is said first who may come in or what there is, is left to us.
            return [NOTHING, *limited, *([] if is_in else [REFUSED])]
        return [*limited, *(self._answers(listener, rule, request) if is_in else [REFUSED])]

    # Who may come in, and how often

    def _policy(self, kind: str, listener: Listener, rule: Taken | None) -> Doc | None:
        """The policy of the most specific target counts as a whole."""
        gateway, parent = listener.gateway, listener.parent
        wanted = [] if rule is None else [(rule.key, rule.rule.get("name", "-")), (rule.key, "")]
        wanted += [(parent, listener.name), (parent, ""), (gateway, "")]
        return next((self._policies[kind, *one] for one in wanted if (kind, *one) in self._policies), None)

    @cached_property
    def _policies(self) -> dict[tuple[str, Key, str], Doc]:
        found = {}
        for key, policy in self._objects.of("AuthPolicy", "RateLimitPolicy"):
            for target in policy["spec"]["targetRefs"]:
                target_key = Key(target["kind"], key.namespace, target["name"])
                found[key.kind, target_key, target.get("sectionName", "")] = policy
        return found

    # What is done

    def _answers(self, listener: Listener, rule: Taken, request: Request) -> Iterable[Answer]:
        option = self._option("RouteOption", rule.key)
        filters = {one["type"]: one for one in rule.rule.get("filters", ())}
        if "RequestRedirect" in filters:
            to = filters["RequestRedirect"]["requestRedirect"]
            location = f"{to['scheme']}://{to['hostname']}:{to['port']}{to['path']['replaceFullPath']}"
            return [Answer(to["statusCode"], seen=(location + (f"?{request.query}" if request.query else ""),))]
        host, path = request.written.lower() or request.host, request.path
        if "URLRewrite" in filters:
            rewrite = filters["URLRewrite"]["urlRewrite"]
            host = rewrite.get("hostname", host)
            if "path" in rewrite:
                path = rewrite["path"]["replaceFullPath"]
        # A RouteOption's headers are in place of the route's own (docs/gloo/policies.md).
        tag = "" if option else _value(filters, "RequestHeaderModifier")
        said = (
            "" if option else _value(filters, "ResponseHeaderModifier"),
            option,
            self._option("VirtualHostOption", listener.gateway),
        )
        seen = (f"{path}?{request.query}" if request.query else path, host, tag)
        calls = rule.key.kind == "GRPCRoute"
        return [
            Answer(200, one, seen, said) if isinstance(one, str) else UNAVAILABLE if calls else one
            for one in self._backends(rule)
        ]

    def _option(self, kind: str, target: Key) -> str:
        return self._options.get((kind, target), "")

    @cached_property
    def _options(self) -> dict[tuple[str, Key], str]:
        found = {}
        for key, option in self._objects.of("RouteOption", "VirtualHostOption"):
            for target in option["spec"]["targetRefs"]:
                added = option["spec"]["options"]["headerManipulation"]["responseHeadersToAdd"]
                found[key.kind, Key(target["kind"], key.namespace, target["name"])] = added[0]["header"]["value"]
        return found

    def _backends(self, rule: Taken) -> set[str | Answer]:
        """The names of those that may answer, or what is answered in their place."""
        refs = [ref for ref in rule.rule.get("backendRefs", ()) if ref.get("weight", 1) > 0]
        found: set[str | Answer] = set() if refs else {BROKEN}
        for ref in refs:
            found |= self._endpoints(rule.key, ref)
        return found

    def _endpoints(self, route: Key, ref: Doc) -> set[str | Answer]:
        namespace, name = ref.get("namespace", route.namespace), ref["name"]
        if ref.get("kind") == "Upstream":
            upstream = self._objects.get("Upstream", namespace, name)
            return {upstream["metadata"]["labels"]["main"] if upstream else BROKEN}
        service = self._objects.get("Service", namespace, name)
        ports: list[Doc] = service["spec"]["ports"] if service else []
        port = next((one for one in ports if one["port"] == ref["port"]), None)
        if port is None or not (namespace == route.namespace or self._granted(route, namespace, name)):
            return {BROKEN}
        found: set[str | Answer] = set()
        for one in self._objects.slices.get((namespace, name), ()):
            if one["endpoints"] and any(each["name"] == port["name"] for each in one["ports"]):
                found.add(one["metadata"]["labels"][port["name"]])
        return found or {EMPTY}

    def _granted(self, route: Key, namespace: str, name: str) -> bool:
        """Whether a Service of a namespace may be used by a route (ReferenceGrant)."""
        return any(
            key.namespace == namespace
            and any((one["kind"], one["namespace"]) == (route.kind, route.namespace) for one in grant["spec"]["from"])
            and any(one.get("name", name) == name for one in grant["spec"]["to"])
            for key, grant in self._objects.of("ReferenceGrant")
        )


def _value(filters: dict[str, Doc], kind: str) -> str:
    spec: Any = filters.get(kind)
    return spec[kind[0].lower() + kind[1:]]["set"][0]["value"] if spec else ""
