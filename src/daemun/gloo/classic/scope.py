"""What Settings say to classic mode: which objects count, and where what comes of them belongs."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.gloo.settings import Settings
from daemun.base.names import Name
from daemun.flow import Collection, Reader

NAMESPACE = "gloo-system"
"""The namespace that Gloo is installed in, as its documentation and all its examples have it."""
SETTINGS = Name(NAMESPACE, "default")
"""The Settings that count."""


class Scope(msgspec.Struct, frozen=True, gc=False):
    """`namespace` is where Gateways are read and proxies are; `watched` are the only namespaces that count, if any.

    With `everywhere` Gateways of all namespaces are read. With `isolated` a VirtualService answers only over
    connections of its own server names. `invalid`: the status for what a route cannot do, instead of an error, with
    `invalid_body` in the answer.
    `one_way`: where nothing else is said clients need no certificate, whatever the Secret holds. `lenient`: a
    certificate that is missing is no error. `by_path`: the routes of every RouteTable are sorted by their paths.
    """

    namespace: str = NAMESPACE
    watched: frozenset[str] = frozenset()
    everywhere: bool = False
    isolated: bool = False
    invalid: int = 0
    invalid_body: str = ""
    one_way: bool = False
    lenient: bool = False
    by_path: bool = False

    def watches(self, namespace: str) -> bool:
        """Whether objects of a namespace count."""
        return not self.watched or namespace in self.watched or namespace == self.namespace


LONGEST_BODY = 4096
DEFAULT = Scope()


def body_fits(text: str) -> bool:
    """Whether Envoy sends so long a text: of what it answers by itself, so many bytes."""
    return len(text.encode()) <= LONGEST_BODY


def scope_rule(_: Reader, name: Name, settings: Settings) -> Iterator[tuple[Name, Scope]]:
    """From the Settings that count to what they say; all others say nothing."""
    if name != SETTINGS:
        return
    spec = settings.spec
    gateway = spec.gateway
    policy = spec.gloo.invalid_config_policy if spec.gloo else None
    body = policy.invalid_route_response_body if policy else ""
    yield (
        name,
        Scope(
            namespace=spec.discovery_namespace or NAMESPACE,
            watched=frozenset(spec.watch_namespaces),
            everywhere=bool(gateway and gateway.read_gateways_from_all_namespaces),
            isolated=bool(gateway and gateway.isolate_virtual_hosts_by_ssl_config),
            one_way=bool(gateway and gateway.virtual_service_options and gateway.virtual_service_options.one_way_tls),
            lenient=bool(gateway and gateway.validation and gateway.validation.warn_missing_tls_secret),
            by_path=bool(gateway and gateway.always_sort_route_table_routes),
            invalid=(policy.invalid_route_response_code or 404) if policy and policy.replace_invalid_routes else 0,
            invalid_body=body if body_fits(body) else "",
        ),
    )


Scopes = Collection[Name, Scope]
AskScope = Callable[[Reader], Scope]


def scope_of(reader: Reader, scopes: Scopes) -> Scope:
    """What counts now."""
    return reader.get(scopes, SETTINGS) or DEFAULT
