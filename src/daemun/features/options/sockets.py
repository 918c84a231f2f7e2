"""perConnectionBufferLimitBytes, socketOptions and connectionBalanceConfig: what a port's sockets are like (Gloo,
ListenerOptions)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.core.v3 import socket_option_pb2

from daemun.api.gloo.options import ConnectionBalanceConfig, SocketOption
from daemun.features.drafts import ListenerDraft
from daemun.features.feature import Fault, Feature, Scene
from daemun.ir.route import Use


class ConnectionBuffer(Feature[int]):
    """How much is read of a connection before it is passed on."""

    kind: ClassVar = "perConnectionBufferLimitBytes"

    def does(self, spec: int, use: Use, scene: Scene) -> str:
        """How much is read ahead."""
        del use, scene
        return f"reads at most {spec} bytes of a connection ahead"

    def on_listener(self, spec: int, use: Use, draft: ListenerDraft) -> None:
        """In place of Daemun's own 32 KiB."""
        del use
        draft.proto.per_connection_buffer_limit_bytes.value = spec


class SocketOptions(Feature[tuple[SocketOption, ...]]):
    """Options of the operating system's, by their numbers."""

    kind: ClassVar = "socketOptions"

    def faults(self, spec: tuple[SocketOption, ...], where: str) -> Iterable[Fault]:
        """Options without a value."""
        for index, one in enumerate(spec):
            if one.int_value is None and one.buf_value is None:
                yield f"{where}[{index}]", "has no value", "Set intValue or bufValue."

    def does(self, spec: tuple[SocketOption, ...], use: Use, scene: Scene) -> str:
        """Which options are set."""
        del use, scene
        return f"sets socket options: {', '.join(one.description or str(one.name) for one in spec)}"

    def on_listener(self, spec: tuple[SocketOption, ...], use: Use, draft: ListenerDraft) -> None:
        """As Envoy's field of that name."""
        del use
        states = socket_option_pb2.SocketOption.SocketState
        for one in spec:
            made = draft.proto.socket_options.add(
                description=one.description, level=int(one.level), name=int(one.name), state=states.Value(one.state)
            )
            if one.int_value is not None:
                made.int_value = int(one.int_value)
            elif one.buf_value is not None:
                made.buf_value = one.buf_value


class ConnectionBalance(Feature[ConnectionBalanceConfig]):
    """Connections are spread evenly over Envoy's threads, for which they wait for each other."""

    kind: ClassVar = "connectionBalanceConfig"

    def does(self, spec: ConnectionBalanceConfig, use: Use, scene: Scene) -> str:
        """How connections are spread over threads."""
        del use, scene
        how = "evenly over the proxy's threads" if spec.exact_balance is not None else "as they come"
        return f"spreads connections {how}"

    def on_listener(self, spec: ConnectionBalanceConfig, use: Use, draft: ListenerDraft) -> None:
        """As Envoy's field of that name."""
        del use
        if spec.exact_balance is not None:
            draft.proto.connection_balance_config.exact_balance.SetInParent()
