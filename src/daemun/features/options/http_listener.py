"""grpcWeb, router, headerValidationSettings and leftmostXffAddress: how a listener sees requests (Gloo,
HttpListenerOptions)."""

from typing import ClassVar

from envoy.config.core.v3 import extension_pb2 as extension_v3
from envoy.extensions.filters.http.grpc_web.v3 import grpc_web_pb2
from envoy.extensions.http.original_ip_detection.xff.v3 import xff_pb2

from daemun.api.gloo.listener_filters import GrpcWeb as GrpcWebSpec
from daemun.api.gloo.listener_filters import HeaderValidationSettings
from daemun.api.gloo.listener_filters import Router as RouterSpec
from daemun.features.drafts import ManagerDraft
from daemun.features.feature import Feature, Scene
from daemun.features.wrapped import put
from daemun.ir.route import Use


class GrpcWeb(Feature[GrpcWebSpec]):
    """gRPC-Web becomes gRPC. In Gloo it does unless that is switched off; here it does where this is set."""

    kind: ClassVar = "grpcWeb"

    def does(self, spec: GrpcWebSpec, use: Use, scene: Scene) -> str:
        """Whether it does."""
        del use, scene
        return "leaves gRPC-Web as it is" if spec.disable else "turns gRPC-Web into gRPC"

    def on_manager(self, spec: GrpcWebSpec, use: Use, draft: ManagerDraft) -> None:
        """Envoy's filter, which looks at content types."""
        del use
        if not spec.disable:
            draft.always(self.kind, "envoy.filters.http.grpc_web", grpc_web_pb2.GrpcWeb())


class Router(Feature[RouterSpec]):
    """Settings of Envoy's router."""

    kind: ClassVar = "router"

    def does(self, spec: RouterSpec, use: Use, scene: Scene) -> str:
        """Which."""
        del use, scene
        hides = spec.suppress_envoy_headers is not False
        return f"{'does not send' if hides else 'sends'} Envoy's own headers (x-envoy-*)"

    def on_manager(self, spec: RouterSpec, use: Use, draft: ManagerDraft) -> None:
        """As Envoy's fields of the same names."""
        del use
        put(draft.router, "suppress_envoy_headers", spec.suppress_envoy_headers)
        put(draft.router, "dynamic_stats", spec.dynamic_stats)


class HeaderValidation(Feature[HeaderValidationSettings]):
    """What is not checked of a request."""

    kind: ClassVar = "headerValidationSettings"

    def does(self, spec: HeaderValidationSettings, use: Use, scene: Scene) -> str:
        """Whether methods are."""
        del use, scene
        return "takes requests of any method" if spec.disable_http1_method_validation is not None else "checks methods"

    def on_manager(self, spec: HeaderValidationSettings, use: Use, draft: ManagerDraft) -> None:
        """Envoy's HTTP/1 parser takes methods that it does not know."""
        del use
        if spec.disable_http1_method_validation is not None:
            draft.proto.http_protocol_options.allow_custom_methods = True


class LeftmostXffAddress(Feature[bool]):
    """The client's address is the first of X-Forwarded-For, whoever wrote that. Every client can then be anybody."""

    kind: ClassVar = "leftmostXffAddress"

    def does(self, spec: bool, use: Use, scene: Scene) -> str:
        """Whether it is."""
        del use, scene
        return f"{'takes' if spec else 'does not take'} the first address of x-forwarded-for for the client's"

    def on_manager(self, spec: bool, use: Use, draft: ManagerDraft) -> None:
        """Where every address is a trusted proxy's, Envoy takes the first one."""
        del use
        if not spec:
            return
        config = xff_pb2.XffConfig()
        for everyone in ("0.0.0.0", "::"):  # noqa: S104 - addresses to trust, not to bind
            config.xff_trusted_cidrs.cidrs.add(address_prefix=everyone, prefix_len={"value": 0})
        extension = extension_v3.TypedExtensionConfig(name="envoy.http.original_ip_detection.xff")
        extension.typed_config.Pack(config, deterministic=True)
        draft.proto.use_remote_address.value = False
        draft.proto.xff_num_trusted_hops = 0
        draft.proto.original_ip_detection_extensions.append(extension)
