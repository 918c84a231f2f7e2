"""The status of AuthConfigs, in Gloo's shape, and what is wrong with them for people."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.gloo.auth_config import AuthConfig
from daemun.api.gloo.status import GlooStatus
from daemun.api.status import Status
from daemun.base.names import Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.status.problems import Problems, Rejections, from_findings, rejected
from daemun.gatewayapi.status.unread import Unread
from daemun.gloo.auth.chains import configs_of
from daemun.gloo.auth.configs import ConfigKey, ResolvedConfig
from daemun.gloo.auth.finding import GROUP, KIND
from daemun.ir.listener import ListenerKey
from daemun.ir.route import RouteKey
from daemun.ir.uses import ListenerUses


class Inputs(msgspec.Struct, frozen=True):
    """What AuthConfigs come to, where those of classic mode are in use, and what the server rejected."""

    configs: Collection[ConfigKey, ResolvedConfig]
    routes: Index[str, RouteKey, ResolvedRoute]
    listeners: Index[str, ListenerKey, ListenerUses]
    rejections: Rejections
    unread: Unread


def used_by_route(_: RouteKey, route: ResolvedRoute) -> Iterator[str]:
    """The AuthConfigs that a route uses; for an index."""
    uses = route.route.every_use()
    if uses:
        yield from dict.fromkeys(configs_of(uses))


def used_by_listener(_: ListenerKey, uses: ListenerUses) -> Iterator[str]:
    """The AuthConfigs that virtual hosts use; for an index."""
    yield from dict.fromkeys(configs_of(uses.hosts))


def status_rule(of: Inputs) -> Callable[[Reader, Name, AuthConfig], Iterator[tuple[Ref, Status]]]:
    """The rule from an AuthConfig to its status."""

    def status(reader: Reader, name: Name, _: AuthConfig) -> Iterator[tuple[Ref, Status]]:
        errors, warnings = (of.unread.said(reader, each) for each in _told(reader, of, name))
        yield Ref(GROUP, KIND, *name), GlooStatus.of(map(str, errors), map(str, warnings))

    return status


def problem_rule(of: Inputs) -> Callable[[Reader, Name, AuthConfig], Iterator[tuple[Ref, Problems]]]:
    """The rule from an AuthConfig to what is wrong with it."""

    def problems(reader: Reader, name: Name, _: AuthConfig) -> Iterator[tuple[Ref, Problems]]:
        errors, warnings = _told(reader, of, name)
        ref = Ref(GROUP, KIND, *name)
        found = from_findings(ref, errors) + from_findings(ref, warnings, warning=True)
        if found:
            yield ref, found

    return problems


def _told(reader: Reader, of: Inputs, name: Name) -> tuple[list[Finding], list[Finding]]:
    """Errors and warnings, those of the server among them."""
    errors, warnings = _found(reader, of, name)
    return [*errors, *rejected(reader, of.rejections, Ref(GROUP, KIND, *name))], warnings


def _found(reader: Reader, of: Inputs, name: Name) -> tuple[list[Finding], list[Finding]]:
    """Errors and warnings. Where only Gateway API asks for consent, classic mode can use it all the same."""
    strict, classic = (reader.get(of.configs, ConfigKey(name, one)) for one in (False, True))
    if strict is None or classic is None:
        return [], []
    if not strict.errors or classic.errors:
        return list(classic.errors), list(strict.warnings)
    if reader.count(of.routes, classic.chain.name) or reader.count(of.listeners, classic.chain.name):
        return [], [*classic.warnings, *strict.errors]
    return list(strict.errors), list(strict.warnings)
