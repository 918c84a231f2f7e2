"""What the field `extauth` means where it stands: on hosts, routes and destinations, and on listeners."""

from collections.abc import Callable

import msgspec

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.extauth import CustomAuth, ExtAuthExtension, ExtAuthSettings
from daemun.api.unreadable import UNREADABLE
from daemun.base.names import Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding, absent
from daemun.gloo.auth.configs import ConfigKey, Door
from daemun.gloo.auth.finding import GROUP, INVALID, KIND, Allowed
from daemun.gloo.auth.servers import Found, faults, own_server, server, servers_of
from daemun.gloo.policies.policy import Meant
from daemun.gloo.upstreams.upstream import FindUpstream
from daemun.ir.auth.asked import Asked, Chained, Elsewhere, Servers
from daemun.ir.backend import OWN_SERVER
from daemun.ir.route import Use


class Inputs(msgspec.Struct, frozen=True):
    """AuthConfigs and servers, and how they may be referred to; `own`: there is a server of Daemun's."""

    doors: Collection[ConfigKey, Door]
    servers: Collection[Name, Found]
    upstreams: FindUpstream
    allowed: Allowed
    classic: bool
    own: bool


def meaning(of: Inputs) -> Callable[[Reader, Ref, str, ExtAuthExtension | ExtAuthSettings], Meant]:
    """What the field comes to."""

    def meant(reader: Reader, by: Ref, where: str, value: ExtAuthExtension | ExtAuthSettings) -> Meant:
        servers = servers_of(reader, of.servers, own=of.own)
        if isinstance(value, ExtAuthSettings):
            return _listener(reader, of, by, where, value, servers)
        if value.disable:
            return Meant(Asked(None))
        if value.config_ref is not None:
            return of_config(reader, of, by, f"{where}.configRef", value.config_ref)
        if value.custom_auth is not None:
            return _custom(where, value.custom_auth, servers)
        return Meant()

    return meant


def standing(servers: Collection[Name, Found], *, own: bool) -> Callable[[Reader], tuple[Use, ...]]:
    """What is on every listener that does not say otherwise."""
    return lambda reader: (Use("extauth", servers_of(reader, servers, own=own), "spec.extauth"),)


def of_config(reader: Reader, of: Inputs, by: Ref, where: str, ref: ResourceRef) -> Meant:
    """What a reference to an AuthConfig comes to."""
    if ref == UNREADABLE:
        text, mend = "cannot be read, so nothing passes where they are in force", "Mend what is told of the object."
        return Meant(errors=(Finding(INVALID, where.removesuffix(".extauth.configRef"), text, mend),))
    if not ref.name:
        return Meant(errors=(Finding(INVALID, where, "names no AuthConfig, so nothing passes", "Name one."),))
    target = Ref(GROUP, KIND, ref.namespace or by.namespace, ref.name)
    mend = of.allowed(reader, by, target)
    if mend:
        text = f"{target} is in another namespace, which has not granted it"
        return Meant(errors=(Finding("RefNotPermitted", where, text, mend),))
    door = reader.get(of.doors, ConfigKey(target.key, of.classic))
    if door is None:
        return Meant(errors=(absent(INVALID, where, target, "So nothing passes."),))
    if door.fault:
        text = f"{target} cannot be used, so nothing passes ({door.fault})"
        return Meant(errors=(Finding(INVALID, where, text, "See its status."),))
    backends = (OWN_SERVER,) if isinstance(door.by, Chained) else ()
    return Meant(Asked(door.by, ConfigKey(target.key, of.classic).chain), backends)


def _custom(where: str, spec: CustomAuth, servers: Servers) -> Meant:
    one = servers.named.get(spec.name)
    if one is None and spec.name:
        text = f"Settings name no server {spec.name!r} in namedExtauth"
        return Meant(errors=(Finding(INVALID, f"{where}.customAuth.name", text, "So nothing passes."),))
    if one is None:
        # A listener may name one of its own. Where none does, everything is answered with an error.
        text = "Settings name no server in extauth, so that nothing passes where the listener does not name one"
        warnings = (Finding("NoServer", f"{where}.customAuth", text, "Set extauth.extauthzServerRef there."),)
        return Meant(Asked(Elsewhere("", dict(spec.context_extensions))), warnings=warnings)
    if one.backend is None:
        text = "the server that Settings name cannot be used, so nothing passes"
        return Meant(errors=(Finding(INVALID, f"{where}.customAuth", text, "See the status of Settings."),))
    return Meant(Asked(Elsewhere(spec.name, dict(spec.context_extensions))), (one.backend,))


def _listener(reader: Reader, of: Inputs, by: Ref, where: str, spec: ExtAuthSettings, servers: Servers) -> Meant:
    """A listener's own server in place of that of Settings; those with names stay as they are."""
    wrong: list[Finding] = []
    named = dict(servers.named)
    if spec.extauthz_server_ref is not None:
        named[""] = server(reader, of.upstreams, by, where, spec, wrong)
    else:
        wrong.extend(faults(spec, where))
    backends = (named[""].backend,) if spec.extauthz_server_ref is not None else ()
    # The name of the header is told to Daemun's server with the chain, which is the same on all listeners.
    mine = msgspec.structs.replace(own_server(spec, own=of.own), user_header=servers.own.user_header)
    # A server that cannot be used stays: what is to ask it is then answered with an error.
    return Meant(Servers(mine, named), backends, warnings=tuple(wrong))
