"""What a proxy has, by its own account (Envoy's /config_dump), beside what it should have."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from google.protobuf import json_format

from daemun.envoy.readable import grouped, message
from daemun.ir.backend import OWN_LIMITS, OWN_SERVER
from daemun.ir.resource import CLUSTER, ENDPOINT, EXTENSION, LISTENER, SCOPE, SECRET, Part, PartKey

_STDOUT = "/dev/stdout"
_SERVERS = {"extauth": OWN_SERVER.cluster, "ratelimit": OWN_LIMITS.cluster}
_OWN = set(_SERVERS.values())
_SHOWN = 5


class Difference(msgspec.Struct, frozen=True):
    """A resource that is `missing`, or there `too much`, or `differs` in some of its fields."""

    state: str
    type: str
    name: str
    fields: tuple[str, ...] = ()


def differences(dump: Mapping[str, Any], parts: Mapping[PartKey, Part], proxy: str) -> list[Difference]:
    """All of them, for the proxy of this name."""
    mine = {key: value for key, value in parts.items() if key.proxy == proxy}
    wanted = {(type_url, name): found for (_, type_url, name), found in grouped(mine).items() if name not in _OWN}
    has = {(kind, name): value for kind, name, value in _held(dump) if name not in _OWN}
    found = [Difference("missing", _short(kind), name) for kind, name in wanted.keys() - has.keys()]
    found += [Difference("too much", _short(kind), name) for kind, name in has.keys() - wanted.keys()]
    for (kind, name), value in has.items():
        if (kind, name) in wanted and kind != SECRET:
            should = json_format.MessageToDict(message(kind, wanted[kind, name]), preserving_proto_field_name=True)
            fields = tuple(_fields(kind, should, value))
            if fields:
                found.append(Difference("differs", _short(kind), name, fields[:_SHOWN]))
    return sorted(found, key=lambda one: (one.type, one.name))


def options_of(dump: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """What Daemun was started with, which no manifest says: where requests are logged, and which servers are absent."""
    text = json.dumps(dump)
    absent = tuple(name for name, cluster in _SERVERS.items() if f'"{cluster}"' not in text)
    return _STDOUT if f'"path": "{_STDOUT}"' in text else "", absent


def _held(dump: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """The resources that came by xDS, each with its type and name."""
    for config in dump["configs"]:
        for one in config.get("dynamic_listeners", ()):
            if "active_state" in one:
                yield LISTENER, one["name"], one["active_state"]["listener"]
        for one in config.get("dynamic_active_clusters", ()):
            yield CLUSTER, one["cluster"]["name"], one["cluster"]
        for group in config.get("dynamic_scoped_route_configs", ()):
            for one in group.get("scoped_route_configs", ()):
                yield SCOPE, one["name"], one
        for one in config.get("dynamic_endpoint_configs", ()):
            yield ENDPOINT, one["endpoint_config"].get("cluster_name", ""), one["endpoint_config"]
        for one in config.get("ecds_filters", ()):
            yield EXTENSION, one["ecds_filter"]["name"], one["ecds_filter"]
        for one in config.get("dynamic_active_secrets", ()):
            # A proxy's own, which its bootstrap or Daemun's servers ask for, are of no namespace.
            if "/" in one["name"] and not one["name"].startswith("*/"):
                yield SECRET, one["name"], None


def _fields(kind: str, should: Any, has: Any) -> Iterator[str]:
    """The fields that are not the same."""
    if kind == ENDPOINT:
        if sorted(_addresses(should)) != sorted(_addresses(has)):
            yield "endpoints"
        return
    value = message(kind, [])
    json_format.ParseDict({key: one for key, one in has.items() if key != "@type"}, value, ignore_unknown_fields=True)
    have = json_format.MessageToDict(value, preserving_proto_field_name=True)
    if kind == SCOPE:
        should, have = _by_name(should), _by_name(have)
    yield from _paths(should, have, "")


def _by_name(scope: Mapping[str, Any]) -> Any:
    """The scope with its virtual hosts by name: in which order they stand says nothing."""
    routes = scope["route_configuration"]
    hosts = {one["name"]: one for one in routes.get("virtual_hosts", ())}
    return {**scope, "route_configuration": {**routes, "virtual_hosts": hosts}}


def _addresses(assignment: Mapping[str, Any]) -> Iterator[str]:
    for group in assignment.get("endpoints", ()):
        for one in group.get("lb_endpoints", ()):
            address = one["endpoint"]["address"]
            socket = address.get("socket_address", {})
            yield f"{socket.get('address')}:{socket.get('port_value')}" if socket else str(address)


def _paths(should: Any, has: Any, at: str) -> Iterator[str]:
    if isinstance(should, dict) and isinstance(has, dict):
        for key in dict.fromkeys((*should, *has)):
            yield from _paths(should.get(key), has.get(key), f"{at}.{key}" if at else key)
    elif isinstance(should, list) and isinstance(has, list) and len(should) == len(has):
        for index, (one, other) in enumerate(zip(should, has, strict=True)):
            yield from _paths(one, other, f"{at}[{index}]")
    elif should != has:
        yield at


def _short(type_url: str) -> str:
    return type_url.rpartition(".")[2]
