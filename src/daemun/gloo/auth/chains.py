"""The chains that are in use, as resources for Daemun's server of authorization. No proxy gets one."""

from collections.abc import Callable, Iterable, Iterator

from daemun.flow import Collection, Reader
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gloo.auth.configs import ConfigKey, ResolvedConfig, key_of
from daemun.ir.auth import CHAIN, SERVER, encoded
from daemun.ir.auth.asked import Asked, Chained
from daemun.ir.listener import ListenerKey
from daemun.ir.origin import Origin
from daemun.ir.resource import Leaf, Part, PartKey, part
from daemun.ir.route import RouteKey, Use
from daemun.ir.uses import ListenerUses


def configs_of(uses: Iterable[Use]) -> Iterator[str]:
    """The AuthConfigs in use, by the names of their chains."""
    for use in uses:
        if isinstance(use.spec, Asked) and use.spec.config:
            yield use.spec.config


def chains_of_route(_: RouteKey, route: ResolvedRoute) -> Iterator[str]:
    """The chains that the server must have for a route; for an index."""
    uses = route.route.every_use()
    if uses and route.attachments:
        yield from dict.fromkeys(_chains(uses))


def chains_of_listener(_: ListenerKey, uses: ListenerUses) -> Iterator[str]:
    """The chains that the server must have for virtual hosts; for an index."""
    yield from dict.fromkeys(_chains(uses.hosts))


def _chains(uses: Iterable[Use]) -> Iterator[str]:
    for use in uses:
        if isinstance(use.spec, Asked) and isinstance(use.spec.by, Chained):
            yield use.spec.by.chain


def chain_rule(
    configs: Collection[ConfigKey, ResolvedConfig],
) -> Callable[[Reader, str, str], Iterator[tuple[PartKey, Part]]]:
    """The rule from a chain in use to its resource."""

    def chain(reader: Reader, name: str, _: str) -> Iterator[tuple[PartKey, Part]]:
        config = reader.get(configs, key_of(name))
        if config is not None and not config.errors:
            yield PartKey(SERVER, CHAIN, name), part("", [Leaf(encoded(config.chain), Origin(config.ref))])

    return chain
