"""jwt and jwtStaged: requests must bear a JSON Web Token (Gloo, JwtVhostExtension)."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from envoy.extensions.filters.http.composite.v3 import composite_pb2 as composite_v3
from envoy.extensions.filters.http.jwt_authn.v3 import config_pb2 as jwt_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.jwt import (
    ClaimToHeader,
    JwtProvider,
    JwtRouteExtension,
    JwtStagedRouteExtension,
    JwtStagedVhostExtension,
    JwtVhostExtension,
)
from daemun.base.framing import TOLD, framing
from daemun.features.composite import always, composite, nothing
from daemun.features.drafts import Configured, Draft, HostDraft
from daemun.features.feature import Fault, Feature, Scene, disabled_filter
from daemun.features.jwks import MOST, cost, jwks
from daemun.features.times import duration, duration_faults
from daemun.features.tokens import CLAIMS
from daemun.gloo.served.fields import Fields
from daemun.ir.backend import BackendKey
from daemun.ir.route import Use

_BEFORE, _AFTER = "daemun.jwt.before", "daemun.jwt.after"
_NAME = "daemun.jwt"
_DEADLINE_SECONDS = 5
_KEPT_TOKENS = 1000
_SERVES = (Fields(ClaimToHeader, ("claim", "header"), {"append": "Envoy writes the claim in place of the header"}),)


class Jwt(Feature[JwtVhostExtension | JwtRouteExtension]):
    """Envoy's jwt_authn on a virtual host, after external auth. A route may do without.

    jwt_authn takes its providers from the filter alone, so each host brings a filter of its own in a composite filter.
    """

    kind: ClassVar = "jwt"
    rare: ClassVar = "jwt"
    guards: ClassVar = True
    tells: ClassVar = True
    serves: ClassVar = _SERVES

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The place of the hosts' filters after external auth."""
        return disabled_filter(_AFTER, composite(_AFTER))

    def moves(self, spec: JwtVhostExtension | JwtRouteExtension) -> bool:
        """Where routes may be chosen by claims."""
        return isinstance(spec, JwtVhostExtension) and _moves(spec)

    def faults(self, spec: JwtVhostExtension | JwtRouteExtension, where: str) -> Iterable[Fault]:
        """Providers without keys."""
        if isinstance(spec, JwtVhostExtension):
            yield from _faults(spec, where)

    def upstreams(self, spec: JwtVhostExtension | JwtRouteExtension) -> Iterable[tuple[str, ResourceRef]]:
        """Those that serve keys."""
        if isinstance(spec, JwtVhostExtension):
            yield from _upstreams(spec, "")

    def does(self, spec: JwtVhostExtension | JwtRouteExtension, use: Use, scene: Scene) -> str:
        """Whose tokens are taken."""
        del use, scene
        if isinstance(spec, JwtVhostExtension):
            return _told(spec)
        return "needs no token here" if spec.disable else "leaves tokens to the host"

    def on_route(self, spec: JwtVhostExtension | JwtRouteExtension, use: Use, draft: Draft) -> None:
        """Switched off where a route says so."""
        del use
        if isinstance(spec, JwtRouteExtension) and spec.disable:
            draft.per_route(_AFTER, nothing())

    def on_host(self, spec: JwtVhostExtension | JwtRouteExtension, use: Use, draft: HostDraft) -> None:
        """The providers of the host. One whose keys cannot be had closes it."""
        if isinstance(spec, JwtVhostExtension):
            _put(spec, _AFTER, iter(use.backends), draft)


class JwtStaged(Feature[JwtStagedVhostExtension | JwtStagedRouteExtension]):
    """The same before external auth, after it, or both."""

    kind: ClassVar = "jwtStaged"
    rare: ClassVar = "jwtStaged"
    guards: ClassVar = True
    tells: ClassVar = True
    serves: ClassVar = _SERVES

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The place of the hosts' filters before external auth."""
        return disabled_filter(_BEFORE, composite(_BEFORE))

    def families(self, spec: JwtStagedVhostExtension | JwtStagedRouteExtension, alone: bool) -> Iterable[str]:
        """The filters of the stages that something is said of; that after external auth is `Jwt`'s."""
        del alone
        return (self.rare if name == _BEFORE else Jwt.rare for name, _, _ in _stages(spec))

    def moves(self, spec: JwtStagedVhostExtension | JwtStagedRouteExtension) -> bool:
        """Where routes may be chosen by claims."""
        return any(isinstance(stage, JwtVhostExtension) and _moves(stage) for _, _, stage in _stages(spec))

    def faults(self, spec: JwtStagedVhostExtension | JwtStagedRouteExtension, where: str) -> Iterable[Fault]:
        """Providers without keys."""
        for _, field, stage in _stages(spec):
            if isinstance(stage, JwtVhostExtension):
                yield from _faults(stage, f"{where}.{field}")

    def upstreams(self, spec: JwtStagedVhostExtension | JwtStagedRouteExtension) -> Iterable[tuple[str, ResourceRef]]:
        """Those that serve keys."""
        for _, field, stage in _stages(spec):
            if isinstance(stage, JwtVhostExtension):
                yield from _upstreams(stage, f"{field}.")

    def does(self, spec: JwtStagedVhostExtension | JwtStagedRouteExtension, use: Use, scene: Scene) -> str:
        """Whose tokens are taken."""
        del use, scene
        told = [
            _told(stage) if isinstance(stage, JwtVhostExtension) else "needs no token here"
            for _, _, stage in _stages(spec)
            if isinstance(stage, JwtVhostExtension) or stage.disable
        ]
        return ", and then ".join(told) or "leaves tokens to the host"

    def on_route(self, spec: JwtStagedVhostExtension | JwtStagedRouteExtension, use: Use, draft: Draft) -> None:
        """Each stage is switched off by itself. A policy of Daemun's has providers here, too."""
        backends = iter(use.backends)
        for name, _, stage in _stages(spec):
            if isinstance(stage, JwtVhostExtension):
                _put(stage, name, backends, draft)
            elif stage.disable:
                draft.per_route(name, nothing())

    def on_host(self, spec: JwtStagedVhostExtension | JwtStagedRouteExtension, use: Use, draft: HostDraft) -> None:
        """The providers of each stage. One whose keys cannot be had closes the host."""
        backends = iter(use.backends)
        for name, _, stage in _stages(spec):
            if isinstance(stage, JwtVhostExtension):
                _put(stage, name, backends, draft)


def _stages(
    spec: JwtStagedVhostExtension | JwtStagedRouteExtension,
) -> Iterator[tuple[str, str, JwtVhostExtension | JwtRouteExtension]]:
    """The stages that something is said of: the filter, the field, and what is said."""
    if spec.before_ext_auth is not None:
        yield _BEFORE, "beforeExtAuth", spec.before_ext_auth
    if spec.after_ext_auth is not None:
        yield _AFTER, "afterExtAuth", spec.after_ext_auth


def _faults(spec: JwtVhostExtension, where: str) -> Iterator[Fault]:
    if not spec.providers:
        yield f"{where}.providers", "is empty, so that no token could be taken", "Name who issues tokens."
    for name, provider in spec.providers.items():
        for index, claim in enumerate(provider.claims_to_headers):
            if framing(claim.header):
                at = f"{where}.providers.{name}.claimsToHeaders[{index}].header"
                yield at, f"{claim.header!r} {TOLD}", "Choose another header."
        at = f"{where}.providers.{name}.jwks"
        keys = provider.jwks
        if keys is not None and keys.local is not None:
            written = jwks(keys.local.key)
            if written is None:
                text = "is neither a JWKS with a key that tokens are verified by, nor a public key in PEM"
                yield f"{at}.local.key", text, "Write one."
            elif cost(written) > MOST:
                text = "has so many or so large keys that a token may take very long, which others wait for"
                yield (
                    f"{at}.local.key",
                    text,
                    f"Have at most {MOST} keys of RSA with 2,048 bits; one of 4,096 counts four times.",
                )
        elif keys is None or keys.remote is None or keys.remote.upstream_ref is None or not keys.remote.url:
            yield at, "says of no keys where they are", "Set local.key, or remote.url and remote.upstreamRef."
        else:
            yield from duration_faults(keys.remote.cache_duration, f"{at}.remote.cacheDuration", least=1_000_000)


def _upstreams(spec: JwtVhostExtension, within: str) -> Iterator[tuple[str, ResourceRef]]:
    for name, provider in spec.providers.items():
        remote = provider.jwks.remote if provider.jwks is not None else None
        if remote is not None and remote.upstream_ref is not None:
            yield f"{within}providers.{name}.jwks.remote.upstreamRef", remote.upstream_ref


def _moves(spec: JwtVhostExtension) -> bool:
    return any(one.claims_to_headers for one in spec.providers.values())


def _told(spec: JwtVhostExtension) -> str:
    names = " or ".join(spec.providers)
    if spec.allow_missing_or_failed_jwt:
        return f"reads a token of {names}, if there is a good one"
    return f"asks for a token of {names}, and answers 401 without"


def _put(spec: JwtVhostExtension, name: str, backends: Iterator[BackendKey | None], draft: Configured) -> None:
    config = jwt_v3.JwtAuthentication()
    rule = config.rules.add()
    rule.match.prefix = "/"
    wanted = [jwt_v3.JwtRequirement(provider_name=provider) for provider in spec.providers]
    if spec.allow_missing_or_failed_jwt:
        wanted.append(jwt_v3.JwtRequirement(allow_missing_or_failed={}))
    if len(wanted) == 1:
        rule.requires.CopyFrom(wanted[0])
    else:
        rule.requires.requires_any.requirements.extend(wanted)
    for provider, said in spec.providers.items():
        _provider(said, provider, config.providers[provider], backends, draft)
    action = composite_v3.ExecuteFilterAction()
    action.typed_config.name = _NAME
    action.typed_config.typed_config.Pack(config, deterministic=True)
    draft.per_route(name, always(name, action))


def _provider(
    spec: JwtProvider, name: str, proto: jwt_v3.JwtProvider, backends: Iterator[BackendKey | None], draft: Configured
) -> None:
    proto.issuer, proto.forward = spec.issuer, spec.keep_token
    if draft.heard:
        proto.payload_in_metadata, proto.header_in_metadata = CLAIMS, name
    proto.audiences.extend(spec.audiences)
    if spec.clock_skew_seconds is not None:
        proto.clock_skew_seconds = spec.clock_skew_seconds
    if spec.token_source is not None:
        for header in spec.token_source.headers:
            proto.from_headers.add(name=header.header, value_prefix=header.prefix)
        proto.from_params.extend(spec.token_source.query_params)
    # Routes may match these headers: what stands there before is the client's word.
    proto.clear_route_cache = bool(spec.claims_to_headers)
    for claim in spec.claims_to_headers:
        proto.claim_to_headers.add(header_name=claim.header, claim_name=claim.claim)
    if spec.jwks is not None and spec.jwks.local is not None:
        proto.local_jwks.inline_string = jwks(spec.jwks.local.key) or ""
        # A token that was good is not verified again before it expires. Other keys make another filter and an empty
        # cache; not so keys that are fetched, where tokens of a key that is gone would stay good.
        proto.jwt_cache_config.jwt_cache_size = _KEPT_TOKENS
    elif spec.jwks is not None and spec.jwks.remote is not None:
        backend = next(backends, None)
        if backend is None:
            draft.close()
            return
        keys = proto.remote_jwks
        keys.http_uri.uri, keys.http_uri.cluster = spec.jwks.remote.url, draft.cluster(backend)
        keys.http_uri.timeout.seconds = _DEADLINE_SECONDS
        if spec.jwks.remote.cache_duration:
            keys.cache_duration.CopyFrom(duration(spec.jwks.remote.cache_duration))
        if spec.jwks.remote.async_fetch is not None:
            keys.async_fetch.fast_listener = spec.jwks.remote.async_fetch.fast_listener
