"""proxyProtocol: connections say first where they come from (Gloo, ProxyProtocol)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.listener.v3 import listener_components_pb2 as components_v3
from envoy.extensions.filters.listener.proxy_protocol.v3 import proxy_protocol_pb2

from daemun.api.gloo.listener_filters import ProxyProtocol as Spec
from daemun.features.drafts import ListenerDraft
from daemun.features.feature import Fault, Feature, Scene
from daemun.ir.route import Use


class ProxyProtocol(Feature[Spec]):
    """Envoy's listener filter for the PROXY protocol, versions 1 and 2. Without it a connection is closed."""

    kind: ClassVar = "proxyProtocol"

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """TLVs that cannot be, or that nobody could read."""
        for index, rule in enumerate(spec.rules):
            at = f"{where}.rules[{index}]"
            if rule.tlv_type > 255:
                yield f"{at}.tlvType", f"{rule.tlv_type} is not the type of a TLV", "Use a number below 256."
            if rule.on_tlv_present is None or not rule.on_tlv_present.key:
                yield f"{at}.onTlvPresent.key", "is missing", "Say under which key it is to be kept."

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """Whether they have to."""
        del use, scene
        others = "takes others too" if spec.allow_requests_without_proxy_protocol else "closes other connections"
        return f"takes the client's address from the PROXY protocol, and {others}"

    def on_listener(self, spec: Spec, use: Use, draft: ListenerDraft) -> None:
        """Before everything else, as its bytes come first."""
        del use
        config = proxy_protocol_pb2.ProxyProtocol(
            allow_requests_without_proxy_protocol=spec.allow_requests_without_proxy_protocol
        )
        for rule in spec.rules:
            made = config.rules.add(tlv_type=rule.tlv_type)
            if rule.on_tlv_present is not None:
                made.on_tlv_present.key = rule.on_tlv_present.key
                made.on_tlv_present.metadata_namespace = rule.on_tlv_present.metadata_namespace
        others = list(draft.proto.listener_filters)
        del draft.proto.listener_filters[:]
        first = components_v3.ListenerFilter(name="envoy.filters.listener.proxy_protocol")
        first.typed_config.Pack(config, deterministic=True)
        draft.proto.listener_filters.extend([first, *others])
