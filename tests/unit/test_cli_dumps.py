"""What a proxy has beside what it should have."""

from typing import Any

from google.protobuf import json_format

from daemun.cli.dumps import differences
from daemun.envoy.readable import grouped, message
from daemun.ir.resource import SCOPE
from support.objects.cases import objects, translation
from support.objects.documents import gateway, listener, route, rule, service
from support.scenes.world import manifest

PROXY = "default/gw"


def test_in_which_order_a_proxy_has_its_virtual_hosts_is_no_difference() -> None:
    hosts = ("*.a.test", "*.b.test")
    routes = [route(f"r{at}", rule(to="a"), hosts=[host]) for at, host in enumerate(hosts)]
    made = translation(objects(manifest(gateway("gw", listener(8080)), service("a", 9), *routes)))
    parts = {key: one for key, one in made.resources.data.items() if key.type_url == SCOPE}
    ((key, found),) = grouped(parts).items()
    scope: Any = json_format.MessageToDict(message(SCOPE, found), preserving_proto_field_name=True)
    dump = {"configs": [{"dynamic_scoped_route_configs": [{"scoped_route_configs": [scope]}]}]}
    assert differences(dump, parts, PROXY) == []

    scope["route_configuration"]["virtual_hosts"].reverse()
    assert differences(dump, parts, PROXY) == []

    last = scope["route_configuration"]["virtual_hosts"].pop(0)
    (missing,) = differences(dump, parts, PROXY)
    assert (missing.state, missing.name) == ("differs", key[2])
    assert missing.fields == (f"route_configuration.virtual_hosts.{last['name']}",)
