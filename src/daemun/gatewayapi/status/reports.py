"""How all parts of the translation tell of their objects: from what they `Heard`, as `Reports`."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from daemun.api.meta import Resource
from daemun.api.status import Status
from daemun.base.names import Name, Ref
from daemun.flow import Collection
from daemun.gatewayapi.proxies.answers import ProxyState
from daemun.gatewayapi.proxies.placement import Setback
from daemun.gatewayapi.resolved import Parent, ResolvedRoute
from daemun.gatewayapi.routes.streams import Holder
from daemun.gatewayapi.status.problems import Problems, Rejections
from daemun.gatewayapi.status.unread import Unread
from daemun.ir.listener import HostKey
from daemun.ir.route import RouteKey


class Heard(msgspec.Struct, frozen=True):
    """What became of all that was made: the objects that others name, and what was said to them by their proxies.

    `written` finds Gateway API's objects by their kind. `rejected` is what proxies reject, by the objects that it came
    from; `setbacks` are of those that cannot run. `unread` knows which objects are there and cannot be read.
    """

    written: Callable[[str], Collection[Name, Resource]]
    parents: Collection[Ref, Parent]
    routes: Collection[RouteKey, ResolvedRoute]
    holders: Collection[HostKey, Holder]
    proxies: Collection[str, ProxyState]
    setbacks: Collection[str, Setback]
    rejected: Rejections
    unread: Unread


class Reports(NamedTuple):
    """What a part tells: the statuses of its objects, and what is wrong with them."""

    statuses: tuple[Collection[Ref, Status], ...] = ()
    problems: tuple[Collection[Ref, Problems], ...] = ()


class Part(Protocol):
    """A part of the translation that has objects of its own."""

    def tell(self, heard: Heard) -> Reports:
        """Make its reports, the last thing that is made of it. It is asked once."""
