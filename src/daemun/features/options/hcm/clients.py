"""Who a client is, and what the backend is told of it: addresses, certificates, request ids."""

from envoy.extensions.request_id.uuid.v3 import uuid_pb2

from daemun.api.gloo.hcm import HttpConnectionManagerSettings as Spec
from daemun.features.drafts import ManagerDraft
from daemun.features.wrapped import put, put_all

_SAME = (
    "skip_xff_append",
    "via",
    "xff_num_trusted_hops",
    "use_remote_address",
    "append_x_forwarded_port",
    "generate_request_id",
    "preserve_external_request_id",
)


def put_clients(spec: Spec, draft: ManagerDraft) -> None:
    """As Envoy's fields of the same names."""
    manager = draft.proto
    put_all(manager, spec, _SAME)
    manager.forward_client_cert_details = manager.ForwardClientCertDetails.Value(spec.forward_client_cert_details)
    if spec.set_current_client_cert_details is not None:
        put_all(
            manager.set_current_client_cert_details,
            spec.set_current_client_cert_details,
            ("subject", "cert", "chain", "dns", "uri"),
        )
    if spec.internal_address_config is not None:
        internal = manager.internal_address_config
        internal.unix_sockets = bool(spec.internal_address_config.unix_sockets)
        for one in spec.internal_address_config.cidr_ranges:
            found = internal.cidr_ranges.add(address_prefix=one.address_prefix)
            put(found, "prefix_len", one.prefix_len)
    if spec.uuid_request_id_config is not None:
        uuid = uuid_pb2.UuidRequestIdConfig()
        put_all(uuid, spec.uuid_request_id_config, ("pack_trace_reason", "use_request_id_for_trace_sampling"))
        manager.request_id_extension.typed_config.Pack(uuid, deterministic=True)
