"""AuthConfigs, resolved: what Daemun's server is to go through, or what Envoy can do itself with the same result.

Each is resolved twice: Gateway API asks for consent across namespaces, and classic mode does not.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from daemun.api.gloo.auth_config import AuthConfig, AuthConfigEntry
from daemun.base.names import Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gloo.auth import others
from daemun.gloo.auth.finding import GROUP, KIND, Following, Inputs
from daemun.gloo.auth.keys import api_keys
from daemun.gloo.auth.oauth import oauth, old_oauth
from daemun.gloo.auth.passwords import basic_auth, htpasswd
from daemun.gloo.auth.servers import Found, servers_of
from daemun.ir.auth import AnyCheck, Chain, Step
from daemun.ir.auth.asked import Chained, Keys, Users
from daemun.ir.auth.checks import Verified
from daemun.ir.auth.expression import ExpressionError, parse

_CLASSIC = "/classic"
_SPEC = "spec.configs"
_MOST_OPAS = 4
"""Steps of an AuthConfig with modules in Rego: for each of them a program runs."""
_MEND = "Set global.extensions.extAuth.enabled=true in the values of the chart."


class ConfigKey(NamedTuple):
    """An AuthConfig, as objects of Gateway API refer to it or as those of classic mode do."""

    name: Name
    classic: bool

    @property
    def chain(self) -> str:
        """The name of its chain."""
        return f"{self.name}{_CLASSIC}" if self.classic else str(self.name)


def key_of(chain: str) -> ConfigKey:
    """The AuthConfig whose chain has this name."""
    namespace, name, *classic = chain.split("/")
    return ConfigKey(Name(namespace, name), bool(classic))


class ResolvedConfig(msgspec.Struct, frozen=True, gc=False):
    """An AuthConfig with what it refers to. With `errors` nothing passes that uses it.

    `by` is who does it: Envoy itself, if it can do all of it, or Daemun's server, by the `chain`.
    """

    ref: Ref
    chain: Chain
    by: Chained | Users | Keys
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        return f"<ResolvedConfig {self.ref}>"


class Door(msgspec.Struct, frozen=True, gc=False):
    """All that routes know of an AuthConfig, so that no other change concerns them: who does it, or why nobody can."""

    by: Chained | Users | Keys
    fault: str = ""

    def __repr__(self) -> str:
        return "<Door>"


def config_rule(
    of: Inputs, servers: Collection[Name, Found], *, own: bool, classic: bool
) -> Callable[[Reader, Name, AuthConfig], Iterator[tuple[ConfigKey, ResolvedConfig]]]:
    """The rule from an AuthConfig to what it comes to in one of the two modes."""

    def resolve(reader: Reader, name: Name, config: AuthConfig) -> Iterator[tuple[ConfigKey, ResolvedConfig]]:
        key = ConfigKey(name, classic)
        ref = Ref(GROUP, KIND, *name)
        follow = Following(reader, of, ref)
        spec = config.spec
        user_header = servers_of(reader, servers, own=own).own.user_header
        steps: list[Step] = []
        native: Users | Keys | None = None
        if not spec.configs:
            follow.wrong(_SPEC, "is empty, so that nobody could come in", "Say how requests are authenticated.")
        for index, entry in enumerate(spec.configs):
            if sum(one.opa_auth is not None for one in spec.configs[: index + 1]) == _MOST_OPAS + 1:
                text = f"is one of more than {_MOST_OPAS} with modules, each of which would have an OPA of its own"
                follow.wrong(f"{_SPEC}[{index}].opaAuth", text, "Put the modules into fewer steps.")
            made, native = _check(entry, f"{_SPEC}[{index}]", follow)
            if made is not None:
                steps.append(Step(_name(entry, index), made))
        _expression(spec.boolean_expr or "", steps, follow)
        whole = Chain(key.chain, tuple(steps), spec.boolean_expr or "", spec.fail_on_redirect, user_header)
        yield key, resolved(key, whole, native if len(spec.configs) == 1 else None, follow, own=own)

    return resolve


def resolved(
    key: ConfigKey, whole: Chain, native: Users | Keys | None, follow: Following, *, own: bool
) -> ResolvedConfig:
    """A chain with who goes through it: Envoy, if there is only one step and it is `native`, or the server."""
    by: Chained | Users | Keys = Chained(key.chain)
    if native is not None and not whole.expression and not whole.user_header:
        by = native
    elif not own:
        follow.wrong("", "needs Daemun's server of authorization, which is not there", _MEND)
    return ResolvedConfig(follow.ref, whole, by, tuple(follow.errors), tuple(follow.warnings))


def door_rule(_: Reader, key: ConfigKey, config: ResolvedConfig) -> Iterator[tuple[ConfigKey, Door]]:
    """From an AuthConfig to what routes know of it."""
    yield key, Door(config.by, str(config.errors[0]).rstrip(".") if config.errors else "")


def _name(entry: AuthConfigEntry, index: int) -> str:
    """Plug-ins have names of their own, by which Gloo's expressions know them."""
    return entry.name or (entry.plugin_auth.name if entry.plugin_auth else "") or f"config_{index}"


def _expression(text: str, steps: list[Step], follow: Following) -> None:
    names = [one.name for one in steps]
    if len(set(names)) < len(names):
        follow.wrong(_SPEC, "two of them have the same name", "Give each a name of its own.")
    elif text and not follow.errors:
        try:
            parse(text, names)
        except ExpressionError as error:
            follow.wrong("spec.booleanExpr", str(error), "Mend it.")


def _check(entry: AuthConfigEntry, where: str, follow: Following) -> tuple[AnyCheck | None, Users | Keys | None]:
    """What an entry comes to, and what Envoy makes of it, if it can."""
    native: Users | Keys | None = None
    made: AnyCheck | None = None
    if entry.basic_auth is not None:
        made = check = basic_auth(entry.basic_auth, f"{where}.basicAuth", follow)
        lines = htpasswd(check)
        native = Users(lines) if lines is not None else None
    elif entry.api_key_auth is not None:
        made, keys = api_keys(entry.api_key_auth, f"{where}.apiKeyAuth", follow)
        native = keys if not made.headers else None
    elif entry.oauth2 is not None:
        made = oauth(entry.oauth2, f"{where}.oauth2", follow)
    elif entry.oauth is not None:
        made = old_oauth(entry.oauth, f"{where}.oauth", follow)
    elif entry.jwt is not None:
        made = Verified()
    else:
        made = _asking_others(entry, where, follow)
    return made, native


def _asking_others(entry: AuthConfigEntry, where: str, follow: Following) -> AnyCheck | None:
    if entry.hmac_auth is not None:
        return others.hmac(entry.hmac_auth, f"{where}.hmacAuth", follow)
    if entry.ldap is not None:
        return others.ldap(entry.ldap, f"{where}.ldap", follow)
    if entry.opa_auth is not None:
        return others.opa(entry.opa_auth, f"{where}.opaAuth", follow)
    if entry.opa_server_auth is not None:
        return others.opa_server(entry.opa_server_auth, f"{where}.opaServerAuth", follow)
    if entry.pass_through_auth is not None:
        return others.pass_through(entry.pass_through_auth, f"{where}.passThroughAuth", follow)
    if entry.plugin_auth is not None:
        return others.plugin(entry.plugin_auth, f"{where}.pluginAuth", follow)
    follow.wrong(where, "says of no request how it is authenticated", "Set one of its fields.")
    return None
