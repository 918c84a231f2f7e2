"""Services of Consul's that a destination names itself: what they are called, and the Upstreams that they come to.

`pets@dc1,dc2+blue` is the service `pets` in two data centers, of which an instance has the tag `blue`.
"""

import re

from daemun.api.gloo.cloud import ConsulUpstreamSpec
from daemun.api.gloo.destinations import ConsulServiceDestination
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.gloo.settings.upstream_defaults import Defaults
from daemun.gloo.upstreams.registered import lookups_in
from daemun.gloo.upstreams.upstream import ResolvedUpstream
from daemun.ir.backend import BackendKey

_WORD = re.compile(r"(?:(?![@+,])[!-~]){1,128}")


def key_of(one: ConsulServiceDestination) -> BackendKey | None:
    """The backend that a destination names; None if it cannot be called that."""
    tags, places = sorted(set(one.tags)), sorted(set(one.data_centers))
    if not all(map(_WORD.fullmatch, (one.service_name, *tags, *places))):
        return None
    name = one.service_name + ("@" if places else "") + ",".join(places) + "".join(f"+{tag}" for tag in tags)
    return BackendKey("", name, 0, kind="consul")


def upstream_of(key: BackendKey, defaults: Defaults) -> ResolvedUpstream:
    """The backend as the Upstream that it stands for."""
    rest, *tags = key.name.split("+")
    service, _, places = rest.partition("@")
    consul = ConsulUpstreamSpec(
        service_name=service, instance_tags=tuple(tags), data_centers=tuple(places.split(",")) if places else ()
    )
    spec = defaults.put(UpstreamSpec(consul=consul))
    return ResolvedUpstream(key.ref, 0, spec, {}, lookups=lookups_in(consul))
