"""AuthPolicies: what each comes to, in the same uses that Gloo's extauth, jwt and rbac end in."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from daemun.api.auth_policy import (
    AddressedPrincipal,
    Authorization,
    AuthorizationRule,
    AuthPolicy,
    ElementPermissions,
    Jwt,
    Provider,
)
from daemun.api.filters import HTTPExternalAuthFilter
from daemun.api.gloo import jwt as gloo
from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.rbac import ClaimMatcher, JWTPrincipal, RbacExtensionSettings, RbacPolicy
from daemun.api.meta import BackendObjectReference
from daemun.base.names import DAEMUN, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.routes import backends
from daemun.gloo.auth import meaning
from daemun.gloo.auth.configs import ConfigKey, ResolvedConfig
from daemun.gloo.auth.finding import INVALID
from daemun.gloo.auth.policy_ways import KIND, key_of
from daemun.gloo.policies.policy import Features, Option, Policy, Target
from daemun.ir.auth.asked import Asked, Chained, Nobody
from daemun.ir.backend import OWN_SERVER, BackendKey, Protocol
from daemun.ir.route import Use

_MATCHERS: dict[str, ClaimMatcher] = {"Exact": "EXACT_STRING", "Contains": "LIST_CONTAINS", "Boolean": "BOOLEAN"}
_ASKED, _TOKENS, _SERVICE, _CLAIMS = "extauth", "jwtStaged", "ExternalAuth", "rbac"
_UNITS = {_ASKED: "extauth", _TOKENS: "jwt", _SERVICE: _SERVICE, _CLAIMS: "rbac"}
_OFF = {
    _ASKED: Asked(None),
    _TOKENS: gloo.JwtStagedRouteExtension(before_ext_auth=gloo.JwtRouteExtension(disable=True)),
    _SERVICE: Nobody(),
    _CLAIMS: RbacExtensionSettings(disable=True),
}
"""What a route says in place of its host's policy."""


class Inputs(msgspec.Struct, frozen=True):
    """What policies are judged by: their own chains, how AuthConfigs and backends are found, and the features."""

    ways: Collection[ConfigKey, ResolvedConfig]
    configs: meaning.Inputs
    backends: backends.Inputs
    features: Features


def policy_rule(of: Inputs) -> Callable[[Reader, Name, AuthPolicy], Iterator[tuple[Name, Policy]]]:
    """The rule from an AuthPolicy to what it comes to. One with errors closes what it is for."""

    def read(reader: Reader, name: Name, policy: AuthPolicy) -> Iterator[tuple[Name, Policy]]:
        reading = _Reading(reader, Ref(DAEMUN, KIND, *name), of)
        options = tuple(reading.options(policy))
        if not options and not reading.errors:
            text = "says nothing that can be read of who may come in, so nobody may"
            reading.errors.append(Finding(INVALID, "spec", text, "Mend it, or remove it."))
        if reading.errors:
            fault = f"{reading.ref} {reading.errors[0]}".rstrip(".")
            options = (Option(_ASKED, _UNITS[_ASKED], None, fault, guards=True),)
        targets = tuple(
            Target(Ref(one.group, one.kind, name.namespace, one.name), one.section_name or "", f"spec.targetRefs[{at}]")
            for at, one in enumerate(policy.spec.target_refs)
        )
        yield (
            name,
            Policy(
                ref=reading.ref,
                generation=policy.metadata.generation,
                age=policy.age,
                targets=targets,
                options=options,
                errors=tuple(reading.errors),
                warnings=tuple(reading.warnings),
            ),
        )

    return read


def in_force(policies: Iterable[Policy], target: Ref, section: str) -> list[Policy]:
    """The policy for a rule of a route: the oldest that names it, or else the oldest for the whole route."""
    mine = [
        (not one.section, policy.age, policy)
        for policy in policies
        for one in policy.targets
        if one.ref == target and one.section in ("", section)
    ]
    return [policy for *_, policy in sorted(mine, key=lambda entry: entry[:2])[:1]]


def whole_on_route(policy: Policy) -> Policy:
    """The policy as a route has it: what it does not ask for, its host's does not ask for there either.

    That gives way to what other policies of the route ask for.
    """
    if policy.ref.kind != KIND:
        return policy
    units = {option.unit for option in policy.options}
    off = tuple(
        Option(kind, _UNITS[kind], Use(kind, spec, "spec", by=policy.ref), empty=True)
        for kind, spec in _OFF.items()
        if _UNITS[kind] not in units
    )
    return msgspec.structs.replace(policy, options=(*policy.options, *off))


class _Reading:
    """Reads one policy, and gathers what is wrong with it."""

    def __init__(self, reader: Reader, ref: Ref, of: Inputs) -> None:
        self._reader = reader
        self._of = of
        self.ref = ref
        self.errors: list[Finding] = []
        self.warnings: list[Finding] = []

    def options(self, policy: AuthPolicy) -> Iterator[Option]:
        """What it asks for."""
        spec = policy.spec
        if spec.jwt is not None:
            yield self._tokens(spec.jwt)
        if spec.authorization is not None:
            yield self._claims(spec.authorization)
        if spec.ext is not None:
            yield self._service(spec.ext)
        if spec.auth_config_ref is not None:
            one = ResourceRef(name=spec.auth_config_ref.name, namespace=spec.auth_config_ref.namespace or "")
            meant = meaning.of_config(self._reader, self._of.configs, self.ref, "spec.authConfigRef", one)
            self.errors.extend(meant.errors)
            self.warnings.extend(meant.warnings)
            yield self._option(_ASKED, "spec.authConfigRef", meant.spec, meant.backends)
        way = self._reader.get(self._of.ways, key_of(policy.name))
        if way is not None:
            self.errors.extend(way.errors)
            self.warnings.extend(way.warnings)
            served = (OWN_SERVER,) if isinstance(way.by, Chained) else ()
            yield self._option(_ASKED, "spec", Asked(way.by, way.chain.name), served)

    def _option(self, kind: str, where: str, spec: object, to: tuple[BackendKey | None, ...] = ()) -> Option:
        return Option(kind, _UNITS[kind], Use(kind, spec, where, to, self.ref))

    def _tokens(self, spec: Jwt) -> Option:
        to: list[BackendKey] = []
        providers: dict[str, gloo.JwtProvider] = {}
        for at, one in enumerate(spec.providers):
            where = f"spec.jwt.providers[{at}].jwks"
            made = providers[one.name] = _provider(one)
            self._judged(_TOKENS, _before({one.name: made}), where)
            if one.jwks.remote is not None:
                found = self._backend(f"{where}.remote.backendRef", one.jwks.remote.backend_ref, "http")
                to.extend([found] if found is not None else [])
        return self._option(_TOKENS, "spec.jwt", _before(providers, optional=spec.optional), tuple(to))

    def _claims(self, spec: Authorization) -> Option:
        policies = {}
        for at, one in enumerate(spec.rules):
            made = policies[f"rule {at}"] = _rule(one)
            self._judged(_CLAIMS, RbacExtensionSettings(policies={"": made}), f"spec.authorization.rules[{at}]")
        return self._option(_CLAIMS, "spec.authorization", RbacExtensionSettings(policies=policies))

    def _service(self, spec: HTTPExternalAuthFilter) -> Option:
        found = self._backend("spec.ext.backendRef", spec.backend_ref, "h2c" if spec.protocol == "GRPC" else "http")
        return self._option(_SERVICE, "spec.ext", spec, (found,))

    def _judged(self, kind: str, spec: object, where: str) -> None:
        """What the feature finds wrong, at the field of the policy."""
        feature = self._of.features(kind)
        for _, text, mend in feature.faults(spec, where) if feature is not None else ():
            self.errors.append(Finding(INVALID, where, text, mend))

    def _backend(self, where: str, ref: BackendObjectReference, protocol: Protocol) -> BackendKey | None:
        found = backends.resolve_backend(self._reader, self._of.backends, self.ref, where, ref, protocol)
        if found.finding is not None:
            reason = found.finding.reason if found.finding.reason == "RefNotPermitted" else INVALID
            self.errors.append(msgspec.structs.replace(found.finding, reason=reason))
        return found.key


def _before(providers: dict[str, gloo.JwtProvider], *, optional: bool = False) -> gloo.JwtStagedVhostExtension:
    """Before others are asked, who may want to know the claims."""
    return gloo.JwtStagedVhostExtension(before_ext_auth=gloo.JwtVhostExtension(providers, optional))


def _provider(spec: Provider) -> gloo.JwtProvider:
    remote = spec.jwks.remote
    if remote is None:
        keys = gloo.Jwks(local=gloo.LocalJwks(spec.jwks.inline or ""))
    else:
        to = ResourceRef(name=remote.backend_ref.name, namespace=remote.backend_ref.namespace or "")
        keys = gloo.Jwks(remote=gloo.RemoteJwks(remote.url, to, remote.cache_duration))
    source = None
    if spec.from_headers or spec.from_params:
        headers = tuple(gloo.TokenHeaderSource(one.name, one.prefix) for one in spec.from_headers)
        source = gloo.TokenSource(headers, spec.from_params)
    return gloo.JwtProvider(
        jwks=keys,
        audiences=spec.audiences,
        issuer=spec.issuer,
        token_source=source,
        keep_token=spec.forward,
        claims_to_headers=tuple(gloo.ClaimToHeader(one.claim, one.header) for one in spec.claims_to_headers),
    )


def _rule(spec: AuthorizationRule) -> RbacPolicy:
    who = JWTPrincipal({**spec.claims}, spec.provider or "", _MATCHERS[spec.match]) if spec.claims else None
    principal = AddressedPrincipal(who, spec.ip_blocks, spec.remote_ip_blocks)
    return RbacPolicy((principal,), ElementPermissions(spec.path_prefix or "", spec.methods))
