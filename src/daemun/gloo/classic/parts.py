"""The parts of classic Gateways: its only one, or those of a hybridGateway, each for the connections that match it."""

from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any, NamedTuple, TypeVar

import msgspec

from daemun.api.gloo import gateway as api
from daemun.api.gloo.common import CidrRange, ResourceRef, Selector
from daemun.api.gloo.options import HttpListenerOptions, ListenerOptions
from daemun.api.gloo.ssl import SslConfig
from daemun.api.meta import Resource
from daemun.base.addresses import is_ip
from daemun.base.names import GLOO_GATEWAY, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import place
from daemun.gloo.classic.gateways import Door
from daemun.gloo.classic.labels import in_namespaces, selects
from daemun.gloo.classic.report import Problems, Report
from daemun.gloo.classic.tls import Certificate, Secrets, ended
from daemun.gloo.settings.scope import Scope, Scopes, scope_of
from daemun.ir.listener import FrontendKey

_HYBRID = "spec.hybridGateway"
_HTTP, _TCP = "MatchableHttpGateway", "MatchableTcpGateway"
T = TypeVar("T", bound=msgspec.Struct)


class Section(NamedTuple):
    """A part of a Gateway; `part` is empty for the only one."""

    gateway: Name
    part: str = ""

    @property
    def listener(self) -> str:
        """The name of its listeners."""
        return f"{self.gateway.name}/{self.part}" if self.part else self.gateway.name

    def __str__(self) -> str:
        return f"{self.gateway}/{self.part}" if self.part else str(self.gateway)


class Part(msgspec.Struct, frozen=True, gc=False):
    """A part of a Gateway: what is served there, and of whom. `by` says so, at `where`.

    One that is `hybrid` takes the connections from `sources`, and with `ssl` those that begin with TLS: it may have a
    `certificate` of its own, which then answers the handshakes for its `names`.
    """

    gateway: Ref
    by: Ref
    where: str
    age: tuple[str, str, str]
    port: int
    addresses: tuple[str, ...]
    frontends: tuple[FrontendKey, ...]
    ssl: bool = False
    http: api.HttpGateway | None = None
    tcp: api.TcpGateway | None = None
    hybrid: bool = False
    certificate: Certificate | None = None
    names: tuple[str, ...] = ()
    sources: tuple[tuple[str, int], ...] = ()
    refused: str = ""
    options: ListenerOptions | None = None
    proxied: bool = False
    problems: Problems = ()


Parts = Collection[Section, Part]


class Inputs(NamedTuple):
    """What the parts of hybridGateways are put together from."""

    http: Collection[Name, api.MatchableHttpGateway]
    tcp: Collection[Name, api.MatchableTcpGateway]
    secrets: Secrets
    scopes: Scopes


class Draft(NamedTuple):
    """A part as somebody wrote it."""

    by: Ref
    where: str
    ssl: SslConfig | None
    sources: tuple[CidrRange, ...]
    http: api.HttpGateway | None
    tcp: api.TcpGateway | None


def part_rule(of: Inputs) -> Callable[[Reader, Name, Door], Iterator[tuple[Section, Part]]]:
    """The rule from a Gateway to its parts."""

    def parts(reader: Reader, name: Name, door: Door) -> Iterator[tuple[Section, Part]]:
        spec = door.spec
        whole = Part(
            gateway=door.ref,
            by=door.ref,
            where="spec",
            age=door.age,
            port=door.port,
            addresses=door.addresses,
            frontends=door.frontends,
            ssl=spec.ssl,
            http=spec.http_gateway,
            tcp=spec.tcp_gateway,
            refused=str(door.refused[0]) if door.refused else "",
            options=spec.options,
            proxied=bool(spec.use_proxy_proto),
        )
        scope, report = scope_of(reader, of.scopes), Report()
        for field in _unserved(spec):
            report.warning(door.ref, "NotServed", f"spec.routeOptions.{field}", "is not served: it has no effect")
        if spec.hybrid_gateway is None:
            yield Section(name), msgspec.structs.replace(whole, problems=report.problems)
            return
        found = list(drafts(reader, of, scope, door, spec.hybrid_gateway, report))
        if not found:
            refused = report.error(door.ref, "Invalid", _HYBRID, "it has no parts", "Write matchedGateways.")
            refused = whole.refused or refused
            yield Section(name), msgspec.structs.replace(whole, refused=refused, problems=report.problems)
        taken: set[tuple[object, ...]] = set()
        for index, draft in enumerate(found):
            mine = Report()
            part = _matched(reader, of, scope, draft, mine)
            wanted = {(*one, source) for one in _told_apart(draft, part) for source in part["sources"] or ("",)}
            # Of a tcpGateway each host is told by itself, where all others are known that take connections.
            if part["tcp"] is None and wanted & taken:
                text = "another part before it takes the same connections"
                part["refused"] = mine.error(draft.by, "Conflict", draft.where, text, "Give it another matcher.")
            taken |= wanted
            keys = tuple(key._replace(section=str(index)) for key in door.frontends)
            first = report.problems if index == 0 else ()
            yield (
                Section(name, str(index)),
                msgspec.structs.replace(whole, frontends=keys, problems=(*first, *mine.problems), **part),
            )

    return parts


def _told_apart(draft: Draft, part: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """The connections that a part is for: whether they begin with TLS, and for which server names, empty for any."""
    whole = [(part["ssl"], name) for name in part["names"] or ("",)]
    for host in draft.tcp.tcp_hosts if draft.tcp is not None else ():
        if host.ssl_config is not None:
            yield from ((True, name) for name in server_names(host.ssl_config) or ("",))
        else:
            yield from whole
    if draft.tcp is None:
        yield from whole


def _unserved(spec: api.GatewaySpec) -> Iterator[str]:
    """What is asked for of all routes of a Gateway, and not done."""
    said = spec.route_options
    if said is not None and said.max_direct_response_body_size_bytes is not None:
        yield "maxDirectResponseBodySizeBytes"
    if said is not None and said.most_specific_header_mutations_wins is not None:
        yield "mostSpecificHeaderMutationsWins"


def drafts(
    reader: Reader, of: Inputs, scope: Scope, door: Door, hybrid: api.HybridGateway, report: Report
) -> Iterator[Draft]:
    """The parts of a hybridGateway as they are written, those of others that it delegates to included."""
    for index, one in enumerate(hybrid.matched_gateways):
        where = place(f"{_HYBRID}.matchedGateways", index)
        matcher = one.matcher or api.GatewayMatcher()
        if matcher.passthrough_cipher_suites:
            at = f"{where}.matcher.passthroughCipherSuites"
            report.error(door.ref, "NotServed", at, "stock Envoy does not tell connections apart by ciphers")
            continue
        yield Draft(
            door.ref, where, matcher.ssl_config, matcher.source_prefix_ranges, one.http_gateway, one.tcp_gateway
        )
    http, tcp = hybrid.delegated_http_gateways, hybrid.delegated_tcp_gateways
    if http is not None:
        where = f"{_HYBRID}.delegatedHttpGateways"
        for name, child in _selected(reader, _HTTP, of.http, scope, door, where, http.ref, http.selector, report):
            by = Ref(GLOO_GATEWAY, _HTTP, *name)
            matcher_ = child.spec.matcher or api.HttpGatewayMatcher()
            yield Draft(
                by,
                "spec",
                _over(matcher_.ssl_config, http.ssl_config, second_wins=http.prevent_child_overrides),
                matcher_.source_prefix_ranges,
                _with_settings(child.spec.http_gateway, http),
                None,
            )
    if tcp is not None:
        where = f"{_HYBRID}.delegatedTcpGateways"
        for name, one_ in _selected(reader, _TCP, of.tcp, scope, door, where, tcp.ref, tcp.selector, report):
            by = Ref(GLOO_GATEWAY, _TCP, *name)
            asked = one_.spec.matcher or api.GatewayMatcher()
            yield Draft(by, "spec", asked.ssl_config, asked.source_prefix_ranges, None, one_.spec.tcp_gateway)


R = TypeVar("R", bound=Resource)


def _selected(
    reader: Reader,
    kind: str,
    written: Collection[Name, R],
    scope: Scope,
    door: Door,
    where: str,
    ref: ResourceRef | None,
    selector: Selector | None,
    report: Report,
) -> Iterator[tuple[Name, R]]:
    """The matchable gateways that are delegated to, by name or in the order of their names."""
    if ref is not None:
        name = Name(ref.namespace or door.ref.namespace, ref.name)
        found = reader.get(written, name)
        if found is None:
            report.absent(door.ref, "GatewayNotFound", f"{where}.ref", Ref(GLOO_GATEWAY, kind, *name))
        else:
            yield name, found
        return
    wanted = selector or Selector()
    for name, one in sorted(reader.all(written).items()):
        here = in_namespaces(name.namespace, wanted.namespaces, door.ref.namespace) and scope.watches(name.namespace)
        if here and selects(one.metadata.labels, wanted.labels, wanted.expressions):
            yield name, one


def _matched(reader: Reader, of: Inputs, scope: Scope, draft: Draft, report: Report) -> dict[str, Any]:
    """What is said of a part besides the Gateway's own."""
    certificate = None
    ssl = draft.ssl
    refused = ""
    at = f"{draft.where}.matcher.sslConfig"
    if ssl is not None and (ssl.secret_ref or ssl.ssl_files or ssl.sds):
        found = ended(reader, of.secrets, scope, draft.by.namespace, at, ssl)
        report.findings(draft.by, found.faults)
        report.findings(draft.by, found.notes, warning=True)
        certificate = found.certificate
        refused = str(found.faults[0]) if found.faults else ""
    if draft.http is None and draft.tcp is None:
        refused = report.error(draft.by, "Invalid", draft.where, "it is no httpGateway or tcpGateway", "Make it one.")
    for one in draft.sources:
        if not is_range(one):
            text = f"{one.address_prefix}/{_length(one)} is not a range of addresses"
            refused = report.error(draft.by, "Invalid", f"{draft.where}.matcher.sourcePrefixRanges", text)
    said: dict[str, Any] = {} if not refused else {"refused": refused}
    return said | {
        "by": draft.by,
        "where": draft.where,
        "ssl": ssl is not None,
        "http": draft.http,
        "tcp": draft.tcp,
        "hybrid": True,
        "certificate": certificate,
        "names": server_names(ssl),
        # However a range is written, Envoy takes it once.
        "sources": tuple(dict.fromkeys(map(_range, filter(is_range, draft.sources)))),
    }


def server_names(ssl: SslConfig | None) -> tuple[str, ...]:
    """The server names of handshakes that somebody answers, each once; empty for any."""
    return tuple(dict.fromkeys("" if one == "*" else one.lower() for one in ssl.sni_domains)) if ssl else ()


def is_range(one: CidrRange) -> bool:
    """Whether this is a range of addresses at all."""
    return is_ip(one.address_prefix) and 0 <= _length(one) <= (128 if ":" in one.address_prefix else 32)


def _range(one: CidrRange) -> tuple[str, int]:
    """The first address of a range, and how many bits all of its addresses begin with."""
    length = _length(one)
    return str(ip_network(f"{one.address_prefix}/{length}", strict=False).network_address), length


def _length(one: CidrRange) -> int:
    """The length of a prefix, where it is not said that of one address."""
    return (128 if ":" in one.address_prefix else 32) if one.prefix_len is None else one.prefix_len


def _with_settings(http: api.HttpGateway | None, parent: api.DelegatedHttpGateway) -> api.HttpGateway | None:
    """The gateway with the connection manager's settings of the one that delegates to it."""
    settings = parent.http_connection_manager_settings
    if http is None or settings is None:
        return http
    options = http.options or HttpListenerOptions()
    mine = options.http_connection_manager_settings
    both = _over(mine, settings, second_wins=parent.prevent_child_overrides)
    options = msgspec.structs.replace(options, http_connection_manager_settings=both)
    return msgspec.structs.replace(http, options=options)


def _over(first: T | None, second: T | None, *, second_wins: bool) -> T | None:
    """The fields of one, and where it says nothing those of the other."""
    if first is None or second is None:
        return first or second
    if second_wins:
        first, second = second, first
    said = {name: getattr(first, name) for name in first.__struct_fields__}
    return msgspec.structs.replace(second, **{name: one for name, one in said.items() if one not in (None, (), "", {})})


class Entrance(msgspec.Struct, frozen=True, gc=False):
    """Where a Gateway takes requests, and which VirtualServices answer them: all that these need to know of it.

    With `refused`, which says why, it takes none. It may have a certificate of its `own`.
    """

    gateway: Ref
    port: int
    frontends: tuple[FrontendKey, ...]
    ssl: bool
    selection: api.HttpGateway
    refused: str = ""
    own: bool = False

    def selects(self, name: Name, labels: Mapping[str, str], *, ssl: bool, scope: Scope) -> bool:
        """Whether a VirtualService belongs here. Expressions count before labels, these before names (HttpGateway)."""
        if ssl != self.ssl or not scope.watches(name.namespace):
            return False
        wanted = self.selection
        here = in_namespaces(name.namespace, wanted.virtual_service_namespaces, "*")
        if wanted.virtual_service_expressions is not None:
            return here and selects(labels, {}, wanted.virtual_service_expressions.expressions)
        if wanted.virtual_service_selector:
            return here and selects(labels, wanted.virtual_service_selector, ())
        if wanted.virtual_services:
            return any(name == Name(one.namespace, one.name) for one in wanted.virtual_services)
        return here


def entrance_rule(_: Reader, key: Section, part: Part) -> Iterator[tuple[Section, Entrance]]:
    """From a part to where it takes requests."""
    if part.http is not None:
        http = msgspec.structs.replace(part.http, options=None)
        own = part.certificate is not None
        yield key, Entrance(part.gateway, part.port, part.frontends, part.ssl, http, part.refused, own)


Entrances = Collection[Section, Entrance]


def gateway_of(key: Section, _: Part) -> Iterator[Name]:
    """The Gateway of a part; for an index."""
    yield key.gateway
