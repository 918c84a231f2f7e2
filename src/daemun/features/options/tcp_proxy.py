"""tcpProxySettings: how connections are passed on of which nothing is read (Gloo, TcpListenerOptions)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.core.v3 import base_pb2 as core_v3

from daemun.api.gloo.listener_filters import TcpProxySettings as Spec
from daemun.features.drafts import StreamDraft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.formats import format_faults
from daemun.features.printable import control_faults, name_faults
from daemun.features.times import duration_faults
from daemun.features.wrapped import put_all
from daemun.ir.route import Use

_MILLISECOND = 10**6


class TcpProxySettings(Feature[Spec]):
    """Envoy's TCP proxy."""

    kind: ClassVar = "tcpProxySettings"

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """Times and headers that cannot be."""
        if spec.max_connect_attempts == 0:
            yield f"{where}.maxConnectAttempts", "is 0, so that nothing is connected to", "Use at least 1."
        yield from duration_faults(spec.idle_timeout, f"{where}.idleTimeout")
        interval = f"{where}.accessLogFlushInterval"
        yield from duration_faults(spec.access_log_flush_interval, interval, least=_MILLISECOND)
        if spec.tunneling_config is not None:
            at = f"{where}.tunnelingConfig"
            if not spec.tunneling_config.hostname:
                yield f"{at}.hostname", "is missing", "Say where the tunnel leads, as HOST:PORT."
            yield from format_faults(spec.tunneling_config.hostname, f"{at}.hostname")
            yield from control_faults(spec.tunneling_config.hostname, f"{at}.hostname")
            for index, one in enumerate(spec.tunneling_config.headers_to_add):
                if one.header is None or not one.header.key:
                    yield f"{at}.headersToAdd[{index}].header", "names no header", "Name it."
                else:
                    header = f"{at}.headersToAdd[{index}].header"
                    yield from name_faults(one.header.key, f"{header}.key")
                    yield from format_faults(one.header.value, f"{header}.value")
                    yield from control_faults(one.header.value, f"{header}.value")

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """Whether through a tunnel."""
        del use, scene
        tunnel = spec.tunneling_config
        return f"passes connections on through a CONNECT to {tunnel.hostname}" if tunnel else "passes connections on"

    def on_stream(self, spec: Spec, use: Use, draft: StreamDraft) -> None:
        """As Envoy's fields of the same names."""
        del use
        put_all(draft.proto, spec, ("max_connect_attempts", "idle_timeout"))
        if spec.access_log_flush_interval is not None:
            put_all(draft.proto.access_log_options, spec, ("access_log_flush_interval",))
        if spec.tunneling_config is not None:
            tunnel = draft.proto.tunneling_config
            tunnel.hostname = spec.tunneling_config.hostname
            for one in spec.tunneling_config.headers_to_add:
                if one.header is not None:
                    action = core_v3.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
                    if one.append is False:
                        action = core_v3.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
                    header = core_v3.HeaderValue(key=one.header.key, value=one.header.value)
                    tunnel.headers_to_add.append(core_v3.HeaderValueOption(header=header, append_action=action))
