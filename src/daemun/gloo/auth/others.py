"""Checks that ask somebody else: a directory, Open Policy Agent, another server, a plug-in; and HMAC."""

import re
from collections.abc import Iterator

from daemun.api.gloo.auth_config import (
    AuthPlugin,
    HmacAuth,
    Ldap,
    OpaAuth,
    OpaAuthOptions,
    OpaServerAuth,
    PassThroughAuth,
    PassThroughHttp,
)
from daemun.api.gloo.common import GrpcRetryPolicy
from daemun.base.framing import TOLD, framing
from daemun.gloo import secrets
from daemun.gloo.auth.finding import Following, seconds
from daemun.gloo.auth.oauth import is_url
from daemun.ir.auth import checks as ir

_DIRECTORY = re.compile(r"(ldaps?://)?[^\s/:?#]+(:[0-9]{1,5})?/?|(ldaps?://)?\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?/?")
_TIMEOUT, _FIRST_PAUSE, _LAST_PAUSE = 5.0, 0.025, 0.25
_MEMBERSHIP, _FILTER, _POOL = "memberOf", "(uid=*)", 5


def hmac(spec: HmacAuth, where: str, follow: Following) -> ir.HmacAuth:
    """The users' secrets: accounts whose passwords requests are signed with."""
    users = {}
    refs = spec.secret_refs.secret_refs if spec.secret_refs else ()
    for index, ref in enumerate(refs):
        one = follow.secret(f"{where}.secretRefs.secretRefs[{index}]", ref, secrets.Credentials)
        if one is not None:
            users[one.username] = one.password
    if not refs:
        follow.wrong(f"{where}.secretRefs", "names no Secret, so that nobody could come in", "Name one.")
    if spec.parameters_in_headers is None:
        follow.wrong(where, "says of no signature where it is", "Set parametersInHeaders: {}.")
    return ir.HmacAuth(users)


def ldap(spec: Ldap, where: str, follow: Following) -> ir.LdapAuth:
    """The directory, and the account that looks up groups."""
    if not spec.address:
        follow.wrong(f"{where}.address", "is empty", "Write HOST:PORT.")
    elif _DIRECTORY.fullmatch(spec.address) is None:
        mend = "Write ldap://HOST:PORT, or ldaps://HOST:PORT."
        follow.wrong(f"{where}.address", "is not the address of a directory", mend)
    if spec.user_dn_template.count("%s") != 1:
        follow.wrong(f"{where}.userDnTemplate", "does not have %s just once", "Write uid=%s,ou=people, and so on.")
    groups = ir.LdapGroups()
    looking = spec.group_lookup_settings
    if looking is not None:
        at = f"{where}.groupLookupSettings"
        account = follow.secret(f"{at}.credentialsSecretRef", looking.credentials_secret_ref, secrets.Credentials)
        if account is not None:
            groups = ir.LdapGroups(account.username, account.password, looking.check_groups_with_service_account)
    size = spec.pool.max_size if spec.pool else None
    if spec.pool and spec.pool.initial_size is not None:
        follow.undone(f"{where}.pool.initialSize", "is not served: connections are made when they are needed")
    return ir.LdapAuth(
        address=spec.address,
        user_dn=spec.user_dn_template,
        membership=spec.membership_attribute_name or _MEMBERSHIP,
        allowed=spec.allowed_groups,
        search_filter=spec.search_filter or _FILTER,
        check_groups=not spec.disable_group_checking,
        groups=groups,
        pool=_POOL if size is None else size,
    )


def opa(spec: OpaAuth, where: str, follow: Following) -> ir.OpaModules:
    """The modules, each by the name of its ConfigMap and key."""
    modules: dict[str, str] = {}
    for index, ref in enumerate(spec.modules):
        at = f"{where}.modules[{index}]"
        found = follow.config_map(at, ref)
        if found is None:
            continue
        if not found.data:
            follow.wrong(at, f"ConfigMap {ref.name} is empty", "Put a module in Rego there.")
        within = f"{ref.namespace or follow.ref.namespace}/{ref.name}"
        modules |= {f"{within}/{key}": text for key, text in found.data.items()}
    if not spec.query:
        follow.wrong(f"{where}.query", "is empty", "Write data.PACKAGE.allow == true, say.")
    return ir.OpaModules(modules, spec.query, *_options(spec.options))


def opa_server(spec: OpaServerAuth, where: str, follow: Following) -> ir.OpaServer:
    """A rule in Rego that a server of Open Policy Agent decides."""
    if not spec.package:
        follow.wrong(f"{where}.package", "is empty", "Name the package of the rule.")
    if not spec.server_addr:
        mend = "Write HOST:PORT."
        follow.wrong(f"{where}.serverAddr", "is empty, and there is no policy server beside Daemun's own", mend)
    return ir.OpaServer(spec.server_addr, spec.package, spec.rule_name or "allow", *_options(spec.options))


def _options(options: OpaAuthOptions | None) -> tuple[bool, bool]:
    return (options.fast_input_conversion, options.return_decision_reason) if options else (False, False)


def pass_through(
    spec: PassThroughAuth, where: str, follow: Following
) -> ir.PassThroughGrpc | ir.PassThroughHttp | None:
    """A server that is asked in the place of ours, by gRPC or by HTTP; None if neither is said."""
    config = dict(spec.config or {})
    if spec.grpc is not None:
        if not spec.grpc.address:
            follow.wrong(f"{where}.grpc.address", "is empty", "Write HOST:PORT.")
        retries, pauses = _retries(spec.grpc.retry_policy)
        return ir.PassThroughGrpc(
            spec.grpc.address,
            seconds(spec.grpc.connection_timeout, _TIMEOUT),
            spec.grpc.tls_config is not None,
            retries,
            pauses,
            config,
            spec.failure_mode_allow,
        )
    if spec.http is None:
        follow.wrong(where, "names no server", "Set grpc or http.")
        return None
    if not is_url(spec.http.url):
        follow.wrong(f"{where}.http.url", "is not a URL of http or https", "Write one.")
    request, response = spec.http.request, spec.http.response
    _headers(spec.http, f"{where}.http", follow)
    return ir.PassThroughHttp(
        url=spec.http.url,
        timeout=seconds(spec.http.connection_timeout, _TIMEOUT),
        request_headers=_lower(request.allowed_headers) if request else (),
        added_headers=dict(request.headers_to_add) if request else {},
        pass_state=bool(request and request.pass_through_state),
        pass_metadata=bool(request and request.pass_through_filter_metadata),
        pass_body=bool(request and request.pass_through_body),
        upstream_headers=_lower(response.allowed_upstream_headers) if response else (),
        overwritten_headers=_lower(response.allowed_upstream_headers_to_overwrite) if response else (),
        denied_headers=_lower(response.allowed_client_headers_on_denied) if response else (),
        read_state=bool(response and response.read_state_from_response),
        config=config,
        allow_on_failure=spec.failure_mode_allow,
    )


def _headers(spec: PassThroughHttp, where: str, follow: Following) -> None:
    """What is wrong with the headers that go there and come back."""
    for field, names in _listed(spec):
        for name in filter(framing, names):
            follow.undone(f"{where}.{field}", f"{name!r} {TOLD}", "It goes nowhere.")
    if spec.request is not None:
        for name in spec.request.headers_to_add:
            follow.header(f"{where}.request.headersToAdd", name)
    if spec.response is not None:
        beside, instead = spec.response.allowed_upstream_headers, spec.response.allowed_upstream_headers_to_overwrite
        for name in sorted(set(_lower(beside)) & set(_lower(instead))):
            at = f"{where}.response.allowedUpstreamHeadersToOverwrite"
            follow.wrong(at, f"{name} is in allowedUpstreamHeaders, too", "Name it in one of them.")


def _listed(spec: PassThroughHttp) -> Iterator[tuple[str, tuple[str, ...]]]:
    if spec.request is not None:
        yield "request.allowedHeaders", spec.request.allowed_headers
    if spec.response is not None:
        yield "response.allowedUpstreamHeaders", spec.response.allowed_upstream_headers
        yield "response.allowedUpstreamHeadersToOverwrite", spec.response.allowed_upstream_headers_to_overwrite
        yield "response.allowedClientHeadersOnDenied", spec.response.allowed_client_headers_on_denied


def plugin(spec: AuthPlugin, where: str, follow: Following) -> ir.PluginAuth:
    """A plug-in by its name. Gloo's, compiled from Go, are not meant."""
    if not spec.name:
        follow.wrong(f"{where}.name", "is empty", "Name an entry point of the group daemun.auth.")
    for field, value in (("pluginFileName", spec.plugin_file_name), ("exportedSymbolName", spec.exported_symbol_name)):
        if value:
            follow.undone(f"{where}.{field}", "is not served: plug-ins are in Python", "It has no effect.")
    return ir.PluginAuth(spec.name, dict(spec.config or {}))


def _retries(policy: GrpcRetryPolicy | None) -> tuple[int, tuple[float, float]]:
    if policy is None:
        return 0, (_FIRST_PAUSE, _LAST_PAUSE)
    pauses = policy.retry_back_off
    first = seconds(pauses.base_interval if pauses else None, _FIRST_PAUSE)
    last = seconds(pauses.max_interval if pauses else None, 10 * first)
    return 1 if policy.num_retries is None else policy.num_retries, (first, last)


def _lower(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of headers that may go there or come back, in lower case."""
    return tuple(name.lower() for name in names if not framing(name))
