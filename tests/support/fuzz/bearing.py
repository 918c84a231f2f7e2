"""Which objects may have to do with a request at all: what is told apart costs a history twice as much for each."""

from collections.abc import Iterable
from typing import Any

from support.fuzz.hosts import ROUTES, fits
from support.fuzz.objects import Key
from support.fuzz.routing import Request, matches
from support.objects.documents import Doc


def concerns(key: Key, document: Doc, request: Request) -> bool:
    """Whether an object may have to do with a request, by its host."""
    hostnames = document["spec"].get("hostnames") if key.kind in ROUTES else None
    return not hostnames or any(fits(one, request.host) for one in hostnames)


def takes(key: Key, document: Doc, request: Request) -> bool:
    """Whether an object is a route with a match for a request, or no route."""
    if key.kind not in ROUTES:
        return True
    every = (match for rule in document["spec"]["rules"] for match in rule.get("matches") or [{}])
    return any(matches(key.kind, match, request) for match in every)


class Bearing:
    """What bears on a request, if these are the routes that there may be: what they need, and what is for them."""

    def __init__(self, request: Request, routes: Iterable[tuple[Key, Doc]]) -> None:
        self._request = request
        self._targets: set[tuple[str, str, str]] = set()
        self._backends: set[tuple[str, str]] = set()
        for key, route in routes:
            if concerns(key, route, request) and takes(key, route, request):
                self._targets.add(key)
                for rule in route["spec"]["rules"]:
                    for ref in rule.get("backendRefs", ()):
                        self._backends.add((ref.get("namespace", key.namespace), ref["name"]))

    def bears(self, key: Key, document: Doc) -> bool:
        """Whether this does."""
        match key.kind:
            case "Service" | "Upstream":
                return key[1:] in self._backends
            case "EndpointSlice":
                return (key.namespace, document["metadata"]["labels"]["kubernetes.io/service-name"]) in self._backends
            case "ReferenceGrant":
                return any(key.namespace == namespace for namespace, _ in self._backends)
            case "Secret":
                return False
            case "Gateway" | "ListenerSet" | "Namespace":
                return True
        if key.kind in ROUTES:
            # A GRPCRoute may keep out an HTTPRoute that has many hosts.
            return key.kind == "GRPCRoute" or concerns(key, document, self._request)
        return any(self._is_target(key, one) for one in document["spec"]["targetRefs"])

    def _is_target(self, policy: Key, ref: dict[str, Any]) -> bool:
        return ref["kind"] not in ROUTES or (ref["kind"], policy.namespace, ref["name"]) in self._targets
