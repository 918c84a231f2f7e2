"""The check by the real Envoy, which the goldens rest on, does notice what Envoy refuses."""

from pathlib import Path

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.base.wire import delimited, tag
from daemun.ir.resource import SCOPE, Leaf, part
from daemun.translate import Translation
from support.envoys import envoy
from support.objects.cases import translation
from support.worlds import CORE, change


def world() -> Translation:
    return translation(dict(change(document, False) for document in CORE))


def test_good_ones_are_taken_together(tmp_path: Path) -> None:
    assert envoy.faults([world(), world()], tmp_path) == ""


def test_a_bad_regex_is_refused(tmp_path: Path) -> None:
    made = world()
    key = next(key for key in made.resources if key.type_url == SCOPE and key.part)
    value = made.resources[key]
    route = route_v3.Route(match={"safe_regex": {"regex": "(("}}, direct_response={"status": 200})
    bad = delimited(tag(3), route.SerializeToString())
    hosts = next(node for node in made.graph.nodes if node.name == "virtual hosts")
    hosts.data[key] = part(key.part, [*value.leaves, Leaf(bad, value.leaves[0].origin)], value.tags)
    assert "missing )" in envoy.faults([world(), made], tmp_path)
