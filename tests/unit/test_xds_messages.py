"""The bytes written by hand are those of the generated messages."""

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse
from google.protobuf.any_pb2 import Any
from xds_talk import CLUSTER

from daemun.xds.messages import Encoded, Response


def test_a_response_encodes_as_protobuf_does() -> None:
    resources = (Encoded("a", "1", b"x" * 300), Encoded("b", "2", b""))
    response = Response(CLUSTER, "7", resources, ("gone", "too"))
    expected = DeltaDiscoveryResponse(
        system_version_info="7", type_url=CLUSTER, nonce="7", removed_resources=["gone", "too"]
    )
    for resource in resources:
        body = Any(type_url=CLUSTER, value=resource.body)
        expected.resources.add(name=resource.name, version=resource.version, resource=body)
    assert DeltaDiscoveryResponse.FromString(response.encode()) == expected


def test_an_empty_response_encodes() -> None:
    made = DeltaDiscoveryResponse.FromString(Response(CLUSTER, "1", (), ()).encode())
    assert (made.nonce, made.type_url, len(made.resources)) == ("1", CLUSTER, 0)
