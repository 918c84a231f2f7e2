"""Envoy's credential injectors: filters that write a header whose value comes by SDS, and is in no configuration."""

from envoy.extensions.filters.http.credential_injector.v3 import credential_injector_pb2 as injector_v3
from envoy.extensions.http.injected_credentials.generic.v3 import generic_pb2 as generic_v3

INJECTOR = "envoy.filters.http.credential_injector"


def injector(header: str, resource: str) -> injector_v3.CredentialInjector:
    """One that writes a header over: what a client sends there says nothing. Without the value the answer is 401."""
    generic = generic_v3.Generic(header=header)
    generic.credential.name = resource
    generic.credential.sds_config.ads.SetInParent()
    generic.credential.sds_config.resource_api_version = "V3"
    config = injector_v3.CredentialInjector(overwrite=True)
    config.credential.name = "envoy.http.injected_credentials.generic"
    config.credential.typed_config.Pack(generic)
    return config
