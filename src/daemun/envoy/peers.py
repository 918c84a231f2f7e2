"""Clients whose certificates bear names that would be read as something else where they are told.

Who signs certificates may look at the beginning of a name only. Envoy tells backends names as they are
(`x-forwarded-client-cert`): `spiffe://a/b;URI=spiffe://a/admin` would be two of them there.
"""

from envoy.config.core.v3 import extension_pb2
from envoy.config.listener.v3 import listener_components_pb2 as components_v3
from envoy.config.rbac.v3 import rbac_pb2 as rules_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from envoy.extensions.filters.network.rbac.v3 import rbac_pb2 as rbac_v3
from envoy.extensions.rbac.principals.mtls_authenticated.v3 import mtls_authenticated_pb2 as principal_v3
from envoy.extensions.transport_sockets.tls.v3 import common_pb2 as common_v3

_ODD = r'(?s).*[\x00-\x1f\x7f,;"].*'
_TYPES = (common_v3.SubjectAltNameMatcher.URI, common_v3.SubjectAltNameMatcher.DNS)


def tell_nothing_unproved(manager: hcm_v3.HttpConnectionManager) -> None:
    """Keep backends from being told names where anybody is let in with any certificate. The certificate itself may be
    told: they can look at it.
    """
    for name in ("subject", "uri", "dns"):
        manager.set_current_client_cert_details.ClearField(name)


def refuse_odd_names(chain: components_v3.FilterChain, manager: hcm_v3.HttpConnectionManager) -> None:
    """Close connections of such clients with their first request, where names are told."""
    if not _tells(manager):
        return
    config = rbac_v3.RBAC(stat_prefix="names")
    config.rules.action = rules_v3.RBAC.DENY
    policy = config.rules.policies["odd names"]
    policy.permissions.add(any=True)
    for kind in _TYPES:
        name = principal_v3.Config()
        name.san_matcher.san_type = kind
        name.san_matcher.matcher.safe_regex.regex = _ODD
        custom = extension_pb2.TypedExtensionConfig(name="envoy.rbac.principals.mtls_authenticated")
        custom.typed_config.Pack(name, deterministic=True)
        policy.principals.add(custom=custom)
    chain.filters.add(name="envoy.filters.network.rbac").typed_config.Pack(config, deterministic=True)


def _tells(manager: hcm_v3.HttpConnectionManager) -> bool:
    """Whether names go to backends."""
    of = hcm_v3.HttpConnectionManager
    details = manager.set_current_client_cert_details
    told = manager.forward_client_cert_details in (of.SANITIZE_SET, of.APPEND_FORWARD)
    return told and (details.uri or details.dns)
