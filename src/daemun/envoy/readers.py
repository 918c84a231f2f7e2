"""What is once for a port and concerns all of its hosts: whether its own filters, logs or traces may read what tokens
say, and whether it has filters for all requests.

What routes and hosts bring is looked at where it stands (`Leaf.reads`): that is in one resource with who tells it, and
comes and goes with it. What a port has comes in others, so it is asked for once for all of its hosts.

When the first filter for all requests comes to a port, or the last one goes, all of its hosts change.
"""

from collections.abc import Callable, Iterator

from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.base import wire
from daemun.envoy.extensions import has_whole, manage, standing_on
from daemun.features.drafts import ManagerDraft
from daemun.features.tokens import reads
from daemun.flow import Collection, Reader
from daemun.ir.listener import Frontend, FrontendKey, ListenerKey
from daemun.ir.route import Use
from daemun.ir.uses import NOTHING, ListenerUses


def reader_rule(
    policies: Collection[ListenerKey, ListenerUses], standing: Callable[[Reader], tuple[Use, ...]]
) -> Callable[[Reader, FrontendKey, Frontend], Iterator[tuple[FrontendKey, bool]]]:
    """The rule from a port to itself, if any of its listeners may read what tokens say."""

    def reading(reader: Reader, key: FrontendKey, frontend: Frontend) -> Iterator[tuple[FrontendKey, bool]]:
        uses = [reader.get(policies, one.key) or NOTHING for one in frontend.http]
        if any(_reads(standing_on(one, standing(reader))) for one in uses):
            yield key, True

    return reading


def whole_rule(
    policies: Collection[ListenerKey, ListenerUses], standing: Callable[[Reader], tuple[Use, ...]]
) -> Callable[[Reader, FrontendKey, Frontend], Iterator[tuple[FrontendKey, bool]]]:
    """The rule from a port to itself, if any of its listeners has filters for all requests."""

    def whole(reader: Reader, key: FrontendKey, frontend: Frontend) -> Iterator[tuple[FrontendKey, bool]]:
        uses = [reader.get(policies, one.key) or NOTHING for one in frontend.http]
        if any(has_whole(standing_on(one, standing(reader))) for one in uses):
            yield key, True

    return whole


def _reads(uses: ListenerUses) -> bool:
    draft = ManagerDraft(hcm_v3.HttpConnectionManager(), router_pb2.Router())
    manage(uses, draft)
    # Filters of no kind do nothing before a route or host asks them.
    filters = [one.filter for one in draft.filters if one.kind]
    return any(reads(wire.encoded(one)) for one in (draft.proto, draft.router, *filters))
