"""Requests that hit no scope: for wildcard hosts, for the catch-all, and for hosts in capital letters.

Envoy knows no scope for "all the rest", and it decides which HTTP filters a request passes when it first looks for its
route: after a miss nothing that a route switches on is there. So what a miss needs is one chain of filters that is on
until a scope switches it off: the key becomes that of the rest (ip_tagging is the native filter that can overwrite a
header with a constant and then has the route looked for again), and scripts run for hosts in capital letters and for
routes that only lead on. After them the filters of features that are in use on the port stand once more (`extensions`);
each does nothing unless the route that was found says so. (Filters that run on every request have done their work.) The
scope of a crowded host is hit at once, but its route only leads on: for that is a chain of its own, off until such a
scope switches it on. So a hit switches one chain and no more: each costs it something.
"""

from collections.abc import Iterable

from envoy.config.core.v3 import address_pb2
from envoy.extensions.filters.http.ip_tagging.v3 import ip_tagging_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.envoy.extensions import discovered
from daemun.envoy.scopes import BY_PATH, MISSES, REST, SCOPE_HEADER, scope_key, sent_on
from daemun.envoy.scripts import scripts_filter
from daemun.envoy.shards import by_path_filter
from daemun.features.filter_chain import filter_chain, filters_of
from daemun.ir.listener import FrontendKey
from daemun.ir.resource import SINCE

_REST = "daemun.rest"
_AS_OF = f"/{SINCE.decode()}"
"""Ends the name of each chain's first filter, to which no route says anything."""


def ways(port: FrontendKey) -> list[hcm_v3.HttpFilter]:
    """What sends requests on to another scope, as chains: one for hosts by path, which is off, and one for misses."""
    by_path = filter_chain(sent_on(BY_PATH, port), [by_path_filter(BY_PATH + _AS_OF)])
    by_path.disabled = True
    return [by_path, filter_chain(sent_on(MISSES, port), [_to_rest(port), scripts_filter(port)])]


def misses(port: FrontendKey, features: Iterable[hcm_v3.HttpFilter] | None) -> list[hcm_v3.HttpFilter]:
    """What requests pass that are sent on to another scope, after the other filters and before the router.

    `features` are the filters for them; without any the chains are the port's extensions, which have them.
    """
    if features is None:
        return [discovered(way) for way in ways(port)]
    once_more = [inner for one in features for inner in filters_of(one)]
    found = []
    for way in ways(port):
        found.append(filter_chain(way.name, [*filters_of(way), *once_more]))
        found[-1].disabled = way.disabled
    return found


def _to_rest(port: FrontendKey) -> hcm_v3.HttpFilter:
    tagging = ip_tagging_pb2.IPTagging(request_type=ip_tagging_pb2.IPTagging.BOTH)
    everyone = tagging.ip_tags.add(ip_tag_name=scope_key(port, REST))
    for prefix in ("0.0.0.0", "::"):  # noqa: S104 - every client, not an address to bind
        everyone.ip_list.append(address_pb2.CidrRange(address_prefix=prefix, prefix_len={"value": 0}))
    tagging.ip_tag_header.header = SCOPE_HEADER
    tagging.ip_tag_header.action = ip_tagging_pb2.IPTagging.IpTagHeader.SANITIZE
    found = hcm_v3.HttpFilter(name=_REST + _AS_OF)
    found.typed_config.Pack(tagging, deterministic=True)
    return found
