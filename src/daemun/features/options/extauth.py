"""extauth: who is asked whether a request may pass (Gloo, ExtAuthExtension and extauth.Settings).

Each server has a filter in the listener, so that a route says no more than what the server is to be told of it, and a
change of Settings touches listeners only. A filter asks where a route or host has left a mark: switched on by it alone
it would also ask where a route says otherwise than its host, and for requests whose route is found late (`misses`).
What Envoy does itself is a whole filter, which hosts and routes bring.
"""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.common.mutation_rules.v3 import mutation_rules_pb2
from envoy.config.core.v3 import extension_pb2
from envoy.config.rbac.v3 import rbac_pb2 as rules_v3
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.common.matching.v3 import extension_matcher_pb2 as matching_v3
from envoy.extensions.filters.http.api_key_auth.v3 import api_key_auth_pb2 as keys_v3
from envoy.extensions.filters.http.basic_auth.v3 import basic_auth_pb2 as basic_v3
from envoy.extensions.filters.http.composite.v3 import composite_pb2 as composite_v3
from envoy.extensions.filters.http.ext_authz.v3 import ext_authz_pb2 as authz_v3
from envoy.extensions.filters.http.header_to_metadata.v3 import header_to_metadata_pb2 as metadata_v3
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as rbac_v3
from envoy.extensions.filters.http.set_metadata.v3 import set_metadata_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from envoy.extensions.http.early_header_mutation.header_mutation.v3 import header_mutation_pb2
from envoy.type.matcher.v3 import metadata_pb2
from google.protobuf import any_pb2
from google.protobuf.message import Message

from daemun.features.authz import again, by_name, over_grpc, over_http
from daemun.features.composite import always, composite, nothing
from daemun.features.drafts import Configured, Draft, HostDraft, ManagerDraft
from daemun.features.feature import Feature, Scene
from daemun.features.tokens import ASKED, TOKENS, USERS
from daemun.ir.auth import CONTEXT, USER
from daemun.ir.auth.asked import Asked, Chained, Elsewhere, Keys, Server, Servers, Users
from daemun.ir.route import Use

_PLACE = "daemun.extauth"
_OWN, _CUSTOM = "daemun.extauth/own", "daemun.extauth/custom"
_KNOWN = ASKED
"""The filter, and its namespace in the metadata of requests, that says which servers the port knows."""
_ASK = "ask"
_NOWHERE = "no-server"
"""A cluster that never exists: what is to ask a server that cannot be used is answered with an error."""
_ALWAYS_SENT = ("authorization",)
_ERROR, _AWAY = 500, 503
_USER_HEADER = "x-daemun-user"
"""In which Envoy's own filters say who the user is, whatever the client says in it, until it is metadata. It is taken
from the request then; elsewhere it means nothing."""


class ExtAuth(Feature[Asked | Servers]):
    """Envoy's ext_authz, or basic_auth and api_key_auth where they do all of what an AuthConfig says."""

    kind: ClassVar = "extauth"
    guards: ClassVar = True
    rare: ClassVar = "extauth"
    tells: ClassVar = True

    def moves(self, spec: Asked | Servers) -> bool:
        """Where one of the servers may have the route looked for again."""
        return isinstance(spec, Servers) and any(one.clear_route_cache for one in (spec.own, *spec.named.values()))

    def does(self, spec: Asked | Servers, use: Use, scene: Scene) -> str:
        """Who is asked."""
        del scene
        if isinstance(spec, Servers):
            return "says how servers of authorization are asked"
        match spec.by:
            case None:
                return "asks nobody whether the request may pass"
            case Users():
                return "asks for a name and a password, and answers 401 without"
            case Keys(header=header, query=query):
                place = " or ".join(filter(None, (header, query and f"the query's {query}")))
                return f"asks for an API key in {place}, and answers 401 without"
            case Chained(chain=chain):
                return f"asks Daemun's server whether AuthConfig {chain} lets the request pass"
            case Elsewhere():
                backend = use.backends[0] if use.backends else None
                return f"asks {backend.cluster if backend else 'a server'} whether the request may pass"

    def on_route(self, spec: Asked | Servers, use: Use, draft: Draft) -> None:
        """Who is asked, whatever the host says."""
        _put(spec, use, draft)

    def on_backend(self, spec: Asked | Servers, backend: route_v3.WeightedCluster.ClusterWeight) -> bool:
        """The same for a backend's share."""
        if isinstance(spec, Asked):
            for name, config in _asking(spec.by, heard=True):
                backend.typed_per_filter_config[name].Pack(config, deterministic=True)
        return True

    def on_host(self, spec: Asked | Servers, use: Use, draft: HostDraft) -> None:
        """Who is asked."""
        _put(spec, use, draft)

    def on_manager(self, spec: Asked | Servers, use: Use, draft: ManagerDraft) -> None:
        """The place of what hosts and routes want done, and after it the filters of servers, which look for its marks.

        Who a server says that the user is, nobody else may say.
        """
        del use
        if not isinstance(spec, Servers):
            return
        named = {_server(name): spec.named.get(name, Server(None)) for name in sorted({"", *spec.named})}
        filters = {_OWN: _filter(_OWN, spec.own, own=True)}
        filters |= {name: _filter(name, one, own=False) for name, one in named.items()}
        draft.switchable(self.kind, _KNOWN, _known(filters), self.rare)
        draft.switchable(self.kind, _PLACE, composite(_PLACE), self.rare)
        for name, config in filters.items():
            draft.switchable(self.kind, name, config, self.rare)
        headers = sorted({one.user_header for one in (spec.own, *spec.named.values()) if one.user_header})
        if headers:
            _remove(headers, draft.proto)


def _known_user() -> tuple[str, Message]:
    """What tells other filters who the user is, as Daemun's server does."""
    config = metadata_v3.Config()
    rule = config.request_rules.add(header=_USER_HEADER, remove=True)
    rule.on_header_present.metadata_namespace, rule.on_header_present.key = USERS, USER
    return "envoy.filters.http.header_to_metadata", config


_KNOWN_USER = _known_user()
"""It is a third of what an API key costs, so it is there just where something may read it."""


def _server(name: str) -> str:
    """The filter that asks a server: one that Settings name, or without a name the one that they have without."""
    return f"{_CUSTOM}/{name}" if name else _CUSTOM


def _put(spec: Asked | Servers, use: Use, draft: Configured) -> None:
    if isinstance(spec, Asked):
        for backend in use.backends:
            if backend is not None:
                draft.cluster(backend)
        for name, config in _asking(spec.by, heard=draft.heard):
            draft.per_route(name, config)


def _asking(by: Chained | Elsewhere | Users | Keys | None, *, heard: bool) -> Iterable[tuple[str, Message]]:
    """What the filters are told on a route or host. `heard`: something may read who the user is."""
    match by:
        case None:
            yield _PLACE, nothing()
        case Chained(chain=chain):
            yield from _marked(_OWN, {CONTEXT: chain})
        case Elsewhere(server=server, context=context):
            yield from _marked(_server(server), context)
        case Users(users=users):
            check = basic_v3.BasicAuth(users={"inline_string": users})
            if heard:
                check.forward_username_header = _USER_HEADER
            yield _PLACE, _done(("envoy.filters.http.basic_auth", check), *([_KNOWN_USER] if heard else []))
        case Keys(header=header, keys=keys, query=query):
            config = keys_v3.ApiKeyAuth()
            config.credentials.extend(keys_v3.Credential(key=one.value, client=one.user) for one in keys)
            for kind, name in ("header", header), ("query", query):
                if name:
                    config.key_sources.add(**{kind: name})
            if heard:
                config.forwarding.header = _USER_HEADER
            yield _PLACE, _done(("envoy.filters.http.api_key_auth", config), *([_KNOWN_USER] if heard else []))


def _marked(name: str, context: dict[str, str]) -> Iterable[tuple[str, Message]]:
    """What makes the filter of a server ask: a mark in the request's metadata, and what it is told."""
    mark = set_metadata_pb2.Config()
    mark.metadata.add(metadata_namespace=_PLACE, allow_overwrite=True).value.update({_ASK: name})
    yield _KNOWN, route_v3.FilterConfig(config=any_pb2.Any())
    yield _PLACE, _done(("envoy.filters.http.rbac", _guard(name)), ("envoy.filters.http.set_metadata", mark))
    yield name, authz_v3.ExtAuthzPerRoute(check_settings={"context_extensions": context})


def _done(*filters: tuple[str, Message]) -> matching_v3.ExtensionWithMatcherPerRoute:
    """These filters, one after the other."""
    action = composite_v3.ExecuteFilterAction()
    for name, config in filters:
        one = action.filter_chain.typed_config.add(name=name)
        one.typed_config.Pack(config, deterministic=True)
    return always(_PLACE, action)


def _filter(name: str, server: Server, *, own: bool) -> authz_v3.ExtAuthz:
    cluster = server.backend.cluster if server.backend is not None else _NOWHERE
    if server.http is None:
        config = over_grpc(cluster, server.timeout, server.authority)
        if own:
            config.grpc_service.retry_policy.CopyFrom(again(server.timeout))
    else:
        config = over_http(cluster, server.timeout, server.http.prefix)
        by_name(config.allowed_headers, (*_ALWAYS_SENT, *server.http.shown))
        for regex in server.http.shown_regexes:
            config.allowed_headers.patterns.add(safe_regex={"regex": regex})
        for header, value in sorted(server.http.added.items()):
            config.http_service.authorization_request.headers_to_add.add(key=header, value=value)
        answer = config.http_service.authorization_response
        by_name(answer.allowed_upstream_headers, server.http.to_backend)
        by_name(answer.allowed_upstream_headers_to_append, server.http.to_backend_appended)
        by_name(answer.allowed_client_headers, server.http.to_client)
    config.filter_enabled_metadata.CopyFrom(_mark(name))
    config.failure_mode_allow = server.lenient and server.backend is not None
    config.clear_route_cache = server.clear_route_cache
    config.stat_prefix = server.stats
    config.metadata_context_namespaces.append(TOKENS)
    error = server.error or (_AWAY if own else 0)
    if server.backend is None:
        error = _ERROR
    if error:
        config.status_on_error.code = error
    if server.body is not None:
        config.with_request_body.max_request_bytes = server.body.size
        config.with_request_body.allow_partial_message = server.body.partial
        config.with_request_body.pack_as_bytes = server.body.raw or own
    return config


def _known(servers: Iterable[str]) -> set_metadata_pb2.Config:
    """What tells routes that their server's filter is there: routes come before listeners."""
    config = set_metadata_pb2.Config()
    config.metadata.add(metadata_namespace=_KNOWN).value.update(dict.fromkeys(servers, True))
    return config


def _guard(server: str) -> rbac_v3.RBAC:
    """Nothing passes where the port does not know the server yet."""
    known = metadata_pb2.MetadataMatcher(filter=_KNOWN, path=[{"key": server}], value={"bool_match": True})
    config = rbac_v3.RBAC()
    config.rules.action = rules_v3.RBAC.DENY
    policy = config.rules.policies["unknown server"]
    policy.permissions.add(any=True)
    policy.principals.add(not_id=rules_v3.Principal(sourced_metadata={"metadata_matcher": known}))
    return config


def _mark(name: str) -> metadata_pb2.MetadataMatcher:
    return metadata_pb2.MetadataMatcher(filter=_PLACE, path=[{"key": _ASK}], value={"string_match": {"exact": name}})


def _remove(headers: list[str], manager: hcm_v3.HttpConnectionManager) -> None:
    """Take headers from all requests, before anybody looks at them."""
    config = header_mutation_pb2.HeaderMutation()
    config.mutations.extend(mutation_rules_pb2.HeaderMutation(remove=one) for one in headers)
    extension = extension_pb2.TypedExtensionConfig(name="daemun.extauth.user")
    extension.typed_config.Pack(config, deterministic=True)
    manager.early_header_mutation_extensions.insert(0, extension)
