"""Which Settings count, and what they say to classic mode: which objects count, and where what they make belongs."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.core import Namespace
from daemun.api.gloo.settings import Settings, SettingsSpec
from daemun.base.names import Name
from daemun.flow import Collection, Index, Reader

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
    `tells_hidden`: whoever writes a matcher that gets no requests is told.
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
    tells_hidden: bool = False

    def watches(self, namespace: str) -> bool:
        """Whether objects of a namespace count."""
        return not self.watched or namespace in self.watched or namespace == self.namespace


LONGEST_BODY = 4096
DEFAULT = Scope()


def body_fits(text: str) -> bool:
    """Whether Envoy sends so long a text: of what it answers by itself, so many bytes."""
    return len(text.encode()) <= LONGEST_BODY


def together(_: Name, __: Namespace) -> tuple[None]:
    """All namespaces, for an index: which of them are meant is asked of all at once."""
    return (None,)


def scope_rule(
    namespaces: Index[None, Name, Namespace],
) -> Callable[[Reader, Name, Settings], Iterator[tuple[Name, Scope]]]:
    """The rule from the Settings that count to what they say; all others say nothing."""

    def scope(reader: Reader, name: Name, settings: Settings) -> Iterator[tuple[Name, Scope]]:
        if name != SETTINGS:
            return
        spec = settings.spec
        watched = frozenset(spec.watch_namespaces)
        if not watched and spec.watch_namespace_selectors:
            labels = [(one.metadata.name, one.metadata.labels) for one in reader.find(namespaces, None)]
            chosen = {of for of, held in labels if any(one.selects(held) for one in spec.watch_namespace_selectors)}
            # Where Gloo is installed always counts: none at all would be every one of them.
            watched = frozenset({*chosen, spec.discovery_namespace or NAMESPACE})
        yield name, _said(spec, watched)

    return scope


def _said(spec: SettingsSpec, watched: frozenset[str]) -> Scope:
    gateway = spec.gateway
    policy = spec.gloo.invalid_config_policy if spec.gloo else None
    body = policy.invalid_route_response_body if policy else ""
    return Scope(
        namespace=spec.discovery_namespace or NAMESPACE,
        watched=watched,
        everywhere=bool(gateway and gateway.read_gateways_from_all_namespaces),
        isolated=bool(gateway and gateway.isolate_virtual_hosts_by_ssl_config),
        one_way=bool(gateway and gateway.virtual_service_options and gateway.virtual_service_options.one_way_tls),
        lenient=bool(gateway and gateway.validation and gateway.validation.warn_missing_tls_secret),
        by_path=bool(gateway and gateway.always_sort_route_table_routes),
        tells_hidden=bool(gateway and gateway.validation and gateway.validation.warn_route_short_circuiting),
        invalid=(policy.invalid_route_response_code or 404) if policy and policy.replace_invalid_routes else 0,
        invalid_body=body if body_fits(body) else "",
    )


Scopes = Collection[Name, Scope]


def scope_of(reader: Reader, scopes: Scopes) -> Scope:
    """What the Settings that count say now, or what is so without any."""
    return reader.get(scopes, SETTINGS) or DEFAULT
